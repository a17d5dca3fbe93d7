//! Why a signature, or an image, is not as demanded: a code that stays, what was expected and found, what to do next.

use serde::Serialize;
use signing::PlaceError;
use signing::discover::CandidateError;
use signing::verify::{VerifyError, VerifyFailure};
use sigstore::chain::ChainError;
use sigstore::identity::IdentityError;
use sigstore::verify::{LogError, Refusal, SctRefusal};

use crate::render::printable::printable;
use crate::render::registry::problem;

/// One reason. Codes are an interface: they are only ever added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// For programs: `wrong-key`.
    pub code: &'static str,
    /// For people: what was expected, what was found.
    pub message: String,
    /// What to do next.
    pub remedy: &'static str,
}

impl Reason {
    pub(crate) fn new(code: &'static str, message: impl ToString, remedy: &'static str) -> Self {
        Self {
            code,
            message: message.to_string(),
            remedy,
        }
    }

    /// The check that failed.
    #[must_use]
    pub fn of_refusal(refusal: &Refusal) -> Self {
        let (code, remedy) = match refusal {
            Refusal::Annotation(mismatch) if mismatch.found.is_none() => (
                "annotation-absent",
                "Sign with this annotation (-a), or do not demand it.",
            ),
            Refusal::Annotation(_) => (
                "annotation-differs",
                "The signature says something else: sign again with this value, or demand the one that is there.",
            ),
            Refusal::AnnotationsImpossible => (
                "annotations-impossible",
                "Sign the image with `countersign sign` or `cosign sign`, which put annotations into the signature.",
            ),
            Refusal::Artifact { .. } => (
                "other-image",
                "The signature is genuine but about another image: somebody copied it here. Sign this image.",
            ),
            Refusal::CertificateExpected => (
                "no-certificate",
                "It is signed with a bare key: give the key with --key, or sign with an identity.",
            ),
            Refusal::Chain(error) => chain(error),
            Refusal::Identity(error) => identity(error),
            Refusal::KeyExpected => (
                "certificate-not-key",
                "It is signed with an identity: give --identity and --issuer instead of --key.",
            ),
            Refusal::Log { error, .. } => log(error),
            Refusal::LogAbsent => (
                "log-absent",
                "Sign with a transparency log (--rekor-url or a signing configuration), or do not demand one.",
            ),
            Refusal::NoTrustedTime => (
                "no-trusted-time",
                "Sign with a transparency log or a timestamp authority: a certificate lives for minutes.",
            ),
            Refusal::PredicateType { .. } => (
                "other-predicate",
                "This is an attestation of another kind, not what was asked for.",
            ),
            Refusal::Sct(error) => sct(error),
            Refusal::Signature(_) => (
                "wrong-key",
                "It was signed with another key, or changed since: give the signer's public key, or sign again.",
            ),
            Refusal::Timestamp { .. } => (
                "timestamp-invalid",
                "The timestamp does not hold: check that the trusted root has the authority that stamped it.",
            ),
            Refusal::TimestampAbsent => (
                "timestamp-absent",
                "Sign with a timestamp authority (--timestamp-server-url), or do not demand one.",
            ),
            Refusal::Envelope(_)
            | Refusal::SignatureCount { .. }
            | Refusal::SimpleSigning(_)
            | Refusal::Statement(_) => (
                "malformed",
                "What is attached is no signature of a known form: remove it with `countersign cosign clean`.",
            ),
        };
        Self::new(code, printable(&refusal.to_string()), remedy)
    }

    /// A document that could not be read.
    #[must_use]
    pub fn of_unreadable(error: &CandidateError) -> Self {
        let (code, remedy) = match error {
            CandidateError::Fetch(_) => (
                "unreadable",
                "The registry lists it but does not give it: try again; if that stays, sign again.",
            ),
            CandidateError::TooLarge { .. }
            | CandidateError::TooManyLayers { .. }
            | CandidateError::TooMuch { .. } => (
                "too-large",
                "More than is read from a registry: look at what is attached with `countersign cosign tree`.",
            ),
            _ => (
                "malformed",
                "What is attached is no signature of a known form: remove it with `countersign cosign clean`.",
            ),
        };
        Self::new(code, printable(&error.to_string()), remedy)
    }

