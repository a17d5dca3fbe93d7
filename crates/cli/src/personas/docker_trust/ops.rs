//! What the commands ask of content trust, in the persona's own terms.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use oci::{Digest, Reference, ReferenceError, Repository, Tag};
use pki::key::PublicKey;
use thiserror::Error;

use crate::input::InputError;
use crate::personas::docker::ops::Refusal as EngineRefusal;
use crate::render::inspect::RepositoryTrust;

/// The use cases of content trust. Every method that changes something publishes once, or changes nothing.
pub trait TrustOps {
    /// Everything known about each image's repository, verified now; only the tag where the image has one. In order.
    fn inspect(&mut self, images: &[Reference]) -> Vec<Result<RepositoryTrust, Refusal>>;

    /// Signs tags of one repository and publishes them together; initialises the repository where it is unknown.
    ///
    /// # Errors
    /// When not all tags could be signed and published; then none is.
    fn sign(
        &mut self,
        request: &SignRequest,
        report: &mut dyn FnMut(SignEvent),
    ) -> Result<(), Refusal>;

    /// Adds keys to a signer, makes the signer where it is new, initialises the repository where it is unknown.
    ///
    /// # Errors
    /// When nothing was published.
    fn add_signer(
        &mut self,
        request: &AddSigner,
        report: &mut (dyn FnMut(AddSignerEvent) + Send),
    ) -> Result<(), Refusal>;

    /// Removes a signer and its keys. `may_break` is asked when the released tags would no longer verify.
    ///
    /// # Errors
    /// When nothing was published; [`Refusal::Declined`] when `may_break` said no.
    fn remove_signer(
        &mut self,
        request: &RemoveSigner,
        may_break: &mut dyn FnMut() -> Result<bool, InputError>,
    ) -> Result<(), Refusal>;

    /// Removes the signatures of one tag, or of all.
    ///
    /// # Errors
    /// When nothing was published.
    fn revoke(&mut self, repository: &Repository, what: &Revoke) -> Result<(), Refusal>;
}

/// Tags to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignRequest {
    /// The repository.
    pub repository: Repository,
    /// Its tags, in the order given, without repetition.
    pub tags: Vec<Tag>,
    /// What to sign for them.
    pub source: SignSource,
}

/// Where the digest to sign comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignSource {
    /// This one, which the registry must have: an index that a builder pushed, or what a job before this one made.
    Digest(Digest),
    /// The engine's image, pushed first, even for a tag that is signed already.
    Local,
    /// As docker: what is signed already; else the engine's image, pushed first; else what the registry has.
    Usual,
}

/// What happens while tags are signed, in this order for each tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignEvent {
    /// The repository was unknown and now has a signer of this name.
    SignerCreated {
        /// The signer.
        name: String,
    },
    /// The repository is initialised.
    Initialized,
    /// The engine has the image; it is pushed next.
    Local {
        /// The tag.
        tag: Tag,
    },
    /// A line of the engine about the push, with its end.
    Pushing {
        /// As docker shows it.
        line: String,
    },
    /// The image was pushed, and the registry has it.
    Pushed {
        /// The tag.
        tag: Tag,
    },
    /// The tag will be signed for what the registry holds.
    Resolved {
        /// The tag.
        tag: Tag,
        /// The manifest's digest.
        digest: Digest,
        /// The manifest's size in bytes.
        size: u64,
    },
    /// The tag is signed already and will be signed again for the same digest.
    Existing {
        /// The tag.
        tag: Tag,
        /// The manifest's digest.
        digest: Digest,
        /// Who signed it; empty means the repository key alone.
        signers: Vec<String>,
    },
}

/// A signer to add.
#[derive(Clone, Debug)]
pub struct AddSigner {
    /// The repository.
    pub repository: Repository,
    /// The signer's name.
    pub name: String,
    /// The signer's public keys.
    pub keys: Vec<PublicKey>,
}

/// What happens while a signer is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddSignerEvent {
    /// The repository is unknown to the trust server and will be initialised.
    Initializing,
    /// It is initialised.
    Initialized,
}

/// A signer to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoveSigner {
    /// The repository.
    pub repository: Repository,
    /// The signer's name.
    pub name: String,
    /// Do not ask.
    pub force: bool,
}

/// Signatures to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoke {
    /// Those of one tag.
    Tag(Tag),
    /// Those of all tags.
    All,
}

