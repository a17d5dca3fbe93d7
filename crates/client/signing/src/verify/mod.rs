//! Whether an image or a file is signed as demanded. Everything that was found is in the result, with every check that
//! was made of it; what was not checked is never claimed.

mod blob;
mod cosign_json;
mod judge;
mod lookup;
mod proof;
mod request;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use oci::Content as ManifestContent;
use sigstore::bundle::Content;
use sigstore::legacy::LegacySignature;
use sigstore::simple_signing::SimpleSigning;
use sigstore::trust::TrustedRoot;
use sigstore::verify::Refusal;

use crate::discover::{
    Candidate, CandidateContent, Claimed, Discovered, Kind, Location, Source, SourceKind, discover,
};
use crate::names::LAYER_PREDICATE;
use crate::place::{Image, Place, PlaceError, TagKind};
use judge::Court;

pub use blob::{
    BlobError, BlobEvidence, BlobFailure, BlobOutcome, BlobRequest, VerifiedBlob, verify_blob,
    verify_blob_attestation,
};
pub use cosign_json::payload_json;
pub use lookup::look_up_blob;
pub use proof::{
    Document, ImageOutcome, Judged, Judgement, Signed, VerifiedImage, VerifyError, VerifyFailure,
};
pub use request::{Claims, GivenCertificate, GivenSignature, Proofs, Request, Whose};

/// Verifies the image of a place: finds what is attached to it and judges all of it.
///
/// # Errors
/// Nothing is known about the image: it is not there, or its place cannot be looked at. That it is not signed as
/// demanded is no error but the outcome.
pub async fn verify_image(
    place: &Place,
    request: &Request,
    trust: &TrustedRoot,
    now: Timestamp,
) -> Result<ImageOutcome, VerifyError> {
    let image = place.locate().await.map_err(VerifyError::of)?;
    let mut discovered = match &request.given {
        Some(_) => given(place, image, request),
        None => discover(place, image, &request.search).await,
    };
    let log_answered = match &request.log {
        None => false,
        Some(log) => lookup::look_up(&mut discovered, request, log)
            .await
            .map_err(|error| VerifyError::Log(Box::new(error)))?,
    };
    let requests = std::slice::from_ref(request);
    let outcomes = judge_all(discovered, place, requests, trust, now).await?;
    let outcome = outcomes.into_iter().next().expect("one for each request");
    Ok(ImageOutcome {
        log_answered,
        ..outcome
    })
}

/// As [`verify_image`] for several demands, which look for the same: what is attached is looked for once, and by the
/// first one's search. An outcome for each demand, all about the same digest; `given` is not for this.
///
/// # Errors
/// As `verify_image`.
pub async fn verify_image_for(
    place: &Place,
    requests: &[Request],
    trust: &TrustedRoot,
    now: Timestamp,
) -> Result<Vec<ImageOutcome>, VerifyError> {
    let Some(first) = requests.first() else {
        return Ok(Vec::new());
    };
    let image = place.locate().await.map_err(VerifyError::of)?;
    let discovered = discover(place, image, &first.search).await;
    judge_all(discovered, place, requests, trust, now).await
}

async fn judge_all(
    mut discovered: Discovered,
    place: &Place,
    requests: &[Request],
    trust: &TrustedRoot,
    now: Timestamp,
) -> Result<Vec<ImageOutcome>, VerifyError> {
    check_reached(&mut discovered)?;
    if discovered.candidates.iter().any(is_over_bytes) && discovered.image.manifest().is_none() {
        // The signature is over the manifest itself, which is not known when the image is named by its digest.
        discovered.image = place.resolve().await.map_err(VerifyError::of)?;
    }
    let mut outcomes: Vec<ImageOutcome> = Vec::with_capacity(requests.len());
    for request in requests {
        let mut outcome = judge(&discovered, place, request, trust, now);
        if let Some(VerifyFailure::NoSignature {
            others,
            image_absent,
        }) = &mut outcome.failure
        {
            *image_absent = outcome.image.manifest().is_none()
                && place.resolve().await.is_err_and(|error| error.is_absent());
            add_attestations(place, &outcome.image, &request.search.kind, others).await;
        }
        outcomes.push(outcome);
    }
    let sources = Arc::new(discovered.sources);
    for outcome in &mut outcomes {
        outcome.sources = sources.clone();
    }
    Ok(outcomes)
}

/// Verifies many images, at most `parallel` at once; what is wrong with one is nothing to the others. `done` is told
/// of each as it is ready, with its place in `places`; the results are in the order of `places`.
pub async fn verify_images(
    places: &[Place],
    request: &Request,
    trust: &TrustedRoot,
    now: Timestamp,
    parallel: usize,
    mut done: impl FnMut(usize, &Result<ImageOutcome, VerifyError>),
) -> Vec<Result<ImageOutcome, VerifyError>> {
    let mut results: Vec<Option<_>> = places.iter().map(|_| None).collect();
    let mut running = stream::iter(places.iter().enumerate())
        .map(
            |(index, place)| async move { (index, verify_image(place, request, trust, now).await) },
        )
        .buffer_unordered(parallel.max(1));
    while let Some((index, result)) = running.next().await {
        done(index, &result);
        results[index] = Some(result);
    }
    results
        .into_iter()
        .map(|result| result.expect("each of the places was verified"))
        .collect()
}

