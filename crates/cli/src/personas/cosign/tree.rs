//! `tree`.

use std::fmt::Write as _;

use oci::{Reference, Repository};
use signing::TagKind;
use signing::carry::{Branch, BranchKind, Tree};

use super::flags::{self, EXPERIMENTAL_OCI11, REGISTRY, flags};
use super::registry::RegistryOptions;
use super::{Action, Context, formats, images};
use crate::cobra::{Arity, Command, Flag, Matches};
use crate::failure::Failure;
use crate::render::printable::printable;

const REFERRERS_MODE: Flag = Flag::text(
    flags::REFERRERS_MODE.name,
    "",
    "Taken for cosign's sake; tags and referrers are always looked at",
);

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS] IMAGE",
    long: "List what is attached to an image: under tags, and what refers to it. Nothing is verified.",
    arity: Arity::Exactly(1),
    flags: flags!(&[EXPERIMENTAL_OCI11, REFERRERS_MODE], REGISTRY),
    run: Some(run),
    ..Command::new("tree", "List what is attached to an image")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = context.session.process;
    let image = images::parse(matches.arg(0))?;
    formats::refers(matches)?;
    let registry = RegistryOptions::of(process, matches)?;
    let mut ops = context.ops(&registry)?;
    let tree = ops.tree(&image)?;
    let repository = registry.attachments_of(&image);
    for branch in tree.branches.iter().filter(|one| one.leaves.is_none()) {
        process.err(format_args!(
            "Error fetching artifact {repository}@{}: image not found in registry\n",
            branch.manifest
        ));
    }
    Ok(process.out(text(&image, &tree, repository))?)
}

/// cosign's picture (`sigstore/cosign:cmd/cosign/cli/tree.go`).
fn text(image: &Reference, tree: &Tree, repository: &Repository) -> String {
    let mut text = format!("📦 Supply Chain Security Related artifacts for an image: {image}\n");
    for branch in &tree.branches {
        let _infallible = writeln!(text, "└── {}", name(branch, repository));
        let leaves = branch.leaves.as_deref().unwrap_or_default();
        for (number, leaf) in leaves.iter().enumerate() {
            let corner = if number + 1 == leaves.len() {
                "└"
            } else {
                "├"
            };
            let _infallible = writeln!(text, "   {corner}── 🍒 {leaf}");
        }
        if branch.leaves.is_none() {
            text.push_str("   └── not in the registry\n");
        }
    }
    if tree.branches.is_empty() {
        let _infallible = write!(
            text,
            "No Supply Chain Security Related Artifacts found for image {image},\n start creating one with simply \
             running$ cosign sign <img>"
        );
    }
    text
}

fn name(branch: &Branch, repository: &Repository) -> String {
    match &branch.kind {
        BranchKind::Tag { kind, tag } => {
            let what = match kind {
                TagKind::Attestations => "💾 Attestations",
                TagKind::Sbom => "📦 SBOMs",
                TagKind::Signatures => "🔐 Signatures",
            };
            let place = match tag {
                Some(tag) => Reference::new(repository.clone(), Some(tag.clone()), None),
                None => Reference::new(repository.clone(), None, Some(branch.manifest)),
            };
            format!("{what} for an image tag: {place}")
        }
        BranchKind::Referrer { label, .. } => {
            let label = label.as_deref().filter(|label| !label.is_empty());
            format!(
                "🔗 {} artifacts via OCI referrer: {repository}@{}",
                printable(label.unwrap_or("unknown")),
                branch.manifest
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use oci::Digest;
    use signing::carry::AttachedKind;

    use super::*;

    #[test]
    fn what_is_unknown_or_not_there_is_shown_as_such() {
        let image = Reference::parse("example.com/acme/app:1").unwrap();
        let digest = |text: &[u8]| Digest::sha256(text);
        let referrer = |label: Option<&str>, leaves| Branch {
            kind: BranchKind::Referrer {
                kind: AttachedKind::Other,
                label: label.map(str::to_owned),
            },
            manifest: digest(b"manifest"),
            leaves,
        };
        let tree = Tree {
            image: digest(b"image"),
            branches: vec![
                referrer(None, None),
                referrer(Some(""), Some(vec![])),
                referrer(
                    Some("evil\u{1b}[2J\nx"),
                    Some(vec![digest(b"a"), digest(b"b")]),
                ),
            ],
        };
        let (manifest, a, b) = (digest(b"manifest"), digest(b"a"), digest(b"b"));
        let at = format!("artifacts via OCI referrer: example.com/acme/app@{manifest}");
        assert_eq!(
            text(&image, &tree, image.repository()),
            format!(
                "📦 Supply Chain Security Related artifacts for an image: example.com/acme/app:1\n\
                 └── 🔗 unknown {at}\n   └── not in the registry\n\
                 └── 🔗 unknown {at}\n\
                 └── 🔗 evil\\u{{1b}}[2J\\nx {at}\n   ├── 🍒 {a}\n   └── 🍒 {b}\n"
            )
        );
    }
}
