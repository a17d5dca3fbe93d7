#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its part of this"
)]
//! Servers on loopback that behave badly in one way each.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use net::{Client, Config, Tls, Url};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
        server::WebPkiClientVerifier,
    },
};

pub struct Authority {
    pub pem: Vec<u8>,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

pub struct Leaf {
    pub cert_pem: String,
    pub key_pem: String,
    cert: CertificateDer<'static>,
    key: Vec<u8>,
}

pub fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "Test CA");
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    Authority {
        pem: certificate.pem().into_bytes(),
        der: certificate.der().clone(),
        issuer: Issuer::new(params, key),
    }
}

impl Authority {
    pub fn leaf(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Leaf {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Leaf::new(&params.signed_by(&key, &self.issuer).unwrap(), &key)
    }
}

impl Leaf {
    pub fn new(certificate: &rcgen::Certificate, key: &KeyPair) -> Self {
        Self {
            cert_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            cert: certificate.der().clone(),
            key: key.serialize_der(),
        }
    }

    pub fn acceptor(&self, clients: Option<&Authority>) -> TlsAcceptor {
        TlsAcceptor::from(Arc::new(self.server_config(clients)))
    }

    pub fn acceptor_with_alpn(&self, protocols: &[&[u8]]) -> TlsAcceptor {
        let mut config = self.server_config(None);
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }

    fn server_config(&self, clients: Option<&Authority>) -> ServerConfig {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.der.clone()).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                        .build()
                        .unwrap();
                builder.with_client_cert_verifier(verifier)
            }
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()));
        builder
            .with_single_cert(vec![self.cert.clone()], key)
            .unwrap()
    }
}

/// Answers every connection with `serve`, until the test ends.
pub async fn tcp<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// A TLS server that answers each connection with these bytes and closes it.
pub async fn tls(acceptor: TlsAcceptor, answer: &'static [u8]) -> SocketAddr {
    tcp(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                read_head(&mut stream).await;
                stream.write_all(answer).await.ok();
                stream.shutdown().await.ok();
            }
        }
    })
    .await
}

/// A plain server that answers each connection with these bytes and closes it.
pub async fn plain(answer: &'static [u8]) -> SocketAddr {
    tcp(move |mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(answer).await.ok();
        stream.shutdown().await.ok();
    })
    .await
}

/// The request up to its empty line, or what came before the end.
pub async fn read_head(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

pub fn config(roots: &[&[u8]]) -> Config {
    Config {
        connect_timeout: Duration::from_millis(1000),
        read_timeout: Duration::from_millis(500),
        tls: Tls {
            extra_roots_pem: roots.iter().map(|pem| pem.to_vec()).collect(),
            ..Tls::default()
        },
        ..Config::new("countersign-test")
    }
}

pub fn client(roots: &[&[u8]]) -> Client {
    Client::new(config(roots)).unwrap()
}

pub fn url(text: impl AsRef<str>) -> Url {
    Url::parse(text.as_ref()).unwrap()
}
