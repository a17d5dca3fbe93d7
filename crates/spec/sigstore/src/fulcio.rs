//! Certificates as Fulcio issues them: who signed, in names and extensions
//! (`sigstore/fulcio:docs/oid-info.md`, `pkg/certificate/extensions.go`).

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::ID_CE_SUBJECT_ALT_NAME;
use der::asn1::Utf8StringRef;
use der::{Decode as _, Encode as _};
use jiff::Timestamp;
use pki::signature::{VerifyingKey, VerifyingKeyError};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::time::Time;

use crate::limits;

/// The type of an OtherName with a user name in it.
const OTHER_NAME_USERNAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.7");

/// One parsed certificate. Parsed, not verified: see [`crate::chain`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningCertificate {
    der: Vec<u8>,
    key: VerifyingKey,
    names: Vec<SubjectAltIdentity>,
    extensions: FulcioExtensions,
    not_before: Timestamp,
    not_after: Timestamp,
    self_issued: bool,
}

/// A name that a certificate is issued to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SubjectAltIdentity {
    /// A DNS name; Fulcio issues none.
    Dns(String),
    /// An e-mail address.
    Email(String),
    /// A user name at a host, `name!host` (the OtherName of Fulcio).
    Other(String),
    /// A URI: a workflow, a service account, a SPIFFE ID.
    Uri(String),
}

impl SubjectAltIdentity {
    /// The name's text, which is what identities are compared with.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Dns(text) | Self::Email(text) | Self::Other(text) | Self::Uri(text) => text,
        }
    }
}

/// Why bytes are no such certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// An extension of Fulcio's that holds no text.
    #[error("extension {oid} holds no text")]
    Extension {
        /// Which one.
        oid: ObjectIdentifier,
    },
    /// A key that cannot verify.
    #[error(transparent)]
    Key(#[from] VerifyingKeyError),
    /// Malformed DER, or times outside the years 1970 to 9999.
    #[error("no X.509 certificate")]
    Malformed,
    /// The same extension twice.
    #[error("extension {oid} is there twice")]
    Repeated {
        /// Which one.
        oid: ObjectIdentifier,
    },
    /// More than [`limits::CERTIFICATE_BYTES`].
    #[error("certificate of {found} bytes")]
    TooLarge {
        /// Its size.
        found: usize,
    },
    /// More than [`limits::CHAIN_CERTIFICATES`].
    #[error("{found} certificates in a chain")]
    TooMany {
        /// How many.
        found: usize,
    },
}

