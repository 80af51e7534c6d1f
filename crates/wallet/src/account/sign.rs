//! Signing documents: seen as bytes on this phone, signed by a key that lives for one signature.
//!
//! ```text
//! documents ─▶ see (the bytes, their hash against the request) ─▶ sign
//!   for each: key made ─▶ certificate ─▶ the place of the signature, its digest, its attributes: made here ─▶ signed
//!   one PIN instruction that binds request, attributes and certificate of each ─▶ keys deleted, whatever came of it
//! ```
//!
//! Nothing that is signed comes from the server but the document itself, and that is what was shown: a digest that the
//! server would like to be signed instead has no way in.

use keys::PublicKey;
use keys::encoding::{b64url_decode, b64url_encode};
use keys::sha256;
use keys::x509::Certificate;
use signing::cms::Attributes;
use signing::pades::{self, PadesError};

use crate::account::client::AccountError;
use crate::account::messages::{
    DocumentRequest, DocumentSignature, Instruction, MAX_CLOCK_SKEW_S, MAX_DOCUMENT, MAX_SIGNED_AT_ONCE,
    OpenSigning, OpenedSigning, RefuseSigning, RefusedSigning, SigningList, Transaction, WaitingDocuments,
    bound, signature_options,
};
use crate::pin::Pin;
use crate::ports::{Clock as _, DeviceKey as _, KeyError, KeyHandle, KeyStore as _, KeyUse, NewKey, Shell};
use crate::usage::Act;
use crate::wallet::Wallet;

/// Why a document was not shown or signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The bytes that came are not those that the request names.
    #[error("the document is not the one that the request names; nothing was signed")]
    Swapped,
    /// The certificate is for another key, or not good now.
    #[error("the certificate for the signature can't be used: {0}")]
    Certificate(&'static str),
    /// The PDF takes no signature.
    #[error(transparent)]
    Pdf(#[from] PadesError),
    /// None, or more than one PIN may sign.
    #[error("between 1 and {MAX_SIGNED_AT_ONCE} documents are signed at once")]
    Count,
    /// The wallet provider.
    #[error(transparent)]
    Account(#[from] AccountError),
}

impl SignError {
    /// Stable code.
    pub fn code(&self) -> &str {
        match self {
            SignError::Swapped => "document_swapped",
            SignError::Certificate(_) => "signing_certificate",
            SignError::Pdf(error) => error.code(),
            SignError::Count => "signing_count",
            SignError::Account(error) => error.code(),
        }
    }
}

impl From<KeyError> for SignError {
    fn from(error: KeyError) -> SignError {
        SignError::Account(error.into())
    }
}

/// A document that waits, with the very text that will be bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    transaction: Transaction,
    transaction_data: String,
}

impl Waiting {
    /// Reads the text.
    ///
    /// # Errors
    /// It is none of ours.
    pub fn read(transaction_data: String) -> Result<Waiting, AccountError> {
        let transaction = Transaction::decode(&transaction_data)
            .ok_or(AccountError::Protocol("a signing request of another shape"))?;
        Ok(Waiting { transaction, transaction_data })
    }

    /// What the holder is asked to agree to.
    pub fn transaction(&self) -> &Transaction {
        &self.transaction
    }
}

/// A document whose bytes are those that its request names.
#[derive(Clone, PartialEq, Eq)]
pub struct Seen {
    waiting: Waiting,
    pdf: Vec<u8>,
}

impl core::fmt::Debug for Seen {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Seen(…)")
    }
}

impl Seen {
    /// Joins a request with bytes.
    ///
    /// # Errors
    /// The bytes are others than the request names.
    pub fn new(waiting: Waiting, pdf: Vec<u8>) -> Result<Seen, SignError> {
        let (named, size) = (&waiting.transaction, i64::try_from(pdf.len()).ok());
        if size != Some(named.bytes) || b64url_encode(&sha256(&pdf)) != named.document {
            return Err(SignError::Swapped);
        }
        Ok(Seen { waiting, pdf })
    }

    /// What the holder agrees to.
    pub fn transaction(&self) -> &Transaction {
        &self.waiting.transaction
    }

    /// The bytes to be shown.
    pub fn pdf(&self) -> &[u8] {
        &self.pdf
    }
}

impl<S: Shell> Wallet<S> {
    /// The documents that wait for this holder's signature, the nearest deadline first.
    pub async fn documents(&self) -> Result<Vec<Waiting>, AccountError> {
        let waiting: WaitingDocuments = self.account_get("/signatures", SigningList {}).await?;
        waiting.documents.into_iter().map(|one| Waiting::read(one.transaction_data)).collect()
    }

