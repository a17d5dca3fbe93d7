//! What is written: `--format`, `--new-bundle-format`, `--registry-referrers-mode`.
//!
//! Without any of them it is cosign's older form in a tag: every verifier in use reads it, and a new version of this
//! program does not change that. Flags that only cosign 3 has, and that it takes for bundles only, mean a bundle.

use signing::sign::Format;

use super::error::Error;
use super::flags::{FORMAT, NEW_BUNDLE_FORMAT, REFERRERS_MODE, SIGNING_CONFIG};
use super::given;
use crate::cobra::{Flag, Matches};

/// The forms to write, each once. `bundle_file` is whether the command writes a bundle to a file.
///
/// # Errors
/// An unknown value, or flags that say different things.
pub(crate) fn of(matches: &Matches, bundle_file: bool) -> Result<Vec<Format>, Error> {
    let older = if refers(matches)? {
        Format::Referrer
    } else {
        Format::Tag
    };
    let bundle = matches
        .given(&NEW_BUNDLE_FORMAT)
        .map(|_| matches.on(&NEW_BUNDLE_FORMAT));
    let formats = match (given(matches, &FORMAT), bundle) {
        (Some("legacy"), Some(true)) => return Err(conflict("it asks for a bundle")),
        (Some("bundle" | "both"), Some(false)) => {
            return Err(conflict("it asks for the older form alone"));
        }
        (Some("legacy"), _) => vec![older],
        (Some("bundle"), _) => vec![Format::Bundle],
        (Some("both"), _) => vec![older, Format::Bundle],
        (Some(other), _) => return Err(unknown(other, &FORMAT, "legacy, bundle or both")),
        (None, Some(true)) => vec![Format::Bundle],
        (None, Some(false)) => vec![older],
        (None, None) if bundle_file || given(matches, &SIGNING_CONFIG).is_some() => {
            vec![Format::Bundle]
        }
        (None, None) => vec![older],
    };
    if formats == [Format::Bundle] && given(matches, &REFERRERS_MODE) == Some("legacy") {
        return Err(Error::Conflict {
            drop: REFERRERS_MODE.name,
            because: reason(matches, bundle_file),
            why: "a bundle is always a referrer",
        });
    }
    if bundle_file && !formats.contains(&Format::Bundle) {
        return Err(Error::Conflict {
            drop: "bundle",
            because: if given(matches, &FORMAT).is_some() {
                FORMAT.name
            } else {
                NEW_BUNDLE_FORMAT.name
            },
            why: "no bundle is made",
        });
    }
    Ok(formats)
}

/// Whether `--registry-referrers-mode` asks for a manifest that refers to the image, in place of a tag.
///
/// # Errors
/// An unknown value.
pub(crate) fn refers(matches: &Matches) -> Result<bool, Error> {
    match matches.text(&REFERRERS_MODE) {
        "" | "legacy" => Ok(false),
        "oci-1-1" => Ok(true),
        other => Err(unknown(other, &REFERRERS_MODE, "legacy or oci-1-1")),
    }
}

/// The flag that made it a bundle.
pub(crate) fn reason(matches: &Matches, bundle_file: bool) -> &'static str {
    if given(matches, &FORMAT).is_some() {
        FORMAT.name
    } else if given(matches, &NEW_BUNDLE_FORMAT).is_some() {
        NEW_BUNDLE_FORMAT.name
    } else if bundle_file {
        "bundle"
    } else {
        SIGNING_CONFIG.name
    }
}

fn conflict(why: &'static str) -> Error {
    Error::Conflict {
        drop: NEW_BUNDLE_FORMAT.name,
        because: FORMAT.name,
        why,
    }
}

fn unknown(found: &str, flag: &'static Flag, known: &'static str) -> Error {
    Error::Usage {
        problem: format!(
            "invalid argument {found:?} for \"--{}\" flag: must be {known}",
            flag.name
        ),
    }
}
