//! What a CT log signs of a certificate (RFC 6962 3.1 to 3.3): the parts of a TBSCertificate that stay when the poison
//! or the SCT list is taken out.

use pki::digest::Sha256;

use crate::der::{self, Element, Malformed};

/// Most bytes of a certificate.
pub const CERTIFICATE_LIMIT: usize = 1 << 18;

/// 1.3.6.1.4.1.11129.2.4.2, the contents of its DER.
const SCT_LIST: &[u8] = &[0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 4, 2];
/// 1.3.6.1.4.1.11129.2.4.3.
const POISON: &[u8] = &[0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 4, 3];

/// `[0]` of a TBSCertificate, its version.
const VERSION: u8 = 0xa0;
/// `[3]`, its extensions.
const EXTENSIONS: u8 = 0xa3;

/// Why a certificate gives no log entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrecertError {
    /// The extension is there more than once.
    #[error("more than one {extension} extension")]
    Duplicate {
        /// Which.
        extension: &'static str,
    },
    /// Not the DER of a certificate.
    #[error("malformed certificate")]
    Malformed,
    /// The extension is not there.
    #[error("no {extension} extension")]
    Missing {
        /// Which.
        extension: &'static str,
    },
    /// The poison is not critical, or not an ASN.1 NULL.
    #[error("the poison extension is not critical, or not NULL")]
    Poison,
    /// More than [`CERTIFICATE_LIMIT`] bytes.
    #[error("certificate of {found} bytes, at most {CERTIFICATE_LIMIT}")]
    TooLarge {
        /// Its size.
        found: usize,
    },
}

impl From<Malformed> for PrecertError {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}

/// What a log signs of a precertificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrecertEntry {
    /// SHA-256 of the issuer's DER SubjectPublicKeyInfo.
    pub issuer_key_hash: Sha256,
    /// The TBSCertificate in DER, without poison and without SCT list.
    pub tbs: Vec<u8>,
}

impl PrecertEntry {
    /// The entry behind a final certificate with embedded SCTs; `issuer` is the certificate that issued it.
    ///
    /// # Errors
    /// A certificate that is none, or has no or more than one SCT list.
    pub fn of_certificate(certificate: &[u8], issuer: &[u8]) -> Result<Self, PrecertError> {
        let extension = Parts::parse(certificate)?.one(SCT_LIST, "SCT list")?;
        Self::without(certificate, &extension, issuer)
    }

    /// The entry of a poisoned precertificate; `issuer` is the certificate that issued it.
    ///
    /// A separate Precertificate Signing Certificate (RFC 6962 3.1) is not catered for.
    ///
    /// # Errors
    /// A certificate that is none, or whose poison is missing, doubled or wrong.
    pub fn of_precertificate(precertificate: &[u8], issuer: &[u8]) -> Result<Self, PrecertError> {
        let extension = Parts::parse(precertificate)?.one(POISON, "poison")?;
        if !extension.critical || extension.value != [0x05, 0x00] {
            return Err(PrecertError::Poison);
        }
        Self::without(precertificate, &extension, issuer)
    }

    fn without(
        certificate: &[u8],
        extension: &Extension<'_>,
        issuer: &[u8],
    ) -> Result<Self, PrecertError> {
        Ok(Self {
            issuer_key_hash: spki_hash(issuer)?,
            tbs: Parts::parse(certificate)?.tbs_without(extension),
        })
    }
}

