//! docker 28.2's sentences for every refusal, and under each what to do next.
//!
//! The first line begins with docker's own text, so that scripts that look for it keep working; where docker's
//! sentence hides the reason (`no signatures or cannot access …`), the reason follows it.

use jiff::tz::TimeZone;
use oci::ReferenceError;
use pki::certificate::CertificateError;
use pki::key::PublicKeyFileError;

use super::error::{Context, Error};
use super::key_errors;
use super::ops::{KeyTrouble, Refusal};
use crate::input::InputError;
use crate::personas::docker;
use crate::render::printable::printable;

impl Error {
    /// The lines for standard error, without a final newline.
    pub fn text(&self) -> String {
        match self {
            Self::BadName { what, name } => format!(
                "{what} name {name:?} must start with lowercase alphanumeric characters and can include \"-\" or \"_\" \
                 after the first character"
            ),
            Self::Cancelled => "cancelled: nothing was changed".to_owned(),
            Self::DigestFlag { problem } => format!("--digest: {problem}"),
            Self::DigestReference => "cannot use a digest reference for IMAGE:TAG".to_owned(),
            Self::Input(error) => error.to_string(),
            Self::KeyFileRefused { file, source } => key_errors::refused(file, source),
            Self::KeyGenerate { name, source } => key_errors::generate(name, source),
            Self::KeyImport {
                file,
                source,
                from_environment,
            } => key_errors::import(file, source, *from_environment),
            Self::NoWorkingFolder => "the working directory does not exist; use --dir".to_owned(),
            Self::PublicKeyText { name, source } => {
                format!("failed to write public key of {name}: {source}")
            }
            Self::PublicKeyUnwritable { file, source } => {
                format!(
                    "unable to write public key to file: open {}: {}",
                    file.display(),
                    go_io(source)
                )
            }
            Self::NoConfigFolder => "no folder for keys: set DOCKER_CONFIG or HOME".to_owned(),
            Self::NoKeyFlag => {
                "path to a public key must be provided using the `--key` flag".to_owned()
            }
            Self::NoTag { name } => {
                format!(
                    "no tag specified for {name}\nName the tag to sign: {name}:TAG (latest is not assumed here)."
                )
            }
            Self::PublicKeyFolderMissing { folder } => {
                format!("public key path does not exist: {folder:?}")
            }
            Self::PublicKeyExists { file } => format!(
                "public key file already exists: \"{}\"\nChoose another name or folder, or remove the file if its \
                 key is no longer needed.",
                file.display()
            ),
            Self::PublicKeyUnreadable { file, source } => {
                format!(
                    "unable to read public key from file: open {file}: {}",
                    go_io(source)
                )
            }
            Self::PublicKeyUnusable { file, source } => {
                format!(
                    "could not parse public key from file: {file}: {}",
                    public_key_problem(source)
                )
            }
            Self::Refused { context, refusal } => with_advice(&context.text(refusal), refusal),
            Self::ReservedSigner { removing: false } => {
                "releases is a reserved keyword, use a different signer name".to_owned()
            }
            Self::ReservedSigner { removing: true } => {
                "releases is a reserved keyword and cannot be removed".to_owned()
            }
        }
    }
}

impl Context {
    /// The sentence, and under it what to do next.
    pub(crate) fn explain(&self, refusal: &Refusal) -> String {
        with_advice(&self.text(refusal), refusal)
    }

    fn text(&self, refusal: &Refusal) -> String {
        match (self, refusal) {
            // docker checks these before it says what it was doing.
            (_, Refusal::Reference { .. } | Refusal::ServerAddress { .. }) => refusal.bare(),
            (Self::Inspect { name }, _) => {
                format!("no signatures or cannot access {name}: {}", refusal.bare())
            }
            (Self::None, _) => refusal.translated(),
            (Self::Revoke { name }, _) => {
                format!("could not remove signature for {name}: {}", refusal.bare())
            }
            (
                Self::Sign { name },
                Refusal::BadSignatures { .. }
                | Refusal::KeyUnusable { .. }
                | Refusal::NoSignerKey { .. }
                | Refusal::Conflict { .. }
                | Refusal::OutcomeUnknown { .. },
            ) => {
                format!("failed to sign {name}: {}", refusal.bare())
            }
            (Self::Sign { .. }, _) => refusal.translated(),
            (Self::SignerRemove { name }, Refusal::NoTrustData { .. }) => {
                format!("error retrieving signers for {name}: {}", refusal.bare())
            }
            (Self::SignerRemove { .. }, _) => refusal.translated(),
        }
    }
}

fn with_advice(text: &str, refusal: &Refusal) -> String {
    match refusal.advice() {
        Some(advice) => format!("{text}\n{advice}"),
        None => text.to_owned(),
    }
}

