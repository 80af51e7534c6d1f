//! Whether a relying party may ask what it asks.

use credential::dcql::{CredentialQuery, Query};
use credential::types::{Claim, CredentialType, Format};
use openid::vp::TransactionData;
use serde_json::Value;

use super::refused::ApiRefused;
use crate::operations::Platform;
use crate::verification::exchange;
use crate::verification::foreign::Accepted;
use crate::verification::relying_party::RelyingParty;

/// Claims that no relying party is ever shown.
const NEVER: &[&str] = &["link_id"];

/// Checks a query against what is registered for the relying party.
pub(super) fn check(
    platform: &Platform,
    party: &RelyingParty,
    foreign: &[Accepted],
    dcql: &Value,
    transaction_data: &[String],
) -> Result<(), ApiRefused> {
    let query = Query::from_value(dcql).map_err(|error| ApiRefused::Query(error.to_string()))?;
    let badge = exchange::badge(platform)?;
    for credential in &query.credentials {
        match foreign.iter().find(|accepted| accepted.answers(credential)) {
            Some(accepted) => check_foreign(accepted, credential)?,
            None => check_badge(badge, party, credential)?,
        }
    }
    for entry in transaction_data {
        let entry = TransactionData::parse(entry).ok_or(ApiRefused::TooLong)?;
        let signs = |id: &String| {
            query.credential(id).is_some_and(|credential| {
                credential.format == Format::SdJwtVc.as_str()
                    && credential.require_cryptographic_holder_binding
            })
        };
        if !entry.credential_ids.iter().all(signs) {
            return Err(ApiRefused::Query(
                "transaction_data: each of `credential_ids` is a dc+sd-jwt of the query with holder binding"
                    .to_owned(),
            ));
        }
    }
    Ok(())
}

fn check_badge(
    badge: &CredentialType,
    party: &RelyingParty,
    credential: &CredentialQuery,
) -> Result<(), ApiRefused> {
    let refused = |why: &str| ApiRefused::Query(format!("`{}`: {why}", credential.id));
    let format = Format::from_name(&credential.format).filter(|format| badge.is_issued_as(*format));
    let kind = match format {
        Some(Format::SdJwtVc) => Some(badge.vct.as_str()),
        Some(Format::Mdoc) => badge.doctype.as_deref(),
        None => None,
    };
    let (Some(format), Some(kind)) = (format, kind) else {
        return Err(refused("the badge can be asked for as dc+sd-jwt or mso_mdoc"));
    };
    if !credential.meta.allows(&[kind]) || credential.multiple {
        return Err(refused("the badge, once, by its type, or a type of another issuer that is registered"));
    }
    if !credential.require_cryptographic_holder_binding {
        return Err(refused("holder binding is always required"));
    }
    // Without a list of claims DCQL asks for none that can be withheld (OpenID4VP 1.0 §6.4.1).
    for claim in &credential.claims {
        // What is no claim of the badge is nobody's: it is refused by its own name.
        let unknown = claim.path.to_string();
        let name = badge.claim_at(format, &claim.path).map_or(unknown.as_str(), Claim::name);
        if NEVER.contains(&name) || !party.claims.iter().any(|registered| registered == name) {
            return Err(ApiRefused::Claim(name.to_owned()));
        }
    }
    Ok(())
}

fn check_foreign(accepted: &Accepted, credential: &CredentialQuery) -> Result<(), ApiRefused> {
    if !credential.require_cryptographic_holder_binding && !accepted.unbound {
        return Err(ApiRefused::Query(format!("`{}`: holder binding is required", credential.id)));
    }
    // A path into a registered claim asks for no more than the claim.
    let registered = |claim: &credential::dcql::ClaimQuery| {
        accepted.claims.iter().any(|path| claim.path.steps().starts_with(path.steps()))
    };
    match credential.claims.iter().find(|claim| !registered(claim)) {
        None => Ok(()),
        Some(claim) => Err(ApiRefused::Claim(claim.path.to_string())),
    }
}
