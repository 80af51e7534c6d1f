//! What a phone sees, opens and refuses, and what its PIN instruction does.

use keys::encoding::{b64url_decode, b64url_decode_array, b64url_encode};
use keys::x509::Certificate;
use keys::{PublicKey, Signature};
use serde::{Deserialize, Serialize};
use signing::cms::{Attributes, SignedData};
use signing::pades;
use std::collections::BTreeSet;
use std::sync::Arc;
use wallet::account::messages::{
    DocumentSignature, MAX_SIGNED_AT_ONCE, OpenSigning, OpenedSigning, RefuseSigning, RefusedSigning,
    WaitingDocument, WaitingDocuments, bound, signature_options,
};

use super::asking::text;
use super::document;
use super::event;
use super::request::{Request, State};
use super::{SigningError, code};
use crate::audit;
use crate::lifecycle::{Badge, BadgeState};
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::{Platform, id, limits};
use crate::personnel;
use crate::signatures::authority;

/// The phone that asks: its device signature holds and its account may be used.
#[derive(Debug, Clone)]
pub struct Phone {
    /// The account.
    pub account: String,
    /// The key that is this phone, which signs no document.
    pub device_key: PublicKey,
}

/// What is remembered of a signature under way, sealed to its row.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Opened {
    /// The certificate of the one key, then those above it; base64url DER.
    certificates: Vec<String>,
    /// What stands in the signature, seconds since 1970.
    time: i64,
    /// Of the prepared document, base64url.
    digest: String,
}

pub(super) const SIGNER: &str = "signing_signer";

impl Opened {
    pub(super) fn read(platform: &Platform, signer: &str, sealed: &[u8]) -> Result<Opened, SigningError> {
        let plain = platform.sealer.open(SIGNER, "opened", signer, sealed);
        let plain = plain.map_err(|_| SigningError::Internal("a signature under way does not open"))?;
        serde_json::from_slice(&plain).map_err(|_| SigningError::Internal("a signature under way is damaged"))
    }

    pub(super) fn chain(&self) -> Result<Vec<Certificate>, SigningError> {
        let read = |text: &String| {
            let der = b64url_decode(text).ok()?;
            Certificate::parse(&der).ok()
        };
        let chain: Option<Vec<_>> = self.certificates.iter().map(read).collect();
        chain.filter(|chain| !chain.is_empty()).ok_or(SigningError::Internal("a certificate can't be read"))
    }

    /// The file with the place of the signature open, made as the phone made it.
    pub(super) fn prepared(
        &self,
        pdf: &[u8],
        certificate: &Certificate,
        purpose: &str,
    ) -> Result<pades::Prepared, SigningError> {
        Ok(pades::prepare(pdf, &signature_options(certificate, purpose, self.time))?)
    }
}

async fn active_badge(platform: &Platform, account: &str) -> Result<Badge, SigningError> {
    let badge = Badge::live_of_account(&platform.store, account).await?;
    badge.filter(|badge| badge.state == BadgeState::Active).ok_or(SigningError::NoBadge)
}

/// The documents whose turn it is.
///
/// # Errors
/// No active badge, or the store.
pub async fn waiting(platform: &Platform, phone: &Phone) -> Result<WaitingDocuments, SigningError> {
    let badge = active_badge(platform, &phone.account).await?;
    let rows = platform
        .store
        .fetch_all(
            "SELECT r.* FROM signing_request r JOIN signing_signer s ON s.request_id = r.id AND s.place = r.place \
             WHERE s.employee_id = $1 AND s.state = 'waiting' AND r.state = 'waiting' AND r.ends_at > $2 \
             ORDER BY r.ends_at, r.id LIMIT $3",
            params![&badge.employee_id, platform.now_ms(), limits::SIGNING_WAITING_HOLDER.get()],
        )
        .await?;
    let mut documents = Vec::with_capacity(rows.len());
    for row in &rows {
        let transaction_data = Request::read(platform, row)?.transaction().encode();
        documents.push(WaitingDocument { transaction_data });
    }
    Ok(WaitingDocuments { documents })
}

/// The request if it waits for this employee, with the row of the signer.
async fn turn_of(
    platform: &Platform,
    request: &str,
    employee: &str,
) -> Result<(Request, String), SigningError> {
    if !id::is_id(request) {
        return Err(SigningError::Unknown);
    }
    let sql = "SELECT id, place FROM signing_signer WHERE request_id = $1 AND employee_id = $2";
    let row = platform.store.fetch_optional(sql, params![request, employee]).await?;
    let signer = row.ok_or(SigningError::Unknown)?;
    let found = Request::find(platform, request).await?.ok_or(SigningError::Unknown)?;
    let turn = found.place == signer.int("place")?;
    if !turn && found.state == State::Waiting && found.place < signer.int("place")? {
        // Nobody is told of a document before their turn.
        return Err(SigningError::Unknown);
    }
    if !turn || found.state != State::Waiting || found.ends_at <= platform.now_ms() {
        return Err(SigningError::Over);
    }
    Ok((found, signer.text("id")?))
}

