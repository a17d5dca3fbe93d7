//! Every command of the persona.

use super::Action;
use super::flags::flags;
use crate::cobra::{Command, Root};

/// `cosign …`.
pub(crate) static ROOT: Root<Action> = Root {
    program: "cosign",
    path: "cosign",
    command: &TABLE,
};

/// `countersign cosign …`.
pub(crate) static NATIVE_ROOT: Root<Action> = Root {
    program: "cosign",
    path: "countersign cosign",
    command: &TABLE,
};

static TABLE: Command<Action> = Command {
    long: "Sign, attest and verify container images and files",
    flags: flags!(),
    commands: &[
        super::attach::COMMAND,
        super::attest::COMMAND,
        super::attest_blob::COMMAND,
        super::bundle_create::COMMAND,
        super::clean::COMMAND,
        super::completion::COMMAND,
        super::copy::COMMAND,
        super::dockerfile_verify::COMMAND,
        super::download::COMMAND,
        super::environment::COMMAND,
        super::generate_key_pair::COMMAND,
        super::import_key_pair::COMMAND,
        super::initialize::COMMAND,
        super::load::COMMAND,
        super::login::COMMAND,
        super::manifest_verify::COMMAND,
        super::public_key::COMMAND,
        super::save::COMMAND,
        super::sign::COMMAND,
        super::sign_blob::COMMAND,
        super::signing_config::COMMAND,
        super::tree::COMMAND,
        super::triangulate::COMMAND,
        super::trusted_root::COMMAND,
        super::verify::COMMAND,
        super::verify_attestation::COMMAND,
        super::verify_blob::COMMAND,
        super::verify_blob_attestation::COMMAND,
        super::version::COMMAND,
    ],
    ..Command::new("cosign", "Sign and verify as cosign does")
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Every flag of cosign 2.5.0 and 3.1.1 is known to the same command here, and every command but these.
    #[test]
    fn cosigns_commands_and_flags() {
        let list = include_str!("../../../../../testdata/cosign-flags.txt");
        let mut absent = Vec::new();
        let mut missing = Vec::new();
        for (name, flags) in list.lines().filter_map(|line| line.split_once(':')) {
            let words: Vec<String> = name.split(' ').map(str::to_owned).collect();
            let Some((_, command)) = ROOT.find(&words) else {
                absent.push(name);
                continue;
            };
            for flag in flags.split_whitespace() {
                if !command.flags.iter().any(|known| known.name == flag) {
                    missing.push(format!("{name} --{flag}"));
                }
            }
        }
        let not_served = [
            "bundle inspect",
            "bundle upgrade",
            "generate",
            "upload",
            "upload blob",
            "upload wasm",
        ];
        assert_eq!(absent, not_served);
        assert_eq!(missing, [""; 0]);
    }
}
