//! What our own commands refuse, and in which words.

use std::io;
use std::path::{Path, PathBuf};

use chassis::BindError;
use thiserror::Error;

use crate::demo::DemoError;
use crate::render::printable::{printable, printable_lines};
use crate::services::{DataFolderError, ServicesError};

/// A refused native command.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// `-a` without anything that could carry annotations.
    #[error("annotations of nobody")]
    AnnotationsOfNobody,
    /// A flag that says what something else says, too.
    #[error("--{drop} cannot be used with {because}: {why}")]
    Conflict {
        /// The one to drop.
        drop: &'static str,
        /// What makes it senseless: `--json`.
        because: String,
        /// Why: a clause.
        why: &'static str,
        /// What else could be done, if anything: a clause that begins with a comma.
        way_out: String,
    },
    /// The data folder of `serve` cannot be used.
    #[error("data folder")]
    DataFolder(#[source] DataFolderError),
    /// docker's `config.json` cannot be used.
    #[error("docker configuration")]
    DockerConfig(#[source] registry::ConfigError),
    /// A regular expression that is none.
    #[error("regular expression")]
    Expression {
        /// The flag.
        flag: &'static str,
        /// Why it is none.
        reason: String,
    },
    /// A file of somebody else has the plugin's name.
    #[error("foreign file")]
    ForeignFile {
        /// The file.
        path: PathBuf,
        /// It was to be removed, not replaced.
        removing: bool,
    },
    /// `--format` with an unknown word.
    #[error("format")]
    Format {
        /// The word.
        found: String,
    },
    /// `help` for something that does not exist.
    #[error("unknown help topic")]
    HelpTopic {
        /// The words.
        topic: String,
    },
    /// What should be an image is not.
    #[error("image name")]
    Image {
        /// What was given.
        text: String,
        /// Why it is not.
        #[source]
        source: oci::ReferenceError,
    },
    /// A file operation failed.
    #[error("file operation failed")]
    Io {
        /// What was tried: `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// `--key` together with an identity.
    #[error("key or identity")]
    KeyOrIdentity,
    /// `--listen` is no address.
    #[error("listen address")]
    ListenAddress {
        /// What was given.
        found: String,
    },
    /// A flag without a value, such as one of a variable that is not set.
    #[error("--{flag} is empty")]
    Empty {
        /// The flag.
        flag: &'static str,
    },
    /// A flag that another one needs.
    #[error("--{flag} is needed")]
    Needed {
        /// The flag.
        flag: &'static str,
        /// Why: a clause.
        why: &'static str,
    },
    /// No `--data` and no home folder.
    #[error("no data folder")]
    NoDataFolder,
    /// Nothing says where docker's plugins are.
    #[error("no plugin folder")]
    NoPluginFolder,
    /// The demo could not be prepared; nothing was shown to hold or not.
    #[error("demo")]
    Demo(#[source] DemoError),
    /// Expectations of the demo did not hold.
    #[error("{failed} expectations did not hold")]
    DemoFailed {
        /// How many.
        failed: usize,
    },
    /// docker called a plugin by another name.
    #[error("other plugin")]
    NotThisPlugin {
        /// The name docker used.
        asked: String,
        /// Our name.
        plugin: &'static str,
    },
    /// Neither flags nor a policy say what is demanded.
    #[error("nothing demanded")]
    NothingDemanded,
    /// Neither flags nor a file say how to sign.
    #[error("nothing to sign with")]
    NothingToSign {
        /// A policy file that is there, and has no `[sign]`.
        file: Option<PathBuf>,
    },
    /// `--offline` where content trust is demanded.
    #[error("offline content trust")]
    OfflineContentTrust,
    /// The program cannot find its own file.
    #[error("own file unknown")]
    OwnFileUnknown,
    /// `aliases.builder` is another plugin's.
    #[error("other builder")]
    OtherBuilder {
        /// The configuration file.
        path: PathBuf,
        /// The plugin it names.
        found: String,
    },
    /// A policy that is not understood.
    #[error("policy")]
    Policy {
        /// The file as the user named it.
        path: PathBuf,
        /// What is wrong, and where.
        #[source]
        source: Box<signing::policy::PolicyError>,
    },
    /// The folder for the shim has a docker of its own.
    #[error("a docker is there")]
    RealDockerThere {
        /// The file.
        path: PathBuf,
    },
    /// No role of content trust.
    #[error("role")]
    Role {
        /// What was given.
        found: String,
    },
    /// The operating system gives no threads or signals.
    #[error("runtime")]
    Runtime {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// `--name` is no host name and no address.
    #[error("server name")]
    ServerName {
        /// What was given.
        found: String,
    },
    /// The services cannot start.
    #[error("services")]
    Services(#[source] ServicesError),
    /// Content trust for an image without a tag.
    #[error("tag needed")]
    TagNeeded {
        /// The image.
        image: String,
    },
    /// `completion` for a shell we do not know.
    #[error("unknown shell")]
    UnknownShell {
        /// What was given.
        found: String,
    },
}

impl Error {
    /// The lines for standard error, without a final newline.
    pub fn text(&self) -> String {
        match self {
            Self::AnnotationsOfNobody => "--annotations demands nothing of content trust, which has none\nGive --key or \
                 --identity, or drop --annotations."
                .to_owned(),
            Self::Conflict { drop, way_out, .. } => format!("{self}\nDrop --{drop}{way_out}."),
            Self::Expression { flag, reason } => format!(
                "--{flag} is no regular expression: {}\nIt has RE2's syntax: a backslash stands before a character that \
                 means itself.",
                printable_lines(reason)
            ),
            Self::KeyOrIdentity => "--identity cannot be used with --key: either may be meant to be enough, or both \
                 demanded\nDrop --identity, or write a policy that says any or all: see 'countersign verify --help'."
                .to_owned(),
            Self::Empty { .. } => format!("{self}: what it demands is not known\nGive a value, or drop it."),
            Self::Needed { flag, why } => format!("--{flag} is needed: {why}"),
            Self::NothingDemanded => "nothing says whose signatures are demanded\nGive a key (--key release.pub), an \
                 identity (--identity NAME --issuer URL) or --content-trust; or a policy (--policy FILE, or \
                 countersign.toml in this folder):\n\n  \
                 [keys]\n  release = \"release.pub\"\n\n  [[rules]]\n  repositories = [\"registry.example.com/acme/*\"]\n  \
                 all = [{ key = \"release\" }]"
                .to_owned(),
            Self::Format { found } => format!("--format {found:?} is not known: give tag, referrer, bundle or both"),
            Self::NothingToSign { file } => nothing_to_sign(file.as_deref()),
            Self::TagNeeded { image } => format!(
                "{} has no tag, and content trust signs tags\nName the image by its tag, or sign it without content trust.",
                printable(image)
            ),
            Self::OfflineContentTrust => "--offline cannot be used where content trust is demanded: its server says what \
                 is signed now\nDrop --offline."
                .to_owned(),
            Self::Policy { path, source } => {
                format!("{}: {}", path.display(), printable(&source.to_string()))
            }
            Self::Role { found } => format!(
                "--role {found:?} is no role of content trust: give targets, or a delegation such as targets/releases"
            ),
            Self::DataFolder(error) => data_folder(error),
            Self::Runtime { source } => {
                format!("the operating system refuses to start the services: {source}")
            }
            Self::ServerName { found } => {
                format!("--name {found:?} is not a host name or an address, such as registry.example.com or 192.0.2.1")
            }
            Self::Services(error) => services(error),
            Self::DockerConfig(source) => format!("docker configuration: {source}"),
            Self::ForeignFile { path, removing: false } => format!(
                "{} exists and is not Countersign's; it was left as it is\nUse --force to replace it.",
                path.display()
            ),
            Self::ForeignFile { path, removing: true } => {
                format!("{} is not Countersign's; it was left as it is", path.display())
            }
            Self::HelpTopic { topic } => format!("unknown help topic: {topic}"),
            Self::Image { text, source } => format!("{text:?} is no image: {source}"),
            Self::Io { action, path, source } if source.kind() == io::ErrorKind::NotFound => format!(
                "cannot {action} {}: no such file or directory\nLook whether its name is right.",
                path.display()
            ),
            Self::Io { action, path, source } => format!("cannot {action} {}: {source}", path.display()),
            Self::ListenAddress { found } => {
                format!("--listen {found:?} is not an address with a port, such as 127.0.0.1:5443 or [::]:443")
            }
            Self::NoDataFolder => "no data folder: use --data, or set HOME".to_owned(),
            Self::NoPluginFolder => {
                "no folder for docker's plugins: use --dir or --system, or set DOCKER_CONFIG or HOME".to_owned()
            }
            Self::Demo(error) => with_causes("the demo cannot run", error),
            Self::DemoFailed { failed } => format!("{failed} expectations did not hold"),
            Self::NotThisPlugin { asked, plugin } => {
                format!("this file is docker's plugin {plugin:?}, but was called as {asked:?}")
            }
            Self::OtherBuilder { path, found } => format!(
                "aliases.builder in {} is {found:?} already; it was left as it is\nUse --force to replace it.",
                path.display()
            ),
            Self::RealDockerThere { path } => format!(
                "{} is another docker, and is left as it is\nChoose a folder without one, and put it before that \
                 docker's on PATH.",
                path.display()
            ),
            Self::OwnFileUnknown => "the program cannot find its own file".to_owned(),
            Self::UnknownShell { found } => format!("no completion for {found:?}: use bash, fish or zsh"),
        }
    }
}

fn nothing_to_sign(file: Option<&Path>) -> String {
    let file = file.map_or_else(String::new, |path| {
        format!("; {} has no [sign]", path.display())
    });
    format!(
        "nothing says how to sign{file}\nGive a key (--key release.key), --keyless or --content-trust; or write it \
         into countersign.toml:\n\n  [sign]\n  systems = [\"content-trust\", \"sigstore\"]\n  key = \"release.key\""
    )
}

fn data_folder(error: &DataFolderError) -> String {
    match error {
        DataFolderError::InUse { folder } => format!(
            "{} is in use by another process\nStop that one, or give this one a folder of its own with --data.",
            folder.display()
        ),
        DataFolderError::Missing { missing, present } => format!(
            "{} is missing, and {} is there: a data folder needs both\nRestore it from a backup. Clients trust this \
             authority, so a new one is made in a new folder only.",
            missing.display(),
            present.display()
        ),
        other => with_causes("cannot serve", other),
    }
}

fn services(error: &ServicesError) -> String {
    match error {
        ServicesError::Bind(BindError::Refused { address, source })
            if source.kind() == io::ErrorKind::AddrInUse =>
        {
            format!(
                "cannot listen on {address}: another program does\nUse --listen with another port."
            )
        }
        other => with_causes("cannot serve", other),
    }
}

/// A sentence of an error and its causes.
fn with_causes(what: &str, error: &dyn std::error::Error) -> String {
    let mut text = format!("{what}: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
