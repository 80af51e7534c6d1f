//! Certificates that anybody can check: asked for, kept by the server that sealed them, fetched by the phone when the holder
//! wants the file. Nothing of them lies in the vault: what was handed out is checked at the public page, not here.

use std::collections::BTreeMap;

use crate::account::client::AccountError;
use crate::account::messages::{
    AskCertificate, CertificateAsked, CertificateFile, CertificateLink, CertificateList, Certificates,
    MAX_CERTIFICATE, PrintCertificate, PrintLanguage, ShareCertificate,
};
use crate::ports::Shell;
use crate::wallet::Wallet;

impl<S: Shell> Wallet<S> {
    /// What may be asked for, what was, and what was printed.
    pub async fn certificates(&self) -> Result<Certificates, AccountError> {
        self.account_get("/certificates", CertificateList {}).await
    }

    /// Asks for a certificate; `values` are what the kind's fields want, by their names.
    pub async fn ask_certificate(
        &self,
        kind: &str,
        values: BTreeMap<String, String>,
    ) -> Result<CertificateAsked, AccountError> {
        self.account_post("/certificates", AskCertificate { kind: kind.to_owned(), values }).await
    }

    /// Prints an approved request, once for each language; what is there afterwards.
    pub async fn print_certificate(
        &self,
        request: &str,
        language: PrintLanguage,
    ) -> Result<Certificates, AccountError> {
        let print = PrintCertificate { request: request.to_owned(), language };
        self.account_post("/certificates/print", print).await
    }

    /// The sealed PDF of a certificate.
    pub async fn certificate_file(&self, document: &str) -> Result<Vec<u8>, AccountError> {
        let message = CertificateFile { document: document.to_owned() };
        self.account_get_bytes(&format!("/certificates/{document}/file"), message, MAX_CERTIFICATE).await
    }

    /// Makes a link to a certificate that opens once, with a number that travels another way.
    pub async fn share_certificate(&self, document: &str) -> Result<CertificateLink, AccountError> {
        self.account_post("/certificates/links", ShareCertificate { document: document.to_owned() }).await
    }
}
