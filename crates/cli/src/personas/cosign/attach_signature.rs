//! `attach signature`.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci::{Digest, Reference};
use signing::attach::{AttachError, ReadyBundle};
use signing::docker_reference;
use sigstore::fulcio::{CertificateError, SigningCertificate, chain_from_pem};
use sigstore::legacy::{LegacySignature, LogPromise, timestamp_from_json};
use sigstore::limits;
use sigstore::simple_signing::SimpleSigning;
use sigstore::timestamp::SignedTimestamp;

use super::attach::{self, Subject};
use super::blob::read_up_to;
use super::carry_ops::Attachment;
use super::error::Error;
use super::files::most;
use super::flags::{CERTIFICATE, CERTIFICATE_CHAIN, REGISTRY, file, flags};
use super::registry::RegistryOptions;
use super::{Action, Context, files, given, not_both};
use crate::cobra::{Arity, Command, Flag, Matches};
use crate::failure::Failure;
use crate::render::printable::printable;

const BUNDLE: Flag = file("bundle", "Bundle to attach");
const PAYLOAD: Flag = file(
    "payload",
    "What was signed: the payload that 'sign --output-payload' wrote; or a bundle",
);
const REKOR_RESPONSE: Flag = file(
    "rekor-response",
    "The log's answer about the entry, or the promise in it",
);
const SIGNATURE: Flag = file("signature", "Signature in base64; - for standard input");
const TSR: Flag = file("tsr", "Answer of a timestamp authority over the signature");

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS] IMAGE",
    long: "Put a ready-made signature on an image: --signature and its --payload beside others under the tag of the \
           older form, or a --bundle as what refers to the image. Nothing is verified.",
    arity: Arity::Exactly(1),
    flags: flags!(
        &[
            BUNDLE,
            CERTIFICATE,
            CERTIFICATE_CHAIN,
            PAYLOAD,
            REKOR_RESPONSE,
            SIGNATURE,
            TSR,
        ],
        REGISTRY,
    ),
    run: Some(run),
    ..Command::new("signature", "Put a ready-made signature on an image")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let registry = RegistryOptions::of(context.session.process, matches)?;
    match bundle(context, matches)? {
        Some(bundle) => {
            let mut subject = Subject::find(context, matches, &registry)?;
            subject.attach(Attachment::Bundle(&bundle))?;
        }
        None => {
            let parts = Parts::read(context, matches)?;
            let mut subject = Subject::find(context, matches, &registry)?;
            let signature = parts.over(context, &subject.image)?;
            subject.attach(Attachment::Signature(&signature))?;
        }
    }
    attach::warn(context, "The signature", "cosign verify");
    Ok(())
}

/// `--bundle`, or a bundle in the file of `--payload`, which cosign 3 takes for the same.
fn bundle(context: &Context<'_>, matches: &Matches) -> Result<Option<ReadyBundle>, Error> {
    let limit = most(limits::BUNDLE_BYTES);
    let read = |path: &str| files::read(context.session.process, Path::new(path), limit);
    let parsed = |path: &str, bytes: Vec<u8>| {
        let text = String::from_utf8_lossy(&bytes);
        ReadyBundle::parse(&text).map_err(|source| Error::Attach {
            place: path.to_owned(),
            source: Box::new(source),
        })
    };
    if let Some(path) = given(matches, &BUNDLE) {
        for flag in [
            &CERTIFICATE,
            &CERTIFICATE_CHAIN,
            &PAYLOAD,
            &REKOR_RESPONSE,
            &SIGNATURE,
            &TSR,
        ] {
            not_both(matches, flag, &BUNDLE, "everything is in the bundle")?;
        }
        return parsed(path, read(path)?).map(Some);
    }
    match (given(matches, &PAYLOAD), given(matches, &SIGNATURE)) {
        (Some(path), None) => match parsed(path, read(path)?) {
            Err(Error::Attach { source, .. }) if matches!(*source, AttachError::Bundle(_)) => {
                Ok(None)
            }
            bundle => bundle.map(Some),
        },
        _ => Ok(None),
    }
}

/// The files of a signature in the older form.
struct Parts {
    payload: Option<Vec<u8>>,
    signature: LegacySignature,
}

impl Parts {
    fn read(context: &Context<'_>, matches: &Matches) -> Result<Self, Error> {
        let files = NamedFiles { context, matches };
        let signature = files.signature()?;
        let (certificate, chain) = (files.certificate()?, files.chain()?);
        let (log_promise, timestamp) = (files.log_promise()?, files.timestamp()?);
        let payload = files.read(&PAYLOAD, most(limits::SIMPLE_SIGNING_BYTES))?;
        Ok(Self {
            payload: payload.map(|(_, file)| file),
            signature: LegacySignature {
                payload: Vec::new(),
                signature,
                certificate: certificate.map(Box::new),
                chain,
                log_promise,
                timestamp,
            },
        })
    }

