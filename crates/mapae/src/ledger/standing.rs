//! How the ledger stands, and whether the embedded chain is what its blocks make.

use std::sync::Arc;

use credential::trust::TrustEntry;
use registry::contract::Role;
use registry::embedded::{self, Chain};
use serde_json::{Value, json};

use super::{LedgerError, anchor, ceremony, cli, open, record};
use crate::lifecycle;
use crate::operations::{Config, Platform, SystemClock};

type AnyError = Box<dyn std::error::Error + Send + Sync>;

pub(super) async fn status(platform: &Platform) -> Result<Value, LedgerError> {
    let queue = anchor::queue(platform).await?;
    let Some(setup) = record::setup(platform).await? else {
        return Ok(json!({ "set_up": false, "next": "mapae ledger init" }));
    };
    let mut told = json!({
        "set_up": true,
        "mode": platform.config.ledger.mode,
        "network": setup.network.to_string(),
        "chain": setup.chain_id,
        "registry": setup.registry.to_string(),
        "council": setup.council.to_string(),
        "threshold": format!("{} of {}", setup.registrar.needed(), setup.registrar.members().len()),
        "read_to_block": setup.next_block,
        "queue": queue,
    });
    let live = live(platform).await;
    if let Some(object) = told.as_object_mut() {
        match live {
            Ok(live) => object.insert("ledger".to_owned(), live),
            // Everything else goes on; the queue tells how long.
            Err(error) => object.insert("unreachable".to_owned(), error.to_string().into()),
        };
        if let Some(remote) = &open::connect(platform).await?.remote {
            let health = remote.health().await;
            let each = health.iter().map(
                |one| json!({ "endpoint": one.endpoint, "reachable": one.reachable, "error": one.error }),
            );
            object.insert("endpoints".to_owned(), each.collect());
        }
    }
    Ok(told)
}

async fn live(platform: &Platform) -> Result<Value, LedgerError> {
    let opened = open::opened(platform).await?;
    let head = opened.connection.ledger.head().await?;
    let lists = opened.registry.status_lists().await?;
    let minute = platform.now_ms().div_euclid(60_000).unsigned_abs();
    let key = ceremony::issuing_key(platform)?;
    let trust =
        lifecycle::local_trust(platform).await.map_err(|error| LedgerError::Source(error.to_string()))?;
    let told = |entry: &TrustEntry| json!({ "types": entry.vcts, "until": entry.until, "is": entry.state });
    let accredited: Vec<Value> = trust.entries_of(&key.thumbprint()).iter().map(told).collect();
    Ok(json!({
        "head": head.number,
        "head_at": head.timestamp,
        "paused": opened.registry.paused().await?,
        "anchorer": opened.anchorer.address().to_string(),
        "anchorer_may_anchor": opened.registry.has_role(Role::Anchorer, opened.anchorer.address()).await?,
        // What this server issues counts only with these.
        "issuing_key": key.thumbprint(),
        "issuing_key_accredited": accredited,
        "council_is_registrar": opened.registry.has_role(Role::Registrar, opened.setup.council).await?,
        "last_minute_anchored": lists.position,
        "minutes_behind": if lists.position == 0 { Value::Null } else { minute.saturating_sub(lists.position).into() },
    }))
}

pub(super) async fn verify(config: &Config, as_json: bool) -> Result<(), AnyError> {
    if config.ledger.mode != super::Mode::Embedded {
        return Err("only the embedded chain can be run again here".into());
    }
    if !Chain::exists(&config.ledger.file) {
        return Err(format!("{} does not exist", config.ledger.file.display()).into());
    }
    let options = embedded::Options { path: config.ledger.file.clone(), chain_id: config.ledger.chain_id };
    let clock = SystemClock;
    let chain =
        Chain::open(&options, Arc::new(move || crate::operations::Clock::now_s(&clock).unsigned_abs()))
            .await?;
    let bar = if as_json { indicatif::ProgressBar::hidden() } else { indicatif::ProgressBar::new_spinner() };
    let verified = embedded::verify(&chain, &mut |number| {
        if number.is_multiple_of(256) {
            bar.set_message(format!("block {number}"));
            bar.tick();
        }
    })
    .await?;
    bar.finish_and_clear();
    let value = json!({
        "blocks": verified.blocks,
        "transactions": verified.transactions,
        "events": verified.logs,
        "cells": verified.cells,
        "head": verified.head.to_string(),
        "state_root": verified.state_root.to_string(),
    });
    if as_json {
        println!("{value}");
    } else {
        cli::show(&value, 0);
        println!("every block makes what is written, and the state that is kept");
    }
    Ok(())
}
