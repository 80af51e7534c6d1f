use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::path::ClaimPath;

const EXAMPLES: [&str; 7] = [
    include_str!("../../tests/vectors/dcql_simple.json"),
    include_str!("../../tests/vectors/dcql_simple_mdoc.json"),
    include_str!("../../tests/vectors/dcql_multi_credentials.json"),
    include_str!("../../tests/vectors/dcql_credentials_alternatives.json"),
    include_str!("../../tests/vectors/dcql_complex_mdoc.json"),
    include_str!("../../tests/vectors/dcql_claims_alternatives.json"),
    include_str!("../../tests/vectors/dcql_value_matching_simple.json"),
];
const PID: &str = "https://credentials.example.com/identity_credential";

fn query(value: Value) -> Query {
    Query::from_value(&value).unwrap()
}

fn held<'a>(vct: &'a str, claims: &'a Value) -> HeldCredential<'a> {
    HeldCredential {
        format: "dc+sd-jwt",
        types: vec![vct],
        claims,
        authority_key_ids: vec![],
        holder_bound: true,
    }
}

fn badge_query(credential: Value) -> Query {
    let mut base = json!({"id": "badge", "format": "dc+sd-jwt", "meta": {"vct_values": ["badge"]}});
    for (name, value) in credential.as_object().unwrap() {
        base[name] = value.clone();
    }
    query(json!({"credentials": [base]}))
}

fn paths(names: &[&str]) -> Vec<ClaimPath> {
    names.iter().map(|name| ClaimPath::claim(name)).collect()
}

#[test]
fn every_example_of_the_standard_is_a_query_and_reads_back() {
    for example in EXAMPLES {
        let query = Query::from_json(example).unwrap();
        assert_eq!(Query::from_value(&query.to_value()), Ok(query));
    }
}

#[test]
fn the_simple_example_takes_an_address_in_part() {
    let query = Query::from_json(EXAMPLES[0]).unwrap();
    let pid = json!({"family_name": "Dent", "given_name": "Arthur", "address": {"street_address": "42", "locality": "M"}});
    let selection = query.matches(&[held(PID, &pid)]).unwrap();
    let [(id, [candidate])] = selection.preferred()[..] else { panic!("one credential") };
    assert_eq!((id, candidate.held), ("my_credential", 0));
    let chosen: Vec<String> = candidate.claims.iter().map(ToString::to_string).collect();
    assert_eq!(chosen, ["family_name", "given_name", "address.street_address"]);
}

#[test]
fn of_several_options_the_first_that_can_be_met_is_preferred() {
    let query = Query::from_json(EXAMPLES[3]).unwrap();
    let reduced = json!({"family_name": "D", "given_name": "A"});
    let residence = json!({"postal_code": "1", "locality": "M", "region": "R"});
    let rewards = json!({"rewards_number": "7"});
    let wallet = [
        held("https://credentials.example.com/reduced_identity_credential", &reduced),
        held("https://cred.example/residence_credential", &residence),
        held("https://company.example/company_rewards", &rewards),
    ];
    let selection = query.matches(&wallet).unwrap();
    assert_eq!(selection.sets[0].options, [["pid_reduced_cred_1", "pid_reduced_cred_2"]]);
    assert!(!selection.sets[1].required);
    assert_eq!(selection.sets[1].options, [["nice_to_have"]]);
    // What is nice to have is offered, not given.
    let ids: Vec<&str> = selection.preferred().into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, ["pid_reduced_cred_1", "pid_reduced_cred_2"]);

    let full = json!({"family_name": "D", "given_name": "A", "address": {"street_address": "42"}});
    let richer: Vec<_> = wallet.into_iter().chain([held(PID, &full)]).collect();
    let ids: Vec<String> =
        query.matches(&richer).unwrap().preferred().iter().map(|(id, _)| id.to_string()).collect();
    assert_eq!(ids, ["pid"]);
    // Half of an option is no option.
    let error = query.matches(&richer[..1]).unwrap_err();
    assert!(
        error.unmet.iter().any(|(id, reason)| id == "pid_reduced_cred_2" && *reason == Reason::NoSuchType)
    );
}

