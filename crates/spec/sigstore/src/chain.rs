//! Paths from a certificate to a trusted authority (RFC 5280, 6), at given times.

use der::Decode as _;
use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::fulcio::{CertificateError, SigningCertificate, timestamp};
use crate::limits;

/// A span of time, both ends part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// Its first moment; none: since ever.
    pub start: Option<Timestamp>,
    /// Its last moment; none: still going on.
    pub end: Option<Timestamp>,
}

impl Window {
    /// Whether a time is in it.
    #[must_use]
    pub fn contains(&self, time: Timestamp) -> bool {
        self.start.is_none_or(|start| start <= time) && self.end.is_none_or(|end| time <= end)
    }
}

/// A trusted authority: a chain whose last certificate is the trust anchor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    uri: String,
    chain: Vec<Vec<u8>>,
    window: Window,
    anchor_validity: Window,
}

/// Why certificates make no authority.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// A certificate that does not parse.
    #[error("certificate {index} of the authority: {source}")]
    Certificate {
        /// Its place in the chain, from 0.
        index: usize,
        /// What is wrong.
        source: CertificateError,
    },
    /// No certificate, or more than [`limits::CHAIN_CERTIFICATES`].
    #[error("authority with {found} certificates")]
    Count {
        /// How many.
        found: usize,
    },
}

/// Why a certificate leads to no authority.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// A certificate of the path had ended at one of the times.
    #[error("the certificate ended at {ended}, it is judged at {at}")]
    Expired {
        /// The time.
        at: Timestamp,
        /// When it ended.
        ended: Timestamp,
    },
    /// No authority is trusted.
    #[error("no certificate authority is trusted")]
    NoAuthority,
    /// No time to judge at.
    #[error("no time at which the certificate could be judged")]
    NoTime,
    /// A certificate of the path had not begun at one of the times.
    #[error("the certificate begins at {begins}, it is judged at {at}")]
    NotYetValid {
        /// The time.
        at: Timestamp,
        /// When it begins.
        begins: Timestamp,
    },
    /// No authority was in use at that time.
    #[error("no trusted authority was in use at {at}")]
    OutsideWindow {
        /// The time.
        at: Timestamp,
    },
    /// No path at one of the times.
    #[error("no path to a trusted authority at {at}: {reason}")]
    Path {
        /// The time.
        at: Timestamp,
        /// The validator's reason for the last authority.
        reason: webpki::Error,
    },
}

impl ChainError {
    /// How much it says, of several authorities: whose certificate it is, says more than that it is not another's.
    const fn weight(&self) -> u8 {
        match self {
            Self::NoAuthority | Self::NoTime => 0,
            Self::OutsideWindow { .. } => 1,
            Self::Path { .. } => 2,
            Self::Expired { .. } | Self::NotYetValid { .. } => 3,
        }
    }
}

/// A code-signing certificate with a path to a trusted authority; made by [`VerifiedChain::verify`] only.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a proof is for something"]
pub struct VerifiedChain {
    leaf: SigningCertificate,
    issuer: Vec<u8>,
    at: Vec<Timestamp>,
}

/// What a certificate is for, as the content of its key purpose's identifier.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    CodeSigning,
    Timestamping,
}

impl Authority {
    /// Takes DER certificates, issuing first, trust anchor last, and when the authority was in use.
    ///
    /// # Errors
    /// No certificate, too many, or one that does not parse.
    pub fn new(uri: String, chain: Vec<Vec<u8>>, window: Window) -> Result<Self, AuthorityError> {
        if chain.len() > limits::CHAIN_CERTIFICATES {
            return Err(AuthorityError::Count { found: chain.len() });
        }
        let mut anchor_validity = None;
        for (index, certificate) in chain.iter().enumerate() {
            let of = validity(certificate)
                .map_err(|source| AuthorityError::Certificate { index, source })?;
            anchor_validity = Some(of);
        }
        Ok(Self {
            uri,
            window,
            anchor_validity: anchor_validity.ok_or(AuthorityError::Count { found: 0 })?,
            chain,
        })
    }

    /// Where it is, or was.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// When it was in use.
    #[must_use]
    pub fn window(&self) -> Window {
        self.window
    }

