//! How long sealing and checking take, beside the raw operations of the same run. Prints one JSON object; times in µs,
//! the middle of the runs.
//!
//! ```text
//! raw_us          SHA-256 of 1 MiB and one ES256 signature
//! b_b_us          B-B of a PDF of 1 MiB; b_b_ratio is its share of raw_us (at most 3)
//! seal_b_lt_us    B-LT of a small PDF with a local timestamp: lists made, signed, stamped, proof added (at most 15,000)
//! check_b_lt_us   check of a B-LT PDF of 1 MiB (at most 10,000)
//! ```

use std::error::Error;
use std::time::Instant;

use keys::{Signer, sha256};
use signing::check::{Verdict, check_pdf};
use signing::pades::{self, Options};

#[path = "../src/fixture.rs"]
mod fixture;

use fixture::House;

const NOW: i64 = 1_795_000_000;
const RUNS: usize = 201;

#[allow(clippy::disallowed_methods, reason = "this is the edge that measures")]
fn middle(mut work: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let start = Instant::now();
        work()?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    times.get(RUNS / 2).copied().ok_or_else(|| "no runs".into())
}

fn main() -> Result<(), Box<dyn Error>> {
    let house = House::new(NOW);
    let small = fixture::classic();
    let large = fixture::large(1 << 20);
    let stamp = house.time_authority();
    let raw = middle(|| {
        let digest = sha256(&large);
        house.seal.key.sign(&digest)?;
        Ok(())
    })?;
    let b = middle(|| {
        let prepared = pades::prepare(&large, &Options::at(NOW))?;
        let signed = house.sign(prepared, &house.seal, None);
        if signed.len() > large.len() { Ok(()) } else { Err("nothing was added".into()) }
    })?;
    let seal = middle(|| {
        let prepared = pades::prepare(&small, &Options::at(NOW))?;
        let signed = house.sign(prepared, &house.seal, Some(&stamp));
        pades::add_material(&signed, &house.material())?;
        Ok(())
    })?;
    let sealed = house.lt(&large);
    let check = middle(|| {
        let report = check_pdf(&sealed, &house.trust());
        if report.verdict == Verdict::Genuine { Ok(()) } else { Err(format!("{:?}", report.codes()).into()) }
    })?;
    println!(
        "{}",
        serde_json::json!({
            "raw_us": raw.round(),
            "b_b_us": b.round(),
            "b_b_ratio": (b / raw * 100.0).round() / 100.0,
            "seal_b_lt_us": seal.round(),
            "check_b_lt_us": check.round(),
            "runs": RUNS,
        })
    );
    Ok(())
}