/// Why content trust refused. Every client error becomes one of these, in one match.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The trust server's answer is not what the protocol asks for.
    #[error("bad answer from the trust server")]
    BadAnswer {
        /// Host of the trust server.
        server: String,
        /// What was asked for: `root.json`.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A role does not have enough valid signatures.
    #[error("not enough valid signatures")]
    BadSignatures {
        /// The repository's full name.
        gun: String,
        /// The role.
        role: String,
        /// Valid signatures found.
        have: usize,
        /// Signatures required.
        need: usize,
    },
    /// A file of docker's configuration cannot be used.
    #[error("docker's configuration")]
    Configuration {
        /// The file and what is wrong with it.
        problem: String,
    },
    /// Somebody else published first.
    #[error("version conflict")]
    Conflict {
        /// The repository's full name.
        gun: String,
    },
    /// A credential helper failed.
    #[error("credential helper failed")]
    CredentialHelper {
        /// The program.
        program: String,
        /// What it said.
        problem: String,
    },
    /// The user said no.
    #[error("declined")]
    Declined,
    /// A role's metadata is too old.
    #[error("metadata expired")]
    Expired {
        /// The repository's full name.
        gun: String,
        /// The role.
        role: String,
        /// When it expired.
        at: Timestamp,
    },
    /// A file or folder of the trust store cannot be used.
    #[error("trust folder")]
    Folder {
        /// The path.
        path: PathBuf,
        /// What was tried: `write`.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// Another process works on the trust folder.
    #[error("trust folder busy")]
    FolderBusy {
        /// Its lock file.
        path: PathBuf,
        /// The other process, where it is known.
        pid: Option<u32>,
    },
    /// The engine refuses or fails.
    #[error("engine")]
    Engine(#[source] Box<EngineRefusal>),
    /// The tag is not in the registry.
    #[error("image not in the registry")]
    ImageMissing {
        /// The image.
        image: Box<Reference>,
    },
    /// The repository's metadata does not allow what was asked.
    #[error("impossible change")]
    Impossible {
        /// The repository's full name.
        gun: String,
        /// Why.
        problem: String,
    },
    /// A prompt was not answered.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A private key cannot be used.
    #[error("signing key unusable")]
    KeyUnusable {
        /// Key ids (64 hex digits); one of them is needed.
        key_ids: Vec<String>,
        /// Why.
        why: KeyTrouble,
    },
    /// A role that must exist is missing.
    #[error("metadata missing")]
    MetadataMissing {
        /// The repository's full name.
        gun: String,
        /// The role.
        role: String,
    },
    /// Neither `DOCKER_CONFIG` nor `HOME` says where docker's files are.
    #[error("no configuration folder")]
    NoConfigFolder,
    /// No signer has this name.
    #[error("no such signer")]
    NoSuchSigner {
        /// The name.
        name: String,
        /// The repository as typed.
        repository: String,
    },
    /// We hold no key of any signer.
    #[error("no signer key")]
    NoSignerKey {
        /// The repository's full name.
        gun: String,
        /// The signers there are.
        signers: Vec<String>,
    },
    /// The trust server does not know the repository.
    #[error("no trust data")]
    NoTrustData {
        /// It was known before, so it was deleted; what is cached was not used.
        deleted: bool,
        /// Host of the trust server.
        server: String,
        /// The repository's full name.
        gun: String,
    },
    /// 401 or 403.
    #[error("not authorized")]
    NotAuthorized {
        /// Host of the trust server.
        server: String,
        /// The HTTP status.
        status: u16,
        /// The user name sent; `None` without credentials.
        user: Option<String>,
        /// What was asked for: `repository:registry.example.com/demo:push,pull`.
        scope: String,
    },
    /// Nothing is signed, so nothing can be revoked.
    #[error("nothing signed")]
    NothingSigned,
    /// The server sent metadata older than what is known.
    #[error("older metadata")]
    OlderVersion {
        /// The repository's full name.
        gun: String,
        /// The role.
        role: String,
        /// The version sent.
        found: u64,
        /// The version known.
        known: u64,
    },
    /// The update was sent and the answer lost; it may still be published.
    #[error("outcome unknown")]
    OutcomeUnknown {
        /// The repository's full name.
        gun: String,
        /// What happened.
        cause: String,
    },
    /// The text is no image name.
    #[error("invalid reference")]
    Reference {
        /// The text.
        text: String,
        /// What is wrong with it.
        #[source]
        source: ReferenceError,
    },
    /// The registry refuses or fails.
    #[error("registry")]
    Registry {
        /// Its host.
        host: String,
        /// What happened.
        problem: String,
        /// Where the certificate of its authority belongs, if nobody vouches for it.
        authority: Option<PathBuf>,
    },
    /// The root of trust is not the one known, and no known root vouches for it.
    #[error("root replaced")]
    RootReplaced {
        /// The repository's full name.
        gun: String,
    },
    /// The root of trust is not acceptable: its certificate, or a pin.
    #[error("root not trusted")]
    RootUntrusted {
        /// The repository's full name.
        gun: String,
        /// Why.
        problem: String,
    },
    /// The trust server's address is not an `https://` one.
    #[error("trust server address")]
    ServerAddress {
        /// What was given.
        found: String,
    },
    /// Any other HTTP status.
    #[error("server status {status}")]
    ServerStatus {
        /// Host of the trust server.
        server: String,
        /// The HTTP status.
        status: u16,
        /// The server's own words, made printable; may be empty.
        message: String,
        /// Seconds to wait, where the server said so.
        retry_after: Option<u64>,
    },
    /// The tag is not signed.
    #[error("tag not signed")]
    TagNotSigned {
        /// The tag.
        tag: String,
    },
    /// The trust server cannot be reached, or not trusted (TLS).
    #[error("unreachable")]
    Unreachable {
        /// Host of the trust server.
        server: String,
        /// Why.
        cause: String,
        /// Where the certificate of its authority belongs, if that is what is missing.
        authority: Option<PathBuf>,
    },
    /// The trust server refuses what was to be published.
    #[error("update refused")]
    UpdateRefused {
        /// Host of the trust server.
        server: String,
        /// Its name of the rule: `ErrBadTargets`.
        rule: String,
        /// Its own words.
        message: String,
    },
    /// The registry's user name makes no signer name.
    #[error("user name")]
    UserName {
        /// The user name; `None` without one.
        user: Option<String>,
    },
}

/// Why a private key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyTrouble {
    /// No file in this folder holds it.
    Missing {
        /// The folder.
        folder: PathBuf,
    },
    /// No passphrase for a new key was given.
    NoNewPassphrase,
    /// The file is damaged or of an unknown kind.
    Unreadable {
        /// What is wrong.
        problem: String,
    },
    /// The passphrase does not open it.
    WrongPassphrase {
        /// The environment variable it came from; `None` for a prompt.
        variable: Option<&'static str>,
    },
}
