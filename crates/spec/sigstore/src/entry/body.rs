//! What a log recorded, by kind and version (`sigstore/rekor:pkg/types/{hashedrekord,dsse,intoto}`,
//! `sigstore/rekor-tiles:api/proto`).
//!
//! Here an unknown member is refused: the log canonicalised the body, so whatever is in it was meant, and a verdict that
//! does not understand all of it must not be given.

use pki::digest::Sha256;
use pki::signature::HashAlgorithm;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::bundle::MessageDigest;
use crate::encoding::from_base64;
use crate::fulcio::{CertificateError, SigningCertificate};
use crate::limits;

/// A typed body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryBody {
    /// `dsse` 0.0.1 of Rekor v1.
    DsseV1 {
        /// SHA-256 of the envelope's JSON as it was sent to the log.
        envelope_hash: Sha256,
        /// SHA-256 of the payload.
        payload_hash: Sha256,
        /// The envelope's signatures.
        signatures: Vec<EntrySignature>,
    },
    /// `dsse` 0.0.2 of Rekor v2 before rekor-tiles 2.3.
    DsseV2 {
        /// Digest of the payload.
        payload_hash: MessageDigest,
        /// The envelope's signatures.
        signatures: Vec<EntrySignature>,
    },
    /// `hashedrekord` 0.0.1 of Rekor v1.
    HashedRekordV1 {
        /// Digest of the signed bytes.
        digest: MessageDigest,
        /// The signature.
        signature: EntrySignature,
    },
    /// `hashedrekord` 0.0.2 of Rekor v2; for an envelope the digest is that of the pre-authentication encoding.
    HashedRekordV2 {
        /// Digest of the signed bytes.
        digest: MessageDigest,
        /// The signature.
        signature: EntrySignature,
    },
    /// `intoto` 0.0.1 of Rekor v1, which cosign 2 writes when asked for `intoto`, and cosign 1 wrote always. The
    /// signature is in the envelope that is hashed.
    IntotoV1 {
        /// SHA-256 of the envelope's JSON as it was sent to the log.
        envelope_hash: Sha256,
        /// SHA-256 of the payload; not in the oldest entries.
        payload_hash: Option<Sha256>,
        /// What the log verified it with.
        verifier: EntryVerifier,
    },
    /// `intoto` 0.0.2 of Rekor v1.
    IntotoV2 {
        /// The envelope's payload type.
        payload_type: String,
        /// SHA-256 of the payload.
        payload_hash: Sha256,
        /// The envelope's signatures.
        signatures: Vec<EntrySignature>,
    },
}

/// A signature in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntrySignature {
    /// The raw signature.
    pub signature: Vec<u8>,
    /// What the log verified it with.
    pub verifier: EntryVerifier,
}

/// A certificate or key in a body, in DER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryVerifier {
    /// An X.509 certificate.
    Certificate(Vec<u8>),
    /// A SubjectPublicKeyInfo.
    PublicKey(Vec<u8>),
}

/// Why bytes are no body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// A certificate does not parse.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A digest that is not hex, of another length, or of an unknown algorithm.
    #[error("{algorithm:?} digest in the log entry")]
    Digest {
        /// Its algorithm.
        algorithm: String,
    },
    /// Bytes that are not base64.
    #[error("{member} of the log entry is not base64")]
    Encoding {
        /// The member's name.
        member: &'static str,
    },
    /// No JSON, or JSON of another shape, or with members that are not known.
    #[error("no log entry: {reason}")]
    Malformed {
        /// The parser's reason.
        reason: String,
    },
    /// A payload in the entry that is not the one its hash names.
    #[error("the payload in the log entry has another hash than the entry says")]
    PayloadHash,
    /// No signature, or too many.
    #[error("{found} signatures in the log entry")]
    SignatureCount {
        /// How many.
        found: usize,
    },
    /// A kind or version that is not served.
    #[error("log entries of kind {kind:?} {version:?} are not supported")]
    Unsupported {
        /// The kind.
        kind: String,
        /// The version.
        version: String,
    },
    /// Neither certificate nor public key, or both.
    #[error("no verifier in the log entry")]
    Verifier,
}

