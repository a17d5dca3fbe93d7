//! `sign`.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci::Reference;
use signing::sign::{Format, ImagePlan, Made, Signed, Stored};
use sigstore::limits;
use sigstore::simple_signing::SimpleSigning;

use super::batch::{self, Words, warn_of_tags};
use super::blob_files::{BUNDLE, OUTPUT_CERTIFICATE, OUTPUT_SIGNATURE};
use super::error::Error;
use super::flags::{ANNOTATIONS, FORMAT, REFERRERS_MODE, REGISTRY, SIGNING, file, flags};
use super::ops::{SignImages, SignPlan};
use super::party::PartyOptions;
use super::registry::RegistryOptions;
use super::{Action, Context, annotations, files, formats, given, images, not_both, variables};
use crate::cobra::{Arity, Command, Flag, Matches};
use crate::failure::Failure;

const ATTACHMENT: Flag = Flag::text(
    "attachment",
    "",
    "Sign this attachment of the image in its place: sbom",
)
.hidden();
const OUTPUT_PAYLOAD: Flag = file("output-payload", "Write the signed payload to this file");
const PAYLOAD: Flag = file(
    "payload",
    "Sign this payload, as 'generate' of cosign prints it",
);
pub(super) const RECORD_CREATION: Flag = Flag::switch(
    "record-creation-timestamp",
    "Record the time of signing in the manifest of the older form",
);
const RECURSIVE: Flag = Flag::switch("recursive", "Sign each manifest of an index, too").short('r');
const CONTAINER_IDENTITY: Flag = Flag::text(
    "sign-container-identity",
    "",
    "Name of the image in the signature, in place of its repository",
);
const UPLOAD: Flag = Flag::switch("upload", "Write the signature beside the image").on_by_default();

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS] IMAGE...",
    long: "Sign images in their registries, with a key or with the identity of a token.\n\
           With --key nobody but the registry is contacted, unless a log or timestamp server is named. Without it, \
           name the services with --signing-config, --fulcio-url and --rekor-url, or once with 'initialize'.",
    arity: Arity::AtLeast(1),
    flags: flags!(
        &[
            ANNOTATIONS,
            ATTACHMENT,
            BUNDLE,
            CONTAINER_IDENTITY,
            FORMAT,
            OUTPUT_CERTIFICATE,
            OUTPUT_PAYLOAD,
            OUTPUT_SIGNATURE,
            PAYLOAD,
            RECORD_CREATION,
            RECURSIVE,
            REFERRERS_MODE,
            UPLOAD,
        ],
        SIGNING,
        REGISTRY,
    ),
    run: Some(run),
    ..Command::new("sign", "Sign images")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = context.session.process;
    if given(matches, &ATTACHMENT).is_some() {
        return Err(Error::Unsupported {
            what: "--attachment",
            instead: "Sign the SBOM by its own digest, or attest it with 'attest'.",
        }
        .into());
    }
    let images = images::parse_all(matches.args())?;
    let outputs = Outputs::of(matches);
    let formats = formats::of(matches, outputs.bundle.is_some())?;
    outputs.check(matches, &images, &formats)?;
    let payload = payload(context, matches, &images, &formats)?;
    let annotations = annotations::parse(matches.values(&ANNOTATIONS))?;
    let registry = RegistryOptions::of(process, matches)?;
    let mut ops = context.ops(&registry)?;
    let party = ops.party(PartyOptions::of(context, matches)?)?;
    let upload = matches.on(&UPLOAD);
    if upload {
        warn_of_tags(context, &images);
    }
    let request = SignImages {
        images: &images,
        recursive: matches.on(&RECURSIVE),
        plan: SignPlan::Sign(ImagePlan {
            identity: given(matches, &CONTAINER_IDENTITY),
            payload: payload.as_ref(),
            docker_media_types: process.var(variables::DOCKER_MEDIA_TYPES) == Some("1"),
            record_creation: matches.on(&RECORD_CREATION),
            upload,
            ..party.image_plan(&formats, &annotations, process.now())
        }),
    };
    let words = Words {
        doing: "signing",
        done: "Signed",
    };
    batch::each(
        context,
        &images,
        &words,
        |report| ops.sign_images(&request, report),
        |image, signed| {
            report(context, image, signed);
            outputs.write(context, signed)
        },
    )
}

