//! The demo's people with keys of cosign's kind: signatures and attestations next to the image in the registry.

use std::collections::BTreeMap;

use jiff::Timestamp;
use oci::{Digest, Manifest, Reference};
use pki::signature::VerifyingKey;
use pki::signing::SigningKey;
use signing::discover::Kind;
use signing::sign::{
    AttestPlan, Destination, EntryKind, Format, ImagePlan, Said, Signer, Witnesses, attest_image,
    sign_image,
};
use signing::verify::{Judgement, Request, VerifyError, Whose, verify_image};
use signing::{Place, RegistryPlace, TagKind};
use sigstore::predicate::PredicateType;
use sigstore::trust::TrustedRoot;
use sigstore::verify::{Because, Rule};

use super::DemoError;
use super::people::{NotVerified, Person, Verified};
use crate::render::signature::Reason;

/// What is read into a signature and demanded of it.
pub(super) type Annotations = BTreeMap<String, String>;

/// Somebody's key; no log is named, and none is asked.
pub(super) struct Pen {
    signer: Signer,
    name: &'static str,
}

impl Pen {
    pub(super) fn new(name: &'static str) -> Result<Self, DemoError> {
        let signer = Signer::with_key(SigningKey::generate_ecdsa_p256()?);
        Ok(Self { signer, name })
    }

    fn key(&self) -> &VerifyingKey {
        self.signer.key()
    }

    /// `cosign sign --key … -a …`
    pub(super) async fn sign(
        &self,
        whose: &Person,
        image: &Reference,
        annotations: &Annotations,
        now: Timestamp,
    ) -> Result<(), DemoError> {
        let (place, subject) = &locate(whose, image).await?;
        let witnesses = Witnesses::default();
        let plan = self.plan(&witnesses, annotations, now);
        sign_image(Destination { place, subject }, &plan).await?;
        Ok(())
    }

    /// `cosign attest --key … --type custom`
    pub(super) async fn attest(
        &self,
        whose: &Person,
        image: &Reference,
        predicate: &str,
        now: Timestamp,
    ) -> Result<(), DemoError> {
        let (place, subject) = &locate(whose, image).await?;
        let kind = PredicateType::parse("custom").expect("one of cosign's words");
        let (witnesses, annotations) = (Witnesses::default(), Annotations::new());
        let plan = AttestPlan {
            image: self.plan(&witnesses, &annotations, now),
            said: Said::Predicate {
                kind: &kind,
                predicate: predicate.as_bytes(),
            },
            replace: false,
            entry: EntryKind::Dsse,
        };
        attest_image(Destination { place, subject }, &plan).await?;
        Ok(())
    }

    fn plan<'a>(
        &'a self,
        witnesses: &'a Witnesses,
        annotations: &'a Annotations,
        now: Timestamp,
    ) -> ImagePlan<'a> {
        ImagePlan {
            payload: None,
            signer: &self.signer,
            witnesses,
            formats: &[Format::Tag],
            annotations,
            identity: None,
            docker_media_types: false,
            record_creation: false,
            trust: None,
            upload: true,
            now,
        }
    }

    /// `cosign verify --key … -a …`
    pub(super) async fn verify(
        &self,
        whose: &Person,
        image: &Reference,
        annotations: &Annotations,
        now: Timestamp,
    ) -> Result<Verified, NotVerified> {
        let unsigned = |error| NotVerified::Unsigned(Reason::of_error(&error));
        let place = Place::registry(whose.registry.clone(), image)
            .map_err(|error| unsigned(VerifyError::Place(error)))?;
        let mut request = Request::new(Whose::Keys(vec![self.key().clone()]), Kind::Signature);
        request.annotations.clone_from(annotations);
        request.proofs.log = Rule::Waived(Because::NoLogNamed);
        let outcome = verify_image(&place, &request, &TrustedRoot::default(), now)
            .await
            .map_err(unsigned)?;
        let failure = match (outcome.verified(), outcome.image().digest()) {
            (Ok(_), Digest::Sha256(digest)) => {
                return Ok(Verified {
                    digest,
                    signers: vec![self.name.to_owned()],
                });
            }
            (Ok(_), Digest::Sha512(_)) => unreachable!("the demo's images have SHA-256 digests"),
            (Err(failure), _) => failure,
        };
        let refusal = outcome
            .judged()
            .iter()
            .find_map(|one| match &one.judgement {
                Judgement::Refused { refusal, .. } => Some(Reason::of_refusal(refusal)),
                _ => None,
            });
        Err(NotVerified::Unsigned(
            refusal.unwrap_or_else(|| Reason::of_failure(failure)),
        ))
    }
}

/// Puts the signatures of one image where another's are looked for, as anybody with push rights can.
pub(super) async fn copy_signatures(
    whose: &Person,
    from: &Reference,
    to: &Reference,
) -> Result<(), DemoError> {
    let (signed, subject) = locate(whose, from).await?;
    let (place, other) = locate(whose, to).await?;
    let signatures = Place::Registry(signed)
        .tagged(&subject.digest(), TagKind::Signatures)
        .await?;
    let tag = place.tag(&other.digest(), TagKind::Signatures);
    if let (Some(signatures), Some(tag)) = (signatures, tag) {
        let path = to.path();
        whose
            .registry
            .push_manifest(path, Some(&tag), &signatures)
            .await?;
    }
    Ok(())
}

async fn locate(whose: &Person, image: &Reference) -> Result<(RegistryPlace, Manifest), DemoError> {
    let place = Place::registry(whose.registry.clone(), image)?;
    let found = place.resolve().await?;
    let manifest = place.manifest(&found.digest()).await?;
    match place {
        Place::Registry(place) => Ok((place, manifest)),
        Place::Layout(_) => unreachable!("it was made of a registry"),
    }
}
