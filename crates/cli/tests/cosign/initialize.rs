//! `initialize`, against a private repository of trusted roots.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::thread::JoinHandle;

use pki::digest::{Sha256, Sha512};
use serde_json::Value;
use testkit::Output;
use testkit::sigstack::LogVersion;

use crate::scene::{Scene, Who, refused};

const CLIENTS: [Who; 3] = [Who::Ours, Who::V2, Who::V3];

fn scene() -> Option<Scene> {
    let scene = Scene::start()?;
    std::fs::copy(scene.sigstore.tuf_root(), scene.home().join("root.json")).unwrap();
    Some(scene)
}

/// Runs `initialize` with a cache of its own.
fn initialize(scene: &Scene, who: Who, cache: &str, words: &[&str]) -> Output {
    let cache = scene.home().join(cache).display().to_string();
    let words = [&["initialize"], words].concat();
    scene.run_with(who, ("TUF_ROOT", &cache), &words)
}

fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .map(|entries| {
            entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect()
        })
        .unwrap_or_default();
    names.sort();
    names
}

#[test]
fn the_status_is_the_one_of_cosign_2() {
    let Some(scene) = scene() else { return };
    let words = ["--mirror", scene.sigstore.tuf_url(), "--root", "root.json"];
    let outputs = [Who::Ours, Who::V2]
        .map(|who| initialize(&scene, who, &format!("{who:?}"), &words).success());
    let [ours, theirs] = outputs.map(|output| {
        let (head, json) = output.stdout.split_once('{').unwrap();
        assert_eq!(head, "Root status: \n ");
        let mut status: Value = serde_json::from_str(&format!("{{{json}")).unwrap();
        let targets = status["targets"].as_array_mut().unwrap();
        targets.sort_by_key(Value::to_string);
        status["local"] = Value::Null;
        (
            status,
            json.matches('\t').count(),
            output.stdout.ends_with("}\n\n"),
        )
    });
    assert_eq!(ours, theirs);
}

#[test]
fn what_one_initialised_the_other_uses() {
    let Some(scene) = scene() else { return };
    let words = ["--mirror", scene.sigstore.tuf_url(), "--root", "root.json"];
    for (by, used_by) in [(Who::Ours, Who::V3), (Who::V3, Who::Ours)] {
        let name = format!("by-{by:?}");
        initialize(&scene, by, &name, &words).success();
        let cache = scene.home().join(&name).display().to_string();
        let words = ["trusted-root", "create", "--with-default-services"];
        let found = scene
            .run_with(used_by, ("TUF_ROOT", &cache), &words)
            .success();
        assert!(found.stdout.contains(scene.sigstore.rekor_url()), "{found}");
    }
}

#[test]
fn a_new_version_of_the_repository_is_taken() {
    let Some(scene) = scene() else { return };
    let words = ["--mirror", scene.sigstore.tuf_url(), "--root", "root.json"];
    initialize(&scene, Who::Ours, "cache", &words).success();
    scene.sigstore.publish(2, LogVersion::V2);
    let output = initialize(&scene, Who::Ours, "cache", &words).success();
    let (_, json) = output.stdout.split_once('{').unwrap();
    let status: Value = serde_json::from_str(&format!("{{{json}")).unwrap();
    assert_eq!(status["metadata"]["targets.json"]["version"], 2, "{output}");
}

