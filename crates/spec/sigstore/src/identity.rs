//! Who may have signed: policies over the names and extensions of a verified certificate.

use regex::{Regex, RegexBuilder};

use crate::chain::VerifiedChain;
use crate::fulcio::FulcioExtensions;
use crate::limits;

/// How a text must be.
#[derive(Debug, Clone)]
pub enum TextRule {
    /// Exactly this.
    Exact(String),
    /// With a match of this expression anywhere in it: cosign does not anchor.
    Matching(Pattern),
}

/// A compiled regular expression in RE2's syntax, bounded in size.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

/// Why a text is no usable expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("regular expression {pattern:?}: {reason}")]
pub struct PatternError {
    /// The text.
    pub pattern: String,
    /// The compiler's reason.
    pub reason: String,
}

impl Pattern {
    /// Compiles an expression.
    ///
    /// # Errors
    /// Malformed, or above [`limits::PATTERN_BYTES`].
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let refused = |reason: String| PatternError {
            pattern: pattern.chars().take(200).collect(),
            reason,
        };
        if pattern.len() > limits::PATTERN_BYTES {
            return Err(refused(format!("{} bytes", pattern.len())));
        }
        RegexBuilder::new(pattern)
            .size_limit(limits::PATTERN_BYTES * 16)
            .build()
            .map(Self)
            .map_err(|error| refused(error.to_string()))
    }
}

impl TextRule {
    /// Whether the text is as it must be.
    #[must_use]
    pub fn accepts(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == text,
            Self::Matching(pattern) => pattern.0.is_match(text),
        }
    }
}

impl std::fmt::Display for TextRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(text) => f.write_str(text),
            Self::Matching(pattern) => write!(f, "/{}/", pattern.0.as_str()),
        }
    }
}

/// One identity that is accepted. There is no default, and accepting anybody must be asked for by name.
#[derive(Debug, Clone)]
pub struct IdentityPolicy {
    subject: Option<TextRule>,
    issuer: Option<TextRule>,
    github: GithubWorkflow,
}

/// What a certificate of GitHub Actions must say; what is absent may be anything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GithubWorkflow {
    /// The event that started the workflow.
    pub trigger: Option<String>,
    /// The commit.
    pub sha: Option<String>,
    /// The workflow's name.
    pub name: Option<String>,
    /// The repository, `owner/name`.
    pub repository: Option<String>,
    /// The branch or tag, `refs/…`.
    pub reference: Option<String>,
}

/// Proof that an accepted identity signed; made by [`IdentityPolicy::verify`] and [`verify_any`] only.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a proof is for something"]
pub struct AcceptedIdentity {
    subject: String,
    issuer: Option<String>,
}

impl AcceptedIdentity {
    /// The name that was accepted.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The token's issuer.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }
}

/// Why an identity is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Another workflow of GitHub's.
    #[error("GitHub workflow {field} is {}, expected {expected:?}", stated(found.as_deref()))]
    GithubWorkflow {
        /// Which field.
        field: &'static str,
        /// What the policy demands.
        expected: String,
        /// What the certificate says.
        found: Option<String>,
    },
    /// Another issuer of the token.
    #[error("issuer is {}, expected {expected}", stated(found.as_deref()))]
    Issuer {
        /// What the policy demands.
        expected: String,
        /// What the certificate says.
        found: Option<String>,
    },
    /// No policy was given: nobody is accepted.
    #[error("no identity is accepted")]
    NoPolicy,
    /// Another name.
    #[error("identity is {}, expected {expected}", listed(found))]
    Subject {
        /// What the policy demands.
        expected: String,
        /// The certificate's names.
        found: Vec<String>,
    },
}

impl IdentityPolicy {
    /// Accepts this subject from this issuer.
    #[must_use]
    pub fn new(subject: TextRule, issuer: TextRule) -> Self {
        Self {
            subject: Some(subject),
            issuer: Some(issuer),
            github: GithubWorkflow::default(),
        }
    }

    /// Accepts whoever the certificate authority certified. Only where another check decides who it was.
    #[must_use]
    pub fn dangerous_any_identity() -> Self {
        Self {
            subject: None,
            issuer: None,
            github: GithubWorkflow::default(),
        }
    }

    /// Demands the workflow, too.
    #[must_use]
    pub fn with_github_workflow(mut self, workflow: GithubWorkflow) -> Self {
        self.github = workflow;
        self
    }

    /// Checks the certificate of a verified chain.
    ///
    /// # Errors
    /// The first thing that differs.
    pub fn verify(&self, chain: &VerifiedChain) -> Result<AcceptedIdentity, IdentityError> {
        let leaf = chain.leaf();
        check_github(&self.github, leaf.extensions())?;
        let mut names = leaf.names().iter().map(|name| name.as_str());
        let subject = names
            .find(|name| self.subject.as_ref().is_none_or(|rule| rule.accepts(name)))
            .ok_or_else(|| IdentityError::Subject {
                expected: rule_text(self.subject.as_ref()),
                found: leaf
                    .names()
                    .iter()
                    .map(|name| name.as_str().to_owned())
                    .collect(),
            })?;
        let issuer = leaf.issuer();
        if let Some(rule) = &self.issuer
            && !issuer.is_some_and(|issuer| rule.accepts(issuer))
        {
            return Err(IdentityError::Issuer {
                expected: rule.to_string(),
                found: issuer.map(str::to_owned),
            });
        }
        Ok(AcceptedIdentity {
            subject: subject.to_owned(),
            issuer: issuer.map(str::to_owned),
        })
    }
}

/// Checks against several policies, of which one must accept.
///
/// # Errors
/// The last policy's reason; [`IdentityError::NoPolicy`] if there is none.
pub fn verify_any(
    policies: &[IdentityPolicy],
    chain: &VerifiedChain,
) -> Result<AcceptedIdentity, IdentityError> {
    let mut refusal = IdentityError::NoPolicy;
    for policy in policies {
        match policy.verify(chain) {
            Ok(accepted) => return Ok(accepted),
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

fn rule_text(rule: Option<&TextRule>) -> String {
    rule.map_or_else(|| "any".to_owned(), TextRule::to_string)
}

fn check_github(
    workflow: &GithubWorkflow,
    extensions: &FulcioExtensions,
) -> Result<(), IdentityError> {
    let fields = [
        (
            "trigger",
            &workflow.trigger,
            &extensions.github_workflow_trigger,
        ),
        ("sha", &workflow.sha, &extensions.github_workflow_sha),
        ("name", &workflow.name, &extensions.github_workflow_name),
        (
            "repository",
            &workflow.repository,
            &extensions.github_workflow_repository,
        ),
        ("ref", &workflow.reference, &extensions.github_workflow_ref),
    ];
    for (field, expected, found) in fields {
        if let Some(expected) = expected
            && found.as_ref() != Some(expected)
        {
            return Err(IdentityError::GithubWorkflow {
                field,
                expected: expected.clone(),
                found: found.clone(),
            });
        }
    }
    Ok(())
}

/// A text that is there or not, in a sentence.
pub(crate) fn stated(text: Option<&str>) -> String {
    text.map_or_else(|| "absent".to_owned(), |text| format!("{text:?}"))
}

/// Texts that anybody may have written, in a sentence.
pub(crate) fn listed(texts: &[String]) -> String {
    if texts.is_empty() {
        return "nothing".to_owned();
    }
    let shown: Vec<String> = texts
        .iter()
        .map(|text| text.escape_debug().to_string())
        .collect();
    shown.join(", ")
}
