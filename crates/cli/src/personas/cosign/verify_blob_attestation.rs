//! `verify-blob-attestation`.

use signing::verify::{BlobEvidence, BlobFailure, verify_blob_attestation};
use sigstore::bundle::{Content, MessageDigest};
use sigstore::dsse::Envelope;
use sigstore::statement::Statement;
use sigstore::verify::Refusal;

use super::blob::{Blob, SIGNED, Wanted, named_digest};
use super::error::Error;
use super::flags::{VERIFICATION, flags};
use super::verification::{Subject, Verification};
use super::{Action, Context, blob, given, predicates};
use crate::cobra::{Arity, Command, Completes, Flag, Matches};
use crate::failure::Failure;

const CHECK_CLAIMS: Flag = Flag::switch(
    "check-claims",
    "Compare the file with what the attestation is about; =false verifies only that it was signed",
)
.on_by_default();
const DIGEST: Flag = Flag::text(
    "digest",
    "",
    "Digest of the file, in place of the file: hex",
);
const DIGEST_ALGORITHM: Flag = Flag::text("digestAlg", "", "Algorithm of --digest")
    .completing(Completes::Words(&["sha256", "sha384", "sha512"]));

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS] [FILE]",
    long: "Verify an attestation about a file: one in a bundle of either form, or an envelope in a file of its own.",
    arity: Arity::AtLeast(0),
    completes: Completes::File,
    flags: flags!(
        SIGNED,
        VERIFICATION,
        &[CHECK_CLAIMS, DIGEST, DIGEST_ALGORITHM, predicates::TYPE]
    ),
    run: Some(run),
    ..Command::new(
        "verify-blob-attestation",
        "Verify an attestation about a file",
    )
};

/// What the attestation has to be about.
enum About<'m> {
    Digest(MessageDigest),
    File(&'m str),
    /// Whatever it says itself.
    Itself,
}

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = context.session.process;
    let about = about(matches)?;
    let verification = Verification::of(context, matches, Subject::BlobAttestation)?;
    let wanted = predicates::named(matches)?;
    let evidence = blob::evidence(context, matches, Wanted::Attestation)?;
    let blob = match about {
        About::File(path) => Blob::read(process, path)?,
        About::Digest(digest) => Blob::Digest(digest),
        About::Itself => Blob::Digest(own_subject(&evidence)?),
    };
    let evidence = verification.looked_up(context, evidence, &blob.artifact())?;
    let request = verification.of_blob();
    let outcome = verify_blob_attestation(
        &blob.artifact(),
        &evidence,
        Some(wanted.uri()),
        &request,
        &verification.trust,
        process.now(),
    );
    let _verified = outcome.result.map_err(|failure| match failure {
        BlobFailure::Refused(refusal) => Error::refused(predicates::as_named(refusal, matches)),
        failure => failure.into(),
    })?;
    process.err("Verified OK\n");
    Ok(())
}

fn about(matches: &Matches) -> Result<About<'_>, Error> {
    let usage = |problem: String| Err(Error::Usage { problem });
    let (digest, algorithm) = (given(matches, &DIGEST), given(matches, &DIGEST_ALGORITHM));
    if !matches.on(&CHECK_CLAIMS) {
        return Ok(About::Itself);
    }
    match (digest, algorithm, matches.args()) {
        (Some(hex), Some(algorithm), []) => match named_digest(algorithm, hex) {
            Some(digest) => Ok(About::Digest(digest)),
            None => usage(format!("{hex:?} is no {algorithm} digest: give it in hex, with sha256, sha384 or sha512")),
        },
        (None, None, [path]) => Ok(About::File(path)),
        (Some(_), _, [_, ..]) => Err(Error::Conflict {
            drop: DIGEST.name,
            because: "FILE",
            why: "the file has its own digest",
        }),
        (_, _, []) => usage(
            "must provide path to blob or digest and digestAlg; run `cosign verify-blob-attestation -h` for more help"
                .to_owned(),
        ),
        (_, _, args) => usage(format!("accepts 1 arg(s), received {}", args.len())),
    }
}

/// A digest of a subject of the statement itself, so that every other check is made.
fn own_subject(evidence: &BlobEvidence) -> Result<MessageDigest, Error> {
    let parsed;
    let envelope = match evidence {
        BlobEvidence::Bundle(bundle) => match &bundle.content {
            Content::Dsse(envelope) => envelope,
            Content::Message(_) => return Err(BlobFailure::Signature.into()),
        },
        BlobEvidence::Attestation(attestation) => {
            parsed = Envelope::parse(&attestation.payload).map_err(refused)?;
            &parsed
        }
        BlobEvidence::Signature(_) => return Err(BlobFailure::Signature.into()),
    };
    let statement = Statement::of_envelope(envelope).map_err(refused)?;
    let mut digests = statement
        .subjects
        .iter()
        .flat_map(|subject| &subject.digests);
    digests
        .find_map(|(algorithm, hex)| named_digest(algorithm, hex))
        .ok_or_else(|| {
            Error::refused(Refusal::Artifact {
                expected: "a SHA-256, SHA-384 or SHA-512 digest".to_owned(),
                found: Vec::new(),
            })
        })
}

fn refused(refusal: impl Into<Refusal>) -> Error {
    Error::refused(refusal.into())
}
