//! `download sbom`.

use super::download::{self, PLATFORM, Sought};
use super::flags::{REGISTRY, flags};
use super::{Action, Context};
use crate::cobra::{Arity, Command, Matches};
use crate::failure::Failure;
use crate::render::printable::printable;

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS] IMAGE",
    long: "Print bills of materials that 'attach sbom' put beside an image. Nobody signed them: 'verify-attestation \
           --type spdxjson' prints one that somebody did.",
    arity: Arity::Exactly(1),
    flags: flags!(&[PLATFORM], REGISTRY),
    run: Some(run),
    ..Command::new("sbom", "Print bills of materials of an image")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = context.session.process;
    let platform = download::platform(matches)?;
    process.err(
        "WARNING: Downloading SBOMs this way does not ensure its authenticity. If you want to ensure a tamper-proof \
         SBOM, verify an attestation using 'cosign verify-attestation <image uri>'.\n",
    );
    for document in download::documents(context, matches, Sought::Sboms, platform.as_ref())? {
        process.err(format_args!(
            "Found SBOM of media type: {}\n",
            printable(document.layer.media_type.as_str())
        ));
        process.out_bytes(&document.bytes)?;
    }
    Ok(())
}