#[test]
fn of_several_claim_sets_the_first_that_can_be_met_is_taken() {
    let query = Query::from_json(EXAMPLES[5]).unwrap();
    let by_code = json!({"family_name": "D", "postal_code": "1", "date_of_birth": "1", "given_name": "A"});
    let selection = query.matches(&[held(PID, &by_code)]).unwrap();
    assert_eq!(
        selection.matches[0].candidates[0].claims,
        paths(&["family_name", "postal_code", "date_of_birth"])
    );
    let both =
        json!({"family_name": "D", "postal_code": "1", "locality": "l", "region": "r", "date_of_birth": "1"});
    let selection = query.matches(&[held(PID, &both)]).unwrap();
    let chosen = &selection.matches[0].candidates[0].claims;
    assert_eq!(*chosen, paths(&["family_name", "locality", "region", "date_of_birth"]));
    let neither = json!({"family_name": "D", "date_of_birth": "1"});
    let error = query.matches(&[held(PID, &neither)]).unwrap_err();
    assert_eq!(error.unmet, [("pid".to_owned(), Reason::NoSuchClaim(ClaimPath::claim("locality")))]);
}

#[test]
fn a_wanted_value_must_be_there_in_value_and_type() {
    let query = Query::from_json(EXAMPLES[6]).unwrap();
    let with = |code: Value| json!({"family_name": "Doe", "given_name": "J", "address": {"street_address": "1"}, "postal_code": code});
    assert!(query.matches(&[held(PID, &with(json!("90211")))]).is_ok());
    for code in [json!("90212"), json!(90211), json!(null), json!(["90211"])] {
        let claims = with(code);
        let error = query.matches(&[held(PID, &claims)]).unwrap_err();
        assert_eq!(error.unmet[0].1, Reason::OtherValue(ClaimPath::claim("postal_code")));
    }
    let values = |values: Value| badge_query(json!({"claims": [{"path": ["v"], "values": values}]}));
    let fits = |values_: Value, value: Value| {
        values(values_).matches(&[held("badge", &json!({"v": value}))]).is_ok()
    };
    assert!(fits(json!([true]), json!(true)) && !fits(json!([true]), json!("true")));
    assert!(fits(json!([7]), json!(7)) && !fits(json!([7]), json!("7")) && !fits(json!([7]), json!(7.5)));
    // Through `null`: one of the elements has it.
    let any = badge_query(json!({"claims": [{"path": ["a", null], "values": ["x"]}]}));
    assert!(any.matches(&[held("badge", &json!({"a": ["w", "x"]}))]).is_ok());
    assert!(any.matches(&[held("badge", &json!({"a": ["w"]}))]).is_err());
}

#[test]
fn without_claims_nothing_that_may_be_withheld_is_asked_for() {
    let query = badge_query(json!({}));
    let selection = query.matches(&[held("badge", &json!({"name": "x"}))]).unwrap();
    assert!(selection.matches[0].candidates[0].claims.is_empty());
}

#[test]
fn a_claim_asked_for_twice_is_told_once() {
    let query = badge_query(json!({"claims": [{"path": ["a"]}, {"path": ["a"]}]}));
    let selection = query.matches(&[held("badge", &json!({"a": 1}))]).unwrap();
    assert_eq!(selection.matches[0].candidates[0].claims, paths(&["a"]));
}

#[test]
fn one_credential_is_given_unless_several_are_asked_for() {
    let empty = json!({});
    let wallet = [held("badge", &empty), held("badge", &empty)];
    let one = badge_query(json!({})).matches(&wallet).unwrap();
    assert_eq!(one.matches[0].candidates.len(), 2, "the holder may choose");
    assert_eq!(one.preferred()[0].1.len(), 1);
    let several = badge_query(json!({"multiple": true})).matches(&wallet).unwrap();
    assert_eq!(several.preferred()[0].1.len(), 2);
}

#[test]
fn a_credential_that_nobody_can_prove_to_hold_is_given_only_where_that_is_waived() {
    let mut open = held("badge", &json!(null));
    open.holder_bound = false;
    let error = badge_query(json!({})).matches(std::slice::from_ref(&open)).unwrap_err();
    assert_eq!(error.unmet[0].1, Reason::NoHolderBinding);
    let waived = badge_query(json!({"require_cryptographic_holder_binding": false}));
    assert!(waived.matches(&[open]).is_ok());
}

