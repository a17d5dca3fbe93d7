//! `download …`: what is attached to an image, as it is.

use signing::carry::PlatformFilter;
use signing::download::{Document, Wanted};

use super::error::Error;
use super::registry::RegistryOptions;
use super::{Action, Context, carry_error, given, images};
use crate::cobra::{Command, Flag, Matches};

pub(super) const COMMAND: Command<Action> = Command {
    usage: "COMMAND",
    long: "Print what is attached to an image, as it is: digests are checked, signatures are not",
    commands: &[
        super::download_attestation::COMMAND,
        super::download_sbom::COMMAND,
        super::download_signature::COMMAND,
    ],
    ..Command::new("download", "Print what is attached to an image")
};

/// Which image of an index is meant.
pub(super) const PLATFORM: Flag = Flag::text(
    "platform",
    "",
    "Of an image for several platforms, take this one: os/arch[/variant]",
);

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// Attestations, of this predicate type if any.
    Attestations(Option<String>),
    /// Bills of materials.
    Sboms,
    /// Signatures.
    Signatures,
}

impl Sought {
    fn wanted(&self) -> Wanted<'_> {
        match self {
            Self::Attestations(predicate_type) => Wanted::Attestations {
                predicate_type: predicate_type.as_deref(),
            },
            Self::Sboms => Wanted::Sboms,
            Self::Signatures => Wanted::Signatures,
        }
    }

    /// cosign's sentence when there is none.
    pub(super) fn none(&self, image: &str) -> String {
        match self {
            Self::Attestations(None) => "found no attestations".to_owned(),
            Self::Attestations(Some(wanted)) => {
                format!("found no attestations with predicate type '{wanted}'")
            }
            Self::Sboms => "no sbom attached to reference".to_owned(),
            Self::Signatures => format!("{image}: no signatures associated"),
        }
    }
}

/// `--platform`.
///
/// # Errors
/// [`Error::Usage`].
pub(super) fn platform(matches: &Matches) -> Result<Option<PlatformFilter>, Error> {
    given(matches, &PLATFORM)
        .map(PlatformFilter::parse)
        .transpose()
        .map_err(|error| Error::Usage {
            problem: carry_error::platform(&error),
        })
}

/// What is attached to the image of the command line.
///
/// # Errors
/// No such image, or nothing of that kind.
pub(super) fn documents(
    context: &Context<'_>,
    matches: &Matches,
    sought: Sought,
    platform: Option<&PlatformFilter>,
) -> Result<Vec<Document>, Error> {
    let image = images::parse(matches.arg(0))?;
    let registry = RegistryOptions::of(context.session.process, matches)?;
    let mut ops = context.ops(&registry)?;
    let downloaded = ops.download(&image, sought.wanted(), platform)?;
    if downloaded.documents.is_empty() {
        return Err(Error::NothingAttached {
            image: image.to_string(),
            sought,
            ask_for_platform: downloaded.ask_for_platform,
        });
    }
    Ok(downloaded.documents)
}
