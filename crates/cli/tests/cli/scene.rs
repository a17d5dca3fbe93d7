//! A user's machine in a temporary folder, and commands run in it inside this process.

use std::path::{Path, PathBuf};

use countersign::personas::docker::ops::DockerOps;
use countersign::personas::docker_trust::ops::{Refusal, TrustOps};
use countersign::personas::native::doctor::DoctorOps;
use countersign::personas::native::serve::ServeRequest;
use countersign::personas::notary::error::Error as NotaryError;
use countersign::personas::notary::ops::NotaryOps;
use countersign::personas::notary::settings::Settings;
use countersign::process::{Captured, Fake, Process};
use countersign::{Failure, Session, UseCases, run};

pub(crate) struct Scene {
    pub(crate) folder: tempfile::TempDir,
    env: Vec<(String, String)>,
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: u8,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for part in ["home", "project"] {
            std::fs::create_dir(folder.path().join(part)).expect("a folder");
        }
        Self {
            folder,
            env: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    pub(crate) fn private_keys(&self) -> PathBuf {
        self.home().join(".docker/trust/private")
    }

    /// Runs a command line as `docker` hands it to its plugin, or with another first word, as it is.
    pub(crate) fn run(&self, line: &[&str]) -> Outcome {
        self.run_with(line, b"", &NoTrust)
    }

    pub(crate) fn run_with(&self, line: &[&str], stdin: &[u8], uses: &dyn UseCases) -> Outcome {
        let (process, captured) = self.process(line, stdin);
        let code = run(&process, uses);
        self.outcome(code, &captured)
    }

    fn process(&self, line: &[&str], stdin: &[u8]) -> (Process, Captured) {
        let mut env = self.env.clone();
        env.push(("HOME".to_owned(), self.home().display().to_string()));
        let mut args: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
        if line.first() == Some(&"docker") {
            args[0] = "/usr/local/lib/docker/cli-plugins/docker-trust".to_owned();
            env.push((
                "DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND".to_owned(),
                "docker".to_owned(),
            ));
        }
        Process::fake(Fake {
            args,
            env,
            cwd: Some(self.project()),
            executable: Some(self.folder.path().join("countersign")),
            stdin: stdin.to_vec(),
        })
    }

    /// Paths are shown as the transcripts show them.
    fn outcome(&self, code: u8, captured: &Captured) -> Outcome {
        let normal = |text: String| {
            text.replace(&self.project().display().to_string(), "/home/user/project")
                .replace(&self.home().display().to_string(), "/home/user")
        };
        Outcome {
            code,
            stdout: normal(captured.stdout()),
            stderr: normal(captured.stderr()),
        }
    }
}

impl Outcome {
    /// Standard output of a command that succeeded without a word on standard error.
    #[track_caller]
    pub(crate) fn success(&self) -> &str {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{self:?}");
        &self.stdout
    }

    /// Standard error of a command that failed.
    #[track_caller]
    pub(crate) fn failure(&self) -> &str {
        assert_eq!(self.code, 1, "{self:?}");
        &self.stderr
    }
}

/// For commands that must not reach for the network.
pub(crate) struct NoTrust;

impl UseCases for NoTrust {
    fn trust<'s>(&'s self, _: &'s Session<'_>) -> Result<Box<dyn TrustOps + 's>, Refusal> {
        panic!("this command must not contact anything")
    }

    fn docker<'s>(&'s self, _: &'s Session<'_>) -> Result<Box<dyn DockerOps + 's>, Refusal> {
        panic!("this command must not reach for an engine")
    }

    no_sigstore!();

    fn doctor<'s>(&'s self, _: &'s Session<'_>) -> Result<Box<dyn DoctorOps + 's>, Refusal> {
        panic!("this command must not look around")
    }

    fn notary<'s>(
        &'s self,
        _: &'s Process,
        _: &Settings,
    ) -> Result<Box<dyn NotaryOps + 's>, NotaryError> {
        panic!("this command must not contact anything")
    }

    fn serve(&self, _: &Session<'_>, _: &ServeRequest) -> Result<(), Failure> {
        panic!("this command must not serve")
    }

    fn demo(&self, _: &Session<'_>) -> Result<(), Failure> {
        panic!("this command must not run the demo")
    }
}

pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}
