//! Signatures and attestations of images.

use std::collections::BTreeMap;

use jiff::Timestamp;
use oci::{Descriptor, Digest};
use pki::digest::Sha256;
use registry::PushedReferrer;
use sigstore::bundle::{Bundle, BundleVersion, Content};
use sigstore::legacy::LegacySignature;
use sigstore::predicate::{About, PredicateType};
use sigstore::simple_signing::{self, SimpleSigning};
use sigstore::statement::{COSIGN_SIGNATURE, Statement, StatementVersion};
use sigstore::trust::TrustedRoot;
use sigstore::verify::{Artifact, subject_of};

use super::check::Check;
use super::layers::{Layers, Style};
use super::write::{Destination, media_type};
use super::{EntryKind, SignError, Signer, Testimony, Witnesses};
use crate::names::{ENVELOPE, LAYER_PREDICATE};
use crate::place::{TagKind, docker_reference};

/// A form of signatures and attestations, and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Cosign's older form in a tag made of the digest (`.sig`, `.att`).
    Tag,
    /// The same in a manifest that refers to the image (`--registry-referrers-mode oci-1-1` of cosign 2.5). An
    /// attestation of this form does not exist; its bundle does.
    Referrer,
    /// A bundle in a manifest that refers to the image.
    Bundle,
}

/// How an image is signed.
#[derive(Clone, Copy, Debug)]
pub struct ImagePlan<'a> {
    /// Who signs.
    pub signer: &'a Signer,
    /// Who else attests to it.
    pub witnesses: &'a Witnesses,
    /// The forms to write, each once.
    pub formats: &'a [Format],
    /// What the signature carries.
    pub annotations: &'a BTreeMap<String, String>,
    /// The `docker-reference` of the older form, if not the repository (`--sign-container-identity`).
    pub identity: Option<&'a str>,
    /// A ready payload of the older form (`--payload`), which has its own reference and annotations.
    pub payload: Option<&'a SimpleSigning>,
    /// Docker's media types for the older form (`COSIGN_DOCKER_MEDIA_TYPES`).
    pub docker_media_types: bool,
    /// Whether the older form records when it was made (`--record-creation-timestamp`).
    pub record_creation: bool,
    /// Against which the new signature is verified before it is written.
    pub trust: Option<&'a TrustedRoot>,
    /// Whether it is written at all.
    pub upload: bool,
    /// The time.
    pub now: Timestamp,
}

/// How a predicate about an image is signed.
#[derive(Clone, Copy, Debug)]
pub struct AttestPlan<'a> {
    /// Who signs, who attests, what forms, where to; annotations and identity do not apply.
    pub image: ImagePlan<'a>,
    /// What it says.
    pub said: Said<'a>,
    /// Whether other attestations of the type under the tag go (`--replace`).
    pub replace: bool,
    /// The entry that logs of version 1 make for the older form (`--rekor-entry-type`).
    pub entry: EntryKind,
}

/// What an attestation says.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// A predicate; the statement around it is made.
    Predicate {
        /// Its type.
        kind: &'a PredicateType,
        /// Its bytes.
        predicate: &'a [u8],
    },
    /// JSON of a statement, signed as it is. One of its subjects must be the image.
    Statement(&'a str),
}

/// A new signature or attestation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The form.
    pub format: Format,
    /// What was made.
    pub made: Made,
    /// Where it was put; none without upload.
    pub stored: Option<Stored>,
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// Of the older form.
    Legacy(Box<LegacySignature>),
    /// A bundle.
    Bundle(Box<Bundle>),
}

/// Where a signature was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Under the tag.
    Tagged,
    /// Nowhere: the tag has one over the same payload, by the same key, and nobody else was to attest to it.
    AlreadyTagged,
    /// As a manifest of its own.
    Referrer(PushedReferrer),
}

/// What came of signing an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The image.
    pub digest: Digest,
    /// One per form.
    pub signatures: Vec<Signature>,
}

/// A signature that is made but not yet put anywhere.
struct New {
    format: Format,
    made: Made,
    predicate_type: String,
}

