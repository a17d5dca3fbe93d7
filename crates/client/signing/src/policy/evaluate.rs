//! What a policy says about an image of which some things are known.

use std::collections::{BTreeMap, BTreeSet};

use oci::Repository;
use pki::digest::Sha256;
use sigstore::verify::VerifiedSigner;

use super::{Demand, Policy, Requirement, Rule, SignedBy};
use crate::verify::VerifiedImage;

/// What is known about one image.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What content trust says about it.
    pub content_trust: &'a ContentTrustFact,
    /// Who signed it.
    pub sigstore: &'a SigstoreFact,
    /// SHA-256 of the SubjectPublicKeyInfo of each of the policy's keys, by its name; without those that could not be
    /// had.
    pub keys: &'a BTreeMap<String, Sha256>,
}

/// What content trust says about an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentTrustFact {
    /// It could not be asked, or what it says does not hold.
    Failed,
    /// The repository has no trust data.
    NoTrustData,
    /// Nobody asked it.
    NotChecked,
    /// The tag is released for another digest than the registry's: who pulls by content trust gets another image.
    OtherDigest {
        /// The digest that is signed.
        signed: Sha256,
    },
    /// In these roles, the tag is signed for this very digest; none if it is not signed, or signed for another one.
    Signed {
        /// `targets`, or delegations.
        roles: BTreeSet<String>,
    },
}

/// What Sigstore says about an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SigstoreFact {
    /// Signatures were looked for.
    Checked {
        /// Those that were verified.
        signatures: Vec<SignatureFact>,
        /// Whether all that is attached to the image could be read.
        complete: bool,
    },
    /// They could not be looked for.
    Failed,
    /// Nobody looked.
    NotChecked,
}

/// One verified signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureFact {
    /// Who signed.
    pub signer: SignerId,
    /// What was signed with it.
    pub annotations: BTreeMap<String, String>,
}

/// Who signed, as signers are counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignerId {
    /// Somebody with a certificate.
    Identity {
        /// The name in it.
        subject: String,
        /// Who issued the token.
        issuer: String,
    },
    /// Somebody with a key, by the SHA-256 of its SubjectPublicKeyInfo.
    Key(Sha256),
    /// A role of content trust.
    Role(String),
}

/// What a policy says, and why.
#[derive(Debug, Clone)]
pub struct Decision<'p> {
    /// The rule that decided; none is for the repository if there is none.
    pub rule: Option<&'p Rule>,
    /// The requirements as they were judged, if the rule has some.
    pub report: Option<Report<'p>>,
    /// The outcome.
    pub verdict: Verdict,
}

/// Whether an image may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It is signed as demanded.
    Allowed,
    /// The rule accepts it without any signature.
    AcceptedUnsigned,
    /// The rule denies all images.
    DeniedByRule,
    /// There is no rule for the repository.
    NoRule,
    /// It is not signed as demanded.
    NotSatisfied,
}

/// One requirement as it was judged.
#[derive(Debug, Clone)]
pub struct Report<'p> {
    /// The requirement.
    pub requirement: Requires<'p>,
    /// The outcome.
    pub outcome: Outcome,
    /// Those in it.
    pub parts: Vec<Self>,
}

/// A requirement in a report.
#[derive(Debug, Clone, Copy)]
pub enum Requires<'p> {
    /// Each of the parts.
    All,
    /// One of the parts.
    Any,
    /// So many different signers of the parts.
    AtLeast(usize),
    /// This signer.
    SignedBy(&'p SignedBy),
}

/// How a requirement came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The signer signed, with another annotation.
    AnnotationDiffers {
        /// Which.
        name: String,
        /// The demanded value.
        expected: String,
        /// The signed value.
        found: String,
    },
    /// The signer signed, without an annotation.
    AnnotationAbsent {
        /// Which.
        name: String,
        /// The demanded value.
        expected: String,
    },
    /// [`ContentTrustFact::Failed`].
    ContentTrustFailed,
    /// [`ContentTrustFact::NotChecked`].
    ContentTrustNotChecked,
    /// The key could not be had.
    KeyUnavailable,
    /// Of several, none came out well.
    NoneSatisfied,
    /// There is no verified signature at all.
    NoSignature,
    /// [`ContentTrustFact::NoTrustData`].
    NoTrustData,
    /// Of several, some did not come out well.
    NotAllSatisfied {
        /// How many did not.
        failed: usize,
    },
    /// Others signed.
    NotSignedBy {
        /// Who, each once.
        found: BTreeSet<SignerId>,
    },
    /// [`ContentTrustFact::OtherDigest`].
    OtherDigest {
        /// The digest that is signed.
        signed: Sha256,
    },
    /// The tag is not signed in this role for this image.
    RoleNotSigned {
        /// The roles in which it is.
        found: BTreeSet<String>,
    },
    /// It came out well.
    Satisfied {
        /// By whom; for several, by all who count.
        by: BTreeSet<SignerId>,
    },
    /// [`SigstoreFact::Failed`], or not all that is attached to the image could be read and the rest is not enough.
    SigstoreFailed,
    /// [`SigstoreFact::NotChecked`].
    SigstoreNotChecked,
    /// Too few different signers.
    TooFewSigners {
        /// How many are demanded.
        needed: usize,
        /// How many there are.
        found: usize,
    },
}

