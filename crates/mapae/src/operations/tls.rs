//! TLS of a listener: 1.3, and 1.2 with ephemeral keys and AES-GCM alone (RFC 9325 §4.2).
//!
//! The certificate is read again when its files change, so that renewing it takes no restart: whoever connects from then on
//! sees the new one, open connections go on. Files that can't be used are told in the log, and the old certificate stays.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::limits;
use super::listener::ListenError;
use super::tasks::Stop;

/// The certificate of a listener, and how to speak with it.
#[derive(Debug)]
pub(super) struct Tls {
    listener: &'static str,
    shown: Arc<Shown>,
    config: Arc<rustls::ServerConfig>,
}

/// The certificate that is shown now.
#[derive(Debug)]
struct Shown {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    now: RwLock<(Arc<CertifiedKey>, Digest)>,
}

/// SHA-256 of both files.
type Digest = [u8; 32];

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner).0))
    }
}

impl Tls {
    /// TLS from PEM files; `None` when none are configured.
    pub(super) fn open(
        listener: &'static str,
        certificate: &Path,
        key: &Path,
    ) -> Result<Option<Self>, ListenError> {
        if certificate.as_os_str().is_empty() {
            return Ok(None);
        }
        let provider = Arc::new(provider());
        let now = RwLock::new(read(certificate, key, &provider)?);
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(certificate, error))?
            .with_no_client_auth();
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        let shown = Arc::new(Shown { certificate, key, provider, now });
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<Shown>::clone(&shown);
        let mut config = builder.with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Some(Self { listener, shown, config: Arc::new(config) }))
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// Looks at the files from time to time.
    pub(super) async fn follow(self, mut stop: Stop) {
        let mut told = None;
        while stop.sleep(limits::HTTP_TLS_RELOAD.duration()).await {
            match self.reload() {
                Ok(true) => {
                    tracing::info!(listener = self.listener, "a new certificate is shown");
                    told = None;
                }
                Ok(false) => told = None,
                Err(error) => {
                    // Once for each fault, not every time it is looked at.
                    let reason = error.to_string();
                    if told.as_ref() != Some(&reason) {
                        tracing::error!(listener = self.listener, %error, "the certificate's files can't be used; the old one stays");
                    }
                    told = Some(reason);
                }
            }
        }
    }

    /// Shows what the files hold; whether that is another certificate than before.
    fn reload(&self) -> Result<bool, ListenError> {
        let shown = &self.shown;
        let digest = digest(&shown.certificate, &shown.key)?;
        if shown.now.read().unwrap_or_else(PoisonError::into_inner).1 == digest {
            return Ok(false);
        }
        let read = read(&shown.certificate, &shown.key, &shown.provider)?;
        *shown.now.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(true)
    }
}

/// TLS 1.3 as it is; of 1.2 what has ephemeral keys and AES-GCM.
fn provider() -> CryptoProvider {
    use rustls::CipherSuite as Name;
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| {
        suite.tls13().is_some()
            || [
                Name::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                Name::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                Name::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                Name::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            ]
            .contains(&suite.suite())
    });
    provider
}

fn failed(path: &Path, reason: impl std::fmt::Display) -> ListenError {
    ListenError::Tls { path: path.display().to_string(), reason: reason.to_string() }
}

fn digest(certificate: &Path, key: &Path) -> Result<Digest, ListenError> {
    let bytes = |path: &Path| -> Result<Vec<u8>, ListenError> {
        let size = std::fs::metadata(path).map_err(|error| failed(path, error))?.len();
        if size > limits::HTTP_TLS_FILE.get().unsigned_abs() {
            return Err(failed(path, "is too large for a PEM file"));
        }
        std::fs::read(path).map_err(|error| failed(path, error))
    };
    let (certificate, key) = (bytes(certificate)?, bytes(key)?);
    Ok(keys::sha256(&[keys::sha256(&certificate), keys::sha256(&key)].concat()))
}

/// Both files; a key that does not belong to the certificate is none.
fn read(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<(Arc<CertifiedKey>, Digest), ListenError> {
    let digest = digest(certificate, key)?;
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(certificate, error))?;
    if chain.is_empty() {
        return Err(failed(certificate, "holds no certificate"));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| failed(key, error))?;
    let certified = CertifiedKey::from_der(chain, secret, provider).map_err(|error| failed(key, error))?;
    Ok((Arc::new(certified), digest))
}

/// A TLS stream that takes its leave however its connection ends: without `close_notify` the other side can't tell an end
/// from a cut (RFC 8446 §6.1).
pub(super) struct Closing(Option<TlsStream<TcpStream>>);

impl Closing {
    pub(super) fn of(stream: TlsStream<TcpStream>) -> Self {
        Self(Some(stream))
    }

    fn stream(self: Pin<&mut Self>) -> Result<Pin<&mut TlsStream<TcpStream>>, std::io::Error> {
        self.get_mut().0.as_mut().map(Pin::new).ok_or_else(|| std::io::ErrorKind::NotConnected.into())
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        let Some(mut stream) = self.0.take() else { return };
        // Where no runtime is left, the process is ending and the kernel closes.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ = tokio::time::timeout(limits::HTTP_TLS_TIME.duration(), stream.shutdown()).await;
            });
        }
    }
}

impl AsyncRead for Closing {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.stream()?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Closing {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.stream()?.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.stream()?.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.stream()?.poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        self.stream()?.poll_write_vectored(cx, parts)
    }
}

#[cfg(test)]
mod tests;
