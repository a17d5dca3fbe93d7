//! Signatures over files, and attestations about them.

use jiff::Timestamp;
use pki::digest::Sha256;
use sigstore::bundle::{Bundle, BundleVersion, Content, MessageDigest, MessageSignature};
use sigstore::dsse::Envelope;
use sigstore::legacy::LegacyBlob;
use sigstore::trust::TrustedRoot;
use sigstore::verify::Artifact;

use super::check::Check;
use super::image::envelope_bundle;
use super::witness::hash;
use super::{EntryKind, SignError, Signer, Testimony, Witnesses};

/// How a file is signed.
#[derive(Clone, Copy, Debug)]
pub struct BlobPlan<'a> {
    /// Who signs.
    pub signer: &'a Signer,
    /// Who else attests to it.
    pub witnesses: &'a Witnesses,
    /// Against which the new signature is verified before it is given out.
    pub trust: Option<&'a TrustedRoot>,
    /// The time.
    pub now: Timestamp,
}

/// An attestation about a file in the older form: an envelope and what is said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestedBlob {
    /// The signed statement.
    pub envelope: Envelope,
    /// The signature and the testimony as cosign 2 writes them.
    pub evidence: LegacyBlob,
}

/// Signs a file for a bundle.
///
/// # Errors
/// See [`SignError`].
pub async fn sign_blob(plan: &BlobPlan<'_>, blob: &[u8]) -> Result<Bundle, SignError> {
    let scheme = plan.signer.bundle_scheme();
    let signature = plan.signer.sign(scheme, blob).await?;
    let testimony = plan
        .witnesses
        .on_message(plan.signer, scheme, blob, &signature)
        .await?;
    let bundle = Bundle {
        version: BundleVersion::V0_3,
        signer: plan.signer.material(),
        log_entries: testimony.entries,
        timestamps: testimony.timestamps,
        content: Content::Message(MessageSignature {
            digest: Some(MessageDigest::of(hash(scheme), blob)),
            signature,
        }),
    };
    plan.check()
        .bundle(&bundle, &Artifact::Bytes(blob), plan.now)?;
    Ok(bundle)
}

/// Signs a file in the form of cosign before version 3.
///
/// # Errors
/// See [`SignError`].
pub async fn sign_blob_legacy(plan: &BlobPlan<'_>, blob: &[u8]) -> Result<LegacyBlob, SignError> {
    let scheme = plan.signer.legacy_scheme();
    let signature = plan.signer.sign(scheme, blob).await?;
    let testimony = plan
        .witnesses
        .on_message(plan.signer, scheme, blob, &signature)
        .await?;
    plan.legacy(signature, testimony)
}

/// Signs a statement about a file for a bundle.
///
/// # Errors
/// See [`SignError`]; with a trusted root, a statement that is not about `digest`.
pub async fn attest_blob(
    plan: &BlobPlan<'_>,
    digest: &Sha256,
    statement: String,
) -> Result<Bundle, SignError> {
    let bundle = envelope_bundle(plan.signer, plan.witnesses, statement).await?;
    plan.check()
        .bundle(&bundle, &Artifact::manifest(digest), plan.now)?;
    Ok(bundle)
}

/// Signs a statement about a file in the form of cosign before version 3.
///
/// # Errors
/// See [`SignError`].
pub async fn attest_blob_legacy(
    plan: &BlobPlan<'_>,
    statement: String,
    entry: EntryKind,
) -> Result<AttestedBlob, SignError> {
    let scheme = plan.signer.legacy_scheme();
    let envelope = plan.signer.envelope(scheme, statement).await?;
    let json = envelope.to_json().into_bytes();
    let testimony = plan
        .witnesses
        .on_envelope(plan.signer, &envelope, entry, &json)
        .await?;
    // The file of cosign 2's `--bundle` has the whole envelope in the place of the signature.
    Ok(AttestedBlob {
        evidence: plan.legacy(json, testimony)?,
        envelope,
    })
}

impl<'a> BlobPlan<'a> {
    fn check(&self) -> Check<'a> {
        Check::blob(self.signer, self.witnesses, self.trust)
    }

    fn legacy(&self, signature: Vec<u8>, testimony: Testimony) -> Result<LegacyBlob, SignError> {
        Ok(LegacyBlob {
            signature,
            certificate: self
                .signer
                .certificate()
                .map(|certificate| Box::new(certificate.leaf.clone())),
            log_promise: testimony.promise()?,
            timestamp: testimony.timestamps.into_iter().next(),
        })
    }
}
