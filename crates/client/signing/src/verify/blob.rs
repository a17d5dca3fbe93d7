//! Whether a file is signed, or attested about, as demanded.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use sigstore::bundle::{Bundle, BundleError, Content};
use sigstore::dsse::Envelope;
use sigstore::fulcio::{CertificateError, SigningCertificate, chain_from_pem};
use sigstore::identity::IdentityError;
use sigstore::legacy::{LegacyBlob, LegacyError, LegacySignature, LogPromise, timestamp_from_json};
use sigstore::limits;
use sigstore::trust::TrustedRoot;
use sigstore::verify::{
    AcceptedSigner, Artifact, Refusal, Trace, Verdict, VerifiedSignature, verify_bundle,
    verify_legacy, verify_legacy_blob,
};

use super::proof::{Document, Signed};
use super::{GivenCertificate, Proofs, Whose};

/// What came with a file, parsed.
#[derive(Clone, Debug)]
pub enum BlobEvidence {
    /// A bundle of version 0.1 to 0.3.
    Bundle(Arc<Bundle>),
    /// A signature in cosign's older form: its `--bundle`, or single files.
    Signature(Box<LegacyBlob>),
    /// An attestation in cosign's older form: its `--bundle`, or an envelope and other single files.
    Attestation(Arc<LegacySignature>),
}

/// What is demanded of it.
#[derive(Clone, Debug)]
pub struct BlobRequest {
    /// Who must have signed.
    pub whose: Whose,
    /// Which proofs there must be.
    pub proofs: Proofs,
}

/// What came out.
#[derive(Debug)]
#[must_use = "it says whether the file is verified"]
pub struct BlobOutcome {
    /// Every check in order; none where it was of another kind.
    pub trace: Trace,
    /// The proof.
    pub result: Result<VerifiedBlob, BlobFailure>,
}

/// A file that is signed or attested about as demanded; made by [`verify_blob`] and [`verify_blob_attestation`] only.
#[derive(Debug)]
#[must_use = "a proof is for something"]
pub struct VerifiedBlob {
    signature: VerifiedSignature,
    signed: Signed,
}

/// Why a file is not verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobFailure {
    /// An attestation where a signature is demanded.
    #[error("an attestation, not a signature")]
    Attestation,
    /// A signature where an attestation is demanded.
    #[error("a signature, not an attestation")]
    Signature,
    /// It is not what was demanded.
    #[error(transparent)]
    Refused(Refusal),
}

/// Why files are no evidence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// Neither a bundle nor cosign's older one; the reason is the bundle's.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Cosign's older bundle, or a timestamp.
    #[error(transparent)]
    Legacy(#[from] LegacyError),
    /// No signature, or a file that is too large to be one.
    #[error("a signature of {found} bytes")]
    Size {
        /// How many.
        found: usize,
    },
}

/// Verifies that a file is signed.
pub fn verify_blob(
    artifact: &Artifact<'_>,
    evidence: &BlobEvidence,
    request: &BlobRequest,
    trust: &TrustedRoot,
    now: Timestamp,
) -> BlobOutcome {
    if evidence.is_attestation() {
        return BlobOutcome::of_kind(BlobFailure::Attestation);
    }
    verify(artifact, evidence, request, None, trust, now)
}

/// Verifies what is attested about a file. `predicate_type` is what it has to be, any if there is none.
pub fn verify_blob_attestation(
    artifact: &Artifact<'_>,
    evidence: &BlobEvidence,
    predicate_type: Option<&str>,
    request: &BlobRequest,
    trust: &TrustedRoot,
    now: Timestamp,
) -> BlobOutcome {
    if !evidence.is_attestation() {
        return BlobOutcome::of_kind(BlobFailure::Signature);
    }
    verify(artifact, evidence, request, predicate_type, trust, now)
}

