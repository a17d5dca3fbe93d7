//! A runner with a project checked out, and what GitLab gives to a job.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use testkit::sigstack::{COMMIT, Claims, IssuerKind, Ref, Sigstore};
use testkit::{
    ConnectProxy, Cosign, CosignVersion, DockerCli, DockerRegistry, DockerVersion, Dockerd, Output,
    Peers, run,
};

use crate::page::Page;

const COUNTERSIGN: &str = env!("CARGO_BIN_EXE_countersign");

pub(crate) const GITLAB_COM: &str = "https://gitlab.com";
pub(crate) const INSTANCE: &str = "https://gitlab.example.com";
/// A name that stops both cosigns at its comma.
pub(crate) const USER: &str = "Doe, Jane";

/// An engine, GitLab's registry with a password, and a Sigstore that takes the tokens of the instance too.
pub(crate) struct Site {
    peers: Peers,
    dockerd: Dockerd,
    docker: DockerVersion,
    registry: DockerRegistry,
    sigstore: Sigstore,
    elsewhere: ConnectProxy,
}

impl Site {
    pub(crate) fn start(peers: &Peers, dockerd: Dockerd, docker: DockerVersion) -> Self {
        let sigstore = Sigstore::start();
        sigstore.trust_issuer(INSTANCE, IssuerKind::Gitlab);
        Self {
            peers: peers.clone(),
            dockerd,
            docker,
            registry: DockerRegistry::start_with_password_of(peers, "gitlab-ci-token"),
            sigstore,
            elsewhere: ConnectProxy::start(&[]),
        }
    }