/// The TLS encoding of the SCT list in a certificate (RFC 6962 3.3); none if it has no such extension.
///
/// # Errors
/// A certificate that is none, or has more than one SCT list.
pub fn embedded_sct_list(certificate: &[u8]) -> Result<Option<&[u8]>, PrecertError> {
    match Parts::parse(certificate)?.one(SCT_LIST, "SCT list") {
        Ok(extension) => Ok(Some(Element::only(der::OCTET_STRING, extension.value)?)),
        Err(PrecertError::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// SHA-256 of the DER SubjectPublicKeyInfo in a certificate: the issuer key hash of what it issues.
///
/// # Errors
/// Bytes that are no certificate.
pub fn spki_hash(certificate: &[u8]) -> Result<Sha256, PrecertError> {
    let fields = Parts::parse(certificate)?.fields;
    // Serial number, algorithm, issuer, validity and subject come before the key; the version may come before them.
    let version = usize::from(fields.first().is_some_and(|field| field.tag == VERSION));
    match fields.get(version + 5) {
        Some(spki) if spki.tag == der::SEQUENCE => Ok(Sha256::of(spki.whole)),
        _ => Err(PrecertError::Malformed),
    }
}

struct Extension<'a> {
    id: &'a [u8],
    critical: bool,
    value: &'a [u8],
    whole: &'a [u8],
}

impl<'a> Extension<'a> {
    fn parse(element: &Element<'a>) -> Result<Self, Malformed> {
        let parts = Element::all(element.contents)?;
        let (id, critical, value) = match (element.tag, parts.as_slice()) {
            (der::SEQUENCE, [id, value]) => (id, false, value),
            // DER leaves out what is the default: a critical flag is there to say TRUE.
            (der::SEQUENCE, [id, flag, value]) if flag.whole == [der::BOOLEAN, 1, 0xff] => {
                (id, true, value)
            }
            _ => return Err(Malformed),
        };
        if id.tag != der::OBJECT_IDENTIFIER || value.tag != der::OCTET_STRING {
            return Err(Malformed);
        }
        Ok(Self {
            id: id.contents,
            critical,
            value: value.contents,
            whole: element.whole,
        })
    }
}

/// A TBSCertificate in pieces.
struct Parts<'a> {
    fields: Vec<Element<'a>>,
    extensions: Vec<Extension<'a>>,
}

impl<'a> Parts<'a> {
    fn parse(certificate: &'a [u8]) -> Result<Self, PrecertError> {
        if certificate.len() > CERTIFICATE_LIMIT {
            return Err(PrecertError::TooLarge {
                found: certificate.len(),
            });
        }
        let outer = Element::all(Element::only(der::SEQUENCE, certificate)?)?;
        let [tbs, _algorithm, _signature] = outer.as_slice() else {
            return Err(PrecertError::Malformed);
        };
        if tbs.tag != der::SEQUENCE {
            return Err(PrecertError::Malformed);
        }
        let fields = Element::all(tbs.contents)?;
        let mut extensions = Vec::new();
        if let Some((last, before)) = fields.split_last() {
            if before.iter().any(|field| field.tag == EXTENSIONS) {
                return Err(PrecertError::Malformed);
            }
            if last.tag == EXTENSIONS {
                for element in Element::all(Element::only(der::SEQUENCE, last.contents)?)? {
                    extensions.push(Extension::parse(&element)?);
                }
            }
        }
        Ok(Self { fields, extensions })
    }

    /// The one extension with this identifier.
    fn one(self, id: &[u8], extension: &'static str) -> Result<Extension<'a>, PrecertError> {
        let mut found = self.extensions.into_iter().filter(|other| other.id == id);
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (None, _) => Err(PrecertError::Missing { extension }),
            (Some(_), Some(_)) => Err(PrecertError::Duplicate { extension }),
        }
    }

    /// The TBSCertificate without that extension; every other byte stays, but for the lengths around it.
    fn tbs_without(&self, extension: &Extension<'_>) -> Vec<u8> {
        let kept: Vec<u8> = self
            .extensions
            .iter()
            .filter(|other| other.id != extension.id)
            .flat_map(|other| other.whole)
            .copied()
            .collect();
        let mut contents = Vec::new();
        for field in &self.fields {
            if field.tag != EXTENSIONS {
                contents.extend_from_slice(field.whole);
            } else if !kept.is_empty() {
                // Extensions must not be an empty list: without any there is no field.
                let list = der::write(der::SEQUENCE, &kept);
                contents.extend_from_slice(&der::write(EXTENSIONS, &list));
            }
        }
        der::write(der::SEQUENCE, &contents)
    }
}
