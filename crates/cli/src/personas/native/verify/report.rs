//! The table, the reasons, the trace and the JSON document.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use signing::policy::{
    ContentTrustFact, Decision, Outcome, Report, Requires, SignerId, SigstoreFact,
};

use super::verdict::{Conclusion, JudgedImage, Names};
use crate::render::printable::{printable, printable_lines};
use crate::render::signature::{CandidateReport, Reason};
use crate::render::table::table;

/// Version of the JSON document: members and codes are only ever added to one version.
const SCHEMA: u32 = 1;

/// One line per image.
pub(super) fn rows(images: &[JudgedImage<'_>], names: &Names<'_>) -> String {
    let mut rows = vec![["IMAGE", "DIGEST", "RESULT", "BY"].map(str::to_owned)];
    rows.extend(images.iter().map(|image| {
        [
            image.image.clone(),
            image
                .digest
                .map_or_else(|| "-".to_owned(), |digest| digest.to_string()),
            words(image.conclusion).to_owned(),
            by(image, names),
        ]
    }));
    table(&rows)
}

fn words(conclusion: Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Verified => "verified",
        Conclusion::AcceptedUnsigned => "accepted unsigned",
        Conclusion::NotSigned => "not signed",
        Conclusion::NoSuchImage => "no such image",
        Conclusion::NotAsDemanded => "not as demanded",
        Conclusion::KeyOnly => "signed by key only",
        Conclusion::Denied => "denied",
        Conclusion::NotChecked => "not checked",
    }
}

fn by(image: &JudgedImage<'_>, names: &Names<'_>) -> String {
    let signers: Vec<String> = accepted(image).iter().map(|id| names.of(id)).collect();
    if signers.is_empty() {
        "-".to_owned()
    } else {
        signers.join(", ")
    }
}

/// The signers that satisfied the demands.
fn accepted(image: &JudgedImage<'_>) -> BTreeSet<SignerId> {
    let report = image
        .decision
        .as_ref()
        .and_then(|decision| decision.report.as_ref());
    match report.map(|report| &report.outcome) {
        Some(Outcome::Satisfied { by }) => by.clone(),
        _ => BTreeSet::new(),
    }
}

/// Why an image is not verified, and what to do.
pub(super) fn complaint(image: &JudgedImage<'_>) -> Option<String> {
    let reason = image.reason.as_ref()?;
    let mut text = format!(
        "Error: {}: {} ({})\n",
        printable(&image.image),
        printable_lines(&reason.message),
        reason.code
    );
    if !reason.remedy.is_empty() {
        text.push_str(reason.remedy);
        text.push('\n');
    }
    Some(text)
}

/// Every demand and every candidate of an image.
pub(super) fn trace(image: &JudgedImage<'_>, names: &Names<'_>) -> String {
    let mut text = format!(
        "\n{}: {}\n",
        printable(&image.image),
        words(image.conclusion)
    );
    if let Some(digest) = image.digest {
        text.push_str(&format!("  digest {digest}\n"));
    }
    if let Some(decision) = &image.decision {
        if let Some(line) = decision.rule.and_then(|rule| rule.line) {
            text.push_str(&format!("  rule on line {line}\n"));
        }
        if let Some(report) = &decision.report {
            demand(&mut text, report, image, names, 1);
        }
    }
    match &image.content_trust {
        ContentTrustFact::Signed { roles } => {
            let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
            let roles = if roles.is_empty() {
                "no role".to_owned()
            } else {
                roles.join(", ")
            };
            text.push_str(&format!(
                "  content trust: signed for this digest in {roles}\n"
            ));
        }
        ContentTrustFact::OtherDigest { signed } => {
            text.push_str(&format!("  content trust: the tag is sha256:{signed}\n"));
        }
        ContentTrustFact::NoTrustData => {
            text.push_str("  content trust: nothing about the repository\n");
        }
        ContentTrustFact::Failed => text.push_str("  content trust: could not be asked\n"),
        ContentTrustFact::NotChecked => text.push_str("  content trust: not required\n"),
    }
    match &image.sigstore {
        SigstoreFact::NotChecked if image.decision.is_some() => {
            text.push_str("  signatures: not required\n");
        }
        SigstoreFact::Checked { .. } if image.candidates.is_empty() => {
            text.push_str("  signatures: absent\n");
        }
        _ => {}
    }
    for candidate in &image.candidates {
        text.push_str(&candidate.to_string());
    }
    if let Some(complaint) = image.decision.is_none().then(|| complaint(image)).flatten() {
        text.push_str(&complaint);
    }
    text
}

