//! `docker build` with content trust: every image of the Dockerfile is signed and pinned, or nothing is built.
//!
//! The pinned Dockerfile goes to the real docker on standard input (`-f -`), which every builder since 18.03 takes
//! with a local context: the classic one of 20.10 and later, BuildKit, buildx. It lies in no folder that the build
//! could see, and nothing has to be cleaned up.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use dockerfile::{Builder, Context, Dockerfile, Heredocs, How, ImageUse, Options, Plan, Platform};
use oci::Digest;

use super::build_error::{BuildError, Unsigned};
use super::build_note;
use super::command::{CommandLine, Verb, edited};
use super::error::{Error, Stage};
use super::flags::Scan;
use super::ops::DockerOps;
use super::real::RealDocker;
use super::tables::DISABLE;
use super::{text, version};
use crate::env;
use crate::failure::Failure;
use crate::process::Process;
use crate::session::Session;

/// The name that means standard input.
const STDIN: &str = "-";
/// The pinned file in a folder of its own, and its ignore file.
const BESIDE: &str = "Dockerfile";
const BESIDE_IGNORE: &str = "Dockerfile.dockerignore";
/// Bytes of a Dockerfile that are read: one more than any builder takes.
const READ_MAX: u64 = 1024 * 1024 + 1;

/// A Dockerfile and where it came from.
pub(super) struct Source {
    /// As shown to the user.
    pub(super) shown: String,
    pub(super) bytes: Vec<u8>,
    /// Its own ignore file, which builders look for beside it.
    ignore: Option<PathBuf>,
}

/// `docker build` and `docker buildx build`.
///
/// # Errors
/// When nothing is built; the real docker does not come back.
pub(super) fn run(
    session: &Session<'_>,
    words: &[OsString],
    line: &CommandLine,
    scan: &Scan,
) -> Result<(), Failure> {
    let verb = line.verb;
    let process = session.process;
    let &[at] = scan.args.as_slice() else {
        let problem = "1 argument";
        return Err(Error::Arguments { verb, problem }.into());
    };
    let context = match words.get(line.from + at) {
        Some(word) => text(word)?,
        None => "",
    };
    let source = Source::read(process, context, scan)?;
    let real = RealDocker::find(process)?;
    let builder = match verb {
        Verb::BuildxBuild => Builder::BuildKit,
        _ => version::builder(process, &real)?,
    };
    let mut docker = session
        .uses
        .docker(session)
        .map_err(|refusal| Error::refused(verb, context, Stage::Nothing, refusal.into()))?;
    let known = docker.builder();
    let heredocs = match &known {
        Some(known) if builder == Builder::BuildKit => known.heredocs,
        _ => Heredocs::Known,
    };
    // Another builder than the engine's may run anywhere.
    let elsewhere = scan.value("builder").is_some()
        || line.leads_with("--builder", words)
        || process.var(env::BUILDX_BUILDER.name).is_some();
    let own = known.map(|known| known.platform).filter(|_| !elsewhere);
    let options = options(process, scan, builder, own)?;
    let pinned = pin(&mut *docker, &source, heredocs, &options)?;
    for line in &pinned.notes {
        process.err(line);
    }
    if scan.switch("push") == Ok(Some(true)) {
        process.err("what the builder pushes is not signed; sign it with docker trust sign\n");
    }
    let words = |mut added: Vec<OsString>, file: Option<OsString>| {
        added.extend(file.into_iter().flat_map(|file| ["-f".into(), file]));
        edited(words, line, scan, &[DISABLE, "file"], added)
    };
    if builder == Builder::BuildKit
        && let Some(ignore) = &source.ignore
    {
        let folder = beside(&pinned.file, ignore)?;
        let file = folder.path().join(BESIDE).into();
        let code = real.wait_for(real.command(words(pinned.arguments(), Some(file))))?;
        drop(folder);
        return if code == 0 {
            Ok(())
        } else {
            Err(Failure::Ended(code))
        };
    }
    let file = (context != STDIN).then(|| STDIN.into());
    let mut command = real.command(words(pinned.arguments(), file));
    command.stdin(input(&pinned.file)?);
    // docker up to 28 has a look of its own, which takes stage names for images and refuses them.
    command.env_remove(env::CONTENT_TRUST.name);
    if builder == Builder::Classic {
        command.env(env::DOCKER_BUILDKIT.name, "0");
    }
    Err(real.become_it(command).into())
}

