//! Roles: what one process serves of the whole, and the table that says which part belongs to whom.
//!
//! A process without roles in its configuration has all of them. With some, it answers their routes and runs their workers;
//! what it knows and does not serve it says so of. Every part works over the store alone, so that the node which has the
//! other half of a walk may be anywhere.

use std::sync::Arc;

use clap::ValueEnum as _;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;

use super::Platform;
use super::tasks::Tasks;
use crate::{
    account, application, audit, certificates, credentials, desk, employment, gates, in_person, issuance,
    ledger, lifecycle, login, loss, notification, pages, personnel, relying_parties, scim, signatures, staff,
    verification, wallet_app,
};

/// One share of the platform's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Portal and console: everything that people of an agency do at a desk.
    HrDesk,
    /// Credentials, status lists, trust list; badges that run out.
    Issuer,
    /// Wallet accounts and the wallet app.
    WalletProvider,
    /// Presentations for relying parties, and before a person.
    Verifier,
    /// The OpenID Connect provider.
    Login,
    /// Documents: signatures, seals, timestamps, certificates on paper.
    Signing,
    /// Controllers of gates.
    Gates,
    /// The ledger of agencies and the public side of the audit log.
    Registry,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::HrDesk,
        Self::Issuer,
        Self::WalletProvider,
        Self::Verifier,
        Self::Login,
        Self::Signing,
        Self::Gates,
        Self::Registry,
    ];

    /// Its name in the configuration and on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// An address of the public listener that only this role answers.
    pub const fn door(self) -> &'static str {
        match self {
            Self::HrDesk => "/portal/sign-in",
            Self::Issuer => "/.well-known/openid-credential-issuer",
            Self::WalletProvider => "/wallet/v1/keys",
            Self::Verifier => "/verification/jwks",
            Self::Login => "/.well-known/openid-configuration",
            Self::Signing => "/documents/authority",
            Self::Gates => "/gates/v1/feed",
            Self::Registry => "/audit/checkpoint",
        }
    }
}

/// The code of the answer to whoever comes to a node that lacks the role.
pub const NOT_SERVED_HERE: &str = "not_served_here";

/// The names of roles, as they are written after `--roles`.
pub fn names(roles: &[Role]) -> String {
    roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(",")
}

/// Whether a process with the roles `had` (none: all) serves what belongs to `owners`.
pub fn serves(had: &[Role], owners: &[Role]) -> bool {
    had.is_empty() || owners.iter().any(|owner| had.contains(owner))
}

/// The roles that a process with the roles `had` (none: all) leaves to others.
pub fn others(had: &[Role]) -> Vec<Role> {
    Role::ALL.into_iter().filter(|role| !serves(had, &[*role])).collect()
}

pub(super) type Routes = OpenApiRouter<Arc<Platform>>;

/// A part of a folder.
#[derive(Clone, Copy)]
enum Part {
    /// Routes of the public listener.
    Public(fn() -> Routes),
    /// Routes of the console listener.
    Console(fn() -> Routes),
    /// What runs beside the requests.
    Workers(fn(&Arc<Platform>, &mut Tasks)),
}

use Part::{Console, Public, Workers};

const EVERY: &[Role] = &Role::ALL;
const HR_DESK: &[Role] = &[Role::HrDesk];
const ISSUER: &[Role] = &[Role::Issuer];
const WALLET_PROVIDER: &[Role] = &[Role::WalletProvider];
const VERIFIER: &[Role] = &[Role::Verifier];
const LOGIN: &[Role] = &[Role::Login];
const SIGNING: &[Role] = &[Role::Signing];
const GATES: &[Role] = &[Role::Gates];
const REGISTRY: &[Role] = &[Role::Registry];
/// Whoever receives a paper asks where presentations are checked, too.
const CHECKING: &[Role] = &[Role::Signing, Role::Verifier];
/// Invitations are written at the desk, one-time codes by the wallet provider: each can send while the other is away.
const MESSAGES: &[Role] = &[Role::HrDesk, Role::WalletProvider];

