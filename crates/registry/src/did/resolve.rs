//! The resolver (DID Resolution 0.3): from a DID to its document, and what is known about both.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};

use super::document::Document;
use super::name::{Did, DidUrl, Method, NameError};
use super::others;
use crate::client::{AgencyHistory, Registry, Version};
use crate::contract::Code;
use crate::ledger::{LedgerError, Pending};

/// The most agencies whose history is kept in memory.
const MAX_KEPT: usize = 4_096;

/// What a did:web's host gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    Document(Vec<u8>),
    NotFound,
    /// This host is not asked.
    Refused,
}

/// Fetches documents of did:web over HTTPS. Which hosts are asked, how long and how much is the fetcher's to bound.
pub trait WebFetch: Send + Sync + std::fmt::Debug {
    /// `host` with its port, `path` with its slash.
    fn fetch<'a>(&'a self, host: &'a str, path: &'a str) -> Pending<'a, Fetched>;
}

/// Why a DID has no document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResolutionError {
    InvalidDid,
    InvalidOptions,
    NotFound,
    MethodNotSupported,
    InvalidDidDocument,
    /// The ledger can't be asked now.
    Internal,
}

impl ResolutionError {
    /// The word in the metadata.
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidDid => "invalidDid",
            Self::InvalidOptions => "invalidOptions",
            Self::NotFound => "notFound",
            Self::MethodNotSupported => "methodNotSupported",
            Self::InvalidDidDocument => "invalidDidDocument",
            Self::Internal => "internalError",
        }
    }

    /// The HTTP status of the binding.
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidDid | Self::InvalidOptions => 400,
            Self::NotFound => 404,
            Self::MethodNotSupported => 501,
            Self::InvalidDidDocument | Self::Internal => 500,
        }
    }
}

/// What is known about a document. Times in seconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    pub created: Option<u64>,
    pub updated: Option<u64>,
    pub version_id: Option<String>,
    pub next_update: Option<u64>,
    pub next_version_id: Option<String>,
    pub deactivated: bool,
}

/// An answer of the resolver.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolution {
    pub outcome: Result<Document, ResolutionError>,
    pub metadata: Metadata,
}

impl Resolution {
    fn failed(error: ResolutionError) -> Self {
        Self { outcome: Err(error), metadata: Metadata::default() }
    }

    fn of(document: Option<Document>) -> Self {
        let outcome = document.ok_or(ResolutionError::InvalidDid);
        Self { outcome, metadata: Metadata::default() }
    }

    /// 200, 410 for a deactivated DID, or the error's.
    pub fn status(&self) -> u16 {
        match &self.outcome {
            Ok(_) if self.metadata.deactivated => 410,
            Ok(_) => 200,
            Err(error) => error.status(),
        }
    }

    /// The whole answer, as a driver of the Universal Resolver gives it.
    pub fn to_value(&self) -> Value {
        let (document, resolution) = match &self.outcome {
            Ok(document) => (document.to_value(), json!({ "contentType": "application/did+ld+json" })),
            Err(error) => (Value::Null, json!({ "error": error.code() })),
        };
        json!({
            "@context": "https://w3id.org/did-resolution/v1",
            "didDocument": document,
            "didResolutionMetadata": resolution,
            "didDocumentMetadata": self.metadata.to_value(),
        })
    }
}

impl Metadata {
    fn to_value(&self) -> Value {
        let mut out = Map::new();
        let times = [("created", self.created), ("updated", self.updated), ("nextUpdate", self.next_update)];
        for (name, at) in times {
            if let Some(at) = at.and_then(written) {
                out.insert(name.into(), at.into());
            }
        }
        for (name, id) in [("versionId", &self.version_id), ("nextVersionId", &self.next_version_id)] {
            if let Some(id) = id {
                out.insert(name.into(), id.as_str().into());
            }
        }
        if self.deactivated {
            out.insert("deactivated".into(), true.into());
        }
        Value::Object(out)
    }
}

fn written(at: u64) -> Option<String> {
    let time = time::OffsetDateTime::from_unix_timestamp(i64::try_from(at).ok()?).ok()?;
    time.format(&time::format_description::well_known::Rfc3339).ok()
}

/// Resolves DIDs of one network, and those of methods that need no ledger.
#[derive(Debug)]
pub struct Resolver {
    registry: Registry,
    web: Arc<dyn WebFetch>,
    kept: Mutex<HashMap<Code, Arc<AgencyHistory>>>,
}

