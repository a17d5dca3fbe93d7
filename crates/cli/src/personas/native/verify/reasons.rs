//! Why a demand is not satisfied.

use signing::policy::{Outcome, Report, Requires, SignedBy};
use signing::verify::{ImageOutcome, Judgement, VerifyFailure};
use sigstore::verify::Refusal as SignatureRefusal;

use super::super::image_ops::Sighting;
use super::verdict::{Conclusion, Court, Names, Unsatisfied, failure_of};
use crate::personas::docker_trust::error::Context;
use crate::render::printable::printable;
use crate::render::signature::Reason;

impl<'p> Court<'_, 'p> {
    /// Each demand on one signer that counts and is not satisfied, in order.
    pub(super) fn collect(
        &self,
        report: &Report<'p>,
        sighting: &Sighting,
        unsatisfied: &mut Vec<Unsatisfied<'p>>,
    ) {
        if let Requires::SignedBy(signer) = report.requirement {
            if !report.outcome.is_satisfied() {
                let reason = self.leaf(signer, &report.outcome, sighting);
                unsatisfied.push(Unsatisfied { signer, reason });
            }
            return;
        }
        // What is not demanded once the rest is satisfied is no failure.
        if report.outcome.is_satisfied() {
            return;
        }
        for part in &report.parts {
            self.collect(part, sighting, unsatisfied);
        }
    }

    fn leaf(&self, signer: &SignedBy, outcome: &Outcome, sighting: &Sighting) -> Reason {
        let tag = || {
            let tag = self.query.image.tag();
            tag.map_or("its digest".to_owned(), |tag| format!("tag {tag}"))
        };
        match outcome {
            Outcome::AnnotationDiffers {
                name,
                expected,
                found,
            } => Reason::new(
                "annotation-differs",
                format!("annotation {name} is {found:?}, and {expected:?} is demanded"),
                "Sign again with the demanded value, or demand the one that is there.",
            ),
            Outcome::AnnotationAbsent { name, expected } => Reason::new(
                "annotation-absent",
                format!("it is signed without annotation {name}, and {expected:?} is demanded"),
                "Sign with this annotation (-a), or do not demand it.",
            ),
            Outcome::ContentTrustFailed => self.content_trust_failed(),
            Outcome::NoTrustData => Reason::new(
                "no-trust-data",
                "content trust has nothing about the repository",
                "Sign a tag: `countersign sign --content-trust IMAGE:TAG`.",
            ),
            Outcome::OtherDigest { signed } => Reason::new(
                "other-digest",
                format!(
                    "content trust has {} for sha256:{signed}, and the registry gives {}",
                    tag(),
                    sighting.digest
                ),
                "The tag was moved without being signed, or somebody changed it: use the digest that is signed, or sign \
                 the tag again.",
            ),
            Outcome::RoleNotSigned { found } if found.is_empty() => Reason::new(
                "role-not-signed",
                format!("content trust has no signature of {} for this image", tag()),
                "Sign the tag: `countersign sign --content-trust IMAGE:TAG`.",
            ),
            Outcome::RoleNotSigned { found } => {
                let found: Vec<&str> = found.iter().map(String::as_str).collect();
                Reason::new(
                    "role-not-signed",
                    format!("not signed in this role, but in {}", found.join(", ")),
                    "Let a holder of this role's key sign the tag, or demand a role that did.",
                )
            }
            Outcome::KeyUnavailable => Reason::new(
                "key-unavailable",
                self.key_problem(signer),
                "Correct the key's entry in [keys]: files are looked for beside the policy.",
            ),
            Outcome::NoSignature => no_signature(signer, &sighting.outcomes),
            Outcome::NotSignedBy { found } => {
                let names = Names(self.means);
                let found: Vec<String> = found.iter().map(|id| names.of(id)).collect();
                Reason::new(
                    "not-signed-by",
                    format!("did not sign it; signed by {}", found.join(", ")),
                    "Let this signer sign, or demand one who did.",
                )
            }
            Outcome::SigstoreFailed => Reason::of_failure(&VerifyFailure::Incomplete),
            other => Reason::new(other.code(), other.code(), ""),
        }
    }

    fn content_trust_failed(&self) -> Reason {
        let refusal = match self.trust {
            Some(Err(refusal)) => Context::None.explain(refusal),
            _ => "content trust was not asked".to_owned(),
        };
        Reason::new(
            "content-trust-failed",
            refusal,
            "Nothing that content trust says is believed until this is mended.",
        )
    }

    fn key_problem(&self, signer: &SignedBy) -> String {
        let SignedBy::Key { name, .. } = signer else {
            return String::new();
        };
        match self.means.keys.get(name) {
            Some(Err(problem)) => problem.clone(),
            _ => "the key is not there".to_owned(),
        }
    }
}