    /// DER, issuing certificate (of a timestamping authority: its own) first, trust anchor last.
    #[must_use]
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// The DER of the certificate that issued `leaf`, if there is a path.
    pub(crate) fn path(
        &self,
        leaf: &[u8],
        others: &[Vec<u8>],
        at: Timestamp,
        purpose: Purpose,
    ) -> Result<Vec<u8>, webpki::Error> {
        if !self.anchor_validity.contains(at) {
            return Err(webpki::Error::UnknownIssuer);
        }
        let (anchor, own) = self
            .chain
            .split_last()
            .ok_or(webpki::Error::UnknownIssuer)?;
        let anchor = CertificateDer::from(anchor.as_slice());
        let anchors = [anchor_from_trusted_cert(&anchor)?];
        let intermediates: Vec<_> = own
            .iter()
            .chain(others)
            .map(|der| CertificateDer::from(der.as_slice()))
            .collect();
        let leaf = CertificateDer::from(leaf);
        let leaf = EndEntityCert::try_from(&leaf)?;
        let seconds = u64::try_from(at.as_second()).map_err(|_| webpki::Error::BadDerTime)?;
        let path = leaf.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            &intermediates,
            UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)),
            purpose.usage(),
            None,
            None,
        )?;
        let issuer = path.intermediate_certificates().next();
        Ok(issuer.map_or_else(|| anchor.to_vec(), |issuer| issuer.der().to_vec()))
    }
}

impl Purpose {
    fn usage(self) -> KeyUsage {
        match self {
            Self::CodeSigning => KeyUsage::required(&[0x2b, 6, 1, 5, 5, 7, 3, 3]),
            Self::Timestamping => KeyUsage::required(&[0x2b, 6, 1, 5, 5, 7, 3, 8]),
        }
    }
}

impl VerifiedChain {
    /// Finds an authority to which `leaf` has a path for code signing at every one of the times, inside the
    /// authority's own window. `intermediates` come from the signer and are not trusted.
    ///
    /// # Errors
    /// No authority, no time, or no path.
    pub fn verify(
        leaf: &SigningCertificate,
        intermediates: &[Vec<u8>],
        authorities: &[Authority],
        at: &[Timestamp],
    ) -> Result<Self, ChainError> {
        if at.is_empty() {
            return Err(ChainError::NoTime);
        }
        let mut refusal = ChainError::NoAuthority;
        for authority in authorities {
            match issuer_at_all(authority, leaf.der(), intermediates, at) {
                Ok(issuer) => {
                    return Ok(Self {
                        leaf: leaf.clone(),
                        issuer,
                        at: at.to_vec(),
                    });
                }
                Err(error) if error.weight() < refusal.weight() => {}
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }

    /// The certificate.
    #[must_use]
    pub fn leaf(&self) -> &SigningCertificate {
        &self.leaf
    }

    /// DER of the certificate that issued it.
    #[must_use]
    pub fn issuer(&self) -> &[u8] {
        &self.issuer
    }

    /// The times at which the path held, at least one.
    #[must_use]
    pub fn at(&self) -> &[Timestamp] {
        &self.at
    }
}

fn issuer_at_all(
    authority: &Authority,
    leaf: &[u8],
    intermediates: &[Vec<u8>],
    times: &[Timestamp],
) -> Result<Vec<u8>, ChainError> {
    let mut issuer = Vec::new();
    for &at in times {
        if !authority.window.contains(at) {
            return Err(ChainError::OutsideWindow { at });
        }
        issuer = authority
            .path(leaf, intermediates, at, Purpose::CodeSigning)
            .map_err(|reason| no_path(at, reason))?;
    }
    Ok(issuer)
}

fn no_path(at: Timestamp, reason: webpki::Error) -> ChainError {
    let moment = |time: UnixTime| {
        i64::try_from(time.as_secs())
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
    };
    match &reason {
        webpki::Error::CertExpired { not_after, .. } => {
            moment(*not_after).map(|ended| ChainError::Expired { at, ended })
        }
        webpki::Error::CertNotValidYet { not_before, .. } => {
            moment(*not_before).map(|begins| ChainError::NotYetValid { at, begins })
        }
        _ => None,
    }
    .unwrap_or(ChainError::Path { at, reason })
}

pub(crate) fn validity(der: &[u8]) -> Result<Window, CertificateError> {
    if der.len() > limits::CERTIFICATE_BYTES {
        return Err(CertificateError::TooLarge { found: der.len() });
    }
    let parsed = x509_cert::Certificate::from_der(der).map_err(|_| CertificateError::Malformed)?;
    let validity = parsed.tbs_certificate().validity();
    Ok(Window {
        start: Some(timestamp(validity.not_before)?),
        end: Some(timestamp(validity.not_after)?),
    })
}
