//! What the persona refuses, in sentences that say what to do: cosign's words first, where scripts may look for them.

use std::io;
use std::path::Path;

use pki::cosign_key::CosignKeyError;
use pki::keyfile::UnlockError;
use pki::signature::VerifyingKeyFileError;
use signing::convert::ConvertError;
use signing::sign::SignError;
use signing::verify::BlobFailure;

use super::error::Error;
use super::verification::VerificationError;
use super::{carry_error, refusals, services};
use crate::render::{
    self,
    printable::{printable, printable_lines},
};

impl Error {
    /// The words after `Error: `.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Conflict { drop, .. } => format!("{self}\nDrop --{drop}."),
            Self::Declined
            | Self::PasswordsDiffer
            | Self::Required { .. }
            | Self::Store(_)
            | Self::Input(_)
            | Self::KeyReference(_)
            | Self::KeyAddress { .. }
            | Self::KeyServiceFile(_)
            | Self::NoHome
            | Self::Provider(_)
            | Self::Service(_)
            | Self::TooManyManifests { .. }
            | Self::Usage { .. } => self.to_string(),
            Self::Reference { text, source } => format!(
                "parsing reference: could not parse reference: {}: {source}\nWrite it as HOST/REPOSITORY:TAG or \
                 HOST/REPOSITORY@sha256:DIGEST.",
                printable(text)
            ),
            Self::ImageMissing {
                image,
                by_digest: false,
            } => format!(
                "image tag not found: {}\nCheck the name and the tag, or push the image first.",
                printable(image)
            ),
            Self::ImageMissing {
                image,
                by_digest: true,
            } => {
                format!("image not found: {}", printable(image))
            }
            Self::Carry(error) => carry_error::text(error),
            Self::Images(error) => error.text(),
            Self::Attach { place, source } => carry_error::attach(place, source),
            Self::NothingAttached {
                image,
                sought,
                ask_for_platform,
            } => {
                let mut text = printable(&sought.none(image)).into_owned();
                if *ask_for_platform {
                    text.push_str("\nThe image is for several platforms; name one of them by its digest.");
                }
                text
            }
            Self::Registry(error) => render::registry::told(error),
            Self::NoKeyThere { .. } => format!("loading public key: {self}"),
            Self::Keyless(error) => services::keyless(error),
            Self::KeyService(error) => services::key_service(error),
            Self::NoToken => "no identity token\nIn CI, let the job have one (GitLab: id_tokens with aud sigstore in \
                 SIGSTORE_ID_TOKEN), or give one by --identity-token; a person logs in at the identity provider that \
                 --oidc-issuer or a signing configuration names. Or sign with --key."
                .to_owned(),
            Self::NoAuthority => "no certificate authority is named\nNobody is contacted whom you did not name: give \
                 --signing-config FILE, or --fulcio-url and --rekor-url, or run 'initialize' once. Or sign with --key."
                .to_owned(),
            Self::SigningConfig(error) => format!(
                "{}\nA signing configuration is what 'signing-config create' prints.",
                printable(&error.to_string())
            ),
            Self::Services(error) => printable(&error.to_string()).into_owned(),
            Self::Layout(error) => layout(error),
            Self::Place(error) => render::registry::unplaced_told(error),
            Self::Sign(error) => sign(error),
            Self::Network(error) => printable(&error.to_string()).into_owned(),
            Self::Runtime { source } => {
                format!("the operating system refuses to start work: {source}")
            }
            Self::Certificate { path, source } => {
                format!(
                    "supplied PEM file is not a certificate: {}: {source}\nIt takes certificates in PEM.",
                    path.display()
                )
            }
            Self::Convert(error) => convert(error),
            Self::Instance { path, source } => {
                format!("{}: {}", path.display(), printable(&source.to_string()))
            }
            Self::TimedOut { after } => format!(
                "not done after {} s\nGive it more time with --timeout.",
                after.as_secs_f64()
            ),
            Self::Exists { path } => format!(
                "{} exists already\nUse --yes to replace it, or another --output-key-prefix.",
                path.display()
            ),
            Self::Read { path, source } => unreadable(path, source),
            Self::Write { path, source } => unwritable(path, source),
            Self::TooLarge { path, limit } => {
                format!("{} is larger than {limit} bytes", path.display())
            }
            Self::KeyFile { place, source } => key_file(place, source),
            Self::Unlock { place, source } => unlock(place, source),
            Self::Evidence { .. } => format!(
                "{}\nIt takes what 'sign-blob', 'attest-blob' or 'bundle create' wrote.",
                printable_lines(&self.to_string())
            ),
            Self::Payload { .. } | Self::TrustSource { .. } => {
                printable_lines(&self.to_string()).into_owned()
            }
            Self::Verification(error) => verification(error),
            Self::OtherKind(BlobFailure::Attestation) => "it is an attestation, not a signature\nVerify it with \
                 'cosign verify-blob-attestation'."
                .to_owned(),
            Self::OtherKind(BlobFailure::Signature) => {
                "bundle does not contain a DSSE envelope\nIt is a signature: verify it with 'cosign verify-blob'."
                    .to_owned()
            }
            Self::OtherKind(BlobFailure::Refused(refusal)) => refusals::text(refusal),
            Self::NoTrust => "nobody is trusted yet\nName whom to trust with --trusted-root FILE, or once for all \
                 with 'cosign initialize --mirror URL --root FILE'."
                .to_owned(),
            Self::PublicKey { place, source } => public_key(place, source),
            Self::Refused(refusal) => refusals::text(refusal),
            Self::TrustRepository(error) => {
                format!("trusted roots: {}", printable(&error.to_string()))
            }
            Self::TrustedRoot { path, source } => format!(
                "loading trusted root: {}: {}\nA trusted root is what 'trusted-root create' prints, and what \
                 repositories of trusted roots have as trusted_root.json.",
                path.display(),
                printable(&source.to_string())
            ),
            Self::NoPassword => {
                "no password for the private key\nSet COSIGN_PASSWORD (empty for none), or type it \
                 on a terminal, or pipe it to standard input."
                    .to_owned()
            }
            Self::Unsupported { instead, .. } => format!("{self}\n{instead}"),
            Self::Variable { name } => format!(
                "environment variable {} is not set\nThe key reference env://{} reads the key from it.",
                printable(name),
                printable(name)
            ),
            Self::UnknownCommand { path, similar, .. } => {
                let mut text = printable(&self.to_string()).into_owned();
                if !similar.is_empty() {
                    text.push_str("\n\nDid you mean this?\n");
                    for name in similar {
                        text.push_str(&format!("\t{name}\n"));
                    }
                }
                text.push_str(&format!("\nRun '{path} --help' for usage."));
                text
            }
        }
    }
}

