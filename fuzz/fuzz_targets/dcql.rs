//! A query of a stranger: it is read or refused, and reads again as it was written.
#![no_main]

use credential::dcql::{HeldCredential, Query};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|data: &[u8]| {
    let Ok(query) = str::from_utf8(data).map_err(drop).and_then(|text| Query::from_json(text).map_err(drop)) else {
        return;
    };
    assert_eq!(Query::from_value(&query.to_value()), Ok(query.clone()));
    let claims = json!({"name": {"ko": "예시온"}, "agency_tree": ["0000000", "0000001"], "is_serving": true});
    let held = HeldCredential {
        format: "dc+sd-jwt",
        types: vec!["https://id.example/types/badge"],
        claims: &claims,
        authority_key_ids: vec!["AAAA"],
        holder_bound: true,
    };
    if let Ok(selection) = query.matches(&[held]) {
        for (id, candidates) in selection.preferred() {
            assert!(query.credential(id).is_some());
            assert!(candidates.iter().flat_map(|c| &c.claims).all(|path| path.select(&claims).is_ok()));
        }
    }
});
