//! X.509 certificates as root keys and delegation keys use them.

mod authority;
mod root;
mod x509_signer;

use const_oid::ObjectIdentifier;
use const_oid::db::rfc4519::COMMON_NAME;
use const_oid::db::rfc5912::{DSA_WITH_SHA_1, SHA_1_WITH_RSA_ENCRYPTION};
use der::asn1::{PrintableStringRef, TeletexStringRef, Utf8StringRef};
use der::{Any, Decode, Encode, Tag, Tagged};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use x509_cert::ext::pkix::BasicConstraints;
use x509_cert::time::Time;

pub use authority::{CA_DAYS, IssuedServer, LocalCa, LocalCaError, SubjectName};
pub use root::{
    ROOT_CERTIFICATE_DAYS, RootLeafError, SelfSignError, ValidRootLeaf, self_signed_root,
};

use crate::armor::{self, PemError};
use crate::key::{KeyType, MIN_RSA_BITS, Material, PublicKey, PublicKeyError};

/// Most certificates in a bundle; real chains have fewer than five.
pub const BUNDLE_LIMIT: usize = 16;

/// How far in the future a certificate may begin (`notary:tuf/utils/x509.go:ValidateCertificate`).
pub const NOT_BEFORE_LEEWAY: SignedDuration = SignedDuration::from_hours(24);

const LABEL: &str = "CERTIFICATE";

/// `sha-1WithRSAEncryption` under its older identifier, which Go maps to the same algorithm.
const OIW_SHA_1_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.29");
const ECDSA_WITH_SHA_1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.1");
const MD5_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.4");
const MD2_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.2");

/// Why PEM text is no certificate bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// A certificate does not parse.
    #[error("certificate {index} does not parse: {source}")]
    Certificate {
        /// Its place in the bundle, from 0.
        index: usize,
        /// What is wrong.
        source: PublicKeyError,
    },
    /// No block at all.
    #[error("no certificates")]
    Empty,
    /// The text is no PEM.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// More than [`BUNDLE_LIMIT`] certificates.
    #[error("{found} certificates, at most {BUNDLE_LIMIT}")]
    TooMany {
        /// Certificates in the text.
        found: usize,
    },
    /// A block that is no certificate.
    #[error("PEM block of type {found:?}")]
    UnexpectedBlock {
        /// Its type.
        found: String,
    },
}

/// Why a certificate must not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The validity ends before it begins.
    #[error("certificate with CN {common_name} has an invalid validity window")]
    EmptyValidity {
        /// The certificate's common name.
        common_name: String,
    },
    /// The validity is over.
    #[error("certificate with CN {common_name} expired at {not_after}")]
    Expired {
        /// The certificate's common name.
        common_name: String,
        /// When.
        not_after: Timestamp,
    },
    /// The validity begins more than [`NOT_BEFORE_LEEWAY`] from now.
    #[error("certificate with CN {common_name} is valid from {not_before} only")]
    NotYetValid {
        /// The certificate's common name.
        common_name: String,
        /// When it begins.
        not_before: Timestamp,
    },
    /// Signed with SHA-1 or an older digest.
    #[error("certificate with CN {common_name} is signed with the broken algorithm {algorithm}")]
    WeakDigest {
        /// The certificate's common name.
        common_name: String,
        /// The signature algorithm.
        algorithm: ObjectIdentifier,
    },
    /// An RSA modulus shorter than [`MIN_RSA_BITS`].
    #[error(
        "certificate with CN {common_name} has an RSA key of {bits} bits, at least {MIN_RSA_BITS} needed"
    )]
    WeakRsa {
        /// The certificate's common name.
        common_name: String,
        /// The size.
        bits: usize,
    },
}

/// One parsed X.509 certificate. Parsed, not verified: its signature was not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    common_name: String,
    not_before: Timestamp,
    not_after: Timestamp,
    is_ca: bool,
    signature_algorithm: ObjectIdentifier,
    spki: Vec<u8>,
}

