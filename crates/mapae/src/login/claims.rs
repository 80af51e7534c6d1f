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
//! government systems read, `cn` and `instCode`, stand beside ours, and `preferred_username` for products that know no other
//! name of an account: it is the employee number. Single claims may be asked for by the `claims` parameter (§5.5).
//!
//! A relying party that is registered for tests is given made-up values in place of all of these, and a `sub` that belongs to
//! no other sector: its phone is asked for nothing but the link identifier.

use openid::oidc::{ClaimRequest, ClaimsRequest};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::pages::Language;
use crate::verification::relying_party::{RelyingParty, Subject};

/// The claim that `sub` is made from. It never leaves this provider.
pub(super) const LINK_ID: &str = "link_id";

/// Scopes that this provider knows.
pub(super) const SCOPES: [&str; 4] = ["openid", "profile", "badge", "offline_access"];

const PROFILE: &[&str] = &["name", "family_name", "given_name"];
const BADGE: &[&str] =
    &["name", "agency_name", "inst_code", "department", "position", "rank", "employee_number"];

/// Every badge claim that can be asked for; its place is its bit in a [`ClaimSet`], so the order never changes.
const NAMES: [&str; 9] = [
    "name",
    "family_name",
    "given_name",
    "agency_name",
    "inst_code",
    "department",
    "position",
    "rank",
    "employee_number",
];

/// Names that others read, and ours for the same.
const TWINS: [(&str, &str); 3] =
    [("name", "cn"), ("inst_code", "instCode"), ("employee_number", "preferred_username")];

/// Our name for what others may call otherwise.
fn ours(name: &str) -> &str {
    TWINS.iter().find(|(_, theirs)| *theirs == name).map_or(name, |(ours, _)| *ours)
}

/// Every claim that can be given, as discovery lists them.
pub(super) const SUPPORTED: [&str; 13] = [
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
    "preferred_username",
];

/// Badge claims asked for, as they travel in tickets: a QR has no room for names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ClaimSet(u16);

impl ClaimSet {
    /// The claims that scopes stand for.
    pub(super) fn of_scopes(scopes: &[String]) -> ClaimSet {
        let mut set = ClaimSet::default();
        for scope in scopes {
            let more = match scope.as_str() {
                "profile" => PROFILE,
                "badge" => BADGE,
                _ => &[],
            };
            more.iter().for_each(|name| set.insert(name));
        }
        set
    }

    /// The claims that one member of a `claims` parameter names; those that nobody here knows are ignored (§5.5).
    pub(super) fn of_names<'a>(names: impl Iterator<Item = &'a String>) -> ClaimSet {
        let mut set = ClaimSet::default();
        for name in names {
            set.insert(ours(name));
        }
        set
    }

    fn insert(&mut self, name: &str) {
        if let Some(at) = NAMES.iter().position(|known| *known == name) {
            self.0 |= 1 << at;
        }
    }

    /// Bit that no claim has: a consent that was remembered does not count (`prompt=consent`).
    const ANEW: u16 = 1 << 15;

    /// The same, asked of the holder as if it were the first time.
    pub(super) fn asked_anew(self, anew: bool) -> ClaimSet {
        if anew { ClaimSet(self.0 | Self::ANEW) } else { self }
    }

    /// Whether a consent that was remembered does not count.
    pub(super) fn is_asked_anew(self) -> bool {
        self.0 & Self::ANEW != 0
    }

    /// Both together.
    pub(super) fn with(self, other: ClaimSet) -> ClaimSet {
        ClaimSet(self.0 | other.0)
    }

    /// Those that `party` may have of a badge, in a fixed order, without the link identifier; none for a test.
    pub(super) fn asked(self, party: &RelyingParty) -> Vec<&'static str> {
        if party.test { Vec::new() } else { self.registered(party) }
    }

    /// Those that `party` is registered for, in a fixed order.
    pub(super) fn registered(self, party: &RelyingParty) -> Vec<&'static str> {
        let asked = NAMES.iter().enumerate().filter(|(at, _)| self.0 & (1 << at) != 0).map(|(_, name)| *name);
        asked.filter(|name| party.claims.iter().any(|registered| registered == name)).collect()
    }

    /// Of a person's claims those that this set names, with their twins and languages.
    pub(super) fn of_claims(self, claims: &Map<String, Value>) -> Map<String, Value> {
        let holds = |name: &str| {
            NAMES.iter().position(|known| *known == name).is_some_and(|at| self.0 & (1 << at) != 0)
        };
        let named = |name: &str| {
            let plain = name.split('#').next().unwrap_or_default();
            holds(ours(plain))
        };
        claims
            .iter()
            .filter(|(name, _)| named(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

/// A claim that a `claims` parameter asks for in the ID token, with what it says about it.
pub(super) fn in_id_token<'a>(claims: &'a ClaimsRequest, name: &str) -> Option<&'a ClaimRequest> {
    claims.id_token.get(name).and_then(Option::as_ref)
}

/// The identifier of a person at a relying party (OpenID Connect Core §8.1): the same after re-issue and transfer,
/// since the link identifier is; different for each sector unless the party is registered for the public one.
pub(super) fn subject(key: &[u8], party: &RelyingParty, link_id: &str) -> String {
    let (kind, sector) = match party.subject {
        // Nothing that a test learns fits to anything outside of it.
        _ if party.test => ("test", party.sector.as_str()),
        Subject::Pairwise => ("pairwise", party.sector.as_str()),
        Subject::Public => ("public", ""),
    };
    // A zero byte ends each part, and none can hold one: no two inputs run together.
    let mac =
        keys::mac::hmac_sha256(key, &[kind.as_bytes(), b"\0", sector.as_bytes(), b"\0", link_id.as_bytes()]);
    keys::encoding::b64url_encode(&mac)
}

/// What a badge would disclose of these claims, made up: the same for everybody who tries a test.
pub(super) fn made_up(asked: &[&str]) -> Map<String, Value> {
    let text = |ko: &str, en: &str| json!({ "ko": ko, "en": en });
    let value = |name: &str| match name {
        "name" => text("김예시", "Kim Yesi"),
        "family_name" => text("김", "Kim"),
        "given_name" => text("예시", "Yesi"),
        "agency_name" => text("예시행정부", "Example Ministry"),
        "inst_code" => json!("9999999"),
        "department" => text("예시과", "Example Division"),
        "position" => text("예시관", "Example Officer"),
        "rank" => text("예시급", "Example Grade"),
        _ => json!("EX-TEST-0001"),
    };
    asked.iter().map(|name| ((*name).to_owned(), value(name))).collect()
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
    for (ours, theirs) in TWINS {
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
