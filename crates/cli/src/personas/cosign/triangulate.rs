//! `triangulate`.

use oci::Reference;
use signing::TagKind;

use super::error::Error;
use super::flags::{REGISTRY, flags};
use super::registry::RegistryOptions;
use super::{Action, Context, images};
use crate::cobra::{Arity, Command, Completes, Flag, Matches};
use crate::failure::Failure;
use crate::render::printable::printable;

const TYPE: Flag = Flag::text(
    "type",
    "signature",
    "What to locate: signature, attestation, sbom or digest",
)
.completing(Completes::Words(&[
    "signature",
    "attestation",
    "sbom",
    "digest",
]));

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS] IMAGE",
    long: "Print where the older form keeps signatures, attestations or SBOMs of an image, whether there are any or \
           not, or the image by its digest.\n\
           Bundles are not there: 'tree' lists everything that is.",
    arity: Arity::Exactly(1),
    flags: flags!(&[TYPE], REGISTRY),
    run: Some(run),
    ..Command::new("triangulate", "Print where signatures of an image are")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = context.session.process;
    let kind = match matches.text(&TYPE) {
        "signature" => Some(TagKind::Signatures),
        "attestation" => Some(TagKind::Attestations),
        "sbom" => Some(TagKind::Sbom),
        "digest" => None,
        other => {
            return Err(Error::Usage {
                problem: format!(
                    "unknown attachment type {}: must be signature, attestation, sbom or digest",
                    printable(other)
                ),
            }
            .into());
        }
    };
    let image = images::parse(matches.arg(0))?;
    let registry = RegistryOptions::of(process, matches)?;
    let mut ops = context.ops(&registry)?;
    let found = match kind {
        Some(kind) => ops.triangulate(&image, kind)?,
        None => {
            let digest = ops.resolve(&image)?;
            Reference::new(image.repository().clone(), None, Some(digest))
        }
    };
    Ok(process.out(format_args!("{found}\n"))?)
}
