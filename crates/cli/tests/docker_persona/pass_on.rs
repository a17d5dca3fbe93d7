//! What is not ours to do is done by the real docker, with everything as it was.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::{Folder, Output, run};

use crate::bench::COUNTERSIGN;

/// A docker that tells how it was called.
const TELLS: &str = "#!/bin/sh\nprintf 'called %s' \"$0\"\nfor word; do printf ' [%s]' \"$word\"; done\n\
                     printf ' trust=%s\\n' \"${DOCKER_CONTENT_TRUST-unset}\"\ncat\nexit 7\n";

struct Scene {
    folder: Folder,
}

impl Scene {
    fn new() -> Self {
        let folder = Folder::new("pass-on");
        for name in ["shim", "real"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let scene = Self { folder };
        symlink(COUNTERSIGN, scene.path("shim/docker")).unwrap();
        write_program(&scene.path("real/docker"), TELLS);
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.path("shim/docker"));
        command.args(words).env_clear();
        command.env("HOME", self.folder.path());
        let folders = ["shim", "real"].map(|name| self.path(name));
        let system = ["/usr/bin", "/bin"].map(PathBuf::from);
        let path = std::env::join_paths(folders.iter().chain(&system)).unwrap();
        command.env("PATH", path);
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        run(self.command(words), b"the input")
    }