impl Refusal {
    /// The reason as the notary library words it.
    pub fn bare(&self) -> String {
        match self {
            Self::BadAnswer { server, file, problem } => {
                let problem = printable(problem);
                format!("{server} sent a {file} that cannot be used: {problem}")
            }
            Self::BadSignatures { role, have, need, .. } => {
                format!("valid signatures did not meet threshold for {role} ({have} of {need})")
            }
            Self::Configuration { problem } => format!("docker's configuration cannot be used: {}", printable(problem)),
            Self::Conflict { gun } => format!("the trust data of {gun} was changed by someone else meanwhile"),
            Self::CredentialHelper { program, problem } => {
                format!("credential helper {program} failed: {}", printable(problem))
            }
            Self::Declined => "cancelled: nothing was changed".to_owned(),
            Self::Engine(refusal) => docker::explain_engine(refusal),
            Self::Expired { role, at, .. } => format!("{role} expired at {}", unix_date(*at)),
            Self::Folder { path, action, source } => {
                format!("cannot {action} {}: {}", path.display(), go_io(source))
            }
            Self::FolderBusy { path, pid } => {
                let who = pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
                let folder = path.parent().unwrap_or(path).display();
                format!("another process{who} is working in {folder}")
            }
            Self::ImageMissing { image } => {
                format!("no such image: {image}: not found in registry {}", image.host())
            }
            Self::Impossible { problem, .. } => printable(problem).into_owned(),
            Self::Input(error) => error.to_string(),
            Self::KeyUnusable { key_ids, .. } => format!(
                "could not find necessary signing keys, at least one of these keys must be \
                 available: {}",
                key_ids.join(", ")
            ),
            Self::MetadataMissing { role, .. } => format!("{role} trust data unavailable"),
            Self::NoConfigFolder => "no folder for docker's files: set DOCKER_CONFIG or HOME".to_owned(),
            Self::NoSignerKey { .. } => "no valid signing keys for delegation roles".to_owned(),
            Self::NoSuchSigner { name, repository } => format!("no signer {name} for repository {repository}"),
            Self::NoTrustData { server, gun, .. } => format!("{server} does not have trust data for {gun}"),
            Self::NotAuthorized { status, .. } => {
                format!(
                    "you are not authorized to perform this operation: server returned {status}."
                )
            }
            Self::NothingSigned => "no signed tags to remove".to_owned(),
            Self::OlderVersion { found, known, .. } => {
                format!("version {found} is lower than current version {known}")
            }
            Self::OutcomeUnknown { gun, cause } => format!(
                "it is not known whether the trust data of {gun} was published: {}",
                printable(cause)
            ),
            Self::Reference { text, source } => reference_problem(text, source),
            Self::Registry { host, problem, .. } => format!("registry {host}: {}", printable(problem)),
            Self::RootReplaced { .. } => {
                "could not rotate trust to a new trusted root: failed to validate data with current trusted \
                 certificates"
                    .to_owned()
            }
            Self::RootUntrusted { problem, .. } => printable(problem).into_owned(),
            Self::ServerAddress { found } => {
                format!("valid https URL required for trust server, got {found}")
            }
            Self::ServerStatus { status, message, .. } => {
                let space = if message.is_empty() { "" } else { " " };
                let message = printable(message);
                format!("unable to reach trust server at this time: {status}.{space}{message}")
            }
            Self::TagNotSigned { tag } => format!("No valid trust data for {tag}"),
            Self::Unreachable { cause, .. } => printable(cause).into_owned(),
            Self::UpdateRefused { server, message, .. } => {
                format!("trust server rejected operation: {server}: {}", printable(message))
            }
            Self::UserName { user } => {
                let name = user.as_deref().unwrap_or("targets");
                let role = user.as_deref().map_or("targets".to_owned(), |user| format!("targets/{user}"));
                format!(
                    "could not add signer to repo: {name}: tuf: invalid role {role}. invalid \
                     delegation role name"
                )
            }
        }
    }

