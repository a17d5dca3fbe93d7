//! `list` and `lookup` of the golden repositories: what notary printed of the same metadata.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::personas::docker::ops::DockerOps;
use countersign::personas::docker_trust::ops::{Refusal, TrustOps};
use countersign::personas::native::doctor::DoctorOps;
use countersign::personas::native::serve::ServeRequest;
use countersign::personas::notary::error::Error as NotaryError;
use countersign::personas::notary::ops::{NotaryOps, Target};
use countersign::personas::notary::settings::Settings;
use countersign::process::{Fake, Process};
use countersign::{Failure, Session, UseCases, run};
use serde_json::Value;
use tuf::{Gun, Role};

/// What a repository's files say; its signatures are judged elsewhere.
struct Golden(Vec<Target>);

impl Golden {
    /// Reads the newest file of these roles.
    fn read(repository: &str, roles: &[&str]) -> Self {
        let server = folder(repository).join("server");
        let mut targets = Vec::new();
        for role in roles {
            let newest = (1..100)
                .rev()
                .map(|version| server.join(format!("{version}.{role}.json")))
                .find(|path| path.exists())
                .expect("the role has a file");
            let file: Value = serde_json::from_slice(&std::fs::read(newest).unwrap()).unwrap();
            for (name, meta) in file["signed"]["targets"].as_object().unwrap() {
                let sha256 = STANDARD
                    .decode(meta["hashes"]["sha256"].as_str().unwrap())
                    .unwrap();
                targets.push(Target {
                    name: name.clone(),
                    sha256: hex::encode(sha256),
                    length: meta["length"].as_u64().unwrap(),
                    role: (*role).to_owned(),
                });
            }
        }
        targets.sort_by(|one, other| one.name.cmp(&other.name));
        Self(targets)
    }
}

fn folder(repository: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata/golden/notary/repos")
        .join(repository)
}

impl NotaryOps for &Golden {
    fn list(&mut self, _: &Gun, _: &[Role]) -> Result<Vec<Target>, NotaryError> {
        Ok(self.0.clone())
    }

    fn lookup(&mut self, _: &Gun, name: &str) -> Result<Option<Target>, NotaryError> {
        Ok(self.0.iter().find(|target| target.name == name).cloned())
    }
}

impl UseCases for Golden {
    fn trust<'s>(&'s self, _: &'s Session<'_>) -> Result<Box<dyn TrustOps + 's>, Refusal> {
        panic!("these commands are notary's")
    }

    fn docker<'s>(&'s self, _: &'s Session<'_>) -> Result<Box<dyn DockerOps + 's>, Refusal> {
        panic!("these commands are notary's")
    }

    fn notary<'s>(
        &'s self,
        _: &'s Process,
        _: &Settings,
    ) -> Result<Box<dyn NotaryOps + 's>, NotaryError> {
        Ok(Box::new(self))
    }

    no_sigstore!();

    fn doctor<'s>(&'s self, _: &'s Session<'_>) -> Result<Box<dyn DoctorOps + 's>, Refusal> {
        panic!("these commands are notary's")
    }

    fn serve(&self, _: &Session<'_>, _: &ServeRequest) -> Result<(), Failure> {
        panic!("these commands are notary's")
    }

    fn demo(&self, _: &Session<'_>) -> Result<(), Failure> {
        panic!("these commands are notary's")
    }
}

fn notary(golden: &Golden, words: &[&str]) -> String {
    let (process, captured) = Process::fake(Fake {
        args: [&["notary"], words]
            .concat()
            .iter()
            .map(|word| (*word).to_owned())
            .collect(),
        env: vec![("HOME".to_owned(), "/nowhere".to_owned())],
        ..Fake::default()
    });
    assert_eq!(run(&process, golden), 0, "{}", captured.stdout());
    captured.stdout()
}

#[test]
fn golden_repositories_are_listed_as_notary_listed_them() {
    for (repository, roles) in [
        ("plain", &["targets"][..]),
        ("odd", &["targets"]),
        ("rotated", &["targets"]),
        ("ed25519", &["targets"]),
        ("expired-timestamp", &["targets"]),
    ] {
        let expected = std::fs::read_to_string(folder(repository).join("list.txt")).unwrap();
        let golden = Golden::read(repository, roles);
        assert_eq!(
            notary(&golden, &["list", "golden.example/x"]),
            expected,
            "{repository}"
        );
    }
    let plain = Golden::read("plain", &["targets"]);
    assert_eq!(
        notary(&plain, &["lookup", "golden.example/plain", "latest"]),
        "latest sha256:76c15477cdb78d8966115e59f3a6a1412940405a777a3d54b195ea6c51f89002 14\n"
    );
}
