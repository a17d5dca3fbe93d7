//! Which scheme is spoken to whom, and what a failed connection is called.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::Arc;

use registry::{CredentialSource, Error, Registry, RegistryConfig};
use support::{Server, anonymous, http, reply};

fn config(host: &str, plain_http: bool) -> RegistryConfig {
    RegistryConfig {
        host: host.to_owned(),
        credentials: CredentialSource::Anonymous,
        plain_http,
    }
}

#[tokio::test]
async fn a_loopback_registry_without_tls_is_found_out() {
    let server = Server::start(|_| reply(200)).await;
    Registry::new(http(), config(&server.host, false))
        .ping()
        .await
        .unwrap();
    // The probe of the HTTP client sends nothing of the request; then the request itself.
    assert_eq!(server.lines().pop().unwrap(), "GET /v2/");
}

#[tokio::test]
async fn plain_http_is_refused_beyond_this_machine() {
    for host in [
        "registry.example",
        "192.0.2.1:5000",
        "localhost.example",
        "127.0.0.1.example:80",
        "[2001:db8::1]",
    ] {
        let error = Registry::new(http(), config(host, true))
            .ping()
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::PlainHttp { .. }),
            "{host}: {error:?}"
        );
    }
    let error = Registry::new(http(), config("localhost:99999", true))
        .ping()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Host { .. }), "{error:?}");
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let server = Server::start(|_| reply(200)).await;
    let host = server.host.clone();
    drop(server);
    tokio::task::yield_now().await;
    let error = Registry::new(http(), config(&host, true))
        .ping()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn an_untrusted_certificate_ends_it_even_on_loopback() {
    let key = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![key.cert.der().clone()],
            rustls::pki_types::PrivatePkcs8KeyDer::from(key.signing_key.serialize_der()).into(),
        )
        .unwrap();
    let server = Server::start_with(Some(Arc::new(tls)), |_| reply(200)).await;
    let error = Registry::new(http(), config(&server.host, false))
        .ping()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::TlsUntrusted { .. }), "{error:?}");
    assert!(server.seen().is_empty());

    let mut trusting = net::Config::new("test");
    trusting.tls.extra_roots_pem = vec![key.cert.pem().into_bytes()];
    let client = net::Client::new(trusting).unwrap();
    Registry::new(client, config(&server.host, false))
        .ping()
        .await
        .unwrap();
}

#[tokio::test]
async fn ping_reads_the_status() {
    let server = Server::start(|_| reply(404)).await;
    assert!(matches!(
        anonymous(&server).ping().await,
        Err(Error::NotFound { .. })
    ));
    assert_eq!(anonymous(&server).host(), server.host);
}
