//! Controllers: added with a one-time code, enrolled by it with a key of their own, known by it from then on.
//!
//! A request carries a token bound to the controller's key and a DPoP proof by that key (RFC 9449). The token alone opens
//! nothing, and ends at once when the controller is ended here.

use gate::certificate::ReaderCertificate;
use gate::pass::GateRef;
use http::HeaderMap;
use keys::encoding::{b64url_encode, hex_encode};
use keys::jws::{Typ, Unverified};
use keys::{Jwk, PublicKey};
use openid::dpop::{self, BoundToken, Expected};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::feed;
use crate::audit;
use crate::operations::store::{Row, StoreError, params};
use crate::operations::{KeyName, Platform, Problem, id, limits, once};

/// `typ` of the proof of a controller's key.
pub(crate) const PROOF_TYP: &str = "mapae-gate-controller+jwt";
/// Where controllers are answered.
pub(crate) const BASE: &str = "/gates/v1";
const TOKEN: &str = "gate-controller";

/// A controller that may speak.
#[derive(Debug, Clone)]
pub(super) struct Controller {
    pub(super) id: String,
    pub(super) passage_n: u64,
    pub(super) passage_head: String,
}

/// A controller that was added, with the code it is enrolled by.
#[derive(Debug, Clone, Serialize)]
pub struct Added {
    /// Its id.
    pub id: String,
    /// Ten characters, once, for an hour.
    pub code: String,
}

/// Letters that are not mistaken for one another.
const LETTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

fn new_code() -> String {
    let letter = |byte: u8| LETTERS.get(usize::from(byte % 32)).copied().map_or('2', char::from);
    keys::random::bytes::<12>().into_iter().map(letter).collect()
}

fn code_hash(code: &str) -> String {
    hex_encode(&keys::sha256(code.as_bytes()))
}

/// Adds a controller, or gives one that was never enrolled a new code.
pub async fn add_controller(platform: &Platform, name: &str, agency: &str) -> Result<Added, StoreError> {
    let added = Added { id: id::new(), code: new_code() };
    let (out, name, agency) = (added.clone(), name.to_owned(), agency.to_owned());
    platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let now_ms = tx.now_ms();
                let group = b64url_encode(&keys::random::bytes::<16>());
                let until = now_ms.saturating_add(limits::GATE_ENROL_CODE_LIFE.get());
                tx.execute(
                    "INSERT INTO gate_controller (id, name, agency_code, group_id, code_hash, code_until, created_at) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7)",
                    params![&added.id, name, &agency, group, code_hash(&added.code), until, now_ms],
                )
                .await?;
                let detail = serde_json::json!({ "agency": agency });
                let (act, subject) = ("gate.controller_added", &added.id);
                let record = audit::Record { actor: "operator", duty: "operator", act, subject, detail };
                audit::record(tx, record).await
            })
        })
        .await?;
    Ok(out)
}

/// Ends a controller at once: its requests and its open connection. `false` if there is none.
pub async fn end_controller(platform: &Platform, controller_id: &str) -> Result<bool, StoreError> {
    let controller_id = controller_id.to_owned();
    platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let now_ms = tx.now_ms();
                let sql = "UPDATE gate_controller SET ended_at = $2, code_hash = NULL WHERE id = $1 AND ended_at IS NULL";
                if tx.execute(sql, params![&controller_id, now_ms]).await? != 1 {
                    return Ok(false);
                }
                let detail = serde_json::json!({});
                let (act, subject) = ("gate.controller_ended", &controller_id);
                let record = audit::Record { actor: "operator", duty: "operator", act, subject, detail };
                audit::record(tx, record).await?;
                Ok(true)
            })
        })
        .await
}

/// Enrols a controller.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Enrol {
    /// The one-time code.
    #[schema(pattern = "^[2-9A-HJ-NP-Z]{12}$")]
    pub(crate) code: String,
    /// The controller's public key (P-256).
    #[schema(value_type = Object)]
    pub(crate) key: Jwk,
    /// Compact JWS, ES256, `typ` `mapae-gate-controller+jwt`, by that key over `{"aud": base URL, "code": the code}`.
    #[schema(max_length = 2048)]
    pub(crate) proof: String,
}

/// What shows that the controller has the key.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeyProof {
    pub(crate) aud: String,
    pub(crate) code: String,
}

/// What a controller needs to begin.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Enrolled {
    /// Its id.
    pub(crate) controller: String,
    /// Its 16 bytes in the tap, base64url.
    pub(crate) group: String,
    /// Access token, bound to its key.
    pub(crate) token: String,
    /// The certificate that it shows to phones, base64url.
    pub(crate) certificate: String,
    /// The key that signs pages: to be kept for good.
    #[schema(value_type = Object)]
    pub(crate) feed_key: Jwk,
}