/// Judges what was found, as often as there are demands: a policy of several finds once.
pub fn judge(
    discovered: &Discovered,
    place: &Place,
    request: &Request,
    trust: &TrustedRoot,
    now: Timestamp,
) -> ImageOutcome {
    let court = Court {
        image: &discovered.image,
        repository: place.repository(),
        request,
        trust,
        now,
    };
    let candidates = discovered.candidates.iter();
    let judged: Vec<Judged> = candidates.map(|candidate| court.judge(candidate)).collect();
    ImageOutcome {
        image: discovered.image.clone(),
        failure: failure(&judged, &discovered.sources),
        complete: is_complete(&judged, &discovered.sources),
        sources: Arc::default(),
        judged,
        log_answered: false,
    }
}

/// Why none is enough, if none is.
fn failure(judged: &[Judged], sources: &[Source]) -> Option<VerifyFailure> {
    if judged.iter().any(|judged| judged.verified().is_some()) {
        return None;
    }
    if !is_complete(judged, sources) {
        return Some(VerifyFailure::Incomplete);
    }
    let is_other = |judged: &&Judged| matches!(judged.judgement, Judgement::OtherKind);
    let candidates = judged.iter().filter(|judged| !is_other(judged)).count();
    if candidates == 0 {
        return Some(VerifyFailure::NoSignature {
            others: other_types(judged),
            image_absent: false,
        });
    }
    let is_bare = |judged: &Judged| {
        let refusal = Refusal::CertificateExpected;
        matches!(&judged.judgement, Judgement::Refused { refusal: found, .. } if *found == refusal)
    };
    Some(
        if judged
            .iter()
            .filter(|judged| !is_other(judged))
            .all(is_bare)
        {
            VerifyFailure::NoCertificate
        } else {
            VerifyFailure::NoneMatched { candidates }
        },
    )
}

fn is_complete(judged: &[Judged], sources: &[Source]) -> bool {
    let is_transient = |judged: &Judged| matches!(&judged.judgement, Judgement::Unreadable(error) if error.is_transient());
    let is_unknown = |source: &Source| source.fault.is_some() || source.unopened > 0;
    !judged.iter().any(is_transient) && !sources.iter().any(is_unknown)
}

fn other_types(judged: &[Judged]) -> Vec<String> {
    let types: BTreeSet<&String> = judged
        .iter()
        .filter_map(|judged| match &judged.claimed {
            Claimed::Statement(predicate_type) => Some(predicate_type),
            Claimed::Payload | Claimed::Unknown => None,
        })
        .collect();
    types.into_iter().cloned().collect()
}

/// Without a signature, it is worth knowing that there are attestations under the tag of the older form. That this
/// cannot be known is not worth an error.
async fn add_attestations(place: &Place, image: &Image, kind: &Kind, others: &mut Vec<String>) {
    if *kind != Kind::Signature {
        return;
    }
    let found = place.tagged(&image.digest(), TagKind::Attestations).await;
    let Ok(Some(manifest)) = found else {
        return;
    };
    if let ManifestContent::Image { layers, .. } = manifest.content() {
        let stated = layers
            .iter()
            .filter_map(|layer| layer.annotations.get(LAYER_PREDICATE));
        others.extend(stated.cloned());
        others.sort();
        others.dedup();
    }
}

/// An image of whose attachments nothing could be looked at has no outcome.
fn check_reached(discovered: &mut Discovered) -> Result<(), VerifyError> {
    let sources = &mut discovered.sources;
    if sources.iter().all(|source| source.fault.is_some()) {
        let fault = sources.first_mut().and_then(|source| source.fault.take());
        return fault.map_or(Ok(()), |fault| Err(VerifyError::of(fault)));
    }
    Ok(())
}

fn is_over_bytes(candidate: &Candidate) -> bool {
    matches!(&candidate.content, Ok(CandidateContent::Bundle(bundle)) if matches!(bundle.content, Content::Message(_)))
}

/// The caller's files as the only candidate.
fn given(place: &Place, image: Image, request: &Request) -> Discovered {
    let candidate = request.given.as_ref().map(|given| {
        let payload = given.payload.clone().unwrap_or_else(|| {
            let reference = place.repository().map(crate::place::docker_reference);
            default_payload(&image, &reference.unwrap_or_default())
        });
        Candidate {
            locations: vec![Location::Files],
            digest: oci::Digest::sha256(&payload),
            stated_type: None,
            content: Ok(CandidateContent::Legacy(Arc::new(LegacySignature {
                payload,
                signature: given.signature.clone(),
                certificate: None,
                chain: Vec::new(),
                log_promise: None,
                timestamp: None,
            }))),
        }
    });
    Discovered {
        image,
        sources: vec![Source {
            kind: SourceKind::Files,
            found: 1,
            unopened: 0,
            fault: None,
        }],
        candidates: candidate.into_iter().collect(),
    }
}

fn default_payload(image: &Image, reference: &str) -> Vec<u8> {
    match image.digest() {
        oci::Digest::Sha256(digest) => {
            let payload = SimpleSigning::new(reference, &digest, &Default::default());
            payload.raw().to_vec()
        }
        // There is no payload for others; nothing parses as one.
        oci::Digest::Sha512(_) => Vec::new(),
    }
}

impl VerifyError {
    fn of(error: PlaceError) -> Self {
        if error.is_absent() {
            Self::NoSuchImage(error)
        } else {
            Self::Place(error)
        }
    }
}