/// Which part belongs to whom. All of the portal and all of the console is the desk's, so that a proxy sends a whole
/// prefix, or a whole host, to one place.
const PARTS: &[(&[Role], &[Part])] = &[
    (EVERY, &[Public(pages::routes), Console(pages::routes)]),
    (EVERY, &[Public(login::asset_routes), Public(verification::asset_routes)]),
    (EVERY, &[Workers(audit::start), Workers(issuance::watch_types)]),
    (HR_DESK, &[Public(personnel::public_routes), Console(personnel::console_routes)]),
    (HR_DESK, &[Console(employment::console_routes), Workers(employment::start)]),
    (HR_DESK, &[Console(scim::console_routes)]),
    (HR_DESK, &[Public(staff::public_routes), Console(staff::console_routes), Workers(staff::start)]),
    (HR_DESK, &[Public(application::public_routes), Console(application::console_routes)]),
    (HR_DESK, &[Workers(application::start)]),
    (HR_DESK, &[Public(notification::public_routes), Console(notification::console_routes)]),
    (MESSAGES, &[Workers(notification::start)]),
    (HR_DESK, &[Public(account::portal_routes)]),
    (WALLET_PROVIDER, &[Public(account::public_routes), Workers(account::start)]),
    (WALLET_PROVIDER, &[Public(wallet_app::public_routes)]),
    (HR_DESK, &[Public(credentials::public_routes), Console(credentials::console_routes)]),
    (ISSUER, &[Workers(credentials::start)]),
    (HR_DESK, &[Public(certificates::portal_routes)]),
    (CHECKING, &[Public(certificates::public_routes)]),
    (SIGNING, &[Workers(certificates::start)]),
    (ISSUER, &[Public(issuance::public_routes), Workers(issuance::start)]),
    (ISSUER, &[Public(lifecycle::public_routes), Workers(lifecycle::start)]),
    (VERIFIER, &[Public(verification::public_routes), Workers(verification::start)]),
    (VERIFIER, &[Public(in_person::public_routes), Workers(in_person::start)]),
    (HR_DESK, &[Public(login::portal_routes)]),
    (LOGIN, &[Public(login::public_routes), Workers(login::start)]),
    (HR_DESK, &[Public(loss::public_routes), Console(loss::console_routes), Workers(loss::start)]),
    (HR_DESK, &[Public(desk::public_routes), Console(desk::console_routes)]),
    (HR_DESK, &[Public(relying_parties::public_routes), Console(relying_parties::console_routes)]),
    (HR_DESK, &[Workers(relying_parties::start)]),
    (REGISTRY, &[Public(audit::public_routes)]),
    (REGISTRY, &[Public(ledger::public_routes), Workers(ledger::start)]),
    (HR_DESK, &[Console(gates::console_routes)]),
    (GATES, &[Public(gates::public_routes), Workers(gates::start)]),
    (HR_DESK, &[Console(signatures::console_routes)]),
    (SIGNING, &[Public(signatures::public_routes), Workers(signatures::start)]),
];

/// Who talks to people and machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listener {
    Public,
    Console,
}

/// Every group of routes of a listener, with those whom it belongs to.
pub(super) fn routes(listener: Listener) -> impl Iterator<Item = (&'static [Role], Routes)> {
    parts().filter_map(move |(owners, part)| match (listener, part) {
        (Listener::Public, Public(routes)) | (Listener::Console, Console(routes)) => Some((owners, routes())),
        _ => None,
    })
}

/// Starts the workers of the platform's roles.
pub(super) fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let had = &platform.config.server.roles;
    for (owners, part) in parts() {
        if let Workers(start) = part
            && serves(had, owners)
        {
            start(platform, tasks);
        }
    }
}

fn parts() -> impl Iterator<Item = (&'static [Role], Part)> {
    PARTS.iter().flat_map(|(owners, parts)| parts.iter().map(|part| (*owners, *part)))
}

#[cfg(test)]
mod tests;
