//! Engines that are not there, too old or not for this user, wrong passphrases and broken Dockerfiles: said clearly,
//! and nothing is changed anywhere.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use testkit::{
    Countersign, DockerCli, DockerVersion, Folder, Output, Peers, Skopeo, files, image, run,
};

use crate::bench::{
    Bench, COUNTERSIGN, before_real, local_images, ours, server_files, shim, untrusted,
};

/// User and group of `nobody`.
const NOBODY: u32 = 65534;

/// A user without an engine, and a repository with the signed tag `1` and the unsigned one `2`.
struct Site {
    server: Countersign,
    docker: DockerCli,
    repository: String,
}

impl Site {
    fn start() -> Option<Self> {
        let peers = Peers::locate()?;
        let server = Countersign::start(COUNTERSIGN);
        let docker = DockerCli::new(&peers, DockerVersion::V20).env("DOCKER_CONTENT_TRUST", "1");
        docker.add_ca(&server.host(), &server.ca_file());
        let repository = format!("{}/team/app", server.host());
        let certificates = Folder::new("certs");
        fs::copy(server.ca_file(), certificates.path().join("ca.crt")).unwrap();
        let layout = Folder::new("layout");
        image::write_oci_layout(layout.path(), "1", "here");
        for name in ["team/app:1", "team/app:2", "team/other:1"] {
            let copy = [
                "copy".to_owned(),
                format!("--dest-cert-dir={}", certificates.path().display()),
                format!("oci:{}:1", layout.path().display()),
                format!("docker://{}/{name}", server.host()),
            ];
            Skopeo::new(&peers).run(copy).success();
        }
        ours(&docker, ["trust", "key", "generate", "amy"]).success();
        let add = ["trust", "signer", "add", "--key", "amy.pub", "amy"];
        ours(&docker, [&add[..], &[&repository]].concat()).success();
        ours(&docker, ["trust", "sign", &format!("{repository}:1")]).success();
        // What is cached is what the server has: nothing new is learnt later.
        ours(&docker, ["trust", "inspect", &repository]).success();
        Some(Self {
            server,
            docker,
            repository,
        })
    }

    fn tag(&self, tag: &str) -> String {
        format!("{}:{tag}", self.repository)
    }

    fn state(&self) -> State {
        State::of(&self.server, &self.docker)
    }

    /// Every command that needs an engine, refused by this user with the same words.
    fn refused(&self, command: impl Fn(&[&str]) -> Output, said: &str) {
        let (one, two) = (self.tag("1"), self.tag("2"));
        let before = self.state();
        for (words, code) in [
            (&["push", &two][..], 1),
            (&["push", "--all-tags", &self.repository], 1),
            (&["pull", &one], 1),
            (&["pull", "--all-tags", &self.repository], 1),
            (&["create", &one], 1),
            (&["run", "--rm", &one], 125),
            (&["trust", "sign", "--local", &two], 1),
        ] {
            let output = command(words);
            assert_eq!(output.code(), Some(code), "{output}");
            assert!(output.stderr.contains(said), "{output}");
            if words[0] == "push" {
                assert!(output.stderr.contains("Nothing was pushed"), "{output}");
            }
        }
        self.state().assert_is(&before);
    }
}

/// All that the server has, and all that the user's trust folder has.
struct State {
    server: BTreeMap<String, Vec<u8>>,
    trust: BTreeMap<String, Vec<u8>>,
}

impl State {
    fn of(server: &Countersign, docker: &DockerCli) -> Self {
        let mut trust = files(&docker.trust_dir());
        // It says who worked here last.
        trust.remove(".countersign.lock");
        Self {
            server: server_files(server),
            trust,
        }
    }

    #[track_caller]
    fn assert_is(&self, before: &Self) {
        for (now, then) in [(&self.server, &before.server), (&self.trust, &before.trust)] {
            let names = now.keys().chain(then.keys());
            let changed: Vec<_> = names
                .filter(|name| now.get(*name) != then.get(*name))
                .collect();
            assert_eq!(changed, [""; 0], "something was changed");
        }
    }
}

/// An engine that says the same to everybody, and notes what it was asked.
struct Scripted {
    folder: Folder,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    fn start(version: &'static str) -> Self {
        let folder = Folder::new("engine");
        let listener = UnixListener::bind(folder.path().join("docker.sock")).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let first = lines.next().and_then(Result::ok).unwrap_or_default();
                noted.lock().unwrap().push(first);
                while lines
                    .next()
                    .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
                {}
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nApi-Version: {version}\r\nOstype: linux\r\nConnection: close\r\n\
                     Content-Length: 2\r\n\r\nOK"
                );
                // Whoever went away does not want it.
                drop((&stream).write_all(answer.as_bytes()));
            }
        });
        Self { folder, asked }
    }

    fn host(&self) -> String {
        format!("unix://{}/docker.sock", self.folder.path().display())
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[test]
fn without_an_engine_nothing_is_done() {
    let Some(site) = Site::start() else { return };
    let said = "Cannot connect to the Docker daemon at unix://";
    site.refused(|words| ours(&site.docker, words), said);
    // Only the builder knows, after the images were found signed.
    let dockerfile = format!("FROM {}\n", site.tag("1"));
    let docker = before_real(&site.docker);
    let build = docker.command_of(shim(&docker), ["build", "-"]);
    let built = run(build, dockerfile.as_bytes()).failure();
    built.says("Cannot connect to the Docker daemon");
}

#[test]
fn an_engine_that_is_too_old_is_refused() {
    let Some(site) = Site::start() else { return };
    let engine = Scripted::start("1.24");
    let docker = site.docker.clone().env("DOCKER_HOST", &engine.host());
    let said = "the Docker engine is too old: it speaks API 1.24 at most, and 1.41 is needed (Docker 20.10)";
    site.refused(|words| ours(&docker, words), said);
    let asked = engine.asked();
    assert!(!asked.is_empty());
    assert!(
        asked
            .iter()
            .all(|request| request.starts_with("GET /_ping ")),
        "{asked:?}"
    );
}

#[test]
fn a_socket_that_is_not_for_this_user_is_refused() {
    let Some(site) = Site::start() else { return };
    let engine = Scripted::start("1.41");
    let socket = engine.folder.path().join("docker.sock");
    fs::set_permissions(engine.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o000)).unwrap();
    let docker = before_real(&site.docker).env("DOCKER_HOST", &engine.host());
    // The program must be where this user may run it.
    let program = docker.home().join("docker");
    fs::copy(COUNTERSIGN, &program).unwrap();
    let is_root = chown(&program, Some(0), Some(0)).is_ok();
    if is_root {
        hand_over(docker.home());
    }
    let said = format!(
        "permission denied while trying to connect to the Docker daemon socket at {}\nUse a user who may use it",
        engine.host()
    );
    let as_nobody = |words: &[&str]| {
        let mut command = docker.command_of(&program, words);
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        run(command, b"")
    };
    site.refused(as_nobody, &said);
    assert_eq!(engine.asked(), [""; 0]);
}