#[test]
fn an_authority_is_found_by_its_key_identifier() {
    let by = |authorities: Value| badge_query(json!({"trusted_authorities": authorities}));
    let mut badge = held("badge", &json!(null));
    badge.authority_key_ids = vec!["s9tIpPmhxdiuNkHMEWNpYim8S8Y"];
    let wallet = [badge];
    assert!(
        by(json!([{"type": "aki", "values": ["x", "s9tIpPmhxdiuNkHMEWNpYim8S8Y"]}])).matches(&wallet).is_ok()
    );
    for other in [
        json!([{"type": "aki", "values": ["x"]}]),
        json!([{"type": "etsi_tl", "values": ["https://lotl.example.com"]}]),
        json!([{"type": "openid_federation", "values": ["https://trustanchor.example.com"]}]),
        json!([{"type": "of_tomorrow", "values": ["s9tIpPmhxdiuNkHMEWNpYim8S8Y"]}]),
    ] {
        assert_eq!(by(other).matches(&wallet).unwrap_err().unmet[0].1, Reason::NoTrustedAuthority);
    }
    // One of several is enough.
    let either = by(
        json!([{"type": "etsi_tl", "values": ["x"]}, {"type": "aki", "values": ["s9tIpPmhxdiuNkHMEWNpYim8S8Y"]}]),
    );
    assert!(either.matches(&wallet).is_ok());
}

#[test]
fn a_type_also_fits_by_another_name_of_it() {
    let mut badge = held("badge:kr", &json!(null));
    assert_eq!(
        badge_query(json!({})).matches(std::slice::from_ref(&badge)).unwrap_err().unmet[0].1,
        Reason::NoSuchType
    );
    badge.types.push("badge");
    assert!(badge_query(json!({})).matches(&[badge]).is_ok());
}

#[test]
fn an_mdoc_matches_by_its_document_type() {
    let query = Query::from_json(EXAMPLES[4]).unwrap();
    let claims = json!({"org.iso.18013.5.1": {"given_name": "A", "family_name": "D", "portrait": ""}});
    let mdl = HeldCredential { format: "mso_mdoc", ..held("org.iso.18013.5.1.mDL", &claims) };
    let selection = query.matches(&[mdl]).unwrap();
    assert_eq!(selection.preferred()[0].0, "mdl-id");
    assert!(selection.sets[1].options.is_empty(), "the address is not there, and not required");
    let sd_jwt = held("org.iso.18013.5.1.mDL", &claims);
    assert_eq!(query.matches(&[sd_jwt]).unwrap_err().unmet[0].1, Reason::NoSuchFormat);
}

