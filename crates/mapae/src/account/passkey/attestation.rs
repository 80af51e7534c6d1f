//! What an attestation is worth (WebAuthn Level 3 §6.5, §8).
//!
//! `packed` is verified (§8.2), with a certificate chain up to a root that the operator named; `none` says nothing. The
//! other formats are taken as nothing said: no evidence is claimed that was not verified. A `packed` statement whose
//! signature does not hold refuses the passkey.

use ciborium::Value;
use keys::x509::{self, Certificate, Purpose};
use keys::{PublicKey, Signature};

use super::PasskeyRefusal;
use super::authenticator::{AuthenticatorData, NewCredential, cbor, member};

/// COSE algorithm ES256.
const ES256: i128 = -7;

/// An attestation object whose authenticator data is right.
#[derive(Debug)]
pub(super) struct Attested {
    pub(super) credential: NewCredential,
    pub(super) backup_eligible: bool,
    pub(super) sign_count: u32,
    /// The format that was sent.
    pub(super) format: String,
    /// Whether a trusted chain vouches for the authenticator.
    pub(super) vouched: bool,
}

/// Reads and judges an attestation object (§7.1 steps 12 to 24).
pub(super) fn judge(
    object: &[u8],
    client_data: &[u8],
    rp_id: &str,
    roots: &[Certificate],
    now_s: i64,
) -> Result<Attested, PasskeyRefusal> {
    const BROKEN: PasskeyRefusal = PasskeyRefusal::Malformed("attestation object");
    let mut rest = object;
    let object = cbor(&mut rest)?;
    let format = member(&object, "fmt").and_then(Value::as_text).ok_or(BROKEN)?;
    let statement = member(&object, "attStmt").filter(|value| value.is_map()).ok_or(BROKEN)?;
    let authenticator_data = member(&object, "authData").and_then(Value::as_bytes).ok_or(BROKEN)?;
    if !rest.is_empty() || format.len() > 32 {
        return Err(BROKEN);
    }
    let data = AuthenticatorData::read(authenticator_data, rp_id)?;
    let credential = data.credential.ok_or(BROKEN)?;
    let vouched = match format {
        "packed" => {
            let signed = [authenticator_data.as_slice(), &keys::sha256(client_data)].concat();
            packed(statement, &signed, &credential, roots, now_s)?
        }
        _ => false,
    };
    Ok(Attested {
        credential,
        backup_eligible: data.backup_eligible,
        sign_count: data.sign_count,
        format: format.to_owned(),
        vouched,
    })
}

/// §8.2: by the authenticator's certificate, or by the credential itself.
fn packed(
    statement: &Value,
    signed: &[u8],
    credential: &NewCredential,
    roots: &[Certificate],
    now_s: i64,
) -> Result<bool, PasskeyRefusal> {
    let algorithm = member(statement, "alg").and_then(Value::as_integer).map(i128::from);
    let signature = member(statement, "sig")
        .and_then(Value::as_bytes)
        .ok_or(PasskeyRefusal::Malformed("attestation statement"))?;
    let Some(x5c) = member(statement, "x5c") else {
        let right = algorithm == Some(ES256) && holds(&credential.key, signed, signature);
        return if right { Ok(false) } else { Err(PasskeyRefusal::Signature) };
    };
    let chain: Option<Vec<Vec<u8>>> =
        x5c.as_array().and_then(|chain| chain.iter().map(|der| der.as_bytes().cloned()).collect());
    let chain = chain.ok_or(PasskeyRefusal::Malformed("attestation certificates"))?;
    // A chain that we can't read (another curve, RSA) or that ends elsewhere proves nothing to us.
    let Ok(leaf) = x509::verify_chain(&chain, roots, now_s, Purpose::Any) else { return Ok(false) };
    if algorithm != Some(ES256) || !holds(leaf.public_key(), signed, signature) {
        return Err(PasskeyRefusal::Signature);
    }
    if !is_for_model(leaf.der(), &credential.aaguid) {
        return Err(PasskeyRefusal::Malformed("attestation certificate of another model"));
    }
    Ok(true)
}

/// §8.2.1: a certificate that names a model (id-fido-gen-ce-aaguid, never critical) has to name this one.
fn is_for_model(der: &[u8], aaguid: &[u8; 16]) -> bool {
    const MODEL: &[u8] = &[0x06, 0x0b, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0xe5, 0x1c, 0x01, 0x01, 0x04];
    const VALUE: &[u8] = &[0x04, 0x12, 0x04, 0x10];
    let Some(at) = der.windows(MODEL.len()).position(|window| window == MODEL) else { return true };
    let named = der.get(at + MODEL.len()..).and_then(|rest| rest.strip_prefix(VALUE));
    named.is_some_and(|named| named.starts_with(aaguid))
}

/// Whether a DER signature of these bytes holds.
pub(super) fn holds(key: &PublicKey, signed: &[u8], der: &[u8]) -> bool {
    Signature::from_der(der).is_ok_and(|signature| key.verify(signed, &signature).is_ok())
}
