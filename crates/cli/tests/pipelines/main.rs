//! The pipeline files that people copy: their script lines are run as they stand, by a runner of our own, with a real
//! dockerd, our registry and trust server, and this program in front of docker.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod runner;
mod yaml;

use serde_json::Value;
use testkit::sigstack::{COMMIT, Claims, Ref, Sigstore};
use testkit::{
    Cosign, CosignVersion, Countersign, DockerCli, DockerVersion, Dockerd, Folder, Output, Peers,
    run,
};

use crate::runner::{Runner, Step};

pub(crate) const COUNTERSIGN: &str = env!("CARGO_BIN_EXE_countersign");

/// A registry with a repository that `ci` may sign, and a machine of a build service.
struct Scene {
    server: Countersign,
    owner: DockerCli,
    runner: Runner,
    key: std::path::PathBuf,
    peers: Peers,
    _dockerd: Dockerd,
}

impl Scene {
    fn start() -> Option<Self> {
        let peers = Peers::locate_with_dockerd()?;
        let server = Countersign::start(COUNTERSIGN);
        let dockerd = Dockerd::start(&peers);
        let machine = || {
            let docker = DockerCli::new(&peers, DockerVersion::V20).daemon(&dockerd);
            docker.add_ca(&server.host(), &server.ca_file());
            docker
        };
        let (owner, worker) = (machine(), machine());
        let repository = format!("{}/team/app", server.host());
        owner
            .run_program(COUNTERSIGN, ["trust", "key", "generate", "ci"])
            .success();
        let words = [
            "trust",
            "signer",
            "add",
            "--key",
            "ci.pub",
            "ci",
            &repository,
        ];
        owner.run_program(COUNTERSIGN, words).success();
        let facts = owner
            .run_program(COUNTERSIGN, ["doctor", "--json"])
            .success();
        let facts: Value = serde_json::from_str(&facts.stdout).unwrap();
        let keys = facts["keys"].as_array().unwrap();
        let key = keys.iter().find(|key| key["role"] == "ci").unwrap();
        let key = key["path"].as_str().unwrap().into();
        Some(Self {
            server,
            owner,
            // A build service has no keys and no passphrases of its own.
            runner: Runner::new(
                worker
                    .env_remove("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE")
                    .env_remove("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE"),
            ),
            key,
            peers,
            _dockerd: dockerd,
        })
    }

