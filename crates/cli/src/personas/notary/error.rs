//! What `notary` refuses, in its words.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use trust::{RemoteError, TrustError};

use crate::render::printable::printable;

/// A refused command.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Too few or too many arguments; the usage was shown.
    #[error("{problem}")]
    Arguments {
        /// notary's sentence; empty for `key list`.
        problem: &'static str,
    },
    /// Half of a client certificate.
    #[error("half of a client certificate")]
    ClientPair,
    /// The configuration file.
    #[error("configuration file")]
    ConfigFile {
        /// As `-c` named it; empty for the user's own.
        path: PathBuf,
        /// What is wrong with it.
        fault: ConfigFault,
    },
    /// A flag problem, in pflag's words.
    #[error("{problem}")]
    Flag {
        /// The sentence.
        problem: String,
    },
    /// The name cannot be one of a collection.
    #[error("GUN")]
    Gun {
        /// The text.
        text: String,
        /// Why not.
        #[source]
        source: tuf::name::GunError,
    },
    /// The trust folder's keys.
    #[error(transparent)]
    Keys(keystore::Error),
    /// A command that this version does not have.
    #[error("{what} is missing")]
    Missing {
        /// The command.
        what: &'static str,
        /// What to use meanwhile.
        instead: &'static str,
    },
    /// Neither flags nor a home folder say where things are.
    #[error("no home folder")]
    NoHome,
    /// The name is not signed.
    #[error("{name} is not signed")]
    NotSigned {
        /// The name.
        name: String,
    },
    /// A file of `trust_pinning.ca`.
    #[error("pinned authority")]
    PinnedAuthority {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// `trust_pinning.certs` is no list of key ids for each GUN.
    #[error("pinned certificates")]
    PinnedCertificates,
    /// A server without TLS.
    #[error("plain http")]
    PlainHttp {
        /// The address.
        text: String,
    },
    /// The runtime cannot start.
    #[error("runtime")]
    Runtime {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The server's address is none.
    #[error("server address")]
    ServerAddress {
        /// What was given, without credentials.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The server's address is not one of a trust server.
    #[error("server address")]
    ServerForm {
        /// What was given, without credentials.
        text: String,
    },
    /// `remote_server.skipTLSVerify`.
    #[error("TLS verification switched off")]
    SkipTlsVerify {
        /// The configuration file.
        path: PathBuf,
    },
    /// A file for TLS.
    #[error("TLS file")]
    TlsFile {
        /// Which one.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        #[source]
        source: io::Error,
    },
    /// No trusted answer.
    #[error(transparent)]
    Trust(Box<TrustError>),
    /// No such command.
    #[error("unknown command {word}")]
    UnknownCommand {
        /// The word.
        word: String,
        /// Commands that are nearly called so.
        similar: Vec<&'static str>,
    },
}

/// What is wrong with a configuration file.
#[derive(Debug, Error)]
pub enum ConfigFault {
    /// It is not JSON of this shape.
    #[error(transparent)]
    Malformed(serde_json::Error),
    /// It cannot be read.
    #[error(transparent)]
    Read(io::Error),
}

impl From<TrustError> for Error {
    fn from(error: TrustError) -> Self {
        Self::Trust(Box::new(error))
    }
}

impl Error {
    /// 2 for what this version does not have, else 1.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Missing { .. } => 2,
            _ => 1,
        }
    }

    /// The words after `* fatal: `.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Arguments { problem } => (*problem).to_owned(),
            Self::ClientPair => "either pass both client key and cert, or neither".to_owned(),
            Self::ConfigFile { path, fault } => config_file(path, fault),
            Self::Flag { problem } => problem.clone(),
            Self::Gun { text, source } => {
                format!("{} is no name of a collection: {source}", printable(text))
            }
            Self::Keys(error) => error.to_string(),
            Self::Missing { what, instead } => format!(
                "'notary {what}' is not in this version of countersign\nMeanwhile: {instead}."
            ),
            Self::NoHome => "no home folder: set HOME, or use -d and -c".to_owned(),
            Self::NotSigned { name } => format!("No valid trust data for {}", printable(name)),
            Self::PinnedAuthority { path, problem } => {
                format!("invalid CA certs provided: {}: {problem}", path.display())
            }
            Self::PinnedCertificates => "invalid format for trust_pinning.certs".to_owned(),
            Self::PlainHttp { text } => format!(
                "{text} is not https\nTrust servers are asked over TLS only: anybody on the way could answer otherwise."
            ),
            Self::Runtime { source } => {
                format!("the operating system refuses to start work: {source}")
            }
            Self::ServerAddress { text, problem } => {
                format!("Could not parse remote trust server url ({text}): {problem}")
            }
            Self::ServerForm { text } => {
                format!("Trust server url has to be in the form of http(s)://URL:PORT. Got: {text}")
            }
            Self::SkipTlsVerify { path } => format!(
                "remote_server.skipTLSVerify is set in {}\nTLS is always verified. Remove it, and name the server's \
                 authority in remote_server.root_ca or with --tlscacert.",
                path.display()
            ),
            Self::TlsFile { what, path, source } => format!(
                "unable to configure TLS: could not read {what} {:?}: {}",
                path.display().to_string(),
                unread(path, source)
            ),
            Self::Trust(error) => trust(error),
            Self::UnknownCommand { word, similar } => unknown_command(word, similar),
        }
    }

    /// The server and what happened on the way to it, where there was no answer.
    pub(crate) fn unreachable(&self) -> Option<&net::Error> {
        match self {
            Self::Trust(error) => match error.remote()? {
                RemoteError::Network(cause) => Some(cause),
                _ => None,
            },
            _ => None,
        }
    }

    /// The server wants to know who asks, or somebody else.
    pub(crate) fn wants_login(&self) -> bool {
        let Self::Trust(error) = self else {
            return false;
        };
        matches!(
            error.remote(),
            Some(
                RemoteError::Unauthorized { .. }
                    | RemoteError::Token(registry::Error::Unauthorized { .. })
            )
        )
    }
}

