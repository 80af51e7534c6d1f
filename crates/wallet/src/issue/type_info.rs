//! What the wallet keeps of a credential type: names for people, and which claims are for one audience alone.

use credential::path::ClaimPath;
use credential::sd_jwt::SdJwt;
use credential::type_metadata::{ClaimRule, MetadataError, TypeMetadata, check};
use openid::metadata::{CredentialConfiguration, CredentialMetadata};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ports::{Http as _, HttpError, Request, Shell};
use crate::wallet::Wallet;

/// Longest type document (SD-JWT VC §5) that is read, in bytes.
const MAX_DOCUMENT: usize = 256 * 1024;

/// Names and rules of a credential type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeInfo {
    /// The type's name by language tag.
    pub names: Vec<(String, String)>,
    /// Its claims.
    pub claims: Vec<ClaimInfo>,
    /// What its document demands of them.
    #[serde(default)]
    pub rules: Vec<ClaimRule>,
    /// The hash by which the credential named the document.
    #[serde(default)]
    pub integrity: Option<String>,
}

/// One claim of a type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimInfo {
    /// Where it stands.
    pub path: ClaimPath,
    /// Its label by language tag.
    pub labels: Vec<(String, String)>,
    /// Who alone may be given it; anybody if `None`.
    #[serde(default)]
    pub only_for: Option<String>,
}

impl TypeInfo {
    /// The label of a claim, else its path.
    pub fn label(&self, path: &ClaimPath, language: &str) -> String {
        let claim = self.claims.iter().find(|claim| claim.path == *path);
        claim
            .and_then(|claim| in_language(&claim.labels, language))
            .map_or_else(|| path.to_string(), str::to_owned)
    }

    /// The type's name.
    pub fn name(&self, language: &str) -> Option<&str> {
        in_language(&self.names, language)
    }

    /// From the issuer's metadata, which knows labels but no audiences.
    pub(super) fn from_configuration(configuration: &CredentialConfiguration) -> TypeInfo {
        let empty = CredentialMetadata::default();
        let metadata = configuration.credential_metadata.as_ref().unwrap_or(&empty);
        let names = metadata
            .display
            .iter()
            .map(|display| (display.locale.clone().unwrap_or_default(), display.name.clone()))
            .collect();
        let claim = |claim: &openid::metadata::ClaimDescription| {
            let path = ClaimPath::from_value(&serde_json::to_value(&claim.path).ok()?).ok()?;
            let label = |display: &openid::metadata::ClaimDisplay| {
                Some((display.locale.clone().unwrap_or_default(), display.name.clone()?))
            };
            Some(ClaimInfo { path, labels: claim.display.iter().filter_map(label).collect(), only_for: None })
        };
        TypeInfo { names, claims: metadata.claims.iter().filter_map(claim).collect(), ..TypeInfo::default() }
    }

    /// Whether these copies name the same document, and keep its rules.
    pub(super) fn admits(&self, copies: &[SdJwt]) -> bool {
        let fits = |copy: &SdJwt| {
            integrity(copy) == self.integrity.as_deref().map(Value::from) && check(&self.rules, copy).is_ok()
        };
        copies.iter().all(fits)
    }

    /// Adds what the type document says.
    fn with_document(
        mut self,
        body: &[u8],
        vct: &str,
        integrity: Option<&str>,
    ) -> Result<TypeInfo, MetadataError> {
        let TypeMetadata { document, rules } = TypeMetadata::read(body, vct, integrity)?;
        self.rules = rules;
        self.integrity = integrity.map(str::to_owned);
        let document = Value::Object(document);
        let texts = |value: &Value, member: &str| -> Vec<(String, String)> {
            let of = |display: &Value| {
                let text = |name: &str| display.get(name).and_then(Value::as_str).map(str::to_owned);
                Some((text("locale").or_else(|| text("lang")).unwrap_or_default(), text(member)?))
            };
            let list = value.get("display").and_then(Value::as_array);
            list.into_iter().flatten().filter_map(of).collect()
        };
        let names = texts(&document, "name");
        if !names.is_empty() {
            self.names = names;
        }
        for entry in document.get("claims").and_then(Value::as_array).into_iter().flatten() {
            let Some(path) = entry.get("path").and_then(|path| ClaimPath::from_value(path).ok()) else {
                continue;
            };
            let labels = texts(entry, "label");
            let only_for = entry.get("only_for").and_then(Value::as_str).map(str::to_owned);
            match self.claims.iter_mut().find(|claim| claim.path == path) {
                Some(known) => {
                    if !labels.is_empty() {
                        known.labels = labels;
                    }
                    known.only_for = only_for;
                }
                None => self.claims.push(ClaimInfo { path, labels, only_for }),
            }
        }
        Ok(self)
    }
}

impl<S: Shell> Wallet<S> {
    /// Names and rules of a type. `None` while its document can't be had: then it is not known which claims are
    /// reserved, and nothing of it may be shown yet.
    ///
    /// # Errors
    /// Where the document speaks against one of the copies: then they are not to be taken (SD-JWT VC §5.7).
    pub(crate) async fn type_info(
        &self,
        base: TypeInfo,
        vct: &str,
        copies: &[SdJwt],
    ) -> Result<Option<TypeInfo>, MetadataError> {
        if openid::link::endpoint(vct).is_err() {
            // A type without an address publishes no document (SD-JWT VC §5.3).
            return Ok(Some(base));
        }
        let named = copies.first().and_then(integrity);
        if copies.iter().any(|copy| integrity(copy) != named) {
            return Ok(Some(base));
        }
        let named = match &named {
            None => None,
            Some(Value::String(named)) => Some(named.as_str()),
            Some(_) => return Ok(Some(base)),
        };
        let request = Request { max_response: MAX_DOCUMENT, ..Request::get(vct) };
        match self.shell().http().send(request.header("accept", "application/json")).await {
            Ok(response) if response.is_success() => {
                match base.clone().with_document(&response.body, vct, named) {
                    Ok(info) => {
                        copies.iter().try_for_each(|copy| check(&info.rules, copy))?;
                        Ok(Some(info))
                    }
                    Err(error) if error.refuses_the_credential() => Err(error),
                    // Not to be used; nobody demands that types have a document.
                    Err(_) => Ok(Some(base)),
                }
            }
            // Nothing is published there.
            Ok(response) if (300..500).contains(&response.status) => Ok(Some(base)),
            Err(HttpError::TooLarge | HttpError::Address) => Ok(Some(base)),
            Ok(_) | Err(_) => Ok(None),
        }
    }
}

/// The hash by which a copy names its type's document (SD-JWT VC §6), whatever stands there.
fn integrity(copy: &SdJwt) -> Option<Value> {
    copy.dangerous_claims().get("vct#integrity").cloned()
}

fn in_language<'a>(texts: &'a [(String, String)], language: &str) -> Option<&'a str> {
    let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    let wanted = primary(language);
    texts
        .iter()
        .find(|(tag, _)| primary(tag) == wanted)
        .or_else(|| texts.first())
        .map(|(_, text)| text.as_str())
}
