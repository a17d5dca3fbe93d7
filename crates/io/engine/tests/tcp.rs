//! Engines over TCP, plain and with TLS.
#![allow(clippy::unwrap_used, reason = "in the helpers of tests too")]

mod script;

use std::path::Path;
use std::sync::Arc;

use engine::{ApiVersion, Config, Endpoint, Engine, Error, Sources, TlsFault, TlsMode, TlsSources};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use script::{Answer, Script};
use testkit::{ServerCertificate, TestCa};

/// What dockerd presents; with `client_ca`, it wants a certificate of that authority.
fn server(certificate: &ServerCertificate, client_ca: Option<&TestCa>) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            roots
                .add(CertificateDer::from_pem_slice(ca.pem().as_bytes()).unwrap())
                .unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let chain = CertificateDer::from_pem_slice(certificate.certificate_pem.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(certificate.key_pem.as_bytes()).unwrap();
    Arc::new(builder.with_single_cert(vec![chain], key).unwrap())
}

/// `DOCKER_CERT_PATH` with an authority and, if given, our own certificate.
fn cert_path(ca: &TestCa, ours: Option<&ServerCertificate>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), ca.pem()).unwrap();
    if let Some(ours) = ours {
        std::fs::write(folder.path().join("cert.pem"), &ours.certificate_pem).unwrap();
        std::fs::write(folder.path().join("key.pem"), &ours.key_pem).unwrap();
    }
    folder
}

async fn connect(host: &str, mode: TlsMode, cert_path: Option<&Path>) -> Result<Engine, Error> {
    let endpoint = Endpoint::choose(&Sources {
        docker_host: Some(host),
        tls: TlsSources {
            mode,
            cert_path,
            ..TlsSources::default()
        },
        ..Sources::default()
    })?;
    Engine::connect(endpoint, Config::default()).await
}

fn host(script: &Script) -> String {
    format!("tcp://{}", script.address())
}

fn is_fault(outcome: &Result<Engine, Error>, fault: &net::TlsFault) -> bool {
    matches!(outcome, Err(Error::Tls { reason: TlsFault::Handshake(found), .. }) if found == fault)
}

#[tokio::test]
async fn plain_where_the_user_says_so() {
    let script = Script::with_version("1.44").start_tcp(None).await;
    let engine = connect(&host(&script), TlsMode::Off, None).await.unwrap();
    assert_eq!(engine.api_version(), ApiVersion::new(1, 44));
    assert!(engine.endpoint().is_plain_tcp());
    // Nobody listens there any more.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("tcp://{}", listener.local_addr().unwrap());
    drop(listener);
    assert!(matches!(
        connect(&nobody, TlsMode::Off, None).await,
        Err(Error::NotRunning { endpoint }) if endpoint == nobody
    ));
}

#[tokio::test]
async fn tls_is_verified_against_the_named_authority() {
    let (ca, stranger) = (TestCa::new(), TestCa::new());
    let tls = server(&ca.issue_for_loopback(), None);
    let script = Script::with_version("1.51").start_tcp(Some(tls)).await;
    let ours = cert_path(&ca, None);
    let engine = connect(&host(&script), TlsMode::Verified, Some(ours.path()))
        .await
        .unwrap();
    assert!(!engine.endpoint().is_plain_tcp());
    let other = cert_path(&stranger, None);
    let outcome = connect(&host(&script), TlsMode::Verified, Some(other.path())).await;
    assert!(
        is_fault(&outcome, &net::TlsFault::UnknownIssuer),
        "{outcome:?}"
    );
    // The user asked for it in as many words.
    assert!(
        connect(&host(&script), TlsMode::Unverified, Some(other.path()))
            .await
            .is_ok()
    );

    let elsewhere = server(&ca.issue(&["elsewhere.example.com"]), None);
    let script = Script::with_version("1.51")
        .start_tcp(Some(elsewhere))
        .await;
    let outcome = connect(&host(&script), TlsMode::Verified, Some(ours.path())).await;
    assert!(
        matches!(
            &outcome,
            Err(Error::Tls {
                reason: TlsFault::Handshake(net::TlsFault::NameMismatch { .. }),
                ..
            })
        ),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_client_certificate_is_shown_and_its_absence_is_told() {
    let ca = TestCa::new();
    let tls = server(&ca.issue_for_loopback(), Some(&ca));
    let script = Script::with_version("1.51").start_tcp(Some(tls)).await;
    let with = cert_path(&ca, Some(&ca.issue(&["client"])));
    assert!(
        connect(&host(&script), TlsMode::Verified, Some(with.path()))
            .await
            .is_ok()
    );
    let without = cert_path(&ca, None);
    let outcome = connect(&host(&script), TlsMode::Verified, Some(without.path())).await;
    assert!(
        is_fault(&outcome, &net::TlsFault::ClientCertificate),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn certificates_that_are_none_are_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), "-----BEGIN NOTHING-----").unwrap();
    let outcome = connect("tcp://127.0.0.1:1", TlsMode::Verified, Some(folder.path())).await;
    assert!(
        matches!(
            outcome,
            Err(Error::Tls {
                reason: TlsFault::Config(_),
                ..
            })
        ),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn tls_and_plain_text_are_told_apart() {
    // Go's answer to plain text on a TLS port.
    let go = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    let script = Script::new()
        .on("GET /_ping", Answer::raw(go))
        .start_tcp(None)
        .await;
    let outcome = connect(&host(&script), TlsMode::Off, None).await;
    assert!(
        matches!(
            outcome,
            Err(Error::Tls {
                reason: TlsFault::Wanted,
                ..
            })
        ),
        "{outcome:?}"
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 4096]).await
    });
    let ca = TestCa::new();
    let folder = cert_path(&ca, None);
    let host = format!("tcp://{address}");
    let outcome = connect(&host, TlsMode::Verified, Some(folder.path())).await;
    assert!(is_fault(&outcome, &net::TlsFault::NotTls), "{outcome:?}");
}
