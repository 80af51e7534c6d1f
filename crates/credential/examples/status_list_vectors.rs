//! A status list for judges: `status_list_vectors FOLDER NOW` signs a list of 100,000 entries in both forms and says what
//! every entry is. `NOW` in seconds since 1970.
//!
//! ```text
//! list.jwt, list.cwt     the signed list (Token Status List §5)
//! truth.bin              one byte for each entry: 0 valid, 1 invalid, 2 suspended
//! key.jwk                the public key
//! ```

use std::error::Error;
use std::path::Path;

use credential::status_list::{ListClaims, Status, StatusList, sign_cwt, sign_jwt};
use keys::SecretKey;

const ENTRIES: usize = 100_000;
const URI: &str = "https://badge.example/status/judged";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, now] = arguments.as_slice() else {
        return Err("usage: status_list_vectors FOLDER NOW".into());
    };
    let (folder, now) = (Path::new(folder), now.parse()?);
    let mut list = StatusList::new(ENTRIES)?;
    let mut truth = Vec::with_capacity(ENTRIES);
    let chance = keys::random::bytes::<ENTRIES>();
    for (index, byte) in chance.iter().enumerate() {
        let (status, word) = match byte % 3 {
            0 => (Status::Valid, 0),
            1 => (Status::Invalid, 1),
            _ => (Status::Suspended, 2),
        };
        list.set(index, status)?;
        truth.push(word);
    }
    let key = SecretKey::generate();
    let claims = ListClaims {
        uri: URI.to_owned(),
        issued_at: now,
        expires_at: Some(now + 172_800),
        ttl: Some(60),
        aggregation_uri: Some("https://badge.example/status".to_owned()),
    };
    std::fs::write(folder.join("list.jwt"), sign_jwt(&claims, &list, Some("judged"), &[], &key)?)?;
    std::fs::write(folder.join("list.cwt"), sign_cwt(&claims, &list, Some("judged"), &[], &key)?)?;
    std::fs::write(folder.join("truth.bin"), truth)?;
    std::fs::write(folder.join("key.jwk"), key.public_key().to_jwk().to_value().to_string())?;
    Ok(())
}