    /// The services asked so far, each once: every job asks the same.
    pub(crate) fn services(&self) -> BTreeSet<&'static str> {
        self.sigstore
            .calls()
            .iter()
            .map(|call| call.service)
            .collect()
    }

    /// How many certificates were issued so far.
    pub(crate) fn certificates(&self) -> usize {
        let calls = self.sigstore.calls();
        calls.iter().filter(|call| call.service == "fulcio").count()
    }

    /// Hosts that a program in a job wanted besides those of the site.
    pub(crate) fn elsewhere(&self) -> Vec<String> {
        self.elsewhere.refused()
    }

    /// A job of the pipeline of `reference`, in an image that trusts the Sigstore.
    pub(crate) fn job(&self, server: &str, reference: Ref<'_>) -> Job<'_> {
        let stock = DockerCli::new(&self.peers, self.docker).daemon(&self.dockerd);
        let bin = stock.home().join("bin");
        fs::create_dir(&bin).unwrap();
        let real = stock.command([""; 0]);
        symlink(real.get_program(), bin.join("docker")).unwrap();
        write_apk(&bin.join("apk"));
        let path = real
            .get_envs()
            .find_map(|(name, value)| (name == "PATH").then_some(value?));
        let path = format!("{}:{}", bin.display(), path.unwrap().to_str().unwrap());
        let mut shell = stock
            .clone()
            .env("PATH", &path)
            .env("HTTPS_PROXY", &self.elsewhere.url())
            .env("HTTP_PROXY", &self.elsewhere.url());
        let page = Page::read("gitlab", &[]);
        let given = self.variables(server, reference);
        for (name, value) in given.iter().chain(&of_page(&page, &given)) {
            shell = shell.env(name, value);
        }
        let project = stock.home();
        fs::write(project.join("hello"), format!("{server} {reference:?}")).unwrap();
        fs::write(
            project.join("Dockerfile"),
            "FROM scratch\nCOPY hello /hello\n",
        )
        .unwrap();
        fs::write(project.join(".dockerignore"), "*\n!hello\n").unwrap();
        let root = self.sigstore.tuf_root().display().to_string();
        let mirror = self.sigstore.tuf_url();
        let words = ["cosign", "initialize", "--mirror", mirror, "--root", &root];
        shell.run_program(COUNTERSIGN, words).success();
        Job {
            site: self,
            server: server.to_owned(),
            shell,
            page,
        }
    }

    /// What GitLab sets, as far as the page uses it.
    fn variables(&self, server: &str, reference: Ref<'_>) -> Vec<(String, String)> {
        let project = format!("{server}/acme/app");
        let path = reference.path();
        let (_, name) = path.rsplit_once('/').unwrap();
        let token = self
            .sigstore
            .token(&Claims::gitlab(server, "acme/app", reference));
        let host = self.registry.host();
        [
            ("CI_COMMIT_SHA", COMMIT.to_owned()),
            ("CI_COMMIT_SHORT_SHA", COMMIT[..8].to_owned()),
            ("CI_COMMIT_REF_NAME", name.to_owned()),
            ("CI_JOB_ID", "302".to_owned()),
            ("CI_JOB_TOKEN", DockerRegistry::PASSWORD.to_owned()),
            ("CI_JOB_URL", format!("{project}/-/jobs/302")),
            ("CI_PIPELINE_ID", "574".to_owned()),
            ("CI_PIPELINE_URL", format!("{project}/-/pipelines/574")),
            ("CI_PROJECT_PATH", "acme/app".to_owned()),
            ("CI_PROJECT_URL", project),
            ("CI_REGISTRY", host.clone()),
            ("CI_REGISTRY_IMAGE", format!("{host}/acme/app-{name}")),
            ("CI_SERVER_URL", server.to_owned()),
            ("GITLAB_USER_NAME", USER.to_owned()),
            ("SIGSTORE_ID_TOKEN", token),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}

/// The job's own variables, expanded from those that GitLab sets and from one another.
fn of_page(page: &Page, given: &[(String, String)]) -> Vec<(String, String)> {
    let mut known = given.to_vec();
    for line in page.step("variables").lines.lines() {
        let Some((name, rest)) = line.split_once(": ") else {
            continue;
        };
        let (value, _comment) = rest.split_once(" #").unwrap_or((rest, ""));
        let mut value = value.trim_matches('"').to_owned();
        // The longest name first: `$CI_REGISTRY` begins `$CI_REGISTRY_IMAGE`.
        known.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        for (name, text) in &known {
            value = value.replace(&format!("${name}"), text);
        }
        known.push((name.to_owned(), value));
    }
    known
}

/// Alpine's installer, for which "cosign" is this program. `jq` is the machine's.
fn write_apk(path: &Path) {
    let script = format!(
        "#!/bin/sh\nset -e\ntest \"$*\" = 'add --no-cache cosign jq'\n\
         ln -s {COUNTERSIGN} \"${{0%/*}}/cosign\"\ncommand -v jq >/dev/null\n"
    );
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A running job.
pub(crate) struct Job<'s> {
    site: &'s Site,
    server: String,
    shell: DockerCli,
    pub(crate) page: Page,
}

impl Job<'_> {
    /// Everything before the verification.
    #[track_caller]
    pub(crate) fn builds_and_signs(&self) {
        self.step("before_script").success().says("Login Succeeded");
        self.step("build and push").success();
        self.step("digest").success();
        self.step("sign").success();
    }

    /// A step of the page.
    #[track_caller]
    pub(crate) fn step(&self, name: &str) -> Output {
        self.runs(&self.page.step(name).lines)
    }

    /// Lines for the job's shell, as the runner starts it. Variables are carried from step to step.
    #[track_caller]
    pub(crate) fn runs(&self, lines: &str) -> Output {
        let script = format!(
            "set -eo pipefail\nset +o noclobber\nif [ -f ~/.left ]; then . ~/.left; fi\n\
             trap 'declare -p IMAGE_DIGEST >~/.left 2>/dev/null || :' EXIT\n{lines}"
        );
        run(self.shell.command_of("bash", ["-c", &script]), b"")
    }

    /// The reference by digest that the page's job signed.
    pub(crate) fn digest(&self) -> String {
        let left = self.runs("printf %s \"$IMAGE_DIGEST\"").success();
        left.stdout
    }

    /// The same job with one more variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.shell = self.shell.env(name, value);
        self
    }

    /// A real cosign's `verify` of what the job signed, for the pipeline of `path`.
    #[track_caller]
    pub(crate) fn judged_by(&self, version: CosignVersion, flags: &[&str], path: &str) -> Output {
        let mut judge = Cosign::new(&self.site.peers, version);
        for (name, value) in self.site.sigstore.environment() {
            judge = judge.env(name, &value);
        }
        let identity = format!("{}/acme/app//.gitlab-ci.yml@{path}", self.server);
        let digest = self.digest();
        let words = [
            "verify",
            "--registry-username",
            "gitlab-ci-token",
            "--registry-password",
            DockerRegistry::PASSWORD,
            "--rekor-url",
            self.site.sigstore.rekor_url(),
            "--certificate-identity",
            &identity,
            "--certificate-oidc-issuer",
            &self.server,
            &digest,
        ];
        judge.run([&words[..], flags].concat())
    }

    /// For `--trusted-root`.
    pub(crate) fn trusted_root(&self) -> String {
        self.site.sigstore.trusted_root().display().to_string()
    }
}
