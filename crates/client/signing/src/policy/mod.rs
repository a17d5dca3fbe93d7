//! `countersign.toml`: who must have signed the images of which repositories; pure.
//!
//! ```toml
//! [keys]                                     # a file, the URI of a kept key, or PEM
//! release = "release.pub"
//! backup = "awskms:///alias/backup"
//!
//! [identities.pipeline]                      # or subject-regexp, issuer-regexp
//! subject = "https://gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main"
//! issuer = "https://gitlab.com"
//!
//! [[rules]]
//! repositories = ["registry.example.com/acme/*"]
//! annotations = { stage = "prod" }           # of every signature by a key or an identity
//! all = [
//!   { role = "targets/releases" },           # content trust
//!   { at-least = 2, of = [{ key = "release" }, { key = "backup" }, { identity = "pipeline" }] },
//! ]
//!
//! [[rules]]
//! repositories = ["localhost:5000/**"]
//! accept-unsigned = true
//!
//! [sign]                                     # what `countersign sign` does
//! systems = ["content-trust", "sigstore"]
//! key = "release.key"                        # or keyless = true
//! format = "both"
//! annotations = { stage = "prod" }
//! ```
//!
//! The first rule with a pattern that matches decides, and no other is looked at; an image that no rule is for is
//! denied. A pattern that an earlier one covers could never decide, so the file is refused, and with it everything else
//! that is not understood: a policy that is read differently than it was meant is worse than none.
//!
//! `all` and `any` are about requirements: one signer may satisfy several. `at-least` is about signers: each counts
//! once, however many requirements and signatures it satisfies.

mod evaluate;
mod parse;
mod pattern;
mod sign;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use oci::Repository;
use sigstore::identity::{IdentityPolicy, TextRule};

pub use evaluate::{
    ContentTrustFact, Decision, Facts, Outcome, Report, Requires, SignatureFact, SignerId,
    SigstoreFact, Verdict,
};
pub use parse::{POLICY_BYTES, PolicyError, PolicyFault};
pub use pattern::{Pattern, PatternError};
pub use sign::{SignSettings, Signing, parse_formats};

/// The policy's usual name.
pub const FILE_NAME: &str = "countersign.toml";

/// A parsed policy.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    keys: BTreeMap<String, String>,
    identities: BTreeMap<String, Identity>,
    rules: Vec<Rule>,
    trusted_root: Option<String>,
    sign: Option<SignSettings>,
}

/// Somebody with a certificate.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The name in the certificate.
    pub subject: TextRule,
    /// Who issued the token.
    pub issuer: TextRule,
}

/// What is demanded of some repositories.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its line in the file, from 1; none if it is of no file.
    pub line: Option<usize>,
    /// Its repositories, at least one.
    pub patterns: Vec<Pattern>,
    /// What is demanded.
    pub demand: Demand,
}

/// What a rule demands.
#[derive(Debug, Clone)]
pub enum Demand {
    /// Nothing.
    AcceptUnsigned,
    /// What no image is.
    Deny,
    /// Signatures.
    Require(Requirement),
}

/// What has to be signed by whom.
#[derive(Debug, Clone)]
pub enum Requirement {
    /// Each of them; at least one.
    All(Vec<Self>),
    /// One of them; at least one.
    Any(Vec<Self>),
    /// So many different signers.
    AtLeast {
        /// How many, from 1 to the number of the others.
        count: usize,
        /// By whom.
        of: Vec<SignedBy>,
    },
    /// One signer.
    SignedBy(SignedBy),
}

/// One signer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedBy {
    /// An identity of the policy.
    Identity {
        /// Its name there.
        name: String,
        /// What the same signature has to carry.
        annotations: BTreeMap<String, String>,
    },
    /// A key of the policy.
    Key {
        /// Its name there.
        name: String,
        /// What the same signature has to carry.
        annotations: BTreeMap<String, String>,
    },
    /// A role of content trust: `targets` or a delegation.
    Role(String),
}

/// What has to be looked at to judge by a rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs<'p> {
    /// Roles of content trust.
    pub roles: BTreeSet<&'p str>,
    /// Names of keys.
    pub keys: BTreeSet<&'p str>,
    /// Names of identities.
    pub identities: BTreeSet<&'p str>,
    /// Whether some signature has to carry annotations.
    pub annotations: bool,
}

