//! Verifies a credential with the crate ssi-sd-jwt: the issuer's signature, every disclosure, the dates. Reads
//! `{"token", "jwk", "runs"}`, answers `{"p50_us"}`.

use std::hint::black_box;
use std::io::Read as _;
use std::time::Instant;

use futures::executor::block_on;
use ssi_claims_core::VerificationParameters;
use ssi_jwk::JWK;
use ssi_sd_jwt::SdJwt;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut question = String::new();
    std::io::stdin().read_to_string(&mut question)?;
    let question: serde_json::Value = serde_json::from_str(&question)?;
    let token = question["token"].as_str().ok_or("no token")?;
    let jwk: JWK = serde_json::from_value(question["jwk"].clone())?;
    let runs = question["runs"].as_u64().ok_or("no runs")?;
    let verified = || -> Result<(), Box<dyn std::error::Error>> {
        let token = SdJwt::new(token).map_err(|_| "no SD-JWT")?;
        let parameters = VerificationParameters::from_resolver(&jwk);
        let (revealed, verification) = block_on(token.decode_reveal_verify_any(parameters))?;
        black_box(revealed);
        verification.map_err(|invalid| format!("{invalid:?}").into())
    };
    // One that is changed must not verify.
    let broken = token.replacen("~Wy", "~Wz", 1);
    if let Ok(broken) = SdJwt::new(&broken)
        && matches!(block_on(broken.decode_reveal_verify_any(VerificationParameters::from_resolver(&jwk))), Ok((_, Ok(()))))
    {
        return Err("a changed credential verifies".into());
    }
    let mut times = Vec::new();
    for _ in 0..runs {
        let begun = Instant::now();
        verified()?;
        times.push(begun.elapsed().as_nanos());
    }
    times.sort_unstable();
    let p50_us = times[times.len() / 2] as f64 / 1_000.0;
    println!("{}", serde_json::json!({ "p50_us": p50_us }));
    Ok(())
}
