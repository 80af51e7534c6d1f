//! Which claims a relying party gets, and the names under which it reads them.
//!
//! | Scope | Badge claims |
//! |---|---|
//! | `openid` | `sub`, from the link identifier that only this provider is shown |
//! | `profile` | `name`, `family_name`, `given_name` |
//! | `badge` | `name`, `agency_name`, `inst_code`, `department`, `position`, `rank`, `employee_number` |
//!
//! What a relying party is not registered for it does not get, whatever scope it asks. A value with two languages is
//! given as the Korean text, and the English one under `<name>#en` (OpenID Connect Core §5.2). The names that Korean
//! government systems read, `cn` and `instCode`, stand beside ours.

use serde_json::{Map, Value};

use crate::pages::Language;
use crate::verification::relying_party::{RelyingParty, Subject};

/// The claim that `sub` is made from. It never leaves this provider.
pub(super) const LINK_ID: &str = "link_id";

/// Scopes that this provider knows.
pub(super) const SCOPES: [&str; 3] = ["openid", "profile", "badge"];

const PROFILE: &[&str] = &["name", "family_name", "given_name"];
const BADGE: &[&str] =
    &["name", "agency_name", "inst_code", "department", "position", "rank", "employee_number"];

/// Every claim that some scope can give, as discovery lists them.
pub(super) const SUPPORTED: [&str; 12] = [
    "sub",
    "name",
    "family_name",
    "given_name",
    "agency_name",
    "inst_code",
    "department",
    "position",
    "rank",
    "employee_number",
    "cn",
    "instCode",
];

/// The badge claims that `scopes` ask for and `party` may have, in a fixed order, without the link identifier.
pub(super) fn asked(party: &RelyingParty, scopes: &[String]) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for scope in scopes {
        let more = match scope.as_str() {
            "profile" => PROFILE,
            "badge" => BADGE,
            _ => &[],
        };
        for name in more {
            if !names.contains(name) && party.claims.iter().any(|registered| registered == name) {
                names.push(name);
            }
        }
    }
    names
}

/// The identifier of a person at a relying party (OpenID Connect Core §8.1): the same after re-issue and transfer,
/// since the link identifier is; different for each sector unless the party is registered for the public one.
pub(super) fn subject(key: &[u8], party: &RelyingParty, link_id: &str) -> String {
    let (kind, sector) = match party.subject {
        Subject::Pairwise => ("pairwise", party.sector.as_str()),
        Subject::Public => ("public", ""),
    };
    // A zero byte ends each part, and none can hold one: no two inputs run together.
    let mac =
        keys::mac::hmac_sha256(key, &[kind.as_bytes(), b"\0", sector.as_bytes(), b"\0", link_id.as_bytes()]);
    keys::encoding::b64url_encode(&mac)
}

/// The claims of the userinfo answer, without `sub`, from what the badge disclosed.
pub(super) fn userinfo(disclosed: &Map<String, Value>, asked: &[&str]) -> Map<String, Value> {
    let mut claims = Map::new();
    for name in asked {
        match disclosed.get(*name) {
            Some(Value::Object(texts)) => {
                if let Some(korean) = texts.get("ko") {
                    claims.insert((*name).to_owned(), korean.clone());
                }
                if let Some(english) = texts.get("en") {
                    claims.insert(format!("{name}#en"), english.clone());
                }
            }
            Some(value) => {
                claims.insert((*name).to_owned(), value.clone());
            }
            None => {}
        }
    }
    for (ours, theirs) in [("name", "cn"), ("inst_code", "instCode")] {
        if let Some(value) = claims.get(ours).cloned() {
            claims.insert(theirs.to_owned(), value);
        }
    }
    claims
}

/// What a claim is called on the page.
pub(super) fn label(language: Language, name: &str) -> &'static str {
    match name {
        "name" => language.pick("이름", "Name"),
        "family_name" => language.pick("성", "Family name"),
        "given_name" => language.pick("이름(성 제외)", "Given name"),
        "agency_name" => language.pick("소속 기관", "Agency"),
        "inst_code" => language.pick("기관 코드", "Institution code"),
        "department" => language.pick("부서", "Department"),
        "position" => language.pick("직위", "Position"),
        "rank" => language.pick("직급", "Rank"),
        "employee_number" => language.pick("공무원 번호", "Employee number"),
        _ => language.pick("그 밖의 정보", "Other information"),
    }
}
