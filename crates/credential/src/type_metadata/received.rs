//! Reading the document of a type that somebody else describes, and whether a credential is what it says (SD-JWT VC §5, §6).
//!
//! A document that extends another is passed over whole: half of the rules of a type are none.

use keys::encoding::b64_decode;
use keys::{sha256, strict_json};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::path::{ClaimPath, Step};
use crate::sd_jwt::SdJwt;

/// The most claims of a document that is read.
pub const MAX_RULES: usize = 256;
/// The most places that one path may select.
pub const MAX_PLACES: usize = 1024;

/// Why a document is not used, or a credential not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    #[error("the type's document is not the one that the credential names by its hash")]
    Integrity,
    #[error("the type's document is no type metadata")]
    Malformed,
    #[error("the type's document describes another type")]
    OtherType,
    #[error("the type's document builds upon another")]
    Extends,
    /// The credential is not to be taken.
    #[error("the type's document has malformed claims, or more than can be judged")]
    Claims,
    /// The credential is not to be taken.
    #[error("the credential lacks a claim that its type demands, or has it in another shape")]
    Missing,
    /// The credential is not to be taken.
    #[error("a claim can be withheld that its type always tells, or the other way round")]
    Disclosure,
}

impl MetadataError {
    /// Whether the credential is to be refused (§5.7), not the document alone passed over.
    pub fn refuses_the_credential(self) -> bool {
        matches!(self, Self::Claims | Self::Missing | Self::Disclosure)
    }
}

/// Whether a claim is told as a disclosure of its own (§5.6.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Selective {
    Always,
    #[default]
    Allowed,
    Never,
}

/// What a type demands of one claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimRule {
    pub path: ClaimPath,
    #[serde(default)]
    pub mandatory: bool,
    #[serde(default)]
    pub sd: Selective,
}

/// A document and the rules in it.
#[derive(Debug, Clone, PartialEq)]
pub struct TypeMetadata {
    /// All of the document, for names and labels.
    pub document: Map<String, Value>,
    /// What it demands of claims.
    pub rules: Vec<ClaimRule>,
}

impl TypeMetadata {
    /// Reads the document that was got for `vct`; `integrity` is the credential's `vct#integrity`, where it has one.
    pub fn read(document: &[u8], vct: &str, integrity: Option<&str>) -> Result<Self, MetadataError> {
        if integrity.is_some_and(|expected| !matches(document, expected)) {
            return Err(MetadataError::Integrity);
        }
        let document: Map<String, Value> =
            strict_json::parse(document).map_err(|_| MetadataError::Malformed)?;
        if document.get("vct").and_then(Value::as_str) != Some(vct) {
            return Err(MetadataError::OtherType);
        }
        if document.contains_key("extends") {
            return Err(MetadataError::Extends);
        }
        let rules = match document.get("claims") {
            None => Vec::new(),
            Some(claims) => Vec::deserialize(claims).map_err(|_| MetadataError::Claims)?,
        };
        if rules.len() > MAX_RULES {
            return Err(MetadataError::Claims);
        }
        Ok(Self { document, rules })
    }
}

/// Whether a credential with all of its disclosures keeps these rules (§5.6).
///
/// A number in a path counts the elements that are there: a holder that was sent all disclosures has them all, but for
/// decoys among them.
pub fn check(rules: &[ClaimRule], token: &SdJwt) -> Result<(), MetadataError> {
    let disclosed: Vec<&[Step]> = token.disclosed_paths().collect();
    for rule in rules {
        let places = places(&rule.path, token.dangerous_claims())?;
        if rule.mandatory && places.is_empty() {
            return Err(MetadataError::Missing);
        }
        let kept = |place: &Vec<Step>| match rule.sd {
            Selective::Allowed => true,
            Selective::Always => disclosed.contains(&place.as_slice()),
            Selective::Never => !disclosed.contains(&place.as_slice()),
        };
        if !places.iter().all(kept) {
            return Err(MetadataError::Disclosure);
        }
    }
    Ok(())
}

