//! `verify-attestation`.

use signing::discover::Kind;
use signing::verify::{Claims, Document, ImageOutcome, Signed, VerifiedImage};

use super::error::Error;
use super::flags::{REGISTRY, VERIFICATION, flags};
use super::ops::VerifyImages;
use super::outcome::{self, Sought};
use super::registry::RegistryOptions;
use super::verification::{Subject, Verification};
use super::verify::{
    CHECK_CLAIMS, LOCAL_IMAGE, OUTPUT, Wrong, given_certificate, output_is_text, targets,
    verify_each, workers,
};
use super::{Action, Context, predicates};
use crate::cobra::{Arity, Command, Completes, Flag, Matches};
use crate::failure::Failure;
use crate::render::printable::printable_json;

const POLICY: Flag = Flag::list("policy", "Policy for the predicate; not evaluated here")
    .hidden()
    .completing(Completes::File);

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS] IMAGE...",
    long: "Verify attestations about images: of the type given, by the holder of a key (--key), or by an identity \
           that a certificate names (--certificate-identity and --certificate-oidc-issuer).\n\
           Every form of attestation is looked at, wherever it is; one that is as demanded is enough. The envelope \
           of each that is goes to standard output, one per line. Exit codes as those of 'verify'.",
    arity: Arity::AtLeast(1),
    flags: flags!(
        &[CHECK_CLAIMS, LOCAL_IMAGE, OUTPUT, POLICY, predicates::TYPE],
        VERIFICATION,
        REGISTRY
    ),
    run: Some(run),
    ..Command::new("verify-attestation", "Verify attestations about images")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = context.session.process;
    output_is_text(matches)?;
    if !matches.values(&POLICY).is_empty() {
        return Err(Error::Unsupported {
            what: "--policy",
            instead: "The attestations were not verified. Verify without it, and give the statements to the policy's \
                      own program: jq -r .payload | base64 -d | opa eval, conftest test or cue vet.",
        }
        .into());
    }
    let at_once = workers(matches)?;
    let wanted = predicates::named(matches)?;
    let targets = targets(matches, matches.args())?;
    let certificate = given_certificate(context, matches)?;
    let registry = RegistryOptions::of(process, matches)?;
    let verification = Verification::of(context, matches, Subject::Attestation)?;
    let mut request = verification.request(Kind::Attestation {
        predicate_type: Some(wanted.uri().to_owned()),
    });
    request.certificate = certificate;
    request.search.workers = at_once;
    if !matches.on(&CHECK_CLAIMS) {
        request.claims = Claims::Waived;
    }
    let work = VerifyImages {
        images: &targets,
        request: &request,
        trust: &verification.trust,
        log: verification.log.as_deref(),
        at_once,
    };
    verify_each(context, matches, &registry, &work, &|image, outcome| {
        accepted(context, image, outcome, matches.text(&predicates::TYPE))
    })
}

/// Prints the attestations about a verified image. As in cosign, `--output` makes no difference.
fn accepted(
    context: &Context<'_>,
    image: &str,
    outcome: &ImageOutcome,
    wanted: &str,
) -> Result<std::io::Result<()>, Wrong> {
    let process = context.session.process;
    let sought = Sought::Attestations { wanted };
    let verified = outcome.verified().map_err(|failure| {
        (
            outcome::failure(failure, outcome, sought),
            outcome::exit_code(failure, sought),
        )
    })?;
    process.err(outcome::checks(image, outcome, &verified, false));
    for one in verified {
        process.err(outcome::certificate(one));
        if let Err(error) = process.out(format_args!("{}\n", printable_json(&envelope(one)))) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

/// The envelope as it stands where it was found.
fn envelope(one: &VerifiedImage) -> String {
    match (one.document(), one.signed()) {
        (Document::Legacy(legacy), _) => String::from_utf8_lossy(&legacy.payload).into_owned(),
        (Document::Bundle(_), Signed::Statement { envelope, .. }) => envelope.to_bundle_json(),
        (Document::Bundle(_), _) => String::new(),
    }
}
