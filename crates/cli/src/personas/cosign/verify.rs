//! `verify`.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use signing::discover::Kind;
use signing::verify::{Claims, GivenCertificate, GivenSignature, ImageOutcome, payload_json};
use sigstore::limits;

use super::error::Error;
use super::flags::{ANNOTATIONS, CERTIFICATE, MAX_WORKERS, REGISTRY, VERIFICATION, flags};
use super::ops::{Target, VerifyImages};
use super::outcome::{self, Sought};
use super::registry::RegistryOptions;
use super::verification::{Subject, Verification};
use super::{Action, Context, annotations, blob, files, given, images};
use crate::cobra::{Arity, Command, Completes, Flag, Matches};
use crate::failure::Failure;
use crate::progress;
use crate::render::printable::{printable, printable_json};

const ATTACHMENT: Flag = Flag::text("attachment", "", "Verify this attachment: sbom").hidden();
pub(super) const CHECK_CLAIMS: Flag = Flag::switch(
    "check-claims",
    "Whether signatures of the older form must be about the image",
)
.on_by_default();
pub(super) const LOCAL_IMAGE: Flag = Flag::switch(
    "local-image",
    "The image is a folder that 'save' wrote: no registry is contacted",
);
pub(super) const OUTPUT: Flag = Flag::text("output", "json", "What to print: json or text")
    .short('o')
    .completing(Completes::Words(&["json", "text"]));
const PAYLOAD: Flag = Flag::text("payload", "", "File of the signed payload, for --signature")
    .completing(Completes::File);
const SIGNATURE: Flag = Flag::text(
    "signature",
    "",
    "Signature to verify in place of those beside the image: a file, - or the base64 itself",
)
.completing(Completes::File);

/// The flags of `verify`, which `dockerfile verify` and `manifest verify` take too.
pub(super) const OWN: &[Flag] = &[
    ANNOTATIONS,
    ATTACHMENT,
    CHECK_CLAIMS,
    LOCAL_IMAGE,
    OUTPUT,
    PAYLOAD,
    SIGNATURE,
];

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS] IMAGE...",
    long: "Verify signatures of images: by the holder of a key (--key), or by an identity that a certificate names \
           (--certificate-identity and --certificate-oidc-issuer).\n\
           Every form of signature is looked at, wherever it is; one that is as demanded is enough. Exit codes: 10 no \
           signature, 11 no such image, 12 none as demanded, 13 keys only where an identity is demanded, 1 anything else.",
    arity: Arity::AtLeast(1),
    flags: flags!(OWN, VERIFICATION, REGISTRY),
    run: Some(run),
    ..Command::new("verify", "Verify signatures of images")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let targets = targets(matches, matches.args())?;
    verify(context, matches, &targets)
}

/// Images, or folders with `--local-image`.
pub(super) fn targets(matches: &Matches, names: &[String]) -> Result<Vec<Target>, Error> {
    names
        .iter()
        .map(|name| {
            if matches.on(&LOCAL_IMAGE) {
                Ok(Target::Folder(name.into()))
            } else {
                images::parse(name).map(Target::Registry)
            }
        })
        .collect()
}

/// `--output`.
pub(super) fn output_is_text(matches: &Matches) -> Result<bool, Error> {
    match matches.text(&OUTPUT) {
        "json" | "" => Ok(false),
        "text" => Ok(true),
        other => Err(Error::Usage {
            problem: format!(
                "invalid argument {other:?} for \"--output\" flag: must be json or text"
            ),
        }),
    }
}

/// `--max-workers`.
pub(super) fn workers(matches: &Matches) -> Result<usize, Error> {
    match matches.text(&MAX_WORKERS).parse() {
        Ok(workers @ 1..=1000) => Ok(workers),
        _ => Err(Error::Usage {
            problem: "please set the --max-workers flag to a value that is greater than 0, and at most 1000"
                .to_owned(),
        }),
    }
}

/// Verifies images as the flags of `verify` demand, and prints what came out.
pub(super) fn verify(
    context: &Context<'_>,
    matches: &Matches,
    targets: &[Target],
) -> Result<(), Failure> {
    let process = context.session.process;
    if given(matches, &ATTACHMENT).is_some() {
        return Err(Error::Unsupported {
            what: "--attachment",
            instead: "Verify the attachment by its own digest, or its attestation with 'verify-attestation'.",
        }
        .into());
    }
    let as_text = output_is_text(matches)?;
    let at_once = workers(matches)?;
    let demanded = annotations::parse(matches.values(&ANNOTATIONS))?;
    let given_signature = given_signature(context, matches)?;
    let certificate = given_certificate(context, matches)?;
    let registry = RegistryOptions::of(process, matches)?;
    let verification = Verification::of(context, matches, Subject::Signature)?;
    let mut request = verification.request(Kind::Signature);
    request.annotations = demanded;
    request.given = given_signature;
    request.certificate = certificate;
    request.search.workers = at_once;
    if !matches.on(&CHECK_CLAIMS) {
        request.claims = Claims::Waived;
    }
    let with_annotations = !request.annotations.is_empty();
    let work = VerifyImages {
        images: targets,
        request: &request,
        trust: &verification.trust,
        log: verification.log.as_deref(),
        at_once,
    };
    verify_each(context, matches, &registry, &work, &|image, outcome| {
        accepted(context, image, outcome, as_text, with_annotations)
    })
}

