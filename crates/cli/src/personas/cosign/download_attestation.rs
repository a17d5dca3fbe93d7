//! `download attestation`.

use super::download::{self, PLATFORM, Sought};
use super::flags::{REGISTRY, flags};
use super::{Action, Context, given, predicates};
use crate::cobra::{Arity, Command, Flag, Matches};
use crate::failure::Failure;

const PREDICATE_TYPE: Flag = Flag::text(
    "predicate-type",
    "",
    "Attestations of this predicate type only: a name as for 'attest --type', or a URI",
);

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS] IMAGE",
    long: "Print the attestations of an image, one on each line: envelopes of the older form, then bundles.\n\
           Nothing is verified; 'verify-attestation' prints what is.",
    arity: Arity::Exactly(1),
    flags: flags!(&[PLATFORM, PREDICATE_TYPE], REGISTRY),
    run: Some(run),
    ..Command::new("attestation", "Print attestations of an image")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let platform = download::platform(matches)?;
    let wanted = given(matches, &PREDICATE_TYPE)
        .map(predicates::parse)
        .transpose()?
        .map(|wanted| wanted.uri().to_owned());
    let sought = Sought::Attestations(wanted);
    for document in download::documents(context, matches, sought, platform.as_ref())? {
        let mut line = document.bytes.trim_ascii().to_vec();
        line.push(b'\n');
        context.session.process.out_bytes(&line)?;
    }
    Ok(())
}
