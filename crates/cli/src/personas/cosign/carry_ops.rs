//! What the commands about things beside images need from the world.

use std::path::Path;

use oci::{Digest, MediaType, Reference};
use signing::TagKind;
use signing::attach::{Attestation, ReadyBundle, SbomForm};
use signing::carry::{Carried, PlatformFilter, Removed, Selection, Tree, What};
use signing::download::{Document, Wanted};
use sigstore::legacy::LegacySignature;

use super::error::Error;

/// What is attached to an image: put there, fetched, listed, taken away. Nothing is verified.
pub trait AttachedOps {
    /// Attaches something ready made; for a referrer, its digest.
    ///
    /// # Errors
    /// No such image, or the registry refuses.
    fn attach(&mut self, to: &Reference, what: Attachment<'_>) -> Result<Option<Digest>, Error>;

    /// Fetches what is attached, under tags first.
    ///
    /// # Errors
    /// No such image or platform, or the registry refuses.
    fn download(
        &mut self,
        from: &Reference,
        wanted: Wanted<'_>,
        platform: Option<&PlatformFilter>,
    ) -> Result<Downloaded, Error>;

    /// Lists what is attached.
    ///
    /// # Errors
    /// As [`Self::download`].
    fn tree(&mut self, image: &Reference) -> Result<Tree, Error>;

    /// Where the older form keeps something, whether it is there or not.
    ///
    /// # Errors
    /// As [`Self::download`].
    fn triangulate(&mut self, image: &Reference, kind: TagKind) -> Result<Reference, Error>;

    /// Takes away what is attached: of what is under tags, and of what refers to the image.
    ///
    /// # Errors
    /// As [`Self::download`]; what was taken away before is gone.
    fn clean(
        &mut self,
        image: &Reference,
        tags: Selection,
        referrers: Selection,
    ) -> Result<Vec<Removed>, Error>;
}

/// Something to attach.
#[derive(Clone, Debug)]
pub enum Attachment<'a> {
    /// An attestation, in either form.
    Attestation(&'a Attestation),
    /// A bundle.
    Bundle(&'a ReadyBundle),
    /// A bill of materials.
    Sbom {
        /// Of which type.
        media_type: MediaType,
        /// Its bytes.
        content: Vec<u8>,
        /// Where it goes.
        form: SbomForm,
    },
    /// A signature of the older form.
    Signature(&'a LegacySignature),
}

/// What was fetched.
#[derive(Debug)]
pub struct Downloaded {
    /// What there is of what was wanted.
    pub documents: Vec<Document>,
    /// Nothing was there, and the image is for several platforms, which have attachments of their own.
    pub ask_for_platform: bool,
}

/// Told of each thing before it is carried.
pub type Watch<'a> = &'a (dyn Fn(&What, &Digest) + Send + Sync);

/// Images on their way, with everything attached to them.
pub trait CarryOps {
    /// From one repository to another.
    ///
    /// # Errors
    /// No such image; something else at the destination; a registry that refuses.
    fn copy(&mut self, request: &CopyImage<'_>, watch: Watch<'_>) -> Result<Carried, Error>;

    /// Into a folder.
    ///
    /// # Errors
    /// No such image; a folder with something else; a registry that refuses.
    fn save(
        &mut self,
        image: &Reference,
        folder: &Path,
        watch: Watch<'_>,
    ) -> Result<Carried, Error>;

    /// From a folder.
    ///
    /// # Errors
    /// A folder without an image, or with a damaged one; a registry that refuses.
    fn load(&mut self, folder: &Path, to: &Reference, watch: Watch<'_>) -> Result<Carried, Error>;
}

/// What is copied.
#[derive(Clone, Copy, Debug)]
pub struct CopyImage<'a> {
    /// The image.
    pub from: &'a Reference,
    /// Its new name.
    pub to: &'a Reference,
    /// What of it.
    pub what: Selection,
    /// Whether the image gets the new name; else its digest alone leads to it.
    pub name: bool,
    /// Whether another image of that name is replaced.
    pub force: bool,
    /// Of an index, this platform alone.
    pub platform: Option<&'a PlatformFilter>,
}
