//! Whom and what a verifying command trusts, by its flags and the environment.

use std::path::{Path, PathBuf};

use pki::signature::{VerifyingKey, VerifyingKeyFileError};
use signing::discover::Kind;
use signing::verify::{BlobEvidence, BlobRequest, Proofs, Request, Whose};
use sigstore::chain::Window;
use sigstore::fulcio::{CertificateError, chain_from_pem};
use sigstore::identity::{GithubWorkflow, IdentityPolicy, Pattern, PatternError, TextRule};
use sigstore::trust::{
    LooseError, TransparencyLog, TrustedRoot, certificate_authorities, timestamp_authority,
};
use sigstore::verify::{Artifact, Because, Rule, TimestampRule};
use thiserror::Error;

use super::error::Error;
use super::flags::{
    CA_INTERMEDIATES, CA_ROOTS, CERTIFICATE_CHAIN, IDENTITY, IDENTITY_REGEXP, IGNORE_SCT,
    IGNORE_TLOG, ISSUER, ISSUER_REGEXP, KEY, OFFLINE, PRIVATE_INFRASTRUCTURE, REKOR_URL, SCT,
    TIMESTAMP_CHAIN, TRUSTED_ROOT, USE_SIGNED_TIMESTAMPS, WORKFLOW_NAME, WORKFLOW_REF,
    WORKFLOW_REPOSITORY, WORKFLOW_SHA, WORKFLOW_TRIGGER,
};
use super::{Context, conflicts, files, given, keys, trust_ops};
use crate::cobra::{Flag, Matches};

const ROOT_FILE: &str = "SIGSTORE_ROOT_FILE";
const REKOR_KEY: &str = "SIGSTORE_REKOR_PUBLIC_KEY";
const CT_KEY: &str = "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE";
const TSA_FILE: &str = "SIGSTORE_TSA_CERTIFICATE_FILE";

/// What is verified, as warnings name it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject {
    Attestation,
    Blob,
    BlobAttestation,
    Signature,
}

/// The demands of one command.
#[derive(Debug)]
pub(crate) struct Verification {
    pub(crate) whose: Whose,
    pub(crate) proofs: Proofs,
    pub(crate) trust: TrustedRoot,
    /// The log that is asked for the entries of signatures that came without one.
    pub(crate) log: Option<String>,
}

/// Why a command cannot tell whom or what to trust.
#[derive(Debug, Error)]
pub enum VerificationError {
    /// A file with certificates.
    #[error("{}: {source}", path.display())]
    Certificates {
        /// The file as the user named it.
        path: PathBuf,
        /// What is wrong.
        source: CertificateError,
    },
    /// Certificates that make no authority.
    #[error("{}: {source}", path.display())]
    Authorities {
        /// The file as the user named it.
        path: PathBuf,
        /// What is wrong.
        source: LooseError,
    },
    /// A file with the key of a log.
    #[error("{}: {source}", path.display())]
    LogKey {
        /// The file as the user named it.
        path: PathBuf,
        /// What is wrong.
        source: VerifyingKeyFileError,
    },
    /// Neither key nor identity.
    #[error(
        "--certificate-identity or --certificate-identity-regexp is required for verification in keyless mode"
    )]
    NoIdentity,
    /// An identity, and nothing that says who must vouch for it.
    #[error(
        "--certificate-oidc-issuer or --certificate-oidc-issuer-regexp is required for verification in keyless mode"
    )]
    NoIssuer,
    /// A regular expression that is none.
    #[error("error parsing regexp: --{flag}: {source}")]
    Pattern {
        /// The flag.
        flag: &'static str,
        /// What is wrong.
        source: PatternError,
    },
}

impl Verification {
    /// Reads the flags of [`super::flags::VERIFICATION`], and what they name.
    ///
    /// # Errors
    /// Flags that contradict each other, files that cannot be used, or nothing that says whom to trust.
    pub(crate) fn of(
        context: &Context<'_>,
        matches: &Matches,
        subject: Subject,
    ) -> Result<Self, Error> {
        conflicts::check_verification(matches)?;
        let log = log_rule(context, matches, subject);
        keys::refuse_security_key(matches)?;
        if given(matches, &SCT).is_some() {
            return Err(Error::Unsupported {
                what: "--sct",
                instead: "Certificates carry their promises of a log; --insecure-ignore-sct does without.",
            });
        }
        let whose = whose(context, matches)?;
        let timestamp = if matches.on(&USE_SIGNED_TIMESTAMPS) {
            TimestampRule::Required
        } else {
            TimestampRule::IfThere
        };
        let is_certified = matches!(whose, Whose::Identities(_));
        let is_stamped = timestamp == TimestampRule::Required;
        let anybody = is_certified || is_stamped || log == Rule::Required;
        let names_log = given(matches, &REKOR_URL).is_some();
        let (trust, log) = match trust(context, matches, anybody) {
            // As a key signs without a log where none is named, it is verified without one.
            Err(Error::NoTrust) if !is_certified && !is_stamped && !names_log => {
                (TrustedRoot::default(), Rule::Waived(Because::NoLogNamed))
            }
            trust => (trust?, log),
        };
        Ok(Self {
            trust,
            whose,
            log: given(matches, &REKOR_URL)
                .filter(|_| log == Rule::Required && !matches.on(&OFFLINE))
                .map(str::to_owned),
            proofs: Proofs {
                log,
                sct: if matches.on(&IGNORE_SCT) {
                    Rule::Waived(Because::FlagInsecureIgnoreSct)
                } else {
                    Rule::Required
                },
                timestamp,
                // As in cosign: of the older form, one that is there is used, and none is demanded.
                legacy_timestamp: TimestampRule::IfThere,
            },
        })
    }

