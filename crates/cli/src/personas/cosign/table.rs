//! Every command of the persona.

use super::{
    Action, completion, environment, flags, generate_key_pair, import_key_pair, public_key, sign,
    verify, verify_blob, verify_blob_attestation, version,
};
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
        completion::COMMAND,
        environment::COMMAND,
        generate_key_pair::COMMAND,
        import_key_pair::COMMAND,
        public_key::COMMAND,
        sign::COMMAND,
        verify::COMMAND,
        verify_blob::COMMAND,
        verify_blob_attestation::COMMAND,
        version::COMMAND,
    ],
    ..Command::new("cosign", "Sign and verify as cosign does")
};

use flags::flags;
