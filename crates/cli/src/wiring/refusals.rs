//! The errors of the clients as the refusals of `docker trust`: one match for each.

use std::io;
use std::path::{Path, PathBuf};

use keystore::PassphraseError;
use oci::Reference;
use pki::key::CanonicalKeyId;
use registry::ConfigError;
use trust::{RemoteError, TrustError};

use super::trust::DAEMON_CERTIFICATES;
use crate::input::InputError;
use crate::personas::docker_trust::ops::{KeyTrouble, Refusal};

/// What an error was about, as far as the error does not say it.
pub(super) struct Place {
    /// The repository's full name.
    pub(super) gun: String,
    /// Host of the trust server.
    pub(super) server: String,
    /// The folder of private keys.
    pub(super) keys: PathBuf,
    /// The signal that ended a prompt.
    pub(super) signal: Option<u8>,
    /// Where the certificate of the trust server's authority belongs.
    pub(super) authority: PathBuf,
    /// The user name sent, where the server refused it.
    pub(super) user: Option<String>,
}

/// A broken file of docker's configuration.
pub(super) fn config(error: ConfigError) -> Refusal {
    Refusal::Configuration {
        problem: error.to_string(),
    }
}

/// An image that the registry does not give.
pub(super) fn registry(image: &Reference, error: registry::Error) -> Refusal {
    match error {
        registry::Error::NotFound { .. } => Refusal::ImageMissing {
            image: Box::new(image.clone()),
        },
        registry::Error::Config(error) => config(error),
        registry::Error::Helper(error) => helper(&error),
        error => {
            let unknown_issuer = matches!(
                error,
                registry::Error::TlsUntrusted {
                    reason: net::TlsFault::UnknownIssuer,
                    ..
                }
            );
            let folder = || Path::new(DAEMON_CERTIFICATES).join(image.host());
            Refusal::Registry {
                host: image.host().to_owned(),
                problem: crate::render::registry::problem(&error),
                authority: unknown_issuer.then(|| folder().join("ca.crt")),
            }
        }
    }
}

fn helper(error: &registry::HelperError) -> Refusal {
    Refusal::CredentialHelper {
        program: error.helper.clone(),
        problem: error.fault.to_string(),
    }
}

/// Any error of a use case of content trust. `variable` names the environment variable that a role's passphrase came
/// from.
pub(super) fn trust(
    place: Place,
    error: TrustError,
    variable: impl Fn(Option<&CanonicalKeyId>) -> Option<&'static str>,
) -> Refusal {
    match error {
        TrustError::Remote(source) | TrustError::RemoteNotCached { source, .. } => {
            remote(place, *source)
        }
        TrustError::Refused { refusal, .. } => untrusted(place, *refusal),
        TrustError::RootReplaced { .. } => Refusal::RootReplaced { gun: place.gun },
        TrustError::Deleted { server, .. } => Refusal::NoTrustData {
            deleted: true,
            server,
            gun: place.gun,
        },
        TrustError::NotInitialised { server, .. } => Refusal::NoTrustData {
            deleted: false,
            server,
            gun: place.gun,
        },
        TrustError::Contended { .. } | TrustError::AlreadyInitialised { .. } => {
            Refusal::Conflict { gun: place.gun }
        }
        TrustError::OutcomeUnknown { source, .. } => Refusal::OutcomeUnknown {
            gun: place.gun,
            cause: source.to_string(),
        },
        TrustError::Keys(error) => keys(&place, error, variable),
        TrustError::MissingKeys { acceptable, .. } => missing(&place, &acceptable),
        TrustError::NoDelegationKeys { roles, .. } => {
            let signers = roles
                .iter()
                .filter_map(|(role, _)| role.as_str().strip_prefix("targets/"));
            let signers = signers
                .filter(|name| *name != "releases")
                .map(str::to_owned)
                .collect();
            Refusal::NoSignerKey {
                gun: place.gun,
                signers,
            }
        }
        TrustError::NoSignedTags { .. } => Refusal::NothingSigned,
        TrustError::NoSuchSigner { signer, .. } => Refusal::NoSuchSigner {
            name: signer,
            repository: place.gun,
        },
        TrustError::NotSigned { tag, .. } => Refusal::TagNotSigned { tag },
        TrustError::NoUserName { .. } => Refusal::UserName { user: None },
        TrustError::SignerName(trust::SignerNameError::Invalid { text }) => {
            Refusal::UserName { user: Some(text) }
        }
        TrustError::SignerName(trust::SignerNameError::Reserved) => Refusal::UserName {
            user: Some("releases".to_owned()),
        },
        TrustError::Server(error) => Refusal::ServerAddress { found: error.text },
        TrustError::Tls(error) => config(error),
        TrustError::Http(error) => Refusal::Unreachable {
            server: place.server,
            cause: error.to_string(),
            authority: None,
        },
        TrustError::Cache(error) => Refusal::Folder {
            path: error.path,
            action: verb(error.action),
            source: error.source,
        },
        TrustError::LastSigner { .. } => Refusal::Declined,
        error => Refusal::Impossible {
            gun: place.gun,
            problem: error.to_string(),
        },
    }
}

