//! The query itself.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::path::{ClaimPath, PathError, Step};

/// The largest query that is read, in bytes.
pub const MAX_QUERY: usize = 64 * 1024;
/// The most entries of any array of a query.
const MAX_ENTRIES: usize = 100;

/// A DCQL query that satisfies every rule of OpenID4VP 1.0 §6.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Query {
    /// The credentials that may be asked for; never empty.
    pub credentials: Vec<CredentialQuery>,
    /// Empty when the query has none: then every credential is asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub credential_sets: Vec<CredentialSetQuery>,
}

/// One credential asked for (§6.1).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CredentialQuery {
    /// The name under which the answer comes back.
    pub id: String,
    /// The credential format, such as `dc+sd-jwt`.
    pub format: String,
    /// Whether more than one credential may come back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub multiple: bool,
    /// What kind of credential.
    pub meta: Meta,
    /// Authorities of which one must stand behind the issuer; empty when any may.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted_authorities: Vec<TrustedAuthority>,
    /// Whether the holder must prove to hold it; true unless the query says otherwise.
    #[serde(skip_serializing_if = "Clone::clone")]
    pub require_cryptographic_holder_binding: bool,
    /// Empty when the query has none: then nothing that may be withheld is asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<ClaimQuery>,
    /// Each names claims by their `id`; empty when the query has none: then all claims are asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claim_sets: Vec<Vec<String>>,
}

/// What the credential must be (§B.2.3, §B.3.5).
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Meta {
    /// SD-JWT VC: one of these types.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vct_values: Option<Vec<String>>,
    /// ISO mdoc: this document type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doctype_value: Option<String>,
}

/// Who must stand behind the issuer (§6.1.1).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrustedAuthority {
    /// How the values name an authority.
    #[serde(rename = "type")]
    pub kind: AuthorityType,
    /// The authorities; never empty.
    pub values: Vec<String>,
}

/// How an authority is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum AuthorityType {
    /// base64url of the KeyIdentifier of an AuthorityKeyIdentifier in the credential's chain.
    #[serde(rename = "aki")]
    AuthorityKeyIdentifier,
    #[serde(rename = "etsi_tl")]
    EtsiTrustedList,
    #[serde(rename = "openid_federation")]
    OpenIdFederation,
    #[serde(untagged)]
    Other(String),
}

/// Alternatives of which one is wanted (§6.2).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CredentialSetQuery {
    /// Sets of credential query `id`s, any one of which will do; never empty.
    pub options: Vec<Vec<String>>,
    /// Whether one of the options must come back; true unless the query says otherwise.
    #[serde(skip_serializing_if = "Clone::clone")]
    pub required: bool,
}

/// One claim asked for (§6.3).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClaimQuery {
    /// The name by which claim sets refer to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where the claim stands in the credential.
    pub path: ClaimPath,
    /// Empty when any value will do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<ExpectedValue>,
}

/// A value that a claim may be asked to have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ExpectedValue {
    Text(String),
    Integer(i64),
    Boolean(bool),
}

impl ExpectedValue {
    /// Whether the claim has this value and this type.
    pub fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text(a), Value::String(b)) => a == b,
            (Self::Integer(a), Value::Number(b)) => b.as_i64() == Some(*a),
            (Self::Boolean(a), Value::Bool(b)) => a == b,
            _ => false,
        }
    }
}

/// Why a value is no DCQL query. `at` names the place, such as `credentials[0].claims[2].path`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {reason}")]
pub struct QueryError {
    /// The place in the query.
    pub at: String,
    /// What is wrong there.
    pub reason: &'static str,
}

impl Query {
    /// Reads a query from JSON text of at most [`MAX_QUERY`] bytes.
    pub fn from_json(text: &str) -> Result<Self, QueryError> {
        if text.len() > MAX_QUERY {
            return Err(Place::root().error("too large"));
        }
        let value: Value = keys::strict_json::parse(text.as_bytes())
            .map_err(|_| Place::root().error("not JSON with one meaning"))?;
        Self::from_value(&value)
    }

    /// Reads a query from JSON. Unknown members are ignored, as §6 says.
    pub fn from_value(value: &Value) -> Result<Self, QueryError> {
        let root = Place::root();
        let members = root.object(value)?;
        let credentials =
            root.list(members, "credentials")?.ok_or_else(|| root.at("credentials").error("is required"))?;
        let credentials: Vec<_> =
            credentials.iter().map(|(at, value)| credential(at, value)).collect::<Result<_, _>>()?;
        let mut ids = BTreeSet::new();
        for (at, query) in credentials.iter().enumerate() {
            if !ids.insert(query.id.as_str()) {
                return Err(root.at("credentials").index(at).at("id").error("is used twice"));
            }
        }
        let sets = root.list(members, "credential_sets")?.unwrap_or_default();
        let credential_sets =
            sets.iter().map(|(at, value)| credential_set(at, value, &ids)).collect::<Result<_, _>>()?;
        drop(ids);
        Ok(Self { credentials, credential_sets })
    }