    fn program(&self) -> [(&'static str, String); 2] {
        let bytes = std::fs::read(COUNTERSIGN).unwrap();
        let digest = testkit::image::sha256(&bytes);
        [
            ("url", format!("file://{COUNTERSIGN}")),
            ("sha256", digest.trim_start_matches("sha256:").to_owned()),
        ]
    }

    /// Who signed a tag, as the owner sees it.
    fn signers(&self, tag: &str) -> Value {
        let image = format!("{}/team/app:{tag}", self.server.host());
        let shown = self
            .owner
            .run_program(COUNTERSIGN, ["trust", "inspect", &image])
            .success();
        let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
        shown[0]["SignedTags"][0]["Signers"].clone()
    }

    /// What GitLab sets for the pipeline of `reference`.
    fn gitlab_with_identity(
        &self,
        sigstore: &Sigstore,
        reference: Ref<'_>,
    ) -> Vec<(&'static str, String)> {
        let [(_, url), (_, sha256)] = self.program();
        let host = self.server.host();
        let project = "https://gitlab.com/team/app";
        let name = reference.name().to_owned();
        let kind = match reference {
            Ref::Branch(_) => "CI_COMMIT_BRANCH",
            Ref::Tag(_) => "CI_COMMIT_TAG",
        };
        let token = sigstore.token(&Claims::gitlab("https://gitlab.com", "team/app", reference));
        vec![
            ("COUNTERSIGN_URL", url),
            ("COUNTERSIGN_SHA256", sha256),
            ("CI_REGISTRY", host.clone()),
            ("CI_REGISTRY_IMAGE", format!("{host}/team/app-{name}")),
            ("CI_REGISTRY_USER", "robot".to_owned()),
            ("CI_REGISTRY_PASSWORD", "unused".to_owned()),
            ("CI_COMMIT_SHA", COMMIT.to_owned()),
            ("CI_COMMIT_SHORT_SHA", COMMIT[..8].to_owned()),
            ("CI_COMMIT_REF_NAME", name.clone()),
            (kind, name),
            ("CI_JOB_URL", format!("{project}/-/jobs/302")),
            ("CI_PROJECT_URL", project.to_owned()),
            ("CI_SERVER_URL", "https://gitlab.com".to_owned()),
            ("GITLAB_USER_NAME", "Doe, Jane".to_owned()),
            ("SIGSTORE_ID_TOKEN", token),
            ("SIGSTORE_MIRROR", sigstore.tuf_url().to_owned()),
            ("SIGSTORE_ROOT", sigstore.tuf_root().display().to_string()),
        ]
    }

    /// The GitHub workflow's variables and secrets.
    fn github(&self) -> Vec<Step> {
        let [(_, url), (_, sha256)] = self.program();
        let values = [
            ("vars.COUNTERSIGN_URL", url),
            ("vars.COUNTERSIGN_SHA256", sha256),
            ("vars.REGISTRY", self.server.host()),
            ("vars.IMAGE_NAME", "team/app".to_owned()),
            ("github.sha", "abc123".to_owned()),
            ("secrets.REGISTRY_USER", "robot".to_owned()),
            ("secrets.REGISTRY_PASSWORD", "unused".to_owned()),
            (
                "secrets.SIGNER_KEY",
                std::fs::read_to_string(&self.key).unwrap(),
            ),
            (
                "secrets.SIGNER_PASSPHRASE",
                DockerCli::REPOSITORY_PASSPHRASE.to_owned(),
            ),
        ];
        runner::github(&yaml::read("github-workflow.yml"), &values)
    }
}

#[test]
fn dockerd_the_github_workflow_signs_what_it_pushes() {
    let Some(mut scene) = Scene::start() else {
        return;
    };
    let steps = scene.github();
    assert_eq!(steps.len(), 5);
    for step in &steps {
        scene.runner.github_step(step).success();
    }
    assert_eq!(scene.signers("abc123"), serde_json::json!(["ci"]));
}

/// The same with another passphrase, and without our program in front of docker.
#[test]
fn dockerd_the_github_workflow_stops_before_anything_is_unsigned() {
    let Some(mut scene) = Scene::start() else {
        return;
    };
    let mut steps = scene.github();
    for step in &mut steps {
        for (name, value) in &mut step.env {
            if name == "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE" {
                *value = "another passphrase".to_owned();
            }
        }
    }
    scene.runner.github_step(&steps[0]).success();
    scene
        .runner
        .github_step(&steps[1])
        .success()
        .says("in force");
    scene.runner.github_step(&steps[2]).failure();
    // Docker 29 without the shim.
    let stand_in = Folder::new("docker29");
    let docker = stand_in.path().join("docker");
    std::fs::write(&docker, "#!/bin/sh\necho 29.7.2\n").unwrap();
    std::os::unix::fs::symlink(COUNTERSIGN, stand_in.path().join("countersign")).unwrap();
    let mut command = std::process::Command::new("chmod");
    command.arg("+x").arg(&docker);
    run(command, b"").success();
    scene.runner.prepend(stand_in.path());
    scene
        .runner
        .github_step(&steps[1])
        .failure()
        .says("NOT IN FORCE");
}

#[test]
fn dockerd_the_azure_pipeline_signs_what_it_pushes() {
    let Some(mut scene) = Scene::start() else {
        return;
    };
    let [(_, url), (_, sha256)] = scene.program();
    let values = [
        ("countersignUrl", url),
        ("countersignSha256", sha256),
        ("registry", scene.server.host()),
        ("imageName", "team/app".to_owned()),
        ("Build.BuildId", "77".to_owned()),
        ("registryUser", "robot".to_owned()),
        ("registryPassword", "unused".to_owned()),
        (
            "signerPassphrase",
            DockerCli::REPOSITORY_PASSPHRASE.to_owned(),
        ),
        ("signerKey.secureFilePath", scene.key.display().to_string()),
        ("Agent.TempDirectory", scene.runner.temporary()),
    ];
    let steps = runner::azure(&yaml::read("azure-pipelines.yml"), &values);
    assert_eq!(steps.len(), 4);
    for step in &steps {
        scene.runner.azure_step(step).success();
    }
    assert_eq!(scene.signers("77"), serde_json::json!(["ci"]));
}

#[test]
fn dockerd_the_gitlab_job_signs_what_it_pushes() {
    let Some(mut scene) = Scene::start() else {
        return;
    };
    let [(_, url), (_, sha256)] = scene.program();
    let host = scene.server.host();
    let values = [
        ("COUNTERSIGN_URL", url),
        ("COUNTERSIGN_SHA256", sha256),
        ("CI_REGISTRY", host.clone()),
        ("CI_REGISTRY_IMAGE", format!("{host}/team/app")),
        ("CI_REGISTRY_USER", "robot".to_owned()),
        ("CI_REGISTRY_PASSWORD", "unused".to_owned()),
        ("CI_COMMIT_SHORT_SHA", "deadbeef".to_owned()),
        ("SIGNER_KEY", scene.key.display().to_string()),
        (
            "SIGNER_PASSPHRASE",
            DockerCli::REPOSITORY_PASSPHRASE.to_owned(),
        ),
    ];
    let job = runner::gitlab(&yaml::read("gitlab-ci.yml"), "content-trust", &values);
    let output: Output = scene.runner.gitlab_job(&job).success();
    assert!(output.stdout.contains("Successfully signed "), "{output}");
    assert_eq!(scene.signers("deadbeef"), serde_json::json!(["ci"]));
}

/// GitLab's identity in place of a key, on the pipeline of a branch and of a tag; both cosigns verify what was signed.
#[test]
fn dockerd_the_gitlab_job_signs_with_its_identity() {
    let Some(mut scene) = Scene::start().filter(|scene| scene.peers.has("jq")) else {
        return;
    };
    let sigstore = Sigstore::start();
    let mut judge = Cosign::new(&scene.peers, CosignVersion::V2).env(
        "SSL_CERT_FILE",
        &scene.server.ca_file().display().to_string(),
    );
    for (name, value) in sigstore.environment() {
        judge = judge.env(name, &value);
    }
    for (reference, path) in [
        (Ref::Branch("main"), "refs/heads/main"),
        (Ref::Tag("v1.0"), "refs/tags/v1.0"),
    ] {
        let values = scene.gitlab_with_identity(&sigstore, reference);
        let job = runner::gitlab(&yaml::read("gitlab-cosign-ci.yml"), "signed-image", &values);
        scene.runner.gitlab_job(&job).success().says("Doe, Jane");
        let image = format!(
            "{}/team/app-{}:{}",
            scene.server.host(),
            reference.name(),
            &COMMIT[..8]
        );
        for version in [CosignVersion::V2, CosignVersion::V3] {
            let identity = format!("https://gitlab.com/team/app//.gitlab-ci.yml@{path}");
            let root = sigstore.trusted_root().display().to_string();
            let words = [
                "verify",
                "--trusted-root",
                &root,
                "--certificate-identity",
                &identity,
                "--certificate-oidc-issuer",
                "https://gitlab.com",
                "-a",
                &format!("org.opencontainers.image.revision={COMMIT}"),
                &image,
            ];
            judge.version(version).run(words).success();
        }
    }
}
