//! The certificate authority that a server makes for itself on first start.

use std::net::IpAddr;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyUsagePurpose, SanType,
};
use zeroize::Zeroizing;

use super::root::random_serial;
use super::x509_signer::{X509Signer, offset};
use super::{BundleError, Certificate, CertificateBundle, to_pem};
use crate::keyfile::{KeyBlock, KeyFileError, UnlockError};
use crate::signing::{ProviderError, SigningKey};

/// Days that a local CA lasts.
pub const CA_DAYS: i64 = 3650;

/// How far back issued certificates begin, in days, so that a client whose clock is slow accepts them at once.
const BACKDATED_DAYS: i64 = 1;

/// Why a local CA could not be made, loaded or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocalCaError {
    /// The certificate file does not parse.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The certificate library refused, for a reason that its text gives.
    #[error("cannot encode the certificate: {reason}")]
    Encoding {
        /// The library's reason.
        reason: String,
    },
    /// The key file does not parse.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The certificate and the key do not belong together.
    #[error("the certificate is not for this key")]
    KeyMismatch,
    /// A DNS name with characters that a certificate cannot hold.
    #[error("{name:?} is no DNS name")]
    Name {
        /// The name.
        name: String,
    },
    /// A server without a name could not be reached.
    #[error("no name to issue a certificate for")]
    NoNames,
    /// Not one certificate of a CA that [`LocalCa::generate`] made.
    #[error("not the certificate of a local CA")]
    NotLocalCa,
    /// The crypto provider failed.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The validity is outside of what a certificate can express.
    #[error("the time cannot be expressed in a certificate")]
    Time,
    /// The private key cannot be read.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
}

/// A name that a server is reached by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectName {
    /// A DNS name, without a port.
    Dns(String),
    /// An IP address.
    Ip(IpAddr),
}

/// A server certificate and its private key.
pub struct IssuedServer {
    /// The certificate, then the CA's, as TLS servers load them.
    pub cert_pem: String,
    /// The unencrypted PKCS#8 key.
    pub key_pem: Zeroizing<String>,
}

/// A CA with one P-256 key that issues TLS server certificates and nothing else.
#[derive(Debug)]
pub struct LocalCa {
    certificate: Certificate,
    key: SigningKey,
}

impl LocalCa {
    /// Makes a CA that lasts [`CA_DAYS`].
    ///
    /// # Errors
    /// The provider or the certificate library failed.
    pub fn generate(common_name: &str, now: Timestamp) -> Result<Self, LocalCaError> {
        let key = SigningKey::generate_ecdsa_p256()?;
        let mut params = named(common_name)?;
        (params.not_before, params.not_after) = validity(now, CA_DAYS)?;
        // It signs leaves only: a stolen leaf key must not become a CA.
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issued = params.self_signed(&signer(&key)?).map_err(encoding)?;
        let certificate =
            Certificate::from_der(issued.der()).map_err(|_| LocalCaError::NotLocalCa)?;
        Ok(Self { certificate, key })
    }

    /// Loads what [`Self::cert_pem`] and [`Self::key_pem`] gave.
    ///
    /// # Errors
    /// Malformed files, a key that is not the certificate's, or a certificate that [`Self::generate`] did not make.
    pub fn from_pem(cert_pem: &[u8], key_pem: &[u8]) -> Result<Self, LocalCaError> {
        let bundle = CertificateBundle::parse_pem(cert_pem)?;
        let [certificate] = bundle.certificates() else {
            return Err(LocalCaError::NotLocalCa);
        };
        let blocks = KeyBlock::parse_file(key_pem)?;
        let [block] = blocks.as_slice() else {
            return Err(LocalCaError::KeyMismatch);
        };
        let key = block.unlock(None)?;
        if certificate.public_key().ok().as_ref() != Some(key.public_key()) {
            return Err(LocalCaError::KeyMismatch);
        }
        if !certificate.is_ca() {
            return Err(LocalCaError::NotLocalCa);
        }
        let ca = Self {
            certificate: certificate.clone(),
            key,
        };
        ca.check_issuer_name()?;
        Ok(ca)
    }