/// Signs an image: makes every form, verifies each, and only then writes them.
///
/// # Errors
/// Whatever came first; forms that were written before stay.
pub async fn sign_image(to: Destination<'_>, plan: &ImagePlan<'_>) -> Result<Signed, SignError> {
    let manifest = sha256(to.subject.digest())?;
    let mut new = Vec::new();
    for &format in plan.formats {
        let made = match format {
            Format::Tag | Format::Referrer => plan.simple(&to, &manifest).await?,
            Format::Bundle => {
                let statement = Statement::cosign_signature(&manifest, plan.annotations);
                plan.bundle(statement).await?
            }
        };
        let check = Check::signature(plan);
        check.made(&made, &Artifact::manifest(&manifest), plan.now)?;
        new.push(New {
            format,
            made,
            predicate_type: COSIGN_SIGNATURE.to_owned(),
        });
    }
    store(&to, plan, new, None).await
}

/// Signs a predicate about an image.
///
/// # Errors
/// As [`sign_image`]; a predicate that is not of its type; a statement about other images.
pub async fn attest_image(to: Destination<'_>, plan: &AttestPlan<'_>) -> Result<Signed, SignError> {
    let image = &plan.image;
    let manifest = sha256(to.subject.digest())?;
    let name = docker_reference(&to.place.image().repository);
    let about = About {
        name: &name,
        digest: &manifest,
    };
    let predicate_type = plan.said.predicate_type(&manifest)?;
    let statement = |version| plan.said.statement(version, about, image.now);
    let mut new: Vec<New> = Vec::new();
    for &format in image.formats {
        let made = match format {
            Format::Tag => {
                let statement = statement(StatementVersion::V0_1)?;
                image.attestation(statement, plan.entry).await?
            }
            Format::Referrer | Format::Bundle => {
                image.bundle(statement(StatementVersion::V1)?).await?
            }
        };
        let check = Check::attestation(image, &predicate_type);
        check.made(&made, &Artifact::manifest(&manifest), image.now)?;
        new.push(New {
            format,
            made,
            predicate_type: predicate_type.clone(),
        });
    }
    let replaced = plan.replace.then_some(predicate_type);
    store(&to, image, new, replaced).await
}

impl Said<'_> {
    /// The type of the predicate, once it is known that a ready statement is about the image.
    fn predicate_type(&self, manifest: &Sha256) -> Result<String, SignError> {
        match self {
            Self::Predicate { kind, .. } => Ok(kind.uri().to_owned()),
            Self::Statement(json) => {
                let statement = Statement::parse(json.as_bytes())?;
                match subject_of(&statement, &Artifact::manifest(manifest)) {
                    Some(_) => Ok(statement.predicate_type),
                    None => Err(SignError::OtherSubject {
                        image: manifest.to_owned(),
                    }),
                }
            }
        }
    }

    fn statement(
        &self,
        version: StatementVersion,
        about: About<'_>,
        now: Timestamp,
    ) -> Result<String, SignError> {
        match self {
            Self::Predicate { kind, predicate } => {
                Ok(kind.statement(version, about, predicate, now)?)
            }
            Self::Statement(json) => Ok((*json).to_owned()),
        }
    }
}

impl ImagePlan<'_> {
    /// A signature of the older form.
    async fn simple(&self, to: &Destination<'_>, manifest: &Sha256) -> Result<Made, SignError> {
        let repository = docker_reference(&to.place.image().repository);
        let reference = self.identity.unwrap_or(&repository);
        let payload = match self.payload {
            None => SimpleSigning::new(reference, manifest, self.annotations),
            Some(payload) if payload.bind(manifest).is_some() => payload.clone(),
            Some(payload) => {
                return Err(SignError::OtherPayload {
                    image: manifest.to_owned(),
                    found: payload.manifest().to_owned(),
                });
            }
        };
        let scheme = self.signer.legacy_scheme();
        let signature = self.signer.sign(scheme, payload.raw()).await?;
        let testimony = self
            .witnesses
            .on_message(self.signer, scheme, payload.raw(), &signature)
            .await?;
        self.legacy(payload.raw().to_vec(), signature, testimony)
    }

    /// An attestation of the older form: the envelope is the payload, and the signature is in it.
    async fn attestation(&self, statement: String, entry: EntryKind) -> Result<Made, SignError> {
        let scheme = self.signer.legacy_scheme();
        let envelope = self.signer.envelope(scheme, statement).await?;
        let payload = envelope.to_json().into_bytes();
        let testimony = self
            .witnesses
            .on_envelope(self.signer, &envelope, entry, &payload)
            .await?;
        self.legacy(payload, Vec::new(), testimony)
    }

    fn legacy(
        &self,
        payload: Vec<u8>,
        signature: Vec<u8>,
        testimony: Testimony,
    ) -> Result<Made, SignError> {
        let log_promise = testimony.promise()?;
        let certificate = self.signer.certificate();
        Ok(Made::Legacy(Box::new(LegacySignature {
            payload,
            signature,
            certificate: certificate.map(|certificate| Box::new(certificate.leaf.clone())),
            chain: certificate.map_or_else(Vec::new, |certificate| certificate.issuers.clone()),
            log_promise,
            timestamp: testimony.timestamps.into_iter().next(),
        })))
    }

    async fn bundle(&self, statement: String) -> Result<Made, SignError> {
        let bundle = envelope_bundle(self.signer, self.witnesses, statement).await?;
        Ok(Made::Bundle(Box::new(bundle)))
    }
}