fn demand(
    text: &mut String,
    report: &Report<'_>,
    image: &JudgedImage<'_>,
    names: &Names<'_>,
    depth: usize,
) {
    let indent = "  ".repeat(depth);
    let outcome = match &report.outcome {
        Outcome::Satisfied { by } => {
            let by: Vec<String> = by.iter().map(|id| names.of(id)).collect();
            format!("satisfied by {}", by.join(", "))
        }
        Outcome::TooFewSigners { needed, found } => format!("{found} of {needed} signed"),
        Outcome::NotAllSatisfied { failed } => format!("{failed} not satisfied"),
        Outcome::NoneSatisfied => "none satisfied".to_owned(),
        other => reason_of(report, image)
            .map_or_else(|| other.code().to_owned(), |reason| reason.message.clone()),
    };
    text.push_str(&format!(
        "{indent}{}: {}\n",
        printable(&requires(report.requirement)),
        printable_lines(&outcome)
    ));
    for part in &report.parts {
        demand(text, part, image, names, depth + 1);
    }
}

fn requires(requirement: Requires<'_>) -> String {
    match requirement {
        Requires::All => "all of".to_owned(),
        Requires::Any => "one of".to_owned(),
        Requires::AtLeast(count) => format!("at least {count} of"),
        Requires::SignedBy(signer) => signer.to_string(),
    }
}

/// The reason of a demand on one signer.
fn reason_of<'i>(report: &Report<'_>, image: &'i JudgedImage<'_>) -> Option<&'i Reason> {
    let Requires::SignedBy(signer) = report.requirement else {
        return None;
    };
    let of_signer = image
        .unsatisfied
        .iter()
        .find(|one| std::ptr::eq(one.signer, signer));
    of_signer.map(|one| &one.reason)
}

/// The document of `--json`, on one line.
pub(super) fn json(
    images: &[JudgedImage<'_>],
    policy: Option<&str>,
    names: &Names<'_>,
) -> serde_json::Result<String> {
    serde_json::to_string(&Document {
        schema: SCHEMA,
        policy,
        verified: images
            .iter()
            .filter(|image| image.conclusion.is_good())
            .count(),
        images: images.iter().map(|image| entry(image, names)).collect(),
    })
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    /// The policy file; null if flags say what is demanded.
    policy: Option<&'a str>,
    /// How many may be used.
    verified: usize,
    images: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    image: &'a str,
    repository: &'a str,
    digest: Option<String>,
    result: &'static str,
    exit_code: u8,
    rule: Option<RuleEntry<'a>>,
    demand: Option<DemandEntry<'a>>,
    content_trust: ContentTrustEntry,
    sigstore: SigstoreEntry,
    candidates: &'a [CandidateReport],
    reason: Option<&'a Reason>,
}

#[derive(Serialize)]
struct RuleEntry<'a> {
    line: Option<usize>,
    repositories: Vec<&'a str>,
}

#[derive(Serialize)]
struct DemandEntry<'a> {
    demand: String,
    outcome: &'static str,
    by: Vec<SignerEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a Reason>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<Self>,
}

#[derive(Serialize)]
#[serde(tag = "system", rename_all = "kebab-case")]
enum SignerEntry {
    ContentTrust { role: String },
    Sigstore(SigstoreSigner),
}

#[derive(Serialize)]
#[serde(untagged)]
enum SigstoreSigner {
    Identity { identity: String, issuer: String },
    Key { key: String, name: Option<String> },
}

#[derive(Serialize)]
struct ContentTrustEntry {
    checked: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<BTreeSet<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_digest: Option<String>,
}