impl SignatureFact {
    /// What a verified signature of an image says.
    #[must_use]
    pub fn of(verified: &VerifiedImage) -> Self {
        let signer = match verified.signature().signer() {
            VerifiedSigner::Certified { identity, .. } => SignerId::Identity {
                subject: identity.subject().to_owned(),
                issuer: identity.issuer().unwrap_or_default().to_owned(),
            },
            VerifiedSigner::Key(key) => SignerId::Key(*key.spki_sha256()),
        };
        Self {
            signer,
            annotations: verified.annotations(),
        }
    }
}

impl Verdict {
    /// A name for programs, which stays.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::AcceptedUnsigned => "accepted-unsigned",
            Self::DeniedByRule => "denied-by-rule",
            Self::NoRule => "no-rule",
            Self::NotSatisfied => "not-satisfied",
        }
    }
}

impl Outcome {
    /// Whether the requirement is satisfied.
    #[must_use]
    pub const fn is_satisfied(&self) -> bool {
        matches!(self, Self::Satisfied { .. })
    }

    /// A name for programs, which stays.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AnnotationDiffers { .. } => "annotation-differs",
            Self::AnnotationAbsent { .. } => "annotation-absent",
            Self::ContentTrustFailed => "content-trust-failed",
            Self::ContentTrustNotChecked => "content-trust-not-checked",
            Self::KeyUnavailable => "key-unavailable",
            Self::NoneSatisfied => "none-satisfied",
            Self::NoSignature => "no-signature",
            Self::NoTrustData => "no-trust-data",
            Self::NotAllSatisfied { .. } => "not-all-satisfied",
            Self::NotSignedBy { .. } => "not-signed-by",
            Self::OtherDigest { .. } => "other-digest",
            Self::RoleNotSigned { .. } => "role-not-signed",
            Self::Satisfied { .. } => "satisfied",
            Self::SigstoreFailed => "sigstore-failed",
            Self::SigstoreNotChecked => "sigstore-not-checked",
            Self::TooFewSigners { .. } => "too-few-signers",
        }
    }
}

impl Policy {
    /// What the policy says about an image of `repository`.
    #[must_use]
    pub fn evaluate(&self, repository: &Repository, facts: Facts<'_>) -> Decision<'_> {
        let rule = self.rule_for(repository);
        let (report, verdict) = match rule.map(|rule| &rule.demand) {
            None => (None, Verdict::NoRule),
            Some(Demand::AcceptUnsigned) => (None, Verdict::AcceptedUnsigned),
            Some(Demand::Deny) => (None, Verdict::DeniedByRule),
            Some(Demand::Require(requirement)) => {
                let report = self.judge(requirement, facts);
                let verdict = if report.outcome.is_satisfied() {
                    Verdict::Allowed
                } else {
                    Verdict::NotSatisfied
                };
                (Some(report), verdict)
            }
        };
        Decision {
            rule,
            report,
            verdict,
        }
    }

    fn judge<'p>(&self, requirement: &'p Requirement, facts: Facts<'_>) -> Report<'p> {
        let judged = |each: &'p [Requirement]| -> Vec<Report<'p>> {
            each.iter().map(|part| self.judge(part, facts)).collect()
        };
        match requirement {
            Requirement::All(each) => Report::all(judged(each)),
            Requirement::Any(each) => Report::any(judged(each)),
            Requirement::AtLeast { count, of } => {
                let of = of.iter().map(|one| self.judge_one(one, facts));
                Report::at_least(*count, of.collect())
            }
            Requirement::SignedBy(one) => self.judge_one(one, facts),
        }
    }

    fn judge_one<'p>(&self, signed_by: &'p SignedBy, facts: Facts<'_>) -> Report<'p> {
        let outcome = match signed_by {
            SignedBy::Role(role) => role_outcome(role, facts.content_trust),
            SignedBy::Key { name, annotations } => match facts.keys.get(name) {
                None => Outcome::KeyUnavailable,
                Some(key) => signature_outcome(facts.sigstore, annotations, |signer| {
                    *signer == SignerId::Key(*key)
                }),
            },
            SignedBy::Identity { name, annotations } => {
                // The reader of the file knows that there is such an identity.
                let identity = self.identities.get(name);
                signature_outcome(facts.sigstore, annotations, |signer| match signer {
                    SignerId::Identity { subject, issuer } => identity.is_some_and(|identity| {
                        identity.subject.accepts(subject) && identity.issuer.accepts(issuer)
                    }),
                    _ => false,
                })
            }
        };
        Report {
            requirement: Requires::SignedBy(signed_by),
            outcome,
            parts: Vec::new(),
        }
    }
}

impl Report<'_> {
    fn all(parts: Vec<Self>) -> Self {
        let failed = parts.iter().filter(|part| !part.outcome.is_satisfied());
        let outcome = match failed.count() {
            0 => Outcome::Satisfied {
                by: Self::signers(&parts),
            },
            failed => Outcome::NotAllSatisfied { failed },
        };
        Self {
            requirement: Requires::All,
            outcome,
            parts,
        }
    }

