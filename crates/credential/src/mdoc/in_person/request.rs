//! What a reader asks for (§8.3.2.1.2.1), and who it says it is (§9.1.4).

use ciborium::Value;
use coset::{AsCborValue, CoseSign1};
use keys::x509::Certificate;

use super::{InPersonError, MAX_DOC_REQUESTS, MAX_REQUEST};
use crate::cose::{X5CHAIN, certificates, header_value, is_es256, verifies};
use crate::mdoc::cbor::{Members, Writer, encoded, parse};
use crate::mdoc::issue::to_be_signed;
use crate::mdoc::{MAX_ELEMENTS, SessionTranscript};

/// One element of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElementRequest {
    pub name_space: String,
    pub element: String,
    /// Whether the reader says that it will keep it.
    pub intent_to_retain: bool,
}

/// One document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocRequest {
    pub doc_type: String,
    pub elements: Vec<ElementRequest>,
    /// The reader's certificates, where it signed the request and the signature holds.
    pub reader: Option<ReaderAuthentication>,
}

/// A reader that signed: its certificates, leaf first. Whether their root is one to believe is the caller's to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderAuthentication {
    pub chain: Vec<Vec<u8>>,
}

/// A request for documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRequest {
    pub documents: Vec<DocRequest>,
}

impl DeviceRequest {
    /// Reads a request that came in the session of this transcript. A reader that signs badly is refused; one that does not
    /// sign is unknown.
    pub fn parse(bytes: &[u8], transcript: &SessionTranscript) -> Result<Self, InPersonError> {
        let broken = InPersonError::Request;
        if bytes.len() > MAX_REQUEST {
            return Err(broken);
        }
        let mut members = parse(bytes).and_then(Members::of).map_err(|_| broken)?;
        // A later version of the same major number adds members and changes none.
        if !members.text("version").is_ok_and(|version| version.starts_with("1.")) {
            return Err(broken);
        }
        let documents = members.must("docRequests").ok().and_then(|value| value.into_array().ok());
        let documents = documents.ok_or(broken)?;
        if documents.is_empty() || documents.len() > MAX_DOC_REQUESTS {
            return Err(broken);
        }
        let documents = documents.into_iter().map(|value| doc_request(value, transcript));
        Ok(Self { documents: documents.collect::<Result<_, _>>()? })
    }

    /// Writes a request that is not signed.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::with_capacity(512);
        out.map(2).text("version").text("1.0").text("docRequests").array(self.documents.len());
        for document in &self.documents {
            out.map(1).text("itemsRequest").embedded(&document.items());
        }
        out.into_bytes()
    }
}

impl DocRequest {
    fn items(&self) -> Vec<u8> {
        let mut name_spaces: Vec<&str> = Vec::new();
        for element in &self.elements {
            if !name_spaces.contains(&element.name_space.as_str()) {
                name_spaces.push(&element.name_space);
            }
        }
        let mut out = Writer::with_capacity(256);
        out.map(2).text("docType").text(&self.doc_type).text("nameSpaces").map(name_spaces.len());
        for name_space in name_spaces {
            let of: Vec<_> = self.elements.iter().filter(|one| one.name_space == name_space).collect();
            out.text(name_space).map(of.len());
            for one in of {
                out.text(&one.element).truth(one.intent_to_retain);
            }
        }
        out.into_bytes()
    }
}

fn doc_request(value: Value, transcript: &SessionTranscript) -> Result<DocRequest, InPersonError> {
    let broken = InPersonError::Request;
    let mut members = Members::of(value).map_err(|_| broken)?;
    let items = members.must("itemsRequest").and_then(encoded).map_err(|_| broken)?;
    let reader = members.take("readerAuth").map(|signed| reader(signed, &items, transcript)).transpose()?;
    let mut members = parse(&items).and_then(Members::of).map_err(|_| broken)?;
    let doc_type = members.text("docType").map_err(|_| broken)?;
    let name_spaces =
        members.must("nameSpaces").ok().and_then(|value| value.into_map().ok()).ok_or(broken)?;
    let mut elements = Vec::new();
    for (name_space, of) in name_spaces {
        let name_space = name_space.into_text().map_err(|_| broken)?;
        for (element, retain) in of.into_map().map_err(|_| broken)? {
            let intent_to_retain = retain.as_bool().ok_or(broken)?;
            let element = element.into_text().map_err(|_| broken)?;
            if elements.len() == MAX_ELEMENTS {
                return Err(broken);
            }
            elements.push(ElementRequest { name_space: name_space.clone(), element, intent_to_retain });
        }
    }
    Ok(DocRequest { doc_type, elements, reader })
}

/// `ReaderAuth`: a detached COSE_Sign1 over `ReaderAuthenticationBytes`.
fn reader(
    signed: Value,
    items: &[u8],
    transcript: &SessionTranscript,
) -> Result<ReaderAuthentication, InPersonError> {
    let broken = InPersonError::ReaderSignature;
    let signed = CoseSign1::from_cbor_value(signed).map_err(|_| broken)?;
    let chain = header_value(&signed.unprotected, X5CHAIN).and_then(certificates).ok_or(broken)?;
    let leaf = chain.first().and_then(|der| Certificate::parse(der).ok()).ok_or(broken)?;
    let key = leaf.public_key();
    let mut authentication = Writer::with_capacity(512);
    authentication.array(3).text("ReaderAuthentication").raw(transcript.as_bytes()).embedded(items);
    let mut wrapped = Writer::with_capacity(authentication.as_bytes().len() + 8);
    wrapped.embedded(authentication.as_bytes());
    let detached = signed.payload.is_none() && is_es256(&signed);
    if !detached || !verifies(key, &signed.signature, to_be_signed(wrapped.as_bytes()).as_bytes()) {
        return Err(broken);
    }
    Ok(ReaderAuthentication { chain })
}
