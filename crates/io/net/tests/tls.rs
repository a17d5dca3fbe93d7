#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
//! TLS against real sockets: who is trusted, and how a refusal is named.

mod common;

use common::{authority, client, config, read_head, tcp, tls, url};
use net::{
    Client, ClientIdentity, Config, Error, InsecureTls, Phase, Request, Tls, TlsFault, TlsPart,
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use tokio::io::AsyncWriteExt;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

async fn fault(client: &Client, address: std::net::SocketAddr) -> TlsFault {
    match client
        .send(Request::get(url(format!("https://{address}/"))))
        .await
    {
        Err(Error::Tls { host, reason }) => {
            assert_eq!(host, address.to_string());
            reason
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_listed_authority_is_trusted() {
    let ca = authority();
    let address = tls(ca.leaf(&["127.0.0.1"], |_| ()).acceptor(None), OK).await;
    let response = client(&[&ca.pem])
        .send(Request::get(url(format!("https://{address}/"))))
        .await
        .unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(&response.read_to_limit(2).await.unwrap()[..], b"hi");
}

#[tokio::test]
async fn a_stranger_is_an_unknown_issuer() {
    let (ca, other) = (authority(), authority());
    let address = tls(ca.leaf(&["127.0.0.1"], |_| ()).acceptor(None), OK).await;
    assert_eq!(
        fault(&client(&[&other.pem]), address).await,
        TlsFault::UnknownIssuer
    );
    assert_eq!(fault(&client(&[]), address).await, TlsFault::UnknownIssuer);
    let with_system = Tls {
        system_roots: true,
        extra_roots_pem: vec![other.pem.clone()],
        ..Tls::default()
    };
    let client = Client::new(Config {
        tls: with_system,
        ..config(&[])
    })
    .unwrap();
    assert_eq!(fault(&client, address).await, TlsFault::UnknownIssuer);
}

#[tokio::test]
async fn another_name_is_a_name_mismatch() {
    let ca = authority();
    let address = tls(ca.leaf(&["registry.example"], |_| ()).acceptor(None), OK).await;
    match fault(&client(&[&ca.pem]), address).await {
        TlsFault::NameMismatch { presented } => {
            assert!(presented[0].contains("registry.example"), "{presented:?}")
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn dates_are_checked() {
    let ca = authority();
    let old = ca.leaf(&["127.0.0.1"], |params| {
        params.not_after = rcgen::date_time_ymd(2001, 1, 1)
    });
    let address = tls(old.acceptor(None), OK).await;
    assert_eq!(fault(&client(&[&ca.pem]), address).await, TlsFault::Expired);
    let early = ca.leaf(&["127.0.0.1"], |params| {
        params.not_before = rcgen::date_time_ymd(4000, 1, 1)
    });
    let address = tls(early.acceptor(None), OK).await;
    assert_eq!(
        fault(&client(&[&ca.pem]), address).await,
        TlsFault::NotYetValid
    );
}

/// `openssl req -x509` as a private registry's guide has it: one certificate is CA, root and server.
#[tokio::test]
async fn a_listed_self_signed_ca_may_be_the_server() {
    let made = |name: &str, last_year: i32| {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = rcgen::date_time_ymd(last_year, 1, 1);
        let key = KeyPair::generate().unwrap();
        common::Leaf::new(&params.self_signed(&key).unwrap(), &key)
    };
    let good = made("127.0.0.1", 4000);
    let address = tls(good.acceptor(None), OK).await;
    let trusting = client(&[good.cert_pem.as_bytes()]);
    assert_eq!(
        trusting
            .send(Request::get(url(format!("https://{address}/"))))
            .await
            .unwrap()
            .status,
        200
    );

    let wrong_name = made("10.9.8.7", 4000);
    let address = tls(wrong_name.acceptor(None), OK).await;
    let reason = fault(&client(&[wrong_name.cert_pem.as_bytes()]), address).await;
    assert!(
        matches!(reason, TlsFault::NameMismatch { .. }),
        "{reason:?}"
    );

    let expired = made("127.0.0.1", 2001);
    let address = tls(expired.acceptor(None), OK).await;
    assert_eq!(
        fault(&client(&[expired.cert_pem.as_bytes()]), address).await,
        TlsFault::Expired
    );

    // The same name and CA bit, but not the certificate that was listed.
    let address = tls(made("127.0.0.1", 4000).acceptor(None), OK).await;
    let reason = fault(&trusting, address).await;
    assert!(
        matches!(reason, TlsFault::Other(_) | TlsFault::UnknownIssuer),
        "{reason:?}"
    );
}

#[tokio::test]
async fn insecure_accepts_any_certificate() {
    let old = authority().leaf(&["elsewhere"], |params| {
        params.not_after = rcgen::date_time_ymd(2001, 1, 1)
    });
    let address = tls(old.acceptor(None), OK).await;
    let insecure = Some(InsecureTls::assertion_any_server_is_accepted());
    let client = Client::new(Config {
        tls: Tls {
            insecure,
            ..Tls::default()
        },
        ..config(&[])
    })
    .unwrap();
    assert_eq!(
        client
            .send(Request::get(url(format!("https://{address}/"))))
            .await
            .unwrap()
            .status,
        200
    );
}

#[tokio::test]
async fn client_certificates_are_shown_and_their_lack_is_named() {
    let ca = authority();
    let acceptor = ca.leaf(&["127.0.0.1"], |_| ()).acceptor(Some(&ca));
    let address = tls(acceptor, OK).await;
    assert_eq!(
        fault(&client(&[&ca.pem]), address).await,
        TlsFault::ClientCertificate
    );

    let me = ca.leaf(&["me"], |_| ());
    let identity = ClientIdentity {
        cert_pem: me.cert_pem.clone().into(),
        key_pem: me.key_pem.clone().into_bytes().into(),
    };
    let tls = Tls {
        client_identity: Some(identity),
        ..config(&[&ca.pem]).tls
    };
    let client = Client::new(Config { tls, ..config(&[]) }).unwrap();
    assert_eq!(
        client
            .send(Request::get(url(format!("https://{address}/"))))
            .await
            .unwrap()
            .status,
        200
    );
}

#[tokio::test]
async fn plain_http_on_https_is_told_from_other_noise() {
    let address = tcp(|mut stream| async move {
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
            .await
            .ok();
    })
    .await;
    match client(&[])
        .send(Request::get(url(format!("https://{address}/"))))
        .await
    {
        Err(Error::PlainHttpAnswer { host }) => assert_eq!(host, address.to_string()),
        other => panic!("{other:?}"),
    }
    let noise = tcp(|mut stream| async move {
        stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await.ok();
    })
    .await;
    assert_eq!(fault(&client(&[]), noise).await, TlsFault::NotTls);
    let closes = tcp(|stream| async move { drop(stream) }).await;
    let reason = fault(&client(&[]), closes).await;
    assert!(matches!(reason, TlsFault::Other(_)), "{reason:?}");
}

#[tokio::test]
async fn a_handshake_that_stalls_is_a_connect_timeout() {
    let address = tcp(|stream| async move {
        tokio::time::sleep(std::time::Duration::from_secs(30)).await;
        drop(stream);
    })
    .await;
    let outcome = client(&[])
        .send(Request::get(url(format!("https://{address}/"))))
        .await;
    assert!(
        matches!(outcome, Err(Error::ConnectTimeout { .. })),
        "{outcome:?}"
    );
}

#[test]
fn unusable_material_is_refused_by_part() {
    let part = |tls: Tls| match Client::new(Config { tls, ..config(&[]) }) {
        Err(Error::BadTlsConfig { part, .. }) => part,
        other => panic!("{other:?}"),
    };
    let ca = authority();
    let roots = vec![ca.pem.clone(), b"no pem".to_vec()];
    assert_eq!(
        part(Tls {
            extra_roots_pem: roots,
            ..Tls::default()
        }),
        TlsPart::Root { index: 1 }
    );
    let leaf = ca.leaf(&["me"], |_| ());
    let identity = |cert: &str, key: &str| {
        let identity = ClientIdentity {
            cert_pem: cert.into(),
            key_pem: key.as_bytes().to_vec().into(),
        };
        Tls {
            client_identity: Some(identity),
            ..Tls::default()
        }
    };
    assert_eq!(
        part(identity("", &leaf.key_pem)),
        TlsPart::ClientCertificate
    );
    assert_eq!(part(identity(&leaf.cert_pem, "junk")), TlsPart::ClientKey);
    let other = ca.leaf(&["you"], |_| ());
    assert_eq!(
        part(identity(&leaf.cert_pem, &other.key_pem)),
        TlsPart::ClientKey
    );
}

/// A body that ends with the connection is whole only if TLS says so: anybody on the way can cut a connection.
#[tokio::test]
async fn a_body_that_ends_without_a_goodbye_is_cut() {
    let ca = authority();
    let acceptor = ca.leaf(&["127.0.0.1"], |_| ()).acceptor(None);
    let address = tcp(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = acceptor.accept(stream).await.unwrap();
            let polite = read_head(&mut stream).await.contains("/polite");
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhalf")
                .await
                .unwrap();
            stream.flush().await.unwrap();
            if polite {
                stream.shutdown().await.unwrap();
            }
        }
    })
    .await;
    let client = client(&[&ca.pem]);
    let read = async |path| {
        let response = client
            .send(Request::get(url(format!("https://{address}{path}"))))
            .await
            .unwrap();
        response.read_to_limit(100).await
    };
    assert_eq!(read("/polite").await.unwrap(), "half");
    let outcome = read("/").await;
    assert!(
        matches!(
            outcome,
            Err(Error::Interrupted {
                phase: Phase::Body,
                ..
            })
        ),
        "{outcome:?}"
    );
}

/// The system's roots belong to the process, so another one is started for each set of them: this test binary, with
/// the ignored test below, which reads the address from its input and does nothing without one.
#[tokio::test]
async fn system_roots_are_used_and_may_be_missing() {
    let ca = authority();
    let address = tls(ca.leaf(&["127.0.0.1"], |_| ()).acceptor(None), OK).await;
    let folder = tempfile::tempdir().unwrap();
    let listed = folder.path().join("ca.pem");
    std::fs::write(&listed, &ca.pem).unwrap();
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    for (variable, value, expected) in [
        ("SSL_CERT_FILE", &listed, "outcome: 200"),
        ("SSL_CERT_DIR", &empty, "outcome: UnknownIssuer"),
    ] {
        let mut child = tokio::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "--nocapture",
                "child_asks_with_system_roots",
            ])
            .env_remove("SSL_CERT_FILE")
            .env_remove("SSL_CERT_DIR")
            .env(variable, value)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(format!("{address}\n").as_bytes())
            .await
            .unwrap();
        let output = child.wait_with_output().await.unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        assert!(output.contains(expected), "{output}");
    }
}

#[tokio::test]
#[ignore = "run by the test above in another process"]
async fn child_asks_with_system_roots() {
    let mut address = String::new();
    std::io::stdin().read_line(&mut address).unwrap();
    if address.is_empty() {
        return;
    }
    let tls = Tls {
        system_roots: true,
        ..Tls::default()
    };
    let client = Client::new(Config { tls, ..config(&[]) }).unwrap();
    match client
        .send(Request::get(url(format!("https://{}/", address.trim()))))
        .await
    {
        Ok(response) => println!("outcome: {}", response.status.as_u16()),
        Err(Error::Tls { reason, .. }) => println!("outcome: {reason:?}"),
        Err(other) => println!("outcome: {other:?}"),
    }
}