    /// No signature of the image is as demanded.
    #[must_use]
    pub fn of_failure(failure: &VerifyFailure) -> Self {
        let (code, remedy) = match failure {
            VerifyFailure::Incomplete => (
                "incomplete",
                "A part of what is attached could not be read: try again.",
            ),
            VerifyFailure::NoCertificate => (
                "no-certificate",
                "It is signed with a bare key: give the key with --key, or sign with an identity.",
            ),
            VerifyFailure::NoneMatched { .. } => (
                "none-matched",
                "--explain shows each signature with the check that failed.",
            ),
            VerifyFailure::NoSignature {
                image_absent: true, ..
            } => ("no-such-image", "Check the digest and the repository."),
            VerifyFailure::NoSignature { others, .. } if others.is_empty() => {
                ("no-signature", "Sign it: `countersign sign IMAGE`.")
            }
            VerifyFailure::NoSignature { .. } => (
                "no-signature",
                "There are attestations about it, which say nothing about who approved it: `countersign sign IMAGE`.",
            ),
        };
        Self::new(code, failure, remedy)
    }

    /// Nothing is known about the image.
    #[must_use]
    pub fn of_error(error: &VerifyError) -> Self {
        match error {
            VerifyError::NoSuchImage(_) => Self::new(
                "no-such-image",
                printable(&error.to_string()),
                "Check the tag or digest, and the repository's name.",
            ),
            VerifyError::Log(_) => Self::new(
                "log-unreachable",
                printable(&error.to_string()),
                "The log that was named could not be asked: check its address, and try again.",
            ),
            VerifyError::Place(place) => Self::of_place(place),
        }
    }

    fn of_place(error: &PlaceError) -> Self {
        let message = match error {
            PlaceError::Registry(error) => problem(error),
            error => error.to_string(),
        };
        let (code, remedy) = if error.is_refused() {
            ("registry-denied", "Log in: `docker login REGISTRY`.")
        } else if error.is_unreachable() {
            (
                "registry-unreachable",
                "Nothing is known about the image: check the name, the network and the proxy, and try again.",
            )
        } else {
            (
                "registry-error",
                "Nothing is known about the image: try again.",
            )
        };
        Self::new(code, printable(&message), remedy)
    }
}

fn chain(error: &ChainError) -> (&'static str, &'static str) {
    match error {
        ChainError::NoAuthority => (
            "no-trusted-root",
            "Give the trusted root of the certificate authority: --trusted-root, or `countersign cosign initialize`.",
        ),
        ChainError::NoTime => (
            "no-trusted-time",
            "Sign with a transparency log or a timestamp authority: a certificate lives for minutes.",
        ),
        ChainError::Expired { .. }
        | ChainError::NotYetValid { .. }
        | ChainError::OutsideWindow { .. }
        | ChainError::Path { .. } => (
            "untrusted-certificate",
            "The certificate is not from an authority of the trusted root, or was not valid when it signed.",
        ),
    }
}

fn identity(error: &IdentityError) -> (&'static str, &'static str) {
    match error {
        IdentityError::GithubWorkflow { .. } => (
            "workflow-differs",
            "Demand the workflow that signed, if you trust it.",
        ),
        IdentityError::Issuer { .. } => (
            "issuer-differs",
            "Demand the issuer that the certificate names (--issuer), if you trust it.",
        ),
        IdentityError::NoPolicy | IdentityError::Subject { .. } => (
            "identity-differs",
            "Demand the identity that signed (--identity), if you trust it; on a tag's pipeline it ends in refs/tags/….",
        ),
    }
}

fn log(error: &LogError) -> (&'static str, &'static str) {
    match error {
        LogError::UnknownLog { .. } | LogError::OutsideWindow => (
            "log-untrusted",
            "Give the trusted root that has this log: --trusted-root, or `countersign cosign initialize`.",
        ),
        LogError::OtherThan { .. } | LogError::Kind { .. } => (
            "log-entry-differs",
            "The log's entry is about another signature: sign again.",
        ),
        _ => (
            "log-invalid",
            "What the log says does not hold: do not use the image before this is understood.",
        ),
    }
}

fn sct(error: &SctRefusal) -> (&'static str, &'static str) {
    match error {
        SctRefusal::Absent => (
            "sct-absent",
            "The certificate was not logged: let the certificate authority log it, or do not demand it.",
        ),
        _ => (
            "sct-invalid",
            "Give the trusted root that has the CT log: --trusted-root, or `countersign cosign initialize`.",
        ),
    }
}
