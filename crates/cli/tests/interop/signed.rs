//! A signed repository with somebody between its users and the trust server.

use std::collections::BTreeMap;

use testkit::{Countersign, DockerCli, DockerVersion, Output, Peers, Proxy, TestCa, files};

use crate::support::{COUNTERSIGN, TrustingSkopeo, get, json_of, layout, trust};

/// A repository with the signer jeff. Tag `1` is signed, tag `2` is only pushed. The owner reaches the trust server
/// through a proxy that can do anything but sign.
pub(crate) struct Signed {
    pub(crate) peers: Peers,
    pub(crate) server: Countersign,
    pub(crate) front: Proxy,
    pub(crate) ca: TestCa,
    pub(crate) skopeo: TrustingSkopeo,
    /// Has all keys.
    pub(crate) owner: DockerCli,
    pub(crate) repository: String,
}

impl Signed {
    pub(crate) fn new(peers: &Peers) -> Self {
        let server = Countersign::start(COUNTERSIGN);
        let ca = TestCa::new();
        let front = Proxy::to(&server.url())
            .trust(&server.ca_file())
            .start_https(&ca);
        let skopeo = TrustingSkopeo::new(peers, &server.ca_file());
        let repository = format!("{}/team/app", server.host());
        let scene = Self {
            peers: peers.clone(),
            owner: DockerCli::new(peers, DockerVersion::V28),
            server,
            front,
            ca,
            skopeo,
            repository,
        };
        let owner = scene.user();
        for tag in ["1", "2"] {
            scene.push(tag, tag);
        }
        trust(&owner, &["key", "generate", "jeff"]).success();
        let add = ["signer", "add", "--key", "jeff.pub", "jeff"];
        trust(
            &owner,
            &[&add, [scene.repository.as_str()].as_slice()].concat(),
        )
        .success();
        trust(&owner, &["sign", &scene.image("1")]).success();
        trust(&owner, &["inspect", &scene.repository]).success();
        scene.front.take_exchanges();
        Self { owner, ..scene }
    }

    /// A user's machine without keys.
    pub(crate) fn user(&self) -> DockerCli {
        let docker = DockerCli::new(&self.peers, DockerVersion::V28)
            .trust_server(&self.front.url(), &self.ca.file());
        docker.add_ca(&self.server.host(), &self.server.ca_file());
        docker
    }

    pub(crate) fn image(&self, tag: &str) -> String {
        format!("{}:{tag}", self.repository)
    }

    /// The manifest of a tag in the registry.
    pub(crate) fn manifest(&self, tag: &str) -> String {
        let path = format!("/v2/team/app/manifests/{tag}");
        let (status, body) = get(&self.server.url(), &self.server.ca_file(), &path);
        assert_eq!(status, 200, "{body}");
        body
    }

    /// Pushes a made-up image, unsigned.
    pub(crate) fn push(&self, tag: &str, text: &str) {
        let (folder, _) = layout(text);
        self.skopeo.push(folder.path(), &self.image(tag));
    }
}

/// Once nothing is in the way any more, everything is as it was.
#[track_caller]
pub(crate) fn still_works(scene: &Signed) {
    scene.front.clear();
    let seen = trust(&scene.owner, &["inspect", &scene.repository]).success();
    let seen = json_of(&seen);
    assert_eq!(seen[0]["SignedTags"].as_array().unwrap().len(), 1, "{seen}");
    assert_eq!(seen[0]["Signers"].as_array().unwrap().len(), 1, "{seen}");
    trust(&scene.owner, &["sign", &scene.image("2")]).success();
}

/// All keys and metadata of a user; not the lock, which names who holds it.
pub(crate) fn keys_and_metadata(docker: &DockerCli) -> BTreeMap<String, Vec<u8>> {
    let mut found = files(&docker.trust_dir());
    found.retain(|name, _| name != ".countersign.lock");
    found
}

/// The command ends with exit code 1, standard error begins with `says`, and has `advice` further down; keys and
/// metadata stay as they are, to the byte.
#[track_caller]
pub(crate) fn refused(docker: &DockerCli, words: &[&str], says: &str, advice: &str) -> Output {
    let before = keys_and_metadata(docker);
    let output = trust(docker, words).failure();
    assert_eq!(output.code(), Some(1), "{output}");
    assert!(
        output.stderr.starts_with(says),
        "does not begin with {says:?}: {output}"
    );
    assert!(output.stderr.contains(advice), "no {advice:?}: {output}");
    assert_eq!(
        changes(&before, &keys_and_metadata(docker)),
        Vec::<String>::new(),
        "{output}"
    );
    output
}

/// Names of the files that are not the same before and after.
fn changes(before: &BTreeMap<String, Vec<u8>>, after: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let names = before.keys().chain(after.keys());
    let mut changed: Vec<String> = names
        .filter(|&name| before.get(name) != after.get(name))
        .cloned()
        .collect();
    changed.dedup();
    changed
}
