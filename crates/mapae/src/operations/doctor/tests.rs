//! A healthy installation and broken ones: each fault is named, with its mend, and nothing else is called broken.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::operations::roles::Role;
use crate::operations::server::Server;
use crate::operations::store::{StoreError, params};
use crate::operations::{Platform, SystemClock, kek};
use crate::testing::{self, TestPlatform};

/// A server that runs on the real time, at the address it is called by.
async fn healthy() -> (TestPlatform, Server) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let platform = testing::platform_with(|config| {
        config.public.listen.set_port(port);
        config.public.base_url = format!("http://localhost:{port}").parse().unwrap();
    })
    .await;
    platform.clock.set_ms(SystemClock.now_ms());
    let server = Server::start(Arc::clone(&platform.platform)).await.unwrap();
    (platform, server)
}

fn broken(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().filter(|finding| finding.grade == Grade::Broken).map(|finding| finding.check).collect()
}

fn found<'f>(findings: &'f [Finding], check: &str) -> &'f Finding {
    findings.iter().find(|finding| finding.check == check).unwrap_or_else(|| panic!("{check}: {findings:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_installation_is_called_well_in_every_check() {
    let (platform, server) = healthy().await;
    let findings = examine(&platform.config, &SystemClock).await;
    assert!(
        findings.iter().all(|finding| finding.grade == Grade::Well && finding.mend.is_empty()),
        "{findings:#?}"
    );
    let looked: Vec<&str> = findings.iter().map(|finding| finding.check).collect();
    for check in [
        "key_file", "disk", "database", "schema", "clock", "copy", "keys", "messages", "audit", "ledger",
        "address", "roles",
    ] {
        assert!(looked.contains(&check), "{check}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_file_of_another_database_is_named() {
    let (platform, server) = healthy().await;
    let mut config = platform.config.clone();
    config.keys.file = platform.config.keys.file.with_extension("other");
    kek::make(&config.keys.file).unwrap();
    let findings = examine(&config, &SystemClock).await;
    assert_eq!(broken(&findings), ["keys"]);
    assert!(found(&findings, "keys").mend.contains("put back the key file"));
    server.stop().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_file_that_others_may_read_is_named_with_the_command() {
    use std::os::unix::fs::PermissionsExt as _;
    let (platform, server) = healthy().await;
    let file = &platform.config.keys.file;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let findings = examine(&platform.config, &SystemClock).await;
    assert_eq!(broken(&findings), ["key_file"]);
    assert_eq!(found(&findings, "key_file").mend, format!("chmod 600 {}", file.display()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_not_there_is_named_and_not_made() {
    let (platform, server) = healthy().await;
    let nothing = std::env::temp_dir().join(format!("mapae-nothing-{}.db", crate::operations::id::new()));
    for url in [format!("sqlite:{}", nothing.display()), "postgres://nobody@127.0.0.1:1/nothing".to_owned()] {
        let mut config = platform.config.clone();
        config.store.url = url;
        let findings = examine(&config, &SystemClock).await;
        assert_eq!(broken(&findings), ["database"]);
        assert!(found(&findings, "database").mend.contains("store.url"));
        assert!(findings.iter().all(|finding| finding.check != "schema"), "nothing is said of what is in it");
    }
    assert!(!nothing.exists());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_leads_elsewhere_is_named() {
    let (platform, server) = healthy().await;
    let mut config = platform.config.clone();
    // The same server by another name: tokens would be for somebody else.
    let port = platform.config.public.listen.port();
    config.public.base_url = format!("http://127.0.0.1:{port}").parse().unwrap();
    let findings = examine(&config, &SystemClock).await;
    assert_eq!(broken(&findings), ["address"]);
    assert!(found(&findings, "address").seen.contains("calls itself"));

    config.public.base_url = "http://127.0.0.1:1".parse().unwrap();
    let findings = examine(&config, &SystemClock).await;
    assert_eq!(
        found(&findings, "address").grade,
        Grade::Watch,
        "a server that is not running is no broken installation"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_replica_that_is_none_is_named_and_breaks_nothing() {
    let (platform, server) = healthy().await;
    let mut config = platform.config.clone();
    config.store.replica_url = "postgres://nobody@127.0.0.1:1/nothing".to_owned();
    let findings = examine(&config, &SystemClock).await;
    let finding = found(&findings, "replica");
    assert!(finding.grade == Grade::Watch && finding.mend.contains("store.replica_url"), "{finding:?}");
    assert!(broken(&findings).is_empty(), "{findings:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_that_nobody_has_are_named() {
    let (platform, server) = healthy().await;
    server.stop().await;
    let mut config = platform.config.clone();
    config.server.roles = vec![Role::Login, Role::Verifier];
    let alone =
        Platform::open(config.clone(), Arc::<testing::TestClock>::clone(&platform.clock)).await.unwrap();
    let server = Server::start(alone).await.unwrap();
    let findings = examine(&config, &SystemClock).await;
    let finding = found(&findings, "roles");
    let postgres = testing::postgres_url().is_some();
    assert_eq!(finding.grade, if postgres { Grade::Broken } else { Grade::Watch }, "{finding:?}");
    assert!(finding.seen.contains("hr-desk,issuer,wallet-provider,signing,gates,registry"), "{finding:?}");
    server.stop().await;

    // Somebody has all of them at that address.
    let whole = Server::start(platform.replica().await).await.unwrap();
    let findings = examine(&config, &SystemClock).await;
    assert_eq!(found(&findings, "roles").grade, if postgres { Grade::Well } else { Grade::Watch });
    whole.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_ended_or_has_another_key_is_named() {
    let (platform, server) = healthy().await;
    let folder = platform.config.keys.file.parent().unwrap().to_owned();
    let now = SystemClock.now_ms() / 1_000;
    let files = |name: &str, from: i64, to: i64| {
        let key = keys::SecretKey::generate();
        let certificate = keys::x509::root_in(Some("KR"), &key, "localhost", from, to).unwrap();
        let (chain, secret) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        pem(&chain, "CERTIFICATE", certificate.der());
        pem(&secret, "PRIVATE KEY", &pkcs8(&key));
        (chain, secret)
    };
    let (ended, its_key) = files("ended", now - 864_000, now - 86_400 * 3);
    let (soon, soon_key) = files("soon", now - 86_400, now + 86_400 * 3);
    let (good, good_key) = files("good", now - 86_400, now + 86_400 * 300);
    for (certificate, key, grade, word) in [
        (&ended, &its_key, Grade::Broken, "ended 3 days ago"),
        (&soon, &soon_key, Grade::Watch, "ends in"),
        (&good, &good_key, Grade::Well, "is good for"),
        (&good, &soon_key, Grade::Broken, ""),
    ] {
        let mut config = platform.config.clone();
        (config.console.tls_certificate, config.console.tls_key) = (certificate.clone(), key.clone());
        let findings = examine(&config, &SystemClock).await;
        let finding = found(&findings, "tls_console");
        assert_eq!(finding.grade, grade, "{finding:?}");
        assert!(finding.seen.contains(word), "{finding:?}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_too_long_inside_is_named() {
    let (platform, server) = healthy().await;
    server.stop().await;
    let platform = platform.replica().await;
    let hour_ago = SystemClock.now_ms() - 3_600_000;
    let statements = [
        (
            "INSERT INTO store_copy (name, after, rows, at) VALUES ('', 'restore x', 0, $1)",
            "copy",
            Grade::Broken,
        ),
        (
            "INSERT INTO audit_record (id, at, actor, duty, act, subject, detail, leaf_hash) \
             VALUES ('x', $1, 'a', 'd', 'act', 's', '{}', 'h')",
            "audit",
            Grade::Broken,
        ),
        (
            "INSERT INTO notification_outbox (id, topic, channel, state, attempts, next_at, created_at, ends_at) \
             VALUES ('x', 'notice', 'sms', 'waiting', 3, $1, $1, $1)",
            "messages",
            Grade::Watch,
        ),
        (
            "INSERT INTO ledger_anchor (kind, position, origin, root, leaves, made_at) \
             VALUES ('status', 1, '', 'r', '[]', $1)",
            "ledger",
            Grade::Watch,
        ),
    ];
    for (sql, check, grade) in statements {
        let sql = sql.replace("'h')", "$2)").replace("'r', '[]'", "$2, '[]'");
        let binds = if sql.contains("$2") { params![hour_ago, vec![1_u8; 32]] } else { params![hour_ago] };
        platform
            .store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move { tx.execute(sqlx::AssertSqlSafe(sql), binds).await })
            })
            .await
            .unwrap();
        let findings = examine(&platform.config, &SystemClock).await;
        let finding = found(&findings, check);
        assert!(finding.grade == grade && !finding.mend.is_empty(), "{finding:?}");
    }
}

fn pem(path: &Path, label: &str, der: &[u8]) {
    let text = keys::encoding::b64_encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"));
    std::fs::write(path, pem).unwrap();
}

/// RFC 5958 around RFC 5915, for P-256.
fn pkcs8(key: &keys::SecretKey) -> Vec<u8> {
    let head = "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420";
    let public = key.public_key().to_sec1();
    let head = keys::encoding::hex_decode(head).unwrap();
    [head.as_slice(), key.to_bytes().as_slice(), &[0xa1, 0x44, 0x03, 0x42, 0x00], &public].concat()
}
