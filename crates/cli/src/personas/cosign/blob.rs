//! What the commands for files are given: the file or its digest, and signatures in files or as text.

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::signature::HashAlgorithm;
use sigstore::bundle::{Bundle, BundleError, Content, MessageDigest};
use sigstore::dsse::Envelope;
use sigstore::fulcio::{CertificateError, SigningCertificate};
use sigstore::legacy::{LegacyBlob, LegacyError, LegacySignature, timestamp_from_json};
use sigstore::limits;
use sigstore::verify::Artifact;
use thiserror::Error;

use super::error::Error;
use super::flags::CERTIFICATE;
use super::verification::given;
use super::{Context, files, not_both};
use crate::cobra::{Completes, Flag, Matches};
use crate::process::Process;

/// Most bytes of a file that is signed or verified; it is held in memory.
pub(super) const BLOB_LIMIT: u64 = 4 << 30;

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

/// Why files hold nothing that could be verified.
#[derive(Debug, Error)]
pub enum BlobError {
    /// A bundle with an attestation where a signature is wanted.
    #[error(
        "{place} holds an attestation, not a signature\nVerify it with 'cosign verify-blob-attestation'."
    )]
    Attestation {
        /// Where it came from.
        place: String,
    },
    /// A bundle in no known form.
    #[error(
        "{place} holds no bundle: it is neither Sigstore's ({bundle}) nor of the form of cosign 2 ({legacy})"
    )]
    Bundle {
        /// Where it came from.
        place: String,
        /// Why it is none of Sigstore's.
        bundle: BundleError,
        /// Why it is none of cosign 2's.
        legacy: LegacyError,
    },
    /// A certificate that is none.
    #[error("{}: {source}", path.display())]
    Certificate {
        /// The file as the user named it.
        path: PathBuf,
        /// What is wrong.
        source: CertificateError,
    },
    /// An envelope or a bundle of an attestation that is none.
    #[error("{place} holds no attestation: {source}")]
    Envelope {
        /// Where it came from.
        place: String,
        /// What is wrong.
        source: sigstore::dsse::EnvelopeError,
    },
    /// A signature where an attestation is wanted.
    #[error("{place} does not contain a DSSE envelope\nVerify it with 'cosign verify-blob'.")]
    NoEnvelope {
        /// Where it came from.
        place: String,
    },
    /// No signature at all.
    #[error("missing flag '--signature'\nName the signature with --bundle or --signature.")]
    NoSignature,
    /// Both the signature and the content from standard input.
    #[error("standard input cannot be both the signature and the file")]
    TwiceStandardInput,
    /// A timestamp that is none.
    #[error("{}: {source}", path.display())]
    Timestamp {
        /// The file as the user named it.
        path: PathBuf,
        /// What is wrong.
        source: LegacyError,
    },
}

/// A signature over a file, in either form.
#[derive(Debug)]
pub(super) enum SignedBlob {
    Bundle(Box<Bundle>),
    Legacy(Box<LegacyBlob>),
}

