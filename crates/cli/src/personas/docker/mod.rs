//! `docker` in front of the real one: `push`, `pull`, `build`, `create` and `run` mean what `DOCKER_CONTENT_TRUST` and
//! `--disable-content-trust=false` say, on any version of docker. Every other command is the real docker's.

mod build;
mod build_error;
mod build_note;
pub mod command;
mod compose;
mod container;
pub mod error;
pub mod flags;
pub mod ops;
pub(crate) mod progress;
mod pull;
mod push;
pub mod real;
pub mod switch;
pub mod tables;
mod texts;
mod version;

use std::ffi::{OsStr, OsString};

use oci::{Platform, Reference};

use self::command::{CommandLine, Verb, edited};
use self::error::{Error, Stage};
use self::flags::Scan;
use self::real::RealDocker;
use self::switch::Switch;
use self::tables::DISABLE;
use super::docker_trust;
use super::docker_trust::ops::Refusal as TrustRefusal;
use crate::cobra;
use crate::dispatch::run_root;
use crate::env;
use crate::explain;
use crate::failure::Failure;
use crate::process::Process;
use crate::session::{Run, Session, UseCases};

/// What the native help shows; the commands are docker's own.
pub(crate) const NATIVE_ENTRY: cobra::Command<Run> = cobra::Command {
    usage: "COMMAND",
    long: "Run docker with content trust that counts, on any version of docker: push, pull, build, create, run, compose \
           and\nbuildx bake obey DOCKER_CONTENT_TRUST and --disable-content-trust=false; every other command is the real \
           docker's.\nAs a program named docker: countersign plugin install --docker-shim DIR",
    ..cobra::Command::new("docker", "Run docker with content trust")
};

/// Runs `docker <words>`.
///
/// # Errors
/// When a command is refused; a real docker that runs instead of us does not come back.
pub(crate) fn run(
    process: &Process,
    uses: &dyn UseCases,
    words: &[OsString],
) -> Result<(), Failure> {
    let Some(line) = CommandLine::parse(words) else {
        return Err(pass_on(process, words));
    };
    if line.verb == Verb::Trust {
        return trust(process, uses, words, &line);
    }
    let switch = switch::decide(&line, process.var(env::CONTENT_TRUST.name)).map_err(|source| {
        Error::Flag {
            verb: line.verb,
            source,
        }
    })?;
    match (switch, &line.scan) {
        (Switch::Off, _) | (_, Err(_)) => Err(pass_on(process, words)),
        (Switch::OffByFlag, Ok(scan)) => {
            let real = RealDocker::find(process)?;
            let mut command = real.command(edited(words, &line, scan, &[DISABLE], Vec::new()));
            // Instead of the flag, which not every docker knows.
            command.env_remove(env::CONTENT_TRUST.name);
            Err(real.become_it(command).into())
        }
        (Switch::On, Ok(scan)) => {
            let globals = line.session_globals();
            if globals.debug {
                explain::on_stderr();
            }
            let session = Session {
                process,
                uses,
                globals: &globals,
            };
            trusted(&session, words, &line, scan)
        }
    }
}

/// Words of `docker buildx` that come to us where docker's `builder` alias names our plugin.
const BUILDX_WORDS: [&str; 16] = [
    "b",
    "bake",
    "build",
    "create",
    "dap",
    "debug",
    "dial-stdio",
    "du",
    "f",
    "history",
    "imagetools",
    "inspect",
    "ls",
    "prune",
    "rm",
    "use",
];

/// Whether `word`, behind our plugin's name, is buildx's.
pub(crate) fn is_builder_word(word: &str) -> bool {
    BUILDX_WORDS.contains(&word)
}

/// As docker's builder: `words` are docker's own, with our plugin's name at `at` in place of `buildx`.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_as_builder(
    process: &Process,
    uses: &dyn UseCases,
    words: &[OsString],
    at: usize,
) -> Result<(), Failure> {
    let mut words = words.to_vec();
    if let Some(word) = words.get_mut(at) {
        *word = "buildx".into();
    }
    run(process, uses, &words)
}

