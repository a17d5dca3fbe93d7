//! docker's sentences for what is refused, and under them what became of the command and what to do next.

use engine::{EndpointFault, Error as EngineError};

use super::command::Verb;
use super::error::Stage;
use super::ops::Refusal;
use crate::input::InputError;
use crate::personas::docker_trust::error::Context;
use crate::personas::docker_trust::ops::Refusal as TrustRefusal;
use crate::render::printable::printable;

/// A refused command, without a final newline.
pub(super) fn refused(verb: Verb, name: &str, stage: Stage, refusal: &Refusal) -> String {
    let mut text = reason(verb, name, refusal);
    if let Refusal::Trust(TrustRefusal::Input(InputError::Ended)) = refusal {
        text.push_str(
            ": a passphrase is needed\nSet DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE and \
             DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE, or use a terminal.",
        );
    }
    match verb {
        Verb::Run => {
            text = format!("docker: {text}\n\nRun 'docker run --help' for more information");
        }
        Verb::Push => {
            if let Some(state) = push_state(stage, refusal) {
                text.push('\n');
                text.push_str(state);
            }
        }
        Verb::Pull if stage == Stage::SomePulled => {
            text.push_str("\nThe tags before it were pulled and verified; this one and those behind it were not.");
        }
        _ => {}
    }
    text
}

fn push_state(stage: Stage, refusal: &Refusal) -> Option<&'static str> {
    match (stage, refusal) {
        (_, Refusal::Interrupted { signing: true }) => None,
        (Stage::Nothing | Stage::SomePulled, _) => {
            Some("Nothing was pushed and nothing was signed.")
        }
        (Stage::Pushing, _) => Some(
            "Nothing was signed. What the registry has of it already is not trusted by anyone.",
        ),
        (Stage::Pushed, _) => {
            Some("The image is in the registry, and its tag is not signed for it by this command.")
        }
    }
}

pub(super) fn reason(verb: Verb, name: &str, refusal: &Refusal) -> String {
    match refusal {
        Refusal::Trust(refusal) => {
            let context = match verb {
                Verb::Push => Context::Sign {
                    name: name.to_owned(),
                },
                _ => Context::None,
            };
            context.explain(refusal)
        }
        Refusal::Engine(error) => engine_error(error),
        Refusal::Endpoint(fault) => endpoint(fault),
        Refusal::ApiVersion { found } => {
            format!("DOCKER_API_VERSION is {found:?}, which is not a version such as 1.41")
        }
        Refusal::Moved(moved) => {
            format!(
                "the registry has {} under this tag, and what is signed is {}",
                moved.current, moved.signed
            )
        }
        Refusal::NothingSigned { gun } => format!("No signed tags for {gun}"),
        Refusal::NoLocalImage { name } => {
            format!("An image does not exist locally with the tag: {name}")
        }
        Refusal::PushedDiffers(pushed) => format!(
            "failed to sign {}: the registry does not have the image that was pushed\nThe engine has {}, the registry \
             answers with {}. Somebody may push the same tag; pull it, look, and try again.",
            pushed.image, pushed.local, pushed.found
        ),
        Refusal::SizeDiffers {
            image,
            reported,
            found,
        } => format!(
            "failed to sign {image}: the engine reported a manifest of {reported} bytes, the registry has one of {found}"
        ),
        Refusal::Interrupted { signing: false } => "interrupted".to_owned(),
        Refusal::Interrupted { signing: true } => {
            "interrupted while the signature was being published; look with \
                                                   docker trust inspect whether it is there"
                .to_owned()
        }
    }
}

/// In the words of the docker command line.
fn engine_error(error: &EngineError) -> String {
    match error {
        EngineError::NotRunning { endpoint } => format!(
            "Cannot connect to the Docker daemon at {endpoint}. Is the docker daemon running?"
        ),
        EngineError::PermissionDenied { socket } => format!(
            "permission denied while trying to connect to the Docker daemon socket at unix://{}\nUse a user who may use \
             it, such as one of the group docker.",
            socket.display()
        ),
        EngineError::TooOld { theirs, needed } => format!(
            "the Docker engine is too old: it speaks API {theirs} at most, and {needed} is needed (Docker 20.10)"
        ),
        EngineError::TooNew { minimum, ours } => format!(
            "the Docker engine speaks API {minimum} and newer only, and this program {ours} at most\nUpdate Countersign, \
             or unset DOCKER_API_VERSION."
        ),
        EngineError::Stream { message, .. } => printable(message).into_owned(),
        EngineError::NotFound { message, .. }
        | EngineError::Conflict { message }
        | EngineError::Denied { message }
        | EngineError::Unauthorized { message }
        | EngineError::Server { message, .. } => {
            format!("Error response from daemon: {}", printable(message))
        }
        EngineError::Interrupted { endpoint } => {
            format!("the Docker engine at {endpoint} ended the connection before it was done")
        }
        EngineError::Timeout { endpoint } => {
            format!("the Docker engine at {endpoint} does not answer")
        }
        error => printable(&error.to_string()).into_owned(),
    }
}

fn endpoint(fault: &EndpointFault) -> String {
    match fault {
        EndpointFault::Unsupported { scheme } => format!(
            "the Docker engine is configured as {scheme}://, which cannot be used with content trust\nUse unix:// or \
             tcp:// in DOCKER_HOST or the docker context."
        ),
        fault => format!(
            "the Docker engine cannot be found: {}",
            printable(&fault.to_string())
        ),
    }
}