/// What is wrong with an image, and the exit code for it.
pub(super) type Wrong = (String, u8);

/// Shows a verified image; the inner error is that of standard output.
pub(super) type Print<'a> = dyn Fn(&str, &ImageOutcome) -> Result<std::io::Result<()>, Wrong> + 'a;

/// Verifies images and has `print` show each of them.
pub(super) fn verify_each(
    context: &Context<'_>,
    matches: &Matches,
    registry: &RegistryOptions,
    work: &VerifyImages<'_>,
    print: &Print<'_>,
) -> Result<(), Failure> {
    let process = context.session.process;
    let targets = work.images;
    let mut ops = context.ops(registry)?;
    let bar = progress::bar(process, targets.len() as u64, "verifying");
    let mut tally = Tally::default();
    let mut unprinted = None;
    let begun = ops.verify_images(work, &mut |index, result| {
        let image = targets
            .get(index)
            .map(ToString::to_string)
            .unwrap_or_default();
        let printed = bar.suspend(|| {
            let verdict = result
                .map_err(|error| (error.text(), error.exit_code_of_verify()))
                .and_then(|outcome| print(&image, &outcome));
            match verdict {
                Ok(printed) => {
                    tally.verified += 1;
                    printed
                }
                Err((text, code)) => {
                    let code = if matches.on(&LOCAL_IMAGE) { 1 } else { code };
                    tally.code.get_or_insert(code);
                    complain(context, targets.len(), &image, &text);
                    Ok(())
                }
            }
        });
        unprinted = unprinted.take().or(printed.err());
        bar.inc(1);
    });
    bar.finish_and_clear();
    begun?;
    if let Some(error) = unprinted {
        return Err(error.into());
    }
    tally.conclude(context, targets.len())
}

/// How many images are verified, and the exit code of the first that is not. An image of which nothing was heard is not
/// verified.
#[derive(Default)]
struct Tally {
    verified: usize,
    code: Option<u8>,
}

impl Tally {
    fn conclude(&self, context: &Context<'_>, count: usize) -> Result<(), Failure> {
        let verified = self.verified;
        if count > 1 {
            context
                .session
                .process
                .err(format_args!("\nVerified {verified} of {count} images.\n"));
        }
        if verified == count && self.code.is_none() {
            Ok(())
        } else {
            Err(Failure::Ended(self.code.unwrap_or(1)))
        }
    }
}

/// An error about one image of `count`.
pub(super) fn complain(context: &Context<'_>, count: usize, image: &str, text: &str) {
    let process = context.session.process;
    if count > 1 {
        process.err(format_args!("\nError: {}: {text}\n", printable(image)));
    } else {
        process.err(format_args!("Error: {text}\n"));
    }
}

/// Prints a verified image; what is wrong otherwise, and cosign's exit code for it.
fn accepted(
    context: &Context<'_>,
    image: &str,
    outcome: &ImageOutcome,
    as_text: bool,
    with_annotations: bool,
) -> Result<std::io::Result<()>, Wrong> {
    let process = context.session.process;
    let sought = Sought::Signatures;
    let verified = outcome.verified().map_err(|failure| {
        (
            outcome::failure(failure, outcome, sought),
            outcome::exit_code(failure, sought),
        )
    })?;
    process.err(outcome::checks(image, outcome, &verified, with_annotations));
    if !as_text {
        let entries: Vec<String> = verified
            .iter()
            .map(|one| payload_json(one, image))
            .collect();
        return Ok(process.out(format_args!("\n[{}]\n", printable_json(&entries.join(",")))));
    }
    for one in verified {
        process.err(outcome::certificate(one));
        if let Err(error) = process.out(format_args!(
            "{}\n",
            printable_json(&outcome::payload(one, image))
        )) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

/// `--signature` and `--payload`.
fn given_signature(
    context: &Context<'_>,
    matches: &Matches,
) -> Result<Option<GivenSignature>, Error> {
    let process = context.session.process;
    let limit = files::most(limits::SIMPLE_SIGNING_BYTES);
    let payload = given(matches, &PAYLOAD)
        .map(|path| files::read(process, Path::new(path), limit))
        .transpose()?;
    let Some(signature) = given(matches, &SIGNATURE) else {
        return match payload {
            None => Ok(None),
            Some(_) => Err(Error::Required {
                flag: SIGNATURE.name,
                why: "the signature over --payload",
            }),
        };
    };
    let text = blob::signature(process, signature)?;
    let decoded = STANDARD.decode(text.trim_ascii());
    Ok(Some(GivenSignature {
        // A file may also hold the raw bytes.
        signature: decoded.unwrap_or(text),
        payload,
    }))
}

/// `--certificate`.
pub(super) fn given_certificate(
    context: &Context<'_>,
    matches: &Matches,
) -> Result<Option<GivenCertificate>, Error> {
    let Some(path) = given(matches, &CERTIFICATE) else {
        return Ok(None);
    };
    let certificate = files::read(context.session.process, Path::new(path), files::PEM_LIMIT)?;
    GivenCertificate::parse(&certificate, None)
        .map(Some)
        .map_err(|source| Error::Certificate {
            path: path.into(),
            source,
        })
}
