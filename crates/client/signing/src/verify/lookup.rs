//! Entries of a log for signatures in the older form that came without: they are asked for at the log that the user
//! named (`sigstore/cosign:pkg/cosign/tlog.go`, `FindTlogEntry`). What comes back is judged as if it had been there.

use std::sync::Arc;

use keyless::rekor::{Content, Proposal, RekorV1, Verifier};
use pki::signature::{HashAlgorithm, Scheme, VerifyingKey};
use sigstore::bundle::MessageDigest;
use sigstore::dsse::Envelope;
use sigstore::legacy::{LegacySignature, LogPromise};
use sigstore::verify::Artifact;

use super::{BlobEvidence, Request, Whose};
use crate::discover::{CandidateContent, Discovered};

/// Completes the signatures and attestations of an image; whether there was anything to complete.
pub(super) async fn look_up(
    discovered: &mut Discovered,
    request: &Request,
    log: &RekorV1,
) -> Result<bool, keyless::Error> {
    let mut any = false;
    for candidate in &mut discovered.candidates {
        let Ok(CandidateContent::Legacy(legacy)) = &mut candidate.content else {
            continue;
        };
        if legacy.log_promise.is_some() {
            continue;
        }
        let given = request.certificate.as_ref();
        let certificate = legacy
            .certificate
            .as_ref()
            .or(given.map(|given| &given.leaf));
        let verifiers = match certificate {
            Some(leaf) => vec![Verifier::Certificate(leaf)],
            None => keys(&request.whose),
        };
        if let Some(promise) = of_legacy(log, legacy, &verifiers).await? {
            Arc::make_mut(legacy).log_promise = Some(promise);
            any = true;
        }
    }
    Ok(any)
}

/// Completes what came with a file, unless it has an entry, or is a bundle, which has all that belongs to it. Nobody is
/// asked about signatures that are not of the signer.
///
/// # Errors
/// The log cannot be asked, or answers with something else. That it has no entry is none.
pub async fn look_up_blob(
    mut evidence: BlobEvidence,
    artifact: &Artifact<'_>,
    whose: &Whose,
    log: &RekorV1,
) -> Result<BlobEvidence, keyless::Error> {
    match &mut evidence {
        BlobEvidence::Signature(blob) if blob.log_promise.is_none() => {
            let verifiers = match &blob.certificate {
                Some(leaf) => vec![Verifier::Certificate(leaf)],
                None => keys(whose),
            };
            blob.log_promise = of_message(log, artifact, &blob.signature, &verifiers).await?;
        }
        BlobEvidence::Attestation(attestation) if attestation.log_promise.is_none() => {
            let verifiers = match &attestation.certificate {
                Some(leaf) => vec![Verifier::Certificate(leaf)],
                None => keys(whose),
            };
            if let Some(promise) = of_legacy(log, attestation, &verifiers).await? {
                Arc::make_mut(attestation).log_promise = Some(promise);
            }
        }
        BlobEvidence::Bundle(_) | BlobEvidence::Signature(_) | BlobEvidence::Attestation(_) => {}
    }
    Ok(evidence)
}

fn keys(whose: &Whose) -> Vec<Verifier<'_>> {
    match whose {
        Whose::Keys(keys) => keys.iter().map(Verifier::PublicKey).collect(),
        Whose::Identities(_) => Vec::new(),
    }
}

async fn of_legacy(
    log: &RekorV1,
    legacy: &LegacySignature,
    verifiers: &[Verifier<'_>],
) -> Result<Option<LogPromise>, keyless::Error> {
    if !legacy.signature.is_empty() {
        let payload = Artifact::Bytes(&legacy.payload);
        return of_message(log, &payload, &legacy.signature, verifiers).await;
    }
    let (Ok(envelope), Ok(json)) = (
        Envelope::parse(&legacy.payload),
        std::str::from_utf8(&legacy.payload),
    ) else {
        return Ok(None);
    };
    let envelope = &envelope;
    for &verifier in verifiers {
        let is_signer = envelope.signatures().iter().any(|signature| {
            let message = Artifact::Bytes(&envelope.signed_bytes());
            digests(verifier.key(), &message, &signature.signature)
                .next()
                .is_some()
        });
        if !is_signer {
            continue;
        }
        let contents = [
            Content::Dsse { envelope, json },
            Content::IntotoV1 { envelope, json },
            Content::Intoto { envelope, json },
        ];
        for content in contents {
            if let Some(promise) = of_proposal(log, verifier, content).await? {
                return Ok(Some(promise));
            }
        }
    }
    Ok(None)
}

async fn of_message(
    log: &RekorV1,
    message: &Artifact<'_>,
    signature: &[u8],
    verifiers: &[Verifier<'_>],
) -> Result<Option<LogPromise>, keyless::Error> {
    for &verifier in verifiers {
        for digest in digests(verifier.key(), message, signature) {
            let content = Content::HashedRekord {
                digest: &digest,
                signature,
            };
            if let Some(promise) = of_proposal(log, verifier, content).await? {
                return Ok(Some(promise));
            }
        }
    }
    Ok(None)
}

async fn of_proposal(
    log: &RekorV1,
    verifier: Verifier<'_>,
    content: Content<'_>,
) -> Result<Option<LogPromise>, keyless::Error> {
    let found = log.find(&Proposal { verifier, content }).await?;
    Ok(found
        .iter()
        .find_map(|recorded| LogPromise::of_entry(&recorded.entry)))
}

/// The digests of the message under which the signature holds. A log does not answer about others.
fn digests<'a>(
    key: &'a VerifyingKey,
    message: &'a Artifact<'_>,
    signature: &'a [u8],
) -> impl Iterator<Item = MessageDigest> {
    // Larger curves were used with both hashes.
    let schemes = match key.default_scheme() {
        Scheme::Ecdsa(HashAlgorithm::Sha256) => vec![Scheme::Ecdsa(HashAlgorithm::Sha256)],
        Scheme::Ecdsa(hash) => vec![Scheme::Ecdsa(hash), Scheme::Ecdsa(HashAlgorithm::Sha256)],
        scheme => vec![scheme],
    };
    schemes.into_iter().filter_map(move |scheme| {
        // Logs know a signature over the bytes themselves by this hash.
        let hash = scheme.hash().unwrap_or(HashAlgorithm::Sha256);
        match message {
            Artifact::Bytes(bytes) => {
                let valid = key.verify(scheme, bytes, signature);
                valid.is_ok().then(|| MessageDigest::of(hash, bytes))
            }
            Artifact::Digest(digest) if digest.algorithm() == hash => {
                let valid = key.verify_digest(scheme, digest.bytes(), signature);
                valid.is_ok().then(|| digest.clone())
            }
            Artifact::Digest(_) => None,
        }
    })
}
