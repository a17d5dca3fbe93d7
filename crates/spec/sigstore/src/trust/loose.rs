//! Authorities of certificates that lie side by side, as before there were trusted roots
//! (`sigstore/cosign:internal/pkg/cosign/fulcio/fulcioroots/fulcioroots.go`, `pkg/cosign/tsa.go`).

use der::Decode as _;
use x509_cert::Certificate;
use x509_cert::ext::pkix::BasicConstraints;

use crate::chain::{Authority, AuthorityError, Window};
use crate::fulcio::CertificateError;
use crate::limits;

/// Why certificates do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LooseError {
    /// They make no authority.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// A certificate, or PEM, that does not parse.
    #[error("certificate {index}: {source}")]
    Certificate {
        /// Its place, from 0.
        index: usize,
        /// What is wrong.
        source: CertificateError,
    },
    /// No PEM of a public key.
    #[error("no public key")]
    Key,
    /// A timestamping authority has one certificate that is no CA's.
    #[error("{found} certificates of a timestamping authority, not 1")]
    Leaves {
        /// How many there are.
        found: usize,
    },
    /// No self-issued certificate at the end of the path of this one.
    #[error("certificate {index} leads to no root")]
    NoRoot {
        /// Its place, from 0.
        index: usize,
    },
    /// More certificates than the limit.
    #[error("{found} certificates, at most {limit}")]
    TooMany {
        /// How many there are.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
}

/// The certificate authorities of DER certificates in any order: one for each path from a certificate that issued none
/// of the others to a self-issued one. Names alone decide here; signatures are judged with what they issued.
///
/// # Errors
/// None, too many, one that does not parse, or one without a path.
pub fn certificate_authorities(
    uri: &str,
    certificates: &[Vec<u8>],
    window: Window,
) -> Result<Vec<Authority>, LooseError> {
    let parsed = parse(certificates)?;
    if parsed.is_empty() {
        return Err(AuthorityError::Count { found: 0 }.into());
    }
    let first = (0..parsed.len()).filter(|&index| !issues_another(&parsed, index));
    first
        .map(|index| authority(uri, certificates, &parsed, index, window))
        .collect()
}

/// The timestamping authority of DER certificates in any order, one of them no CA's.
///
/// # Errors
/// Too many, one that does not parse, not exactly one that is no CA's, or that one without a path.
pub fn timestamp_authority(
    uri: &str,
    certificates: &[Vec<u8>],
    window: Window,
) -> Result<Authority, LooseError> {
    let parsed = parse(certificates)?;
    let mut leaves = (0..parsed.len()).filter(|&index| !is_ca(&parsed[index]));
    match (leaves.next(), leaves.count()) {
        (Some(leaf), 0) => authority(uri, certificates, &parsed, leaf, window),
        (first, more) => Err(LooseError::Leaves {
            found: usize::from(first.is_some()) + more,
        }),
    }
}

fn parse(certificates: &[Vec<u8>]) -> Result<Vec<Certificate>, LooseError> {
    if certificates.len() > limits::INSTANCES {
        return Err(LooseError::TooMany {
            found: certificates.len(),
            limit: limits::INSTANCES,
        });
    }
    let parsed = certificates.iter().enumerate().map(|(index, der)| {
        let source = if der.len() > limits::CERTIFICATE_BYTES {
            CertificateError::TooLarge { found: der.len() }
        } else {
            match Certificate::from_der(der) {
                Ok(certificate) => return Ok(certificate),
                Err(_) => CertificateError::Malformed,
            }
        };
        Err(LooseError::Certificate { index, source })
    });
    parsed.collect()
}

fn is_self_issued(certificate: &Certificate) -> bool {
    let tbs = certificate.tbs_certificate();
    tbs.subject() == tbs.issuer()
}

pub(super) fn is_ca_certificate(der: &[u8]) -> Result<bool, CertificateError> {
    let certificate = Certificate::from_der(der).map_err(|_| CertificateError::Malformed)?;
    Ok(is_ca(&certificate))
}

fn is_ca(certificate: &Certificate) -> bool {
    certificate
        .tbs_certificate()
        .get_extension::<BasicConstraints>()
        .ok()
        .flatten()
        .is_some_and(|(_, constraints)| constraints.ca)
}

fn issues_another(all: &[Certificate], index: usize) -> bool {
    let subject = all[index].tbs_certificate().subject();
    all.iter()
        .enumerate()
        .filter(|(other, certificate)| *other != index && !is_self_issued(certificate))
        .any(|(_, certificate)| certificate.tbs_certificate().issuer() == subject)
}

fn authority(
    uri: &str,
    der: &[Vec<u8>],
    all: &[Certificate],
    first: usize,
    window: Window,
) -> Result<Authority, LooseError> {
    let mut path = vec![first];
    let mut at = first;
    while !is_self_issued(&all[at]) {
        let issuer = all[at].tbs_certificate().issuer();
        // A root first: with it the path ends.
        let candidates = all.iter().enumerate().filter(|(index, certificate)| {
            certificate.tbs_certificate().subject() == issuer && !path.contains(index)
        });
        at = candidates
            .max_by_key(|(_, certificate)| is_self_issued(certificate))
            .map(|(index, _)| index)
            .ok_or(LooseError::NoRoot { index: first })?;
        path.push(at);
    }
    let chain = path.into_iter().map(|index| der[index].clone()).collect();
    Ok(Authority::new(uri.to_owned(), chain, window)?)
}
