//! The three forms of signed content, seen alike.

use std::collections::BTreeMap;

use pki::digest::Sha256;
use pki::signature::{HashAlgorithm, Scheme, VerifyError, VerifyingKey, VerifyingKeyKind};

use super::{Artifact, Checked, Refusal};
use crate::bundle::MessageSignature;
use crate::dsse::Envelope;
use crate::simple_signing::{Bound, SimpleSigning, check_annotations};
use crate::statement::{Statement, Subject};

/// What was signed, and the signature.
pub(super) enum Signed<'a> {
    Envelope {
        envelope: &'a Envelope,
        encoded: Vec<u8>,
    },
    Message {
        message: &'a MessageSignature,
        hint: Option<HashAlgorithm>,
    },
    Simple {
        payload: &'a SimpleSigning,
        signature: &'a [u8],
    },
}

impl<'a> Signed<'a> {
    /// The caller has seen that there is exactly one signature.
    pub(super) fn envelope(envelope: &'a Envelope) -> Self {
        Self::Envelope {
            envelope,
            encoded: envelope.signed_bytes(),
        }
    }

    pub(super) fn message(message: &'a MessageSignature, artifact: &Artifact<'_>) -> Self {
        let stated = message.digest.as_ref().map(|digest| digest.algorithm());
        let known = match artifact {
            Artifact::Bytes(_) => None,
            Artifact::Digest(digest) => Some(digest.algorithm()),
        };
        Self::Message {
            message,
            hint: stated.or(known),
        }
    }

    pub(super) fn simple(payload: &'a SimpleSigning, signature: &'a [u8]) -> Self {
        Self::Simple { payload, signature }
    }

    pub(super) fn signature(&self) -> &[u8] {
        match self {
            Self::Envelope { envelope, .. } => &envelope.signatures()[0].signature,
            Self::Message { message, .. } => &message.signature,
            Self::Simple { signature, .. } => signature,
        }
    }

    pub(super) fn as_envelope(&self) -> Option<&Envelope> {
        match self {
            Self::Envelope { envelope, .. } => Some(envelope),
            Self::Message { .. } | Self::Simple { .. } => None,
        }
    }

    /// The digest of the signed bytes, which is what logs record.
    pub(super) fn digest(
        &self,
        algorithm: HashAlgorithm,
        artifact: &Artifact<'_>,
    ) -> Option<Vec<u8>> {
        match self {
            Self::Envelope { encoded, .. } => Some(algorithm.digest(encoded)),
            Self::Message { .. } => artifact.digest(algorithm),
            Self::Simple { payload, .. } => Some(algorithm.digest(payload.raw())),
        }
    }

    /// Verifies the signature under the schemes that the field uses with such a key: the key's own, and the hash that
    /// the message names or, where nothing is named, SHA-256, with which cosign 2 signed whatever the curve.
    pub(super) fn verify(&self, key: &VerifyingKey, artifact: &Artifact<'_>) -> Checked {
        let (bytes, hint): (&[u8], _) = match self {
            Self::Envelope { encoded, .. } => (encoded, HashAlgorithm::Sha256),
            Self::Simple { payload, .. } => (payload.raw(), HashAlgorithm::Sha256),
            Self::Message { hint, .. } => {
                let hint = hint.unwrap_or(HashAlgorithm::Sha256);
                return match artifact {
                    Artifact::Bytes(bytes) => try_schemes(key, hint, |scheme| {
                        key.verify(scheme, bytes, self.signature())
                    }),
                    Artifact::Digest(digest) => try_schemes(key, hint, |scheme| {
                        key.verify_digest(scheme, digest.bytes(), self.signature())
                    }),
                };
            }
        };
        try_schemes(key, hint, |scheme| {
            key.verify(scheme, bytes, self.signature())
        })
    }

    /// Checks that what was signed is this artifact and, for a statement, of the demanded kind.
    pub(super) fn bind(
        &self,
        artifact: &Artifact<'_>,
        predicate_type: Option<&str>,
    ) -> Result<Bound, Refusal> {
        let other = |found: Vec<String>| Refusal::Artifact {
            expected: artifact.to_string(),
            found,
        };
        match self {
            Self::Envelope { envelope, .. } => {
                let statement = Statement::of_envelope(envelope)?;
                if let Some(expected) = predicate_type
                    && statement.predicate_type != expected
                {
                    return Err(Refusal::PredicateType {
                        expected: expected.to_owned(),
                        found: statement.predicate_type,
                    });
                }
                subject_of(&statement, artifact).ok_or_else(|| other(named_digests(&statement)))?;
                Ok(Bound(()))
            }
            Self::Message { message, .. } => match &message.digest {
                // The signature is over the artifact itself; a stated digest must not contradict that.
                Some(stated)
                    if artifact.digest(stated.algorithm()).as_deref() != Some(stated.bytes()) =>
                {
                    Err(other(vec![stated.to_string()]))
                }
                _ => Ok(Bound(())),
            },
            Self::Simple { payload, .. } => artifact
                .digest(HashAlgorithm::Sha256)
                .and_then(|bytes| Sha256::try_from(bytes.as_slice()).ok())
                .and_then(|manifest| payload.bind(&manifest))
                .ok_or_else(|| other(vec![format!("sha256:{}", payload.manifest())])),
        }
    }

    pub(super) fn check_annotations(
        &self,
        artifact: &Artifact<'_>,
        demanded: &BTreeMap<String, String>,
    ) -> Result<(), Refusal> {
        match self {
            Self::Envelope { envelope, .. } => {
                let statement = Statement::of_envelope(envelope)?;
                let annotations =
                    subject_of(&statement, artifact).map(|subject| &subject.annotations);
                check_annotations(demanded, |key| annotations?.get(key).map(String::as_str))?;
            }
            Self::Message { .. } => return Err(Refusal::AnnotationsImpossible),
            Self::Simple { payload, .. } => payload.check_annotations(demanded)?,
        }
        Ok(())
    }
}

/// The subject that is the artifact: one of its digests is the artifact's, and none that can be compared is another.
#[must_use]
pub fn subject_of<'a>(statement: &'a Statement, artifact: &Artifact<'_>) -> Option<&'a Subject> {
    statement.subjects.iter().find(|subject| {
        let mut compared = subject.digests.iter().filter_map(|(name, digest)| {
            let expected = artifact.named_digest(name)?;
            Some(digest.eq_ignore_ascii_case(&expected))
        });
        compared.next() == Some(true) && compared.all(|equal| equal)
    })
}

fn named_digests(statement: &Statement) -> Vec<String> {
    let subjects = statement.subjects.iter();
    subjects
        .flat_map(|subject| &subject.digests)
        .map(|(name, digest)| format!("{name}:{digest}"))
        .collect()
}

fn try_schemes(
    key: &VerifyingKey,
    hint: HashAlgorithm,
    verify: impl Fn(Scheme) -> Result<pki::key::SignatureValid, VerifyError>,
) -> Checked {
    let own = key.default_scheme();
    let hinted = match key.kind() {
        VerifyingKeyKind::Ecdsa(_) => Scheme::Ecdsa(hint),
        VerifyingKeyKind::Rsa { .. } => Scheme::RsaPkcs1v15(hint),
        VerifyingKeyKind::Ed25519 => Scheme::Ed25519,
    };
    match verify(own) {
        Err(_) if hinted != own => Ok(verify(hinted)?),
        result => Ok(result?),
    }
}
