//! From "I need a badge" to an invitation on the phone: apply → 부서장 결재 → 신원확인 → 발급 승인 → message → issued.
//!
//! [`state`] is the table of what leads where; [`record`] holds the one way to change a state; [`apply`] is what the
//! applicant does, [`decide`] what the duties do, [`invitation`] the way to the phone.

mod api;
mod apply;
mod bulk;
mod comment;
mod console;
mod decide;
mod delegation;
mod employment;
pub mod figures;
mod invitation;
pub mod load;
mod people;
mod portal;
mod queue;
mod record;
mod said;
mod state;
mod view;
mod wallet_offer;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

pub use apply::{ApplyError, Request, apply, own, submit, withdraw};
pub use decide::{DecideError, Decision, decide, invite_again};
pub use delegation::{DelegateError, Delegation, DelegationKind, Lending, has_been_lent, lend, take_back};
pub use employment::{check_again, end_of_employee, start_over};
pub(crate) use invitation::message_sent;
pub use invitation::{
    Activation, ActivationCode, CodeError, Invitation, activate, after_restore, charge_proof,
    consume_invitation, frozen_phone, install_address, invitation_by_handle, invitation_in, mark_issued,
    new_code, offer_void, proof_failed, proof_passed,
};
pub(crate) use people::record_digest;
pub use record::{Application, By, Event, events, find, of_employee};
pub use state::{Act, Kind, State, Step};
pub(crate) use view::{kind_key, state_words};
pub use wallet_offer::{
    Standing, WalletOfferError, agree_to_wallet, offer_of_sign_in, offer_to_other_wallet, right_of, standing,
};

use crate::operations::config::Section;
use crate::operations::tasks::Tasks;
use crate::operations::{Platform, limits};

/// The `[application]` section of the configuration.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub other_wallets: Vec<String>,
}

impl Section for Settings {
    const NOTES: &'static [(&'static str, &'static str)] = &[(
        "other_wallets",
        "Agencies (행정표준코드, or \"*\") whose officials may be issued to any wallet that speaks OpenID4VCI. We know nothing of such a wallet's keys or PIN. Demo mode allows all.",
    )];
}

/// What this process remembers for speed; nothing another replica would miss.
#[derive(Debug, Default)]
pub struct Local {}

/// The portal.
pub fn public_routes() -> OpenApiRouter<Arc<Platform>> {
    portal::routes().merge(api::portal_routes())
}

/// The desks of the duties.
pub fn console_routes() -> OpenApiRouter<Arc<Platform>> {
    console::routes().merge(comment::routes()).merge(bulk::routes()).merge(api::console_routes())
}

/// Starts the workers of this folder: what nobody moves expires.
pub fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let platform = Arc::clone(platform);
    tasks.spawn(move |mut stop| async move {
        while stop.sleep(limits::APPLICATION_SWEEP.duration()).await {
            if let Err(error) = invitation::expire(&platform).await {
                tracing::warn!(%error, "applications that ended could not be expired");
            }
        }
    });
}
