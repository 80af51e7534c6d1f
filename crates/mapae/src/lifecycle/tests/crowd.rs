//! The crowd that a copy hides in: two verifiers put together what they hold of 1.2 million officials' copies.
//!
//! What repeats between two copies of a badge is issuer, list and dates, which all of a list's badges share; the rest of
//! a credential is drawn anew for each (issuance tests). So how many badges stand on a list is how well a copy hides, and
//! its place there must say nothing about the badge.

use std::collections::{BTreeMap, HashSet};

use super::*;
use crate::lifecycle::status::{self, COPIES_A_WEEK};
use crate::operations::store::{StoreError, params};
use crate::testing;

const PEOPLE: i64 = 1_200_000;
/// One in so many is looked at copy by copy.
const STEP: usize = 199;

#[tokio::test]
async fn two_colluding_verifiers_can_tell_a_badge_from_no_other_on_its_list() {
    let platform = testing::platform().await;
    let did = did(&platform);
    let party = did.clone();
    let slots = platform.store.write(move |tx| {
        Box::pin(async move { crate::lifecycle::party::reserve_slots(tx, &party, PEOPLE).await })
    });
    assert_eq!(slots.await.map_err(|error: StoreError| error).unwrap(), 0);
    let week = Week::of(platform.now_ms() / 1000);

    // Each verifier saw one copy of everybody it looked at: the first one, and any later one.
    let (mut seen, mut pairs) = (HashSet::new(), BTreeMap::<String, Vec<(f64, f64)>>::new());
    for slot in (0..PEOPLE).step_by(STEP) {
        let later = 1 + slot % (COPIES_A_WEEK - 1);
        let mut copies = status::claims_for(&platform, &did, slot, week, 0, 1).await.unwrap().unwrap();
        copies.extend(status::claims_for(&platform, &did, slot, week, later, 1).await.unwrap().unwrap());
        let [one, other] = copies.try_into().unwrap();
        assert_eq!(one.uri, other.uri, "copies of a week stand on one list");
        assert!(seen.insert((one.uri.clone(), one.index)) && seen.insert((other.uri, other.index)));
        pairs.entry(one.uri).or_default().push((one.index as f64, other.index as f64));
    }

    // The crowd of each list, over the whole population.
    let rows = platform
        .store
        .fetch_all("SELECT first_slot, slots FROM status_series ORDER BY first_slot", params![])
        .await
        .unwrap();
    let mut crowds: Vec<i64> = rows
        .iter()
        .map(|row| row.int("slots").unwrap().min(PEOPLE - row.int("first_slot").unwrap()))
        .collect();
    assert_eq!(crowds.iter().sum::<i64>(), PEOPLE, "everybody stands on one list");
    assert_eq!(crowds.len(), pairs.len());
    crowds.sort_unstable();
    println!("anonymity set of a presentation: smallest {}, median {}", crowds[0], crowds[crowds.len() / 2]);
    assert!(crowds[0] >= 20_000, "{crowds:?}");

    // Nor does the place on the list tell: neither near nor in the order of the other.
    for (uri, places) in &pairs {
        let (near, r) = (nearest(places), correlation(places));
        let n = places.len() as f64;
        assert!(r.abs() < 5.0 / n.sqrt(), "{uri}: the places of two copies go together ({r:.3} of {n})");
        // Guessing the nearest place is right once in a list, by luck three or four times.
        assert!(near <= 8, "{uri}: {near} of {n} copies stand nearest to their own twin");
    }
}

fn correlation(pairs: &[(f64, f64)]) -> f64 {
    let n = pairs.len() as f64;
    let (mean_a, mean_b) =
        (pairs.iter().map(|(a, _)| a).sum::<f64>() / n, pairs.iter().map(|(_, b)| b).sum::<f64>() / n);
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in pairs {
        let (a, b) = (a - mean_a, b - mean_b);
        (ab, aa, bb) = (ab + a * b, aa + a * a, bb + b * b);
    }
    ab / (aa * bb).sqrt()
}

/// Of how many the second place is, among all second places, the nearest to the first.
fn nearest(pairs: &[(f64, f64)]) -> usize {
    let own_is_nearest =
        |(a, own): &&(f64, f64)| pairs.iter().all(|(_, other)| (own - a).abs() <= (other - a).abs());
    pairs.iter().filter(own_is_nearest).count()
}
