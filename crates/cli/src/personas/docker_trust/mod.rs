//! `docker trust` of Docker 28.2: flags, prompts, texts, JSON and exit codes.
//!
//! Where docker's own behaviour is silently wrong, ours fails and says so; the list is in COMPATIBILITY.md.

pub mod error;
mod inspect;
mod key_errors;
mod key_generate;
mod key_load;
mod names;
pub mod ops;
pub mod passphrases;
mod revoke;
mod sign;
mod signer_add;
mod signer_remove;
mod texts;

use std::time::Duration;

use keystore::TrustDir;

use self::error::Error;
use crate::cobra::{Arity, Command, Completes, Flag, Root};
use crate::docker_config;
use crate::session::{Run, Session};

/// What the command is for, in docker's words.
pub const SHORT: &str = "Manage trust on Docker images";

/// `docker trust` as docker shows it.
pub static ROOT: Root<Run> = Root {
    program: "docker",
    path: "docker trust",
    command: &TABLE,
};

static TABLE: Command<Run> = Command {
    commands: &[INSPECT, KEY, REVOKE, SIGN, SIGNER, VIEW],
    ..Command::new("trust", SHORT)
};

/// The same commands under our own name, where the help may show what docker's does not have.
pub const NATIVE_TABLE: Command<Run> = Command {
    commands: &[INSPECT, KEY, REVOKE, SIGN_NATIVE, SIGNER, VIEW],
    ..Command::new("trust", SHORT)
};

pub(super) const PRETTY: Flag =
    Flag::switch("pretty", "Print the information in a human friendly format");
pub(super) const YES: Flag = Flag::switch("yes", "Do not prompt for confirmation").short('y');
pub(super) const LOCAL: Flag = Flag::switch("local", "Sign a locally tagged image");
pub(super) const DIGEST: Flag = Flag::text(
    "digest",
    "",
    "Sign this digest (sha256:...), which the registry must have, for the tag",
);
pub(super) const DIR: Flag = Flag::text(
    "dir",
    "",
    "Directory to generate key in, defaults to current directory",
)
.completing(Completes::Folder);
pub(super) const NAME: Flag = Flag::text("name", "signer", "Name for the loaded key");
pub(super) const KEY_FILE: Flag =
    Flag::list("key", "Path to the signer's public key file").completing(Completes::File);
pub(super) const FORCE: Flag = Flag::switch(
    "force",
    "Do not prompt for confirmation before removing the most recent signer",
)
.short('f');

/// How long another process may hold the trust folder before we give up.
pub(super) const LOCK_WAIT: Duration = Duration::from_secs(10);

/// docker's trust folder.
pub(super) fn trust_folder(session: &Session<'_>) -> Result<TrustDir, Error> {
    let config = docker_config::folder(session).ok_or(Error::NoConfigFolder)?;
    Ok(TrustDir::new(config.join("trust")))
}

const INSPECT: Command<Run> = Command {
    usage: "IMAGE[:TAG] [IMAGE[:TAG]...]",
    arity: Arity::AtLeast(1),
    flags: &[PRETTY],
    run: Some(inspect::run),
    ..Command::new(
        "inspect",
        "Return low-level information about keys and signatures",
    )
};

/// Docker 17.10 to 18.02; pages that still name it are answered as `inspect --pretty`.
const VIEW: Command<Run> = Command {
    usage: "IMAGE[:TAG]",
    arity: Arity::Exactly(1),
    hidden: true,
    run: Some(inspect::run_view),
    ..Command::new(
        "view",
        "Display detailed information about keys and signatures",
    )
};

const REVOKE: Command<Run> = Command {
    usage: "[OPTIONS] IMAGE[:TAG]",
    arity: Arity::Exactly(1),
    flags: &[YES],
    run: Some(revoke::run),
    ..Command::new("revoke", "Remove trust for an image")
};

const SIGN: Command<Run> = Command {
    usage: "IMAGE:TAG",
    arity: Arity::OneOrMoreShownAsOne,
    flags: &[LOCAL],
    run: Some(sign::run),
    ..Command::new("sign", "Sign an image")
};

const SIGN_NATIVE: Command<Run> = Command {
    usage: "[OPTIONS] IMAGE:TAG [IMAGE:TAG...]",
    long: "Sign images; all tags of a repository are published together",
    arity: Arity::AtLeast(1),
    flags: &[DIGEST, LOCAL],
    run: Some(sign::run),
    ..Command::new("sign", "Sign an image")
};

const KEY: Command<Run> = Command {
    commands: &[
        Command {
            usage: "NAME",
            arity: Arity::Exactly(1),
            flags: &[DIR],
            run: Some(key_generate::run),
            ..Command::new("generate", "Generate and load a signing key-pair")
        },
        Command {
            usage: "[OPTIONS] KEYFILE",
            arity: Arity::Exactly(1),
            flags: &[NAME],
            completes: Completes::File,
            run: Some(key_load::run),
            ..Command::new("load", "Load a private key file for signing")
        },
    ],
    ..Command::new("key", "Manage keys for signing Docker images")
};

const SIGNER: Command<Run> = Command {
    commands: &[
        Command {
            // The blank at the end is docker's.
            usage: "OPTIONS NAME REPOSITORY [REPOSITORY...] ",
            arity: Arity::AtLeast(2),
            flags: &[KEY_FILE],
            run: Some(signer_add::run),
            ..Command::new("add", "Add a signer")
        },
        Command {
            usage: "[OPTIONS] NAME REPOSITORY [REPOSITORY...]",
            arity: Arity::AtLeast(2),
            flags: &[FORCE],
            run: Some(signer_remove::run),
            ..Command::new("remove", "Remove a signer")
        },
    ],
    ..Command::new("signer", "Manage entities who can sign Docker images")
};