/// The engine's refusal of a push, for `docker trust sign`.
pub(crate) fn explain_engine(refusal: &ops::Refusal) -> String {
    texts::reason(Verb::Trust, "", refusal)
}

/// The real docker, with the words as they are.
fn pass_on(process: &Process, words: &[OsString]) -> Failure {
    match RealDocker::find(process) {
        Ok(real) => real.become_it(real.command(words)).into(),
        Err(error) => error.into(),
    }
}

/// `docker trust` is ours on every docker: newer ones have none, and older ones one with known holes.
fn trust(
    process: &Process,
    uses: &dyn UseCases,
    words: &[OsString],
    line: &CommandLine,
) -> Result<(), Failure> {
    let globals = line.session_globals();
    let session = Session {
        process,
        uses,
        globals: &globals,
    };
    let texts = texts_of(words.get(line.from..).unwrap_or_default())?;
    run_root(&docker_trust::ROOT, &session, &texts)
}

fn trusted(
    session: &Session<'_>,
    words: &[OsString],
    line: &CommandLine,
    scan: &Scan,
) -> Result<(), Failure> {
    let behind = || texts_of(words.get(line.from..).unwrap_or_default());
    match line.verb {
        Verb::Push => push::run(session, &behind()?, scan),
        Verb::Pull => pull::run(session, &behind()?, scan),
        Verb::Create | Verb::Run => container::run(session, words, line, scan),
        Verb::Build | Verb::BuildxBuild => build::run(session, words, line, scan),
        Verb::Bake => compose::run_bake(session, words, line, scan),
        Verb::Compose => compose::run_compose(session, words, line, scan),
        Verb::Trust => Err(pass_on(session.process, words)),
    }
}

/// The one argument of a command.
fn argument<'w>(verb: Verb, words: &'w [String], scan: &Scan) -> Result<&'w str, Error> {
    match scan.args.as_slice() {
        [at] => Ok(words.get(*at).map_or("", String::as_str)),
        _ => Err(Error::Arguments {
            verb,
            problem: "1 argument",
        }),
    }
}

fn reference(verb: Verb, name: &str) -> Result<Reference, Failure> {
    Reference::parse(name).map_err(|source| {
        let text = name.to_owned();
        let refusal = TrustRefusal::Reference { text, source };
        Error::refused(verb, name, Stage::Nothing, refusal.into())
    })
}

/// `--platform`, else `DOCKER_DEFAULT_PLATFORM`.
fn platform(session: &Session<'_>, scan: &Scan) -> Result<Option<Platform>, Error> {
    let given = scan.value("platform").map(OsStr::to_string_lossy);
    let default = session.process.var(env::DOCKER_DEFAULT_PLATFORM.name);
    let Some(text) = given
        .or(default.map(Into::into))
        .filter(|text| !text.is_empty())
    else {
        return Ok(None);
    };
    let mut parts = text.split('/').map(str::to_owned);
    let plain = |part: &String| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    match [parts.next(), parts.next(), parts.next(), parts.next()] {
        [Some(os), Some(architecture), variant, None]
            if [&os, &architecture].into_iter().chain(&variant).all(plain) =>
        {
            Ok(Some(Platform {
                os,
                architecture,
                variant,
                os_version: None,
            }))
        }
        _ => Err(Error::Platform {
            found: text.into_owned(),
        }),
    }
}

fn texts_of(words: &[OsString]) -> Result<Vec<String>, Error> {
    words
        .iter()
        .map(|word| text(word).map(str::to_owned))
        .collect()
}

fn text(word: &OsStr) -> Result<&str, Error> {
    word.to_str().ok_or_else(|| Error::NotText {
        word: word.to_string_lossy().into_owned(),
    })
}
