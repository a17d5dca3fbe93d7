//! Every candidate with every check: the material of `--explain` and `--json`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use signing::discover::{Claimed, Location};
use signing::verify::{ImageOutcome, Judged, Judgement, VerifiedImage};
use sigstore::verify::{Because, Check, Outcome, Step, TimeSource, Trace, VerifiedSigner};

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
    /// What was found, or why it is not required.
    pub detail: String,
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
    trace.steps().iter().map(step).collect()
}

fn step(step: &Step) -> StepReport {
    let (outcome, detail) = match &step.outcome {
        Outcome::Absent => ("absent", String::new()),
        Outcome::NotRequired { because } => ("not-required", because_text(*because).to_owned()),
        Outcome::PassedOver(refusal) => ("passed-over", refusal.to_string()),
        Outcome::Refused(refusal) => ("refused", refusal.to_string()),
        Outcome::Verified { found } => ("verified", found.clone()),
    };
    StepReport {
        check: check(step.check),
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