macro_rules! extensions {
    ($( $(#[$meta:meta])* $field:ident = $arc:literal $name:literal; )*) => {
        /// What the token said when the certificate was issued, by the arc below 1.3.6.1.4.1.57264.1.
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        pub struct FulcioExtensions {
            $( $(#[$meta])* pub $field: Option<String>, )*
        }

        impl FulcioExtensions {
            /// Those that are there: arc, name and text, ascending by arc.
            pub fn present(&self) -> impl Iterator<Item = (u8, &'static str, &str)> {
                [$( ($arc, $name, self.$field.as_deref()), )*]
                    .into_iter()
                    .filter_map(|(arc, name, text)| Some((arc, name, text?)))
            }

            fn slot(&mut self, arc: u32) -> Option<&mut Option<String>> {
                match arc {
                    $( $arc => Some(&mut self.$field), )*
                    _ => None,
                }
            }
        }
    };
}

extensions! {
    /// 1: the issuer of the token; raw text, deprecated for 8.
    issuer_v1 = 1 "Issuer";
    /// 2: raw text.
    github_workflow_trigger = 2 "GitHub Workflow Trigger";
    /// 3: raw text.
    github_workflow_sha = 3 "GitHub Workflow SHA";
    /// 4: raw text.
    github_workflow_name = 4 "GitHub Workflow Name";
    /// 5: raw text.
    github_workflow_repository = 5 "GitHub Workflow Repository";
    /// 6: raw text.
    github_workflow_ref = 6 "GitHub Workflow Ref";
    /// 8: the issuer of the token.
    issuer_v2 = 8 "Issuer (V2)";
    /// 9: the build instructions.
    build_signer_uri = 9 "Build Signer URI";
    /// 10: their revision.
    build_signer_digest = 10 "Build Signer Digest";
    /// 11: whose machine.
    runner_environment = 11 "Runner Environment";
    /// 12: the source repository.
    source_repository_uri = 12 "Source Repository URI";
    /// 13: its commit.
    source_repository_digest = 13 "Source Repository Digest";
    /// 14: its branch or tag.
    source_repository_ref = 14 "Source Repository Ref";
    /// 15: its immutable identifier.
    source_repository_identifier = 15 "Source Repository Identifier";
    /// 16: its owner.
    source_repository_owner_uri = 16 "Source Repository Owner URI";
    /// 17: the owner's immutable identifier.
    source_repository_owner_identifier = 17 "Source Repository Owner Identifier";
    /// 18: the top-level build instructions.
    build_config_uri = 18 "Build Config URI";
    /// 19: their revision.
    build_config_digest = 19 "Build Config Digest";
    /// 20: what started the build.
    build_trigger = 20 "Build Trigger";
    /// 21: the run.
    run_invocation_uri = 21 "Run Invocation URI";
    /// 22: public or private, then.
    source_repository_visibility_at_signing = 22 "Source Repository Visibility At Signing";
    /// 23: the environment it was deployed to.
    deployment_environment = 23 "Deployment Environment";
    /// 24: the subject of the token.
    token_subject = 24 "Token Subject";
}

impl SigningCertificate {
    /// Reads one DER certificate.
    ///
    /// # Errors
    /// Malformed DER, a key that cannot verify, one of Fulcio's extensions without text or twice, or above the
    /// [`limits`].
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > limits::CERTIFICATE_BYTES {
            return Err(CertificateError::TooLarge { found: der.len() });
        }
        let malformed = |_| CertificateError::Malformed;
        let parsed = x509_cert::Certificate::from_der(der).map_err(malformed)?;
        let tbs = parsed.tbs_certificate();
        let spki = tbs.subject_public_key_info().to_der().map_err(malformed)?;
        let mut names = None;
        let mut extensions = FulcioExtensions::default();
        for extension in tbs.extensions().into_iter().flatten() {
            let (oid, value) = (extension.extn_id, extension.extn_value.as_bytes());
            if oid == ID_CE_SUBJECT_ALT_NAME {
                let text = alternative_names(value)?;
                if names.replace(text).is_some() {
                    return Err(CertificateError::Repeated { oid });
                }
            } else if let Some(arc) = fulcio_arc(oid)
                && let Some(slot) = extensions.slot(arc)
            {
                let text = extension_text(arc, value).ok_or(CertificateError::Extension { oid })?;
                if slot.replace(text).is_some() {
                    return Err(CertificateError::Repeated { oid });
                }
            }
        }
        Ok(Self {
            key: VerifyingKey::from_spki_der(&spki)?,
            names: names.unwrap_or_default(),
            extensions,
            not_before: timestamp(tbs.validity().not_before)?,
            not_after: timestamp(tbs.validity().not_after)?,
            self_issued: tbs.subject() == tbs.issuer(),
            der: der.to_vec(),
        })
    }

    /// Reads PEM of exactly one certificate.
    ///
    /// # Errors
    /// As [`Self::from_der`]; text that is not PEM of one certificate.
    pub fn from_pem(text: &str) -> Result<Self, CertificateError> {
        match chain_from_pem(text)?.as_slice() {
            [der] => Self::from_der(der),
            _ => Err(CertificateError::Malformed),
        }
    }

    /// The bytes it was read from.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// PEM with 64 columns and a final newline.
    #[must_use]
    pub fn to_pem(&self) -> String {
        to_pem(&self.der)
    }

    /// The certified key.
    #[must_use]
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// The names; Fulcio writes exactly one.
    #[must_use]
    pub fn names(&self) -> &[SubjectAltIdentity] {
        &self.names
    }

    /// Fulcio's extensions.
    #[must_use]
    pub fn extensions(&self) -> &FulcioExtensions {
        &self.extensions
    }

    /// The issuer of the token: the newer extension, else the older one.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        let extensions = &self.extensions;
        extensions
            .issuer_v2
            .as_deref()
            .or(extensions.issuer_v1.as_deref())
    }

    /// The first second of its validity.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// The last second of its validity.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Whether subject and issuer are the same name, as in a root.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.self_issued
    }
}

/// Reads PEM of up to [`limits::CHAIN_CERTIFICATES`] certificates into DER.
///
/// # Errors
/// No PEM, another block, or too many.
pub fn chain_from_pem(text: &str) -> Result<Vec<Vec<u8>>, CertificateError> {
    let limit = limits::CHAIN_CERTIFICATES * 2 * limits::CERTIFICATE_BYTES;
    if text.len() > limit {
        return Err(CertificateError::TooLarge { found: text.len() });
    }
    let blocks = pem::parse_many(text).map_err(|_| CertificateError::Malformed)?;
    if blocks.is_empty() || blocks.iter().any(|block| block.tag() != "CERTIFICATE") {
        return Err(CertificateError::Malformed);
    }
    let found = blocks.len();
    if found > limits::CHAIN_CERTIFICATES {
        return Err(CertificateError::TooMany { found });
    }
    Ok(blocks.into_iter().map(pem::Pem::into_contents).collect())
}

pub(crate) fn to_pem(der: &[u8]) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new("CERTIFICATE", der), config)
}