/// Gives a folder and all in it to nobody.
fn hand_over(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    if path.is_dir() && !path.is_symlink() {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if !path.is_symlink() {
                hand_over(&path);
            }
        }
    }
}

/// What the environment says is believed to be what the user wants: it is not asked again, and nothing is half-done.
#[test]
fn a_wrong_passphrase_in_the_environment() {
    let Some(site) = Site::start() else { return };
    let before = site.state();
    let refused = |variable: &str, words: &[&str]| {
        let docker = site.docker.clone().env(variable, "not this one");
        let output = ours(&docker, words).failure();
        assert_eq!(output.code(), Some(1), "{output}");
        output.says(&format!("{variable} does not open it"));
    };
    let (one, two) = (site.tag("1"), site.tag("2"));
    for words in [
        &["trust", "sign", &two][..],
        &["trust", "revoke", "--yes", &one],
    ] {
        refused("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", words);
        site.state().assert_is(&before);
    }
    // A repository begins with the root key, and there is one here already. The server keeps the keys that it was
    // asked for, and knows no repository.
    let elsewhere = format!("{}/team/other", site.server.host());
    let add = ["trust", "signer", "add", "--key", "amy.pub", "amy"];
    let add = [&add[..], &[&elsewhere]].concat();
    refused("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", &add);
    assert_eq!(site.state().trust, before.trust);
    ours(&site.docker, ["trust", "inspect", &elsewhere]).failure();
}

/// The builder does not even hear of what cannot be read.
#[test]
fn dockerfiles_that_cannot_be_parsed() {
    let Some(site) = Site::start() else { return };
    let engine = Scripted::start("1.41");
    let docker = site.docker.clone().env("DOCKER_HOST", &engine.host());
    let folder = docker.home().join("context");
    fs::create_dir(&folder).unwrap();
    let file = folder.join("Dockerfile");
    let before = site.state();
    let one = site.tag("1");
    let large = format!("FROM {one}\n{}", "# much\n".repeat(160_000));
    for (text, said) in [
        (&b"not a Dockerfile\n"[..], "unknown instruction"),
        (b"", "there is no FROM"),
        (b"FROM\n", "FROM"),
        (b"FROM one two three four\n", "FROM"),
        (b"FROM \xff\xfe\n", "UTF-8"),
        (b"FROM ${X\n", "unable to process Dockerfile"),
        (
            b"FROM a\nRUN <<EOF\nnever ended\n",
            "unable to process Dockerfile",
        ),
        (large.as_bytes(), "it is larger than 1 MiB"),
    ] {
        fs::write(&file, text).unwrap();
        let refused = ours(&docker, ["build", "context"]).failure();
        assert_eq!(
            (refused.code(), refused.stdout.as_str()),
            (Some(1), ""),
            "{refused}"
        );
        let head = "unable to process Dockerfile: context/Dockerfile: ";
        assert!(refused.stderr.starts_with(head), "{refused}");
        refused.says(said).says("Nothing was built");
    }
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    ours(&docker, ["build", "context"])
        .failure()
        .says("context/Dockerfile: Is a directory");
    let asked = engine.asked();
    assert!(
        !asked.iter().any(|request| request.contains("/build")),
        "{asked:?}"
    );
    site.state().assert_is(&before);
}

/// What is not here is not pushed, whatever the registry has under its name.
#[test]
fn dockerd_an_image_that_is_not_here() {
    let Some(bench) = Bench::start() else { return };
    let repository = bench.name("missing");
    let image = format!("{repository}:1");
    bench.import(&image, "once here");
    untrusted(&bench.docker).run(["push", &image]).success();
    bench.forget(&[&image]);
    let docker = &bench.docker;
    let (before, images) = (State::of(&bench.server, docker), local_images(docker));
    for words in [
        &["push", &image][..],
        &["push", "-a", &repository],
        &["trust", "sign", "--local", &image],
    ] {
        let refused = ours(docker, words).failure();
        assert_eq!(refused.code(), Some(1), "{refused}");
        refused.says(&format!(
            "An image does not exist locally with the tag: {repository}"
        ));
        State::of(&bench.server, docker).assert_is(&before);
        assert_eq!(local_images(docker), images);
    }
}
