//! A signature that was given is put into its document. Whatever stops in between goes on later: the signature has its
//! timestamp already, and nothing but this takes a request out of `assembling`.

use std::sync::Arc;

use signing::pades;
use wallet::account::messages::PushKind;

use super::SigningError;
use super::document::{self, Revision};
use super::event;
use super::holder::{Opened, SIGNER};
use super::request::{Request, State};
use crate::audit;
use crate::lifecycle::Badge;
use crate::notification;
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::tasks::Stop;
use crate::operations::{Platform, limits};
use crate::signatures::authority;

/// Works until the server stops.
pub(super) async fn run(platform: Arc<Platform>, mut stop: Stop) {
    let wake = Arc::clone(&platform.local.signatures.requests.assemble);
    loop {
        if let Err(error) = round(&platform).await {
            tracing::error!(%error, "a signature could not be put into its document; tried again later");
        }
        tokio::select! {
            () = stop.stopped() => break,
            () = wake.notified() => {}
            () = tokio::time::sleep(limits::SIGNING_POLL.duration()) => {}
        }
    }
}

/// Puts in what was given; returns how many documents changed.
pub(super) async fn round(platform: &Platform) -> Result<u64, SigningError> {
    let sql = "SELECT id FROM signing_request WHERE state = 'assembling' ORDER BY ends_at, id LIMIT $1";
    let rows = platform.store.fetch_all(sql, params![limits::SIGNING_ROWS.get()]).await?;
    let (mut done, mut failed) = (0, None);
    for row in rows {
        match one(platform, &row.text("id")?).await {
            Ok(changed) => done += u64::from(changed),
            // One that can't be done keeps no other waiting.
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(done), Err)
}

async fn one(platform: &Platform, id: &str) -> Result<bool, SigningError> {
    let Some(request) = Request::find(platform, id).await? else { return Ok(false) };
    let sql = "SELECT id, opened, signature FROM signing_signer \
               WHERE request_id = $1 AND place = $2 AND state = 'signed' AND signature IS NOT NULL";
    // Another replica was faster.
    let Some(row) = platform.store.fetch_optional(sql, params![id, request.place]).await? else {
        return Ok(false);
    };
    let signer = row.text("id")?;
    let opened = Opened::read(platform, &signer, &row.bytes("opened")?)?;
    let signature = platform.sealer.open(SIGNER, "signature", &signer, &row.bytes("signature")?);
    let signature = signature.map_err(|_| SigningError::Internal("a signature does not open"))?;
    let chain = opened.chain()?;
    let certificate = chain.first().ok_or(SigningError::Internal("no certificate"))?;
    let pdf = document::read(platform, id, request.revision, &request.document_hash).await?;
    let prepared = opened.prepared(&pdf, certificate, &request.facts.purpose)?;
    drop(pdf);
    let signed = prepared.assemble(&signature)?;
    let signed = pades::add_material(&signed, &authority::material(platform).await?)?;
    let revision = Revision::sealed(platform, request.revision + 1, &signed);
    let (wake, told) = (event::wake(platform), signer);
    platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move { enter(tx, &request, revision, &told, wake).await })
        })
        .await
        .map_err(SigningError::from)
}

async fn enter(
    tx: &mut Tx,
    request: &Request,
    revision: Revision,
    signer: &str,
    wake: Arc<tokio::sync::Notify>,
) -> Result<bool, StoreError> {
    let now_ms = tx.now_ms();
    let last = request.place == request.signers;
    let state = if last { State::Signed } else { State::Waiting };
    let ended_at = last.then_some(now_ms);
    let place = if last { request.place } else { request.place + 1 };
    let sql = "UPDATE signing_request SET state = $3, place = $4, revision = $5, document_hash = $6, bytes = $7, \
               ended_at = $8 WHERE id = $1 AND state = 'assembling' AND revision = $2";
    let values = params![
        &request.id,
        request.revision,
        state.as_str(),
        place,
        revision.number,
        &revision.hash,
        revision.bytes,
        ended_at
    ];
    if tx.execute(sql, values).await? != 1 {
        return Ok(false);
    }
    let detail = serde_json::json!({ "place": request.place, "document": revision.hash });
    revision.write(tx, &request.id).await?;
    let sql = "UPDATE signing_signer SET signature = NULL, opened = NULL WHERE id = $1";
    tx.execute(sql, params![signer]).await?;
    if last {
        event::enqueue(tx, &request.id, state, wake).await?;
    } else {
        let sql = "SELECT employee_id FROM signing_signer WHERE request_id = $1 AND place = $2";
        let next = tx.fetch_one(sql, params![&request.id, place]).await?.text("employee_id")?;
        let badge = Badge::live_of_employee_in(tx, &next).await?;
        if let Some(account) = badge.and_then(|badge| badge.account_id) {
            notification::tell(tx, &account, PushKind::Document).await?;
        }
    }
    let (act, subject) = ("signing.assembled", &request.id);
    audit::record(tx, audit::Record { actor: "system", duty: "system", act, subject, detail }).await?;
    Ok(true)
}
