//! What verifying an image came to, in words: cosign's where scripts look for them, and only what was checked.

use std::fmt::Write as _;

use signing::PlaceError;
use signing::discover::CandidateError;
use signing::verify::{
    Claims, Document, ImageOutcome, Judgement, Signed, VerifiedImage, VerifyFailure,
};
use sigstore::verify::{Because, Check, Outcome, Refusal, TimeSource, VerifiedSigner};

use super::refusals;
use crate::render::printable::printable;
use crate::render::registry;

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sought<'a> {
    /// Signatures.
    Signatures,
    /// Attestations.
    Attestations {
        /// Their type as the user wrote it.
        wanted: &'a str,
    },
}

impl Sought<'_> {
    fn plural(self) -> &'static str {
        match self {
            Self::Signatures => "signatures",
            Self::Attestations { .. } => "attestations",
        }
    }
}

/// The checks that each of the signatures passed, for standard error; `annotations`: whether any were demanded.
pub(crate) fn checks(
    image: &str,
    outcome: &ImageOutcome,
    verified: &[&VerifiedImage],
    annotations: bool,
) -> String {
    let all = |holds: &dyn Fn(&VerifiedImage) -> bool| verified.iter().all(|one| holds(one));
    let mut text = format!(
        "\nVerification for {} --\nThe following checks were performed on each of these signatures:\n",
        printable(image)
    );
    let mut line = |holds: bool, what: &str| {
        if holds {
            let _infallible = writeln!(text, "  - {what}");
        }
    };
    line(annotations, "The specified annotations were verified.");
    line(all(&is_bound), "The cosign claims were validated");
    line(
        all(&|one| {
            one.signature()
                .logged()
                .iter()
                .any(|log| log.asserted().is_none())
        }),
        if outcome.log_answered() {
            "The claims were present in the transparency log"
        } else {
            "Existence of the claims in the transparency log was verified offline"
        },
    );
    line(
        all(&|one| {
            let mut times = one.signature().times().iter();
            times.any(|time| matches!(time.source(), TimeSource::Authority { .. }))
        }),
        "The signatures were stamped by a trusted timestamp authority",
    );
    line(
        all(&|one| matches!(one.signature().signer(), VerifiedSigner::Key(_))),
        "The signatures were verified against the specified public key",
    );
    line(
        all(&|one| matches!(one.signature().signer(), VerifiedSigner::Certified { .. })),
        "The code-signing certificate was verified using trusted certificate authority certificates",
    );
    line(
        all(
            &|one| matches!(one.signature().signer(), VerifiedSigner::Certified { sct, .. } if sct.proof().is_ok()),
        ),
        "The promise of a certificate log in the certificate was verified",
    );
    text.push_str(&unchecked(verified));
    text
}

fn is_bound(one: &VerifiedImage) -> bool {
    // Bundles are bound to the image in any case.
    one.claims() == Claims::Checked || matches!(one.document(), Document::Bundle(_))
}

/// What the user did without.
fn unchecked(verified: &[&VerifiedImage]) -> String {
    let mut text = String::new();
    let waived = |check: Check| {
        verified
            .iter()
            .find_map(|one| match one.trace().outcome(check) {
                Some(Outcome::NotRequired { because }) => match because {
                    Because::FlagInsecureIgnoreSct => Some("--insecure-ignore-sct"),
                    Because::FlagInsecureIgnoreTlog => Some("--insecure-ignore-tlog"),
                    Because::FlagPrivateInfrastructure => Some("--private-infrastructure"),
                    Because::NoLogNamed => Some("none is named"),
                    Because::ManagedKey | Because::NotDemanded => None,
                },
                _ => None,
            })
    };
    let mut line = |what: &str, flag: Option<&str>| {
        if let Some(flag) = flag {
            let _infallible = writeln!(text, "  - {what} ({flag})");
        }
    };
    line("Entries in a transparency log", waived(Check::Log));
    line("The time of signing", waived(Check::Time));
    line("Promises of a certificate log", waived(Check::Sct));
    if !verified.iter().all(|one| is_bound(one)) {
        line(
            "Whether the signatures are about this image",
            Some("--check-claims=false"),
        );
    }
    if text.is_empty() {
        text
    } else {
        format!("The following was not checked:\n{text}")
    }
}

/// Whose certificate it is, as cosign says it before a payload in text.
pub(crate) fn certificate(one: &VerifiedImage) -> String {
    let VerifiedSigner::Certified { chain, .. } = one.signature().signer() else {
        return String::new();
    };
    let leaf = chain.leaf();
    let subject = leaf.names().first().map_or("", |name| name.as_str());
    let mut text = format!("Certificate subject: {}\n", printable(subject));
    let extensions = leaf.extensions();
    let lines = [
        ("Certificate issuer URL", leaf.issuer()),
        (
            "GitHub Workflow Trigger",
            extensions.github_workflow_trigger.as_deref(),
        ),
        (
            "GitHub Workflow SHA",
            extensions.github_workflow_sha.as_deref(),
        ),
        (
            "GitHub Workflow Name",
            extensions.github_workflow_name.as_deref(),
        ),
        (
            "GitHub Workflow Repository",
            extensions.github_workflow_repository.as_deref(),
        ),
        (
            "GitHub Workflow Ref",
            extensions.github_workflow_ref.as_deref(),
        ),
    ];
    for (what, value) in lines {
        if let Some(value) = value {
            let _infallible = writeln!(text, "{what}: {}", printable(value));
        }
    }
    text
}