/// A folder with the pinned Dockerfile and its ignore file: BuildKit takes `<Dockerfile>.dockerignore` before the
/// context's own, and finds it beside a file only.
fn beside(text: &str, ignore: &Path) -> Result<tempfile::TempDir, Error> {
    let write = || -> io::Result<tempfile::TempDir> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join(BESIDE), text)?;
        fs::copy(ignore, folder.path().join(BESIDE_IGNORE))?;
        Ok(folder)
    };
    write().map_err(|source| {
        let path = ignore.to_owned();
        Error::from(BuildError::File { path, source })
    })
}

/// The Dockerfile as the builder's standard input.
fn input(text: &str) -> Result<File, Error> {
    let write = || -> io::Result<File> {
        let mut file = tempfile::tempfile()?;
        file.write_all(text.as_bytes())?;
        file.rewind()?;
        Ok(file)
    };
    write().map_err(|source| {
        Error::from(BuildError::File {
            path: "the pinned Dockerfile".into(),
            source,
        })
    })
}

impl Source {
    fn read(process: &Process, context: &str, scan: &Scan) -> Result<Self, Error> {
        let file = scan.value("file").map(|file| file.to_string_lossy());
        let file = file.as_deref().filter(|file| !file.is_empty());
        if context == STDIN {
            return match file {
                None => Self::stdin(process),
                Some(STDIN) => Err(BuildError::StdinTwice.into()),
                Some(_) => Err(BuildError::Archive.into()),
            };
        }
        if is_remote(context) {
            return Err(remote("build context", context));
        }
        match file {
            Some(STDIN) => Self::stdin(process),
            Some(file) if is_remote(file) => Err(remote("Dockerfile", file)),
            Some(file) => Self::file(process, Path::new(file)),
            None => {
                let folder = Path::new(context);
                let upper = folder.join("Dockerfile");
                let lower = folder.join("dockerfile");
                let upper_is_there = fs::symlink_metadata(process.resolve(&upper)).is_ok();
                let lower_is_there = fs::symlink_metadata(process.resolve(&lower)).is_ok();
                let chosen = if !upper_is_there && lower_is_there {
                    lower
                } else {
                    upper
                };
                Self::file(process, &chosen)
            }
        }
    }

    /// A Dockerfile of a compose or bake file, or of a folder.
    pub(super) fn file(process: &Process, path: &Path) -> Result<Self, Error> {
        let at = process.resolve(path);
        let failed = |source| BuildError::File {
            path: path.to_owned(),
            source,
        };
        let mut bytes = Vec::new();
        let opened = File::open(&at).map_err(failed)?;
        opened
            .take(READ_MAX)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        let mut ignore = at.into_os_string();
        ignore.push(".dockerignore");
        let ignore = PathBuf::from(ignore);
        Ok(Self {
            shown: path.display().to_string(),
            bytes,
            ignore: ignore.is_file().then_some(ignore),
        })
    }

    fn stdin(process: &Process) -> Result<Self, Error> {
        let failed = |source| BuildError::File {
            path: "standard input".into(),
            source,
        };
        let bytes = process.input().rest(READ_MAX).map_err(failed)?;
        if is_archive(&bytes) {
            return Err(BuildError::Archive.into());
        }
        Ok(Self {
            shown: "standard input".to_owned(),
            bytes,
            ignore: None,
        })
    }

    /// One that stands in a compose or bake file.
    pub(super) fn inline(shown: String, text: &str) -> Self {
        Self {
            shown,
            bytes: text.as_bytes().to_vec(),
            ignore: None,
        }
    }

    fn parse(&self, heredocs: Heredocs) -> Result<Dockerfile, Error> {
        if self.bytes.len() >= usize::try_from(READ_MAX).unwrap_or(usize::MAX) {
            let file = self.shown.clone();
            return Err(BuildError::TooLarge { file }.into());
        }
        Dockerfile::parse_with(&self.bytes, heredocs).map_err(|source| {
            Error::from(BuildError::Parse {
                file: self.shown.clone(),
                source,
            })
        })
    }
}

