//! `clean`.

use oci::{Reference, Tag};
use signing::carry::{Removed, Selection};

use super::error::Error;
use super::flags::{REGISTRY, flags};
use super::registry::RegistryOptions;
use super::{Action, Context, images};
use crate::cobra::{Arity, Command, Completes, Flag, Matches};
use crate::failure::Failure;
use crate::prompt;

const FORCE: Flag = Flag::switch("force", "Do not ask").short('f');
const TYPE: Flag = Flag::text(
    "type",
    "all",
    "What to remove: signature, attestation, sbom, referrer (of these what refers to the image) or all",
)
.completing(Completes::Words(&[
    "signature",
    "attestation",
    "sbom",
    "referrer",
    "all",
]));

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS] IMAGE",
    long: "Remove signatures, attestations and SBOMs from an image, in every form, never the image.\n\
           What other programs attached to it stays, as do signatures of the single platforms of an index.",
    arity: Arity::Exactly(1),
    flags: flags!(&[FORCE, TYPE], REGISTRY),
    run: Some(run),
    ..Command::new("clean", "Remove signatures from an image")
};

/// What is removed: of what is under tags, and of what refers to the image.
struct Kind {
    what: &'static str,
    tags: Selection,
    referrers: Selection,
}

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = context.session.process;
    let kind = Kind::of(matches.text(&TYPE))?;
    let image = images::parse(matches.arg(0))?;
    let registry = RegistryOptions::of(process, matches)?;
    let mut ops = context.ops(&registry)?;
    if !matches.on(&FORCE) {
        process.err(format_args!(
            "WARNING: this will remove all {} from the image\n",
            kind.what
        ));
        let agrees = prompt::agrees_on_stderr(process, "Are you sure you would like to continue?");
        if !agrees.map_err(Error::from)? {
            return Err(Error::Declined.into());
        }
    }
    let repository = registry.attachments_of(&image);
    let tagged = |tag: Tag| Reference::new(repository.clone(), Some(tag), None);
    let removed = ops.clean(&image, kind.tags, kind.referrers)?;
    if removed.is_empty() {
        process.err(format_args!("{image} has no {}.\n", kind.what));
    }
    for removed in removed {
        let what = match removed {
            Removed::Tag { tag, .. } | Removed::List { tag } => tagged(tag),
            Removed::Referrer { digest, .. } => {
                Reference::new(repository.clone(), None, Some(digest))
            }
        };
        process.err(format_args!("Removed {what} from {image}\n"));
    }
    Ok(())
}

impl Kind {
    fn of(text: &str) -> Result<Self, Error> {
        let both = |what, select: fn(&mut Selection)| {
            let mut selection = Selection::NONE;
            select(&mut selection);
            Self {
                what,
                tags: selection,
                referrers: selection,
            }
        };
        let ours = |selection: &mut Selection| {
            *selection = Selection {
                others: false,
                ..Selection::ATTACHED
            };
        };
        Ok(match text {
            "signature" => both("signatures", |selection| selection.signatures = true),
            "attestation" => both("attestations", |selection| selection.attestations = true),
            "sbom" => both("SBOMs", |selection| selection.sboms = true),
            "all" => both("signatures, SBOMs and attestations", ours),
            "referrer" => Self {
                tags: Selection::NONE,
                ..both("referrer attestations and/or signatures", ours)
            },
            other => {
                return Err(Error::Usage {
                    problem: format!(
                        "invalid argument {other:?} for \"--type\" flag: must be one of \"signature\", \
                         \"attestation\", \"referrer\", \"sbom\", or \"all\""
                    ),
                });
            }
        })
    }
}
