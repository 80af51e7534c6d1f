//! What an authenticator says: client data, authenticator data and public key (WebAuthn Level 3 §5.8.1, §6.1, §6.5.1).

use ciborium::Value;
use keys::PublicKey;
use serde::Deserialize;

use super::PasskeyRefusal;

/// Deepest nesting of CBOR that is read; attestation statements need four levels.
const CBOR_DEPTH: usize = 8;

/// Flags of authenticator data (§6.1).
const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const ATTESTED: u8 = 1 << 6;
const EXTENSIONS: u8 = 1 << 7;

/// `CollectedClientData` (§5.8.1); members we don't know are no reason to refuse (§5.8.1.2).
#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    cross_origin: bool,
}

/// The two ceremonies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ceremony {
    Create,
    Get,
}

/// Checks what the browser says of the ceremony and gives back the challenge (base64url) that was signed.
pub(super) fn challenge_of(
    client_data: &[u8],
    ceremony: Ceremony,
    origin: &str,
) -> Result<String, PasskeyRefusal> {
    let data: ClientData =
        serde_json::from_slice(client_data).map_err(|_| PasskeyRefusal::Malformed("client data"))?;
    let kind = match ceremony {
        Ceremony::Create => "webauthn.create",
        Ceremony::Get => "webauthn.get",
    };
    if data.kind != kind {
        return Err(PasskeyRefusal::Malformed("ceremony"));
    }
    if data.origin != origin || data.cross_origin {
        return Err(PasskeyRefusal::Origin);
    }
    Ok(data.challenge)
}

/// A new credential in authenticator data (§6.5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewCredential {
    pub(super) aaguid: [u8; 16],
    pub(super) id: Vec<u8>,
    pub(super) key: PublicKey,
}

/// Authenticator data whose relying party and user verification are right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AuthenticatorData {
    pub(super) backup_eligible: bool,
    pub(super) sign_count: u32,
    pub(super) credential: Option<NewCredential>,
}

impl AuthenticatorData {
    /// Reads and checks it for a relying party (§7.1 steps 14 to 18, §7.2 steps 15 to 18).
    pub(super) fn read(bytes: &[u8], rp_id: &str) -> Result<AuthenticatorData, PasskeyRefusal> {
        const SHORT: PasskeyRefusal = PasskeyRefusal::Malformed("authenticator data");
        let (rp_id_hash, rest) = bytes.split_first_chunk::<32>().ok_or(SHORT)?;
        let (&flags, rest) = rest.split_first().ok_or(SHORT)?;
        let (sign_count, mut rest) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
        if *rp_id_hash != keys::sha256(rp_id.as_bytes()) {
            return Err(PasskeyRefusal::Origin);
        }
        if flags & USER_PRESENT == 0 || flags & USER_VERIFIED == 0 {
            return Err(PasskeyRefusal::NotVerified);
        }
        let backup_eligible = flags & BACKUP_ELIGIBLE != 0;
        if flags & BACKED_UP != 0 && !backup_eligible {
            return Err(PasskeyRefusal::Malformed("backup flags"));
        }
        let credential = (flags & ATTESTED != 0).then(|| new_credential(&mut rest)).transpose()?;
        if flags & EXTENSIONS != 0 {
            cbor(&mut rest)?;
        }
        if !rest.is_empty() {
            return Err(SHORT);
        }
        Ok(AuthenticatorData { backup_eligible, sign_count: u32::from_be_bytes(*sign_count), credential })
    }
}

fn new_credential(rest: &mut &[u8]) -> Result<NewCredential, PasskeyRefusal> {
    const SHORT: PasskeyRefusal = PasskeyRefusal::Malformed("new credential");
    let (aaguid, after) = rest.split_first_chunk::<16>().ok_or(SHORT)?;
    let (length, after) = after.split_first_chunk::<2>().ok_or(SHORT)?;
    let length = usize::from(u16::from_be_bytes(*length));
    // §7.1 step 25: an id longer than 1,023 bytes is refused.
    if length == 0 || length > 1_023 {
        return Err(SHORT);
    }
    let (id, after) = after.split_at_checked(length).ok_or(SHORT)?;
    *rest = after;
    let key = cose_key(&cbor(rest)?).ok_or(PasskeyRefusal::Algorithm)?;
    Ok(NewCredential { aaguid: *aaguid, id: id.to_vec(), key })
}

/// Reads one CBOR item and moves on behind it.
pub(super) fn cbor(rest: &mut &[u8]) -> Result<Value, PasskeyRefusal> {
    ciborium::de::from_reader_with_recursion_limit(rest, CBOR_DEPTH)
        .map_err(|_| PasskeyRefusal::Malformed("CBOR"))
}

/// A member of a CBOR map by its text name.
pub(super) fn member<'a>(map: &'a Value, name: &str) -> Option<&'a Value> {
    map.as_map()?.iter().find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value)
}

/// The P-256 key of a COSE_Key (RFC 9053 §7.1.1): EC2, ES256, both coordinates.
fn cose_key(value: &Value) -> Option<PublicKey> {
    let map = value.as_map()?;
    let label = |wanted: i128| {
        map.iter().find(|(key, _)| key.as_integer().map(i128::from) == Some(wanted)).map(|(_, value)| value)
    };
    let is = |wanted: i128, number: i128| {
        label(wanted).and_then(Value::as_integer).map(i128::from) == Some(number)
    };
    // kty EC2, alg ES256, crv P-256.
    if !is(1, 2) || !is(3, -7) || !is(-1, 1) {
        return None;
    }
    let (x, y) = (label(-2)?.as_bytes()?, label(-3)?.as_bytes()?);
    PublicKey::from_sec1(&[&[4], x.as_slice(), y.as_slice()].concat()).ok()
}