    /// What an image's signatures or attestations must be.
    pub(crate) fn request(&self, kind: Kind) -> Request {
        let mut request = Request::new(self.whose.clone(), kind);
        request.proofs = self.proofs;
        request
    }

    /// Completes what came with a file by what the log that was named has, if one was.
    ///
    /// # Errors
    /// The log cannot be asked.
    pub(crate) fn looked_up(
        &self,
        context: &Context<'_>,
        evidence: BlobEvidence,
        artifact: &Artifact<'_>,
    ) -> Result<BlobEvidence, Error> {
        let Some(log) = &self.log else {
            return Ok(evidence);
        };
        let mut ops = keys::services(context)?;
        ops.look_up(log, evidence, artifact, &self.whose)
    }

    /// The demands on a file, of which a timestamp in a file of its own is one.
    pub(crate) fn of_blob(&self) -> BlobRequest {
        BlobRequest {
            whose: self.whose.clone(),
            proofs: Proofs {
                legacy_timestamp: self.proofs.timestamp,
                ..self.proofs
            },
        }
    }
}

impl Subject {
    fn name(self) -> &'static str {
        match self {
            Self::Attestation => "attestation",
            Self::Blob => "blob",
            Self::BlobAttestation => "blob attestation",
            Self::Signature => "signature",
        }
    }
}

fn log_rule(context: &Context<'_>, matches: &Matches, subject: Subject) -> Rule {
    if matches.on(&IGNORE_TLOG) {
        context.session.process.err(format_args!(
            "WARNING: Skipping tlog verification is an insecure practice that lacks transparency and auditability \
             verification for the {}.\n",
            subject.name()
        ));
        Rule::Waived(Because::FlagInsecureIgnoreTlog)
    } else if matches.on(&PRIVATE_INFRASTRUCTURE) {
        Rule::Waived(Because::FlagPrivateInfrastructure)
    } else {
        Rule::Required
    }
}

fn whose(context: &Context<'_>, matches: &Matches) -> Result<Whose, Error> {
    if let Some(reference) = given(matches, &KEY) {
        let key = keys::public(context, reference)?;
        return Ok(Whose::Keys(vec![key]));
    }
    let subject =
        rule(matches, &IDENTITY, &IDENTITY_REGEXP)?.ok_or(VerificationError::NoIdentity)?;
    let issuer = rule(matches, &ISSUER, &ISSUER_REGEXP)?.ok_or(VerificationError::NoIssuer)?;
    let text = |flag| given(matches, flag).map(str::to_owned);
    let workflow = GithubWorkflow {
        trigger: text(&WORKFLOW_TRIGGER),
        sha: text(&WORKFLOW_SHA),
        name: text(&WORKFLOW_NAME),
        repository: text(&WORKFLOW_REPOSITORY),
        reference: text(&WORKFLOW_REF),
    };
    let policy = IdentityPolicy::new(subject, issuer).with_github_workflow(workflow);
    Ok(Whose::Identities(vec![policy]))
}

fn rule(
    matches: &Matches,
    exact: &'static Flag,
    regexp: &'static Flag,
) -> Result<Option<TextRule>, Error> {
    Ok(match (given(matches, exact), given(matches, regexp)) {
        (Some(text), _) => Some(TextRule::Exact(text.to_owned())),
        (None, Some(pattern)) => {
            let flag = regexp.name;
            let pattern = Pattern::new(pattern)
                .map_err(|source| VerificationError::Pattern { flag, source })?;
            Some(TextRule::Matching(pattern))
        }
        (None, None) => None,
    })
}

/// The trusted root of a file; else certificates and keys that flags or the environment name, and for the rest the
/// repository that the user initialised. `anybody`: whether the demands need somebody to be trusted at all.
pub(crate) fn trust(
    context: &Context<'_>,
    matches: &Matches,
    anybody: bool,
) -> Result<TrustedRoot, Error> {
    if let Some(path) = given(matches, &TRUSTED_ROOT) {
        return trusted_root(context, path);
    }
    let named = Named::read(context, matches)?;
    if named.is_enough(anybody) {
        return Ok(named.over(TrustedRoot::default()));
    }
    let offline = matches.on(&OFFLINE);
    match context
        .session
        .uses
        .sigstore_trust(context.session)?
        .load(offline)?
    {
        Some(loaded) => {
            trust_ops::warn_of_age(context, &loaded);
            Ok(named.over(loaded.material.trusted_root))
        }
        None if named.is_none() => Err(Error::NoTrust),
        None => Ok(named.over(TrustedRoot::default())),
    }
}