/// An attestation about a file, in either form.
#[derive(Debug)]
pub(super) enum AttestedBlob {
    Bundle(Box<Bundle>, Envelope),
    Legacy(Box<LegacySignature>, Envelope),
}

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
        match digest(argument) {
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

impl SignedBlob {
    /// What `--bundle`, or `--signature` with what goes with it, name.
    ///
    /// # Errors
    /// Nothing, or nothing that could be verified.
    pub(super) fn read(context: &Context<'_>, matches: &Matches) -> Result<Self, Error> {
        let process = context.session.process;
        check_one_source(matches)?;
        let Some(path) = given(matches, &BUNDLE) else {
            let (text, _) = signature(process, matches)?;
            return Ok(Self::Legacy(Box::new(LegacyBlob {
                signature: decoded(text),
                certificate: certificate(process, matches)?,
                log_promise: None,
                timestamp: timestamp(process, matches)?,
            })));
        };
        let json = files::read(process, Path::new(path), most(limits::BUNDLE_BYTES))?;
        let place = path.to_owned();
        let bundle = match Bundle::parse(&json) {
            Ok(bundle) => bundle,
            Err(bundle) => {
                return match LegacyBlob::parse(&json) {
                    Ok(mut blob) => {
                        blob.timestamp = timestamp(process, matches)?;
                        if blob.certificate.is_none() {
                            blob.certificate = certificate(process, matches)?;
                        }
                        Ok(Self::Legacy(Box::new(blob)))
                    }
                    Err(legacy) => Err(BlobError::Bundle {
                        place,
                        bundle,
                        legacy,
                    }
                    .into()),
                };
            }
        };
        match bundle.content {
            Content::Message(_) => Ok(Self::Bundle(Box::new(bundle))),
            Content::Dsse(_) => Err(BlobError::Attestation { place }.into()),
        }
    }
}

impl AttestedBlob {
    /// What `--bundle`, or `--signature` with an envelope, name.
    ///
    /// # Errors
    /// Nothing, or nothing that could be verified.
    pub(super) fn read(context: &Context<'_>, matches: &Matches) -> Result<Self, Error> {
        let process = context.session.process;
        check_one_source(matches)?;
        let Some(path) = given(matches, &BUNDLE) else {
            let (payload, place) = signature(process, matches)?;
            let payload = match STANDARD.decode(payload.trim_ascii()) {
                Ok(json) if !payload.starts_with(b"{") => json,
                _ => payload,
            };
            let legacy = LegacySignature {
                payload,
                signature: Vec::new(),
                certificate: certificate(process, matches)?,
                chain: Vec::new(),
                log_promise: None,
                timestamp: timestamp(process, matches)?,
            };
            return Self::legacy(legacy, place);
        };
        let json = files::read(process, Path::new(path), most(limits::BUNDLE_BYTES))?;
        let place = path.to_owned();
        match Bundle::parse(&json) {
            Ok(bundle) => match &bundle.content {
                Content::Dsse(envelope) => {
                    let envelope = envelope.clone();
                    Ok(Self::Bundle(Box::new(bundle), envelope))
                }
                Content::Message(_) => Err(BlobError::NoEnvelope { place }.into()),
            },
            Err(bundle) => match LegacySignature::from_attestation_bundle(&json) {
                Ok(mut legacy) => {
                    legacy.timestamp = timestamp(process, matches)?;
                    Self::legacy(legacy, place)
                }
                Err(legacy) => Err(BlobError::Bundle {
                    place,
                    bundle,
                    legacy,
                }
                .into()),
            },
        }
    }

    fn legacy(legacy: LegacySignature, place: String) -> Result<Self, Error> {
        match Envelope::parse(&legacy.payload) {
            Ok(envelope) => Ok(Self::Legacy(Box::new(legacy), envelope)),
            Err(source) => Err(BlobError::Envelope { place, source }.into()),
        }
    }

    /// The envelope; nothing about it is verified yet.
    pub(super) fn envelope(&self) -> &Envelope {
        match self {
            Self::Bundle(_, envelope) | Self::Legacy(_, envelope) => envelope,
        }
    }
}

/// Refuses a command line without a signature, or with two.
fn check_one_source(matches: &Matches) -> Result<(), Error> {
    not_both(
        matches,
        &SIGNATURE,
        &BUNDLE,
        "the bundle holds the signature",
    )?;
    if given(matches, &SIGNATURE) == Some("-") && matches.arg(0) == "-" {
        return Err(BlobError::TwiceStandardInput.into());
    }
    Ok(())
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
    let bytes = bytes.map_err(crate::input::InputError::Stream)?;
    if most(bytes.len()) > limit {
        return Err(Error::TooLarge {
            path: path.into(),
            limit,
        });
    }
    Ok(bytes)
}

/// The digest that an argument names in place of a file.
fn digest(argument: &str) -> Option<MessageDigest> {
    let (name, hex) = argument.split_once(':')?;
    named_digest(name, hex)
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

/// The text of `--signature`, and where it is: a file, standard input, or the flag itself.
fn signature(process: &Process, matches: &Matches) -> Result<(Vec<u8>, String), Error> {
    let argument = given(matches, &SIGNATURE).ok_or(BlobError::NoSignature)?;
    let place = argument.to_owned();
    match read_up_to(process, argument, most(limits::BUNDLE_BYTES)) {
        Ok(bytes) => Ok((bytes, place)),
        Err(Error::Read { source, .. })
            if source.kind() != io::ErrorKind::PermissionDenied
                && STANDARD.decode(argument).is_ok() =>
        {
            Ok((argument.as_bytes().to_vec(), "--signature".to_owned()))
        }
        Err(error) => Err(error),
    }
}

/// Signatures are written in base64 unless `--b64=false` was given.
fn decoded(text: Vec<u8>) -> Vec<u8> {
    STANDARD.decode(text.trim_ascii()).unwrap_or(text)
}

/// The certificate of `--certificate`: PEM, or that in base64 as cosign 2 writes it.
fn certificate(
    process: &Process,
    matches: &Matches,
) -> Result<Option<Box<SigningCertificate>>, Error> {
    let Some(path) = given(matches, &CERTIFICATE) else {
        return Ok(None);
    };
    let bytes = files::read(
        process,
        Path::new(path),
        most(2 * limits::CERTIFICATE_BYTES),
    )?;
    let bytes = STANDARD.decode(bytes.trim_ascii()).unwrap_or(bytes);
    SigningCertificate::from_pem(&String::from_utf8_lossy(&bytes))
        .map(|certificate| Some(Box::new(certificate)))
        .map_err(|source| {
            BlobError::Certificate {
                path: path.into(),
                source,
            }
            .into()
        })
}

fn timestamp(process: &Process, matches: &Matches) -> Result<Option<Vec<u8>>, Error> {
    let Some(path) = given(matches, &TIMESTAMP) else {
        return Ok(None);
    };
    let json = files::read(process, Path::new(path), most(2 * limits::TIMESTAMP_BYTES))?;
    timestamp_from_json(&String::from_utf8_lossy(&json))
        .map(Some)
        .map_err(|source| {
            BlobError::Timestamp {
                path: path.into(),
                source,
            }
            .into()
        })
}

pub(super) fn most(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
