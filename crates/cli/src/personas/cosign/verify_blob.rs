//! `verify-blob`.

use signing::verify::verify_blob;

use super::blob::{BUNDLE, Blob, SIGNED, Wanted};
use super::error::Error;
use super::flags::{CERTIFICATE, KEY, SECURITY_KEY, VERIFICATION, flags};
use super::verification::{Subject, Verification};
use super::{Action, Context, blob, given};
use crate::cobra::{Arity, Command, Completes, Matches};
use crate::failure::Failure;

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS] FILE|sha256:DIGEST",
    long: "Verify a signature over a file: one in a bundle of either form, or one in a file of its own.\n\
           The file may be - for standard input, or be named by its digest.",
    arity: Arity::Exactly(1),
    completes: Completes::File,
    flags: flags!(SIGNED, VERIFICATION),
    run: Some(run),
    ..Command::new("verify-blob", "Verify a signature over a file")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = context.session.process;
    let sources = [&KEY, &CERTIFICATE, &BUNDLE];
    if !matches.on(&SECURITY_KEY) && sources.iter().all(|flag| given(matches, flag).is_none()) {
        return Err(Error::Usage {
            problem: "provide a key with --key or --sk, a certificate to verify against with --certificate, or a \
                      bundle with --bundle"
                .to_owned(),
        }
        .into());
    }
    let verification = Verification::of(context, matches, Subject::Blob)?;
    let evidence = blob::evidence(context, matches, Wanted::Signature)?;
    let blob = Blob::read(process, matches.arg(0))?;
    let evidence = verification.looked_up(context, evidence, &blob.artifact())?;
    let request = verification.of_blob();
    let (trust, now) = (&verification.trust, process.now());
    let outcome = verify_blob(&blob.artifact(), &evidence, &request, trust, now);
    let _verified = outcome.result.map_err(Error::from)?;
    process.err("Verified OK\n");
    Ok(())
}