/// Where the claims stand that the path selects; an error where it asks a name or element of what has none.
fn places(path: &ClaimPath, root: &Value) -> Result<Vec<Vec<Step>>, MetadataError> {
    let missing = MetadataError::Missing;
    let mut selected = vec![(Vec::new(), root)];
    for step in path.steps() {
        let mut next = Vec::with_capacity(selected.len());
        for (place, value) in selected {
            let below = |step: Step| place.iter().cloned().chain([step]).collect::<Vec<_>>();
            match step {
                Step::Key(name) => {
                    next.extend(
                        value.as_object().ok_or(missing)?.get(name).map(|value| (below(step.clone()), value)),
                    );
                }
                Step::Index(at) => {
                    next.extend(
                        value.as_array().ok_or(missing)?.get(*at).map(|value| (below(step.clone()), value)),
                    );
                }
                Step::Every => {
                    let items = value.as_array().ok_or(missing)?.iter().enumerate();
                    let room = MAX_PLACES + 1 - next.len().min(MAX_PLACES);
                    next.extend(items.take(room).map(|(at, value)| (below(Step::Index(at)), value)));
                }
            }
            if next.len() > MAX_PLACES {
                return Err(MetadataError::Claims);
            }
        }
        selected = next;
    }
    Ok(selected.into_iter().map(|(place, _)| place).collect())
}

/// Whether the document has one of the hashes (Subresource Integrity §3). The one algorithm that is known here is
/// SHA-256; where none of them is, the document is not the one.
fn matches(document: &[u8], integrity: &str) -> bool {
    let digest = sha256(document);
    integrity
        .split_ascii_whitespace()
        .filter_map(|hash| hash.strip_prefix("sha256-"))
        .map(|hash| hash.split_once('?').map_or(hash, |(hash, _options)| hash))
        .any(|hash| b64_decode(hash).is_ok_and(|expected| expected == digest))
}

#[cfg(test)]
mod tests {
    use keys::SecretKey;
    use keys::encoding::b64url_encode;
    use serde_json::json;

    use super::super::integrity;
    use super::*;
    use crate::fixture::{VCT, World, raw_token};
    use crate::types::CredentialType;

    fn read(document: &Value) -> Result<TypeMetadata, MetadataError> {
        TypeMetadata::read(document.to_string().as_bytes(), VCT, None)
    }

    fn rules(claims: Value) -> Vec<ClaimRule> {
        read(&json!({"vct": VCT, "claims": claims})).unwrap().rules
    }

    /// A name that is always told, a department and a second language that may be withheld.
    fn token() -> SdJwt {
        let disclosure = |contents: Value| b64url_encode(contents.to_string().as_bytes());
        let digest = |text: &String| b64url_encode(&sha256(text.as_bytes()));
        let department = disclosure(json!(["s", "department", {"name": "예시과"}]));
        let english = disclosure(json!(["s", "en"]));
        let payload = json!({
            "vct": VCT, "name": "예시온", "_sd": [digest(&department)],
            "languages": ["ko", {"...": digest(&english)}],
        });
        let text = raw_token(&SecretKey::generate(), &[vec![0]], &payload, &[department, english]);
        SdJwt::parse(&text).unwrap()
    }

    fn judge(claims: Value) -> Result<(), MetadataError> {
        check(&rules(claims), &token())
    }

    #[test]
    fn our_own_badge_is_what_our_own_document_says() {
        let file = include_str!("../../../mapae/types/badge.toml");
        let kind = CredentialType::parse(file, "https://id.example").unwrap();
        let document = super::super::document(&kind);
        let read = TypeMetadata::read(document.as_bytes(), &kind.vct, Some(&integrity(&document))).unwrap();
        assert_eq!(read.rules.len(), kind.claims.len());
        assert!(read.rules.iter().any(|rule| rule.mandatory && rule.sd == Selective::Always));
        // The small badge of the tests is none of that type: it lacks most of its claims.
        let badge = SdJwt::parse(&World::new().badge()).unwrap();
        assert_eq!(check(&read.rules, &badge), Err(MetadataError::Missing));
    }

    #[test]
    fn a_claim_that_the_type_demands_is_there() {
        assert_eq!(judge(json!([{"path": ["name"], "mandatory": true}])), Ok(()));
        assert_eq!(judge(json!([{"path": ["department", "name"], "mandatory": true}])), Ok(()));
        assert_eq!(judge(json!([{"path": ["languages", null], "mandatory": true}])), Ok(()));
        assert_eq!(judge(json!([{"path": ["rank"]}])), Ok(()), "optional unless it says so");
        for missing in [json!(["rank"]), json!(["department", "code"]), json!(["languages", 2])] {
            let rule = json!([{"path": missing, "mandatory": true}]);
            assert_eq!(judge(rule.clone()), Err(MetadataError::Missing), "{rule}");
        }
        // A name asked of a text, an element of what is no list: the path itself fails.
        for odd in [json!(["name", "ko"]), json!(["name", 0]), json!(["department", null])] {
            assert_eq!(judge(json!([{"path": odd}])), Err(MetadataError::Missing), "{odd}");
        }
    }

