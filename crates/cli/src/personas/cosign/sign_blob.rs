//! `sign-blob`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sigstore::bundle::{Bundle, Content};
use sigstore::legacy::LegacyBlob;

use super::blob_files::{
    B64, BUNDLE, BlobForm, OUTPUT_CERTIFICATE, OUTPUT_SIGNATURE, form, print, write,
    write_bundle_file, write_evidence, write_legacy_evidence,
};
use super::error::Error;
use super::flags::{FORMAT, SIGNING, file, flags};
use super::party::PartyOptions;
use super::registry::RegistryOptions;
use super::{Action, Context, blob, given, not_both};
use crate::cobra::{Arity, Command, Completes, Flag, Matches};
use crate::failure::Failure;

const OUTPUT: Flag = file("output", "The same as --output-signature").hidden();
const TIMESTAMP: Flag = file(
    "rfc3161-timestamp",
    "Write the signed timestamp to this file",
);

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS] FILE...",
    long: "Sign files, with a key or with the identity of a token. The signature goes to standard output in base64, \
           or with --bundle into a bundle with all that is needed to verify it. A file may be - for standard input.\n\
           With --key nobody is contacted, unless a log or timestamp server is named.",
    arity: Arity::AtLeast(1),
    completes: Completes::File,
    flags: flags!(
        &[
            B64,
            BUNDLE,
            FORMAT,
            OUTPUT,
            OUTPUT_CERTIFICATE,
            OUTPUT_SIGNATURE,
            TIMESTAMP,
        ],
        SIGNING,
    ),
    run: Some(run),
    ..Command::new("sign-blob", "Sign files")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = context.session.process;
    not_both(
        matches,
        &OUTPUT,
        &OUTPUT_SIGNATURE,
        "both name the file of the signature",
    )?;
    let form = form(matches)?;
    check_one_file(matches)?;
    let registry = RegistryOptions::of(process, matches)?;
    let mut ops = context.ops(&registry)?;
    let party = ops.party(PartyOptions::of(context, matches)?)?;
    for path in matches.args() {
        process.err(format_args!("Using payload from: {}\n", named(path)));
        let content = blob::content(process, path)?;
        match form {
            BlobForm::Bundle => {
                write_bundle(context, matches, &ops.sign_blob(&party, &content)?)?;
            }
            BlobForm::Legacy => {
                write_legacy(context, matches, &ops.sign_blob_legacy(&party, &content)?)?;
            }
        }
    }
    Ok(())
}

/// How messages name standard input.
pub(super) fn named(path: &str) -> &str {
    if path == "-" { "standard input" } else { path }
}

/// One file cannot hold several signatures: cosign keeps the last.
fn check_one_file(matches: &Matches) -> Result<(), Error> {
    let outputs = [
        &BUNDLE,
        &OUTPUT,
        &OUTPUT_CERTIFICATE,
        &OUTPUT_SIGNATURE,
        &TIMESTAMP,
    ];
    match outputs
        .into_iter()
        .find(|flag| given(matches, flag).is_some())
    {
        Some(flag) if matches.args().len() > 1 => Err(Error::Usage {
            problem: format!(
                "--{} takes one FILE: one file cannot hold several signatures",
                flag.name
            ),
        }),
        _ => Ok(()),
    }
}

fn signature_path(matches: &Matches) -> Option<&str> {
    given(matches, &OUTPUT_SIGNATURE).or(given(matches, &OUTPUT))
}

fn write_bundle(context: &Context<'_>, matches: &Matches, bundle: &Bundle) -> Result<(), Failure> {
    write_bundle_file(context, matches, bundle.to_json())?;
    if let Content::Message(message) = &bundle.content {
        let signature = encoded(matches, &message.signature);
        let path = signature_path(matches);
        write(context, path, signature, "Wrote signature to file")?;
    }
    write_evidence(context, matches, bundle, &TIMESTAMP)
}

fn write_legacy(
    context: &Context<'_>,
    matches: &Matches,
    signed: &LegacyBlob,
) -> Result<(), Failure> {
    write_bundle_file(context, matches, signed.to_json())?;
    let path = signature_path(matches);
    if path.is_none() && !matches.on(&B64) {
        context.session.process.out_bytes(&signed.signature)?;
    } else {
        print(context, path, &STANDARD.encode(&signed.signature))?;
    }
    let signature = encoded(matches, &signed.signature);
    write(context, path, signature, "Wrote signature to file")?;
    write_legacy_evidence(context, matches, signed, &TIMESTAMP)
}

fn encoded(matches: &Matches, signature: &[u8]) -> Vec<u8> {
    if matches.on(&B64) {
        STANDARD.encode(signature).into_bytes()
    } else {
        signature.to_vec()
    }
}
