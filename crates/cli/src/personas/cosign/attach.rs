//! `attach …`: ready-made things are put on an image; nothing is verified.

use oci::Reference;

use super::carry_ops::Attachment;
use super::error::Error;
use super::ops::CosignOps;
use super::registry::RegistryOptions;
use super::{Action, Context, images};
use crate::cobra::{Command, Matches};

pub(super) const COMMAND: Command<Action> = Command {
    usage: "COMMAND",
    long: "Put ready-made signatures, attestations and SBOMs on an image. Nothing of them is verified",
    commands: &[
        super::attach_attestation::COMMAND,
        super::attach_sbom::COMMAND,
        super::attach_signature::COMMAND,
    ],
    ..Command::new("attach", "Put ready-made signatures on an image")
};

/// The image of the command line, and what to attach to.
pub(super) struct Subject<'a> {
    /// As the user named it.
    pub(super) named: Reference,
    /// By its digest: one that changes its tag meanwhile gets nothing.
    pub(super) image: Reference,
    ops: Box<dyn CosignOps + 'a>,
}

impl<'a> Subject<'a> {
    /// Looks the image up.
    ///
    /// # Errors
    /// No such image, or a registry that cannot be asked.
    pub(super) fn find(
        context: &Context<'a>,
        matches: &Matches,
        registry: &RegistryOptions,
    ) -> Result<Self, Error> {
        let named = images::parse(matches.arg(0))?;
        let mut ops = context.ops(registry)?;
        let digest = ops.resolve(&named)?;
        let image = Reference::new(named.repository().clone(), None, Some(digest));
        Ok(Self { named, image, ops })
    }

    /// Attaches; of what refers to the image, the digest.
    ///
    /// # Errors
    /// The registry refuses it.
    pub(super) fn attach(&mut self, what: Attachment<'_>) -> Result<Option<oci::Digest>, Error> {
        self.ops.attach(&self.image, what)
    }

    /// Where the older form keeps it.
    ///
    /// # Errors
    /// No tag can be made of the prefix.
    pub(super) fn tag(&mut self, kind: signing::TagKind) -> Result<Reference, Error> {
        self.ops.triangulate(&self.image, kind)
    }
}

/// Says that nobody looked whether it is good.
pub(super) fn warn(context: &Context<'_>, what: &str, command: &str) {
    context.session.process.err(format_args!(
        "WARNING: {what} was attached as it is; whether it is good, '{command}' tells.\n"
    ));
}
