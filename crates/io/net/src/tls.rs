use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    server::ParsedCertificate,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject};
use zeroize::Zeroizing;

use crate::error::{Error, TlsPart};

/// Whom the client trusts, and who it is. The default trusts nobody.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Trust the operating system's roots too. They are read once per process, and only when a server is met whose
    /// chain does not end in [`Tls::extra_roots_pem`]. `SSL_CERT_FILE` and `SSL_CERT_DIR` move them, as for OpenSSL.
    pub system_roots: bool,
    /// Files of one or more PEM certificates, each trusted as a root.
    pub extra_roots_pem: Vec<Vec<u8>>,
    /// Shown to a server that asks for a client certificate.
    pub client_identity: Option<ClientIdentity>,
    /// Accept every server certificate. The user asked for it in as many words.
    pub insecure: Option<InsecureTls>,
}

/// A client certificate with its key.
#[derive(Clone)]
pub struct ClientIdentity {
    /// The chain, leaf first.
    pub cert_pem: Vec<u8>,
    /// PKCS#8, PKCS#1 or SEC 1, not encrypted.
    pub key_pem: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientIdentity(..)")
    }
}

/// The claim that servers need not prove who they are.
#[derive(Clone, Copy, Debug)]
pub struct InsecureTls(());

impl InsecureTls {
    /// The user accepts any server certificate: any name, any issuer, expired or not. The connection is still
    /// encrypted, to whoever answered.
    pub fn assertion_any_server_is_accepted() -> Self {
        Self(())
    }
}

impl Tls {
    /// What a TLS connection is set up with; for a protocol over TLS that is not this client's HTTP. Offers HTTP/2 and
    /// HTTP/1.1 by ALPN.
    pub fn client_config(&self) -> Result<ClientConfig, Error> {
        client_config(self)
    }
}

pub(crate) fn client_config(tls: &Tls) -> Result<ClientConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match tls.insecure {
        Some(InsecureTls(())) => Arc::new(AcceptAny {
            provider: provider.clone(),
        }),
        None => Arc::new(Roots::new(tls, provider.clone())?),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| bad(TlsPart::Protocol, &error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &tls.client_identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = certificates(&identity.cert_pem, TlsPart::ClientCertificate)?;
            let key = PrivateKeyDer::from_pem_slice(&identity.key_pem)
                .map_err(|error| bad(TlsPart::ClientKey, &error))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| bad(TlsPart::ClientKey, &error))?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Chains to the extra roots first, and only then to the system's: reading those costs milliseconds, and a private
/// server needs none of them.
#[derive(Debug)]
struct Roots {
    extra: Option<Arc<WebPkiServerVerifier>>,
    listed: Vec<CertificateDer<'static>>,
    system: bool,
    provider: Arc<CryptoProvider>,
}

impl Roots {
    fn new(tls: &Tls, provider: Arc<CryptoProvider>) -> Result<Self, Error> {
        let mut store = RootCertStore::empty();
        let mut listed = Vec::new();
        for (index, pem) in tls.extra_roots_pem.iter().enumerate() {
            let part = TlsPart::Root { index };
            for certificate in certificates(pem, part)? {
                listed.push(certificate.clone());
                store.add(certificate).map_err(|error| bad(part, &error))?;
            }
        }
        Ok(Self {
            extra: verifier(store, &provider),
            listed,
            system: tls.system_roots,
            provider,
        })
    }
}

impl ServerCertVerifier for Roots {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let system = || self.system.then(|| system_roots(&self.provider)).flatten();
        let check = |roots: Arc<WebPkiServerVerifier>| {
            roots.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        match self.extra.clone().map(check) {
            Some(Err(error)) if is_not_ours(&error) => system().map_or(Err(unknown), check),
            Some(Err(error))
                if is_ca_as_leaf(&error)
                    && self.listed.contains(&end_entity.clone().into_owned()) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            Some(outcome) => outcome,
            None => system().map_or(Err(unknown), check),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Whether the chain ends in none of the roots. A root of the same name with another key, such as one made anew,
/// shows as a bad signature.
fn is_not_ours(error: &rustls::Error) -> bool {
    matches!(
        error,
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature
        )
    )
}

/// A server that shows a self-signed certificate made with `openssl req -x509`, which is a CA by default, and whose
/// very certificate the user listed as a root: common for private registries, and Go accepts it. Only the role is
/// wrong then; webpki checks the dates before it, and the caller checks the name.
fn is_ca_as_leaf(error: &rustls::Error) -> bool {
    matches!(
        error,
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) if other.0.to_string() == "CaUsedAsEndEntity"
    )
}

/// What [`InsecureTls`] asks for.
#[derive(Debug)]
struct AcceptAny {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// The operating system's roots, read once per process; `None` when there are none, as in an empty container image.
fn system_roots(provider: &Arc<CryptoProvider>) -> Option<Arc<WebPkiServerVerifier>> {
    static SYSTEM: OnceLock<Option<Arc<WebPkiServerVerifier>>> = OnceLock::new();
    SYSTEM
        .get_or_init(|| {
            let native = rustls_native_certs::load_native_certs();
            for error in &native.errors {
                tracing::warn!(%error, "system root certificates");
            }
            let mut store = RootCertStore::empty();
            let (added, ignored) = store.add_parsable_certificates(native.certs);
            tracing::debug!(added, ignored, "system root certificates");
            verifier(store, provider)
        })
        .clone()
}

fn verifier(
    store: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Option<Arc<WebPkiServerVerifier>> {
    // The builder refuses exactly an empty store (there are no revocation lists here).
    WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone())
        .build()
        .ok()
}

fn certificates(pem: &[u8], part: TlsPart) -> Result<Vec<CertificateDer<'static>>, Error> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| bad(part, &error))?;
    if all.is_empty() {
        return Err(bad(part, &"no certificate in it"));
    }
    Ok(all)
}

fn bad(part: TlsPart, detail: &dyn fmt::Display) -> Error {
    Error::BadTlsConfig {
        part,
        detail: detail.to_string(),
    }
}