    /// With its payload; without `--payload` it is the one that cosign makes for the image.
    fn over(self, context: &Context<'_>, image: &Reference) -> Result<LegacySignature, Error> {
        let process = context.session.process;
        let payload = match (self.payload, image.digest()) {
            (Some(payload), digest) => {
                let about = SimpleSigning::parse(&payload).ok();
                let about = about.map(|payload| Digest::Sha256(*payload.manifest()));
                if about.as_ref() != digest {
                    let found = about.map_or_else(
                        || "no image".to_owned(),
                        |found| printable(&found.to_string()).into_owned(),
                    );
                    process.err(format_args!(
                        "WARNING: the payload is about {found}, not about {image}: no verifier will take the signature \
                         for this image's\n"
                    ));
                }
                payload
            }
            (None, Some(Digest::Sha256(digest))) => {
                process.err(format_args!(
                    "WARNING: using obsolete implied signature payload data (with digested reference {image}); specify \
                     it explicitly with --payload instead\n"
                ));
                let name = docker_reference(image.repository());
                SimpleSigning::new(&name, digest, &BTreeMap::new())
                    .raw()
                    .to_vec()
            }
            (None, _) => {
                return Err(Error::Required {
                    flag: PAYLOAD.name,
                    why: "the older form has no payload for such a digest",
                });
            }
        };
        Ok(LegacySignature {
            payload,
            ..self.signature
        })
    }
}

/// The files that flags name.
struct NamedFiles<'m> {
    context: &'m Context<'m>,
    matches: &'m Matches,
}

impl<'m> NamedFiles<'m> {
    /// The file of `flag` and what is in it; `limit` bytes at most.
    fn read(&self, flag: &'static Flag, limit: u64) -> Result<Option<(&'m str, Vec<u8>)>, Error> {
        let Some(path) = given(self.matches, flag) else {
            return Ok(None);
        };
        let file = files::read(self.context.session.process, Path::new(path), limit)?;
        Ok(Some((path, file)))
    }

    fn signature(&self) -> Result<Vec<u8>, Error> {
        let Some(path) = given(self.matches, &SIGNATURE) else {
            return Err(Error::Required {
                flag: SIGNATURE.name,
                why: "the signature to attach, or --bundle with everything in it",
            });
        };
        let process = self.context.session.process;
        let text = read_up_to(process, path, most(2 * limits::SIGNATURE_BYTES))?;
        match STANDARD.decode(text.trim_ascii()) {
            Ok(signature) if !signature.is_empty() => Ok(signature),
            _ => Err(not_a(&SIGNATURE, path, "base64 of a signature")),
        }
    }

    fn certificate(&self) -> Result<Option<SigningCertificate>, Error> {
        let Some((path, file)) = self.read(&CERTIFICATE, files::PEM_LIMIT)? else {
            return Ok(None);
        };
        SigningCertificate::from_pem(&String::from_utf8_lossy(&file))
            .map(Some)
            .map_err(|source| no_certificate(path, source))
    }

    /// The certificates above the signer's, in DER.
    fn chain(&self) -> Result<Vec<Vec<u8>>, Error> {
        let Some((path, file)) = self.read(&CERTIFICATE_CHAIN, files::PEM_LIMIT)? else {
            return Ok(Vec::new());
        };
        chain_from_pem(&String::from_utf8_lossy(&file))
            .map_err(|source| no_certificate(path, source))
    }

    fn log_promise(&self) -> Result<Option<LogPromise>, Error> {
        let Some((path, file)) = self.read(&REKOR_RESPONSE, most(limits::ENTRY_BYTES))? else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&file);
        LogPromise::parse(&text)
            .or_else(|_| LogPromise::parse_answer(&text))
            .map(Some)
            .map_err(|_| {
                let wanted = "a log's answer with its signed promise";
                not_a(&REKOR_RESPONSE, path, wanted)
            })
    }

    /// In DER.
    fn timestamp(&self) -> Result<Option<Vec<u8>>, Error> {
        let Some((path, file)) = self.read(&TSR, most(limits::TIMESTAMP_BYTES))? else {
            return Ok(None);
        };
        // cosign writes them to files as JSON.
        let der = timestamp_from_json(&String::from_utf8_lossy(&file)).unwrap_or(file);
        match SignedTimestamp::from_der(&der) {
            Ok(_) => Ok(Some(der)),
            Err(_) => Err(not_a(&TSR, path, "an answer of a timestamp authority")),
        }
    }
}

fn no_certificate(path: &str, source: CertificateError) -> Error {
    Error::Certificate {
        path: path.into(),
        source,
    }
}

fn not_a(flag: &Flag, path: &str, wanted: &str) -> Error {
    Error::Usage {
        problem: format!("--{}: {} is not {wanted}", flag.name, printable(path)),
    }
}
