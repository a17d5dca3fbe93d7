//! Fulcio's answers, right and wrong.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyless::certified::{CertifiedKey, certify};
use keyless::fulcio::{Api, Fulcio, Issued};
use keyless::token::{IdentityToken, TokenError};
use keyless::{Error, Fault, Service};
use pki::signature::{HashAlgorithm, Scheme};
use pki::signing::SigningKey;
use serde_json::{Value, json};
use testkit::sigstack::{Claims, Faults, Sigstore};

use crate::support::{Reply, Seen, Server, assert_too_large, certified, gitlab, http, reply};

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

fn chain(certified: &CertifiedKey) -> Vec<String> {
    let leaf = [certified.certificate.der()].into_iter();
    let issuers = certified.issuers.iter().map(Vec::as_slice);
    leaf.chain(issuers).map(pem).collect()
}

fn embedded(certificates: &[String]) -> String {
    let chain = json!({ "chain": { "certificates": certificates } });
    json!({ "signedCertificateEmbeddedSct": chain }).to_string()
}

/// An SCT as a log answers with it; its signature is none, which is not looked at here.
fn sct() -> String {
    let sct = json!({
        "sct_version": 0, "id": STANDARD.encode([7; 32]), "timestamp": 1_795_212_507_000_u64,
        "extensions": "", "signature": STANDARD.encode([4, 3, 0, 1, 9]),
    });
    STANDARD.encode(sct.to_string())
}

/// Certifies `key` at a server that says this.
async fn ask(api: Api, key: &SigningKey, reply: Reply) -> Result<Issued, Error> {
    let server = Server::saying(reply).await;
    let authority = Fulcio::new(http(), &server.url, api).unwrap();
    authority.certify(&someone(), key).await
}

fn someone() -> IdentityToken {
    let token =
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJpIiwic3ViIjoicyIsImF1ZCI6InNpZ3N0b3JlIiwiZXhwIjo5fQ.c2ln";
    IdentityToken::parse(token).unwrap()
}