#[derive(Serialize)]
struct SigstoreEntry {
    checked: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    complete: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    signatures: Vec<SignatureEntry>,
}

#[derive(Serialize)]
struct SignatureEntry {
    by: SignerEntry,
    annotations: BTreeMap<String, String>,
}

fn entry<'a>(image: &'a JudgedImage<'_>, names: &Names<'_>) -> Entry<'a> {
    let decision = image.decision.as_ref();
    Entry {
        image: &image.image,
        repository: &image.repository,
        digest: image.digest.map(|digest| digest.to_string()),
        result: image.conclusion.code(),
        exit_code: image.conclusion.exit_code(),
        rule: decision.and_then(rule),
        demand: decision
            .and_then(|decision| decision.report.as_ref())
            .map(|report| demand_entry(report, image, names)),
        content_trust: content_trust(&image.content_trust),
        sigstore: sigstore(&image.sigstore, names),
        candidates: &image.candidates,
        reason: image.reason.as_ref(),
    }
}

fn rule<'a>(decision: &Decision<'a>) -> Option<RuleEntry<'a>> {
    let rule = decision.rule?;
    Some(RuleEntry {
        line: rule.line,
        repositories: rule.patterns.iter().map(|known| known.as_str()).collect(),
    })
}

fn demand_entry<'a>(
    report: &Report<'_>,
    image: &'a JudgedImage<'_>,
    names: &Names<'_>,
) -> DemandEntry<'a> {
    let by = match &report.outcome {
        Outcome::Satisfied { by } => by.iter().map(|id| signer(id, names)).collect(),
        _ => Vec::new(),
    };
    DemandEntry {
        demand: requires(report.requirement),
        outcome: report.outcome.code(),
        by,
        reason: reason_of(report, image),
        parts: report
            .parts
            .iter()
            .map(|part| demand_entry(part, image, names))
            .collect(),
    }
}

fn signer(id: &SignerId, names: &Names<'_>) -> SignerEntry {
    match id {
        SignerId::Role(role) => SignerEntry::ContentTrust { role: role.clone() },
        SignerId::Identity { subject, issuer } => SignerEntry::Sigstore(SigstoreSigner::Identity {
            identity: subject.clone(),
            issuer: issuer.clone(),
        }),
        SignerId::Key(key) => SignerEntry::Sigstore(SigstoreSigner::Key {
            key: format!("sha256:{key}"),
            name: names.name(key).map(str::to_owned),
        }),
    }
}

fn content_trust(fact: &ContentTrustFact) -> ContentTrustEntry {
    let (checked, roles, signed) = match fact {
        ContentTrustFact::Failed => ("failed", None, None),
        ContentTrustFact::NoTrustData => ("absent", None, None),
        ContentTrustFact::NotChecked => ("not-required", None, None),
        ContentTrustFact::OtherDigest { signed } => ("refused", None, Some(signed)),
        ContentTrustFact::Signed { roles } if roles.is_empty() => ("absent", None, None),
        ContentTrustFact::Signed { roles } => ("verified", Some(roles.clone()), None),
    };
    ContentTrustEntry {
        checked,
        roles,
        signed_digest: signed.map(|digest| format!("sha256:{digest}")),
    }
}

fn sigstore(fact: &SigstoreFact, names: &Names<'_>) -> SigstoreEntry {
    match fact {
        SigstoreFact::Failed => SigstoreEntry {
            checked: "failed",
            complete: None,
            signatures: Vec::new(),
        },
        SigstoreFact::NotChecked => SigstoreEntry {
            checked: "not-required",
            complete: None,
            signatures: Vec::new(),
        },
        SigstoreFact::Checked {
            signatures,
            complete,
        } => SigstoreEntry {
            checked: if signatures.is_empty() {
                "absent"
            } else {
                "verified"
            },
            complete: Some(*complete),
            signatures: signatures
                .iter()
                .map(|signature| SignatureEntry {
                    by: signer(&signature.signer, names),
                    annotations: signature.annotations.clone(),
                })
                .collect(),
        },
    }
}