    #[test]
    fn what_may_be_withheld_is_what_the_type_says() {
        for (path, sd, expected) in [
            (json!(["name"]), "never", Ok(())),
            (json!(["name"]), "allowed", Ok(())),
            (json!(["name"]), "always", Err(MetadataError::Disclosure)),
            (json!(["department"]), "always", Ok(())),
            (json!(["department"]), "allowed", Ok(())),
            (json!(["department"]), "never", Err(MetadataError::Disclosure)),
            // Within a claim that may be withheld, but no disclosure itself.
            (json!(["department", "name"]), "always", Err(MetadataError::Disclosure)),
            (json!(["department", "name"]), "never", Ok(())),
            (json!(["languages", 0]), "never", Ok(())),
            (json!(["languages", 1]), "always", Ok(())),
            (json!(["languages", null]), "always", Err(MetadataError::Disclosure)),
            (json!(["languages", null]), "never", Err(MetadataError::Disclosure)),
            (json!(["languages"]), "never", Ok(())),
        ] {
            let rule = json!([{"path": path, "sd": sd}]);
            assert_eq!(judge(rule.clone()), expected, "{rule}");
        }
    }

    #[test]
    fn claims_of_another_form_speak_against_the_credential() {
        for broken in [
            json!({}),
            json!(["name"]),
            json!([{}]),
            json!([{"path": []}]),
            json!([{"path": "name"}]),
            json!([{"path": ["name", -1]}]),
            json!([{"path": ["name"], "mandatory": "yes"}]),
            json!([{"path": ["name"], "sd": "sometimes"}]),
        ] {
            let error = read(&json!({"vct": VCT, "claims": broken})).unwrap_err();
            assert_eq!(error, MetadataError::Claims, "{broken}");
            assert!(error.refuses_the_credential());
        }
        let more = json!({"vct": VCT, "later": 1, "claims": [{"path": ["name"], "later": {}}]});
        assert_eq!(read(&more).unwrap().rules.len(), 1, "what is not understood is ignored");
    }

    #[test]
    fn number_of_claims_and_of_their_places_is_bounded() {
        let rule = json!({"path": ["name"]});
        assert_eq!(rules(json!(vec![&rule; MAX_RULES])).len(), MAX_RULES);
        let many = json!({"vct": VCT, "claims": vec![&rule; MAX_RULES + 1]});
        assert_eq!(read(&many), Err(MetadataError::Claims));
        let listed = |count: usize| {
            let payload = json!({"vct": VCT, "list": vec![vec![1; 64]; count]});
            SdJwt::parse(&raw_token(&SecretKey::generate(), &[vec![0]], &payload, &[])).unwrap()
        };
        let every = rules(json!([{"path": ["list", null, null], "sd": "never"}]));
        assert_eq!(check(&every, &listed(MAX_PLACES / 64)), Ok(()));
        assert_eq!(check(&every, &listed(MAX_PLACES / 64 + 1)), Err(MetadataError::Claims));
    }

    #[test]
    fn a_document_that_is_another_or_not_whole_is_passed_over() {
        let other = json!({"vct": "https://issuer.example/types/licence"});
        let extending = json!({"vct": VCT, "extends": "https://issuer.example/types/base", "claims": 7});
        for (document, why) in [
            (json!([]), MetadataError::Malformed),
            (json!({}), MetadataError::OtherType),
            (other, MetadataError::OtherType),
            (extending, MetadataError::Extends),
        ] {
            assert_eq!(read(&document).unwrap_err(), why);
            assert!(!why.refuses_the_credential());
        }
        let repeated = format!(r#"{{"vct":"{VCT}","claims":[],"claims":[]}}"#);
        assert_eq!(TypeMetadata::read(repeated.as_bytes(), VCT, None), Err(MetadataError::Malformed));
    }

    #[test]
    fn the_document_is_the_one_that_the_hash_names() {
        let document = json!({"vct": VCT}).to_string();
        let read =
            |integrity: &str| TypeMetadata::read(document.as_bytes(), VCT, Some(integrity)).map(|_| ());
        let right = integrity(&document);
        let wrong = integrity("another");
        assert_eq!(read(&right), Ok(()));
        assert_eq!(read(&format!("{right}?ct=application/json")), Ok(()));
        assert_eq!(read(&format!("{wrong} {right}")), Ok(()), "one of several");
        let unknown = right.replacen("sha256", "sha999", 1);
        for refused in
            [wrong.as_str(), "", "sha256-", "sha256-!", unknown.as_str(), &right[..right.len() - 4]]
        {
            assert_eq!(read(refused), Err(MetadataError::Integrity), "{refused}");
        }
    }
}
