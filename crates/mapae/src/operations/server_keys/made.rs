//! New keys: what is missing at a start, and what comes next in a rotation.

use std::sync::Arc;

use credential::status_list::week::Week;
use keys::rsa::RsaKey;
use keys::x509::{self, Certificate, Profile};
use keys::{SecretKey, Signer, Zeroizing};

use super::rows::{KeyRow, active, sealed_row};
use super::{KeyName, KeysError, SecretName};
use crate::operations::hsm::TokenKey;
use crate::operations::kek::{Kek, KekError};

const YEAR_S: i64 = 365 * 24 * 3_600;
/// The country in our certificates.
const COUNTRY: &str = "KR";
const ROOT_YEARS: i64 = 20;
const LEAF_YEARS: i64 = 5;

/// Makes the missing keys. A new leaf goes under the existing root, or under the root made with it.
pub(super) fn make(
    missing: &[&'static str],
    existing: &[KeyRow],
    kek: &Kek,
    host: &str,
    now_ms: i64,
) -> Result<Vec<KeyRow>, KeysError> {
    let unusable = |name: &str, reason: String| KeysError::Unusable(name.to_owned(), reason);
    let from = begins(now_ms);
    let mut rows = Vec::new();
    for name in SecretName::ALL.iter().map(|name| name.as_str()).filter(|name| missing.contains(name)) {
        rows.push(sealed_row(kek, name, 1, &keys::random::bytes::<32>(), None, now_ms)?);
    }
    let root_name = KeyName::PlatformRoot.as_str();
    let (root_key, root) = if missing.contains(&root_name) {
        let (key, plain) = new_signer(kek, root_name)?;
        let certificate =
            x509::root_in(Some(COUNTRY), &*key, "Mapae Platform Root", from, from + ROOT_YEARS * YEAR_S)
                .map_err(|error| unusable(root_name, error.to_string()))?;
        rows.push(sealed_row(kek, root_name, 1, &plain, Some(&certificate), now_ms)?);
        (key, certificate)
    } else {
        let row = active(existing, root_name)?;
        let der = row.certificate.as_deref().unwrap_or_default();
        let certificate = Certificate::parse(der).map_err(|error| unusable(root_name, error.to_string()))?;
        (row.signer(kek)?, certificate)
    };
    for name in KeyName::ALL.into_iter().filter(|name| missing.contains(&name.as_str())) {
        if name != KeyName::PlatformRoot {
            rows.push(new_row(kek, (&root, &*root_key), name, 1, host, now_ms)?);
        }
    }
    Ok(rows)
}

/// A new key of this name with its certificate, as an active row.
pub(super) fn new_row(
    kek: &Kek,
    root: (&Certificate, &dyn Signer),
    name: KeyName,
    id: u32,
    host: &str,
    now_ms: i64,
) -> Result<KeyRow, KeysError> {
    let text = name.as_str();
    let unusable = |reason: String| KeysError::Unusable(text.to_owned(), reason);
    if name == KeyName::OpRs256 {
        let key = RsaKey::generate(2048).map_err(|error| unusable(error.to_string()))?;
        let plain = key.to_pkcs8().map_err(|error| unusable(error.to_string()))?;
        return sealed_row(kek, text, id, &plain, None, now_ms);
    }
    let (key, plain) = new_signer(kek, text)?;
    let certificate = match name.certificate() {
        None => None,
        Some((kind, cn)) => {
            let dns = if name == KeyName::Verifier { vec![host.to_owned()] } else { Vec::new() };
            let country = Some(COUNTRY.to_owned());
            let profile = Profile { country, cn: cn.to_owned(), dns, uri: Vec::new(), kind };
            let from = begins(now_ms);
            let to = from + LEAF_YEARS * YEAR_S;
            let serial = x509::random_serial();
            let made = x509::issue(root.0, root.1, key.public_key(), &profile, from, to, serial);
            Some(made.map_err(|error| unusable(error.to_string()))?)
        }
    };
    sealed_row(kek, text, id, &plain, certificate.as_ref(), now_ms)
}

/// A new key, and what its row holds.
pub(crate) type NewSigner = (Arc<dyn Signer>, Zeroizing<Vec<u8>>);

/// A new P-256 key: in the token, if there is one that signs under this name.
pub(super) fn new_signer(kek: &Kek, name: &str) -> Result<NewSigner, KeysError> {
    match kek.token().filter(|hsm| hsm.signs(name)) {
        Some(hsm) => {
            let key = TokenKey::generate(hsm, name).map_err(KekError::from)?;
            let reference = Zeroizing::new(key.reference());
            Ok((Arc::new(key), reference))
        }
        None => {
            let key = SecretKey::generate();
            let plain = Zeroizing::new(key.to_bytes().to_vec());
            Ok((Arc::new(key), plain))
        }
    }
}

/// What a key signs says the first second of its week: the certificate holds then already (ISO/IEC 18013-5 §9.3.1).
fn begins(now_ms: i64) -> i64 {
    let now = now_ms.div_euclid(1_000);
    Week::of(now).start().min(now - 3_600)
}