impl EntryBody {
    /// Reads a canonicalised body.
    ///
    /// # Errors
    /// Malformed JSON, base64 or PEM, unknown members, an unknown kind or version.
    pub fn parse(json: &[u8]) -> Result<Self, BodyError> {
        let Head {
            api_version,
            kind,
            spec,
        } = from_json(json)?;
        let spec = spec.get();
        match (kind.as_str(), api_version.as_str()) {
            ("dsse", "0.0.1") => from_json::<DsseV1>(spec.as_bytes())?.typed(),
            ("dsse", "0.0.2") => from_json::<DsseV2Spec>(spec.as_bytes())?.dsse_v002.typed(),
            ("hashedrekord", "0.0.1") => from_json::<HashedRekordV1>(spec.as_bytes())?.typed(),
            ("hashedrekord", "0.0.2") => from_json::<HashedRekordV2Spec>(spec.as_bytes())?
                .hashed_rekord_v002
                .typed(),
            ("intoto", "0.0.1") => from_json::<IntotoV1>(spec.as_bytes())?.typed(),
            ("intoto", "0.0.2") => from_json::<IntotoSpec>(spec.as_bytes())?.content.typed(),
            _ => Err(BodyError::Unsupported {
                kind,
                version: api_version,
            }),
        }
    }

    /// The kind's name.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::DsseV1 { .. } | Self::DsseV2 { .. } => "dsse",
            Self::HashedRekordV1 { .. } | Self::HashedRekordV2 { .. } => "hashedrekord",
            Self::IntotoV1 { .. } | Self::IntotoV2 { .. } => "intoto",
        }
    }

    /// The kind's version.
    #[must_use]
    pub fn version(&self) -> &'static str {
        match self {
            Self::DsseV1 { .. } | Self::HashedRekordV1 { .. } | Self::IntotoV1 { .. } => "0.0.1",
            Self::DsseV2 { .. } | Self::HashedRekordV2 { .. } | Self::IntotoV2 { .. } => "0.0.2",
        }
    }

    /// The signatures that the log verified and names, at least one; `intoto` 0.0.1 names none.
    #[must_use]
    pub fn signatures(&self) -> &[EntrySignature] {
        match self {
            Self::DsseV1 { signatures, .. }
            | Self::DsseV2 { signatures, .. }
            | Self::IntotoV2 { signatures, .. } => signatures,
            Self::HashedRekordV1 { signature, .. } | Self::HashedRekordV2 { signature, .. } => {
                std::slice::from_ref(signature)
            }
            Self::IntotoV1 { .. } => &[],
        }
    }
}

impl EntryVerifier {
    /// Reads the PEM of a certificate, of a chain whose first certificate counts, or of a public key.
    fn from_pem(text: &[u8]) -> Result<Self, BodyError> {
        let first = pem::parse_many(text)
            .ok()
            .and_then(|blocks| blocks.into_iter().next())
            .ok_or(BodyError::Verifier)?;
        match first.tag() {
            "CERTIFICATE" => Self::certificate(first.contents()),
            "PUBLIC KEY" => Ok(Self::PublicKey(first.contents().to_vec())),
            _ => Err(BodyError::Verifier),
        }
    }

    fn certificate(der: &[u8]) -> Result<Self, BodyError> {
        SigningCertificate::from_der(der)?;
        Ok(Self::Certificate(der.to_vec()))
    }
}