/// The bytes of a document whose turn it is.
///
/// # Errors
/// It is not, no active badge, or the store.
pub async fn seen(platform: &Platform, phone: &Phone, request: &str) -> Result<Vec<u8>, SigningError> {
    let badge = active_badge(platform, &phone.account).await?;
    let (request, _) = turn_of(platform, request, &badge.employee_id).await?;
    document::read(platform, &request.id, request.revision, &request.document_hash).await
}

/// Certifies a key for one signature; what was opened before for it is void.
///
/// # Errors
/// It is not this holder's turn, another document was shown, it was opened too often, no active badge, the authority.
pub async fn open(
    platform: &Platform,
    phone: &Phone,
    opening: &OpenSigning,
) -> Result<OpenedSigning, SigningError> {
    let badge = active_badge(platform, &phone.account).await?;
    let (request, signer) = turn_of(platform, &opening.request, &badge.employee_id).await?;
    if opening.document != request.document_hash {
        return Err(SigningError::Changed);
    }
    let key = PublicKey::from_jwk(&opening.key).map_err(|_| SigningError::Malformed("key"))?;
    if key == phone.device_key {
        return Err(SigningError::Malformed("key"));
    }
    // Counted first: each opening issues a certificate.
    let counted = signer.clone();
    let most = limits::SIGNING_OPENS.get();
    let rows = platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE signing_signer SET opens = opens + 1, opened = NULL, bound = NULL \
                           WHERE id = $1 AND state = 'waiting' AND opens < $2";
                tx.execute(sql, params![counted, most]).await
            })
        })
        .await?;
    if rows != 1 {
        return Err(SigningError::TooOften);
    }
    let employee = personnel::employee(platform, &badge.employee_id).await?.ok_or(SigningError::NoBadge)?;
    let (name, agency) = (&employee.name, &employee.agency);
    let issued = authority::issue_person(platform, &key, &name.ko, &agency.code, &agency.name.ko).await?;
    let certificate = issued.chain.first().ok_or(SigningError::Internal("no certificate"))?;
    let mut opened = Opened {
        certificates: issued.chain.iter().map(|one| b64url_encode(one.der())).collect(),
        time: platform.now_ms().div_euclid(1_000),
        digest: String::new(),
    };
    let pdf = document::read(platform, &request.id, request.revision, &request.document_hash).await?;
    let prepared = opened.prepared(&pdf, certificate, &request.facts.purpose)?;
    opened.digest = b64url_encode(prepared.digest());
    let attributes = Attributes::new(prepared.digest(), certificate, None);
    let bound = bound(&request.transaction().encode(), attributes.to_sign(), certificate);
    let plain = serde_json::to_vec(&opened).unwrap_or_default();
    let sealed = platform.sealer.seal(SIGNER, "opened", &signer, &plain);
    let account = phone.account.clone();
    platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE signing_signer SET opened = $2, bound = $3, account_id = $4 \
                           WHERE id = $1 AND state = 'waiting'";
                tx.execute(sql, params![signer, sealed, bound, account]).await
            })
        })
        .await?;
    Ok(OpenedSigning { certificates: opened.certificates, time: opened.time })
}

/// Ends a request with the holder's reason.
///
/// # Errors
/// It is not this holder's turn, no reason, no active badge, or the store.
pub async fn refuse(
    platform: &Platform,
    phone: &Phone,
    refusal: &RefuseSigning,
) -> Result<RefusedSigning, SigningError> {
    let reason = text("reason", &refusal.reason, limits::SIGNING_REASON.size())?;
    let badge = active_badge(platform, &phone.account).await?;
    let (request, signer) = turn_of(platform, &refusal.request, &badge.employee_id).await?;
    let sealed = platform.sealer.seal("signing_request", "refusal", &request.id, reason.as_bytes());
    let (account, wake) = (phone.account.clone(), event::wake(platform));
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let now_ms = tx.now_ms();
                let sql = "UPDATE signing_request SET state = 'refused', refusal = $2, ended_at = $3 \
                           WHERE id = $1 AND state = 'waiting' AND place = $4 AND ends_at > $3";
                if tx.execute(sql, params![&request.id, sealed, now_ms, request.place]).await? != 1 {
                    return Err(SigningError::Over);
                }
                let sql = "UPDATE signing_signer SET state = 'refused', opened = NULL, bound = NULL, acted_at = $2 \
                           WHERE id = $1";
                tx.execute(sql, params![signer, now_ms]).await?;
                document::erase(tx, &request.id).await?;
                event::enqueue(tx, &request.id, State::Refused, wake).await?;
                let detail = serde_json::json!({ "place": request.place });
                let (act, subject) = ("signing.refused", &request.id);
                let record = audit::Record { actor: &account, duty: "holder", act, subject, detail };
                audit::record(tx, record).await?;
                Ok(RefusedSigning { refused_at: now_ms })
            })
        })
        .await
}

/// Signatures that verify under their certificates, with their timestamps; they count once the PIN was right.
#[derive(Debug, Clone)]
pub struct Given {
    all: Vec<OneGiven>,
    wake: Arc<tokio::sync::Notify>,
}

