//! Every candidate with every check: the material of `--explain` and `--json`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use oci::{Reference, Repository};
use serde::Serialize;
use signing::discover::{Claimed, Location};
use signing::docker_reference;
use signing::verify::{ImageOutcome, Judged, Judgement, VerifiedImage};
use sigstore::identity::IdentityError;
use sigstore::simple_signing::AnnotationMismatch;
use sigstore::verify::{Because, Check, Outcome, Refusal, Step, TimeSource, Trace, VerifiedSigner};

use super::Reason;
use crate::render::printable::printable;

/// One candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CandidateReport {
    /// Where it was found, at least one place.
    pub locations: Vec<String>,
    /// Digest of the document.
    pub digest: String,
    /// `verified`, `refused`, `unreadable` or `other-kind`.
    pub result: &'static str,
    /// What it says of itself; nothing vouches for it.
    pub unsigned: BTreeMap<&'static str, String>,
    /// What is proven, if it is verified.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub proven: BTreeMap<&'static str, String>,
    /// What was signed with it, if it is verified.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Every check in order.
    pub checks: Vec<StepReport>,
    /// Why it does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepReport {
    /// Which: `certificate-chain`.
    pub check: &'static str,
    /// `verified`, `not-required`, `absent`, `passed-over` or `refused`.
    pub outcome: &'static str,
    /// What was found, or why it is not required, or is not as expected.
    pub detail: String,
    /// What was demanded, where the check is a comparison that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What there is: of a check that holds, and of a comparison that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
}

/// The candidates of an image in the order in which they were found.
#[must_use]
pub fn candidates(outcome: &ImageOutcome) -> Vec<CandidateReport> {
    outcome.judged().iter().map(candidate).collect()
}

fn candidate(judged: &Judged) -> CandidateReport {
    let mut report = CandidateReport {
        locations: judged.locations.iter().map(location).collect(),
        digest: judged.digest.to_string(),
        result: "other-kind",
        unsigned: BTreeMap::new(),
        proven: BTreeMap::new(),
        annotations: BTreeMap::new(),
        checks: Vec::new(),
        reason: None,
    };
    match &judged.claimed {
        Claimed::Payload | Claimed::Unknown => {}
        Claimed::Statement(predicate) => {
            report.unsigned.insert("predicate_type", predicate.clone());
        }
    }
    match &judged.judgement {
        Judgement::OtherKind => {}
        Judgement::Refused { refusal, trace } => {
            report.result = "refused";
            report.checks = steps(trace);
            report.reason = Some(Reason::of_refusal(refusal));
        }
        Judgement::Unreadable(error) => {
            report.result = "unreadable";
            report.reason = Some(Reason::of_unreadable(error));
        }
        Judgement::Verified(verified) => {
            report.result = "verified";
            report.unsigned.clear();
            report.checks = steps(verified.trace());
            report.checks.push(repository(
                verified.repository(),
                verified.signed_reference(),
            ));
            report.proven = proven(verified);
            report.annotations = verified.annotations();
        }
    }
    report
}

fn location(location: &Location) -> String {
    match location {
        Location::Tag {
            repository,
            tag,
            layer,
            ..
        } => format!("{}:{tag}, layer {layer}", repository.gun()),
        Location::Referrer {
            repository,
            manifest,
            ..
        } => format!("{}@{manifest}", repository.gun()),
        Location::Layout { manifest, .. } => format!("layout, {manifest}"),
        Location::Files => "files".to_owned(),
    }
}

fn proven(verified: &VerifiedImage) -> BTreeMap<&'static str, String> {
    let signature = verified.signature();
    let mut proven = BTreeMap::new();
    match signature.signer() {
        VerifiedSigner::Key(key) => {
            proven.insert("key", format!("sha256:{}", key.spki_sha256()));
        }
        VerifiedSigner::Certified { identity, .. } => {
            proven.insert("identity", identity.subject().to_owned());
            if let Some(issuer) = identity.issuer() {
                proven.insert("issuer", issuer.to_owned());
            }
        }
    }
    if let Some((log, index)) = signature.logged().iter().find_map(|logged| logged.entry()) {
        proven.insert("log_entry", format!("{log}/{index}"));
    }
    let of_others = |source: &TimeSource| !matches!(source, TimeSource::Asserted(_));
    if let Some(time) = signature
        .times()
        .iter()
        .find(|time| of_others(time.source()))
    {
        proven.insert("time", time.at().to_string());
    }
    if let Some(reference) = verified.signed_reference() {
        proven.insert("reference", reference.to_owned());
    }
    proven
}

fn steps(trace: &Trace) -> Vec<StepReport> {
    let signer = trace.outcome(Check::Signer);
    trace.steps().iter().map(|one| step(one, signer)).collect()
}