pub(crate) fn timestamp(time: Time) -> Result<Timestamp, CertificateError> {
    i64::try_from(time.to_unix_duration().as_secs())
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .ok_or(CertificateError::Malformed)
}

fn fulcio_arc(oid: ObjectIdentifier) -> Option<u32> {
    const PREFIX: [u32; 8] = [1, 3, 6, 1, 4, 1, 57264, 1];
    let mut arcs = oid.arcs();
    let matches = PREFIX.iter().all(|expected| arcs.next() == Some(*expected));
    let arc = arcs.next()?;
    (matches && arcs.next().is_none()).then_some(arc)
}

/// Up to 6 the value is the text itself, from 8 on a DER UTF8String.
fn extension_text(arc: u32, value: &[u8]) -> Option<String> {
    let text = match arc {
        ..=6 => std::str::from_utf8(value).ok()?,
        _ => Utf8StringRef::from_der(value).ok()?.as_str(),
    };
    Some(text.to_owned())
}

fn alternative_names(value: &[u8]) -> Result<Vec<SubjectAltIdentity>, CertificateError> {
    let names = SubjectAltName::from_der(value).map_err(|_| CertificateError::Malformed)?;
    Ok(names.0.iter().filter_map(identity).collect())
}

fn identity(name: &GeneralName) -> Option<SubjectAltIdentity> {
    match name {
        GeneralName::DnsName(text) => Some(SubjectAltIdentity::Dns(text.as_str().to_owned())),
        GeneralName::Rfc822Name(text) => Some(SubjectAltIdentity::Email(text.as_str().to_owned())),
        GeneralName::UniformResourceIdentifier(text) => {
            Some(SubjectAltIdentity::Uri(text.as_str().to_owned()))
        }
        GeneralName::OtherName(other) if other.type_id == OTHER_NAME_USERNAME => other
            .value
            .decode_as::<Utf8StringRef<'_>>()
            .ok()
            .map(|text| SubjectAltIdentity::Other(text.as_str().to_owned())),
        _ => None,
    }
}