    /// The JSON form.
    pub fn to_value(&self) -> Value {
        // The types serialize to strings, numbers, arrays and objects with string keys: nothing can fail.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The credential query of that id.
    pub fn credential(&self, id: &str) -> Option<&CredentialQuery> {
        self.credentials.iter().find(|query| query.id == id)
    }
}

impl CredentialQuery {
    /// The claims of each set that would do, the most wanted first; one set of all claims when there are no sets.
    pub fn alternatives(&self) -> Vec<Vec<&ClaimQuery>> {
        if self.claim_sets.is_empty() {
            return vec![self.claims.iter().collect()];
        }
        let by_id = |id: &String| self.claims.iter().find(|claim| claim.id.as_ref() == Some(id));
        self.claim_sets.iter().map(|set| set.iter().filter_map(by_id).collect()).collect()
    }
}

fn credential(at: &Place, value: &Value) -> Result<CredentialQuery, QueryError> {
    let members = at.object(value)?;
    let format = at.text(members, "format")?;
    let claims: Vec<_> = at
        .list(members, "claims")?
        .unwrap_or_default()
        .iter()
        .map(|(at, value)| claim(at, value))
        .collect::<Result<_, _>>()?;
    // A path into a mobile document is namespace and element (Appendix B.2.4).
    let element = |claim: &ClaimQuery| matches!(claim.path.steps(), [Step::Key(_), Step::Key(_)]);
    if format == "mso_mdoc"
        && let Some(i) = claims.iter().position(|claim: &ClaimQuery| !element(claim))
    {
        return Err(at
            .at("claims")
            .index(i)
            .at("path")
            .error("is namespace and element for a mobile document"));
    }
    let claim_sets = match at.list(members, "claim_sets")? {
        None => Vec::new(),
        Some(_) if claims.is_empty() => return Err(at.at("claim_sets").error("needs `claims`")),
        Some(sets) => claim_sets(at, &claims, &sets)?,
    };
    let mut ids = BTreeSet::new();
    for (i, id) in claims.iter().enumerate().filter_map(|(i, claim)| Some((i, claim.id.as_ref()?))) {
        if !ids.insert(id) {
            return Err(at.at("claims").index(i).at("id").error("is used twice"));
        }
    }
    let meta =
        at.at("meta").object(members.get("meta").ok_or_else(|| at.at("meta").error("is required"))?)?;
    Ok(CredentialQuery {
        id: at.id(members)?.ok_or_else(|| at.at("id").error("is required"))?,
        multiple: at.flag(members, "multiple", false)?,
        meta: self::meta(&at.at("meta"), meta, &format)?,
        trusted_authorities: at
            .list(members, "trusted_authorities")?
            .unwrap_or_default()
            .iter()
            .map(|(at, value)| authority(at, value))
            .collect::<Result<_, _>>()?,
        require_cryptographic_holder_binding: at.flag(
            members,
            "require_cryptographic_holder_binding",
            true,
        )?,
        format,
        claims,
        claim_sets,
    })
}

fn meta(at: &Place, members: &Map<String, Value>, format: &str) -> Result<Meta, QueryError> {
    let mut meta = Meta::default();
    match format {
        "dc+sd-jwt" if members.contains_key("vct_values") => {
            meta.vct_values = Some(at.texts(members, "vct_values")?)
        }
        "mso_mdoc" if members.contains_key("doctype_value") => {
            meta.doctype_value = Some(at.text(members, "doctype_value")?);
        }
        _ => {}
    }
    Ok(meta)
}

fn authority(at: &Place, value: &Value) -> Result<TrustedAuthority, QueryError> {
    let members = at.object(value)?;
    let kind = match at.text(members, "type")?.as_str() {
        "aki" => AuthorityType::AuthorityKeyIdentifier,
        "etsi_tl" => AuthorityType::EtsiTrustedList,
        "openid_federation" => AuthorityType::OpenIdFederation,
        other => AuthorityType::Other(other.to_owned()),
    };
    Ok(TrustedAuthority { kind, values: at.texts(members, "values")? })
}

fn claim(at: &Place, value: &Value) -> Result<ClaimQuery, QueryError> {
    let members = at.object(value)?;
    let path = members.get("path").ok_or_else(|| at.at("path").error("is required"))?;
    let path = ClaimPath::from_value(path).map_err(|e| {
        at.at("path").error(match e {
            PathError::TooLong => "is too long",
            PathError::BadStep => "has a step that is no string, non-negative integer or null",
            _ => "is a non-empty array",
        })
    })?;
    let expected = |(at, value): &(Place, &Value)| match value {
        Value::String(text) => Ok(ExpectedValue::Text(text.clone())),
        Value::Bool(flag) => Ok(ExpectedValue::Boolean(*flag)),
        Value::Number(n) => n.as_i64().map(ExpectedValue::Integer).ok_or_else(|| at.error("is no integer")),
        _ => Err(at.error("is no string, integer or boolean")),
    };
    let values = at.list(members, "values")?.unwrap_or_default();
    Ok(ClaimQuery {
        id: at.id(members)?,
        path,
        values: values.iter().map(expected).collect::<Result<_, _>>()?,
    })
}

fn claim_sets(
    at: &Place,
    claims: &[ClaimQuery],
    sets: &[(Place, &Value)],
) -> Result<Vec<Vec<String>>, QueryError> {
    if let Some(i) = claims.iter().position(|claim| claim.id.is_none()) {
        return Err(at.at("claims").index(i).at("id").error("is required beside `claim_sets`"));
    }
    let known = |id: &str| claims.iter().any(|claim| claim.id.as_deref() == Some(id));
    sets.iter().map(|(at, value)| references(at, value, known)).collect()
}

fn credential_set(at: &Place, value: &Value, ids: &BTreeSet<&str>) -> Result<CredentialSetQuery, QueryError> {
    let members = at.object(value)?;
    let options = at.list(members, "options")?.ok_or_else(|| at.at("options").error("is required"))?;
    Ok(CredentialSetQuery {
        options: options
            .iter()
            .map(|(at, value)| references(at, value, |id| ids.contains(id)))
            .collect::<Result<_, _>>()?,
        required: at.flag(members, "required", true)?,
    })
}

/// A non-empty array of identifiers that exist.
fn references(at: &Place, value: &Value, known: impl Fn(&str) -> bool) -> Result<Vec<String>, QueryError> {
    let one = |(at, value): &(Place, &Value)| match value.as_str() {
        Some(id) if known(id) => Ok(id.to_owned()),
        Some(_) => Err(at.error("names nothing of the query")),
        None => Err(at.error("is no string")),
    };
    at.entries(value)?.iter().map(one).collect()
}

/// A place in the query, for error messages.
#[derive(Clone)]
struct Place(String);

impl Place {
    fn root() -> Self {
        Self("dcql_query".to_owned())
    }