fn convert(error: &ConvertError) -> String {
    match error {
        ConvertError::NoKey => format!(
            "{error} says whose signature it is\nName the signer's certificate with --certificate, or the public key \
             with --key."
        ),
        ConvertError::OtherKey => {
            format!("{error} than that of --key\nDrop --key: the certificate has the signer's key.")
        }
        ConvertError::NotLogged => format!("{error}\nIf it is in none, say --ignore-tlog."),
        error => printable(&error.to_string()).into_owned(),
    }
}

fn sign(error: &SignError) -> String {
    match error {
        SignError::Registry(error) => render::registry::told(error),
        SignError::KeyService(error) => services::key_service(error),
        SignError::Service(error) => services::keyless(error),
        SignError::Unverifiable(refusal) => format!(
            "the new signature does not verify, and was not written: {}",
            refusals::of_new(refusal)
        ),
        SignError::Predicate(error) => {
            format!(
                "the predicate: {}\nIt must be as --type says: of custom anything goes, of most others a JSON object.",
                printable(&error.to_string())
            )
        }
        SignError::NoPromise => {
            format!("{error}\nUse --format bundle, or a log of version 1 by --rekor-url.")
        }
        error => printable(&error.to_string()).into_owned(),
    }
}

/// As Go says it.
fn unreadable(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => format!(
            "open {path}: no such file or directory\nLook whether its name is right, and in which folder this runs."
        ),
        io::ErrorKind::PermissionDenied => {
            format!("open {path}: permission denied\nLet this user read it.")
        }
        io::ErrorKind::IsADirectory => {
            format!("read {path}: is a directory\nName a file in it.")
        }
        _ => format!("open {path}: {error}"),
    }
}

/// As Go says it.
fn unwritable(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => {
            format!("open {path}: no such file or directory\nMake its folder first.")
        }
        io::ErrorKind::PermissionDenied => {
            format!("open {path}: permission denied\nLet this user write there.")
        }
        io::ErrorKind::IsADirectory => {
            format!("open {path}: is a directory\nName a file in it.")
        }
        _ => format!("open {path}: {error}"),
    }
}

fn layout(error: &::layout::Error) -> String {
    let text = printable(&error.to_string()).into_owned();
    match error {
        ::layout::Error::Absent { .. } => format!("{text}\nName a folder that 'save' wrote."),
        _ => text,
    }
}

fn verification(error: &VerificationError) -> String {
    let advice = match error {
        VerificationError::NoIdentity => {
            "Say by one of them whose signatures count (an empty one says nothing), or verify with --key."
        }
        VerificationError::NoIssuer => {
            "Say by one of them who must vouch for the signer, such as https://gitlab.com."
        }
        VerificationError::Pattern { .. } => {
            "It has RE2's syntax: a backslash stands before a character that means itself."
        }
        VerificationError::Certificates { .. } | VerificationError::Authorities { .. } => {
            "It takes the certificates of an authority, in PEM."
        }
        VerificationError::LogKey { .. } => "It takes the public key of a log, in PEM.",
    };
    format!("{}\n{advice}", printable_lines(&error.to_string()))
}

fn key_file(place: &str, error: &CosignKeyError) -> String {
    let place = printable(place);
    let what = match error {
        CosignKeyError::UnsupportedBlock { found } => {
            format!("{place} holds a {:?}, not a private key", printable(found))
        }
        error => format!("{place}: {error}"),
    };
    format!(
        "reading key: {what}\nIt takes a private key in PEM, such as 'generate-key-pair' makes."
    )
}

fn unlock(place: &str, error: &UnlockError) -> String {
    let place = printable(place);
    match error {
        UnlockError::WrongPassphrase => format!(
            "reading key: decrypt: encrypted: decryption failed\nThe password for {place} is wrong. That of a file comes \
             from COSIGN_PASSWORD, else from the terminal or standard input."
        ),
        error => format!("reading key: {place}: {error}"),
    }
}

fn public_key(place: &str, error: &VerifyingKeyFileError) -> String {
    let place = printable(place);
    let unknown = |found: &str| {
        format!(
            "loading public key: {place}: pem to public key: unknown Public key PEM file type: {}. Are you passing \
             the correct public key?",
            printable(found)
        )
    };
    match error {
        VerifyingKeyFileError::PrivateKey { found } => format!(
            "{}\n'cosign public-key --key {place}' prints the public key of it.",
            unknown(found)
        ),
        VerifyingKeyFileError::UnsupportedBlock { found } => unknown(found),
        error => {
            format!("loading public key: {place}: {error}\nIt takes a public key in PEM.")
        }
    }
}