#[test]
fn a_broken_query_is_told_where_and_why() {
    let credential = |change: Value| {
        let mut base = json!({"id": "a", "format": "dc+sd-jwt", "meta": {}});
        for (name, value) in change.as_object().unwrap() {
            if value == "-" {
                base.as_object_mut().unwrap().remove(name);
            } else {
                base[name] = value.clone();
            }
        }
        json!({"credentials": [base]})
    };
    let claims = |claims: Value| credential(json!({"claims": claims}));
    let set = |set: Value| {
        let mut query = credential(json!({}));
        query["credential_sets"] = json!([set]);
        query
    };
    let cases = [
        (json!([]), "dcql_query"),
        (json!({}), "dcql_query.credentials"),
        (json!({"credentials": []}), "dcql_query.credentials"),
        (json!({"credentials": [1]}), "dcql_query.credentials[0]"),
        (credential(json!({"id": "-"})), "dcql_query.credentials[0].id"),
        (credential(json!({"id": ""})), "dcql_query.credentials[0].id"),
        (credential(json!({"id": "a b"})), "dcql_query.credentials[0].id"),
        (credential(json!({"id": "가"})), "dcql_query.credentials[0].id"),
        (credential(json!({"format": "-"})), "dcql_query.credentials[0].format"),
        (credential(json!({"format": 1})), "dcql_query.credentials[0].format"),
        (credential(json!({"meta": "-"})), "dcql_query.credentials[0].meta"),
        (credential(json!({"meta": []})), "dcql_query.credentials[0].meta"),
        (credential(json!({"meta": {"vct_values": []}})), "dcql_query.credentials[0].meta.vct_values"),
        (credential(json!({"meta": {"vct_values": [1]}})), "dcql_query.credentials[0].meta.vct_values[0]"),
        (credential(json!({"multiple": "yes"})), "dcql_query.credentials[0].multiple"),
        (credential(json!({"trusted_authorities": []})), "dcql_query.credentials[0].trusted_authorities"),
        (
            credential(json!({"trusted_authorities": [{"type": "aki", "values": []}]})),
            "dcql_query.credentials[0].trusted_authorities[0].values",
        ),
        (
            credential(json!({"require_cryptographic_holder_binding": 0})),
            "dcql_query.credentials[0].require_cryptographic_holder_binding",
        ),
        (claims(json!([])), "dcql_query.credentials[0].claims"),
        (claims(json!([{}])), "dcql_query.credentials[0].claims[0].path"),
        (claims(json!([{"path": []}])), "dcql_query.credentials[0].claims[0].path"),
        (claims(json!([{"path": [-1]}])), "dcql_query.credentials[0].claims[0].path"),
        (claims(json!([{"path": ["a"], "values": []}])), "dcql_query.credentials[0].claims[0].values"),
        (claims(json!([{"path": ["a"], "values": [1.5]}])), "dcql_query.credentials[0].claims[0].values[0]"),
        (claims(json!([{"path": ["a"], "values": [null]}])), "dcql_query.credentials[0].claims[0].values[0]"),
        (
            claims(json!([{"id": "x", "path": ["a"]}, {"id": "x", "path": ["b"]}])),
            "dcql_query.credentials[0].claims[1].id",
        ),
        (credential(json!({"claim_sets": [["x"]]})), "dcql_query.credentials[0].claim_sets"),
        (
            credential(json!({"claims": [{"path": ["a"]}], "claim_sets": [["x"]]})),
            "dcql_query.credentials[0].claims[0].id",
        ),
        (
            credential(json!({"claims": [{"id": "x", "path": ["a"]}], "claim_sets": [["y"]]})),
            "dcql_query.credentials[0].claim_sets[0][0]",
        ),
        (
            credential(json!({"claims": [{"id": "x", "path": ["a"]}], "claim_sets": [[]]})),
            "dcql_query.credentials[0].claim_sets[0]",
        ),
        (set(json!({})), "dcql_query.credential_sets[0].options"),
        (set(json!({"options": []})), "dcql_query.credential_sets[0].options"),
        (set(json!({"options": [[]]})), "dcql_query.credential_sets[0].options[0]"),
        (set(json!({"options": [["b"]]})), "dcql_query.credential_sets[0].options[0][0]"),
        (set(json!({"options": [["a"]], "required": 1})), "dcql_query.credential_sets[0].required"),
    ];
    for (value, at) in cases {
        assert_eq!(Query::from_value(&value).unwrap_err().at, at, "{value}");
    }
    let twice = json!({"credentials": [{"id": "a", "format": "f", "meta": {}}, {"id": "a", "format": "f", "meta": {}}]});
    assert_eq!(Query::from_value(&twice).unwrap_err().at, "dcql_query.credentials[1].id");
    assert!(Query::from_json(r#"{"credentials":[],"credentials":[]}"#).is_err());
    assert_eq!(Query::from_json(&" ".repeat(MAX_QUERY + 1)).unwrap_err().reason, "too large");
}

#[test]
fn what_the_standard_adds_later_is_ignored() {
    let mut value: Value = serde_json::from_str(EXAMPLES[0]).unwrap();
    value["later"] = json!(1);
    value["credentials"][0]["later"] = json!(1);
    value["credentials"][0]["claims"][0]["later"] = json!(1);
    assert_eq!(query(value), Query::from_json(EXAMPLES[0]).unwrap());
}

fn presented<'a>(query_id: &'a str, vct: &'a str, claims: &'a Value) -> Presented<'a> {
    Presented { query_id, format: "dc+sd-jwt", types: vec![vct], claims, authority_key_ids: &[] }
}

#[test]
fn an_answer_by_another_authority_than_was_asked_for_is_none() {
    let query = badge_query(json!({"trusted_authorities": [{"type": "aki", "values": ["AAAA", "BBBB"]}]}));
    let told = json!({});
    let by = |ids: &[String]| {
        let one = presented("badge", "badge", &told);
        query.check_response(&[Presented { authority_key_ids: ids, ..one }])
    };
    assert_eq!(by(&["CCCC".to_owned(), "BBBB".to_owned()]), Ok(()));
    let other = Err(ResponseError::OtherAuthority("badge".to_owned()));
    assert_eq!(by(&["CCCC".to_owned()]), other);
    assert_eq!(by(&[]), other);
}

#[test]
fn a_path_into_a_mobile_document_is_namespace_and_element() {
    let read = |path: Value| {
        Query::from_value(
            &json!({"credentials": [{"id": "d", "format": "mso_mdoc", "meta": {"doctype_value": "a.b"},
            "claims": [{"path": path, "intent_to_retain": false}]}]}),
        )
        .map_err(|error| error.at)
    };
    assert!(read(json!(["io.mapae.badge.1", "name"])).is_ok());
    for path in [json!(["name"]), json!(["a", "b", "c"]), json!(["a", 0]), json!(["a", null])] {
        assert_eq!(read(path.clone()), Err("dcql_query.credentials[0].claims[0].path".to_owned()), "{path}");
    }
}

