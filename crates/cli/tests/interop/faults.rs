//! `kill -9` of `countersign serve` in the middle of publishing and pushing: whatever was acknowledged is there.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use testkit::{Countersign, DockerCli, DockerVersion, Folder, NotaryCli, Peers, image};

use crate::support::{COUNTERSIGN, TrustingSkopeo, copy_folder, crash, get, layout, list, trust};

const ROUNDS: u64 = 20;

/// A tag that a client was told is there, with its digest in hex.
#[derive(Clone, Debug)]
enum Acknowledged {
    /// In the registry.
    Pushed {
        repository: String,
        tag: String,
        digest: String,
    },
    /// In the trust data of a repository, by its full name.
    Signed {
        gun: String,
        tag: String,
        digest: String,
    },
}

/// What the clients share.
struct Load {
    peers: Peers,
    url: String,
    host: String,
    ca_file: PathBuf,
    stop: AtomicBool,
    acknowledged: Mutex<Vec<Acknowledged>>,
    failures: AtomicUsize,
}

impl Load {
    fn stranger(&self) -> NotaryCli {
        NotaryCli::new(&self.peers, &self.url, &self.ca_file)
    }

    fn acknowledge(&self, what: Acknowledged) {
        self.acknowledged.lock().unwrap().push(what);
    }

    fn so_far(&self) -> Vec<Acknowledged> {
        self.acknowledged.lock().unwrap().clone()
    }

    /// Does `step` with growing numbers until told to stop. It says whether it was acknowledged.
    fn repeat(&self, mut step: impl FnMut(u64) -> bool) {
        for number in 0.. {
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            if !step(number) {
                self.failures.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// skopeo pushes, ours signs what is there.
    fn push_and_sign(&self, docker: &DockerCli, name: &str) {
        let skopeo = TrustingSkopeo::new(&self.peers, &self.ca_file);
        let gun = format!("{}/{name}", self.host);
        self.repeat(|number| {
            let tag = number.to_string();
            let image = format!("{gun}:{tag}");
            let (folder, digest) = layout(&image);
            let digest = digest.replace("sha256:", "");
            let from = format!("oci:{}:1", folder.path().display());
            if !skopeo
                .copy(&from, &format!("docker://{image}"))
                .status
                .success()
            {
                return false;
            }
            self.acknowledge(Acknowledged::Pushed {
                repository: name.to_owned(),
                tag: tag.clone(),
                digest: digest.clone(),
            });
            if !trust(docker, &["sign", &image]).status.success() {
                return false;
            }
            let gun = gun.clone();
            self.acknowledge(Acknowledged::Signed { gun, tag, digest });
            true
        });
    }

    /// Stock notary publishes. After a failure its change stays staged, and goes with the next one.
    fn publish(&self, notary: &NotaryCli, gun: &str, prefix: &str) {
        self.repeat(|number| {
            let tag = format!("{prefix}{number}");
            let digest = image::sha256(tag.as_bytes()).replace("sha256:", "");
            let words = ["addhash", "-p", gun, &tag, "7", "--sha256", &digest];
            if !notary.run(words).status.success() {
                return false;
            }
            let gun = gun.to_owned();
            self.acknowledge(Acknowledged::Signed { gun, tag, digest });
            true
        });
    }

    /// Every repository is readable to a stock client that sees it the first time, and has what was acknowledged.
    fn check(&self, guns: &[String], acknowledged: &[Acknowledged]) {
        for gun in guns {
            let listed = list(&self.stranger(), gun);
            for one in acknowledged {
                if let Acknowledged::Signed {
                    gun: of,
                    tag,
                    digest,
                } = one
                    && of == gun
                {
                    let row = listed.iter().find(|row| &row.name == tag);
                    let found = row.map(|row| &row.digest);
                    assert_eq!(found, Some(digest), "{one:?} is lost");
                }
            }
        }
        for one in acknowledged {
            if let Acknowledged::Pushed {
                repository,
                tag,
                digest,
            } = one
            {
                self.check_image(one, repository, tag, digest);
            }
        }
    }

    /// The manifest and every blob it names are there.
    fn check_image(&self, one: &Acknowledged, repository: &str, tag: &str, digest: &str) {
        let read = |path: &str| {
            let (status, body) = get(&self.url, &self.ca_file, path);
            assert_eq!(status, 200, "{one:?}: {path}: {body}");
            body
        };
        let manifest = read(&format!("/v2/{repository}/manifests/{tag}"));
        let found = image::sha256(manifest.as_bytes());
        assert_eq!(found, format!("sha256:{digest}"), "{one:?}");
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        let layers = manifest["layers"].as_array().unwrap();
        for blob in layers.iter().chain([&manifest["config"]]) {
            read(&format!(
                "/v2/{repository}/blobs/{}",
                blob["digest"].as_str().unwrap()
            ));
        }
    }
}

/// Two clients of ours with a repository each, two stock clients that share one, all at once; the server dies twenty
/// times.
#[test]
fn nothing_acknowledged_is_lost() {
    let Some(peers) = Peers::locate() else { return };
    let mut server = Countersign::start(COUNTERSIGN);
    let load = Load {
        peers: peers.clone(),
        url: server.url(),
        host: server.host(),
        ca_file: server.ca_file(),
        stop: AtomicBool::new(false),
        acknowledged: Mutex::new(Vec::new()),
        failures: AtomicUsize::new(0),
    };
    let shared = "example.com/shared";
    let first = load.stranger();
    first.run(["init", "-p", shared]).success();
    let folder = Folder::new("second");
    copy_folder(first.folder(), folder.path());
    let second = load.stranger().trust_dir(folder.path());
    let signers = ["one", "two"].map(|name| {
        let docker = DockerCli::new(&peers, DockerVersion::V28);
        docker.add_ca(&load.host, &load.ca_file);
        let gun = format!("{}/{name}", load.host);
        trust(&docker, &["key", "generate", "jeff"]).success();
        let add = ["signer", "add", "--key", "jeff.pub", "jeff", &gun];
        trust(&docker, &add).success();
        (docker, name)
    });
    let mut guns = vec![shared.to_owned()];
    guns.extend(
        signers
            .iter()
            .map(|(_, name)| format!("{}/{name}", load.host)),
    );

    std::thread::scope(|scope| {
        let stop = StopOnDrop(&load.stop);
        for (docker, name) in &signers {
            scope.spawn(|| load.push_and_sign(docker, name));
        }
        scope.spawn(|| load.publish(&first, shared, "a"));
        scope.spawn(|| load.publish(&second, shared, "b"));
        let mut checked = 0;
        for round in 0..ROUNDS {
            std::thread::sleep(Duration::from_millis(200 + round * 137 % 400));
            server.kill9();
            let acknowledged = load.so_far();
            server.restart();
            load.check(&guns, &acknowledged[checked..]);
            checked = acknowledged.len();
        }
        drop(stop);
    });
    crash(&mut server);
    let acknowledged = load.so_far();
    load.check(&guns, &acknowledged);
    let signed = |of: &str| {
        let of_gun =
            |one: &&Acknowledged| matches!(one, Acknowledged::Signed { gun, .. } if gun == of);
        acknowledged.iter().filter(of_gun).count()
    };
    for gun in &guns {
        assert!(
            signed(gun) >= 5,
            "{gun}: nothing much was done: {acknowledged:?}"
        );
    }
    let failures = load.failures.load(Ordering::SeqCst);
    assert!(failures >= 5, "the server died beside the work: {failures}");
}

/// The clients end, too, when a check fails.
struct StopOnDrop<'s>(&'s AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
