//! What the policy says about each image, and why.

use std::collections::{BTreeMap, BTreeSet};

use oci::{Digest, Reference};
use signing::policy::{
    ContentTrustFact, Decision, Facts, Outcome, Policy, Report, Requires, SignatureFact, SignedBy,
    SignerId, SigstoreFact, Verdict,
};
use signing::verify::{ImageOutcome, Judged, VerifyFailure};
use trust::TagRoles;

use super::super::image_ops::{LookError, Query, Sighting, Sightings};
use super::demands::Means;
use super::reasons::reason;
use crate::personas::docker_trust::ops::Refusal;
use crate::render::printable::printable;
use crate::render::signature::{CandidateReport, Reason, candidates};

/// What came out for an image. The words and codes are an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conclusion {
    Verified,
    AcceptedUnsigned,
    NotSigned,
    NoSuchImage,
    NotAsDemanded,
    KeyOnly,
    Denied,
    NotChecked,
}

/// One image, judged.
#[derive(Debug)]
pub(super) struct JudgedImage<'p> {
    pub(super) image: String,
    pub(super) repository: String,
    pub(super) digest: Option<Digest>,
    pub(super) conclusion: Conclusion,
    /// None if it needs what could not be found out.
    pub(super) decision: Option<Decision<'p>>,
    pub(super) content_trust: ContentTrustFact,
    pub(super) sigstore: SigstoreFact,
    /// The demands that are not satisfied, in order; empty if there are none.
    pub(super) unsatisfied: Vec<Unsatisfied<'p>>,
    /// Why it is not verified.
    pub(super) reason: Option<Reason>,
    pub(super) candidates: Vec<CandidateReport>,
}

/// A demand on one signer that is not satisfied.
#[derive(Debug)]
pub(super) struct Unsatisfied<'p> {
    pub(super) signer: &'p SignedBy,
    pub(super) reason: Reason,
}

/// Names for keys.
pub(super) struct Names<'a>(pub(super) &'a Means);

impl Conclusion {
    pub(super) const fn is_good(self) -> bool {
        matches!(self, Self::Verified | Self::AcceptedUnsigned)
    }

    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::AcceptedUnsigned => "accepted-unsigned",
            Self::NotSigned => "not-signed",
            Self::NoSuchImage => "no-such-image",
            Self::NotAsDemanded => "not-as-demanded",
            Self::KeyOnly => "key-only",
            Self::Denied => "denied",
            Self::NotChecked => "not-checked",
        }
    }

    /// 10 to 13 as cosign has them, for the same things.
    pub(super) const fn exit_code(self) -> u8 {
        match self {
            Self::Verified | Self::AcceptedUnsigned => 0,
            Self::NotSigned => 10,
            Self::NoSuchImage => 11,
            Self::NotAsDemanded => 12,
            Self::KeyOnly => 13,
            Self::Denied => 14,
            Self::NotChecked => 15,
        }
    }
}

/// Judges every image.
pub(super) fn judge<'p>(
    policy: &'p Policy,
    path: Option<&str>,
    means: &Means,
    queries: &[Query],
    sightings: Sightings,
) -> Vec<JudgedImage<'p>> {
    let key_ids = means.key_ids();
    let content_trust = &sightings.content_trust;
    let mut seen = sightings.images.iter();
    queries
        .iter()
        .map(|query| {
            let court = Court {
                policy,
                path,
                means,
                key_ids: &key_ids,
                query,
                trust: content_trust.get(&query.image.gun()),
            };
            if policy.denies(query.image.repository()) {
                return court.denied();
            }
            match seen.next().expect("each that is not denied is looked at") {
                Ok(sighting) => court.judge(sighting),
                Err(error) => court.unseen(error),
            }
        })
        .collect()
}

/// What is known about one image, and by what it is judged.
pub(super) struct Court<'a, 'p> {
    policy: &'p Policy,
    path: Option<&'a str>,
    pub(super) means: &'a Means,
    key_ids: &'a BTreeMap<String, pki::digest::Sha256>,
    pub(super) query: &'a Query,
    pub(super) trust: Option<&'a Result<Vec<TagRoles>, Refusal>>,
}

