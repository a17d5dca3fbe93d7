//! What is sent to a log, and whether what comes back is about that.

use pki::digest::Sha256;
use pki::signature::VerifyingKey;
use sigstore::bundle::MessageDigest;
use sigstore::dsse::Envelope;
use sigstore::entry::{EntryBody, EntrySignature, EntryVerifier};
use sigstore::fulcio::SigningCertificate;

use crate::error::Fault;

/// A signature to be recorded.
#[derive(Debug, Clone, Copy)]
pub struct Proposal<'a> {
    /// What the log verifies the signature with, and records.
    pub verifier: Verifier<'a>,
    /// The signature and what it is over.
    pub content: Content<'a>,
}

/// Who signed.
#[derive(Debug, Clone, Copy)]
pub enum Verifier<'a> {
    /// Somebody with a certificate.
    Certificate(&'a SigningCertificate),
    /// Somebody with a key.
    PublicKey(&'a VerifyingKey),
}

/// What was signed.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// An envelope, recorded as `dsse`, by a log of version 2 as `hashedrekord`.
    Dsse {
        /// The envelope.
        envelope: &'a Envelope,
        /// Its JSON as it is stored: the log records its hash.
        json: &'a str,
    },
    /// Bytes, known by their digest, recorded as `hashedrekord`.
    HashedRekord {
        /// Their digest.
        digest: &'a MessageDigest,
        /// The raw signature.
        signature: &'a [u8],
    },
    /// An envelope, recorded as `intoto` 0.0.1; by logs of version 1 only. It is looked up, never recorded anew.
    IntotoV1 {
        /// The envelope.
        envelope: &'a Envelope,
        /// Its JSON as it is stored: the log records its hash.
        json: &'a str,
    },
    /// An envelope, recorded as `intoto`; by logs of version 1 only.
    Intoto {
        /// The envelope.
        envelope: &'a Envelope,
        /// Its JSON as it is stored: the log records its hash.
        json: &'a str,
    },
}

impl<'a> Verifier<'a> {
    /// The key.
    #[must_use]
    pub fn key(self) -> &'a VerifyingKey {
        match self {
            Self::Certificate(certificate) => certificate.key(),
            Self::PublicKey(key) => key,
        }
    }

    pub(super) fn to_pem(self) -> String {
        match self {
            Self::Certificate(certificate) => certificate.to_pem(),
            Self::PublicKey(key) => key.to_pem(),
        }
    }

    fn is(self, recorded: &EntryVerifier) -> bool {
        match (self, recorded) {
            (Self::Certificate(ours), EntryVerifier::Certificate(der)) => ours.der() == der,
            (Self::PublicKey(ours), EntryVerifier::PublicKey(der)) => ours.spki_der() == der,
            _ => false,
        }
    }
}

impl Proposal<'_> {
    /// Checks that `body` is what a log makes of this.
    ///
    /// # Errors
    /// [`Fault::OtherEntry`].
    pub fn check(&self, body: &EntryBody) -> Result<(), Fault> {
        self.check_content(body)?;
        if let EntryBody::IntotoV1 { verifier, .. } = body {
            let same = self.verifier.is(verifier);
            return if same { Ok(()) } else { Err(other("verifier")) };
        }
        let ours: Vec<&[u8]> = match self.content {
            Content::HashedRekord { signature, .. } => vec![signature],
            Content::Dsse { envelope, .. }
            | Content::Intoto { envelope, .. }
            | Content::IntotoV1 { envelope, .. } => envelope
                .signatures()
                .iter()
                .map(|signature| signature.signature.as_slice())
                .collect(),
        };
        let recorded = body.signatures();
        let is_ours = |entry: &EntrySignature| ours.contains(&entry.signature.as_slice());
        if recorded.len() != ours.len() || !recorded.iter().all(is_ours) {
            return Err(other("signature"));
        }
        if recorded
            .iter()
            .all(|entry| self.verifier.is(&entry.verifier))
        {
            Ok(())
        } else {
            Err(other("verifier"))
        }
    }

    fn check_content(&self, body: &EntryBody) -> Result<(), Fault> {
        let same = |part: &'static str, same: bool| if same { Ok(()) } else { Err(other(part)) };
        match (self.content, body) {
            (
                Content::HashedRekord { digest, .. },
                EntryBody::HashedRekordV1 { digest: found, .. }
                | EntryBody::HashedRekordV2 { digest: found, .. },
            ) => same("digest", digest == found),
            (
                Content::Dsse { envelope, json },
                EntryBody::DsseV1 {
                    envelope_hash,
                    payload_hash,
                    ..
                },
            ) => {
                same("payload", *payload_hash == Sha256::of(envelope.payload()))?;
                same("envelope", *envelope_hash == Sha256::of(json.as_bytes()))
            }
            (Content::Dsse { envelope, .. }, EntryBody::DsseV2 { payload_hash, .. }) => same(
                "payload",
                payload_hash.bytes() == payload_hash.algorithm().digest(envelope.payload()),
            ),
            (Content::Dsse { envelope, .. }, EntryBody::HashedRekordV2 { digest, .. }) => same(
                "digest",
                digest.bytes() == digest.algorithm().digest(&envelope.signed_bytes()),
            ),
            (
                Content::IntotoV1 { envelope, json },
                EntryBody::IntotoV1 {
                    envelope_hash,
                    payload_hash,
                    ..
                },
            ) => {
                let payload = Sha256::of(envelope.payload());
                same("payload", payload_hash.is_none_or(|hash| hash == payload))?;
                same("envelope", *envelope_hash == Sha256::of(json.as_bytes()))
            }
            (
                Content::Intoto { envelope, .. },
                EntryBody::IntotoV2 {
                    payload_type,
                    payload_hash,
                    ..
                },
            ) => {
                same("payload type", payload_type == envelope.payload_type())?;
                same("payload", *payload_hash == Sha256::of(envelope.payload()))
            }
            _ => Err(other("kind")),
        }
    }
}

fn other(part: &'static str) -> Fault {
    Fault::OtherEntry { part }
}