/// What `docker/cli` and buildx take for an address (`build.IsURL`, `urlutil.IsGitURL`).
pub(super) fn is_remote(text: &str) -> bool {
    let begins = [
        "http://",
        "https://",
        "git://",
        "ssh://",
        "git@",
        "github.com/",
    ];
    begins.iter().any(|prefix| text.starts_with(prefix))
        || text.ends_with(".git") && text.contains("://")
}

fn remote(what: &'static str, address: &str) -> Error {
    Error::from(BuildError::Remote {
        what,
        address: address.to_owned(),
    })
}

/// gzip, bzip2, xz, zstd and tar, which docker unpacks; text has no zero bytes.
fn is_archive(bytes: &[u8]) -> bool {
    let magic: [&[u8]; 4] = [b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"];
    magic.iter().any(|magic| bytes.starts_with(magic)) || bytes.contains(&0)
}

/// The pinned build.
struct Pinned {
    /// The Dockerfile.
    file: String,
    /// Build contexts in place of those given.
    contexts: Vec<(String, String)>,
    /// The frontend in place of the build argument's.
    frontend: Option<String>,
    /// What the user should know of, a line each.
    notes: BTreeSet<String>,
}

impl Pinned {
    /// Flags to stand behind the user's: the last one counts.
    fn arguments(&self) -> Vec<OsString> {
        let mut added: Vec<OsString> = Vec::new();
        for (name, value) in &self.contexts {
            added.extend(["--build-context".into(), format!("{name}={value}").into()]);
        }
        if let Some(frontend) = &self.frontend {
            let argument = format!("BUILDKIT_SYNTAX={frontend}");
            added.extend(["--build-arg".into(), argument.into()]);
        }
        added
    }
}

/// What the flags say about images; one for each platform.
fn options(
    process: &Process,
    scan: &Scan,
    builder: Builder,
    own: Option<Platform>,
) -> Result<Vec<Options>, Error> {
    let texts = |name: &str| -> Result<Vec<String>, Error> {
        let mut texts = Vec::new();
        for value in scan.values(name) {
            texts.push(text(value)?.to_owned());
        }
        Ok(texts)
    };
    let mut build_args = BTreeMap::new();
    for argument in texts("build-arg")? {
        match argument.split_once('=') {
            Some((name, value)) => {
                build_args.insert(name.to_owned(), value.to_owned());
            }
            None => {
                if let Some(value) = process.raw_var(&argument) {
                    build_args.insert(argument, value.to_owned());
                }
            }
        }
    }
    let split = |text: String| match text.split_once('=') {
        Some((name, value)) => (name.to_owned(), value.to_owned()),
        None => (String::new(), text),
    };
    let options = Options {
        builder,
        build_args,
        build_contexts: texts("build-context")?.into_iter().map(split).collect(),
        target: texts("target")?.pop().filter(|name| !name.is_empty()),
        build_platform: own.clone(),
        target_platform: own,
        ..Options::default()
    };
    let mut platforms = texts("platform")?;
    if platforms.is_empty() {
        let default = process.var(env::DOCKER_DEFAULT_PLATFORM.name);
        platforms.extend(default.map(str::to_owned));
    }
    let platforms: Vec<_> = platforms
        .iter()
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .filter(|platform| !platform.is_empty())
        .collect();
    if platforms.is_empty() {
        return Ok(vec![options]);
    }
    let one = |platform: &&str| {
        let parsed = Platform::parse(platform).ok_or_else(|| Error::Platform {
            found: (*platform).to_owned(),
        })?;
        Ok(Options {
            target_platform: Some(parsed),
            ..options.clone()
        })
    };
    platforms.iter().map(one).collect()
}

/// Every image of every build, with the digest it is signed for.
pub(super) struct Images {
    digests: BTreeMap<String, Digest>,
    seen: BTreeSet<String>,
    refused: Vec<Unsigned>,
}

impl Images {
    pub(super) fn new() -> Self {
        Self {
            digests: BTreeMap::new(),
            seen: BTreeSet::new(),
            refused: Vec::new(),
        }
    }

    /// Looks up an image once; one that names its digest needs no looking up.
    pub(super) fn check(&mut self, docker: &mut dyn DockerOps, place: &str, found: &ImageUse) {
        self.check_reference(
            docker,
            place,
            &found.reference,
            found.line,
            Some(found.how.clone()),
        );
    }

    pub(super) fn check_reference(
        &mut self,
        docker: &mut dyn DockerOps,
        place: &str,
        image: &oci::Reference,
        line: usize,
        how: Option<How>,
    ) {
        let key = image.to_string();
        let Some(tag) = image.tag() else { return };
        if image.digest().is_some() || !self.seen.insert(key.clone()) {
            return;
        }
        match docker.resolve(image.repository(), tag) {
            Ok(digest) => {
                self.digests.insert(key, digest);
            }
            Err(refusal) => self.refused.push(Unsigned {
                place: place.to_owned(),
                line,
                how,
                image: image.clone(),
                refusal,
            }),
        }
    }

    pub(super) fn digest(&self, image: &oci::Reference) -> Option<Digest> {
        self.digests.get(&image.to_string()).copied()
    }

    /// Refuses an image that was found signed.
    pub(super) fn refuse(&mut self, refused: Unsigned) {
        self.refused.push(refused);
    }

    pub(super) fn finish(self) -> Result<BTreeMap<String, Digest>, Error> {
        if self.refused.is_empty() {
            Ok(self.digests)
        } else {
            Err(BuildError::Unsigned(self.refused).into())
        }
    }
}

/// The images of a build, for each of its platforms.
pub(super) fn plans(
    source: &Source,
    heredocs: Heredocs,
    options: &[Options],
) -> Result<(Dockerfile, Vec<Plan>), Error> {
    let file = source.parse(heredocs)?;
    let mut plans = Vec::with_capacity(options.len());
    for options in options {
        plans.push(
            file.resolve(options)
                .map_err(|reason| BuildError::Undecided {
                    file: source.shown.clone(),
                    source: reason,
                })?,
        );
        for (_, value) in &options.build_contexts {
            if let Ok(Context::Remote(address)) = Context::parse(value) {
                return Err(remote("named build context", &address));
            }
        }
    }
    Ok((file, plans))
}

fn pin(
    docker: &mut dyn DockerOps,
    source: &Source,
    heredocs: Heredocs,
    options: &[Options],
) -> Result<Pinned, Error> {
    let (file, plans) = plans(source, heredocs, options)?;
    let mut images = Images::new();
    for found in plans.iter().flat_map(|plan| &plan.uses) {
        images.check(docker, &source.shown, found);
    }
    let digests = images.finish()?;
    let notes = plans.iter().flat_map(|plan| &plan.notes);
    let notes = notes
        .filter_map(|note| build_note::line(&source.shown, note))
        .collect();
    let digest_of = |found: &ImageUse| digests.get(&found.reference.to_string()).copied();
    let failed = |reason| BuildError::Pin {
        file: source.shown.clone(),
        source: reason,
    };
    let (Some(first), Some(plan)) = (options.first(), plans.first()) else {
        return Err(BuildError::Archive.into());
    };
    let same = plans.iter().all(|other| other.uses == plan.uses);
    let mut contexts = Vec::new();
    let text = if same {
        for (name, value) in file.pinning_contexts(plan, &digest_of).unwrap_or_default() {
            let given = |found: &ImageUse| matches!(&found.how, How::BuildContext { name: known } if *known == name);
            if plan.uses.iter().any(given) {
                contexts.push((name, value));
            }
        }
        file.pin(first, plan, &digest_of).map_err(failed)?
    } else {
        // What a name stands for differs by platform: the file stays, and the names are pinned beside it.
        for plan in &plans {
            contexts.extend(file.pinning_contexts(plan, &digest_of).map_err(failed)?);
        }
        contexts.sort();
        contexts.dedup();
        file.source().to_owned()
    };
    let frontend = plan
        .uses
        .iter()
        .filter(|found| found.how == How::Syntax && found.span.is_none())
        .find_map(|found| {
            let digest = digest_of(found)?;
            let repository = found.reference.repository().clone();
            Some(oci::Reference::new(repository, None, Some(digest)).familiar())
        });
    Ok(Pinned {
        file: text,
        contexts,
        frontend,
        notes,
    })
}