/// `signer`: how the check came out that says whose signature it has to be.
fn step(step: &Step, signer: Option<&Outcome>) -> StepReport {
    let nothing = (None, None);
    let (outcome, detail, (expected, found)) = match &step.outcome {
        Outcome::Absent => ("absent", String::new(), nothing),
        Outcome::NotRequired { because } => {
            ("not-required", because_text(*because).to_owned(), nothing)
        }
        Outcome::PassedOver(refusal) => ("passed-over", refusal.to_string(), compared(refusal)),
        Outcome::Refused(refusal) => {
            let compared = match (refusal, signer) {
                (Refusal::Signature(_), Some(Outcome::Verified { found })) => {
                    (Some(found.clone()), None)
                }
                _ => compared(refusal),
            };
            ("refused", refusal.to_string(), compared)
        }
        Outcome::Verified { found } => ("verified", found.clone(), (None, Some(found.clone()))),
    };
    StepReport {
        check: check(step.check),
        outcome,
        detail,
        expected,
        found,
    }
}

/// What was demanded and what there is, of refusals that have them.
fn compared(refusal: &Refusal) -> (Option<String>, Option<String>) {
    let several = |found: &[String]| (!found.is_empty()).then(|| found.join(", "));
    let (expected, found) = match refusal {
        Refusal::Annotation(AnnotationMismatch {
            key,
            expected,
            found,
        }) => (
            format!("{key}={expected}"),
            found.as_ref().map(|found| format!("{key}={found}")),
        ),
        Refusal::Artifact { expected, found } => (expected.clone(), several(found)),
        Refusal::CertificateExpected => ("certificate".to_owned(), Some("key".to_owned())),
        Refusal::Identity(
            IdentityError::GithubWorkflow {
                expected, found, ..
            }
            | IdentityError::Issuer { expected, found },
        ) => (expected.clone(), found.clone()),
        Refusal::Identity(IdentityError::Subject { expected, found }) => {
            (expected.clone(), several(found))
        }
        Refusal::KeyExpected => ("key".to_owned(), Some("certificate".to_owned())),
        Refusal::PredicateType { expected, found } => (expected.clone(), Some(found.clone())),
        Refusal::SignatureCount { found } => ("1".to_owned(), Some(found.to_string())),
        _ => return (None, None),
    };
    (Some(expected), found)
}

/// Whether the signature names the repository that was asked. That it names another is no harm: images are copied.
fn repository(asked: Option<&Repository>, signed: Option<&str>) -> StepReport {
    let (outcome, detail) = match (asked, signed) {
        (_, None) => ("absent", String::new()),
        (None, Some(_)) => ("not-required", "no repository was asked".to_owned()),
        (Some(asked), Some(signed)) => {
            let named = Reference::parse(signed).ok();
            if named.is_some_and(|named| named.repository() == asked) {
                ("verified", signed.to_owned())
            } else {
                ("passed-over", format!("names another repository: {signed}"))
            }
        }
    };
    StepReport {
        check: "repository",
        expected: asked
            .filter(|_| outcome == "passed-over")
            .map(docker_reference),
        found: signed.map(str::to_owned),
        outcome,
        detail,
    }
}

fn check(check: Check) -> &'static str {
    match check {
        Check::Annotations => "annotations",
        Check::Artifact => "artifact",
        Check::CertificateChain => "certificate-chain",
        Check::Identity => "identity",
        Check::Log => "log",
        Check::Sct => "sct",
        Check::Signature => "signature",
        Check::Signer => "signer",
        Check::Time => "time",
        Check::Timestamp => "timestamp",
    }
}

fn because_text(because: Because) -> &'static str {
    match because {
        Because::FlagInsecureIgnoreSct => "--insecure-ignore-sct",
        Because::FlagInsecureIgnoreTlog => "--insecure-ignore-tlog",
        Because::FlagPrivateInfrastructure => "--private-infrastructure",
        Because::ManagedKey => "the key itself is trusted",
        Because::NoLogNamed => "no transparency log is named",
        Because::NotDemanded => "not demanded",
    }
}

impl std::fmt::Display for CandidateReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = format!("  candidate {}\n", self.digest);
        for location in &self.locations {
            line(&mut text, "found in", location);
        }
        for (what, value) in &self.unsigned {
            line(&mut text, &format!("{what} (unsigned)"), value);
        }
        for step in &self.checks {
            let words = step.outcome.replace('-', " ");
            let outcome = if step.detail.is_empty() {
                words
            } else {
                format!("{words}: {}", step.detail)
            };
            line(&mut text, step.check, &outcome);
            if let Some(expected) = &step.expected {
                line(&mut text, "  expected", expected);
                line(&mut text, "  found", step.found.as_deref().unwrap_or("-"));
            }
        }
        for (key, value) in &self.annotations {
            line(&mut text, "annotation (signed)", &format!("{key}={value}"));
        }
        if let Some(reason) = &self.reason {
            line(
                &mut text,
                "does not count",
                &format!("{} ({})", reason.message, reason.code),
            );
            line(&mut text, "what to do", reason.remedy);
        } else if self.result == "other-kind" {
            line(
                &mut text,
                "does not count",
                "it is of another kind than the one looked for",
            );
        }
        f.write_str(&text)
    }
}

fn line(text: &mut String, what: &str, value: &str) {
    let (what, value) = (printable(what), printable(value));
    let _infallible = writeln!(text, "    {what:<24}{value}");
}