impl<'p> Court<'_, 'p> {
    fn judge(&self, sighting: &Sighting) -> JudgedImage<'p> {
        let content_trust = self.content_trust(&sighting.digest);
        let sigstore = sigstore_fact(&sighting.outcomes);
        let facts = Facts {
            content_trust: &content_trust,
            sigstore: &sigstore,
            keys: self.key_ids,
        };
        let repository = self.query.image.repository();
        let decision = self.policy.evaluate(repository, facts);
        let mut unsatisfied = Vec::new();
        if let Some(report) = &decision.report {
            self.collect(report, sighting, &mut unsatisfied);
        }
        let (conclusion, reason) = self.conclude(&decision, &unsatisfied, &sighting.outcomes);
        JudgedImage {
            image: self.query.image.to_string(),
            repository: repository.gun(),
            digest: Some(sighting.digest),
            conclusion,
            decision: Some(decision),
            content_trust,
            sigstore,
            unsatisfied,
            reason,
            candidates: self.candidates(&sighting.outcomes),
        }
    }

    fn unseen(&self, error: &LookError) -> JudgedImage<'p> {
        let reason = match error {
            LookError::Verify(error) => Reason::of_error(error),
            LookError::Client(error) => Reason::new(
                "registry-error",
                error.text(),
                "Nothing is known about the image.",
            ),
        };
        let conclusion = if reason.code == "no-such-image" {
            Conclusion::NoSuchImage
        } else {
            Conclusion::NotChecked
        };
        self.unknown(conclusion, None, Some(reason))
    }

    /// Denied by the policy, so that it was not looked at.
    fn denied(&self) -> JudgedImage<'p> {
        let facts = Facts {
            content_trust: &ContentTrustFact::NotChecked,
            sigstore: &SigstoreFact::NotChecked,
            keys: self.key_ids,
        };
        let decision = self.policy.evaluate(self.query.image.repository(), facts);
        let (conclusion, reason) = self.conclude(&decision, &[], &[]);
        self.unknown(conclusion, Some(decision), reason)
    }

    fn unknown(
        &self,
        conclusion: Conclusion,
        decision: Option<Decision<'p>>,
        reason: Option<Reason>,
    ) -> JudgedImage<'p> {
        JudgedImage {
            image: self.query.image.to_string(),
            repository: self.query.image.gun(),
            digest: self.query.image.digest().copied(),
            conclusion,
            decision,
            content_trust: ContentTrustFact::NotChecked,
            sigstore: SigstoreFact::NotChecked,
            unsatisfied: Vec::new(),
            reason,
            candidates: Vec::new(),
        }
    }

    /// Every signature. Annotations are judged with each demand, so that the signature's own checks say nothing of them.
    fn candidates(&self, outcomes: &[ImageOutcome]) -> Vec<CandidateReport> {
        let rule = self.policy.rule_for(self.query.image.repository());
        let mut reports = merged(outcomes);
        if rule.is_some_and(|rule| rule.needs().annotations) {
            for report in &mut reports {
                report.checks.retain(|step| step.check != "annotations");
            }
        }
        reports
    }

    fn content_trust(&self, digest: &Digest) -> ContentTrustFact {
        let tags = match self.trust {
            None => return ContentTrustFact::NotChecked,
            Some(Err(Refusal::NoTrustData { .. })) => return ContentTrustFact::NoTrustData,
            Some(Err(_)) => return ContentTrustFact::Failed,
            Some(Ok(tags)) => tags,
        };
        roles_for(&self.query.image, digest, tags)
    }

    fn conclude(
        &self,
        decision: &Decision<'_>,
        unsatisfied: &[Unsatisfied<'_>],
        outcomes: &[ImageOutcome],
    ) -> (Conclusion, Option<Reason>) {
        match decision.verdict {
            Verdict::Allowed => (Conclusion::Verified, None),
            Verdict::AcceptedUnsigned => (Conclusion::AcceptedUnsigned, None),
            Verdict::DeniedByRule => {
                let line = decision.rule.and_then(|rule| rule.line).unwrap_or_default();
                let reason = Reason::new(
                    "denied-by-rule",
                    format!("the rule on line {line} denies it, signed or not"),
                    "Use another image, or change the rule.",
                );
                (Conclusion::Denied, Some(reason))
            }
            Verdict::NoRule => {
                let path = self.path.unwrap_or("the policy");
                let reason = Reason::new(
                    "no-rule",
                    format!("no rule of {path} is for it"),
                    "Add [[rules]] with a pattern for the repository; what no rule is for is denied.",
                );
                (Conclusion::Denied, Some(reason))
            }
            Verdict::NotSatisfied => {
                let absent = outcomes.iter().any(is_absent);
                let conclusion = if absent {
                    Conclusion::NoSuchImage
                } else {
                    self.shortfall(decision.report.as_ref(), outcomes)
                };
                let report = decision.report.as_ref();
                (conclusion, reason(conclusion, report, unsatisfied))
            }
        }
    }

    /// What of the demands is missing: nothing, something else, or it is not known.
    fn shortfall(&self, report: Option<&Report<'_>>, outcomes: &[ImageOutcome]) -> Conclusion {
        let Some(report) = report else {
            return Conclusion::NotChecked;
        };
        if is_unknown(report) {
            return Conclusion::NotChecked;
        }
        let mut leaves = Vec::new();
        leaves_of(report, &mut leaves);
        let sigstore: Vec<_> = outcomes.iter().map(failure_of).collect();
        let is_nothing = |leaf: &&Report<'_>| match &leaf.outcome {
            Outcome::NoTrustData => true,
            // The rest is known: what is not does not count as signed.
            _ if is_unknown(leaf) => true,
            Outcome::RoleNotSigned { found } => found.is_empty(),
            Outcome::NoSignature => sigstore
                .iter()
                .all(|failure| matches!(failure, Some(VerifyFailure::NoSignature { .. }))),
            _ => false,
        };
        let key_only = sigstore
            .iter()
            .any(|failure| matches!(failure, Some(VerifyFailure::NoCertificate)));
        if leaves.iter().all(is_nothing) {
            Conclusion::NotSigned
        } else if key_only
            && leaves
                .iter()
                .all(|leaf| leaf.outcome == Outcome::NoSignature)
        {
            Conclusion::KeyOnly
        } else {
            Conclusion::NotAsDemanded
        }
    }
}