/// As Go says it.
fn unread(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => format!("open {path}: no such file or directory"),
        io::ErrorKind::PermissionDenied => format!("open {path}: permission denied"),
        _ => format!("open {path}: {error}"),
    }
}

fn config_file(path: &Path, fault: &ConfigFault) -> String {
    match fault {
        ConfigFault::Read(error) => format!("error opening config file: {}", unread(path, error)),
        ConfigFault::Malformed(error) => {
            format!("error opening config file: While parsing config: {error}")
        }
    }
}

fn unknown_command(word: &str, similar: &[&str]) -> String {
    let mut text = format!("unknown command {:?} for \"notary\"", printable(word));
    if !similar.is_empty() {
        text.push_str("\n\nDid you mean this?\n");
        for name in similar {
            text.push_str(&format!("\t{name}\n"));
        }
    }
    text
}

fn trust(error: &TrustError) -> String {
    match error {
        TrustError::NotInitialised { server, gun } | TrustError::Deleted { server, gun, .. } => {
            format!("{server} does not have trust data for {gun}")
        }
        TrustError::Refused { refusal, .. } | TrustError::RootReplaced { refusal, .. } => {
            printable(&refusal.to_string()).into_owned()
        }
        error => match error.remote() {
            Some(error) => remote(error),
            None => printable(&error.to_string()).into_owned(),
        },
    }
}

fn remote(error: &RemoteError) -> String {
    let status = |code: u16| format!("unable to reach trust server at this time: {code}.");
    match error {
        RemoteError::Unauthorized { .. } => {
            "you are not authorized to perform this operation: server returned 401.".to_owned()
        }
        RemoteError::Forbidden { .. } => status(403),
        RemoteError::RateLimited { .. } => status(429),
        RemoteError::Status { status: code, .. } => status(*code),
        RemoteError::NotFound { resource } => {
            let name = resource.to_string();
            format!(
                "{} trust data unavailable.  Has a notary repository been initialized?",
                name.strip_suffix(".json").unwrap_or(&name)
            )
        }
        RemoteError::Html { .. } | RemoteError::Key { .. } | RemoteError::TooLarge { .. } => {
            "trust server returned a bad response.".to_owned()
        }
        RemoteError::Network(_) => "client is offline".to_owned(),
        RemoteError::Token(registry::Error::Unauthorized { .. }) => {
            "unauthorized: incorrect username or password".to_owned()
        }
        error => printable(&error.to_string()).into_owned(),
    }
}
