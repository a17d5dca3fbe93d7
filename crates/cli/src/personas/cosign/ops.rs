//! What the commands need from the world: one trait per topic, so that each is implemented beside its siblings.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;
use kms::{ServiceReference, StoredKeyFile, StoredPrivateKey};
use oci::{Digest, Reference};
use pki::digest::Sha256;
use pki::signature::VerifyingKey;
use signing::sign::{
    AttestPlan, AttestedBlob, BlobPlan, EntryKind, Format, ImagePlan, Signed, Signer, Witnesses,
};
use signing::verify::{BlobEvidence, ImageOutcome, Request, Whose};
use sigstore::bundle::Bundle;
use sigstore::legacy::LegacyBlob;
use sigstore::trust::TrustedRoot;
use sigstore::verify::Artifact;
use zeroize::Zeroizing;

use super::carry_ops::{AttachedOps, CarryOps};
use super::error::Error;
use super::party::PartyOptions;

/// Everything that cosign's commands do with registries and services.
pub trait CosignOps:
    AttachedOps
    + BlobOps
    + BundleOps
    + CarryOps
    + KeyOps
    + LoginOps
    + PartyOps
    + ResolveOps
    + SignOps
    + VerifyOps
{
}

/// Keys that services keep.
pub trait KeyOps {
    /// The public half of a key.
    ///
    /// # Errors
    /// What the service needs is not set, or it does not give the key.
    fn service_key(&mut self, reference: &ServiceReference) -> Result<VerifyingKey, Error>;

    /// A private key file that a forge keeps, and its password.
    ///
    /// # Errors
    /// As [`Self::service_key`].
    fn stored_private_key(&mut self, place: &StoredKeyFile) -> Result<StoredPrivateKey, Error>;

    /// The public half of such a key.
    ///
    /// # Errors
    /// As [`Self::service_key`].
    fn stored_public_key(&mut self, place: &StoredKeyFile) -> Result<VerifyingKey, Error>;

    /// Leaves a new key with a forge; none that is there is replaced.
    ///
    /// # Errors
    /// As [`Self::service_key`].
    fn store_key(
        &mut self,
        place: &StoredKeyFile,
        private: &StoredPrivateKey,
        public: &VerifyingKey,
    ) -> Result<(), Error>;

    /// What is at a web address, as much as a public key file may have.
    ///
    /// # Errors
    /// Not there, too large, or no answer.
    fn fetch_public_key(&mut self, url: net::Url) -> Result<Vec<u8>, Error>;

    /// Makes an ECDSA P-256 key; one that is there already stays as it is. Its public half.
    ///
    /// # Errors
    /// As [`Self::service_key`]; a service that makes no such key.
    fn create_service_key(&mut self, reference: &ServiceReference) -> Result<VerifyingKey, Error>;
}

/// Logins at registries.
pub trait LoginOps {
    /// Leaves a login where docker keeps them; contacts no registry.
    ///
    /// # Errors
    /// No home folder, an unreadable configuration, a helper that refuses.
    fn keep_login(
        &mut self,
        key: &str,
        username: &str,
        password: &Zeroizing<String>,
    ) -> Result<Kept, Error>;
}

/// Where a login is now.
#[derive(Debug)]
pub enum Kept {
    /// The credential helper that docker's configuration names has it.
    ByHelper {
        /// The configuration.
        config: PathBuf,
    },
    /// The configuration itself has it, for everybody to read who can read the file.
    InFile {
        /// The configuration.
        config: PathBuf,
    },
}

/// Who signs.
pub trait PartyOps {
    /// Gets the signer ready: finds the services and, without a key, a token and a certificate.
    ///
    /// # Errors
    /// No services named, no token, a refusal.
    fn party(&mut self, options: PartyOptions) -> Result<Party, Error>;
}

/// A signer, and who else attests to its signatures.
#[derive(Debug)]
pub struct Party {
    /// Who signs.
    pub signer: Signer,
    /// Who else attests to it.
    pub witnesses: Witnesses,
    /// Against which new signatures are verified before they are written.
    pub trust: Option<TrustedRoot>,
}

impl Party {
    /// How this party signs images and writes the signatures beside them.
    pub(crate) fn image_plan<'a>(
        &'a self,
        formats: &'a [Format],
        annotations: &'a BTreeMap<String, String>,
        now: Timestamp,
    ) -> ImagePlan<'a> {
        ImagePlan {
            signer: &self.signer,
            witnesses: &self.witnesses,
            formats,
            annotations,
            identity: None,
            payload: None,
            docker_media_types: false,
            record_creation: false,
            trust: self.trust.as_ref(),
            upload: true,
            now,
        }
    }

    /// How this party signs files.
    pub(crate) fn blob_plan(&self, now: Timestamp) -> BlobPlan<'_> {
        BlobPlan {
            signer: &self.signer,
            witnesses: &self.witnesses,
            trust: self.trust.as_ref(),
            now,
        }
    }
}