pub(super) async fn enrol(platform: &Platform, asked: Enrol) -> Result<Enrolled, Problem> {
    let refused = || Problem::new(http::StatusCode::FORBIDDEN, "gate_enrolment");
    let key = PublicKey::from_jwk(&asked.key).map_err(|_| refused())?;
    let proof: KeyProof = Unverified::parse(&asked.proof, 2_048)
        .and_then(|proof| proof.verify(&key, Typ::Is(PROOF_TYP)))
        .and_then(|proof| proof.claims())
        .map_err(|_| refused())?;
    if proof.aud != platform.config.public.origin() || proof.code != asked.code {
        return Err(refused());
    }
    let (hash, thumbprint) = (code_hash(&asked.code), key.thumbprint());
    let jwk = serde_json::to_string(&key.to_jwk()).map_err(Problem::internal)?;
    // 60 bits, good for an hour: nobody guesses it. One conditional statement consumes it.
    let row = platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let now_ms = tx.now_ms();
                let row = tx
                    .fetch_optional(
                        "UPDATE gate_controller SET code_hash = NULL, key_thumbprint = $2, jwk = $3, enrolled_at = $4 \
                         WHERE code_hash = $1 AND code_until > $4 AND ended_at IS NULL RETURNING id, group_id",
                        params![hash, &thumbprint, jwk, now_ms],
                    )
                    .await?;
                if let Some(row) = &row {
                    let id = row.text("id")?;
                    let detail = serde_json::json!({ "key": thumbprint });
                    let act = "gate.controller_enrolled";
                    let record = audit::Record { actor: &id, duty: "gate", act, subject: &id, detail };
                    audit::record(tx, record).await?;
                }
                Ok(row)
            })
        })
        .await?
        .ok_or_else(refused)?;
    papers(platform, row.text("id")?, row.text("group_id")?, &key)
}

/// Token and certificate, fresh.
fn papers(platform: &Platform, id: String, group: String, key: &PublicKey) -> Result<Enrolled, Problem> {
    let now_ms = platform.now_ms();
    let seconds = |ms: i64| u32::try_from(ms.div_euclid(1_000)).unwrap_or(u32::MAX);
    let authority = platform.keys.signer(KeyName::GateAuthority).map_err(Problem::internal)?;
    let certificate = ReaderCertificate {
        group: GateRef::try_from(group.clone()).map_err(Problem::internal)?.0,
        key: key.clone(),
        not_before: seconds(now_ms.saturating_sub(60_000)),
        not_after: seconds(now_ms.saturating_add(limits::GATE_CERTIFICATE_LIFE.get())),
    };
    let until = now_ms.saturating_add(limits::GATE_TOKEN_LIFE.get());
    Ok(Enrolled {
        token: platform.tokens.seal(TOKEN, &(&id, key.thumbprint()), until).map_err(Problem::internal)?,
        certificate: b64url_encode(&certificate.sign(&*authority).map_err(Problem::internal)?),
        feed_key: feed::key(platform).map_err(Problem::internal)?,
        controller: id,
        group,
    })
}

/// Token and certificate anew, for a controller that is known.
pub(super) async fn renew(platform: &Platform, headers: &HeaderMap) -> Result<Enrolled, Problem> {
    let (controller, key) = known(platform, headers, "POST", "/papers").await?;
    let sql = "SELECT group_id FROM gate_controller WHERE id = $1";
    let row = platform.store.fetch_one(sql, params![&controller.id]).await?;
    papers(platform, controller.id, row.text("group_id")?, &key)
}

/// Who asks: token, proof, and that the controller was not ended.
pub(super) async fn known(
    platform: &Platform,
    headers: &HeaderMap,
    method: &str,
    path: &str,
) -> Result<(Controller, PublicKey), Problem> {
    let refused = || Problem::new(http::StatusCode::UNAUTHORIZED, "gate_controller");
    let one = |name: &str| {
        let mut all = headers.get_all(name).iter();
        match (all.next(), all.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    };
    let token = one("authorization").and_then(|value| value.strip_prefix("DPoP ")).ok_or_else(refused)?;
    let now_ms = platform.now_ms();
    let (id, jkt): (String, String) = platform.tokens.open(TOKEN, token, now_ms).map_err(|_| refused())?;
    let url = format!("{}{BASE}{path}", platform.config.public.origin());
    let proof = {
        let expected = Expected {
            method,
            url: &url,
            token: Some(BoundToken { access_token: token, jkt: &jkt }),
            nonce: None,
            now: now_ms.div_euclid(1_000),
        };
        dpop::verify(one("dpop"), &expected).map_err(|_| refused())?
    };
    let (replay, until) = (proof.replay_id().to_owned(), proof.replay_until().saturating_mul(1_000));
    let row: Option<Row> = platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                if !once::consume(tx, "gate-dpop", &replay, until).await? {
                    return Ok(None);
                }
                let now_ms = tx.now_ms();
                tx.fetch_optional(
                    "UPDATE gate_controller SET seen_at = $3 WHERE id = $1 AND key_thumbprint = $2 AND ended_at IS NULL \
                     RETURNING id, passage_n, passage_head",
                    params![id, jkt, now_ms],
                )
                .await
            })
        })
        .await?;
    let row = row.ok_or_else(refused)?;
    let controller = Controller {
        id: row.text("id")?,
        passage_n: row.int("passage_n")?.unsigned_abs(),
        passage_head: row.text("passage_head")?,
    };
    Ok((controller, proof.key().clone()))
}