    /// Runs with content trust on.
    fn run_trusted(&self, words: &[&str]) -> Output {
        let mut command = self.command(words);
        command.env("DOCKER_CONTENT_TRUST", "1");
        run(command, b"the input")
    }
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The words that the real docker got, and what `DOCKER_CONTENT_TRUST` was there.
#[track_caller]
fn told(output: &Output) -> (&str, &str) {
    assert_eq!(output.code(), Some(7), "{output}");
    let line = output.stdout.lines().next().unwrap();
    let words = line.split_once(" [").map_or("", |(_, words)| words);
    let (words, trust) = words.rsplit_once(" trust=").unwrap_or(("", ""));
    (words, trust)
}

#[test]
fn with_content_trust_off_every_word_arrives() {
    let scene = Scene::new();
    for words in [
        &["push", "image"][..],
        &["--config", "x", "-H", "unix:///y", "pull", "-q", "image"],
        &["run", "-it", "--rm", "image", "sh", "-c", "a b"],
        &["version"],
        &["build", "."],
        &["compose", "up"],
        &["no such command", "--flag"],
        &["run", "--a-flag-of-the-future", "x", "image"],
    ] {
        let output = scene.run(words);
        assert_eq!(
            told(&output).0,
            format!("{}]", words.join("] [")),
            "{output}"
        );
        assert!(output.stdout.ends_with("the input"), "{output}");
    }
}

#[test]
fn with_content_trust_on_other_commands_arrive() {
    let scene = Scene::new();
    for words in [
        &["version"][..],
        &["images"],
        &["push", "--help"],
        &["run", "--help"],
        &["container", "ls"],
        &["image", "ls"],
        &["login", "-u", "x"],
        &["buildx", "ls"],
    ] {
        let output = scene.run_trusted(words);
        assert_eq!(
            told(&output),
            (format!("{}]", words.join("] [")).as_str(), "1")
        );
    }
}

#[test]
fn the_flag_turns_it_off_and_does_not_arrive() {
    let scene = Scene::new();
    for (words, arrives) in [
        (
            &["push", "--disable-content-trust", "image"][..],
            "push] [image]",
        ),
        (
            &["push", "image", "--disable-content-trust=true"],
            "push] [image]",
        ),
        (
            &["image", "pull", "--disable-content-trust=1", "a"],
            "image] [pull] [a]",
        ),
        (
            &[
                "run",
                "--disable-content-trust",
                "a",
                "--disable-content-trust=false",
            ],
            "run] [a] [--disable-content-trust=false]",
        ),
        (
            &[
                "build",
                "--disable-content-trust=false",
                "--disable-content-trust",
                ".",
            ],
            "build] [.]",
        ),
    ] {
        let output = scene.run_trusted(words);
        assert_eq!(told(&output), (arrives, "unset"), "{output}");
    }
}

/// Go's words for false, and everything else.
#[test]
fn the_variable_is_read_as_docker_reads_it() {
    let scene = Scene::new();
    let push = |value: &str| {
        let mut command = scene.command(&["push", "-x"]);
        command.env("DOCKER_CONTENT_TRUST", value);
        run(command, b"").code()
    };
    for off in ["", "0", "f", "F", "FALSE", "false", "False"] {
        assert_eq!(push(off), Some(7), "{off}");
    }
    for on in [
        "1", "t", "T", "TRUE", "true", "True", "no", "off", "abc", "fAlse",
    ] {
        assert_eq!(push(on), Some(125), "{on}");
    }
}

/// A command line that we do not understand could mean another image.
#[test]
fn what_is_not_understood_is_refused_with_content_trust_on() {
    let scene = Scene::new();
    for (words, said) in [
        (
            &["run", "--a-flag-of-the-future", "x", "image"][..],
            "unknown flag: --a-flag-of-the-future\n\nUsage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nRun \
             'docker run --help' for more information\n",
        ),
        (
            &["push", "-z", "image"],
            "unknown shorthand flag: 'z' in -z\n\nUsage:  docker push [OPTIONS] NAME[:TAG]\n\nRun 'docker push --help' \
             for more information\n",
        ),
    ] {
        let output = scene.run_trusted(words);
        assert_eq!((output.code(), output.stderr.as_str()), (Some(125), said));
        assert_eq!(output.stdout, "", "the real docker is not asked");
    }
    let asked = [
        "run",
        "--a-flag-of-the-future",
        "--disable-content-trust=false",
        "image",
    ];
    let output = scene.run(&asked);
    assert_eq!((output.code(), output.stdout.as_str()), (Some(125), ""));
    let output = scene.run(&["push", "--disable-content-trust=maybe", "image"]);
    assert_eq!(output.code(), Some(125), "{output}");
    output.says("invalid argument \"maybe\" for \"--disable-content-trust\" flag");
    let output = scene.run_trusted(&["push", "a", "b"]);
    assert_eq!(output.code(), Some(1));
    output.says("docker: 'docker push' requires 1 argument");
}

#[test]
fn words_that_are_no_text_arrive_too() {
    use std::os::unix::ffi::OsStrExt as _;
    let scene = Scene::new();
    let mut command = scene.command(&["tag", "a"]);
    command.arg(std::ffi::OsStr::from_bytes(b"\xff"));
    assert_eq!(run(command, b"").code(), Some(7));
    let mut command = scene.command(&["push"]);
    command.arg(std::ffi::OsStr::from_bytes(b"\xff"));
    command.env("DOCKER_CONTENT_TRUST", "1");
    let output = run(command, b"");
    assert_eq!((output.code(), output.stdout.as_str()), (Some(1), ""));
    output.says("not valid UTF-8");
}

/// Copies and links of ours on the way are passed by, however many.
#[test]
fn a_shim_does_not_find_itself() {
    let scene = Scene::new();
    fs::create_dir(scene.path("copy")).unwrap();
    fs::copy(COUNTERSIGN, scene.path("copy/docker")).unwrap();
    fs::create_dir(scene.path("none")).unwrap();
    fs::create_dir(scene.path("none/docker")).unwrap();
    fs::create_dir(scene.path("data")).unwrap();
    fs::write(scene.path("data/docker"), "not a program").unwrap();
    let folders = ["shim", "copy", "none", "data", "shim", "copy", "real"];
    let path = std::env::join_paths(folders.map(|name| scene.path(name))).unwrap();
    let mut command = scene.command(&["version"]);
    command.env("PATH", format!("{}:/usr/bin:/bin", path.to_str().unwrap()));
    assert_eq!(told(&run(command, b"")).0, "version]");

    let only_ours = std::env::join_paths(["shim", "copy"].map(|name| scene.path(name))).unwrap();
    let mut command = scene.command(&["version"]);
    command.env("PATH", &only_ours);
    let output = run(command, b"");
    assert_eq!(output.code(), Some(127), "{output}");
    output.says("no other docker on PATH");

    let mut command = scene.command(&["version"]);
    command.env("PATH", only_ours);
    command.env("COUNTERSIGN_DOCKER", scene.path("real/docker"));
    assert_eq!(told(&run(command, b"")).0, "version]");

    let mut command = scene.command(&["version"]);
    command.env("COUNTERSIGN_DOCKER", COUNTERSIGN);
    run(command, b"").failure().says("which is this program");
}

#[test]
fn countersign_docker_is_the_same() {
    let scene = Scene::new();
    let mut command = scene.command(&[]);
    command = {
        let mut other = Command::new(COUNTERSIGN);
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                other.env(name, value);
            }
        }
        other
    };
    command.args(["docker", "ps", "-a"]);
    let output = run(command, b"");
    assert_eq!(told(&output).0, "ps] [-a]");
}
