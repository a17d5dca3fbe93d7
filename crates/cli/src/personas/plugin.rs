//! The Docker CLI's plugin protocol (docker/cli `cli-plugins`, observed on 28.2 and 29.7).

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use serde::Serialize;

use super::{docker, docker_trust, native};
use crate::cobra::{self, Flag, Matches, Root, UsageError};
use crate::dispatch::run_root;
use crate::env;
use crate::explain;
use crate::failure::Failure;
use crate::process::Process;
use crate::session::{DockerTls, Globals, Run, Session, UseCases};

/// Shown by `docker info` beside the plugin.
pub const VENDOR: &str = "Countersign";
/// The argument with which docker asks a plugin who it is.
const METADATA: &str = "docker-cli-plugin-metadata";

/// A name under which docker finds this program.
#[derive(Debug)]
pub struct Plugin {
    /// The word after `docker`.
    pub name: &'static str,
    /// The file's name.
    pub file: &'static str,
    /// docker's `builder` alias may name it.
    is_builder: bool,
    root: &'static Root<Run>,
}

/// Every plugin this program is: `docker trust`, which Docker up to 28 keeps for itself, and `docker countersign`.
pub static PLUGINS: [Plugin; 2] = [
    Plugin {
        name: "trust",
        file: "docker-trust",
        is_builder: false,
        root: &docker_trust::ROOT,
    },
    Plugin {
        name: "countersign",
        file: "docker-countersign",
        is_builder: true,
        root: &native::PLUGIN_ROOT,
    },
];

/// The plugin whose file is called `program`.
pub fn named(program: &str) -> Option<&'static Plugin> {
    PLUGINS.iter().find(|plugin| plugin.file == program)
}

const CONFIG: Flag = Flag::text("config", "", "Location of client config files");
const CONTEXT: Flag = Flag::text(
    "context",
    "",
    "Name of the context to use to connect to the daemon",
)
.short('c');
const DEBUG: Flag = Flag::switch("debug", "Enable debug mode").short('D');
const HOST: Flag = Flag::list("host", "Daemon socket to connect to").short('H');
const VERSION: Flag = Flag::switch("version", "Print version information and quit").short('v');

const TLS: Flag = Flag::switch("tls", "Use TLS; implied by --tlsverify");
const TLS_CA: Flag = Flag::text("tlscacert", "", "Trust certs signed only by this CA");
const TLS_CERT: Flag = Flag::text("tlscert", "", "Path to TLS certificate file");
const TLS_KEY: Flag = Flag::text("tlskey", "", "Path to TLS key file");
const TLS_VERIFY: Flag = Flag::switch("tlsverify", "Use TLS and verify the remote");

/// Options that docker accepts before the plugin's name and passes on.
static GLOBALS: [Flag; 11] = [
    CONFIG,
    CONTEXT,
    DEBUG,
    HOST,
    Flag::text("log-level", "info", "Set the logging level").short('l'),
    TLS,
    TLS_CA,
    TLS_CERT,
    TLS_KEY,
    TLS_VERIFY,
    VERSION,
];

