//! An authority of the tests' own, so that a certificate can be wrong in one thing and right in all others.

use pki::signature::VerifyingKey;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, PublicKeyData as _, SerialNumber,
    SigningKey as _,
};

/// A key pair for ECDSA with P-256 and SHA-256.
pub(crate) struct Pair(KeyPair);

impl Pair {
    pub(crate) fn new() -> Self {
        Self(KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap())
    }

    pub(crate) fn public(&self) -> VerifyingKey {
        VerifyingKey::from_spki_der(&self.0.subject_public_key_info()).unwrap()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).unwrap()
    }
}

/// A root that issues certificates.
pub(crate) struct Root {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate in DER.
    pub(crate) certificate: Vec<u8>,
}

impl Root {
    /// With the name of the golden timestamping authority's root.
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let names = [
            (DnType::OrganizationName, "golden.test"),
            (DnType::CommonName, "golden tsa root"),
        ];
        for (kind, text) in names {
            params.distinguished_name.push(kind, text);
        }
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = rcgen::date_time_ymd(2026, 12, 1);
        let certificate = params.self_signed(&key).unwrap().der().to_vec();
        Self {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    /// DER of a certificate.
    pub(crate) fn issue(&self, subject: &Pair, params: &CertificateParams) -> Vec<u8> {
        let issued = params.signed_by(&subject.0, &self.issuer).unwrap();
        issued.der().to_vec()
    }
}

/// DER of a certificate that the holder of another issued, who is no authority.
pub(crate) fn issue_by_leaf(
    leaf: &CertificateParams,
    holder: Pair,
    subject: &Pair,
    params: &CertificateParams,
) -> Vec<u8> {
    let issuer = Issuer::new(leaf.clone(), holder.0);
    let issued = params.signed_by(&subject.0, &issuer).unwrap();
    issued.der().to_vec()
}

/// A certificate for code signing on the golden data's days.
pub(crate) fn code_signing(extensions: Vec<CustomExtension>) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["signer.golden.test".to_owned()]).unwrap();
    params.serial_number = Some(SerialNumber::from(vec![1, 2, 3]));
    params.not_before = rcgen::date_time_ymd(2026, 11, 20);
    params.not_after = rcgen::date_time_ymd(2026, 11, 22);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    params.custom_extensions = extensions;
    params
}
