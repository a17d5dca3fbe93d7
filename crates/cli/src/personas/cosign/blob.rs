//! What the commands for files are given: the file or its digest, and what came with it.

use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::signature::HashAlgorithm;
use signing::verify::{BlobError, BlobEvidence, GivenCertificate};
use sigstore::bundle::MessageDigest;
use sigstore::limits;
use sigstore::verify::Artifact;

use super::error::Error;
use super::files::most;
use super::flags::{CERTIFICATE, CERTIFICATE_CHAIN};
use super::{Context, files, given, not_both};
use crate::cobra::{Completes, Flag, Matches};
use crate::input::InputError;
use crate::process::Process;

/// Most bytes of a file that is signed or verified; it is held in memory.
const BLOB_LIMIT: u64 = 4 << 30;

pub(super) const BUNDLE: Flag = Flag::text(
    "bundle",
    "",
    "Bundle: the signature and all that belongs to it",
)
.completing(Completes::File);
pub(super) const SIGNATURE: Flag =
    Flag::text("signature", "", "Signature: a file, - or the base64 itself")
        .completing(Completes::File);
pub(super) const TIMESTAMP: Flag =
    Flag::text("rfc3161-timestamp", "", "File of the signed timestamp").completing(Completes::File);

/// The flags that name a signature over a file.
pub(super) const SIGNED: &[Flag] = &[BUNDLE, SIGNATURE, TIMESTAMP];

/// The file that a command is about, or its digest.
#[derive(Debug)]
pub(super) enum Blob {
    Bytes(Vec<u8>),
    Digest(MessageDigest),
}

impl Blob {
    /// A path, `-` for standard input, or `sha256:HEX` (also `sha384:` and `sha512:`).
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn read(process: &Process, argument: &str) -> Result<Self, Error> {
        let digest = argument
            .split_once(':')
            .and_then(|(name, hex)| named_digest(name, hex));
        match digest {
            Some(digest) => Ok(Self::Digest(digest)),
            None => content(process, argument).map(Self::Bytes),
        }
    }

    pub(super) fn artifact(&self) -> Artifact<'_> {
        match self {
            Self::Bytes(bytes) => Artifact::Bytes(bytes),
            Self::Digest(digest) => Artifact::Digest(digest.clone()),
        }
    }
}

/// What is read in the place of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Attestation,
    Signature,
}

/// What `--bundle`, or `--signature` with what goes with it, name.
///
/// # Errors
/// Nothing, or nothing that could be verified.
pub(super) fn evidence(
    context: &Context<'_>,
    matches: &Matches,
    wanted: Wanted,
) -> Result<BlobEvidence, Error> {
    let process = context.session.process;
    not_both(
        matches,
        &SIGNATURE,
        &BUNDLE,
        "the bundle holds the signature",
    )?;
    if given(matches, &SIGNATURE) == Some("-") && matches.arg(0) == "-" {
        return Err(Error::Usage {
            problem: "standard input cannot be both the signature and the file".to_owned(),
        });
    }
    let (place, evidence) = match given(matches, &BUNDLE) {
        Some(path) => {
            let json = files::read(process, Path::new(path), most(limits::BUNDLE_BYTES))?;
            (path, BlobEvidence::from_bundle(&json))
        }
        None => {
            let place = given(matches, &SIGNATURE).ok_or_else(|| no_signature(wanted))?;
            let file = signature(process, place)?;
            match wanted {
                Wanted::Attestation => (place, BlobEvidence::from_envelope(&file)),
                Wanted::Signature => (place, BlobEvidence::from_signature(&file)),
            }
        }
    };
    let unusable = |place: &str| {
        let place = place.to_owned();
        |source: BlobError| Error::Evidence { place, source }
    };
    let mut evidence = evidence.map_err(unusable(place))?;
    if let Some(path) = given(matches, &CERTIFICATE) {
        evidence = evidence.with_certificate(certificate(process, matches, path)?);
    }
    if let Some(path) = given(matches, &TIMESTAMP) {
        let file = files::read(process, Path::new(path), most(2 * limits::TIMESTAMP_BYTES))?;
        evidence = evidence.with_timestamp(&file).map_err(unusable(path))?;
    }
    Ok(evidence)
}

/// A file's content, or standard input's for `-`.
///
/// # Errors
/// It cannot be read, or is above [`BLOB_LIMIT`].
pub(super) fn content(process: &Process, path: &str) -> Result<Vec<u8>, Error> {
    read_up_to(process, path, BLOB_LIMIT)
}

/// As [`content`], with another limit.
pub(super) fn read_up_to(process: &Process, path: &str, limit: u64) -> Result<Vec<u8>, Error> {
    if path != "-" {
        return files::read(process, Path::new(path), limit);
    }
    let bytes = process.input().rest(limit.saturating_add(1));
    let bytes = bytes.map_err(InputError::Stream)?;
    if most(bytes.len()) > limit {
        return Err(Error::TooLarge {
            path: path.into(),
            limit,
        });
    }
    Ok(bytes)
}

/// A digest by the name of its algorithm.
pub(super) fn named_digest(algorithm: &str, hex: &str) -> Option<MessageDigest> {
    let algorithm = match algorithm {
        "sha256" => HashAlgorithm::Sha256,
        "sha384" => HashAlgorithm::Sha384,
        "sha512" => HashAlgorithm::Sha512,
        _ => return None,
    };
    MessageDigest::new(algorithm, hex::decode(hex).ok()?)
}

fn no_signature(wanted: Wanted) -> Error {
    let problem = match wanted {
        Wanted::Attestation => {
            "please specify path to the DSSE envelope signature via --signature or --bundle"
        }
        Wanted::Signature => {
            "missing flag '--signature'\nName the signature with --bundle or --signature."
        }
    };
    Error::Usage {
        problem: problem.to_owned(),
    }
}

/// What `--signature` names: a file, standard input, or the signature itself.
pub(super) fn signature(process: &Process, argument: &str) -> Result<Vec<u8>, Error> {
    match read_up_to(process, argument, most(limits::BUNDLE_BYTES)) {
        Err(Error::Read { source, .. })
            if source.kind() != io::ErrorKind::PermissionDenied
                && STANDARD.decode(argument).is_ok() =>
        {
            Ok(argument.as_bytes().to_vec())
        }
        read => read,
    }
}

pub(super) fn certificate(
    process: &Process,
    matches: &Matches,
    path: &str,
) -> Result<GivenCertificate, Error> {
    let leaf = files::read(process, Path::new(path), files::PEM_LIMIT)?;
    let chain = files::named_pem(process, matches, &CERTIFICATE_CHAIN)?;
    GivenCertificate::parse(&leaf, chain.as_deref()).map_err(|source| Error::Certificate {
        path: path.into(),
        source,
    })
}