    /// The reason as docker translates it for its users (docker/cli:cli/trust/trust.go `NotaryError`).
    pub fn translated(&self) -> String {
        let bare = self.bare();
        match self {
            Self::BadSignatures { gun, .. } => format!(
                "Warning: potential malicious behavior - trust data has insufficient signatures for remote repository \
                 {gun}: {bare}"
            ),
            Self::Expired { gun, .. } => {
                format!("Error: remote repository {gun} out-of-date: {bare}")
            }
            Self::ImageMissing { .. } => format!("Error: {bare}"),
            Self::MetadataMissing { gun, .. } => format!(
                "Error: trust data missing for remote repository {gun} or remote repository not found: {bare}"
            ),
            Self::NoTrustData { gun, .. } => {
                format!("Error: remote trust data does not exist for {gun}: {bare}")
            }
            Self::OlderVersion { gun, .. } => format!(
                "Warning: potential malicious behavior - trust data version is lower than expected for remote \
                 repository {gun}: {bare}"
            ),
            Self::RootUntrusted { gun, .. } => format!(
                "Warning: potential malicious behavior - trust data mismatch for remote repository {gun}: {bare}"
            ),
            Self::RootReplaced { gun } => format!(
                "Warning: potential malicious behavior - trust data mismatch for remote repository {gun}: {bare}"
            ),
            Self::Unreachable { .. } | Self::BadAnswer { .. } => {
                format!("Error: error contacting notary server: {bare}")
            }
            _ => bare,
        }
    }

    /// What the user can do about it.
    fn advice(&self) -> Option<String> {
        Some(match self {
            Self::BadAnswer { server, .. } => {
                format!("Is {server} a trust server? Set DOCKER_CONTENT_TRUST_SERVER to its https:// address.")
            }
            Self::BadSignatures { .. } | Self::OlderVersion { .. } => {
                "Nothing was accepted or changed. Ask the owner of the repository before you try again.".to_owned()
            }
            Self::Conflict { .. } => "Nothing was published. Run the command again.".to_owned(),
            Self::Expired { role, .. } if role == "timestamp" => {
                "The trust server, or someone between, answers with old data. Nothing was accepted.".to_owned()
            }
            Self::Expired { role, .. } => format!("Someone with a key of {role} has to sign and publish again."),
            Self::FolderBusy { .. } => "Wait until it has ended, then run the command again.".to_owned(),
            Self::ImageMissing { .. } => "Push it first; the tag is signed as the registry has it.".to_owned(),
            Self::KeyUnusable { why, .. } => why.advice(),
            Self::NoSignerKey { signers, .. } => format!(
                "The tag has to be signed with a key of: {}. Load one with docker trust key load.",
                signers.join(", ")
            ),
            Self::NotAuthorized { server, status, user, scope } => unauthorized(server, *status, user.as_deref(), scope),
            Self::NoTrustData { deleted: true, .. } => "This machine knows the repository: its trust data was deleted \
                                                        from the server. What is cached was not used."
                .to_owned(),
            Self::NoTrustData { server, .. } => format!(
                "{server} was asked; DOCKER_CONTENT_TRUST_SERVER names another trust server. A new repository is set up \
                 by docker trust signer add or docker trust sign."
            ),
            Self::NoSuchSigner { .. } => "docker trust inspect --pretty shows the signers there are.".to_owned(),
            Self::TagNotSigned { .. } | Self::NothingSigned => {
                "docker trust inspect --pretty shows the tags that are signed.".to_owned()
            }
            Self::Configuration { .. } => "Mend or remove that file, then run the command again.".to_owned(),
            Self::Input(InputError::Ended) => {
                "Type passphrases on a terminal, or set DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE and \
                 DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE."
                    .to_owned()
            }
            Self::Reference { .. } => {
                "An image is named [HOST[:PORT]/]PATH[:TAG], for example registry.example.com/team/app:1.0.".to_owned()
            }
            Self::Registry { host, authority: Some(file), .. } => format!(
                "Nothing was signed. If {host} is the right registry, put the certificate of its authority into {}.",
                file.display()
            ),
            Self::Registry { .. } => "Nothing was signed. The registry must answer before an image is signed.".to_owned(),
            Self::RootUntrusted { .. } => {
                "Nothing was accepted. Ask the owner of the repository before you try again.".to_owned()
            }
            Self::ServerAddress { .. } => "Set DOCKER_CONTENT_TRUST_SERVER to an https:// address.".to_owned(),
            Self::UpdateRefused { .. } => {
                "Nothing was published. Another publish may have come between: run the command again; if it is refused \
                 again, ask the server's operator."
                    .to_owned()
            }
            Self::OutcomeUnknown { .. } => "Look with docker trust inspect before you run the command again.".to_owned(),
            Self::RootReplaced { .. } => "What the server sent is not vouched for by the root key that this machine \
                                          trusts: somebody tampers with it, or the repository was made anew. Only if \
                                          its owner confirms the latter, remove its folder below trust/tuf and try \
                                          again."
                .to_owned(),
            Self::ServerStatus { retry_after: Some(seconds), .. } => format!("Try again in {seconds} seconds."),
            Self::ServerStatus { server, status: 413, .. } => {
                format!("{server}, or a proxy in front of it, must allow larger requests.")
            }
            Self::ServerStatus { server, status: 500.., .. } => {
                format!("{server} fails; its log says why. Nothing was accepted or changed here. Try again later.")
            }
            Self::ServerStatus { server, .. } => {
                format!("Is {server} a trust server? DOCKER_CONTENT_TRUST_SERVER names another. Nothing was changed.")
            }
            Self::Unreachable { server, authority: Some(file), .. } => format!(
                "If {server} is the right server, put the certificate of its authority into {}.",
                file.display()
            ),
            Self::Unreachable { server, .. } => format!(
                "The trust server asked was {server}; DOCKER_CONTENT_TRUST_SERVER names another. Nothing was accepted \
                 from the local cache."
            ),
            Self::UserName { user: None } => "The first signer of a new repository is named after the registry's user: run \
                                              docker login, or add a signer with docker trust signer add, then sign."
                .to_owned(),
            Self::UserName { .. } => "The first signer of a new repository is named after the registry's user name, \
                                      which may hold only a-z, 0-9, _ and -. Add a signer with docker trust signer \
                                      add, then sign."
                .to_owned(),
            _ => return None,
        })
    }
}

