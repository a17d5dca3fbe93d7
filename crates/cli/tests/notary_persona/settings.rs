//! The configuration file.

use testkit::{Folder, NotaryCli, NotaryServer, Peers, TestCa, run};

use crate::support::{Ours, bare};

const GUN: &str = "example.com/Team/app";

/// A published collection, and a home folder whose configuration file names everything.
struct Scene {
    peers: Peers,
    _ca: TestCa,
    server: NotaryServer,
    owner: NotaryCli,
    home: Folder,
    ours: Ours,
}

impl Scene {
    fn new(peers: Peers) -> Self {
        let ca = TestCa::new();
        let server = NotaryServer::memory(&peers, &ca);
        let owner = NotaryCli::new(&peers, &server.url(), server.ca_file());
        owner.run(["init", "-p", GUN]).success();
        let home = Folder::new("home");
        std::fs::create_dir(home.path().join(".notary")).unwrap();
        std::fs::copy(server.ca_file(), home.path().join(".notary/root.crt")).unwrap();
        Self {
            peers,
            _ca: ca,
            server,
            owner,
            home,
            ours: Ours::new(),
        }
    }

    /// `notary <args>` of ours with this trust_pinning, from an empty cache.
    fn run(&self, pinning: &serde_json::Value, args: &[&str]) -> testkit::Output {
        let config = serde_json::json!({
            "trust_dir": "~/.notary/trust",
            "remote_server": {"url": self.server.url(), "root_ca": "root.crt"},
            "trust_pinning": pinning,
        });
        self.run_with(&config, args)
    }

    fn run_with(&self, config: &serde_json::Value, args: &[&str]) -> testkit::Output {
        let folder = self.home.path().join(".notary");
        let _none = std::fs::remove_dir_all(folder.join("trust"));
        std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
        let theirs = bare(
            &NotaryCli::new(&self.peers, "", "".as_ref()),
            self.home.path(),
            args,
        );
        run(self.ours.instead_of(&theirs), b"")
    }

    /// The id of the collection's root certificate.
    fn root_id(&self) -> String {
        let path = self
            .owner
            .folder()
            .join("tuf")
            .join(GUN)
            .join("metadata/root.json");
        let root: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        root["signed"]["roles"]["root"]["keyids"][0]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

#[test]
fn the_configuration_file_names_server_authority_and_folder() {
    let Some(peers) = Peers::locate() else { return };
    let scene = Scene::new(peers);
    scene.run(&serde_json::json!({}), &["list", GUN]).success();
    let cached = scene
        .home
        .path()
        .join(".notary/trust/tuf")
        .join(GUN)
        .join("metadata/root.json");
    assert!(cached.exists(), "the folder is the configured one");
    // Flags win.
    let output = scene.run(
        &serde_json::json!({}),
        &["-s", "https://127.0.0.1:1", "list", GUN],
    );
    output.failure().says("could not reach https://127.0.0.1:1");
}

#[test]
fn pins_hold_for_names_with_capitals_where_notarys_do_not() {
    let Some(peers) = Peers::locate() else { return };
    let scene = Scene::new(peers);
    let list = |pinning| scene.run(&pinning, &["list", GUN]);
    let id = scene.root_id();
    list(serde_json::json!({"certs": {GUN: [id]}, "disable_tofu": true})).success();
    list(serde_json::json!({"certs": {"example.com/Team/*": [id]}})).success();
    let strange = "0".repeat(64);
    list(serde_json::json!({"certs": {GUN: [strange]}})).failure().says(
        "* fatal: could not validate the path to a trusted root: unable to match any certificates to trust_pinning \
         config\n",
    );
    list(serde_json::json!({"disable_tofu": true}))
        .failure()
        .says("invalid trust pinning specified");
    // Another name, written with small letters, is another collection.
    list(serde_json::json!({"certs": {GUN.to_lowercase(): [strange]}})).success();
    for broken in [
        serde_json::json!("x"),
        serde_json::json!({GUN: "x"}),
        serde_json::json!({GUN: ["x"]}),
    ] {
        list(serde_json::json!({"certs": broken}))
            .failure()
            .says("* fatal: invalid format for trust_pinning.certs\n");
    }
}

#[test]
fn a_pinned_authority_is_read_beside_the_configuration() {
    let Some(peers) = Peers::locate() else { return };
    let scene = Scene::new(peers);
    // The generated root certificate is its own issuer, but not of this authority.
    let output = scene.run(
        &serde_json::json!({"ca": {"example.com/": "root.crt"}}),
        &["list", GUN],
    );
    output
        .failure()
        .says("could not validate the path to a trusted root: ");
    let output = scene.run(
        &serde_json::json!({"ca": {"example.com/": "missing.crt"}}),
        &["list", GUN],
    );
    output.failure().says("missing.crt: No such file");
}

#[test]
fn switched_off_verification_is_refused_with_the_remedy() {
    let Some(peers) = Peers::locate() else { return };
    let scene = Scene::new(peers);
    let config =
        serde_json::json!({"remote_server": {"url": scene.server.url(), "skipTLSVerify": true}});
    let output = scene.run_with(&config, &["list", GUN]).failure();
    assert!(
        output
            .stdout
            .starts_with("\n* fatal: remote_server.skipTLSVerify is set in "),
        "{output}"
    );
    assert!(
        output
            .stdout
            .contains("name the server's authority in remote_server.root_ca"),
        "{output}"
    );
}

#[test]
fn a_broken_configuration_file_is_an_error() {
    let Some(peers) = Peers::locate() else { return };
    let scene = Scene::new(peers);
    for (text, words) in [
        ("{bad", "While parsing config: "),
        ("[]", "While parsing config: "),
    ] {
        let path = scene.home.path().join("own.json");
        std::fs::write(&path, text).unwrap();
        let theirs = bare(
            &scene.owner,
            scene.home.path(),
            &["-c", "own.json", "key", "list"],
        );
        let output = run(scene.ours.instead_of(&theirs), b"").failure();
        assert!(
            output
                .stdout
                .starts_with("\n* fatal: error opening config file: "),
            "{output}"
        );
        assert!(output.stdout.contains(words), "{output}");
    }
}