/// Images by name.
pub trait ResolveOps {
    /// The digest that an image has now.
    ///
    /// # Errors
    /// Not there, or the registry cannot be asked.
    fn resolve(&mut self, image: &Reference) -> Result<Digest, Error>;
}

/// Signatures of images, and attestations about them.
pub trait SignOps {
    /// Signs each image; what is wrong with one is nothing to the others. `report` is told of each in their order, as
    /// soon as it and those before it are done.
    fn sign_images(
        &mut self,
        request: &SignImages<'_>,
        report: &mut dyn FnMut(usize, Result<Vec<Signed>, Error>),
    );
}

/// Which images are signed, and how.
#[derive(Debug)]
pub struct SignImages<'a> {
    /// Which.
    pub images: &'a [Reference],
    /// Each manifest of an index, too.
    pub recursive: bool,
    /// How.
    pub plan: SignPlan<'a>,
}

/// How images are signed.
#[derive(Debug)]
pub enum SignPlan<'a> {
    /// Something is attested about them.
    Attest(AttestPlan<'a>),
    /// They are signed themselves.
    Sign(ImagePlan<'a>),
}

/// Signatures and attestations of images, verified.
pub trait VerifyOps {
    /// Verifies each image; what is wrong with one is nothing to the others. `report` is told of each in their order,
    /// as soon as it and those before it are done.
    ///
    /// # Errors
    /// The log cannot be asked by its address; `report` was told of nothing.
    fn verify_images(
        &mut self,
        request: &VerifyImages<'_>,
        report: &mut dyn FnMut(usize, Result<ImageOutcome, Error>),
    ) -> Result<(), Error>;
}

/// Which images to verify, and how.
#[derive(Debug)]
pub struct VerifyImages<'a> {
    /// Which.
    pub images: &'a [Target],
    /// What is demanded of each.
    pub request: &'a Request,
    /// Whom to trust.
    pub trust: &'a TrustedRoot,
    /// The log that is asked for the entries of signatures that came without.
    pub log: Option<&'a str>,
    /// How many at the same time.
    pub at_once: usize,
}

/// Where an image is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// In a registry.
    Registry(Reference),
    /// In a folder with an OCI layout.
    Folder(PathBuf),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(image) => image.fmt(f),
            Self::Folder(path) => path.display().fmt(f),
        }
    }
}

/// Signatures over files, and attestations about them.
pub trait BlobOps {
    /// Completes evidence that has no entry of a log with the one that the log at this address has, if it has one.
    ///
    /// # Errors
    /// The log cannot be asked.
    fn look_up(
        &mut self,
        log: &str,
        evidence: BlobEvidence,
        artifact: &Artifact<'_>,
        whose: &Whose,
    ) -> Result<BlobEvidence, Error>;

    /// Signs the content of a file, for a bundle.
    ///
    /// # Errors
    /// A service that refuses; what was made does not verify.
    fn sign_blob(&mut self, party: &Party, blob: &[u8]) -> Result<Bundle, Error>;

    /// As [`Self::sign_blob`], in the form of cosign before version 3.
    ///
    /// # Errors
    /// As [`Self::sign_blob`].
    fn sign_blob_legacy(&mut self, party: &Party, blob: &[u8]) -> Result<LegacyBlob, Error>;

    /// Signs a statement about what has this digest, for a bundle.
    ///
    /// # Errors
    /// As [`Self::sign_blob`].
    fn attest_blob(
        &mut self,
        party: &Party,
        digest: &Sha256,
        statement: String,
    ) -> Result<Bundle, Error>;

    /// Signs a statement, in the form of cosign before version 3; `entry` is what a log of version 1 records of it.
    ///
    /// # Errors
    /// As [`Self::sign_blob`].
    fn attest_blob_legacy(
        &mut self,
        party: &Party,
        statement: String,
        entry: EntryKind,
    ) -> Result<AttestedBlob, Error>;
}

/// Bundles of what there is already.
pub trait BundleOps {
    /// Makes a bundle of a signature or an attestation in the older form.
    ///
    /// # Errors
    /// It does not verify; the log does not answer or does not have it.
    fn bundle_of(&mut self, request: &BundleOf<'_>) -> Result<Bundle, Error>;
}

/// What becomes a bundle.
#[derive(Debug)]
pub struct BundleOf<'a> {
    /// What is signed, or what is attested about.
    pub artifact: &'a [u8],
    /// The signature and what came with it.
    pub evidence: &'a BlobEvidence,
    /// Whose it is, where no certificate says so.
    pub key: Option<&'a VerifyingKey>,
    /// URL of the log of version 1 that has it.
    pub log: Option<&'a str>,
}
