//! What the persona refuses; `sentences.rs` has the words.

use std::io;
use std::path::PathBuf;
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
use crate::input::InputError;

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

    /// cosign's exit code for it where an image is to be verified.
    pub(crate) fn exit_code_of_verify(&self) -> u8 {
        match self {
            Self::ImageMissing {
                by_digest: false, ..
            } => 11,
            Self::ImageMissing {
                by_digest: true, ..
            } => 10,
            _ => 1,
        }
    }
}
