//! Which scheme is spoken to whom, and what a failed connection is called.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use registry::{CredentialSource, Credentials, Error, PlainHttp, Registry, RegistryConfig};
use support::{ALICE_BASIC, Seen, Server, alice, anonymous, http, registry, reply};
use zeroize::Zeroizing;

fn config(host: &str, plain_http: PlainHttp) -> RegistryConfig {
    RegistryConfig {
        plain_http,
        ..RegistryConfig::new(host.to_owned(), CredentialSource::Anonymous)
    }
}

#[tokio::test]
async fn a_loopback_registry_without_tls_is_found_out() {
    let server = Server::start(|_| reply(200)).await;
    Registry::new(http(), config(&server.host, PlainHttp::LoopbackWithoutTls))
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
        let error = Registry::new(http(), config(host, PlainHttp::Loopback))
            .ping()
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::PlainHttp { .. }),
            "{host}: {error:?}"
        );
    }
    let error = Registry::new(http(), config("localhost:99999", PlainHttp::Loopback))
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
    let error = Registry::new(http(), config(&host, PlainHttp::Loopback))
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
    let error = Registry::new(http(), config(&server.host, PlainHttp::LoopbackWithoutTls))
        .ping()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::TlsUntrusted { .. }), "{error:?}");
    assert!(server.seen().is_empty());

    let mut trusting = net::Config::new("test");
    trusting.tls.extra_roots_pem = vec![key.cert.pem().into_bytes()];
    let client = net::Client::new(trusting).unwrap();
    Registry::new(client, config(&server.host, PlainHttp::LoopbackWithoutTls))
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

/// `0.0.0.0` is no loopback address, and leads here.
#[tokio::test]
async fn plain_http_beyond_this_machine_only_when_it_is_asked_for() {
    let server = Server::start(|seen: &Seen| match seen.header("authorization") {
        Some(ALICE_BASIC) => reply(200),
        _ => reply(401).header("www-authenticate", "Basic realm=x"),
    })
    .await;
    let elsewhere = server.host.replace("127.0.0.1", "0.0.0.0");
    let ask = |plain_http| {
        let config = RegistryConfig {
            plain_http,
            ..RegistryConfig::new(elsewhere.clone(), alice())
        };
        Registry::new(http(), config)
    };
    for plain_http in [PlainHttp::LoopbackWithoutTls, PlainHttp::Loopback] {
        ask(plain_http).ping().await.unwrap_err();
        assert!(!server.lines().contains(&"GET /v2/".to_owned()));
    }
    ask(PlainHttp::Allowed).ping().await.unwrap();
    assert!(
        server
            .lines()
            .ends_with(&["GET /v2/".to_owned(), "GET /v2/".to_owned()])
    );
}

#[tokio::test]
async fn a_token_for_the_registry_is_sent_as_it_is_and_only_when_asked() {
    for challenge in ["Basic realm=x", "Bearer realm=\"https://auth.example/\""] {
        let server = Server::start(move |seen: &Seen| match seen.header("authorization") {
            Some("Bearer t0ken") => reply(200),
            _ => reply(401).header("www-authenticate", challenge),
        })
        .await;
        let token = |text: &str| {
            CredentialSource::Fixed(Credentials::RegistryToken {
                token: Zeroizing::new(text.to_owned()),
            })
        };
        registry(&server, token("t0ken")).ping().await.unwrap();
        let sent: Vec<_> = server
            .seen()
            .iter()
            .map(|seen| seen.header("authorization").is_some())
            .collect();
        assert_eq!(sent, [false, true]);
        let error = registry(&server, token("other")).ping().await.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Unauthorized {
                    with_credentials: true,
                    ..
                }
            ),
            "{error:?}"
        );
        let error = registry(&server, token("a\nb")).ping().await.unwrap_err();
        assert!(matches!(error, Error::RegistryToken), "{error:?}");
        assert!(!format!("{:?}", token("t0ken")).contains("t0ken"));
    }
}

#[tokio::test]
async fn a_busy_registry_is_waited_for_as_often_as_allowed() {
    let busy = Arc::new(AtomicUsize::new(2));
    let left = busy.clone();
    let server = Server::start(move |_| {
        let put_off = left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            })
            .is_ok();
        if put_off {
            reply(429).header("retry-after", "0")
        } else {
            reply(200)
        }
    })
    .await;
    let patient = |attempts| {
        let config = RegistryConfig {
            plain_http: PlainHttp::Loopback,
            retry: net::Retry {
                attempts,
                longest_wait: std::time::Duration::from_secs(1),
            },
            ..RegistryConfig::new(server.host.clone(), CredentialSource::Anonymous)
        };
        Registry::new(http(), config)
    };
    patient(2).ping().await.unwrap();
    busy.store(2, Ordering::SeqCst);
    let error = patient(1).ping().await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::RateLimited {
                retry_after: Some(std::time::Duration::ZERO),
                ..
            }
        ),
        "{error:?}"
    );
}