impl Certificate {
    /// Reads one DER certificate.
    ///
    /// # Errors
    /// Malformed DER, or times outside the years 1970 to 9999.
    pub fn from_der(der: &[u8]) -> Result<Self, PublicKeyError> {
        let malformed = |_| PublicKeyError::Malformed {
            what: "X.509 certificate",
        };
        let parsed = x509_cert::Certificate::from_der(der).map_err(malformed)?;
        let tbs = parsed.tbs_certificate();
        let constraints = tbs.get_extension::<BasicConstraints>().map_err(malformed)?;
        Ok(Self {
            der: der.to_vec(),
            common_name: common_name(&parsed).unwrap_or_default(),
            not_before: timestamp(tbs.validity().not_before),
            not_after: timestamp(tbs.validity().not_after),
            is_ca: constraints.is_some_and(|(_critical, constraints)| constraints.ca),
            signature_algorithm: parsed.signature_algorithm().oid,
            spki: tbs.subject_public_key_info().to_der().map_err(malformed)?,
        })
    }

    /// The DER bytes.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The subject's common name, empty if there is none; of several the last one, as in Go.
    #[must_use]
    pub fn common_name(&self) -> &str {
        &self.common_name
    }

    /// Start of the validity.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// End of the validity.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Whether the basic constraints say CA.
    #[must_use]
    pub fn is_ca(&self) -> bool {
        self.is_ca
    }

    /// The algorithm its issuer signed it with.
    #[must_use]
    pub fn signature_algorithm(&self) -> ObjectIdentifier {
        self.signature_algorithm
    }

    /// The bare public key.
    ///
    /// # Errors
    /// Another algorithm than ECDSA and RSA, or a malformed key.
    pub fn public_key(&self) -> Result<PublicKey, PublicKeyError> {
        PublicKey::from_spki_der(&self.spki)
    }

    /// The SubjectPublicKeyInfo in DER.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// Bits of the RSA modulus; `None` for other keys.
    #[must_use]
    pub fn rsa_bits(&self) -> Option<usize> {
        match Material::from_spki_der(&self.spki) {
            Ok(Material::Rsa { bits, .. }) => Some(bits),
            _ => None,
        }
    }

    /// Checks what Notary checks of every certificate: digest, RSA size, and with `now` the validity.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self, now: Option<Timestamp>) -> Result<(), CertificateError> {
        let common_name = self.common_name.clone();
        if self.not_before > self.not_after {
            return Err(CertificateError::EmptyValidity { common_name });
        }
        let algorithm = self.signature_algorithm;
        if is_weak_digest(algorithm) {
            return Err(CertificateError::WeakDigest {
                common_name,
                algorithm,
            });
        }
        if let Some(bits) = self.rsa_bits().filter(|bits| *bits < MIN_RSA_BITS) {
            return Err(CertificateError::WeakRsa { common_name, bits });
        }
        match now {
            Some(now) => self.check_validity(now),
            None => Ok(()),
        }
    }

    /// Whether the validity ends within six months of `now`, when Notary and Docker warn.
    #[must_use]
    pub fn is_near_expiry(&self, now: Timestamp) -> bool {
        now.to_zoned(TimeZone::UTC)
            .checked_add(6.months())
            .is_ok_and(|limit| self.not_after < limit.timestamp())
    }

    fn check_validity(&self, now: Timestamp) -> Result<(), CertificateError> {
        let common_name = self.common_name.clone();
        let (not_before, not_after) = (self.not_before, self.not_after);
        if now
            .checked_add(NOT_BEFORE_LEEWAY)
            .is_ok_and(|tomorrow| tomorrow < not_before)
        {
            return Err(CertificateError::NotYetValid {
                common_name,
                not_before,
            });
        }
        if now > not_after {
            return Err(CertificateError::Expired {
                common_name,
                not_after,
            });
        }
        Ok(())
    }
}

/// Certificates in the order of a PEM file: for a key the leaf first, CA certificates after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateBundle {
    certificates: Vec<Certificate>,
}

