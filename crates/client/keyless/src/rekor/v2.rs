//! Version 2 (`sigstore/rekor-tiles:api/proto/rekor/v2`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::key::Curve;
use pki::signature::{VerifyingKey, VerifyingKeyKind};
use serde_json::{Value, json};
use sigstore::entry::LogEntry;
use sigstore::limits;

use super::{Content, Proposal, Verifier};
use crate::error::{Error, Service};
use crate::http::{Base, Http, post_json};

/// One log.
#[derive(Debug, Clone)]
pub struct RekorV2 {
    http: Http,
    base: Base,
}

impl RekorV2 {
    /// A log at `url`, to which `/api/v2/…` is added.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn new(http: Http, url: &str) -> Result<Self, Error> {
        Ok(Self {
            http,
            base: Base::parse(Service::TransparencyLog, url)?,
        })
    }

    /// Records a signature. The log answers when it has published the entry, which takes seconds.
    ///
    /// # Errors
    /// A refusal (409 if the log has the entry already), no answer, an entry about something else, or something that
    /// this version does not take.
    pub async fn record(&self, proposal: &Proposal<'_>) -> Result<LogEntry, Error> {
        let request = self.request(proposal)?;
        let request = post_json(self.base.join("/api/v2/log/entries"), &request);
        let limit = 2 * limits::ENTRY_BYTES as u64;
        let answer = self
            .http
            .call(Service::TransparencyLog, request, limit, &[])
            .await?;
        let entry = LogEntry::parse(&answer.body).map_err(|error| answer.fault(error))?;
        proposal
            .check(&entry.body)
            .map_err(|fault| answer.fault(fault))?;
        Ok(entry)
    }

    fn request(&self, proposal: &Proposal<'_>) -> Result<Value, Error> {
        let key = proposal.verifier.key();
        let details = key_details(key).ok_or(self.base.unsupported("RSA key of this size"))?;
        let verifier = verifier(proposal.verifier, details);
        let own_hash = key.default_scheme().hash();
        let hashed = |digest: &[u8], signature: &[u8]| {
            json!({ "hashedRekordRequestV002": {
                "digest": STANDARD.encode(digest),
                "signature": { "content": STANDARD.encode(signature), "verifier": verifier },
            } })
        };
        // The log knows Ed25519 over a digest (RFC 8032's Ed25519ph) only, which is another signature.
        let pure = || {
            self.base
                .unsupported("pure Ed25519 signature over a digest")
        };
        match proposal.content {
            Content::HashedRekord { digest, signature } => {
                if own_hash.ok_or_else(pure)? != digest.algorithm() {
                    return Err(self.base.unsupported("hash other than the key's own"));
                }
                Ok(hashed(digest.bytes(), signature))
            }
            Content::Dsse { envelope, .. } => {
                // As a signature over what it is over: logs since rekor-tiles 2.3 take no `dsse`.
                let [signature] = envelope.signatures() else {
                    return Err(self.base.unsupported("envelope with several signatures"));
                };
                let digest = own_hash.ok_or_else(pure)?.digest(&envelope.signed_bytes());
                Ok(hashed(&digest, &signature.signature))
            }
            Content::Intoto { .. } | Content::IntotoV1 { .. } => {
                Err(self.base.unsupported("entry of kind intoto"))
            }
        }
    }
}

fn verifier(verifier: Verifier<'_>, details: &str) -> Value {
    let (member, der) = match verifier {
        Verifier::Certificate(certificate) => ("x509Certificate", certificate.der()),
        Verifier::PublicKey(key) => ("publicKey", key.spki_der()),
    };
    json!({ member: { "rawBytes": STANDARD.encode(der) }, "keyDetails": details })
}

/// The name of a key's kind and scheme (`sigstore/protobuf-specs:protos/sigstore_common.proto`, `PublicKeyDetails`).
fn key_details(key: &VerifyingKey) -> Option<&'static str> {
    Some(match key.kind() {
        VerifyingKeyKind::Ecdsa(Curve::P256) => "PKIX_ECDSA_P256_SHA_256",
        VerifyingKeyKind::Ecdsa(Curve::P384) => "PKIX_ECDSA_P384_SHA_384",
        VerifyingKeyKind::Ecdsa(Curve::P521) => "PKIX_ECDSA_P521_SHA_512",
        VerifyingKeyKind::Ecdsa(Curve::P224) => return None,
        VerifyingKeyKind::Ed25519 => "PKIX_ED25519",
        VerifyingKeyKind::Rsa { bits: 2048 } => "PKIX_RSA_PKCS1V15_2048_SHA256",
        VerifyingKeyKind::Rsa { bits: 3072 } => "PKIX_RSA_PKCS1V15_3072_SHA256",
        VerifyingKeyKind::Rsa { bits: 4096 } => "PKIX_RSA_PKCS1V15_4096_SHA256",
        VerifyingKeyKind::Rsa { .. } => return None,
    })
}