/// A bundle around a signed statement.
pub(super) async fn envelope_bundle(
    signer: &Signer,
    witnesses: &Witnesses,
    statement: String,
) -> Result<Bundle, SignError> {
    let scheme = signer.bundle_scheme();
    let envelope = signer.envelope(scheme, statement).await?;
    let stamped = envelope.signatures()[0].signature.clone();
    let testimony = witnesses
        .on_envelope(signer, &envelope, EntryKind::Dsse, &stamped)
        .await?;
    Ok(Bundle {
        version: BundleVersion::V0_3,
        signer: signer.material(),
        log_entries: testimony.entries,
        timestamps: testimony.timestamps,
        content: Content::Dsse(envelope),
    })
}

async fn store(
    to: &Destination<'_>,
    plan: &ImagePlan<'_>,
    new: Vec<New>,
    replaced: Option<String>,
) -> Result<Signed, SignError> {
    let style = Style {
        docker: plan.docker_media_types,
        created: plan.record_creation.then_some(plan.now),
    };
    let mut signatures = Vec::new();
    for New {
        format,
        made,
        predicate_type,
    } in new
    {
        let stored = match (&made, plan.upload) {
            (_, false) => None,
            (Made::Bundle(bundle), true) => Some(Stored::Referrer(
                to.refer_bundle(bundle.to_json(), Some(&predicate_type), plan.now)
                    .await?,
            )),
            (Made::Legacy(legacy), true) => {
                let layer = legacy_layer(legacy, &predicate_type);
                Some(match format {
                    Format::Referrer => {
                        Stored::Referrer(to.refer_legacy(&legacy.payload, layer, style).await?)
                    }
                    Format::Tag | Format::Bundle => {
                        let layers = layers(plan, legacy, layer, style, replaced.as_deref());
                        let kind = kind(legacy);
                        match to.add_layer(kind, &legacy.payload, layers).await? {
                            true => Stored::AlreadyTagged,
                            false => Stored::Tagged,
                        }
                    }
                })
            }
        };
        signatures.push(Signature {
            format,
            made,
            stored,
        });
    }
    Ok(Signed {
        digest: to.subject.digest(),
        signatures,
    })
}

fn kind(legacy: &LegacySignature) -> TagKind {
    if legacy.signature.is_empty() {
        TagKind::Attestations
    } else {
        TagKind::Signatures
    }
}

/// The layer of a signature or attestation of the older form.
pub(crate) fn legacy_layer(legacy: &LegacySignature, predicate_type: &str) -> Descriptor {
    let kind = match kind(legacy) {
        TagKind::Attestations => ENVELOPE,
        _ => simple_signing::MEDIA_TYPE,
    };
    let mut layer = Descriptor::of(media_type(kind), &legacy.payload);
    layer.annotations = legacy.to_annotations();
    if legacy.signature.is_empty() {
        layer
            .annotations
            .insert(LAYER_PREDICATE.to_owned(), predicate_type.to_owned());
    }
    layer
}

fn layers(
    plan: &ImagePlan<'_>,
    legacy: &LegacySignature,
    layer: Descriptor,
    style: Style,
    replaced: Option<&str>,
) -> Layers {
    let mut layers = Layers::new(layer, &legacy.payload, style);
    if plan.witnesses.is_empty() && plan.signer.certificate().is_none() {
        layers = layers.unless_signed_by(plan.signer.key().clone());
    }
    match replaced.map(str::to_owned) {
        None => layers,
        Some(replaced) => {
            layers.replacing(move |layer| layer.annotations.get(LAYER_PREDICATE) == Some(&replaced))
        }
    }
}

fn sha256(digest: Digest) -> Result<Sha256, SignError> {
    match digest {
        Digest::Sha256(bytes) => Ok(bytes),
        Digest::Sha512(_) => Err(SignError::Algorithm { digest }),
    }
}