impl Resolver {
    pub fn new(registry: Registry, web: Arc<dyn WebFetch>) -> Self {
        Self { registry, web, kept: Mutex::default() }
    }

    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Resolves a DID, or a DID URL with `versionId` or `versionTime`. A fragment is for who reads the document.
    pub async fn resolve(&self, did: &str) -> Resolution {
        let url = match DidUrl::parse(did) {
            Ok(url) => url,
            Err(NameError::Invalid) => return Resolution::failed(ResolutionError::InvalidDid),
            Err(NameError::Method) => return Resolution::failed(ResolutionError::MethodNotSupported),
            Err(NameError::Option) => return Resolution::failed(ResolutionError::InvalidOptions),
        };
        let versioned = url.version_id.is_some() || url.version_time.is_some();
        match &url.method {
            Method::Mapae(did) => self.mapae(*did, &url).await,
            _ if versioned => Resolution::failed(ResolutionError::InvalidOptions),
            Method::Jwk => Resolution::of(others::from_jwk(&url.did)),
            Method::Key => Resolution::of(others::from_key(&url.did)),
            Method::Web => self.web(&url.did).await,
        }
    }

    async fn web(&self, did: &str) -> Resolution {
        let Some((host, path)) = super::web_address(did) else {
            return Resolution::failed(ResolutionError::InvalidDid);
        };
        match self.web.fetch(&host, &path).await {
            Ok(Fetched::Document(bytes)) => Resolution {
                outcome: Document::parse(did, &bytes).map_err(|_| ResolutionError::InvalidDidDocument),
                metadata: Metadata::default(),
            },
            Ok(Fetched::NotFound) => Resolution::failed(ResolutionError::NotFound),
            Ok(Fetched::Refused) => Resolution::failed(ResolutionError::MethodNotSupported),
            Err(_) => Resolution::failed(ResolutionError::Internal),
        }
    }

    async fn mapae(&self, did: Did, url: &DidUrl) -> Resolution {
        if did.network != self.registry.network() {
            return Resolution::failed(ResolutionError::NotFound);
        }
        match self.history(did.agency).await {
            Ok(Some(history)) => pick(did, url, &history),
            Ok(None) => Resolution::failed(ResolutionError::NotFound),
            Err(_) => Resolution::failed(ResolutionError::Internal),
        }
    }

    /// The agency's versions: from memory as long as the contract names the same last one.
    async fn history(&self, agency: Code) -> Result<Option<Arc<AgencyHistory>>, LedgerError> {
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(now) = self.registry.agency(agency).await? else { return Ok(None) };
        if let Some(known) = kept().get(&agency).filter(|known| known.agency == now) {
            return Ok(Some(Arc::clone(known)));
        }
        let Some(history) = self.registry.history(agency).await?.map(Arc::new) else { return Ok(None) };
        let mut kept = kept();
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(agency, Arc::clone(&history));
        Ok(Some(history))
    }
}

fn pick(did: Did, url: &DidUrl, history: &AgencyHistory) -> Resolution {
    let versions = &history.versions;
    let place = match (&url.version_id, url.version_time) {
        (Some(_), Some(_)) => return Resolution::failed(ResolutionError::InvalidOptions),
        (Some(id), None) => versions.iter().position(|version| version.number.to_string() == *id),
        (None, Some(at)) => versions.iter().rposition(|version| version.at <= at),
        (None, None) => versions.len().checked_sub(1),
    };
    let Some((place, version)) = place.and_then(|place| Some((place, versions.get(place)?))) else {
        return Resolution::failed(ResolutionError::NotFound);
    };
    let next = versions.get(place.saturating_add(1));
    let metadata = Metadata {
        created: versions.first().map(|first| first.at),
        updated: (place > 0).then_some(version.at),
        version_id: Some(version.number.to_string()),
        next_update: next.map(|next| next.at),
        next_version_id: next.map(|next| next.number.to_string()),
        deactivated: version.document.is_none(),
    };
    let name = did.to_string();
    let outcome = match &version.document {
        Some(bytes) => Document::parse(&name, bytes).map_err(|_| ResolutionError::InvalidDidDocument),
        None => Ok(emptied(&name)),
    };
    Resolution { outcome, metadata }
}

/// A deactivated DID's document: it names itself, and has no key.
fn emptied(did: &str) -> Document {
    let bytes = json!({ "@context": ["https://www.w3.org/ns/did/v1"], "id": did }).to_string();
    Document::parse(did, bytes.as_bytes()).unwrap_or_else(|_| Document::of_key(did, Value::Null, &[]))
}

/// Which versions there are, oldest first.
impl AgencyHistory {
    pub fn latest(&self) -> Option<&Version> {
        self.versions.last()
    }
}
