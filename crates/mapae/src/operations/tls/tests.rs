//! Handshakes over a pipe, by rustls as a client that looks at what it is shown.

use std::sync::Mutex;

use keys::SecretKey;
use keys::x509::{self, Kind, Profile};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{DigitallySignedStruct, ProtocolVersion, SignatureScheme, SupportedProtocolVersion};
use rustls_pki_types::{ServerName, UnixTime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;

use super::*;

/// Remembers the certificate; whom it is from is not asked here.
#[derive(Debug, Default)]
struct Looking(Mutex<Vec<u8>>);

impl ServerCertVerifier for Looking {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.0.lock().unwrap() = end_entity.to_vec();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

struct Files {
    folder: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("mapae-tls-{}", crate::operations::id::new()));
        std::fs::create_dir_all(&folder).unwrap();
        let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
        Self { folder, certificate, key }
    }

    /// A new certificate with its key; the certificate's DER.
    fn renew(&self) -> Vec<u8> {
        let root_key = SecretKey::generate();
        let root = x509::root(&root_key, "예시 루트", 0, i64::from(u32::MAX)).unwrap();
        let secret = SecretKey::generate();
        let profile = Profile {
            country: None,
            cn: "localhost".to_owned(),
            dns: vec!["localhost".to_owned()],
            uri: vec![],
            kind: Kind::Verifier,
        };
        let serial = x509::random_serial();
        let leaf =
            x509::issue(&root, &root_key, secret.public_key(), &profile, 1, i64::from(u32::MAX), serial)
                .unwrap();
        // RFC 5958: version, id-ecPublicKey with prime256v1, and the key of RFC 5915 with its public half.
        let head = "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420";
        let mut pkcs8 = keys::encoding::hex_decode(head).unwrap();
        pkcs8.extend_from_slice(secret.to_bytes().as_slice());
        pkcs8.extend_from_slice(&[0xa1, 0x44, 0x03, 0x42, 0x00]);
        pkcs8.extend_from_slice(&secret.public_key().to_sec1());
        write(&self.key, "PRIVATE KEY", &pkcs8);
        write(&self.certificate, "CERTIFICATE", leaf.der());
        leaf.der().to_vec()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn write(path: &Path, label: &str, der: &[u8]) {
    let text = keys::encoding::b64_encode(der);
    std::fs::write(path, format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")).unwrap();
}

/// What a client that offers just this is shown, in which version; `None` where the handshake fails.
async fn handshake(
    tls: &Tls,
    versions: &[&'static SupportedProtocolVersion],
    suites: fn(&rustls::SupportedCipherSuite) -> bool,
) -> Option<(Vec<u8>, ProtocolVersion)> {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.retain(suites);
    let looking = Arc::new(Looking::default());
    let verifier: Arc<dyn ServerCertVerifier> = Arc::<Looking>::clone(&looking);
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    let (near, far) = tokio::io::duplex(64 << 10);
    let acceptor = tls.acceptor();
    let server = tokio::spawn(async move {
        let Ok(mut stream) = acceptor.accept(far).await else { return };
        let _ = stream.write_all(b"hello").await;
        let _ = stream.shutdown().await;
    });
    let name = ServerName::try_from("localhost").unwrap();
    let connected = TlsConnector::from(Arc::new(config)).connect(name, near).await;
    let version = match connected {
        Ok(mut stream) => {
            let mut said = Vec::new();
            stream.read_to_end(&mut said).await.ok()?;
            assert_eq!(said, b"hello");
            stream.get_ref().1.protocol_version()?
        }
        Err(_) => return None,
    };
    server.await.unwrap();
    let shown = looking.0.lock().unwrap().clone();
    Some((shown, version))
}

#[tokio::test]
async fn version_1_3_and_of_1_2_only_ephemeral_keys_with_aes_gcm() {
    let files = Files::new();
    files.renew();
    let tls = Tls::open("public", &files.certificate, &files.key).unwrap().unwrap();
    let (old, new) = ([&rustls::version::TLS12], [&rustls::version::TLS13]);
    let version = async |versions: &[&'static SupportedProtocolVersion], suites| {
        handshake(&tls, versions, suites).await.map(|(_, version)| version)
    };
    let name = |suite: &rustls::SupportedCipherSuite| format!("{:?}", suite.suite());
    assert!(name(&aws_lc_rs::default_provider().cipher_suites[0]).starts_with("TLS"));
    assert_eq!(version(&new, |_| true).await, Some(ProtocolVersion::TLSv1_3));
    assert_eq!(version(&old, |_| true).await, Some(ProtocolVersion::TLSv1_2));
    let gcm: fn(&rustls::SupportedCipherSuite) -> bool =
        |suite| format!("{:?}", suite.suite()).contains("_GCM_");
    assert_eq!(version(&old, gcm).await, Some(ProtocolVersion::TLSv1_2));
    let chacha: fn(&rustls::SupportedCipherSuite) -> bool = |suite| {
        format!("{:?}", suite.suite()).contains("ECDHE")
            && format!("{:?}", suite.suite()).contains("CHACHA20")
    };
    assert_eq!(version(&old, chacha).await, None, "not in this listener's 1.2");
    assert!(provider().cipher_suites.iter().all(|suite| suite.tls13().is_some() || gcm(suite)));
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_restart_and_a_broken_one_never() {
    let files = Files::new();
    let first = files.renew();
    let tls = Tls::open("public", &files.certificate, &files.key).unwrap().unwrap();
    let shown = async || handshake(&tls, rustls::ALL_VERSIONS, |_| true).await.unwrap().0;
    assert_eq!(shown().await, first);
    assert!(!tls.reload().unwrap(), "nothing changed");

    let second = files.renew();
    assert_eq!(shown().await, first, "not before it is looked at");
    assert!(tls.reload().unwrap());
    assert_eq!(shown().await, second);

    // Half of a renewal: the key of another certificate.
    let key = std::fs::read(&files.key).unwrap();
    files.renew();
    std::fs::write(&files.key, key).unwrap();
    assert!(tls.reload().is_err());
    for broken in ["", "no PEM at all", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        std::fs::write(&files.certificate, broken).unwrap();
        assert!(tls.reload().is_err(), "{broken:?}");
    }
    std::fs::remove_file(&files.key).unwrap();
    assert!(tls.reload().is_err());
    assert_eq!(shown().await, second, "the old one stays through all of it");
    let third = files.renew();
    assert!(tls.reload().unwrap());
    assert_eq!(shown().await, third);
}

#[test]
fn without_files_there_is_no_tls_and_with_wrong_ones_the_server_does_not_start() {
    let nothing = Path::new("");
    assert!(Tls::open("public", nothing, nothing).unwrap().is_none());
    let files = Files::new();
    let error = Tls::open("public", &files.certificate, &files.key).unwrap_err().to_string();
    assert!(error.contains("certificate.pem"), "{error}");
}