/// Whom the environment names, one by one.
///
/// # Errors
/// Files that cannot be used.
pub(super) fn trust_of_environment(context: &Context<'_>) -> Result<TrustedRoot, Error> {
    Ok(Named::read(context, &Matches::default())?.over(TrustedRoot::default()))
}

/// A trusted root in a file.
pub(crate) fn trusted_root(context: &Context<'_>, path: &str) -> Result<TrustedRoot, Error> {
    let limit = files::most(sigstore::limits::TRUST_BYTES);
    let json = files::read(context.session.process, Path::new(path), limit)?;
    TrustedRoot::parse(&json).map_err(|source| Error::TrustedRoot {
        path: path.into(),
        source,
    })
}

/// Instances that flags or the environment name; none: not named.
#[derive(Debug, Default)]
struct Named {
    authorities: Option<Vec<sigstore::chain::Authority>>,
    timestamp_authorities: Option<Vec<sigstore::chain::Authority>>,
    logs: Option<Vec<TransparencyLog>>,
    ct_logs: Option<Vec<TransparencyLog>>,
}

impl Named {
    fn read(context: &Context<'_>, matches: &Matches) -> Result<Self, Error> {
        let process = context.session.process;
        let from = |flag: Option<&'static Flag>, variable: &str| {
            flag.and_then(|flag| given(matches, flag))
                .or_else(|| process.var(variable))
        };
        let authority_files: Vec<&str> = [&CA_ROOTS, &CA_INTERMEDIATES, &CERTIFICATE_CHAIN]
            .into_iter()
            .filter_map(|flag| given(matches, flag))
            .collect();
        let authority_files = match (authority_files.as_slice(), process.var(ROOT_FILE)) {
            ([], Some(file)) => vec![file],
            _ => authority_files,
        };
        Ok(Self {
            authorities: authorities(context, &authority_files)?,
            timestamp_authorities: from(Some(&TIMESTAMP_CHAIN), TSA_FILE)
                .map(|path| {
                    let chain = certificates(context, path)?;
                    timestamp_authority("", &chain, Window::default())
                        .map(|authority| vec![authority])
                        .map_err(|source| unfit(path, source))
                })
                .transpose()?,
            logs: from(None, REKOR_KEY)
                .map(|path| log(context, path))
                .transpose()?,
            ct_logs: from(None, CT_KEY)
                .map(|path| log(context, path))
                .transpose()?,
        })
    }

    fn is_none(&self) -> bool {
        self.authorities.is_none()
            && self.timestamp_authorities.is_none()
            && self.logs.is_none()
            && self.ct_logs.is_none()
    }

    /// Whether nothing else could be needed.
    fn is_enough(&self, anybody: bool) -> bool {
        !anybody || (self.authorities.is_some() && self.logs.is_some() && self.ct_logs.is_some())
    }

    fn over(self, root: TrustedRoot) -> TrustedRoot {
        TrustedRoot {
            certificate_authorities: self.authorities.unwrap_or(root.certificate_authorities),
            logs: self.logs.unwrap_or(root.logs),
            ct_logs: self.ct_logs.unwrap_or(root.ct_logs),
            timestamp_authorities: self
                .timestamp_authorities
                .unwrap_or(root.timestamp_authorities),
        }
    }
}

fn authorities(
    context: &Context<'_>,
    paths: &[&str],
) -> Result<Option<Vec<sigstore::chain::Authority>>, Error> {
    let Some(first) = paths.first() else {
        return Ok(None);
    };
    let mut all = Vec::new();
    for path in paths {
        all.extend(certificates(context, path)?);
    }
    certificate_authorities("", &all, Window::default())
        .map(Some)
        .map_err(|source| unfit(first, source))
}

fn unfit(path: &str, source: LooseError) -> Error {
    VerificationError::Authorities {
        path: path.into(),
        source,
    }
    .into()
}

fn certificates(context: &Context<'_>, path: &str) -> Result<Vec<Vec<u8>>, Error> {
    let bytes = files::read(context.session.process, Path::new(path), files::PEM_LIMIT)?;
    let text = String::from_utf8_lossy(&bytes);
    chain_from_pem(&text).map_err(|source| {
        VerificationError::Certificates {
            path: path.into(),
            source,
        }
        .into()
    })
}

fn log(context: &Context<'_>, path: &str) -> Result<Vec<TransparencyLog>, Error> {
    let pem = files::read(context.session.process, Path::new(path), files::PEM_LIMIT)?;
    let key = VerifyingKey::from_pem(&pem).map_err(|source| VerificationError::LogKey {
        path: path.into(),
        source,
    })?;
    let log = TransparencyLog::of_key(String::new(), key, Window::default());
    Ok(vec![log])
}
