//! `attach attestation`.

use std::path::Path;

use signing::attach::Attestation;
use sigstore::limits;

use super::attach::{self, Subject};
use super::carry_ops::Attachment;
use super::error::Error;
use super::flags::{REGISTRY, flags};
use super::registry::RegistryOptions;
use super::{Action, Context, files};
use crate::cobra::{Arity, Command, Completes, Flag, Matches};
use crate::failure::Failure;
use crate::render::printable::printable;

const ATTESTATION: Flag = Flag::list(
    "attestation",
    "File of envelopes or bundles, one after another; may be given several times",
)
.completing(Completes::File);

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS] IMAGE",
    long: "Put ready-made attestations on an image: envelopes under the tag of the older form, bundles as what refers \
           to the image. Every file is read before anything is written; nothing is verified.",
    arity: Arity::Exactly(1),
    flags: flags!(&[ATTESTATION], REGISTRY),
    run: Some(run),
    ..Command::new("attestation", "Put ready-made attestations on an image")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = context.session.process;
    let paths: Vec<&str> = matches
        .values(&ATTESTATION)
        .iter()
        .flat_map(|value| value.split(','))
        .filter(|path| !path.is_empty())
        .collect();
    if paths.is_empty() {
        return Err(Error::Required {
            flag: ATTESTATION.name,
            why: "the file of what to attach",
        }
        .into());
    }
    let limit = files::most(limits::BUNDLE_BYTES);
    let mut attestations = Vec::new();
    for path in paths {
        process.err(format_args!("Using payload from: {}\n", printable(path)));
        let file = files::read(process, Path::new(path), limit)?;
        attestations.extend(
            Attestation::parse_all(&file).map_err(|source| Error::Attach {
                place: path.to_owned(),
                source: Box::new(source),
            })?,
        );
    }
    let registry = RegistryOptions::of(process, matches)?;
    let mut subject = Subject::find(context, matches, &registry)?;
    for attestation in &attestations {
        subject.attach(Attachment::Attestation(attestation))?;
    }
    attach::warn(context, "The attestation", "cosign verify-attestation");
    Ok(())
}
