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
    let types: Vec<&CredentialType> = exchange::types(platform)?.collect();
    for credential in &query.credentials {
        match foreign.iter().find(|accepted| accepted.answers(credential)) {
            Some(accepted) => check_foreign(accepted, credential)?,
            None => check_ours(&types, party, credential)?,
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

fn check_ours(
    types: &[&CredentialType],
    party: &RelyingParty,
    credential: &CredentialQuery,
) -> Result<(), ApiRefused> {
    let refused = |why: &str| ApiRefused::Query(format!("`{}`: {why}", credential.id));
    let format = Format::from_name(&credential.format);
    let format =
        format.ok_or_else(|| refused("a credential of ours is asked for as dc+sd-jwt or mso_mdoc"))?;
    let name = |kind: &CredentialType| match format {
        Format::SdJwtVc => Some(kind.vct.clone()),
        Format::Mdoc => kind.doctype.clone(),
    };
    // One type and no other: what a wallet answers with is then of the type that was looked at here.
    let allowed = |kind: &&&CredentialType| {
        kind.is_issued_as(format) && name(kind).is_some_and(|name| credential.meta.allows(&[name.as_str()]))
    };
    let mut fitting = types.iter().filter(allowed);
    let (Some(kind), None, false) = (fitting.next(), fitting.next(), credential.multiple) else {
        return Err(refused(
            "one type of ours, once, by its name, or a type of another issuer that is registered",
        ));
    };
    if !credential.require_cryptographic_holder_binding {
        return Err(refused("holder binding is always required"));
    }
    // Without a list of claims DCQL asks for none that can be withheld (OpenID4VP 1.0 §6.4.1).
    for claim in &credential.claims {
        // What is no claim of the type is nobody's: it is refused by its own name.
        let unknown = claim.path.to_string();
        let name = kind.claim_at(format, &claim.path).map_or(unknown.as_str(), Claim::name);
        let registered = registered_name(kind, name);
        if NEVER.contains(&name) || !party.claims.contains(&registered) {
            return Err(ApiRefused::Claim(registered));
        }
    }
    Ok(())
}

/// How a claim is registered for a relying party: by its name for the badge, behind the type's id for all others.
pub(crate) fn registered_name(kind: &CredentialType, claim: &str) -> String {
    match kind.apply {
        None => claim.to_owned(),
        Some(_) => format!("{}:{claim}", kind.id),
    }
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