/// `--payload`: what is signed in place of a payload that is made.
fn payload(
    context: &Context<'_>,
    matches: &Matches,
    images: &[Reference],
    formats: &[Format],
) -> Result<Option<SimpleSigning>, Error> {
    let Some(path) = given(matches, &PAYLOAD) else {
        return Ok(None);
    };
    for flag in [&ANNOTATIONS, &CONTAINER_IDENTITY, &RECURSIVE] {
        not_both(
            matches,
            flag,
            &PAYLOAD,
            "the payload says it all, about one image",
        )?;
    }
    if formats.contains(&Format::Bundle) {
        return Err(Error::Conflict {
            drop: PAYLOAD.name,
            because: formats::reason(matches, given(matches, &BUNDLE).is_some()),
            why: "a bundle has no such payload",
        });
    }
    if images.len() > 1 {
        return Err(Error::Usage {
            problem: "--payload takes one image: the payload is about one".to_owned(),
        });
    }
    let limit = files::most(limits::SIMPLE_SIGNING_BYTES);
    let bytes = files::read(context.session.process, Path::new(path), limit)?;
    SimpleSigning::parse(&bytes)
        .map(Some)
        .map_err(|source| Error::Payload {
            path: path.into(),
            source,
        })
}

fn report(context: &Context<'_>, image: &str, signed: &[Signed]) {
    for one in signed {
        for signature in &one.signatures {
            let what = match &signature.stored {
                None => continue,
                Some(Stored::Tagged) => "Pushed signature of",
                Some(Stored::AlreadyTagged) => "Already there: signature of",
                Some(Stored::Referrer(_)) => match signature.made {
                    Made::Bundle(_) => "Pushed bundle for",
                    Made::Legacy(_) => "Pushed signature as a referrer of",
                },
            };
            context
                .session
                .process
                .err(format_args!("{what} {image} ({})\n", one.digest));
        }
    }
}

/// Files that a signature is written to.
struct Outputs<'m> {
    bundle: Option<&'m str>,
    certificate: Option<&'m str>,
    payload: Option<&'m str>,
    signature: Option<&'m str>,
    upload: bool,
}

impl<'m> Outputs<'m> {
    fn of(matches: &'m Matches) -> Self {
        Self {
            bundle: given(matches, &BUNDLE),
            certificate: given(matches, &OUTPUT_CERTIFICATE),
            payload: given(matches, &OUTPUT_PAYLOAD),
            signature: given(matches, &OUTPUT_SIGNATURE),
            upload: matches.on(&UPLOAD),
        }
    }

    /// One file cannot hold several signatures, and the parts of a bundle are in the bundle.
    fn check(
        &self,
        matches: &Matches,
        images: &[Reference],
        formats: &[Format],
    ) -> Result<(), Error> {
        let named = [
            (self.bundle, &BUNDLE),
            (self.certificate, &OUTPUT_CERTIFICATE),
            (self.payload, &OUTPUT_PAYLOAD),
            (self.signature, &OUTPUT_SIGNATURE),
        ];
        for (_, flag) in named.iter().filter(|(path, _)| path.is_some()) {
            if matches.on(&RECURSIVE) {
                return Err(Error::Conflict {
                    drop: flag.name,
                    because: RECURSIVE.name,
                    why: "one file cannot hold several signatures",
                });
            }
            if images.len() > 1 {
                return Err(Error::Usage {
                    problem: format!(
                        "--{} takes one image: one file cannot hold several signatures",
                        flag.name
                    ),
                });
            }
            if flag.name != BUNDLE.name && formats == [Format::Bundle] {
                return Err(Error::Conflict {
                    drop: flag.name,
                    because: formats::reason(matches, self.bundle.is_some()),
                    why: "the bundle holds it, and --bundle writes that to a file",
                });
            }
        }
        Ok(())
    }

    fn write(&self, context: &Context<'_>, signed: &[Signed]) -> Result<(), Failure> {
        let process = context.session.process;
        let put = |path: Option<&str>, content: &[u8]| match path {
            Some(path) => files::write(process, Path::new(path), content),
            None => Ok(()),
        };
        for signature in signed.iter().flat_map(|one| &one.signatures) {
            match &signature.made {
                Made::Bundle(bundle) => {
                    put(self.bundle, bundle.to_json().as_bytes())?;
                    if let Some(path) = self.bundle {
                        process.err(format_args!("Wrote bundle to file {path}\n"));
                    } else if !self.upload {
                        process.out(format_args!("{}\n", bundle.to_json()))?;
                    }
                }
                Made::Legacy(legacy) => {
                    let text = STANDARD.encode(&legacy.signature);
                    put(self.signature, text.as_bytes())?;
                    put(self.payload, &legacy.payload)?;
                    if let Some(certificate) = &legacy.certificate {
                        put(self.certificate, certificate.to_pem().as_bytes())?;
                    }
                    if !self.upload && self.signature.is_none() {
                        process.out(format_args!("{text}\n"))?;
                    }
                }
            }
        }
        Ok(())
    }
}
