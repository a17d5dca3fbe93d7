//! skopeo.

use std::ffi::OsStr;
use std::process::Command;

use crate::folder::Folder;
use crate::image;
use crate::peers::Peers;
use crate::process::{Output, run};
use crate::registry::DockerRegistry;

/// skopeo 1.9 with a home folder and a policy of its own: every image is accepted, no registry has an alias.
#[derive(Debug)]
pub struct Skopeo {
    peers: Peers,
    home: Folder,
}

impl Skopeo {
    /// A client with an empty home folder.
    pub fn new(peers: &Peers) -> Self {
        let home = Folder::new("skopeo");
        for (name, text) in [
            (
                "policy.json",
                r#"{"default":[{"type":"insecureAcceptAnything"}]}"#,
            ),
            ("registries.conf", ""),
        ] {
            std::fs::write(home.path().join(name), text).expect("the temporary folder is writable");
        }
        std::fs::create_dir(home.path().join("registries.d"))
            .expect("the temporary folder is writable");
        Self {
            peers: peers.clone(),
            home,
        }
    }

    /// The prepared command.
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = self.peers.command(self.peers.program("SKOPEO"));
        let home = self.home.path();
        command
            .env("HOME", home)
            .env("XDG_RUNTIME_DIR", home)
            .env("TMPDIR", home)
            .current_dir(home);
        for (flag, name) in [
            ("--policy", "policy.json"),
            ("--registries-conf", "registries.conf"),
            ("--registries.d", "registries.d"),
        ] {
            command.arg(flag).arg(home.join(name));
        }
        command.args(args);
        command
    }

    /// Runs `skopeo <args>`. For our own server give `--dest-cert-dir=<folder with ca.crt>` (`--src-…`,
    /// `inspect --cert-dir=…`), for a [`crate::DockerRegistry`] `--dest-tls-verify=false`.
    #[track_caller]
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Output {
        run(self.command(args), b"")
    }

    /// Pushes the made-up image of [`image::write_oci_layout`] as `<name>:1` to a registry without passwords, and returns
    /// `<registry>/<name>@<digest>`.
    #[track_caller]
    pub fn push(&self, registry: &DockerRegistry, name: &str, text: &str) -> String {
        let layout = Folder::new("layout");
        let digest = image::write_oci_layout(layout.path(), "1", text).digest;
        let image = format!("{}/{name}", registry.host());
        let from = format!("oci:{}:1", layout.path().display());
        let to = format!("docker://{image}:1");
        self.run(["copy", "--dest-tls-verify=false", &from, &to])
            .success();
        format!("{image}@{digest}")
    }
}
