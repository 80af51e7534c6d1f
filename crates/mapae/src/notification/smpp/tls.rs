//! TLS to an SMPP gateway, checked against the authority that the configuration names: gateways have one of their own.

use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::operations::limits;

/// The authority whose certificates are believed.
#[derive(Clone)]
pub(super) struct Authority(TlsConnector);

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

impl Authority {
    /// Reads it from a PEM file.
    pub(super) fn read(file: &Path) -> Result<Self, String> {
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(file).map_err(|error| told(&error))? {
            roots.add(certificate.map_err(|error| told(&error))?).map_err(|error| told(&error))?;
        }
        if roots.is_empty() {
            return Err(told(&"holds no certificate"));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| told(&error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// The stream inside TLS, or nothing if the other side is not who it says.
    pub(super) async fn wrap(&self, host: &str, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).ok()?;
        let connecting = self.0.connect(name, stream);
        tokio::time::timeout(limits::HTTP_TLS_TIME.duration(), connecting).await.ok()?.ok()
    }
}