fn verify(
    artifact: &Artifact<'_>,
    evidence: &BlobEvidence,
    request: &BlobRequest,
    predicate_type: Option<&str>,
    trust: &TrustedRoot,
    now: Timestamp,
) -> BlobOutcome {
    let none = BTreeMap::new();
    let verdict_on = |signer: AcceptedSigner<'_>| {
        let policy = request.proofs.policy(signer, predicate_type, &none);
        let legacy = request
            .proofs
            .legacy()
            .policy(signer, predicate_type, &none);
        match evidence {
            BlobEvidence::Bundle(bundle) => verify_bundle(bundle, artifact, trust, &policy, now),
            BlobEvidence::Signature(blob) => {
                verify_legacy_blob(blob, artifact, trust, &legacy, now)
            }
            BlobEvidence::Attestation(attestation) => {
                verify_legacy(attestation, artifact, trust, &legacy, now)
            }
        }
    };
    let Verdict { trace, result } = request.whose.verdict(verdict_on);
    BlobOutcome {
        trace,
        result: match result {
            Ok(signature) => Ok(VerifiedBlob {
                signature,
                signed: evidence
                    .signed()
                    .expect("verification has parsed the same bytes"),
            }),
            Err(refusal) => Err(BlobFailure::Refused(refusal)),
        },
    }
}

impl BlobOutcome {
    fn of_kind(failure: BlobFailure) -> Self {
        Self {
            trace: Trace::default(),
            result: Err(failure),
        }
    }
}

impl VerifiedBlob {
    /// Who signed, what logs have it and when it existed.
    pub const fn signature(&self) -> &VerifiedSignature {
        &self.signature
    }

    /// What is signed: the file's bytes, or a statement.
    #[must_use]
    pub const fn signed(&self) -> &Signed {
        &self.signed
    }
}

impl BlobEvidence {
    /// Reads a file of `--bundle`: a bundle, or what cosign 2 wrote under that name for a file or for an attestation
    /// about one.
    ///
    /// # Errors
    /// It is none of them.
    pub fn from_bundle(json: &[u8]) -> Result<Self, BlobError> {
        let error = match Bundle::parse(json) {
            Ok(bundle) => return Ok(Self::Bundle(Arc::new(bundle))),
            Err(error) => error,
        };
        if !is_older(json) {
            return Err(error.into());
        }
        // The signature of an attestation is its envelope.
        let attestation = LegacySignature::from_attestation_bundle(json)?;
        if Envelope::parse(&attestation.payload).is_ok() {
            return Ok(Self::Attestation(Arc::new(attestation)));
        }
        Ok(Self::Signature(Box::new(LegacyBlob::parse(json)?)))
    }

    /// Reads a file of `--signature`: base64 or the raw signature.
    ///
    /// # Errors
    /// Empty, or too large.
    pub fn from_signature(file: &[u8]) -> Result<Self, BlobError> {
        let signature = decoded(file);
        let found = signature.len();
        if found == 0 || found > limits::SIGNATURE_BYTES {
            return Err(BlobError::Size { found });
        }
        Ok(Self::Signature(Box::new(LegacyBlob {
            signature,
            certificate: None,
            log_promise: None,
            timestamp: None,
        })))
    }

    /// Reads an envelope, which is what `--signature` names for an attestation: JSON, or base64 of it.
    ///
    /// # Errors
    /// Too large. What it is, is seen when it is verified.
    pub fn from_envelope(file: &[u8]) -> Result<Self, BlobError> {
        let payload = decoded(file);
        let found = payload.len();
        if found == 0 || found > limits::BUNDLE_BYTES {
            return Err(BlobError::Size { found });
        }
        Ok(Self::Attestation(Arc::new(LegacySignature {
            payload,
            signature: Vec::new(),
            certificate: None,
            chain: Vec::new(),
            log_promise: None,
            timestamp: None,
        })))
    }

    /// Adds the certificate of `--certificate`, which takes the place of one that came with a signature in the older
    /// form. Bundles have their own.
    #[must_use]
    pub fn with_certificate(mut self, given: GivenCertificate) -> Self {
        match &mut self {
            Self::Bundle(_) => {}
            Self::Signature(blob) => blob.certificate = Some(given.leaf),
            Self::Attestation(attestation) => {
                let attestation = Arc::make_mut(attestation);
                attestation.certificate = Some(given.leaf);
                attestation.chain = given.chain;
            }
        }
        self
    }

