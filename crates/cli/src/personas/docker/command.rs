//! Which of docker's commands a command line is.

use std::ffi::OsString;
use std::path::PathBuf;

use super::flags::{FlagError, Scan, scan};
use super::tables::{self, Table};
use crate::session::Globals;

/// A command that content trust is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `docker buildx bake`.
    Bake,
    /// `docker build`, with whichever builder docker chooses.
    Build,
    /// `docker buildx build`.
    BuildxBuild,
    /// `docker compose`.
    Compose,
    /// `docker create`.
    Create,
    /// `docker pull`.
    Pull,
    /// `docker push`.
    Push,
    /// `docker run`.
    Run,
    /// `docker trust`.
    Trust,
}

/// A command line taken apart.
#[derive(Debug)]
pub struct CommandLine {
    /// The command.
    pub verb: Verb,
    /// Where the words behind the command's name begin.
    pub from: usize,
    /// docker's own options before the command.
    pub globals: Scan,
    /// The words behind the command's name, or what is wrong with them.
    pub scan: Result<Scan, FlagError>,
}

impl Verb {
    /// Its words as docker shows them.
    pub fn path(self) -> &'static str {
        match self {
            Self::Bake => "docker buildx bake",
            Self::Build => "docker build",
            Self::BuildxBuild => "docker buildx build",
            Self::Compose => "docker compose",
            Self::Create => "docker create",
            Self::Pull => "docker pull",
            Self::Push => "docker push",
            Self::Run => "docker run",
            Self::Trust => "docker trust",
        }
    }

    /// Its usage line.
    pub fn usage(self) -> &'static str {
        match self {
            Self::Bake => "docker buildx bake [OPTIONS] [TARGET...]",
            Self::Build => "docker build [OPTIONS] PATH | URL | -",
            Self::BuildxBuild => "docker buildx build [OPTIONS] PATH | URL | -",
            Self::Compose => "docker compose [OPTIONS] COMMAND",
            Self::Create => "docker create [OPTIONS] IMAGE [COMMAND] [ARG...]",
            Self::Pull => "docker pull [OPTIONS] NAME[:TAG|@DIGEST]",
            Self::Push => "docker push [OPTIONS] NAME[:TAG]",
            Self::Run => "docker run [OPTIONS] IMAGE [COMMAND] [ARG...]",
            Self::Trust => "docker trust COMMAND",
        }
    }

    fn table(self) -> Option<&'static Table> {
        match self {
            Self::Bake => Some(&tables::BAKE),
            Self::Build | Self::BuildxBuild => Some(&tables::BUILD),
            Self::Compose => Some(&tables::COMPOSE),
            Self::Create => Some(&tables::CREATE),
            Self::Pull => Some(&tables::PULL),
            Self::Push => Some(&tables::PUSH),
            Self::Run => Some(&tables::RUN),
            Self::Trust => None,
        }
    }
}

impl CommandLine {
    /// Takes docker's words apart; `None` for a command that content trust is not about, for `--help`, and for one
    /// that docker itself will refuse.
    pub fn parse(words: &[OsString]) -> Option<Self> {
        let globals = scan(&tables::GLOBALS, words).ok()?;
        if ["help", "version"].map(|name| globals.switch(name)) != [Ok(None), Ok(None)] {
            return None;
        }
        let (verb, count) = verb(words.get(globals.end..)?)?;
        let from = globals.end + count;
        let behind = words.get(from..).unwrap_or_default();
        let scan = match verb.table() {
            Some(table) => scan(table, behind),
            None => Ok(Scan::default()),
        };
        if scan
            .as_ref()
            .is_ok_and(|scan| scan.switch("help") == Ok(Some(true)))
        {
            return None;
        }
        Some(Self {
            verb,
            from,
            globals,
            scan,
        })
    }

    /// docker's own options as our commands know them.
    pub fn session_globals(&self) -> Globals {
        let text = |name| {
            let value = self.globals.value(name)?;
            Some(value.to_string_lossy().into_owned())
        };
        Globals {
            config: self.globals.value("config").map(PathBuf::from),
            debug: self.globals.switch("debug") == Ok(Some(true)),
            hosts: self
                .globals
                .values("host")
                .map(|host| host.to_string_lossy().into_owned())
                .collect(),
            context: text("context"),
            tls: crate::session::DockerTls {
                on: self.globals.switch("tls").ok().flatten(),
                verify: self.globals.switch("tlsverify").ok().flatten(),
                ca: self.globals.value("tlscacert").map(PathBuf::from),
                certificate: self.globals.value("tlscert").map(PathBuf::from),
                key: self.globals.value("tlskey").map(PathBuf::from),
            },
        }
    }
}

/// The command at the start of `words`, and how many words name it.
fn verb(words: &[OsString]) -> Option<(Verb, usize)> {
    let word = |at: usize| words.get(at).and_then(|word| word.to_str());
    let one = |verb| Some((verb, 1));
    let two = |verb| Some((verb, 2));
    match word(0)? {
        "bake" => one(Verb::Bake),
        "build" => one(Verb::Build),
        "compose" => one(Verb::Compose),
        "create" => one(Verb::Create),
        "pull" => one(Verb::Pull),
        "push" => one(Verb::Push),
        "run" => one(Verb::Run),
        "trust" => one(Verb::Trust),
        "buildx" => buildx(words),
        "builder" if word(1) == Some("build") => two(Verb::Build),
        "container" => match word(1)? {
            "create" => two(Verb::Create),
            "run" => two(Verb::Run),
            _ => None,
        },
        "image" => match word(1)? {
            "build" => two(Verb::Build),
            "pull" => two(Verb::Pull),
            "push" => two(Verb::Push),
            _ => None,
        },
        _ => None,
    }
}

/// buildx takes options of its own before its commands.
fn buildx(words: &[OsString]) -> Option<(Verb, usize)> {
    let leading = scan(&tables::BUILDX, words.get(1..)?).ok()?;
    let at = 1 + leading.end;
    match words.get(at)?.to_str()? {
        "b" | "build" => Some((Verb::BuildxBuild, at + 1)),
        "bake" | "f" => Some((Verb::Bake, at + 1)),
        _ => None,
    }
}

/// `words` without some flags of the command: the deprecated one, which newer dockers and builders do not know, and
/// what was done already.
pub fn without(words: &[OsString], from: usize, scan: &Scan, names: &[&str]) -> Vec<OsString> {
    let dropped = |at: usize| {
        scan.flags.iter().any(|given| {
            names.contains(&given.name)
                && (from + given.at..from + given.at + given.words).contains(&at)
        })
    };
    let kept = words.iter().enumerate().filter(|(at, _)| !dropped(*at));
    kept.map(|(_, word)| word.clone()).collect()
}
