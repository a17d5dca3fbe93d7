//! `attest`.

use std::collections::BTreeMap;

use oci::Reference;
use signing::sign::{AttestPlan, Format, ImagePlan, Made, Said, Signed, Stored};

use super::batch::{self, Words, warn_of_tags};
use super::blob_files::{self, BUNDLE};
use super::error::Error;
use super::flags::{FORMAT, REGISTRY, SIGNING, flags};
use super::ops::{SignImages, SignPlan};
use super::party::PartyOptions;
use super::predicates::Material;
use super::registry::RegistryOptions;
use super::sign::RECORD_CREATION;
use super::{Action, Context, formats, given, images, not_both, predicates};
use crate::cobra::{Arity, Command, Flag, Matches};
use crate::failure::Failure;

const NO_UPLOAD: Flag = Flag::switch(
    "no-upload",
    "Write the attestation to standard output or to --bundle, and not beside the image",
);
const RECURSIVE: Flag =
    Flag::switch("recursive", "Attest about each manifest of an index, too").short('r');
const REPLACE: Flag = Flag::switch(
    "replace",
    "Take away other attestations of the type in the older form",
);

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS] IMAGE...",
    long: "Attest something about images: a predicate is signed together with the image's name and digest, and put \
           beside the image.\n\
           With --key nobody but the registry is contacted, unless a log or timestamp server is named. Without it, \
           name the services with --signing-config, --fulcio-url and --rekor-url, or once with 'initialize'.",
    arity: Arity::AtLeast(1),
    flags: flags!(
        &[
            BUNDLE,
            FORMAT,
            NO_UPLOAD,
            predicates::ENTRY_TYPE,
            predicates::PREDICATE,
            predicates::STATEMENT,
            predicates::TYPE,
            RECORD_CREATION,
            RECURSIVE,
            REPLACE,
        ],
        SIGNING,
        REGISTRY,
    ),
    run: Some(run),
    ..Command::new("attest", "Attest something about images")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = context.session.process;
    let images = images::parse_all(matches.args())?;
    check_outputs(matches, &images)?;
    let formats = formats::of(matches, given(matches, &BUNDLE).is_some())?;
    let entry = predicates::entry_kind(matches)?;
    let material = Material::read(context, matches, &[])?;
    let registry = RegistryOptions::of(process, matches)?;
    let mut ops = context.ops(&registry)?;
    let party = ops.party(PartyOptions::of(context, matches)?)?;
    let upload = !matches.on(&NO_UPLOAD);
    if upload {
        warn_of_tags(context, &images);
    }
    if matches.on(&REPLACE) && formats.contains(&Format::Bundle) {
        process.err(
            "WARNING: --replace is for the older form: bundles that are there already stay.\n",
        );
    }
    let no_annotations = BTreeMap::new();
    let request = SignImages {
        images: &images,
        recursive: matches.on(&RECURSIVE),
        plan: SignPlan::Attest(AttestPlan {
            image: ImagePlan {
                record_creation: matches.on(&RECORD_CREATION),
                upload,
                ..party.image_plan(&formats, &no_annotations, process.now())
            },
            said: said(&material),
            replace: matches.on(&REPLACE),
            entry,
        }),
    };
    let words = Words {
        doing: "attesting",
        done: "Attested",
    };
    batch::each(
        context,
        &images,
        &words,
        |report| ops.sign_images(&request, report),
        |image, signed| {
            report(context, image, signed);
            write(context, matches, signed)
        },
    )
}

fn said(material: &Material) -> Said<'_> {
    match material {
        Material::Predicate(kind, predicate) => Said::Predicate { kind, predicate },
        Material::Statement(statement) => Said::Statement(statement),
    }
}

/// One file cannot hold several bundles.
fn check_outputs(matches: &Matches, images: &[Reference]) -> Result<(), Error> {
    if given(matches, &BUNDLE).is_none() {
        return Ok(());
    }
    not_both(
        matches,
        &BUNDLE,
        &RECURSIVE,
        "one file cannot hold several attestations",
    )?;
    if images.len() > 1 {
        return Err(Error::Usage {
            problem: "--bundle takes one image: one file cannot hold several attestations"
                .to_owned(),
        });
    }
    Ok(())
}

fn report(context: &Context<'_>, image: &str, signed: &[Signed]) {
    for one in signed {
        for attestation in &one.signatures {
            let what = match &attestation.stored {
                None => continue,
                Some(Stored::Tagged) => "Pushed attestation of",
                Some(Stored::AlreadyTagged) => "Already there: attestation of",
                Some(Stored::Referrer(_)) => "Pushed bundle for",
            };
            context
                .session
                .process
                .err(format_args!("{what} {image} ({})\n", one.digest));
        }
    }
}

/// `--bundle`; without upload, standard output has what is in no file.
fn write(context: &Context<'_>, matches: &Matches, signed: &[Signed]) -> Result<(), Failure> {
    for attestation in signed.iter().flat_map(|one| &one.signatures) {
        let (json, path) = match &attestation.made {
            Made::Bundle(bundle) => (bundle.to_json(), given(matches, &BUNDLE)),
            Made::Legacy(legacy) => (String::from_utf8_lossy(&legacy.payload).into_owned(), None),
        };
        if attestation.stored.is_none() {
            blob_files::print(context, path, &json)?;
        }
        blob_files::write(context, path, json, "Wrote bundle to file")?;
    }
    Ok(())
}
