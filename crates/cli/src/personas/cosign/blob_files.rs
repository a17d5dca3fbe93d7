//! What the commands that sign files write, and where: flags, forms and files.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use signing::sign::Format;
use sigstore::bundle::{Bundle, SignerMaterial};
use sigstore::fulcio::SigningCertificate;
use sigstore::legacy::{LegacyBlob, timestamp_json};

use super::error::Error;
use super::flags::{FORMAT, NEW_BUNDLE_FORMAT, file};
use super::{Context, files, formats, given};
use crate::cobra::{Flag, Matches};
use crate::failure::Failure;

pub(super) const BUNDLE: Flag = file("bundle", "Write the bundle to this file");
pub(super) const OUTPUT_CERTIFICATE: Flag =
    file("output-certificate", "Write the certificate to this file");
pub(super) const OUTPUT_SIGNATURE: Flag =
    file("output-signature", "Write the signature to this file");

pub(super) const B64: Flag = Flag::switch(
    "b64",
    "Write signatures and certificates in base64; =false as they are",
)
.on_by_default();

/// In which form a file's signature is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlobForm {
    /// A bundle.
    Bundle,
    /// As cosign before version 3.
    Legacy,
}

/// The form to write: a bundle where one is wanted, else cosign's older one.
///
/// # Errors
/// Flags that contradict each other, or a bundle without a file for it.
pub(super) fn form(matches: &Matches) -> Result<BlobForm, Error> {
    let to_file = given(matches, &BUNDLE).is_some();
    let asked = given(matches, &FORMAT).is_some() || matches.given(&NEW_BUNDLE_FORMAT).is_some();
    // `--bundle` alone means a bundle; with a form asked for, a file for either.
    let form = match formats::of(matches, to_file && !asked)?.as_slice() {
        [Format::Bundle] => BlobForm::Bundle,
        [_] => BlobForm::Legacy,
        _ => {
            return Err(Error::Usage {
                problem: "--format both is for images: a file's signature is written in one form"
                    .to_owned(),
            });
        }
    };
    if form == BlobForm::Bundle && !to_file {
        return Err(Error::Usage {
            problem: format!(
                "must specify --bundle with --{}\nName the file of the bundle, or ask for the older form with --format \
                 legacy.",
                formats::reason(matches, to_file)
            ),
        });
    }
    Ok(form)
}

/// Writes a file that the user named, whole or not at all, and says so.
pub(super) fn write(
    context: &Context<'_>,
    path: Option<&str>,
    content: impl AsRef<[u8]>,
    said: &str,
) -> Result<(), Error> {
    let Some(path) = path else {
        return Ok(());
    };
    let process = context.session.process;
    files::write(process, Path::new(path), content.as_ref())?;
    process.err(format_args!("{said} {path}\n"));
    Ok(())
}

/// [`BUNDLE`], in either form.
pub(super) fn write_bundle_file(
    context: &Context<'_>,
    matches: &Matches,
    json: String,
) -> Result<(), Error> {
    let path = given(matches, &BUNDLE);
    write(context, path, json, "Wrote bundle to file")
}

/// The files beside a signature in a bundle: certificate, and `timestamp`.
pub(super) fn write_evidence(
    context: &Context<'_>,
    matches: &Matches,
    bundle: &Bundle,
    timestamp: &'static Flag,
) -> Result<(), Failure> {
    if let SignerMaterial::Certificate { leaf, .. } = &bundle.signer {
        write_certificate(context, matches, leaf)?;
    }
    let der = bundle.timestamps.first().map(Vec::as_slice);
    write_timestamp(context, matches, der, timestamp)
}

/// The same of a signature in the older form.
pub(super) fn write_legacy_evidence(
    context: &Context<'_>,
    matches: &Matches,
    signed: &LegacyBlob,
    timestamp: &'static Flag,
) -> Result<(), Failure> {
    if let Some(leaf) = &signed.certificate {
        write_certificate(context, matches, leaf)?;
    }
    write_timestamp(context, matches, signed.timestamp.as_deref(), timestamp)
}

fn write_timestamp(
    context: &Context<'_>,
    matches: &Matches,
    der: Option<&[u8]>,
    flag: &'static Flag,
) -> Result<(), Failure> {
    if let Some(der) = der {
        let path = given(matches, flag);
        let json = timestamp_json(der);
        write(context, path, json, "RFC3161 timestamp written to file")?;
    }
    Ok(())
}

/// `--output-certificate`: PEM, in base64 unless `--b64=false`, as cosign writes it.
fn write_certificate(
    context: &Context<'_>,
    matches: &Matches,
    leaf: &SigningCertificate,
) -> Result<(), Error> {
    let pem = leaf.to_pem();
    let text = if matches.on(&B64) {
        STANDARD.encode(&pem)
    } else {
        pem
    };
    let path = given(matches, &OUTPUT_CERTIFICATE);
    write(context, path, text, "Wrote certificate to file")
}

/// A line on standard output, unless it went to a file.
pub(super) fn print(context: &Context<'_>, path: Option<&str>, text: &str) -> Result<(), Failure> {
    if path.is_none() {
        context.session.process.out(format_args!("{text}\n"))?;
    }
    Ok(())
}