impl Policy {
    /// The same demand for every repository, as flags make it. A signer of `requirement` that is not among `keys` and
    /// `identities` has not signed.
    #[must_use]
    pub fn everywhere(
        keys: BTreeMap<String, String>,
        identities: BTreeMap<String, Identity>,
        requirement: Requirement,
    ) -> Self {
        Self {
            keys,
            identities,
            rules: vec![Rule {
                line: None,
                patterns: vec![Pattern::parse("**").expect("the pattern of everything")],
                demand: Demand::Require(requirement),
            }],
            trusted_root: None,
            sign: None,
        }
    }

    /// The trusted root for identities, as the file says where it is.
    #[must_use]
    pub fn trusted_root(&self) -> Option<&str> {
        self.trusted_root.as_deref()
    }

    /// What `sign` is to do.
    #[must_use]
    pub const fn sign(&self) -> Option<&SignSettings> {
        self.sign.as_ref()
    }

    /// The keys by name, as the file says where they are: relative to the file, if it is a file.
    #[must_use]
    pub fn keys(&self) -> &BTreeMap<String, String> {
        &self.keys
    }

    /// The identities by name.
    #[must_use]
    pub fn identities(&self) -> &BTreeMap<String, Identity> {
        &self.identities
    }

    /// The rules in order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule that decides about a repository.
    #[must_use]
    pub fn rule_for(&self, repository: &Repository) -> Option<&Rule> {
        let matches = |rule: &&Rule| rule.patterns.iter().any(|known| known.matches(repository));
        self.rules.iter().find(matches)
    }

    /// Whether images of `repository` are denied whatever is known about them: by their rule, or because they have none.
    #[must_use]
    pub fn denies(&self, repository: &Repository) -> bool {
        self.rule_for(repository)
            .is_none_or(|rule| matches!(rule.demand, Demand::Deny))
    }
}

impl Identity {
    /// The same, for the verification of certificates.
    #[must_use]
    pub fn to_policy(&self) -> IdentityPolicy {
        IdentityPolicy::new(self.subject.clone(), self.issuer.clone())
    }
}

impl Rule {
    /// What has to be looked at.
    #[must_use]
    pub fn needs(&self) -> Needs<'_> {
        let mut needs = Needs::default();
        if let Demand::Require(requirement) = &self.demand {
            requirement.add_needs(&mut needs);
        }
        needs
    }
}

impl Requirement {
    fn add_needs<'p>(&'p self, needs: &mut Needs<'p>) {
        match self {
            Self::All(each) | Self::Any(each) => {
                for requirement in each {
                    requirement.add_needs(needs);
                }
            }
            Self::AtLeast { of, .. } => of.iter().for_each(|one| one.add_needs(needs)),
            Self::SignedBy(one) => one.add_needs(needs),
        }
    }
}

impl SignedBy {
    /// A role of content trust; none if it has no such roles.
    #[must_use]
    pub fn role(name: &str) -> Option<Self> {
        parse::is_role(name).then(|| Self::Role(name.to_owned()))
    }

    fn add_needs<'p>(&'p self, needs: &mut Needs<'p>) {
        match self {
            Self::Identity { name, annotations } => {
                needs.identities.insert(name);
                needs.annotations |= !annotations.is_empty();
            }
            Self::Key { name, annotations } => {
                needs.keys.insert(name);
                needs.annotations |= !annotations.is_empty();
            }
            Self::Role(role) => {
                needs.roles.insert(role);
            }
        }
    }

    /// Whether both are about the same signer, whatever has to be signed along.
    fn is_same_signer(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Identity { name: one, .. }, Self::Identity { name: other, .. })
            | (Self::Key { name: one, .. }, Self::Key { name: other, .. })
            | (Self::Role(one), Self::Role(other)) => one == other,
            _ => false,
        }
    }
}

impl std::fmt::Display for SignedBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Identity { name, .. } => write!(f, "identity {name}"),
            Self::Key { name, .. } => write!(f, "key {name}"),
            Self::Role(role) => write!(f, "role {role}"),
        }
    }
}