fn from_json<T: DeserializeOwned>(json: &[u8]) -> Result<T, BodyError> {
    serde_json::from_slice(json).map_err(|error| BodyError::Malformed {
        reason: error.to_string(),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Head {
    api_version: String,
    kind: String,
    spec: Box<serde_json::value::RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hash {
    algorithm: String,
    value: String,
}

impl Hash {
    fn digest(&self) -> Result<MessageDigest, BodyError> {
        let wrong = || BodyError::Digest {
            algorithm: self.algorithm.clone(),
        };
        let algorithm = match self.algorithm.as_str() {
            "sha256" => HashAlgorithm::Sha256,
            "sha384" => HashAlgorithm::Sha384,
            "sha512" => HashAlgorithm::Sha512,
            _ => return Err(wrong()),
        };
        let bytes = hex::decode(&self.value).map_err(|_| wrong())?;
        MessageDigest::new(algorithm, bytes).ok_or_else(wrong)
    }

    fn sha256(&self) -> Result<Sha256, BodyError> {
        let digest = self.digest()?;
        Sha256::try_from(digest.bytes()).map_err(|_| BodyError::Digest {
            algorithm: self.algorithm.clone(),
        })
    }
}

fn signatures(
    found: Vec<Result<EntrySignature, BodyError>>,
) -> Result<Vec<EntrySignature>, BodyError> {
    if found.is_empty() || found.len() > limits::ENVELOPE_SIGNATURES {
        return Err(BodyError::SignatureCount { found: found.len() });
    }
    found.into_iter().collect()
}

fn decode(member: &'static str, text: &str) -> Result<Vec<u8>, BodyError> {
    from_base64(text).ok_or(BodyError::Encoding { member })
}

/// Base64 of base64: the schema's own format on top of the envelope's.
fn decode_twice(member: &'static str, text: &str) -> Result<Vec<u8>, BodyError> {
    let inner = decode(member, text)?;
    let inner = std::str::from_utf8(&inner).map_err(|_| BodyError::Encoding { member })?;
    decode(member, inner)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HashedRekordV1 {
    data: HashedRekordV1Data,
    signature: HashedRekordV1Signature,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HashedRekordV1Data {
    hash: Hash,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HashedRekordV1Signature {
    content: String,
    public_key: PemContent,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PemContent {
    content: String,
}

impl HashedRekordV1 {
    fn typed(&self) -> Result<EntryBody, BodyError> {
        let pem = decode("publicKey.content", &self.signature.public_key.content)?;
        Ok(EntryBody::HashedRekordV1 {
            digest: self.data.hash.digest()?,
            signature: EntrySignature {
                signature: decode("signature.content", &self.signature.content)?,
                verifier: EntryVerifier::from_pem(&pem)?,
            },
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DsseV1 {
    envelope_hash: Hash,
    payload_hash: Hash,
    signatures: Vec<DsseV1Signature>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DsseV1Signature {
    signature: String,
    verifier: String,
}

impl DsseV1 {
    fn typed(&self) -> Result<EntryBody, BodyError> {
        let found = self.signatures.iter().map(|signature| {
            Ok(EntrySignature {
                signature: decode("signatures.signature", &signature.signature)?,
                verifier: EntryVerifier::from_pem(&decode(
                    "signatures.verifier",
                    &signature.verifier,
                )?)?,
            })
        });
        Ok(EntryBody::DsseV1 {
            envelope_hash: self.envelope_hash.sha256()?,
            payload_hash: self.payload_hash.sha256()?,
            signatures: signatures(found.collect())?,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct IntotoV1 {
    content: IntotoV1Content,
    public_key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct IntotoV1Content {
    hash: Hash,
    payload_hash: Option<Hash>,
}

impl IntotoV1 {
    fn typed(&self) -> Result<EntryBody, BodyError> {
        let IntotoV1Content { hash, payload_hash } = &self.content;
        Ok(EntryBody::IntotoV1 {
            envelope_hash: hash.sha256()?,
            payload_hash: payload_hash.as_ref().map(Hash::sha256).transpose()?,
            verifier: EntryVerifier::from_pem(&decode("publicKey", &self.public_key)?)?,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IntotoSpec {
    content: Intoto,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Intoto {
    envelope: IntotoEnvelope,
    /// Of a serialisation that cannot be rebuilt; it is checked to be a digest.
    hash: Hash,
    payload_hash: Hash,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct IntotoEnvelope {
    payload_type: String,
    /// Rekor leaves it out; entries of other makers have it.
    payload: Option<String>,
    signatures: Vec<IntotoSignature>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct IntotoSignature {
    #[serde(rename = "keyid")]
    _keyid: Option<String>,
    public_key: String,
    sig: String,
}

impl Intoto {
    fn typed(self) -> Result<EntryBody, BodyError> {
        self.hash.sha256()?;
        let payload_hash = self.payload_hash.sha256()?;
        if let Some(payload) = &self.envelope.payload
            && Sha256::of(&decode_twice("envelope.payload", payload)?) != payload_hash
        {
            return Err(BodyError::PayloadHash);
        }
        let found = self.envelope.signatures.iter().map(|signature| {
            let pem = decode("signatures.publicKey", &signature.public_key)?;
            Ok(EntrySignature {
                signature: decode_twice("signatures.sig", &signature.sig)?,
                verifier: EntryVerifier::from_pem(&pem)?,
            })
        });
        let signatures = signatures(found.collect())?;
        Ok(EntryBody::IntotoV2 {
            payload_hash,
            signatures,
            payload_type: self.envelope.payload_type,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HashedRekordV2Spec {
    #[serde(rename = "hashedRekordV002")]
    hashed_rekord_v002: HashedRekordV2,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HashedRekordV2 {
    data: HashOutput,
    signature: SignatureV2,
}

impl HashedRekordV2 {
    fn typed(&self) -> Result<EntryBody, BodyError> {
        Ok(EntryBody::HashedRekordV2 {
            digest: self.data.digest()?,
            signature: self.signature.typed()?,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DsseV2Spec {
    #[serde(rename = "dsseV002")]
    dsse_v002: DsseV2,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DsseV2 {
    payload_hash: HashOutput,
    signatures: Vec<SignatureV2>,
}

impl DsseV2 {
    fn typed(&self) -> Result<EntryBody, BodyError> {
        Ok(EntryBody::DsseV2 {
            payload_hash: self.payload_hash.digest()?,
            signatures: signatures(self.signatures.iter().map(SignatureV2::typed).collect())?,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HashOutput {
    algorithm: String,
    digest: String,
}

impl HashOutput {
    fn digest(&self) -> Result<MessageDigest, BodyError> {
        let wrong = || BodyError::Digest {
            algorithm: self.algorithm.clone(),
        };
        let algorithm = match self.algorithm.as_str() {
            "SHA2_256" => HashAlgorithm::Sha256,
            "SHA2_384" => HashAlgorithm::Sha384,
            "SHA2_512" => HashAlgorithm::Sha512,
            _ => return Err(wrong()),
        };
        MessageDigest::new(algorithm, decode("digest", &self.digest)?).ok_or_else(wrong)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureV2 {
    content: String,
    verifier: VerifierV2,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VerifierV2 {
    /// The scheme's name in the algorithm registry. The scheme is chosen by the key, which says the same.
    #[serde(rename = "keyDetails")]
    _key_details: String,
    #[serde(rename = "x509Certificate")]
    x509_certificate: Option<RawBytes>,
    public_key: Option<RawBytes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawBytes {
    raw_bytes: String,
}

impl SignatureV2 {
    fn typed(&self) -> Result<EntrySignature, BodyError> {
        let verifier = match (&self.verifier.x509_certificate, &self.verifier.public_key) {
            (Some(certificate), None) => {
                EntryVerifier::certificate(&decode("rawBytes", &certificate.raw_bytes)?)?
            }
            (None, Some(key)) => EntryVerifier::PublicKey(decode("rawBytes", &key.raw_bytes)?),
            _ => return Err(BodyError::Verifier),
        };
        Ok(EntrySignature {
            signature: decode("signature.content", &self.content)?,
            verifier,
        })
    }
}
