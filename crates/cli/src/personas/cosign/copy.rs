//! `copy`.

use oci::{Digest, Reference, Repository};
use signing::carry::{Carried, Fate, Selection, What};

use super::carry_ops::CopyImage;
use super::download::{self, PLATFORM};
use super::error::Error;
use super::flags::{REGISTRY, flags};
use super::registry::RegistryOptions;
use super::{Action, Context, images};
use crate::cobra::{Arity, Command, Flag, Matches};
use crate::failure::Failure;
use crate::process::Process;
use crate::render::printable::printable;

const FORCE: Flag = Flag::switch(
    "force",
    "Replace another image of the new name, and put signatures under a tag together",
)
.short('f');
const ONLY: Flag = Flag::list(
    "only",
    "Copy these only, and the image without its name: sig, att, sbom, separated by commas",
);
const SIG_ONLY: Flag = Flag::switch("sig-only", "The same as --only sig").hidden();

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS] SOURCE DESTINATION",
    long: "Copy an image with everything that is attached to it, in every form, for each of its platforms.\n\
           Nothing is verified. The name is written last: nobody finds the copy without its signatures.",
    arity: Arity::Exactly(2),
    flags: flags!(&[FORCE, ONLY, PLATFORM, SIG_ONLY], REGISTRY),
    run: Some(run),
    ..Command::new("copy", "Copy an image and its signatures")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = context.session.process;
    let only = only(process, matches)?;
    let platform = download::platform(matches)?;
    let from = images::parse(matches.arg(0))?;
    let to = images::parse(matches.arg(1))?;
    let registry = RegistryOptions::of(process, matches)?;
    let mut ops = context.ops(&registry)?;
    let request = CopyImage {
        from: &from,
        to: &to,
        what: only.unwrap_or(Selection::ALL),
        name: only.is_none(),
        force: matches.on(&FORCE),
        platform: platform.as_ref(),
    };
    let attached = [registry.attachments_of(&from), registry.attachments_of(&to)];
    let carried = ops.copy(&request, &|what, digest| {
        process.err(copying(&request, attached, what, digest));
    })?;
    report(process, &carried);
    Ok(())
}

/// `--only`, and its older form; none: everything.
fn only(process: &Process, matches: &Matches) -> Result<Option<Selection>, Error> {
    let words: Vec<&str> = matches
        .values(&ONLY)
        .iter()
        .flat_map(|value| value.split(','))
        .filter(|word| !word.is_empty())
        .collect();
    if matches.on(&SIG_ONLY) {
        if words.iter().any(|word| *word != "sig") {
            return Err(Error::Conflict {
                drop: SIG_ONLY.name,
                because: ONLY.name,
                why: "--only says what is copied",
            });
        }
        process.err("--sig-only is deprecated, use --only=sig instead\n");
    } else if words.is_empty() {
        return Ok(None);
    }
    let mut selection = Selection::NONE;
    selection.image = true;
    selection.signatures = matches.on(&SIG_ONLY);
    for word in words {
        match word {
            "sig" => selection.signatures = true,
            "att" => selection.attestations = true,
            "sbom" => selection.sboms = true,
            other => {
                return Err(Error::Usage {
                    problem: format!(
                        "invalid value for --only: {}, only the following values are supported: [sig sbom att]",
                        printable(other)
                    ),
                });
            }
        }
    }
    Ok(Some(selection))
}

/// cosign's line before each thing that is copied.
fn copying(
    request: &CopyImage<'_>,
    [from, to]: [&Repository; 2],
    what: &What,
    digest: &Digest,
) -> String {
    match what {
        What::Image => format!(
            "Copying {}@{digest} to {}...\n",
            request.from.repository(),
            request.to
        ),
        What::Tagged { tag: Some(tag), .. } => {
            let at = |repository: &Repository| {
                Reference::new(repository.clone(), Some(tag.clone()), None)
            };
            format!("Copying {} to {}...\n", at(from), at(to))
        }
        What::Tagged { tag: None, .. } | What::Referrer { .. } => {
            format!("Copying {from}@{digest} to {to}@{digest}...\n")
        }
    }
}

/// What did not go as one may have thought.
pub(super) fn report(process: &Process, carried: &Carried) {
    for item in &carried.items {
        match (&item.fate, &item.what) {
            (Fate::Missing, _) => process.err(format_args!(
                "WARNING: {} is in the list of what refers to the image, but is not there; it was not carried\n",
                item.digest
            )),
            (Fate::Merged, What::Tagged { tag: Some(tag), .. }) => process.err(format_args!(
                "The destination had more under {tag}; now both are there.\n"
            )),
            _ => {}
        }
    }
}