impl Names<'_> {
    /// What the policy calls a key.
    pub(super) fn name(&self, id: &pki::digest::Sha256) -> Option<&str> {
        let mut known = self.0.keys.iter();
        let is_it = |key: &Result<pki::signature::VerifyingKey, String>| {
            key.as_ref().is_ok_and(|key| key.spki_sha256() == *id)
        };
        known
            .find(|(_, key)| is_it(key))
            .map(|(name, _)| name.as_str())
    }

    /// Who it is, for people.
    pub(super) fn of(&self, signer: &SignerId) -> String {
        match signer {
            SignerId::Identity { subject, issuer } => {
                format!("{} ({})", printable(subject), printable(issuer))
            }
            SignerId::Key(id) => {
                let id_text = id.to_string();
                let short = id_text.get(..12).unwrap_or(&id_text);
                match self.name(id) {
                    Some(name) => format!("key {name} (sha256:{short})"),
                    None => format!("key sha256:{short}"),
                }
            }
            SignerId::Role(role) => format!("content trust, {role}"),
        }
    }
}

/// In which roles the image is signed: its tag for this digest; of an image named by its digest alone, any tag.
fn roles_for(image: &Reference, digest: &Digest, tags: &[TagRoles]) -> ContentTrustFact {
    let Digest::Sha256(digest) = digest else {
        return ContentTrustFact::Signed {
            roles: BTreeSet::new(),
        };
    };
    let mut roles = BTreeSet::new();
    for known in tags {
        if let Some(tag) = image.tag() {
            if known.tag != tag.as_str() {
                continue;
            }
            if let Some(signed) = known.released
                && signed != *digest
            {
                return ContentTrustFact::OtherDigest { signed };
            }
        }
        let these = known.roles.iter().filter(|(_, signed)| *signed == digest);
        roles.extend(these.map(|(role, _)| role.as_str().to_owned()));
    }
    ContentTrustFact::Signed { roles }
}

fn sigstore_fact(outcomes: &[ImageOutcome]) -> SigstoreFact {
    if outcomes.is_empty() {
        return SigstoreFact::NotChecked;
    }
    let judged = outcomes.iter().flat_map(ImageOutcome::judged);
    SigstoreFact::Checked {
        signatures: judged
            .filter_map(Judged::verified)
            .map(SignatureFact::of)
            .collect(),
        complete: outcomes.iter().all(ImageOutcome::is_complete),
    }
}

/// A signature judged by several demands is shown as the demand has it that it is made for.
fn merged(outcomes: &[ImageOutcome]) -> Vec<CandidateReport> {
    let mut reports: Vec<CandidateReport> = Vec::new();
    for (index, outcome) in outcomes.iter().enumerate() {
        let next = candidates(outcome);
        if index == 0 {
            reports = next;
            continue;
        }
        for (known, other) in reports.iter_mut().zip(next) {
            if fitness(&other) > fitness(known) {
                *known = other;
            }
        }
    }
    reports
}

fn fitness(report: &CandidateReport) -> u8 {
    match (
        report.result,
        report.reason.as_ref().map(|reason| reason.code),
    ) {
        ("verified", _) => 2,
        (_, Some("certificate-not-key" | "no-certificate")) => 0,
        _ => 1,
    }
}

pub(super) fn failure_of(outcome: &ImageOutcome) -> Option<&VerifyFailure> {
    outcome.verified().err()
}

fn is_absent(outcome: &ImageOutcome) -> bool {
    matches!(
        failure_of(outcome),
        Some(VerifyFailure::NoSignature {
            image_absent: true,
            ..
        })
    )
}

/// Whether the demand may be satisfied by what could not be looked at.
fn is_unknown(report: &Report<'_>) -> bool {
    let unsatisfied = || {
        report
            .parts
            .iter()
            .filter(|part| !part.outcome.is_satisfied())
    };
    match report.requirement {
        Requires::SignedBy(_) => matches!(
            report.outcome,
            Outcome::ContentTrustFailed
                | Outcome::ContentTrustNotChecked
                | Outcome::KeyUnavailable
                | Outcome::SigstoreFailed
                | Outcome::SigstoreNotChecked
        ),
        Requires::All => unsatisfied().all(is_unknown),
        Requires::Any => unsatisfied().any(is_unknown),
        Requires::AtLeast(needed) => {
            let found = match report.outcome {
                Outcome::TooFewSigners { found, .. } => found,
                _ => 0,
            };
            found + unsatisfied().filter(|part| is_unknown(part)).count() >= needed
        }
    }
}

fn leaves_of<'r, 'p>(report: &'r Report<'p>, leaves: &mut Vec<&'r Report<'p>>) {
    match report.requirement {
        Requires::SignedBy(_) => leaves.push(report),
        _ => report.parts.iter().for_each(|part| leaves_of(part, leaves)),
    }
}