/// Runs the program as docker's plugin, or by its plugin name without docker.
pub(crate) fn run(
    plugin: &Plugin,
    process: &Process,
    uses: &dyn UseCases,
    words: &[String],
) -> Result<(), Failure> {
    if words.first().is_some_and(|word| word == METADATA) {
        return metadata(process);
    }
    let by_docker = process.var(env::PLUGIN_ORIGINAL_COMMAND.name).is_some();
    if by_docker {
        obey(process);
    }
    // `help trust sign`, `__complete trust sign ''`: the protocol's word stands before our own name.
    let (verb, words) = match words.split_first() {
        Some((verb, rest)) if is_verb(verb) => (Some(verb.clone()), rest),
        _ => (None, words),
    };
    let (matches, mut rest) =
        cobra::parse_leading(&GLOBALS, words).map_err(|problem| UsageError::Flag {
            problem,
            usage: format!("docker [OPTIONS] {} COMMAND", plugin.name),
            path: plugin.root.path.to_owned(),
        })?;
    if matches.on(&VERSION) {
        return native::version::show(process);
    }
    match rest.first() {
        Some(name) if name == plugin.name => {
            if plugin.is_builder
                && rest
                    .get(1)
                    .is_some_and(|word| docker::is_builder_word(word))
            {
                let at = words.len() - rest.len();
                return docker::run_as_builder(process, uses, process.raw_words(), at);
            }
            rest.remove(0);
        }
        Some(name) if by_docker => {
            return Err(native::error::Error::NotThisPlugin {
                asked: name.clone(),
                plugin: plugin.name,
            }
            .into());
        }
        _ => {}
    }
    if let Some(verb) = verb {
        rest.insert(0, verb);
    }
    let globals = globals(&matches);
    if globals.debug {
        explain::on_stderr();
    }
    let session = Session {
        process,
        uses,
        globals: &globals,
    };
    run_root(plugin.root, &session, &rest)
}

fn is_verb(word: &str) -> bool {
    matches!(word, "__complete" | "__completeNoDesc" | "help")
}

fn switch(matches: &Matches, flag: &'static Flag) -> Option<bool> {
    matches.given(flag).map(|_| matches.on(flag))
}

fn globals(matches: &Matches) -> Globals {
    Globals {
        config: matches.given(&CONFIG).map(PathBuf::from),
        debug: matches.on(&DEBUG),
        hosts: matches.values(&HOST).to_vec(),
        context: matches.given(&CONTEXT).map(str::to_owned),
        tls: DockerTls {
            on: switch(matches, &TLS),
            verify: switch(matches, &TLS_VERIFY),
            ca: matches.given(&TLS_CA).map(PathBuf::from),
            certificate: matches.given(&TLS_CERT).map(PathBuf::from),
            key: matches.given(&TLS_KEY).map(PathBuf::from),
        },
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    schema_version: &'static str,
    vendor: &'static str,
    version: &'static str,
    short_description: &'static str,
    #[serde(rename = "URL")]
    url: &'static str,
}

/// Who we are. Asked at every use of docker: nothing else may happen here.
fn metadata(process: &Process) -> Result<(), Failure> {
    let metadata = Metadata {
        // Docker up to 28.4.0 accepts exactly this version.
        schema_version: "0.1.0",
        vendor: VENDOR,
        version: env!("CARGO_PKG_VERSION"),
        short_description: docker_trust::SHORT,
        url: "",
    };
    let text = serde_json::to_string(&metadata).map_err(io::Error::from)?;
    process.out(format_args!("{text}\n"))?;
    Ok(())
}

/// Ends this process when docker closes its socket, which is how it passes a signal on.
///
/// A socket that cannot be opened is ignored as docker's own plugins do: it is a courtesy, not a permission.
fn obey(process: &Process) {
    let Some(stream) = process.var(env::PLUGIN_SOCKET.name).and_then(connect) else {
        return;
    };
    let _detached = std::thread::Builder::new()
        .name("docker-socket".to_owned())
        .spawn(move || until_closed(stream));
}

fn until_closed(mut stream: UnixStream) {
    let mut byte = [0_u8; 1];
    while matches!(stream.read(&mut byte), Ok(1..)) {}
    // As a signal, so that a prompt restores the terminal first.
    let _dying = signal_hook::low_level::raise(signal_hook::consts::SIGTERM);
}

#[cfg(target_os = "linux")]
fn connect(address: &str) -> Option<UnixStream> {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::SocketAddr;
    match address.strip_prefix('@') {
        Some(name) => UnixStream::connect_addr(&SocketAddr::from_abstract_name(name).ok()?).ok(),
        None => UnixStream::connect(address).ok(),
    }
}

#[cfg(not(target_os = "linux"))]
fn connect(address: &str) -> Option<UnixStream> {
    UnixStream::connect(address).ok()
}
