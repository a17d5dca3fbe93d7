//! Why a signature is not accepted: cosign's words first, where scripts may look for them; then the remedy.

use pki::signature::VerifyError;
use sigstore::chain::ChainError;
use sigstore::verify::{LogError, Refusal, SctRefusal};

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
    use sigstore::timestamp::TimestampError;
    use tlog::sct::SctError;
    Some(match refusal {
        Refusal::CertificateExpected => "Verify it with --key and the signer's public key.",
        Refusal::KeyExpected => {
            "Verify it with --certificate-identity and --certificate-oidc-issuer in place of --key."
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