#[test]
fn an_answer_holds_what_was_asked_for() {
    let query = badge_query(json!({"claims": [{"path": ["name"]}, {"path": ["rank"]}]}));
    let full = json!({"name": "x", "rank": "5"});
    assert_eq!(query.check_response(&[presented("badge", "badge", &full)]), Ok(()));
    let part = json!({"name": "x"});
    let id = || "badge".to_owned();
    assert_eq!(
        query.check_response(&[presented("badge", "badge", &part)]),
        Err(ResponseError::ClaimMissing(id()))
    );
    assert_eq!(
        query.check_response(&[presented("badge", "library", &full)]),
        Err(ResponseError::OtherType(id()))
    );
    let twice = [presented("badge", "badge", &full), presented("badge", "badge", &full)];
    assert_eq!(query.check_response(&twice), Err(ResponseError::TooMany(id())));
    assert_eq!(
        query.check_response(&[presented("x", "badge", &full)]),
        Err(ResponseError::NotAsked("x".to_owned()))
    );
    assert_eq!(query.check_response(&[]), Err(ResponseError::CredentialMissing));
    let mut mdoc = presented("badge", "badge", &full);
    mdoc.format = "mso_mdoc";
    assert_eq!(query.check_response(&[mdoc]), Err(ResponseError::OtherType(id())));
}

#[test]
fn an_answer_satisfies_one_option_of_each_required_set() {
    let query = Query::from_json(EXAMPLES[3]).unwrap();
    let reduced = json!({"family_name": "D", "given_name": "A"});
    let residence = json!({"postal_code": "1", "locality": "M", "region": "R"});
    let one = presented(
        "pid_reduced_cred_1",
        "https://credentials.example.com/reduced_identity_credential",
        &reduced,
    );
    let two = presented("pid_reduced_cred_2", "https://cred.example/residence_credential", &residence);
    assert_eq!(query.check_response(&[one.clone(), two]), Ok(()));
    assert_eq!(query.check_response(&[one]), Err(ResponseError::CredentialMissing));
}

/// Any JSON, often with the names that queries have.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z_]{0,8}".prop_map(Value::from),
    ];
    let names = prop::sample::select(vec![
        "credentials",
        "credential_sets",
        "claims",
        "claim_sets",
        "id",
        "format",
        "meta",
        "path",
        "values",
        "options",
        "required",
        "multiple",
        "type",
        "vct_values",
        "trusted_authorities",
    ]);
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names.clone(), inner, 0..5).prop_map(|map| map
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v))
                .collect::<serde_json::Map<_, _>>()
                .into()),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_reads_as_a_query_writes_and_reads_the_same(value in json_value()) {
        if let Ok(query) = Query::from_value(&value) {
            prop_assert_eq!(Query::from_value(&query.to_value()), Ok(query.clone()));
            let _ = query.matches(&[held("badge", &value)]);
        }
    }

    #[test]
    fn what_a_wallet_prefers_answers_the_query(has in prop::collection::vec(any::<bool>(), 5), required in any::<bool>()) {
        let all: Vec<&str> = vec!["a", "b", "c", "d", "e"];
        let claims: Value = all.iter().zip(&has).filter(|(_, has)| **has).map(|(name, _)| (name.to_string(), json!(1))).collect::<serde_json::Map<_, _>>().into();
        let entries: Vec<Value> = all.iter().map(|name| json!({"id": name, "format": "dc+sd-jwt", "meta": {}, "claims": [{"path": [name]}]})).collect();
        let query = query(json!({"credentials": entries, "credential_sets": [
            {"options": [["a", "b"], ["c"]]}, {"options": [["d"], ["e"]], "required": required}
        ]}));
        match query.matches(&[held("badge", &claims)]) {
            Ok(selection) => {
                let answer: Vec<Presented<'_>> = selection.preferred().into_iter().map(|(id, _)| presented(id, "badge", &claims)).collect();
                prop_assert_eq!(query.check_response(&answer), Ok(()));
            }
            Err(_) => {
                let first = (has[0] && has[1]) || has[2];
                let second = has[3] || has[4];
                prop_assert!(!first || (required && !second));
            }
        }
    }
}
