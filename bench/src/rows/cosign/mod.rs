//! Beside cosign 3: images in a docker-registry, bundles beside them, no network but loopback.

mod many;
mod sign;
mod verify;

use std::process::Command;

use testkit::sigstack::{Claims, LogVersion, Ref, Sigstore};
use testkit::{Cosign, CosignVersion};

use super::Bench;
use crate::measure::{Turns, mean_seconds, seconds};
use crate::stage;
use crate::table::{Line, Target};

pub(super) use many::measure as verify_many;
pub(super) use sign::measure as sign;
pub(super) use verify::measure as verify;

/// How many times quicker than cosign: at most a third of its time.
const TIMES: f64 = 3.0;
/// One run is too short to stand for a turn.
const RUNS: usize = 5;
/// Images signed with the key.
const IMAGES: usize = 200;
const ISSUER: &str = "https://gitlab.com";
const IDENTITY: &str = "https://gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main";
/// Without services, cosign 3 must be told so by files.
const NO_SERVICES: &str = r#"{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","rekorTlogConfig":{},"tsaConfig":{}}"#;
const NO_ROOT: &str =
    r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#;

/// A folder for both clients, with a key pair `key.key` and `key.pub`, and signed images.
#[derive(Debug)]
pub(super) struct Scene {
    cosign: Cosign,
    /// Each with a bundle made with the key.
    images: Vec<String>,
    /// One with a bundle of an identity, logged and timestamped.
    keyless: String,
    /// A file that trusts the Sigstore behind that.
    root: String,
    /// Files live as long as the services.
    _sigstore: Sigstore,
}

impl Scene {
    fn of(bench: &Bench) -> &Self {
        bench.signed.get_or_init(|| Self::make(bench))
    }

    fn make(bench: &Bench) -> Self {
        let cosign = Cosign::new(&bench.peers, CosignVersion::V3);
        let write = |name: &str, text: &str| {
            std::fs::write(cosign.home().join(name), text).expect("the folder is writable");
        };
        write("empty.json", NO_SERVICES);
        write("empty-root.json", NO_ROOT);
        cosign
            .run(["generate-key-pair", "--output-key-prefix", "key"])
            .success();
        let sigstore = Sigstore::start();
        let root = sigstore.trusted_root().display().to_string();
        let push = |name, count| stage::push_different(&bench.peers, bench.registry(), name, count);
        let mut scene = Self {
            images: push("bench/cosign", IMAGES),
            keyless: push("bench/keyless", 1).remove(0),
            cosign,
            root,
            _sigstore: sigstore,
        };
        scene.sign_all(bench);
        scene.sign_keyless();
        scene
    }

    /// With ours, in one call; that cosign verifies what came out is part of what is measured.
    fn sign_all(&self, bench: &Bench) {
        let words = ["sign", "--yes", "--format", "bundle", "--key", "key.key"];
        let images = self.images.iter().map(String::as_str);
        seconds(self.ours(bench, words.into_iter().chain(images)), |_| true);
    }

    fn sign_keyless(&mut self) {
        let claims = Claims::gitlab(ISSUER, "acme/app", Ref::Branch("main"));
        let sigstore = &self._sigstore;
        let config = sigstore
            .signing_config(LogVersion::V1)
            .display()
            .to_string();
        let token = sigstore.token(&claims);
        let words = ["sign", "--yes", "--identity-token", &token];
        let services = ["--signing-config", &config, "--trusted-root", &self.root];
        self.cosign
            .run([&words[..], &services, &[&self.keyless]].concat())
            .success();
    }

    /// `countersign cosign …`
    fn ours<'a>(&self, bench: &Bench, words: impl IntoIterator<Item = &'a str>) -> Command {
        let words = ["cosign"].into_iter().chain(words);
        self.cosign.command_of(&bench.args.program, words)
    }
}

/// The shortest command.
pub(super) fn startup(bench: &Bench) -> Vec<Line> {
    let cosign = Cosign::new(&bench.peers, CosignVersion::V3);
    let answers = |said: &str| said.contains("GitVersion:");
    let ours = || cosign.command_of(&bench.args.program, ["cosign", "version"]);
    let turns = Turns::take(
        bench.args.rounds,
        || mean_seconds(RUNS, || seconds(ours(), answers)),
        || mean_seconds(RUNS, || seconds(cosign.command(["version"]), answers)),
    );
    let note = format!("countersign cosign version, cosign version; mean of {RUNS} a turn");
    let target = Target::AtLeastTimes(TIMES);
    vec![Line::times("cosign start-up", note, &turns, target)]
}