fn fault(outcome: Result<Issued, Error>) -> Fault {
    match outcome {
        Err(Error::Answer {
            service: Service::CertificateAuthority,
            fault,
            ..
        }) => fault,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_sent_is_what_the_real_clients_send() {
    let server = Server::saying(reply(400, "")).await;
    let key = SigningKey::generate_ecdsa_p256().unwrap();
    let public = key.verifying_key();
    let possession = |text: &Value| {
        let signature = STANDARD.decode(text.as_str().unwrap()).unwrap();
        // Over the subject and nothing else.
        let scheme = Scheme::Ecdsa(HashAlgorithm::Sha256);
        assert!(public.verify(scheme, b"s", &signature).is_ok());
    };
    for api in [Api::V1, Api::V2] {
        let authority = Fulcio::new(http(), &server.url, api).unwrap();
        assert!(authority.certify(&someone(), &key).await.is_err());
    }
    let seen = server.seen();
    assert_eq!(
        server.lines(),
        ["POST /api/v1/signingCert", "POST /api/v2/signingCert"]
    );
    for request in &seen {
        let bearer = format!("Bearer {}", someone().secret());
        assert_eq!(request.header("authorization"), Some(bearer.as_str()));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert!(!request.text().contains(someone().secret()));
    }
    let body = |seen: &Seen| -> Value { serde_json::from_slice(&seen.body).unwrap() };
    let (v1, v2) = (body(&seen[0]), body(&seen[1]));
    assert_eq!(v1["publicKey"]["content"], STANDARD.encode(public.to_pem()));
    possession(&v1["signedEmailAddress"]);
    let v2 = &v2["publicKeyRequest"];
    assert_eq!(v2["publicKey"]["content"], public.to_pem());
    possession(&v2["proofOfPossession"]);
}

#[tokio::test]
async fn a_certificate_for_another_key_is_refused() {
    let sigstore = Sigstore::start();
    let theirs = certified(&sigstore).await;
    let ours = SigningKey::generate_ecdsa_p256().unwrap();
    let expected = Fault::WrongKey {
        expected: ours.verifying_key().spki_sha256(),
        found: theirs.key.verifying_key().spki_sha256(),
    };
    let v2 = reply(200, embedded(&chain(&theirs)));
    assert_eq!(fault(ask(Api::V2, &ours, v2).await), expected);
    let v1 = reply(201, chain(&theirs).join(""));
    assert_eq!(fault(ask(Api::V1, &ours, v1).await), expected);
}

#[tokio::test]
async fn a_promise_beside_the_certificate_counts_only_without_one_in_it() {
    let sigstore = Sigstore::start();
    let with = certified(&sigstore).await;
    sigstore.set_faults(Faults {
        no_sct: true,
        ..Faults::default()
    });
    let without = certified(&sigstore).await;
    for (certified, expected) in [(&with, false), (&without, true)] {
        let certificates = chain(certified);
        let v1 = reply(201, certificates.join("\n")).header("SCT", sct());
        let signed = json!({
            "chain": { "certificates": certificates },
            "signedCertificateTimestamp": sct(),
        });
        let v2 = reply(
            200,
            json!({ "signedCertificateDetachedSct": signed }).to_string(),
        );
        for (api, reply) in [(Api::V1, v1), (Api::V2, v2)] {
            let issued = ask(api, &certified.key, reply).await.unwrap();
            let promised = issued.detached_sct.map(|sct| *sct.log_id.as_bytes());
            assert_eq!(promised, expected.then_some([7; 32]), "{api:?}");
        }
    }
    // An authority without a log.
    let signed = json!({ "signedCertificateDetachedSct": {
        "chain": { "certificates": chain(&without) }, "signedCertificateTimestamp": "",
    } });
    let issued = ask(Api::V2, &without.key, reply(200, signed.to_string())).await;
    assert_eq!(issued.unwrap().detached_sct, None);
}

#[tokio::test]
async fn what_is_no_certificate_is_refused() {
    let sigstore = Sigstore::start();
    let certified = certified(&sigstore).await;
    let key = &certified.key;
    let one = chain(&certified)[0].clone();
    let missing = |member| Fault::Missing { member };
    for (body, expected) in [
        ("{}".to_owned(), missing("signed certificate")),
        (
            r#"{"signedCertificateEmbeddedSct":{}}"#.to_owned(),
            missing("chain"),
        ),
        (embedded(&[]), missing("certificate")),
        (
            embedded(&["no certificate".to_owned()]),
            Fault::Certificate(sigstore::fulcio::CertificateError::Malformed),
        ),
        (
            embedded(&vec![one.clone(); 11]),
            Fault::Certificate(sigstore::fulcio::CertificateError::TooMany { found: 11 }),
        ),
        (
            json!({ "signedCertificateDetachedSct": {
                "chain": { "certificates": [one] }, "signedCertificateTimestamp": "!",
            } })
            .to_string(),
            Fault::Base64 {
                member: "signedCertificateTimestamp",
            },
        ),
    ] {
        let found = fault(ask(Api::V2, key, reply(200, body.clone())).await);
        assert_eq!(found, expected, "{body:.80}");
    }
    let json = fault(ask(Api::V2, key, reply(200, "<html>")).await);
    assert!(matches!(json, Fault::Json { .. }), "{json:?}");
    // Version 1 answers 201 and nothing else.
    let v1 = fault(ask(Api::V1, key, reply(200, chain(&certified).join(""))).await);
    let expected = Fault::Status {
        expected: 201,
        found: 200,
    };
    assert_eq!(v1, expected);
}

#[tokio::test]
async fn an_answer_without_end_is_not_read() {
    let key = SigningKey::generate_ecdsa_p256().unwrap();
    for reply in [
        reply(200, "{").claiming(usize::MAX / 4),
        reply(200, vec![b' '; 4 << 20]),
    ] {
        assert_too_large(&ask(Api::V2, &key, reply).await);
    }
}

#[tokio::test]
async fn a_refusal_says_what_the_authority_says() {
    let sigstore = Sigstore::start();
    let authority = Fulcio::new(http(), sigstore.fulcio_url(), Api::V2).unwrap();
    let claims = gitlab().with("iss", "https://gitlab.example.com");
    let token = IdentityToken::parse(&sigstore.token(&claims)).unwrap();
    let refused = certify(&token, &authority).await;
    let Err(Error::Refused {
        service: Service::CertificateAuthority,
        status: 400,
        message: Some(message),
        url,
        ..
    }) = refused
    else {
        panic!("{refused:?}");
    };
    assert!(message.starts_with("There was an error processing the identity token"));
    assert!(url.ends_with("/api/v2/signingCert"), "{url}");
    assert_eq!(sigstore.calls().len(), 1, "a refusal is not tried again");
}

#[tokio::test]
async fn a_refusal_is_shown_in_one_line_and_not_as_a_page() {
    let key = SigningKey::generate_ecdsa_p256().unwrap();
    let long = "x".repeat(2000);
    for (reply, expected) in [
        (reply(403, "no\r\n\u{1b}[31mway"), Some("no   [31mway")),
        (
            reply(403, r#"{"error":"e","error_description":"d"}"#),
            Some("e: d"),
        ),
        (
            reply(403, "<h1>no</h1>").header("content-type", "text/html; charset=utf-8"),
            None,
        ),
        (reply(403, ""), None),
        (reply(403, long.clone()), Some(&long[..500])),
        (reply(302, "").header("location", "/elsewhere"), None),
    ] {
        let outcome = ask(Api::V2, &key, reply.clone()).await;
        let Err(Error::Refused { message, .. }) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(message.as_deref(), expected, "{reply:?}");
    }
}

#[tokio::test]
async fn a_busy_authority_is_asked_again_and_not_for_ever() {
    let key = SigningKey::generate_ecdsa_p256().unwrap();
    for (status, wait, times) in [
        (429, None, 3),
        (500, None, 3),
        (503, Some("0"), 3),
        // Longer than we wait.
        (429, Some("3"), 1),
        (501, None, 1),
        (400, None, 1),
    ] {
        let mut busy = reply(status, r#"{"message":"busy"}"#);
        if let Some(wait) = wait {
            busy = busy.header("retry-after", wait);
        }
        let server = Server::saying(busy).await;
        let authority = Fulcio::new(http(), &server.url, Api::V2).unwrap();
        let outcome = authority.certify(&someone(), &key).await;
        let Err(Error::Refused {
            status: found,
            retry_after,
            message,
            ..
        }) = outcome
        else {
            panic!("{outcome:?}");
        };
        assert_eq!((found, message.as_deref()), (status, Some("busy")));
        assert_eq!(
            retry_after.map(|wait| wait.as_secs().to_string()),
            wait.map(str::to_owned)
        );
        assert_eq!(server.seen().len(), times, "{status} {wait:?}");
    }
}

#[tokio::test]
async fn what_cannot_work_is_refused_before_anybody_is_asked() {
    let key = SigningKey::generate_ecdsa_p256().unwrap();
    for url in ["", "fulcio.example", "ftp://a", "https://user:pw@a"] {
        let refused = Fulcio::new(http(), url, Api::V2);
        assert!(matches!(refused, Err(Error::Address { .. })), "{url}");
    }
    // An address that nobody vouches for: nobody is asked.
    let sigstore = Sigstore::start();
    let claims = Claims::email(sigstore.oidc_url(), "a@b.c").with("email_verified", false);
    let token = IdentityToken::parse(&sigstore.token(&claims)).unwrap();
    let authority = Fulcio::new(http(), sigstore.fulcio_url(), Api::V2).unwrap();
    let refused = authority.certify(&token, &key).await;
    assert!(
        matches!(
            refused,
            Err(Error::Token(TokenError::EmailNotVerified { .. }))
        ),
        "{refused:?}"
    );
    assert!(sigstore.calls().is_empty());
    // A server that is gone.
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    drop(socket);
    let gone = Fulcio::new(http(), &url, Api::V2).unwrap();
    let outcome = gone.certify(&someone(), &key).await;
    assert!(
        matches!(
            &outcome,
            Err(Error::Network {
                source: net::Error::ConnectRefused { .. },
                ..
            })
        ),
        "{outcome:?}"
    );
}