/// The payload on one line, for `--output text`.
pub(crate) fn payload(one: &VerifiedImage, image: &str) -> String {
    match one.signed() {
        Signed::SimpleSigning(payload) => String::from_utf8_lossy(payload.raw()).into_owned(),
        _ => signing::verify::payload_json(one, image),
    }
}

/// The exit code for a failure: those that cosign documents, for attestations too, where cosign has 1.
pub(crate) fn exit_code(failure: &VerifyFailure, sought: Sought<'_>) -> u8 {
    match (failure, sought) {
        (VerifyFailure::Incomplete, _) => 1,
        // There are attestations, of other types.
        (VerifyFailure::NoSignature { others, .. }, Sought::Attestations { .. })
            if !others.is_empty() =>
        {
            12
        }
        (VerifyFailure::NoSignature { .. }, _) => 10,
        (VerifyFailure::NoneMatched { .. }, _) => 12,
        (VerifyFailure::NoCertificate, _) => 13,
    }
}

/// Why the image is not verified, and what can be done.
pub(crate) fn failure(
    failure: &VerifyFailure,
    outcome: &ImageOutcome,
    sought: Sought<'_>,
) -> String {
    let what = sought.plural();
    match failure {
        VerifyFailure::Incomplete => {
            let mut text = format!(
                "a part of what is attached to the image could not be read, so that it is not known whether there are \
                 matching {what}"
            );
            for source in outcome.sources() {
                if let Some(fault) = &source.fault {
                    let _infallible = write!(text, "\n  {}", printable(&registry::unplaced(fault)));
                }
                if source.unopened > 0 {
                    let _infallible =
                        write!(text, "\n  {} manifests were not opened", source.unopened);
                }
            }
            text.push_str(&candidates(outcome));
            if let Some(advice) = faults(outcome).find_map(registry::advice) {
                let _infallible = write!(text, "\n{advice}");
            }
            text
        }
        VerifyFailure::NoSignature {
            others,
            image_absent,
        } => no_signature(others, *image_absent, sought),
        VerifyFailure::NoCertificate => format!(
            "no certificate found on signature: the {what} are made with keys, and an identity is demanded\nVerify \
             with --key and the signer's public key."
        ),
        VerifyFailure::NoneMatched { .. } => none_matched(outcome, sought),
    }
}

/// What a registry did, of sources and candidates.
fn faults(outcome: &ImageOutcome) -> impl Iterator<Item = &::registry::Error> {
    let sources = outcome.sources().iter();
    let sources = sources.filter_map(|source| source.fault.as_ref());
    let candidates = outcome.judged().iter();
    let candidates = candidates.filter_map(|judged| match &judged.judgement {
        Judgement::Unreadable(error) => match &**error {
            CandidateError::Fetch(error) => Some(error),
            _ => None,
        },
        _ => None,
    });
    sources.chain(candidates).filter_map(|error| match error {
        PlaceError::Registry(error) => Some(error),
        _ => None,
    })
}

fn no_signature(others: &[String], image_absent: bool, sought: Sought<'_>) -> String {
    let mut text = match sought {
        Sought::Signatures => "no signatures found".to_owned(),
        Sought::Attestations { .. } if others.is_empty() => "no matching attestations: ".to_owned(),
        Sought::Attestations { wanted } => format!(
            "none of the attestations matched the predicate type: {}, found: {}",
            printable(wanted),
            printable(&others.join(","))
        ),
    };
    if sought == Sought::Signatures && !others.is_empty() {
        let _infallible = write!(
            text,
            "\nThe image has attestations ({}), which are no signatures: see 'verify-attestation'.",
            printable(&others.join(", "))
        );
    }
    if image_absent {
        text.push_str("\nThere is no image of this digest either.");
    }
    text
}

/// The refusal of the candidate that came furthest is the reason; of several, each is listed.
fn none_matched(outcome: &ImageOutcome, sought: Sought<'_>) -> String {
    let mut refused: Vec<(usize, &Refusal)> = outcome
        .judged()
        .iter()
        .filter_map(|judged| match &judged.judgement {
            Judgement::Refused { refusal, trace } => Some((trace.steps().len(), refusal)),
            _ => None,
        })
        .collect();
    refused.sort_by_key(|(steps, _)| *steps);
    let mut text = format!("no matching {}: ", sought.plural());
    match refused.last() {
        Some((_, refusal)) => text.push_str(&refusals::text(refusal)),
        None => text.push_str("none can be read"),
    }
    if refused.len() != 1 {
        text.push_str(&candidates(outcome));
    }
    text
}

/// Each candidate and why it does not count.
fn candidates(outcome: &ImageOutcome) -> String {
    let mut text = String::new();
    for judged in outcome.judged() {
        let why = match &judged.judgement {
            Judgement::OtherKind | Judgement::Verified(_) => continue,
            Judgement::Refused { refusal, .. } => refusals::sentence(refusal),
            Judgement::Unreadable(error) => registry::unread(error),
        };
        let place = judged
            .locations
            .first()
            .map_or_else(|| judged.digest.to_string(), ToString::to_string);
        let _infallible = write!(text, "\n  {}: {}", printable(&place), printable(&why));
    }
    text
}
