//! Why a signature is not accepted: cosign's words first, where scripts may look for them; then the remedy.

use pki::signature::VerifyError;
use sigstore::chain::ChainError;
use sigstore::timestamp::TimestampError;
use sigstore::verify::{LogError, Refusal, SctRefusal};
use tlog::sct::SctError;

use crate::render::printable::printable;

/// The sentence, and below it what can be done.
pub(crate) fn text(refusal: &Refusal) -> String {
    let mut text = printable(&sentence(refusal)).into_owned();
    if let Some(remedy) = remedy(refusal) {
        text.push('\n');
        text.push_str(remedy);
    }
    text
}

/// The same of a signature that was just made, where other flags help.
pub(crate) fn of_new(refusal: &Refusal) -> String {
    let advice = match refusal {
        Refusal::Chain(ChainError::Expired { .. } | ChainError::NotYetValid { .. })
        | Refusal::Log {
            error: LogError::IntegratedTime(_),
            ..
        } => {
            "A certificate lives for minutes: the clocks of the certificate authority, the log and the timestamp server \
             do not agree."
        }
        Refusal::Chain(_)
        | Refusal::Log {
            error: LogError::UnknownLog { .. } | LogError::OutsideWindow,
            ..
        }
        | Refusal::Sct(SctRefusal::Sct(SctError::UnknownLog { .. }))
        | Refusal::Timestamp {
            error: TimestampError::NoAuthority | TimestampError::UnknownSigner,
            ..
        } => {
            "Those who are trusted here come from --trusted-root, the SIGSTORE_… variables or 'cosign initialize', and \
             must be the services that sign."
        }
        Refusal::Sct(_) => {
            "The certificate authority did not get a proper promise of a certificate log; if it has no such log, sign \
             with --insecure-skip-verify."
        }
        Refusal::Log { .. } | Refusal::Timestamp { .. } => {
            "The service is at fault, or another answers in its place."
        }
        _ => return text(refusal),
    };
    format!("{}\n{advice}", printable(&sentence(refusal)))
}

/// One line.
pub(crate) fn sentence(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Annotation(mismatch) => format!("missing or incorrect annotation: {mismatch}"),
        Refusal::Artifact { .. } => {
            format!("provided artifact digest does not match any digest in statement: {refusal}")
        }
        Refusal::Chain(_) => format!("cert verification failed: {refusal}"),
        Refusal::Identity(_) => format!(
            "none of the expected identities matched what was in the certificate: {refusal}"
        ),
        Refusal::KeyExpected => format!("expected key signature, not certificate: {refusal}"),
        Refusal::PredicateType { expected, found } => {
            format!("invalid predicate type, expected {expected} got {found}")
        }
        Refusal::Signature(VerifyError::Mismatch) => {
            "invalid signature when validating ASN.1 encoded signature".to_owned()
        }
        _ => refusal.to_string(),
    }
}

fn remedy(refusal: &Refusal) -> Option<&'static str> {
    Some(match refusal {
        Refusal::CertificateExpected => "Verify it with --key and the signer's public key.",
        Refusal::KeyExpected => {
            "Verify it with --certificate-identity and --certificate-oidc-issuer in place of --key."
        }
        Refusal::Chain(ChainError::Expired { .. } | ChainError::NotYetValid { .. }) => {
            "It takes a log entry or a timestamp of the time when it was valid; without any it is judged now."
        }
        Refusal::Chain(ChainError::NoAuthority | ChainError::Path { .. }) => {
            "Authorities come from --trusted-root, --ca-roots, SIGSTORE_ROOT_FILE, or 'cosign initialize'."
        }
        Refusal::Log {
            error: LogError::UnknownLog { .. },
            ..
        } => {
            "Keys of logs come from --trusted-root, SIGSTORE_REKOR_PUBLIC_KEY, or 'cosign initialize'."
        }
        Refusal::Log {
            error: LogError::OtherThan { .. },
            ..
        } => "The log has it for another file or another key: this is not what was signed.",
        Refusal::LogAbsent => {
            "If it was signed without a log, say so with --insecure-ignore-tlog, or with --private-infrastructure."
        }
        Refusal::NoTrustedTime => {
            "A certificate lives for minutes: it takes a log or a timestamp to tell when it signed."
        }
        Refusal::Sct(SctRefusal::Absent) => {
            "If its authority has no certificate log, say so with --insecure-ignore-sct."
        }
        Refusal::Sct(SctRefusal::Sct(SctError::UnknownLog { .. })) => {
            "Keys of certificate logs come from --trusted-root, SIGSTORE_CT_LOG_PUBLIC_KEY_FILE, or 'cosign initialize'."
        }
        Refusal::Signature(VerifyError::Mismatch) => "It is another key's, or over something else.",
        Refusal::Timestamp {
            error: TimestampError::NoAuthority | TimestampError::UnknownSigner,
            ..
        } => {
            "Timestamp authorities come from --trusted-root, --timestamp-certificate-chain, \
             SIGSTORE_TSA_CERTIFICATE_FILE, or 'cosign initialize'."
        }
        _ => return None,
    })
}