/// Why no signature is verified: that of the candidate that came furthest.
fn no_signature(signer: &SignedBy, outcomes: &[ImageOutcome]) -> Reason {
    // The outcome of keys is the first if there are both.
    let outcome = match signer {
        SignedBy::Key { .. } => outcomes.first(),
        _ => outcomes.last(),
    };
    let Some(outcome) = outcome else {
        return Reason::new("no-signature", "no signature was looked for", "");
    };
    let furthest = outcome
        .judged()
        .iter()
        .filter_map(|judged| match &judged.judgement {
            Judgement::Refused { refusal, trace } => {
                let is_other_form = matches!(
                    refusal,
                    SignatureRefusal::KeyExpected | SignatureRefusal::CertificateExpected
                );
                Some((!is_other_form, trace.steps().len(), refusal))
            }
            _ => None,
        });
    let furthest = furthest.max_by_key(|(is_form, steps, _)| (*is_form, *steps));
    match (failure_of(outcome), furthest) {
        (Some(VerifyFailure::NoneMatched { .. }), Some((_, _, refusal))) => {
            Reason::of_refusal(refusal)
        }
        (Some(failure @ VerifyFailure::NoSignature { others, .. }), _) => Reason {
            message: if others.is_empty() {
                "no signature is attached to the image".to_owned()
            } else {
                format!(
                    "no signature is attached to the image, only attestations ({})",
                    printable(&others.join(", "))
                )
            },
            ..Reason::of_failure(failure)
        },
        (Some(failure), _) => Reason::of_failure(failure),
        (None, _) => Reason::new("no-signature", "no signature is as demanded", ""),
    }
}

/// One reason for all: that of the demands if they have the same, else the outermost with theirs in it.
pub(super) fn reason(
    conclusion: Conclusion,
    report: Option<&Report<'_>>,
    unsatisfied: &[Unsatisfied<'_>],
) -> Option<Reason> {
    let first = &unsatisfied.first()?.reason;
    let same = unsatisfied.iter().all(|one| one.reason.code == first.code);
    let listed = listed(unsatisfied);
    Some(match report?.outcome {
        Outcome::TooFewSigners { needed, found } if found > 0 => Reason::new(
            "too-few-signers",
            format!("signed by {found} of the {needed} signers that are needed; {listed}"),
            "Let more of these signers sign.",
        ),
        _ if same => Reason::new(first.code, listed, first.remedy),
        _ if conclusion == Conclusion::NotSigned => {
            Reason::new("no-signature", listed, "Sign it: `countersign sign IMAGE`.")
        }
        ref outcome => Reason::new(
            outcome.code(),
            listed,
            "--explain shows each demand and each signature.",
        ),
    })
}

/// Each message once, after the signers that it is about.
fn listed(unsatisfied: &[Unsatisfied<'_>]) -> String {
    let mut groups: Vec<(Vec<String>, &str)> = Vec::new();
    for one in unsatisfied {
        let (signer, message) = (one.signer.to_string(), one.reason.message.as_str());
        match groups.iter_mut().find(|(_, known)| *known == message) {
            Some((signers, _)) if signers.contains(&signer) => {}
            Some((signers, _)) => signers.push(signer),
            None => groups.push((vec![signer], message)),
        }
    }
    let groups: Vec<String> = groups
        .iter()
        .map(|(signers, message)| format!("{}: {message}", signers.join(", ")))
        .collect();
    groups.join("; ")
}