    /// The CA certificate, the file that clients are given.
    #[must_use]
    pub fn cert_pem(&self) -> String {
        to_pem(self.certificate.der())
    }

    /// The unencrypted PKCS#8 key, for a file that only the server can read.
    #[must_use]
    pub fn key_pem(&self) -> Zeroizing<String> {
        KeyBlock::plain(&self.key).to_pem()
    }

    /// The CA certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Issues a certificate for a new P-256 key that is valid for TLS servers under `names` for `days` from `now`.
    ///
    /// # Errors
    /// No name, a DNS name that is none, or a failure of the provider or the certificate library.
    pub fn issue_server(
        &self,
        names: &[SubjectName],
        now: Timestamp,
        days: i64,
    ) -> Result<IssuedServer, LocalCaError> {
        let first = names.first().ok_or(LocalCaError::NoNames)?;
        let key = SigningKey::generate_ecdsa_p256()?;
        let mut params = named(&first.to_string())?;
        (params.not_before, params.not_after) = validity(now, days)?;
        params.subject_alt_names = names
            .iter()
            .map(alternative_name)
            .collect::<Result<_, _>>()?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let issuer = Issuer::new(named(self.certificate.common_name())?, signer(&self.key)?);
        let issued = params
            .signed_by(&signer(&key)?, &issuer)
            .map_err(encoding)?;
        Ok(IssuedServer {
            cert_pem: to_pem(issued.der()) + &self.cert_pem(),
            key_pem: KeyBlock::plain(&key).to_pem(),
        })
    }

    /// Issuing rebuilds the issuer name from the common name; that must give the certificate's own subject.
    fn check_issuer_name(&self) -> Result<(), LocalCaError> {
        let params = named(self.certificate.common_name())?;
        let rebuilt = params.self_signed(&signer(&self.key)?).map_err(encoding)?;
        let subject = |der: &[u8]| {
            use der::Decode as _;
            x509_cert::Certificate::from_der(der)
                .map(|parsed| parsed.tbs_certificate().subject().clone())
                .ok()
        };
        match (subject(rebuilt.der()), subject(self.certificate.der())) {
            (Some(rebuilt), Some(own)) if rebuilt == own => Ok(()),
            _ => Err(LocalCaError::NotLocalCa),
        }
    }
}

impl std::fmt::Display for SubjectName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

fn named(common_name: &str) -> Result<CertificateParams, LocalCaError> {
    let mut params = CertificateParams::default();
    params.serial_number = Some(random_serial()?);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(
        DnType::CommonName,
        DnValue::Utf8String(common_name.to_owned()),
    );
    Ok(params)
}

fn validity(
    now: Timestamp,
    days: i64,
) -> Result<(time::OffsetDateTime, time::OffsetDateTime), LocalCaError> {
    let start = offset(now, -BACKDATED_DAYS).ok_or(LocalCaError::Time)?;
    let end = offset(now, days).ok_or(LocalCaError::Time)?;
    Ok((start, end))
}

fn alternative_name(name: &SubjectName) -> Result<SanType, LocalCaError> {
    match name {
        SubjectName::Dns(name) => {
            let invalid = || LocalCaError::Name { name: name.clone() };
            rustls_pki_types::DnsName::try_from(name.as_str()).map_err(|_| invalid())?;
            name.as_str()
                .try_into()
                .map(SanType::DnsName)
                .map_err(|_| invalid())
        }
        SubjectName::Ip(address) => Ok(SanType::IpAddress(*address)),
    }
}

fn signer(key: &SigningKey) -> Result<X509Signer<'_>, LocalCaError> {
    X509Signer::new(key).ok_or(LocalCaError::KeyMismatch)
}

fn encoding(error: rcgen::Error) -> LocalCaError {
    LocalCaError::Encoding {
        reason: error.to_string(),
    }
}