#[derive(Debug, Clone)]
struct OneGiven {
    request: String,
    signer: String,
    place: i64,
    revision: i64,
    document: String,
    bound: String,
    /// Sealed.
    signature: Vec<u8>,
}

/// Checks all that does not depend on the PIN.
///
/// # Errors
/// One of them was not opened by this account, stands for something else, or its key did not sign it.
pub async fn given(
    platform: &Platform,
    account: &str,
    documents: &[DocumentSignature],
) -> Result<Given, SigningError> {
    let requests: BTreeSet<&str> = documents.iter().map(|one| one.request.as_str()).collect();
    if !(1..=MAX_SIGNED_AT_ONCE).contains(&documents.len()) || requests.len() != documents.len() {
        return Err(SigningError::Malformed("documents"));
    }
    let mut all = Vec::with_capacity(documents.len());
    for document in documents {
        all.push(one_given(platform, account, document).await?);
    }
    // One order for every transaction that locks several.
    all.sort_by(|one, other| one.request.cmp(&other.request));
    Ok(Given { all, wake: Arc::clone(&platform.local.signatures.requests.assemble) })
}

async fn one_given(
    platform: &Platform,
    account: &str,
    document: &DocumentSignature,
) -> Result<OneGiven, SigningError> {
    let sql = "SELECT id, place, opened, bound FROM signing_signer \
               WHERE request_id = $1 AND account_id = $2 AND state = 'waiting'";
    let row = platform.store.fetch_optional(sql, params![&document.request, account]).await?;
    let row = row.ok_or(SigningError::NotOpen)?;
    let signer = row.text("id")?;
    let (Some(sealed), Some(bound)) = (row.opt_bytes("opened")?, row.opt_text("bound")?) else {
        return Err(SigningError::NotOpen);
    };
    if bound != document.bound {
        return Err(SigningError::Changed);
    }
    let request = Request::find(platform, &document.request).await?.ok_or(SigningError::Unknown)?;
    let opened = Opened::read(platform, &signer, &sealed)?;
    let chain = opened.chain()?;
    let now_s = platform.now_ms().div_euclid(1_000);
    let good = chain.first().is_some_and(|certificate| now_s <= certificate.not_after());
    if !good {
        return Err(SigningError::NotOpen);
    }
    const REFUSED: SigningError = SigningError::Malformed("signature");
    let signature = b64url_decode(&document.signature).map_err(|_| REFUSED)?;
    let signature = Signature::from_bytes(&signature).map_err(|_| REFUSED)?;
    let digest = b64url_decode_array::<32>(&opened.digest)
        .map_err(|_| SigningError::Internal("a signature under way is damaged"))?;
    let certificate = chain.first().ok_or(SigningError::Internal("no certificate"))?;
    let attributes = Attributes::new(&digest, certificate, None);
    let signed = SignedData::new(attributes, &signature, &chain).map_err(|_| REFUSED)?;
    // Now, while the certificate is good: what comes later only puts it into the document.
    let authority = authority::open(platform).await?;
    let stamp = authority.time().stamp(signed.imprint(), now_s);
    let stamp = stamp.map_err(|_| SigningError::Internal("no timestamp could be made"))?;
    let der = signed.with_timestamp(stamp).to_der();
    Ok(OneGiven {
        request: request.id,
        place: row.int("place")?,
        revision: request.revision,
        document: request.document_hash,
        bound,
        signature: platform.sealer.seal(SIGNER, "signature", &signer, &der),
        signer,
    })
}

/// Keeps the signatures, in the transaction in which the PIN is right; or says by a code why not, and the caller rolls back.
///
/// # Errors
/// The store.
pub async fn apply(tx: &mut Tx, account: &str, given: Given) -> Result<Result<(), &'static str>, StoreError> {
    let badge = Badge::live_of_account_in(tx, account).await?;
    let Some(badge) = badge.filter(|badge| badge.state == BadgeState::Active) else {
        return Ok(Err("no_badge"));
    };
    let now_ms = tx.now_ms();
    for one in given.all {
        let sql = "UPDATE signing_request SET state = 'assembling' \
                   WHERE id = $1 AND state = 'waiting' AND place = $2 AND revision = $3 AND ends_at > $4";
        if tx.execute(sql, params![&one.request, one.place, one.revision, now_ms]).await? != 1 {
            return Ok(Err(code::OVER));
        }
        let sql = "UPDATE signing_signer SET state = 'signed', signature = $2, acted_at = $3 \
                   WHERE id = $1 AND state = 'waiting' AND employee_id = $4 AND account_id = $5 AND bound = $6";
        let values =
            params![&one.signer, one.signature, now_ms, &badge.employee_id, account, one.bound.as_str()];
        if tx.execute(sql, values).await? != 1 {
            return Ok(Err(code::NOT_OPEN));
        }
        let detail = serde_json::json!({
            "place": one.place, "document": one.document, "bound": one.bound, "badge": badge.id,
        });
        let (act, subject) = ("signing.signed", &one.request);
        audit::record(tx, audit::Record { actor: account, duty: "holder", act, subject, detail }).await?;
    }
    tx.after_commit(move || given.wake.notify_one());
    Ok(Ok(()))
}
