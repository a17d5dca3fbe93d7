//! Ctrl-C at a prompt, during the push and during the signature; an engine that goes away during the push.

use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use http::Method;
use testkit::{Fault, Folder, Proxy, Terminal, TestCa};

use crate::bench::{Bench, before_real, exists, ours, shim, untrusted};

/// A server in front of ours that can be slowed down, and a repository there.
struct Slow {
    front: Proxy,
    _ca: TestCa,
    image: String,
}

impl Slow {
    fn start(bench: &Bench) -> Self {
        let ca = TestCa::new();
        let front = Proxy::to(&bench.server.url())
            .trust(&bench.server.ca_file())
            .start_https(&ca);
        let image = format!("{}/slow:1", front.host());
        bench.docker.add_ca(&front.host(), &ca.file());
        bench.import(&image, "slow");
        Self {
            front,
            _ca: ca,
            image,
        }
    }

    /// Pushes, and sends a signal when a request that begins and ends so has come.
    fn interrupted(&self, bench: &Bench, method: &str, end: &str, signals: usize) -> Output {
        let docker = before_real(&bench.docker);
        let mut command = docker.command_of(shim(&docker), ["push", &self.image]);
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let begin = Instant::now();
        let came = || {
            let requests = self.front.requests();
            requests
                .iter()
                .any(|request| request.starts_with(method) && request.contains(end))
        };
        while !came() {
            assert!(
                begin.elapsed() < Duration::from_secs(30),
                "{:?}",
                self.front.requests()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        for _ in 0..signals {
            interrupt(&child);
            std::thread::sleep(Duration::from_millis(100));
        }
        child.wait_with_output().unwrap()
    }
}

fn interrupt(child: &Child) {
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

#[test]
fn dockerd_ctrl_c_during_the_push_signs_nothing() {
    let Some(bench) = Bench::start() else { return };
    let slow = Slow::start(&bench);
    slow.front.on(
        |method, path| method == Method::PUT && path.contains("/manifests/"),
        Fault::Delay(Duration::from_secs(3)),
    );
    // The first request of the push itself: the engine looks for the layer.
    let output = slow.interrupted(&bench, "HEAD", "/blobs/", 1);
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.starts_with("interrupted\nNothing was signed."),
        "{said}"
    );
    assert!(!exists(&bench.docker.trust_dir().join("private")), "no key");
    slow.front.clear();
    let user = untrusted(&bench.user());
    user.run(["trust", "inspect", &slow.image]).failure();
}

/// One Ctrl-C lets the signature end: it takes a moment, and half of it would be worse.
#[test]
fn dockerd_ctrl_c_during_the_signature_lets_it_end() {
    let Some(bench) = Bench::start() else { return };
    let slow = Slow::start(&bench);
    slow.front.on(
        |method, path| method == Method::POST && path.ends_with("/_trust/tuf/"),
        Fault::Delay(Duration::from_secs(1)),
    );
    let output = slow.interrupted(&bench, "POST", "/_trust/tuf/", 1);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("Successfully signed"), "{said}");
}

#[test]
fn dockerd_ctrl_c_at_a_prompt_pushes_nothing() {
    let Some(bench) = Bench::start() else { return };
    let image = format!("{}:1", bench.name("prompt"));
    bench.import(&image, "prompt");
    let docker = before_real(&bench.docker)
        .env_remove("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE")
        .env_remove("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE");
    let mut terminal = Terminal::spawn(docker.command_of(shim(&docker), ["push", &image]));
    terminal.expect("Enter passphrase for new root key with ID ");
    terminal.type_line("\u{3}");
    let (seen, code) = terminal.finish();
    assert_eq!(code, Some(130), "{seen}");
    assert!(!seen.contains("The push refers to"), "{seen}");
    assert!(!exists(&bench.docker.trust_dir().join("private")), "no key");

    // Asked twice for each new key, before anything is pushed; never for the same one again.
    let mut terminal = Terminal::spawn(docker.command_of(shim(&docker), ["push", &image]));
    for kind in ["root", "repository"] {
        for verb in ["Enter", "Repeat"] {
            terminal.expect(&format!("{verb} passphrase for new {kind} key with ID "));
            terminal.type_line("a long passphrase");
        }
    }
    terminal.expect("The push refers to repository");
    let (seen, code) = terminal.finish();
    assert_eq!(code, Some(0), "{seen}");
    assert!(
        seen.contains(&format!("Successfully signed {image}")),
        "{seen}"
    );
    assert_eq!(seen.matches("passphrase for new").count(), 4, "{seen}");
}

/// Stands before an engine, and ends the connection of a push once the engine's answer to it has begun.
fn cutting(folder: &Folder, engine: PathBuf) -> String {
    let socket = folder.path().join("docker.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let engine = UnixStream::connect(&engine).unwrap();
            // A connection that breaks is the client's to report.
            std::thread::spawn(move || drop(relay(client, engine)));
        }
    });
    format!("unix://{}", socket.display())
}

fn relay(mut client: UnixStream, mut engine: UnixStream) -> io::Result<()> {
    let mut request = [0; 4096];
    let length = client.read(&mut request)?;
    engine.write_all(&request[..length])?;
    let line = String::from_utf8_lossy(&request[..length]);
    let is_push = line
        .lines()
        .next()
        .is_some_and(|line| line.starts_with("POST") && line.contains("/push?"));
    if is_push {
        let mut begun = [0; 256];
        let length = engine.read(&mut begun)?;
        client.write_all(&begun[..length])?;
        return client.shutdown(Shutdown::Both);
    }
    let (mut more, mut to_engine) = (client.try_clone()?, engine.try_clone()?);
    std::thread::spawn(move || io::copy(&mut more, &mut to_engine));
    io::copy(&mut engine, &mut client)?;
    client.shutdown(Shutdown::Both)
}

#[test]
fn dockerd_an_engine_that_goes_away_during_a_push() {
    let Some(bench) = Bench::start() else { return };
    let image = format!("{}:1", bench.name("away"));
    bench.import(&image, "away");
    let folder = Folder::new("relay");
    let host = cutting(&folder, bench.dockerd.socket());
    let docker = bench.docker.clone().env("DOCKER_HOST", &host);
    let refused = ours(&docker, ["push", &image]).failure();
    assert_eq!(refused.code(), Some(1), "{refused}");
    assert!(!refused.stdout.contains("Signing"), "{refused}");
    refused
        .says("ended the connection before it was done")
        .says("Nothing was signed");
    assert!(!exists(&bench.docker.trust_dir().join("private")), "no key");
    let elsewhere = untrusted(&bench.user());
    elsewhere.run(["trust", "inspect", &image]).failure();
}
