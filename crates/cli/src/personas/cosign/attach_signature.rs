//! `attach signature`.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci::{Digest, Reference};
use signing::attach::{AttachError, ReadyBundle};
use signing::docker_reference;
use sigstore::fulcio::{SigningCertificate, chain_from_pem};
use sigstore::legacy::{LegacySignature, LogPromise, timestamp_from_json};
use sigstore::limits;
use sigstore::simple_signing::SimpleSigning;
use sigstore::timestamp::SignedTimestamp;

use super::attach::{self, Subject};
use super::blob::read_up_to;
use super::carry_ops::Attachment;
use super::error::Error;
use super::flags::{CERTIFICATE, CERTIFICATE_CHAIN, REGISTRY, flags};
use super::registry::RegistryOptions;
use super::verification::given;
use super::{Action, Context, files, not_both};
use crate::cobra::{Arity, Command, Completes, Flag, Matches};
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

const fn file(name: &'static str, help: &'static str) -> Flag {
    Flag::text(name, "", help).completing(Completes::File)
}

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
        let process = context.session.process;
        let Some(path) = given(matches, &SIGNATURE) else {
            return Err(Error::Required {
                flag: SIGNATURE.name,
                why: "the signature to attach, or --bundle with everything in it",
            });
        };
        let text = read_up_to(process, path, most(2 * limits::SIGNATURE_BYTES))?;
        let signature = STANDARD
            .decode(text.trim_ascii())
            .ok()
            .filter(|signature| !signature.is_empty());
        let signature =
            signature.ok_or_else(|| not_a(&SIGNATURE, path, "base64 of a signature"))?;
        let read = |flag: &'static Flag, limit: usize| match given(matches, flag) {
            Some(path) => {
                let file = files::read(process, Path::new(path), most(limit))?;
                Ok::<_, Error>(Some((path, file)))
            }
            None => Ok(None),
        };
        let pem = limits::CHAIN_CERTIFICATES * 2 * limits::CERTIFICATE_BYTES;
        let certificate = match read(&CERTIFICATE, pem)? {
            Some((path, file)) => {
                let leaf = SigningCertificate::from_pem(&String::from_utf8_lossy(&file));
                Some(Box::new(leaf.map_err(|source| Error::Certificate {
                    path: path.into(),
                    source,
                })?))
            }
            None => None,
        };
        let chain = match read(&CERTIFICATE_CHAIN, pem)? {
            Some((path, file)) => {
                let chain = chain_from_pem(&String::from_utf8_lossy(&file));
                chain.map_err(|source| Error::Certificate {
                    path: path.into(),
                    source,
                })?
            }
            None => Vec::new(),
        };
        let log_promise = match read(&REKOR_RESPONSE, limits::ENTRY_BYTES)? {
            Some((path, file)) => {
                let text = String::from_utf8_lossy(&file);
                let promise = LogPromise::parse(&text).or_else(|_| LogPromise::parse_answer(&text));
                Some(promise.map_err(|_| {
                    not_a(
                        &REKOR_RESPONSE,
                        path,
                        "a log's answer with its signed promise",
                    )
                })?)
            }
            None => None,
        };
        let timestamp = match read(&TSR, limits::TIMESTAMP_BYTES)? {
            Some((path, file)) => {
                // cosign writes them to files as JSON.
                let json = timestamp_from_json(&String::from_utf8_lossy(&file));
                let der = json.unwrap_or(file);
                SignedTimestamp::from_der(&der)
                    .map_err(|_| not_a(&TSR, path, "an answer of a timestamp authority"))?;
                Some(der)
            }
            None => None,
        };
        let payload = read(&PAYLOAD, limits::SIMPLE_SIGNING_BYTES)?;
        Ok(Self {
            payload: payload.map(|(_, file)| file),
            signature: LegacySignature {
                payload: Vec::new(),
                signature,
                certificate,
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

fn not_a(flag: &Flag, path: &str, wanted: &str) -> Error {
    Error::Usage {
        problem: format!("--{}: {} is not {wanted}", flag.name, printable(path)),
    }
}

fn most(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
