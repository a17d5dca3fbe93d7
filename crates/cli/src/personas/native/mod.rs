//! Our own commands.

pub mod completion;
pub mod doctor;
pub mod error;
pub mod image_ops;
pub mod install;
pub mod plugin;
mod policy_file;
pub mod serve;
mod shim;
mod sign;
mod verify;
pub mod version;

use super::{cosign, docker, docker_trust, notary};
use crate::cobra::{self, Arity, Command, Completes, Matches, Root};
use crate::env;
use crate::failure::Failure;
use crate::session::{Run, Session};

/// `countersign`.
pub static ROOT: Root<Run> = Root {
    program: "countersign",
    path: "countersign",
    command: &TABLE,
};

/// `docker countersign`.
pub static PLUGIN_ROOT: Root<Run> = Root {
    program: "docker",
    path: "docker countersign",
    command: &TABLE,
};

static TABLE: Command<Run> = Command {
    long: "Sign and verify container images, and run the services that needs",
    commands: &[
        COMPLETION,
        cosign::NATIVE_ENTRY,
        DEMO,
        docker::NATIVE_ENTRY,
        doctor::TABLE,
        notary::NATIVE_ENTRY,
        plugin::TABLE,
        serve::TABLE,
        sign::TABLE,
        docker_trust::NATIVE_TABLE,
        verify::TABLE,
        version::TABLE,
    ],
    ..Command::new("countersign", "Sign and verify container images")
};

const COMPLETION: Command<Run> = Command {
    usage: "bash|fish|zsh",
    long: "Print the completion script for a shell, for example:\n\n  source <(countersign completion bash)",
    arity: Arity::Exactly(1),
    completes: Completes::Words(&["bash", "fish", "zsh"]),
    run: Some(completion::run),
    ..Command::new("completion", "Print the completion script for a shell")
};

const DEMO: Command<Run> = Command {
    long: "Push, sign, verify, tamper with and refuse a real image, on a private server in a temporary folder",
    run: Some(demo),
    ..Command::new("demo", "Show in ten seconds what signing protects against")
};

/// Whether these are our own commands, under whichever name.
pub(crate) fn is_native(root: &Root<Run>) -> bool {
    std::ptr::eq(root.command, &raw const TABLE)
}

/// The reference page of every command and environment variable, in Markdown.
pub fn reference_page() -> String {
    let mut page =
        "# Commands\n\nMade from the tables of the program; a test keeps it equal.\n\n".to_owned();
    page.push_str(&cobra::reference(&ROOT));
    page.push_str("# Environment\n\n| variable | meaning |\n| --- | --- |\n");
    for variable in env::ALL {
        let secret = if variable.secret {
            " (secret: never shown)"
        } else {
            ""
        };
        page.push_str(&format!(
            "| `{}` | {}{secret} |\n",
            variable.name, variable.meaning
        ));
    }
    page
}

fn demo(session: &Session<'_>, _: &Matches) -> Result<(), Failure> {
    session.uses.demo(session)
}