    /// Adds the timestamp of `--rfc3161-timestamp`, DER or cosign's JSON, to the older form.
    ///
    /// # Errors
    /// JSON of another shape, or too large.
    pub fn with_timestamp(mut self, file: &[u8]) -> Result<Self, BlobError> {
        let der = match std::str::from_utf8(file) {
            Ok(text) if text.trim_start().starts_with('{') => timestamp_from_json(text)?,
            _ if file.len() > limits::TIMESTAMP_BYTES => {
                return Err(BlobError::Size { found: file.len() });
            }
            _ => file.to_vec(),
        };
        match &mut self {
            Self::Bundle(_) => {}
            Self::Signature(blob) => blob.timestamp = Some(der),
            Self::Attestation(attestation) => Arc::make_mut(attestation).timestamp = Some(der),
        }
        Ok(self)
    }

    /// The signature alone, of the older form: without certificate, promise and timestamp.
    pub(crate) fn bare(&self) -> Self {
        let mut bare = self.clone();
        match &mut bare {
            Self::Bundle(_) => {}
            Self::Signature(blob) => {
                blob.certificate = None;
                blob.log_promise = None;
                blob.timestamp = None;
            }
            Self::Attestation(attestation) => {
                let attestation = Arc::make_mut(attestation);
                attestation.certificate = None;
                attestation.log_promise = None;
                attestation.timestamp = None;
            }
        }
        bare
    }

    /// The promise of a log that came with the older form.
    #[must_use]
    pub fn log_promise(&self) -> Option<&LogPromise> {
        match self {
            Self::Bundle(_) => None,
            Self::Signature(blob) => blob.log_promise.as_ref(),
            Self::Attestation(attestation) => attestation.log_promise.as_ref(),
        }
    }

    /// Whether it is an attestation, by its form.
    #[must_use]
    pub fn is_attestation(&self) -> bool {
        match self {
            Self::Bundle(bundle) => matches!(bundle.content, Content::Dsse(_)),
            Self::Signature(_) => false,
            Self::Attestation(_) => true,
        }
    }

    fn signed(&self) -> Option<Signed> {
        match self {
            Self::Bundle(bundle) => Document::Bundle(Arc::clone(bundle)).signed(),
            Self::Signature(_) => Some(Signed::Bytes),
            Self::Attestation(attestation) => Document::Legacy(Arc::clone(attestation)).signed(),
        }
    }
}

impl GivenCertificate {
    /// Reads a file of `--certificate` (PEM, or base64 of it as cosign 2 writes it) and one of `--certificate-chain`.
    ///
    /// # Errors
    /// A certificate that does not parse.
    pub fn parse(certificate: &[u8], chain: Option<&[u8]>) -> Result<Self, CertificateError> {
        let text = |file: &[u8]| String::from_utf8_lossy(&decoded(file)).into_owned();
        let leaf = SigningCertificate::from_pem(&text(certificate))?;
        let chain = chain
            .map(|chain| chain_from_pem(&text(chain)))
            .transpose()?;
        Ok(Self {
            leaf: Box::new(leaf),
            chain: chain.unwrap_or_default(),
        })
    }
}

impl Whose {
    /// Of several signers, the verdict of the one who is accepted, or else of the one who comes furthest.
    pub(super) fn verdict(&self, verdict_on: impl Fn(AcceptedSigner<'_>) -> Verdict) -> Verdict {
        let mut verdict = Verdict {
            trace: Trace::default(),
            result: Err(IdentityError::NoPolicy.into()),
        };
        for signer in self.signers() {
            let another = verdict_on(signer);
            if another.result.is_ok() {
                return another;
            }
            if another.trace.steps().len() > verdict.trace.steps().len() {
                verdict = another;
            }
        }
        verdict
    }
}

/// What base64 says, if it is base64; as it is otherwise.
fn decoded(file: &[u8]) -> Vec<u8> {
    STANDARD
        .decode(file.trim_ascii())
        .unwrap_or_else(|_| file.to_vec())
}

/// Whether the JSON has the member that all of cosign 2's own bundles have.
fn is_older(json: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Wire {
        #[serde(rename = "base64Signature")]
        _signature: serde::de::IgnoredAny,
    }
    json.len() <= limits::BUNDLE_BYTES && serde_json::from_slice::<Wire>(json).is_ok()
}
