//! The reader's side of a meeting face to face.

use credential::mdoc::SessionTranscript;
use credential::mdoc::in_person::{
    DeviceRequest, DocRequest, ElementRequest, Engagement, InPersonError, Incoming, Session,
};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::CLAIMS;

/// One meeting: made from the code on the phone, over when the answer is opened.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Reader {
    session: Session,
    address: String,
    first: Vec<u8>,
}

#[wasm_bindgen]
impl Reader {
    /// Answers the code of a phone with a request for the badge. `document`: its document type. An error is a stable code.
    #[wasm_bindgen(constructor)]
    pub fn new(code: &str, document: &str) -> Result<Self, String> {
        let engagement = Engagement::from_qr(code).map_err(told)?;
        let address = engagement.websocket().map_err(told)?.to_owned();
        let (session, first) = Session::begin(&engagement, |_| request(document)).map_err(told)?;
        Ok(Self { session, address, first })
    }

    /// The WebSocket that the phone listens at.
    #[wasm_bindgen(getter)]
    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// The message to send first.
    #[wasm_bindgen(getter)]
    pub fn first(&self) -> Vec<u8> {
        self.first.clone()
    }

    /// Opens a message of the phone. An error is a stable code; `declined` where the holder said no.
    pub fn open(&mut self, message: &[u8]) -> Result<Vec<u8>, String> {
        match self.session.open(message).map_err(told)? {
            Incoming::Data(response) => Ok(response),
            Incoming::End(_) => Err("declined".to_owned()),
        }
    }
}

impl Reader {
    /// What the phone's answer has to be bound to.
    pub(crate) fn transcript(&self) -> &SessionTranscript {
        self.session.transcript()
    }
}

/// Nothing is kept, and the phone is told so.
fn request(document: &str) -> Vec<u8> {
    let elements = CLAIMS.iter().map(|element| ElementRequest {
        name_space: document.to_owned(),
        element: (*element).to_owned(),
        intent_to_retain: false,
    });
    let wanted = DocRequest { doc_type: document.to_owned(), elements: elements.collect(), reader: None };
    DeviceRequest { documents: vec![wanted] }.encode()
}

fn told(error: InPersonError) -> String {
    match error {
        InPersonError::Engagement => "engagement",
        InPersonError::NoWebSocket => "no_way",
        InPersonError::Message | InPersonError::Request | InPersonError::ReaderSignature => "message",
        InPersonError::Encryption => "encryption",
    }
    .to_owned()
}