/// What the trust server did, or the way to it.
fn remote(place: Place, error: RemoteError) -> Refusal {
    let Place {
        server,
        gun,
        user,
        authority,
        ..
    } = place;
    let not_authorized = |status, user| Refusal::NotAuthorized {
        scope: format!("repository:{gun}"),
        server: server.clone(),
        status,
        user,
    };
    match error {
        RemoteError::Conflict => Refusal::Conflict { gun },
        RemoteError::Forbidden { .. } => not_authorized(403, user),
        RemoteError::Unauthorized { .. } => not_authorized(401, user),
        RemoteError::Html { resource } => Refusal::BadAnswer {
            server,
            file: resource.to_string(),
            problem: "it is a web page".to_owned(),
        },
        RemoteError::Key { resource } => Refusal::BadAnswer {
            server,
            file: resource.to_string(),
            problem: "it is no public key".to_owned(),
        },
        RemoteError::TooLarge { resource, limit } => Refusal::BadAnswer {
            server,
            file: resource.to_string(),
            problem: format!("it has more than the {limit} bytes that it may have"),
        },
        RemoteError::Network(net::Error::Tls {
            host,
            reason: reason @ net::TlsFault::UnknownIssuer,
        }) => Refusal::Unreachable {
            server,
            cause: format!("TLS with {host}: {reason}"),
            authority: Some(authority),
        },
        RemoteError::Network(error) => Refusal::Unreachable {
            server,
            cause: error.to_string(),
            authority: None,
        },
        RemoteError::NotFound {
            resource: trust::Resource::ByHash(role, _),
        } => Refusal::MetadataMissing {
            gun,
            role: role.to_string(),
        },
        RemoteError::NotFound {
            resource: trust::Resource::Current(role),
        } => Refusal::MetadataMissing {
            gun,
            role: role.to_string(),
        },
        RemoteError::NotFound { resource } => Refusal::ServerStatus {
            server,
            status: 404,
            message: resource.to_string(),
            retry_after: None,
        },
        RemoteError::RateLimited { retry_after } => Refusal::ServerStatus {
            server,
            status: 429,
            message: "too many requests".to_owned(),
            retry_after,
        },
        RemoteError::UploadTooLarge { length } => Refusal::ServerStatus {
            server,
            status: 413,
            message: format!("the update of {length} bytes is larger than it accepts"),
            retry_after: None,
        },
        RemoteError::Status {
            status, message, ..
        } => Refusal::ServerStatus {
            server,
            status,
            message,
            retry_after: None,
        },
        RemoteError::Refused { rule, message } => Refusal::UpdateRefused {
            server,
            rule,
            message,
        },
        RemoteError::Token(registry::Error::Helper(error)) => helper(&error),
        RemoteError::Token(registry::Error::Config(error)) => config(error),
        RemoteError::Token(registry::Error::Unauthorized { server: said, .. }) => {
            let words = said.map(|said| said.message).unwrap_or_default();
            Refusal::Unreachable {
                server,
                cause: format!("unauthorized: {words}"),
                authority: None,
            }
        }
        RemoteError::Token(error) => Refusal::Unreachable {
            server,
            cause: error.to_string(),
            authority: None,
        },
        error => Refusal::Unreachable {
            server,
            cause: error.to_string(),
            authority: None,
        },
    }
}

