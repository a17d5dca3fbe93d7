//! Root certificates: the rule for a valid leaf, and the certificate a new repository gets.

use aws_lc_rs::rand;
use jiff::Timestamp;
use rcgen::{
    CertificateParams, CustomExtension, DistinguishedName, DnType, DnValue,
    ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SerialNumber,
};

use super::x509_signer::{X509Signer, offset};
use super::{CertificateBundle, CertificateError, to_pem};
use crate::key::{KeyType, PublicKey, PublicKeyError};
use crate::signing::{ProviderError, SigningKey};

/// Days that a generated root certificate lasts (`notary:const.go`, ten years of 365 days).
pub const ROOT_CERTIFICATE_DAYS: i64 = 3650;

/// Why a root-role key is no valid leaf for a repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootLeafError {
    /// Expired, too early, or weak.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The leaf's key is unusable.
    #[error(transparent)]
    Key(#[from] PublicKeyError),
    /// A CA certificate comes first.
    #[error("the first certificate is a CA certificate")]
    LeafNotFirst,
    /// Not exactly one certificate is no CA certificate.
    #[error("{found} leaf certificates, expected exactly one")]
    LeafCount {
        /// How many.
        found: usize,
    },
    /// The common name is neither the GUN nor a wildcard prefix of it.
    #[error("certificate with CN {common_name} is not for {gun}")]
    WrongName {
        /// The certificate's common name.
        common_name: String,
        /// The repository.
        gun: String,
    },
}

/// Proof that a bundle's leaf may sign the root of one GUN; made by [`CertificateBundle::check_root_leaf`].
#[derive(Debug, Clone)]
pub struct ValidRootLeaf {
    key: PublicKey,
}

impl ValidRootLeaf {
    /// The key to verify with: rebuilt from the leaf and the intermediates that are themselves valid.
    ///
    /// Its TUF id differs from the entry's id if an intermediate was dropped or the entry's text was not in Go's
    /// form; such a key matches no signature (`notary:trustpinning/certs.go`).
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }
}

impl CertificateBundle {
    /// Checks the rule for root keys: exactly one leaf, first; its CN matches `gun`; no broken digest, no short RSA.
    ///
    /// With `now`, as for a new root, the leaf must be inside its validity and intermediates that are not are
    /// dropped. Without, as for the previous root, whose certificates may have expired since, neither happens.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check_root_leaf(
        &self,
        gun: &str,
        now: Option<Timestamp>,
    ) -> Result<ValidRootLeaf, RootLeafError> {
        let found = self
            .certificates
            .iter()
            .filter(|certificate| !certificate.is_ca())
            .count();
        if found != 1 {
            return Err(RootLeafError::LeafCount { found });
        }
        let (leaf, intermediates) = match self.certificates.split_first() {
            Some((leaf, intermediates)) if !leaf.is_ca() => (leaf, intermediates),
            _ => return Err(RootLeafError::LeafNotFirst),
        };
        let common_name = leaf.common_name();
        if !matches_gun(common_name, gun) {
            let (common_name, gun) = (common_name.to_owned(), gun.to_owned());
            return Err(RootLeafError::WrongName { common_name, gun });
        }
        leaf.check(now)?;
        let kept = intermediates
            .iter()
            .filter(|ca| now.is_none() || ca.check(now).is_ok());
        let chain = Self {
            certificates: std::iter::once(leaf).chain(kept).cloned().collect(),
        };
        Ok(ValidRootLeaf {
            key: chain.public_key()?,
        })
    }
}

/// CN equal to the GUN, or ending in `*` with the rest a prefix of it (`notary:tuf/utils/x509.go:MatchCNToGun`).
fn matches_gun(common_name: &str, gun: &str) -> bool {
    if common_name.ends_with('*') {
        gun.starts_with(common_name.trim_end_matches('*'))
    } else {
        common_name == gun
    }
}

/// Why no root certificate could be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelfSignError {
    /// The certificate library refused, for a reason that its text gives.
    #[error("cannot encode the certificate: {reason}")]
    Encoding {
        /// The library's reason.
        reason: String,
    },
    /// Root keys are ECDSA or RSA; Notary has no certificates for others.
    #[error("no certificates for keys of type {key_type}")]
    KeyType {
        /// The key's type.
        key_type: KeyType,
    },
    /// The crypto provider failed.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// `now` is outside of what a certificate can express.
    #[error("the time cannot be expressed in a certificate")]
    Time,
}

/// The certificate PEM that Notary makes for the root key of a new repository
/// (`notary:cryptoservice/certificate.go`, `notary:tuf/utils/x509.go:NewCertificate`).
///
/// Self-signed, subject = issuer = CN=`gun`, 128-bit random serial, [`ROOT_CERTIFICATE_DAYS`] from `now`, key usage
/// digitalSignature and keyEncipherment, extended key usage codeSigning, basic constraints CA:FALSE; no subject
/// alternative name and no key identifiers.
///
/// # Errors
/// A key that certificates are not made for, or a failure of the library.
pub fn self_signed_root(
    gun: &str,
    key: &SigningKey,
    now: Timestamp,
) -> Result<String, SelfSignError> {
    let signer = X509Signer::new(key).ok_or_else(|| SelfSignError::KeyType {
        key_type: key.public_key().key_type().clone(),
    })?;
    let mut params = CertificateParams::default();
    params.serial_number = Some(random_serial()?);
    params.not_before = offset(now, 0).ok_or(SelfSignError::Time)?;
    params.not_after = offset(now, ROOT_CERTIFICATE_DAYS).ok_or(SelfSignError::Time)?;
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, directory_string(gun));
    params.is_ca = IsCa::NoCa;
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
    ];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    // The library's own form of CA:FALSE would add a subject key identifier.
    let mut basic_constraints =
        CustomExtension::from_oid_content(&[2, 5, 29, 19], vec![0x30, 0x00]);
    basic_constraints.set_criticality(true);
    params.custom_extensions = vec![basic_constraints];
    let certificate = params
        .self_signed(&signer)
        .map_err(|error| SelfSignError::Encoding {
            reason: error.to_string(),
        })?;
    Ok(to_pem(certificate.der()))
}

pub(super) fn random_serial() -> Result<SerialNumber, ProviderError> {
    let mut serial = [0; 16];
    rand::fill(&mut serial).map_err(|_| ProviderError {
        operation: "draw a serial number",
    })?;
    Ok(SerialNumber::from_slice(&serial))
}

/// PrintableString if the text allows it, otherwise UTF8String, as Go chooses.
fn directory_string(text: &str) -> DnValue {
    match text.try_into() {
        Ok(printable) => DnValue::PrintableString(printable),
        Err(_) => DnValue::Utf8String(text.to_owned()),
    }
}
