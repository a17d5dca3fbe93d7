//! Why something was not carried, attached or taken away, in words.

use signing::attach::AttachError;
use signing::carry::{CarryError, PlatformError};
use signing::sign::SignError;

use crate::render::{self, printable::printable};

/// The sentence, and below it what can be done.
pub(super) fn text(error: &CarryError) -> String {
    match error {
        CarryError::Conflict {
            tag,
            expected,
            found,
        } => {
            let with_force = if tag.to_string().starts_with("sha256-") {
                "puts what is under both tags together; nothing of it is lost"
            } else {
                "gives the name to the copied image"
            };
            format!(
                "image tag {tag} already exists. Use `-f` to overwrite\nIt is {found} there, and {expected} here: \
                 --force {with_force}."
            )
        }
        CarryError::Platform(error) => platform(error),
        CarryError::To(error) => format!("destination: {}", render::registry::told(error)),
        CarryError::TagPrefix { .. } => {
            format!(
                "{error}\nTags have up to 128 letters, digits and '_.-': change --attachment-tag-prefix."
            )
        }
        CarryError::From(error) => render::registry::unplaced_told(error),
        error => printable(&error.to_string()).into_owned(),
    }
}

/// As [`text`], of a file that was to be attached.
pub(super) fn attach(place: &str, error: &AttachError) -> String {
    match error {
        AttachError::Write(SignError::Registry(error)) => render::registry::told(error),
        AttachError::Write(error) => printable(&error.to_string()).into_owned(),
        AttachError::BundleVersion { .. } => format!(
            "attaching payload from {}: {}\nMake it a bundle of version 0.3 with 'cosign bundle create'.",
            printable(place),
            printable(&error.to_string())
        ),
        AttachError::Json(_) | AttachError::Envelope(_) | AttachError::Nothing => format!(
            "attaching payload from {}: {}\nThe file must hold DSSE envelopes or bundles, as JSON.",
            printable(place),
            printable(&error.to_string())
        ),
        error => format!(
            "attaching payload from {}: {}",
            printable(place),
            printable(&error.to_string())
        ),
    }
}

pub(super) fn platform(error: &PlatformError) -> String {
    match error {
        PlatformError::Malformed { text } => format!(
            "--platform {:?} is no platform: write it like linux/arm64/v8",
            printable(text)
        ),
        PlatformError::None { known } if known.is_empty() => {
            "specified reference is not a multiarch image\nDo without --platform.".to_owned()
        }
        PlatformError::None { known } => format!(
            "the image is not for this platform, but for {}",
            printable(&known.join(", "))
        ),
        PlatformError::Several { found } => format!(
            "several platforms of the image fit: {}\nName one of them in full.",
            printable(&found.join(", "))
        ),
        error => printable(&error.to_string()).into_owned(),
    }
}
