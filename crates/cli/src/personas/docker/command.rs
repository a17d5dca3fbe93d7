//! Which of docker's commands a command line is.

use std::ffi::OsString;
use std::path::PathBuf;

use super::flags::{FlagError, Scan, go_bool, scan};
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
    /// Some word asks for content trust, whether it stands where a flag may or not.
    pub may_ask: bool,
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
            may_ask: behind.iter().any(asks),
        })
    }

    /// Whether a flag stands before the command's name: buildx has some of its own there.
    pub fn leads_with(&self, flag: &str, words: &[OsString]) -> bool {
        let leading = words.get(..self.from).unwrap_or_default();
        leading
            .iter()
            .filter_map(|word| word.to_str())
            .any(|word| word.split('=').next() == Some(flag))
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

/// `--disable-content-trust=false`, or a value that is no truth value.
fn asks(word: &OsString) -> bool {
    let value = word
        .to_str()
        .and_then(|word| word.strip_prefix("--disable-content-trust="));
    value.is_some_and(|value| go_bool(value) != Some(true))
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

/// `words` without some flags of the command (the deprecated one, which newer dockers and builders do not know, and
/// what was done already), and with `added` as the last flags, where they count.
pub fn edited(
    words: &[OsString],
    line: &CommandLine,
    scan: &Scan,
    dropped: &[&str],
    added: Vec<OsString>,
) -> Vec<OsString> {
    let mut kept: Vec<_> = words.get(..line.from).unwrap_or_default().to_vec();
    let mut added = Some(added);
    let behind = words.get(line.from..).unwrap_or_default();
    let mut skip_to = 0;
    for (at, word) in behind.iter().enumerate() {
        if scan.dashes == Some(at) {
            kept.extend(added.take().unwrap_or_default());
        }
        if at < skip_to {
            continue;
        }
        let here = || scan.flags.iter().filter(|given| given.at == at);
        match here().find(|given| dropped.contains(&given.name)) {
            None => kept.push(word.clone()),
            Some(gone) => {
                // Letters that share its word stay.
                let others = here().filter(|given| !dropped.contains(&given.name));
                kept.extend(others.map(|given| format!("--{}", given.name).into()));
                skip_to = at + gone.words;
            }
        }
    }
    kept.extend(added.unwrap_or_default());
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(text: &str, dropped: &[&str], added: &[&str]) -> String {
        let words: Vec<OsString> = text.split(' ').map(OsString::from).collect();
        let line = CommandLine::parse(&words).expect("a command of ours");
        let scan = line.scan.as_ref().expect("flags that are known");
        let added = added.iter().map(OsString::from).collect();
        let edited = edited(&words, &line, scan, dropped, added);
        let texts: Vec<_> = edited.iter().map(|word| word.to_string_lossy()).collect();
        texts.join(" ")
    }

    #[test]
    fn flags_go_and_come_where_they_count() {
        for (before, after) in [
            ("build -f x .", "build . -f -"),
            ("build -qf x -t . .", "build --quiet -t . . -f -"),
            ("build . -t .", "build . -t . -f -"),
            ("build -t x --file=y -- .", "build -t x -f - -- ."),
            ("build -t -- .", "build -t -- . -f -"),
            (
                "-H x image build --disable-content-trust --file y . -q",
                "-H x image build . -q -f -",
            ),
        ] {
            let dropped = ["disable-content-trust", "file"];
            assert_eq!(edit(before, &dropped, &["-f", "-"]), after);
        }
        let run = "run --pull always -it --disable-content-trust=false image --pull x";
        let dropped = ["disable-content-trust", "pull"];
        assert_eq!(edit(run, &dropped, &[]), "run -it image --pull x");
    }
}