/// Metadata that is not trusted.
fn untrusted(place: Place, refusal: tuf::Refusal) -> Refusal {
    let Place { gun, server, .. } = place;
    let text = refusal.to_string();
    let bad = |role: tuf::Role| Refusal::BadAnswer {
        server,
        file: format!("{role}.json"),
        problem: text.clone(),
    };
    match refusal {
        tuf::Refusal::Expired { role, expires, .. } => Refusal::Expired {
            gun,
            role: role.to_string(),
            at: expires.at(),
        },
        tuf::Refusal::ThresholdUnmet { role, have, need } => Refusal::BadSignatures {
            gun,
            role: role.to_string(),
            have,
            need,
        },
        tuf::Refusal::NoSignatures { role } => Refusal::BadSignatures {
            gun,
            role: role.to_string(),
            have: 0,
            need: 1,
        },
        tuf::Refusal::VersionRollback { role, seen, got } => Refusal::OlderVersion {
            gun,
            role: role.to_string(),
            found: got,
            known: seen,
        },
        tuf::Refusal::RootNotSignedByPrevious { .. } | tuf::Refusal::RootReplaced { .. } => {
            Refusal::RootReplaced { gun }
        }
        tuf::Refusal::HashMismatch { role, .. }
        | tuf::Refusal::LengthMismatch { role, .. }
        | tuf::Refusal::Malformed { role, .. }
        | tuf::Refusal::NoKnownHash { role }
        | tuf::Refusal::Structure { role, .. }
        | tuf::Refusal::TooLarge { role, .. }
        | tuf::Refusal::UnknownRole { role } => bad(role),
        _ => Refusal::RootUntrusted { gun, problem: text },
    }
}

fn keys(
    place: &Place,
    error: keystore::Error,
    variable: impl Fn(Option<&CanonicalKeyId>) -> Option<&'static str>,
) -> Refusal {
    use keystore::Error as E;
    let folder = |path, action, kind: io::ErrorKind| Refusal::Folder {
        path,
        action,
        source: kind.into(),
    };
    match error {
        E::AttemptsExceeded { id, .. } => {
            let why = KeyTrouble::WrongPassphrase {
                variable: variable(id.as_ref()),
            };
            Refusal::KeyUnusable {
                key_ids: ids(id.as_slice()),
                why,
            }
        }
        E::Passphrase {
            source: PassphraseError::Cancelled,
            ..
        } => Refusal::Input(InputError::Interrupted {
            signal: place.signal.unwrap_or(2),
        }),
        E::Passphrase {
            source: PassphraseError::Unavailable,
            ..
        } => Refusal::Input(InputError::Ended),
        E::Passphrase {
            source: PassphraseError::Io(source),
            ..
        } => Refusal::Input(InputError::Stream(source)),
        E::Passphrase {
            source: PassphraseError::GaveUp { .. },
            id,
        } => Refusal::KeyUnusable {
            key_ids: ids(id.as_slice()),
            why: KeyTrouble::NoNewPassphrase,
        },
        E::NotFound { id, folder } => Refusal::KeyUnusable {
            key_ids: ids(&[id]),
            why: KeyTrouble::Missing { folder },
        },
        E::Locked { path, pid, .. } => Refusal::FolderBusy { path, pid },
        E::NoSpace { path } => folder(path, "write", io::ErrorKind::StorageFull),
        E::Permission { path } => folder(path, "use", io::ErrorKind::PermissionDenied),
        E::ReadOnly { path } => folder(path, "write", io::ErrorKind::ReadOnlyFilesystem),
        E::Io {
            action,
            path,
            source,
        } => Refusal::Folder {
            path,
            action: verb(action),
            source,
        },
        E::Malformed { path, reason } => Refusal::KeyUnusable {
            key_ids: path
                .file_stem()
                .map(|name| name.to_string_lossy().into_owned())
                .into_iter()
                .collect(),
            why: KeyTrouble::Unreadable {
                problem: format!("{}: {reason}", path.display()),
            },
        },
        error => Refusal::KeyUnusable {
            key_ids: Vec::new(),
            why: KeyTrouble::Unreadable {
                problem: error.to_string(),
            },
        },
    }
}

fn missing(place: &Place, acceptable: &[CanonicalKeyId]) -> Refusal {
    Refusal::KeyUnusable {
        key_ids: ids(acceptable),
        why: KeyTrouble::Missing {
            folder: place.keys.clone(),
        },
    }
}

fn ids(ids: &[CanonicalKeyId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

/// `writing` as `write`.
fn verb(action: &'static str) -> &'static str {
    match action {
        "reading" => "read",
        "writing" => "write",
        "removing" => "remove",
        "locking" => "lock",
        "creating" => "create",
        "opening" => "open",
        "listing" => "list",
        other => other,
    }
}