#[test]
fn a_root_is_compared_with_its_checksum() {
    let Some(scene) = scene() else { return };
    let root = std::fs::read(scene.sigstore.tuf_root()).unwrap();
    let url = format!("{}/1.root.json", scene.sigstore.tuf_url());
    let (sha256, sha512) = (
        Sha256::of(&root).to_string(),
        format!("sha512:{}", Sha512::of(&root)),
    );
    let mirror = ["--mirror", scene.sigstore.tuf_url()];
    for (number, checksum) in [sha256.as_str(), &sha512].into_iter().enumerate() {
        for root in ["root.json", &url] {
            for who in CLIENTS {
                let words = [&mirror[..], &["--root", root, "--root-checksum", checksum]].concat();
                let output =
                    initialize(&scene, who, &format!("{who:?}-{number}"), &words).success();
                assert!(!output.stderr.contains("WARNING: "), "{output}");
            }
        }
    }
    let wrong = "0".repeat(64);
    for root in ["root.json", &url] {
        let words = [&mirror[..], &["--root", root, "--root-checksum", &wrong]].concat();
        let says = format!("incorrect checksum for file {root}: expected {wrong} but got {sha256}");
        for who in CLIENTS {
            let name = format!("{who:?}-wrong");
            refused(initialize(&scene, who, &name, &words), 1, &[&says]);
        }
        assert_eq!(entries(&scene.home().join("Ours-wrong")), [""; 0]);
    }
    // A URL without a checksum: trusted, with a warning, as nobody is between here and the loopback.
    let words = [&mirror[..], &["--root", &url]].concat();
    initialize(&scene, Who::Ours, "unpinned", &words)
        .success()
        .says("WARNING: the first root is fetched without a checksum");
}

#[test]
fn what_cannot_be_initialised() {
    let Some(scene) = scene() else { return };
    let url = scene.sigstore.tuf_url().to_owned();
    scene.write("broken.json", "{}");
    let cases: [(&[&str], &str); 9] = [
        (
            &[],
            "--mirror is required: no repository is contacted that was not named",
        ),
        (&["--mirror", &url], "--root is required"),
        (
            &["--mirror", &url, "--root", "none.json"],
            "open none.json: no such file or directory",
        ),
        (
            &["--mirror", &url, "--root", "broken.json"],
            "trusted roots: ",
        ),
        (
            &[
                "--mirror",
                &url,
                "--root",
                "root.json",
                "--root-checksum",
                "abc",
            ],
            "--root-checksum: ",
        ),
        (
            &["--mirror", "nonsense", "--root", "root.json"],
            "repository of trusted roots: ",
        ),
        (
            &["--mirror", "http://127.0.0.1:1", "--root", "root.json"],
            "trusted roots: ",
        ),
        (
            &["--mirror", &url, "--root", "http://203.0.113.1/root.json"],
            "--root-checksum is required: the first root comes over plain HTTP",
        ),
        (
            &["--mirror", &url, "--root", "root.json", "--staging"],
            "Drop --staging.",
        ),
    ];
    for (words, says) in cases {
        refused(initialize(&scene, Who::Ours, "cache", words), 1, &[says]);
    }
    assert!(!scene.home().join("cache/remote.json").exists());
}

#[test]
fn the_staging_instance_is_asked_only_by_name() {
    let Some(scene) = scene() else { return };
    for words in [&["--staging"][..], &["--staging", "--root", "root.json"]] {
        let (proxy, asked) = proxy_that_listens();
        let words = [&["initialize"], words].concat();
        let environment = ("HTTPS_PROXY", proxy.as_str());
        scene.run_with(Who::Ours, environment, &words).failure();
        let line = asked.join().unwrap();
        assert_eq!(line, "CONNECT tuf-repo-cdn.sigstage.dev:443 HTTP/1.1");
    }
}

#[test]
fn expired_metadata_is_refused() {
    let Some(scene) = scene() else { return };
    let words = ["--mirror", scene.sigstore.tuf_url(), "--root", "root.json"];
    initialize(&scene, Who::Ours, "cache", &words).success();
    scene.sigstore.publish_expired(2, LogVersion::V2);
    for cache in ["cache", "new"] {
        initialize(&scene, Who::Ours, cache, &words)
            .failure()
            .says("expired");
    }
    initialize(&scene, Who::V3, "theirs", &words).failure();
    assert!(!scene.home().join("new/remote.json").exists());
}

/// A proxy, and the first line that it is sent; it answers nothing.
fn proxy_that_listens() -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    });
    (format!("http://{address}"), asked)
}
