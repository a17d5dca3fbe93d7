//! `attach sbom`.

use oci::{MediaType, Reference};
use signing::TagKind;
use signing::attach::SbomForm;

use super::attach::Subject;
use super::blob::read_up_to;
use super::carry_ops::Attachment;
use super::error::Error;
use super::flags::{REFERRERS_MODE, REGISTRY, flags};
use super::registry::RegistryOptions;
use super::{Action, Context, formats, given};
use crate::cobra::{Arity, Command, Completes, Flag, Matches};
use crate::failure::Failure;
use crate::render::printable::printable;

const INPUT_FORMAT: Flag = Flag::text(
    "input-format",
    "",
    "Whether the SBOM is json, xml or text; by default what it looks like",
)
.completing(Completes::Words(&["json", "xml", "text"]));
const SBOM: Flag =
    Flag::text("sbom", "", "File of the SBOM; - for standard input").completing(Completes::File);
const TYPE: Flag = Flag::text("type", "spdx", "Type of the SBOM: spdx, cyclonedx or syft")
    .completing(Completes::Words(&["spdx", "cyclonedx", "syft"]));

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS] IMAGE",
    long: "Put a bill of materials beside an image, in the place of another one. Nobody signs it: 'attest --type \
           spdxjson' does.",
    arity: Arity::Exactly(1),
    flags: flags!(&[INPUT_FORMAT, REFERRERS_MODE, SBOM, TYPE], REGISTRY),
    run: Some(run),
    ..Command::new("sbom", "Put an unsigned bill of materials beside an image")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = context.session.process;
    let form = if formats::refers(matches)? {
        SbomForm::Referrer
    } else {
        SbomForm::Tag
    };
    let formats = input_formats(matches.text(&TYPE))?;
    let asked = asked_format(matches, formats)?;
    let Some(path) = given(matches, &SBOM) else {
        return Err(Error::Required {
            flag: SBOM.name,
            why: "the file of the SBOM",
        }
        .into());
    };
    process.err(format_args!(
        "WARNING: Attaching SBOMs this way does not sign them. To sign them, use 'cosign attest --predicate {} --key \
         <key path>'.\n",
        printable(path)
    ));
    let registry = RegistryOptions::of(process, matches)?;
    let content = read_up_to(process, path, registry.largest_attachment)?;
    let name = asked.unwrap_or_else(|| guess(formats, &content));
    let media_type = MediaType::parse(name).expect("a constant media type");
    let mut subject = Subject::find(context, matches, &registry)?;
    let pushed = subject.attach(Attachment::Sbom {
        media_type,
        content,
        form,
    })?;
    let place = match pushed {
        None => subject.tag(TagKind::Sbom)?,
        Some(digest) => {
            let repository = registry.attachments_of(&subject.image);
            Reference::new(repository.clone(), None, Some(digest))
        }
    };
    process.err(format_args!(
        "Uploaded SBOM file for [{}] to [{place}] with mediaType [{name}].\n",
        subject.named
    ));
    Ok(())
}

/// What a type can be written in, and its media types (`sigstore/cosign:cmd/cosign/cli/options/attach.go`).
type Formats = &'static [(&'static str, &'static str)];

fn input_formats(kind: &str) -> Result<Formats, Error> {
    match kind {
        "spdx" => Ok(&[("json", "text/spdx+json"), ("text", "text/spdx")]),
        "cyclonedx" => Ok(&[
            ("json", "application/vnd.cyclonedx+json"),
            ("xml", "application/vnd.cyclonedx+xml"),
        ]),
        "syft" => Ok(&[("json", "application/vnd.syft+json")]),
        other => Err(Error::Usage {
            problem: format!("unknown SBOM type: {other:?}, expected (spdx|cyclonedx|syft)"),
        }),
    }
}

fn asked_format(matches: &Matches, formats: Formats) -> Result<Option<&'static str>, Error> {
    let Some(asked) = given(matches, &INPUT_FORMAT) else {
        return Ok(None);
    };
    match formats.iter().find(|(name, _)| *name == asked) {
        Some((_, media_type)) => Ok(Some(media_type)),
        None => {
            let names: Vec<&str> = formats.iter().map(|(name, _)| *name).collect();
            Err(Error::Usage {
                problem: format!(
                    "invalid SBOM input format: {asked:?}, expected ({})",
                    names.join("|")
                ),
            })
        }
    }
}

/// The first is for JSON; what is no JSON is the other one, if there is another.
fn guess(formats: Formats, content: &[u8]) -> &'static str {
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(content).is_ok();
    let of = |index: usize| formats.get(index).map(|(_, media_type)| *media_type);
    let other = if is_json { None } else { of(1) };
    other.or(of(0)).expect("every type has a format")
}
