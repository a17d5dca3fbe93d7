use std::sync::Arc;

use rustls::{ServerConfig, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject};

/// Why a certificate and key cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificate file is not PEM.
    #[error("the certificate file cannot be read")]
    Certificate(#[source] pem::Error),
    /// The key file holds no key that is understood.
    #[error("the key file cannot be read")]
    Key(#[source] pem::Error),
    /// The certificate file holds no certificate.
    #[error("the certificate file holds no certificate")]
    NoCertificate,
    /// The key is of a kind that TLS does not know, or is not the certificate's.
    #[error("the certificate and the key do not fit")]
    Unusable(#[source] rustls::Error),
}

/// A server configuration for TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1, from PEM: the certificate chain (leaf first) and
/// its private key (PKCS#8, SEC1 or PKCS#1).
///
/// # Errors
/// [`TlsError`].
pub fn server_config(chain_pem: &[u8], key_pem: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(chain_pem)
        .collect::<Result<_, _>>()
        .map_err(TlsError::Certificate)?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(TlsError::Key)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Unusable)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // Clients are mostly short-lived commands: resumption spares them and us the signature.
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(TlsError::Unusable)?;
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::{TlsError, server_config};

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn only_a_fitting_pair_is_served() {
        let (certificate, key) = pair();
        let (_, stranger) = pair();
        server_config(certificate.as_bytes(), key.as_bytes()).unwrap();
        let refused = |certificate: &str, key: &str| {
            server_config(certificate.as_bytes(), key.as_bytes()).unwrap_err()
        };
        assert!(matches!(refused("", &key), TlsError::NoCertificate));
        assert!(matches!(refused(&certificate, ""), TlsError::Key(_)));
        assert!(matches!(
            refused(&certificate, &certificate),
            TlsError::Key(_)
        ));
        assert!(matches!(
            refused(&certificate, &stranger),
            TlsError::Unusable(_)
        ));
        assert!(matches!(
            refused(&certificate[..certificate.len() / 2], &key),
            TlsError::Certificate(_)
        ));
    }
}
