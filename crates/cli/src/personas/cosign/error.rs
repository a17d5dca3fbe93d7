//! What the persona refuses, in sentences that say what to do.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pki::cosign_key::CosignKeyError;
use pki::keyfile::UnlockError;
use pki::signature::VerifyingKeyFileError;
use signing::attach::AttachError;
use signing::carry::CarryError;
use signing::convert::ConvertError;
use signing::sign::SignError;
use signing::verify::{BlobError, BlobFailure};
use sigstore::fulcio::CertificateError;
use sigstore::simple_signing::SimpleSigningError;
use sigstore::trust::{AssembleError, TrustError};
use sigstore::verify::Refusal;
use thiserror::Error;

use super::download::Sought;
use super::file_images::ImagesError;
use super::service_spec::SpecError;
use super::verification::VerificationError;
use super::{carry_error, refusals, services};
use crate::input::InputError;
use crate::render::{
    self,
    printable::{printable, printable_lines},
};

/// A refused command.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// What is said to be a signature or an attestation of a file is none.
    #[error("{place}: {source}")]
    Evidence {
        /// Where it is, as the user named it.
        place: String,
        /// What is wrong.
        #[source]
        source: BlobError,
    },
    /// An attestation where a signature is wanted, or the other way round.
    #[error(transparent)]
    OtherKind(BlobFailure),
    /// Something was not carried, listed or taken away.
    #[error(transparent)]
    Carry(Box<CarryError>),
    /// Something was not attached.
    #[error("{place}: {source}")]
    Attach {
        /// The file, as the user named it; empty for the registry's doing.
        place: String,
        /// Why.
        #[source]
        source: Box<AttachError>,
    },
    /// A file that does not tell its images.
    #[error(transparent)]
    Images(Box<ImagesError>),
    /// Nothing of the kind that was asked for is attached.
    #[error("{image}: nothing attached")]
    NothingAttached {
        /// The image.
        image: String,
        /// What was asked for.
        sought: Sought,
        /// The image is for several platforms, which have attachments of their own.
        ask_for_platform: bool,
    },
    /// Two flags that exclude each other.
    #[error("--{drop} cannot be used with --{because}: {why}")]
    Conflict {
        /// The one to drop.
        drop: &'static str,
        /// The one that makes it senseless.
        because: &'static str,
        /// Why they exclude each other: a clause.
        why: &'static str,
    },
    /// The user does not want to go on.
    #[error("user declined the prompt")]
    Declined,
    /// A file exists already and nobody can be asked.
    #[error("file exists")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read")]
    Read {
        /// The file as the user named it.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write")]
    Write {
        /// The file as the user named it.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file cannot be written durably.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A file is larger than anything of its kind.
    #[error("too large")]
    TooLarge {
        /// The file as the user named it.
        path: PathBuf,
        /// Most bytes of such a file.
        limit: u64,
    },
    /// A file that is no private key.
    #[error("not a private key")]
    KeyFile {
        /// What holds it, as the user named it.
        place: String,
        /// What is wrong with it.
        #[source]
        source: CosignKeyError,
    },
    /// No reference to a key.
    #[error(transparent)]
    KeyReference(#[from] kms::ReferenceError),
    /// A private key that stays locked.
    #[error("cannot unlock")]
    Unlock {
        /// What holds it, as the user named it.
        place: String,
        /// Why.
        #[source]
        source: UnlockError,
    },
    /// A flag is needed.
    #[error("--{flag} is required: {why}")]
    Required {
        /// Its name.
        flag: &'static str,
        /// What for: a clause.
        why: &'static str,
    },
    /// There is no place for docker's configuration.
    #[error(
        "neither HOME nor DOCKER_CONFIG is set\nSet one of them: logins are kept in docker's configuration."
    )]
    NoHome,
    /// Nobody gave a password.
    #[error("no password")]
    NoPassword,
    /// The two typed passwords differ.
    #[error("passwords do not match")]
    PasswordsDiffer,
    /// A prompt or a pipe failed.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Something of cosign that this program does not do.
    #[error("{what} is not supported")]
    Unsupported {
        /// What: a noun.
        what: &'static str,
        /// What to use: a sentence.
        instead: &'static str,
    },
    /// The provider of cryptography failed.
    #[error(transparent)]
    Provider(#[from] pki::signing::ProviderError),
    /// A variable that a flag names is not set.
    #[error("variable not set")]
    Variable {
        /// Its name.
        name: String,
    },
    /// Nobody to trust was named.
    #[error("no trusted root")]
    NoTrust,
    /// A public key that is none.
    #[error("not a public key")]
    PublicKey {
        /// What holds it, as the user named it.
        place: String,
        /// What is wrong with it.
        #[source]
        source: VerifyingKeyFileError,
    },
    /// A signature that is not accepted.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// No image reference.
    #[error("could not parse reference: {text}")]
    Reference {
        /// The text.
        text: String,
        /// Why not.
        #[source]
        source: oci::ReferenceError,
    },
    /// No such image.
    #[error("no such image")]
    ImageMissing {
        /// What was asked for.
        image: String,
        /// By a digest, not by a tag.
        by_digest: bool,
    },
    /// The registry, or the way to it.
    #[error(transparent)]
    Registry(Box<registry::Error>),
    /// The client for a registry cannot be made.
    #[error(transparent)]
    Network(#[from] net::Error),
    /// A folder that is no image layout.
    #[error(transparent)]
    Layout(Box<layout::Error>),
    /// An image cannot be had from its folder.
    #[error(transparent)]
    Place(Box<signing::PlaceError>),
    /// An identity token, a certificate, or the way to them.
    #[error(transparent)]
    Keyless(Box<keyless::Error>),
    /// A key service.
    #[error(transparent)]
    KeyService(Box<kms::ServiceError>),
    /// A file that a key service's variable names cannot be read.
    #[error(transparent)]
    KeyServiceFile(#[from] kms::VariablesError),
    /// A web address that cannot be reached, or gives more than a key.
    #[error("loading public key: {url}: {source}")]
    KeyAddress {
        /// Where, without secrets.
        url: String,
        /// Why.
        #[source]
        source: net::Error,
    },
    /// A web address that gives no key.
    #[error("{url} answered {status}")]
    NoKeyThere {
        /// Where, without secrets.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// Nobody gave an identity token, and no identity provider to log in at is named.
    #[error("no identity token")]
    NoToken,
    /// Nobody who certifies identities is named.
    #[error("no certificate authority")]
    NoAuthority,
    /// A file that is no signing configuration, or cannot be read.
    #[error(transparent)]
    SigningConfig(Box<trustroot::FileError>),
    /// A signing configuration that gives no services.
    #[error(transparent)]
    Services(Box<keyless::services::ServicesError>),
    /// A signature was not made, or not written.
    #[error(transparent)]
    Sign(Box<SignError>),
    /// The operating system does not let us begin.
    #[error("cannot start work")]
    Runtime {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file that is no certificate.
    #[error("not a certificate")]
    Certificate {
        /// The file as the user named it.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: CertificateError,
    },
    /// A file that makes no instance of a trusted root.
    #[error("not usable in a trusted root")]
    Instance {
        /// The file as the user named it.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: AssembleError,
    },
    /// One service of a trusted root or signing configuration.
    #[error(transparent)]
    Service(#[from] SpecError),
    /// What cannot be made into a bundle.
    #[error(transparent)]
    Convert(Box<ConvertError>),
    /// An index with more manifests than are signed.
    #[error("more than {limit} manifests")]
    TooManyManifests {
        /// The most.
        limit: usize,
    },
    /// `--timeout` is over.
    #[error("time is up")]
    TimedOut {
        /// How long it was.
        after: Duration,
    },
    /// The repository of trusted roots.
    #[error(transparent)]
    TrustRepository(Box<trustroot::Error>),
    /// The place of a repository of trusted roots, or what is known about its first root.
    #[error("repository of trusted roots: {problem}")]
    TrustSource {
        /// What is wrong: a clause.
        problem: String,
    },
    /// A file that is no payload of the older form.
    #[error("{}: no payload of a signature: {source}", path.display())]
    Payload {
        /// The file as the user named it.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: SimpleSigningError,
    },
    /// A trusted root that is none.
    #[error("not a trusted root")]
    TrustedRoot {
        /// The file as the user named it.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: TrustError,
    },
    /// Flags and files that say whom to trust.
    #[error(transparent)]
    Verification(Box<VerificationError>),
    /// No such command.
    #[error("unknown command {word:?} for {path:?}")]
    UnknownCommand {
        /// The word.
        word: String,
        /// Where it stood.
        path: String,
        /// Commands that are nearly called so.
        similar: Vec<&'static str>,
    },
    /// The command line does not fit, in cobra's words.
    #[error("{problem}")]
    Usage {
        /// The sentence.
        problem: String,
    },
}

impl From<keyless::Error> for Error {
    fn from(error: keyless::Error) -> Self {
        Self::Keyless(Box::new(error))
    }
}

impl From<kms::ServiceError> for Error {
    fn from(error: kms::ServiceError) -> Self {
        Self::KeyService(Box::new(error))
    }
}

impl From<trustroot::FileError> for Error {
    fn from(error: trustroot::FileError) -> Self {
        Self::SigningConfig(Box::new(error))
    }
}

impl From<keyless::services::ServicesError> for Error {
    fn from(error: keyless::services::ServicesError) -> Self {
        Self::Services(Box::new(error))
    }
}

impl From<ConvertError> for Error {
    fn from(error: ConvertError) -> Self {
        match error {
            ConvertError::Log(error) => error.into(),
            ConvertError::Unverified(failure) => failure.into(),
            error => Self::Convert(Box::new(error)),
        }
    }
}

impl From<SignError> for Error {
    fn from(error: SignError) -> Self {
        Self::Sign(Box::new(error))
    }
}

impl From<AttachError> for Error {
    fn from(error: AttachError) -> Self {
        Self::Attach {
            place: String::new(),
            source: Box::new(error),
        }
    }
}

impl From<ImagesError> for Error {
    fn from(error: ImagesError) -> Self {
        Self::Images(Box::new(error))
    }
}

impl From<registry::Error> for Error {
    fn from(error: registry::Error) -> Self {
        Self::Registry(Box::new(error))
    }
}

impl From<registry::ConfigError> for Error {
    fn from(error: registry::ConfigError) -> Self {
        registry::Error::from(error).into()
    }
}

impl From<BlobFailure> for Error {
    fn from(failure: BlobFailure) -> Self {
        match failure {
            BlobFailure::Refused(refusal) => Self::refused(refusal),
            failure => Self::OtherKind(failure),
        }
    }
}

impl From<VerificationError> for Error {
    fn from(error: VerificationError) -> Self {
        Self::Verification(Box::new(error))
    }
}

impl From<trustroot::Error> for Error {
    fn from(error: trustroot::Error) -> Self {
        Self::TrustRepository(Box::new(error))
    }
}

impl Error {
    pub(crate) fn refused(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }

    /// cosign's exit code for it.
    pub(crate) fn exit_code(&self) -> u8 {
        1
    }

    /// cosign's exit code for it where an image is to be verified.
    pub(crate) fn exit_code_of_verify(&self) -> u8 {
        match self {
            Self::ImageMissing {
                by_digest: false, ..
            } => 11,
            Self::ImageMissing {
                by_digest: true, ..
            } => 10,
            error => error.exit_code(),
        }
    }

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
                "parsing reference: could not parse reference: {}: {source}",
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
            Self::SigningConfig(error) => printable(&error.to_string()).into_owned(),
            Self::Services(error) => printable(&error.to_string()).into_owned(),
            Self::Layout(error) => printable(&error.to_string()).into_owned(),
            Self::Place(error) => render::registry::unplaced_told(error),
            Self::Sign(error) => sign(error),
            Self::Network(error) => printable(&error.to_string()).into_owned(),
            Self::Runtime { source } => {
                format!("the operating system refuses to start work: {source}")
            }
            Self::Certificate { path, source } => {
                format!(
                    "supplied PEM file is not a certificate: {}: {source}",
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
            Self::Read { path, source } | Self::Write { path, source } => go_io(path, source),
            Self::TooLarge { path, limit } => {
                format!("{} is larger than {limit} bytes", path.display())
            }
            Self::KeyFile { place, source } => key_file(place, source),
            Self::Unlock { place, source } => unlock(place, source),
            Self::Evidence { .. } | Self::Payload { .. } | Self::TrustSource { .. } | Self::Verification(_) => {
                printable_lines(&self.to_string()).into_owned()
            }
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
                "loading trusted root: {}: {}",
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
        SignError::NoPromise => {
            format!("{error}\nUse --format bundle, or a log of version 1 by --rekor-url.")
        }
        error => printable(&error.to_string()).into_owned(),
    }
}

/// As Go says it.
fn go_io(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => format!("open {path}: no such file or directory"),
        io::ErrorKind::PermissionDenied => format!("open {path}: permission denied"),
        io::ErrorKind::IsADirectory => format!("read {path}: is a directory"),
        _ => format!("open {path}: {error}"),
    }
}

fn key_file(place: &str, error: &CosignKeyError) -> String {
    let place = printable(place);
    match error {
        CosignKeyError::UnsupportedBlock { found } => format!(
            "reading key: {place} holds a {:?}, not a private key",
            printable(found)
        ),
        error => format!("reading key: {place}: {error}"),
    }
}

fn unlock(place: &str, error: &UnlockError) -> String {
    let place = printable(place);
    match error {
        UnlockError::WrongPassphrase => format!(
            "reading key: decrypt: encrypted: decryption failed\nThe password for {place} is wrong."
        ),
        error => format!("reading key: {place}: {error}"),
    }
}

fn public_key(place: &str, error: &VerifyingKeyFileError) -> String {
    let place = printable(place);
    match error {
        VerifyingKeyFileError::PrivateKey { found }
        | VerifyingKeyFileError::UnsupportedBlock { found } => format!(
            "loading public key: {place}: pem to public key: unknown Public key PEM file type: {}. Are you passing \
             the correct public key?",
            printable(found)
        ),
        error => format!("loading public key: {place}: {error}"),
    }
}