impl CertificateBundle {
    /// Reads one or more `CERTIFICATE` blocks and nothing else.
    ///
    /// # Errors
    /// Malformed PEM or DER, other blocks, none, or more than [`BUNDLE_LIMIT`].
    pub fn parse_pem(text: &[u8]) -> Result<Self, BundleError> {
        let blocks = armor::parse(text)?;
        if blocks.is_empty() {
            return Err(BundleError::Empty);
        }
        if blocks.len() > BUNDLE_LIMIT {
            return Err(BundleError::TooMany {
                found: blocks.len(),
            });
        }
        let certificates = blocks.into_iter().enumerate().map(|(index, block)| {
            if block.label != LABEL {
                return Err(BundleError::UnexpectedBlock { found: block.label });
            }
            Certificate::from_der(&block.contents)
                .map_err(|source| BundleError::Certificate { index, source })
        });
        Ok(Self {
            certificates: certificates.collect::<Result<_, _>>()?,
        })
    }

    /// A bundle of one certificate.
    pub(crate) fn single(der: &[u8]) -> Result<Self, PublicKeyError> {
        Ok(Self {
            certificates: vec![Certificate::from_der(der)?],
        })
    }

    /// The first certificate: of a key the one that holds it.
    #[must_use]
    pub fn leaf(&self) -> &Certificate {
        self.certificates
            .first()
            .expect("every constructor puts one in")
    }

    /// All certificates, in file order; never empty.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The text that Go writes for these certificates; key ids are hashes over it.
    #[must_use]
    pub fn to_pem(&self) -> String {
        self.certificates
            .iter()
            .map(|certificate| to_pem(certificate.der()))
            .collect()
    }

    /// The x509 public key of this bundle: the first certificate's type, the whole text as bytes.
    ///
    /// # Errors
    /// The first certificate's key is neither ECDSA nor RSA.
    pub fn public_key(&self) -> Result<PublicKey, PublicKeyError> {
        let key_type = match self.leaf().public_key()?.key_type() {
            KeyType::Rsa => KeyType::RsaX509,
            _ => KeyType::EcdsaX509,
        };
        Ok(PublicKey::new(key_type, self.to_pem().into_bytes()))
    }
}

/// One certificate in Go's PEM form.
fn to_pem(der: &[u8]) -> String {
    std::mem::take(&mut *armor::encode(
        LABEL,
        &std::collections::BTreeMap::new(),
        der,
    ))
}

fn is_weak_digest(algorithm: ObjectIdentifier) -> bool {
    [
        SHA_1_WITH_RSA_ENCRYPTION,
        ECDSA_WITH_SHA_1,
        DSA_WITH_SHA_1,
        OIW_SHA_1_WITH_RSA,
        MD5_WITH_RSA,
        MD2_WITH_RSA,
    ]
    .contains(&algorithm)
}

fn common_name(certificate: &x509_cert::Certificate) -> Option<String> {
    let subject = certificate.tbs_certificate().subject();
    subject
        .iter()
        .filter(|attribute| attribute.oid == COMMON_NAME)
        .last()
        .and_then(|name| text(&name.value))
}

fn text(value: &Any) -> Option<String> {
    match value.tag() {
        Tag::PrintableString => value
            .decode_as::<PrintableStringRef<'_>>()
            .ok()
            .map(|s| s.as_str().to_owned()),
        Tag::TeletexString => value
            .decode_as::<TeletexStringRef<'_>>()
            .ok()
            .map(|s| s.as_str().to_owned()),
        Tag::Utf8String => value
            .decode_as::<Utf8StringRef<'_>>()
            .ok()
            .map(|s| s.as_str().to_owned()),
        _ => None,
    }
}

/// Times past what a timestamp can hold (`99991231235959Z`, "no end") become the largest one.
fn timestamp(time: Time) -> Timestamp {
    i64::try_from(time.to_unix_duration().as_secs())
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .unwrap_or(Timestamp::MAX)
}
