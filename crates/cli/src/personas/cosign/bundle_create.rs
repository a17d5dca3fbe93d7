//! `bundle create`.

use std::path::Path;

use signing::verify::BlobEvidence;

use super::blob::{TIMESTAMP, certificate, content, signature};
use super::error::Error;
use super::files::most;
use super::flags::{CERTIFICATE, KEY, REKOR_URL, SECURITY_KEY, SLOT, file, flags};
use super::ops::BundleOf;
use super::trusted_root::print_or_write;
use super::{Action, Context, files, given, keys, not_both};
use crate::cobra::{Command, Completes, Flag, Matches};
use crate::failure::Failure;

const ARTIFACT: Flag = file(
    "artifact",
    "The file that is signed, or that something is attested about",
);
const ATTESTATION: Flag = file("attestation", "The attestation: a DSSE envelope");
const BUNDLE: Flag = file("bundle", "Bundle of cosign 2");
const IGNORE_TLOG: Flag = Flag::switch(
    "ignore-tlog",
    "The signature is in no log; none is asked for it",
);
const OUT: Flag = file("out", "Write to this file in place of standard output");
const SIGNATURE: Flag = Flag::text(
    "signature",
    "",
    "Signature: a file, - or the base64 itself; of an --attestation it is the one in the envelope",
)
.completing(Completes::File);

pub(super) const COMMAND: Command<Action> = Command {
    usage: "COMMAND",
    long: "Make bundles: files with a signature and all that is needed to verify it",
    flags: flags!(),
    commands: &[CREATE],
    ..Command::new("bundle", "Make bundles")
};

const CREATE: Command<Action> = Command {
    usage: "[OPTIONS]",
    long: "Make a bundle of what cosign 2 wrote about a file: its bundle, or signature, certificate and timestamp in \
           files of their own. The signature is verified, by the certificate's key or by --key.\n\
           The proof that a log has the signature comes from the log of --rekor-url; with --ignore-tlog nobody is \
           contacted.",
    flags: flags!(&[
        ARTIFACT,
        ATTESTATION,
        BUNDLE,
        CERTIFICATE,
        IGNORE_TLOG,
        KEY,
        OUT,
        REKOR_URL,
        SECURITY_KEY,
        SIGNATURE,
        SLOT,
        TIMESTAMP,
    ]),
    run: Some(run),
    ..Command::new("create", "Make a bundle of what cosign 2 wrote")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = context.session.process;
    keys::refuse_security_key(matches)?;
    not_both(
        matches,
        &SIGNATURE,
        &BUNDLE,
        "the bundle holds the signature",
    )?;
    not_both(
        matches,
        &ATTESTATION,
        &BUNDLE,
        "the bundle holds the attestation",
    )?;
    let usage = |problem: &str| Error::Usage {
        problem: problem.to_owned(),
    };
    let artifact = given(matches, &ARTIFACT).ok_or_else(|| usage("must supply --artifact"))?;
    let evidence = evidence(context, matches)?;
    let log = match (given(matches, &REKOR_URL), matches.on(&IGNORE_TLOG)) {
        (_, true) if evidence.log_promise().is_some() => {
            return Err(usage(
                "cannot ignore transparency log when the provided bundle contains a Signed Entry Timestamp",
            )
            .into());
        }
        (_, true) => None,
        (Some(url), false) => Some(url),
        (None, false) => {
            return Err(Error::Required {
                flag: REKOR_URL.name,
                why: "the log that has the signature; if none has it, say --ignore-tlog",
            }
            .into());
        }
    };
    let artifact = content(process, artifact)?;
    let key = given(matches, &KEY)
        .map(|reference| keys::public(context, reference))
        .transpose()?;
    let request = BundleOf {
        artifact: &artifact,
        evidence: &evidence,
        key: key.as_ref(),
        log,
    };
    let bundle = keys::services(context)?.bundle_of(&request)?;
    print_or_write(context, given(matches, &OUT), &bundle.to_json())
}

/// The signature, with the certificate and the timestamp that are given for it.
fn evidence(context: &Context<'_>, matches: &Matches) -> Result<BlobEvidence, Error> {
    let process = context.session.process;
    let read = |path: &str| {
        let limit = most(sigstore::limits::BUNDLE_BYTES);
        files::read(process, Path::new(path), limit)
    };
    let sources = [&BUNDLE, &ATTESTATION, &SIGNATURE].map(|flag| given(matches, flag));
    let (place, evidence) = match sources {
        [Some(path), _, _] => (path, BlobEvidence::from_bundle(&read(path)?)),
        // As with cosign, the signature is the one in the envelope.
        [_, Some(path), _] => (path, BlobEvidence::from_envelope(&read(path)?)),
        [_, _, Some(place)] => (
            place,
            BlobEvidence::from_signature(&signature(process, place)?),
        ),
        [None, None, None] => {
            return Err(Error::Usage {
                problem: "must at least supply signature via --bundle or --signature".to_owned(),
            });
        }
    };
    let unusable = |place: &str| {
        let place = place.to_owned();
        |source| Error::Evidence { place, source }
    };
    let mut evidence = evidence.map_err(unusable(place))?;
    if let Some(path) = given(matches, &CERTIFICATE) {
        evidence = evidence.with_certificate(certificate(process, matches, path)?);
    }
    if let Some(path) = given(matches, &TIMESTAMP) {
        evidence = evidence
            .with_timestamp(&read(path)?)
            .map_err(unusable(path))?;
    }
    Ok(evidence)
}