impl KeyTrouble {
    fn advice(&self) -> String {
        match self {
            Self::Missing { folder } => format!(
                "No file in {} holds it. Load it with docker trust key load, or sign where it is.",
                folder.display()
            ),
            Self::NoNewPassphrase => "No usable passphrase for it was given.".to_owned(),
            Self::Unreadable { problem } => format!("Its key file cannot be used: {problem}."),
            Self::WrongPassphrase {
                variable: Some(variable),
            } => {
                format!("The passphrase in {variable} does not open it.")
            }
            Self::WrongPassphrase { variable: None } => {
                "No passphrase that was given opens it.".to_owned()
            }
        }
    }
}

fn unauthorized(server: &str, status: u16, user: Option<&str>, scope: &str) -> String {
    let who = user.map_or_else(|| "no user".to_owned(), |user| format!("user {user}"));
    let next = if status == 403 || user.is_some() {
        "Ask its operator for that permission."
    } else {
        "Log in to the registry with docker login."
    };
    format!("{server} was asked for {scope} as {who}. {next}")
}

/// docker 28's sentence for a name it cannot parse.
fn reference_problem(text: &str, problem: &ReferenceError) -> String {
    match problem {
        ReferenceError::Uppercase { path } => {
            format!("invalid reference format: repository name ({path}) must be lowercase")
        }
        ReferenceError::Identifier { name } => {
            format!("invalid repository name ({name}), cannot specify 64-byte hexadecimal strings")
        }
        ReferenceError::NameTooLong { .. } => {
            "repository name must not be more than 255 characters".to_owned()
        }
        ReferenceError::Digest { source, .. } => {
            format!("invalid reference format: {text}: {source}")
        }
        _ => "invalid reference format".to_owned(),
    }
}

fn public_key_problem(problem: &PublicKeyFileError) -> String {
    match problem {
        PublicKeyFileError::NoPemBlock | PublicKeyFileError::Pem(_) => {
            "no valid public key found".to_owned()
        }
        PublicKeyFileError::Certificate(problem) => {
            format!("invalid certificate: {}", certificate_problem(problem))
        }
        PublicKeyFileError::UnsupportedBlock { found } => {
            format!("unsupported PEM block type {found:?}, expected CERTIFICATE or PUBLIC KEY")
        }
        PublicKeyFileError::UnknownFormat { oid } => {
            format!(
                "unknown public key format\nIts algorithm is {oid}; ECDSA and RSA keys can be used."
            )
        }
        other => other.to_string(),
    }
}

/// docker says `is expired` for both ends of the validity; the dates follow.
fn certificate_problem(problem: &CertificateError) -> String {
    match problem {
        CertificateError::Expired {
            common_name,
            not_after,
        } => {
            format!(
                "certificate with CN {common_name} is expired\nIt was valid until {}.",
                unix_date(*not_after)
            )
        }
        CertificateError::NotYetValid {
            common_name,
            not_before,
        } => format!(
            "certificate with CN {common_name} is expired\nIt is valid from {} only; is the clock right?",
            unix_date(*not_before)
        ),
        other => other.to_string(),
    }
}

/// An operating system error in the words Go uses.
pub(super) fn go_io(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => "no such file or directory".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::IsADirectory => "is a directory".to_owned(),
        ErrorKind::NotADirectory => "not a directory".to_owned(),
        ErrorKind::ReadOnlyFilesystem => "read-only file system".to_owned(),
        ErrorKind::StorageFull => "no space left on device".to_owned(),
        _ => error.to_string(),
    }
}

/// `Mon Jan  2 15:04:05 UTC 2006`.
fn unix_date(at: jiff::Timestamp) -> String {
    at.to_zoned(TimeZone::UTC)
        .strftime("%a %b %e %H:%M:%S UTC %Y")
        .to_string()
}