    fn any(parts: Vec<Self>) -> Self {
        let outcome = if parts.iter().any(|part| part.outcome.is_satisfied()) {
            Outcome::Satisfied {
                by: Self::signers(&parts),
            }
        } else {
            Outcome::NoneSatisfied
        };
        Self {
            requirement: Requires::Any,
            outcome,
            parts,
        }
    }

    fn at_least(needed: usize, parts: Vec<Self>) -> Self {
        let by = different_signers(&parts);
        let outcome = if by.len() >= needed {
            Outcome::Satisfied { by }
        } else {
            Outcome::TooFewSigners {
                needed,
                found: by.len(),
            }
        };
        Self {
            requirement: Requires::AtLeast(needed),
            outcome,
            parts,
        }
    }

    fn signers(parts: &[Self]) -> BTreeSet<SignerId> {
        let signers = parts.iter().filter_map(|part| match &part.outcome {
            Outcome::Satisfied { by } => Some(by.iter().cloned()),
            _ => None,
        });
        signers.flatten().collect()
    }
}

fn role_outcome(role: &str, content_trust: &ContentTrustFact) -> Outcome {
    match content_trust {
        ContentTrustFact::Failed => Outcome::ContentTrustFailed,
        ContentTrustFact::NoTrustData => Outcome::NoTrustData,
        ContentTrustFact::NotChecked => Outcome::ContentTrustNotChecked,
        ContentTrustFact::OtherDigest { signed } => Outcome::OtherDigest { signed: *signed },
        ContentTrustFact::Signed { roles } if roles.contains(role) => Outcome::Satisfied {
            by: BTreeSet::from([SignerId::Role(role.to_owned())]),
        },
        ContentTrustFact::Signed { roles } => Outcome::RoleNotSigned {
            found: roles.clone(),
        },
    }
}

fn signature_outcome(
    sigstore: &SigstoreFact,
    annotations: &BTreeMap<String, String>,
    is_meant: impl Fn(&SignerId) -> bool,
) -> Outcome {
    let (signatures, complete) = match sigstore {
        SigstoreFact::Failed => return Outcome::SigstoreFailed,
        SigstoreFact::NotChecked => return Outcome::SigstoreNotChecked,
        SigstoreFact::Checked {
            signatures,
            complete,
        } => (signatures, *complete),
    };
    let mut by = BTreeSet::new();
    let mut difference = None;
    for fact in signatures.iter().filter(|fact| is_meant(&fact.signer)) {
        match difference_of(annotations, &fact.annotations) {
            None => {
                by.insert(fact.signer.clone());
            }
            Some(found) => difference = Some(found),
        }
    }
    match difference {
        _ if !by.is_empty() => Outcome::Satisfied { by },
        // What could not be read may be what is demanded: that it is not there is not known.
        _ if !complete => Outcome::SigstoreFailed,
        Some(difference) => difference,
        None if signatures.is_empty() => Outcome::NoSignature,
        None => Outcome::NotSignedBy {
            found: signatures.iter().map(|fact| fact.signer.clone()).collect(),
        },
    }
}

/// The first annotation that is not as demanded.
fn difference_of(
    demanded: &BTreeMap<String, String>,
    signed: &BTreeMap<String, String>,
) -> Option<Outcome> {
    demanded.iter().find_map(|(name, expected)| {
        let (name, expected) = (name.clone(), expected.clone());
        match signed.get(&name) {
            Some(found) if *found == expected => None,
            Some(found) => Some(Outcome::AnnotationDiffers {
                name,
                expected,
                found: found.clone(),
            }),
            None => Some(Outcome::AnnotationAbsent { name, expected }),
        }
    })
}

/// As many different signers as can each be the one of another part: the largest matching between parts and signers
/// (augmenting paths). A part that several signed and a signer of several parts both count once.
fn different_signers(parts: &[Report<'_>]) -> BTreeSet<SignerId> {
    let by: Vec<&BTreeSet<SignerId>> = parts
        .iter()
        .filter_map(|part| match &part.outcome {
            Outcome::Satisfied { by } => Some(by),
            _ => None,
        })
        .collect();
    let mut part_of: BTreeMap<&SignerId, usize> = BTreeMap::new();
    for part in 0..by.len() {
        assign(part, &by, &mut part_of, &mut BTreeSet::new());
    }
    part_of.into_keys().cloned().collect()
}

/// Finds a signer for `part`, moving other parts to other signers where that helps.
fn assign<'a>(
    part: usize,
    by: &[&'a BTreeSet<SignerId>],
    part_of: &mut BTreeMap<&'a SignerId, usize>,
    tried: &mut BTreeSet<&'a SignerId>,
) -> bool {
    for signer in by[part] {
        if !tried.insert(signer) {
            continue;
        }
        let free = match part_of.get(signer).copied() {
            None => true,
            Some(other) => assign(other, by, part_of, tried),
        };
        if free {
            part_of.insert(signer, part);
            return true;
        }
    }
    false
}