    fn at(&self, member: &str) -> Self {
        Self(format!("{}.{member}", self.0))
    }

    fn index(&self, i: usize) -> Self {
        Self(format!("{}[{i}]", self.0))
    }

    fn error(&self, reason: &'static str) -> QueryError {
        QueryError { at: self.0.clone(), reason }
    }

    fn object<'v>(&self, value: &'v Value) -> Result<&'v Map<String, Value>, QueryError> {
        value.as_object().ok_or_else(|| self.error("is no object"))
    }

    /// The entries of a non-empty array, each with its place.
    fn entries<'v>(&self, value: &'v Value) -> Result<Vec<(Place, &'v Value)>, QueryError> {
        let entries = value.as_array().ok_or_else(|| self.error("is no array"))?;
        match entries.len() {
            0 => Err(self.error("is empty")),
            1..=MAX_ENTRIES => {
                Ok(entries.iter().enumerate().map(|(i, value)| (self.index(i), value)).collect())
            }
            _ => Err(self.error("has too many entries")),
        }
    }

    #[allow(clippy::type_complexity, reason = "the entries of an optional array, each with its place")]
    fn list<'v>(
        &self,
        members: &'v Map<String, Value>,
        name: &str,
    ) -> Result<Option<Vec<(Place, &'v Value)>>, QueryError> {
        members.get(name).map(|value| self.at(name).entries(value)).transpose()
    }

    fn text(&self, members: &Map<String, Value>, name: &str) -> Result<String, QueryError> {
        match members.get(name) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
            Some(_) => Err(self.at(name).error("is no text")),
            None => Err(self.at(name).error("is required")),
        }
    }

    fn texts(&self, members: &Map<String, Value>, name: &str) -> Result<Vec<String>, QueryError> {
        let entries = self.list(members, name)?.ok_or_else(|| self.at(name).error("is required"))?;
        entries
            .iter()
            .map(|(at, v)| v.as_str().map(str::to_owned).ok_or_else(|| at.error("is no string")))
            .collect()
    }

    fn flag(&self, members: &Map<String, Value>, name: &str, default: bool) -> Result<bool, QueryError> {
        match members.get(name) {
            None => Ok(default),
            Some(value) => value.as_bool().ok_or_else(|| self.at(name).error("is no boolean")),
        }
    }

    fn id(&self, members: &Map<String, Value>) -> Result<Option<String>, QueryError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        match members.get("id") {
            None => Ok(None),
            Some(Value::String(id)) if !id.is_empty() && id.len() <= 128 && id.bytes().all(allowed) => {
                Ok(Some(id.clone()))
            }
            Some(_) => Err(self.at("id").error("is 1 to 128 of A-Z, a-z, 0-9, _ and -")),
        }
    }
}