    /// Fetches a document, and refuses it unless it is the one that the request names.
    pub async fn see(&self, waiting: Waiting) -> Result<Seen, SignError> {
        let request = waiting.transaction.request.clone();
        let path = format!("/signatures/{request}/document");
        let pdf = self.account_get_bytes(&path, DocumentRequest { request }, MAX_DOCUMENT).await?;
        Seen::new(waiting, pdf)
    }

    /// Signs documents that were seen, all of them or none, by one PIN.
    ///
    /// # Errors
    /// As [`SignError`] says. After [`AccountError::AnswerUnknown`] the result is asked for by [`Wallet::resume`].
    pub async fn sign(&mut self, documents: &[Seen], pin: &Pin) -> Result<(), SignError> {
        if !(1..=MAX_SIGNED_AT_ONCE).contains(&documents.len()) {
            return Err(SignError::Count);
        }
        self.resume().await?;
        let mut keys = Vec::with_capacity(documents.len());
        let signed = self.sign_each(documents, &mut keys).await;
        let told = match signed {
            Ok(documents) => {
                let salt = self.pin_salt()?;
                self.instruct(pin, &salt, Instruction::Sign { documents }).await.map_err(SignError::from)
            }
            Err(error) => Err(error),
        };
        // Whatever came of it, no key signs a second time.
        for key in &keys {
            self.shell().keys().delete(key).await?;
        }
        told?;
        for seen in documents {
            let act = Act::Signed {
                title: seen.transaction().title.clone(),
                document: seen.transaction().document.clone(),
            };
            let record = self.usage_record(seen.transaction().party.clone(), true, act);
            self.remember(record).await.map_err(AccountError::from)?;
        }
        Ok(())
    }

    async fn sign_each(
        &self,
        documents: &[Seen],
        keys: &mut Vec<KeyHandle>,
    ) -> Result<Vec<DocumentSignature>, SignError> {
        let mut signed = Vec::with_capacity(documents.len());
        for seen in documents {
            let key = self.shell().keys().generate(KeyUse::Signature).await?;
            keys.push(key.handle.clone());
            signed.push(self.sign_one(seen, &key).await?);
        }
        Ok(signed)
    }

    async fn sign_one(&self, seen: &Seen, key: &NewKey) -> Result<DocumentSignature, SignError> {
        let request = seen.transaction().request.clone();
        let opening = OpenSigning {
            request: request.clone(),
            document: seen.transaction().document.clone(),
            key: key.public_key.to_jwk(),
        };
        let opened: OpenedSigning = self.account_post("/signatures/open", opening).await?;
        let certificate = certificate(&opened, &key.public_key, self.shell().clock().now_s())?;
        let options = signature_options(&certificate, &seen.transaction().purpose, opened.time);
        let prepared = pades::prepare(&seen.pdf, &options)?;
        let attributes = Attributes::new(prepared.digest(), &certificate, None);
        let signing = self.signing(&key.handle, key.public_key.clone());
        let signature = signing.sign(attributes.to_sign()).await?;
        Ok(DocumentSignature {
            request,
            bound: bound(&seen.waiting.transaction_data, attributes.to_sign(), &certificate),
            signature: b64url_encode(signature.as_bytes()),
        })
    }

    /// Says no to a document; whoever asked is told why.
    pub async fn refuse_document(
        &mut self,
        transaction: &Transaction,
        reason: &str,
    ) -> Result<(), AccountError> {
        let refusal = RefuseSigning { request: transaction.request.clone(), reason: reason.to_owned() };
        let _: RefusedSigning = self.account_post("/signatures/refuse", refusal).await?;
        let act = Act::Declined { reason: "document".to_owned() };
        let record = self.usage_record(transaction.party.clone(), true, act);
        Ok(self.remember(record).await?)
    }
}

/// The certificate that was given, if it is for this key and good now.
fn certificate(opened: &OpenedSigning, key: &PublicKey, now_s: i64) -> Result<Certificate, SignError> {
    let first = opened.certificates.first().ok_or(SignError::Certificate("it is missing"))?;
    let certificate = b64url_decode(first).ok().and_then(|der| Certificate::parse(&der).ok());
    let certificate = certificate.ok_or(SignError::Certificate("it can't be read"))?;
    if certificate.public_key() != key {
        return Err(SignError::Certificate("it is for another key"));
    }
    let near = |time: i64| now_s.abs_diff(time) <= MAX_CLOCK_SKEW_S.unsigned_abs();
    let within = (certificate.not_before()..=certificate.not_after()).contains(&opened.time);
    if !near(opened.time) || !within {
        return Err(SignError::Certificate("it is not good now"));
    }
    Ok(certificate)
}
