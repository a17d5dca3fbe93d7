//! Who else attests to a signature: transparency logs, timestamp authorities.

use futures_util::future::try_join_all;
use keyless::rekor::{Content, Log, Proposal, Verifier};
use keyless::tsa::TimestampAuthority;
use pki::signature::{HashAlgorithm, Scheme};
use sigstore::bundle::MessageDigest;
use sigstore::dsse::Envelope;
use sigstore::entry::LogEntry;
use sigstore::legacy::LogPromise;

use super::{SignError, Signer};

/// Those that shall attest to a signature.
#[derive(Debug, Default)]
pub struct Witnesses {
    /// Logs, each of which takes the signature down.
    pub logs: Vec<Log>,
    /// Authorities, each of which stamps it.
    pub authorities: Vec<TimestampAuthority>,
}

/// The entry that a log of version 1 makes of an attestation's envelope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EntryKind {
    /// `dsse`.
    #[default]
    Dsse,
    /// `intoto`.
    Intoto,
}

/// What they said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Testimony {
    /// An entry per log.
    pub entries: Vec<LogEntry>,
    /// A DER `TimeStampResp` per authority.
    pub timestamps: Vec<Vec<u8>>,
}

impl Testimony {
    /// The promise of the first log: the older form has a place for one.
    pub(super) fn promise(&self) -> Result<Option<LogPromise>, SignError> {
        let entry = self.entries.first();
        entry
            .map(|entry| LogPromise::of_entry(entry).ok_or(SignError::NoPromise))
            .transpose()
    }
}

impl Witnesses {
    /// Whether there are none: then nobody but the registry is told.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.logs.is_empty() && self.authorities.is_empty()
    }

    /// On a signature over `message`.
    pub(super) async fn on_message(
        &self,
        signer: &Signer,
        scheme: Scheme,
        message: &[u8],
        signature: &[u8],
    ) -> Result<Testimony, SignError> {
        let digest = MessageDigest::of(hash(scheme), message);
        let content = Content::HashedRekord {
            digest: &digest,
            signature,
        };
        self.ask(signer, content, signature).await
    }

    /// On an envelope. `stamped` is what timestamps are over: the signature in a bundle, the whole blob in a tag.
    pub(super) async fn on_envelope(
        &self,
        signer: &Signer,
        envelope: &Envelope,
        kind: EntryKind,
        stamped: &[u8],
    ) -> Result<Testimony, SignError> {
        let json = &envelope.to_json();
        let content = match kind {
            EntryKind::Dsse => Content::Dsse { envelope, json },
            EntryKind::Intoto => Content::Intoto { envelope, json },
        };
        self.ask(signer, content, stamped).await
    }

    /// All at once: none waits for what another said.
    async fn ask(
        &self,
        signer: &Signer,
        content: Content<'_>,
        stamped: &[u8],
    ) -> Result<Testimony, SignError> {
        let proposal = Proposal {
            verifier: match signer.certificate() {
                Some(certificate) => Verifier::Certificate(&certificate.leaf),
                None => Verifier::PublicKey(signer.key()),
            },
            content,
        };
        let entries = try_join_all(self.logs.iter().map(|log| log.record(&proposal)));
        let stamps = try_join_all(self.authorities.iter().map(|one| one.stamp(stamped)));
        let (entries, timestamps) = tokio::try_join!(entries, stamps)?;
        Ok(Testimony {
            entries,
            timestamps,
        })
    }
}

/// The hash under which signed bytes are known.
pub(super) fn hash(scheme: Scheme) -> HashAlgorithm {
    // A signature over the bytes themselves is looked up by this.
    scheme.hash().unwrap_or(HashAlgorithm::Sha256)
}
