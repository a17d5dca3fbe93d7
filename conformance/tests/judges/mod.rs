//! Our verification and `sigstore-verify`, asked the same.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeMap;

use pki::digest::Sha256;
use pki::signature::VerifyingKey;
use sigstore::bundle::Bundle;
use sigstore::identity::{IdentityPolicy, TextRule};
use sigstore::trust::TrustedRoot;
use sigstore::verify::{AcceptedSigner, Artifact, Policy, Rule, TimestampRule, verify_bundle};
use sigstore_verify::trust_root::TrustedRoot as TheirTrustedRoot;
use sigstore_verify::types::{
    Artifact as TheirArtifact, Bundle as TheirBundle, DerPublicKey, Sha256Hash,
};
use sigstore_verify::{PublicKeyVerificationPolicy, VerificationPolicy, Verifier};

/// What must have been signed.
#[derive(Clone, Copy)]
pub(crate) enum Subject<'a> {
    Bytes(&'a [u8]),
    Digest(Sha256),
}

/// Who must have signed it: a key in PEM, else an identity.
pub(crate) struct Signer {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) identity: String,
    pub(crate) issuer: String,
}

impl Signer {
    /// Of a bundle and a trusted root in JSON.
    pub(crate) fn ours(&self, bundle: &[u8], of: Subject<'_>, trust: &[u8]) -> Result<(), String> {
        let trust = TrustedRoot::parse(trust).map_err(|error| error.to_string())?;
        let bundle = Bundle::parse(bundle).map_err(|error| error.to_string())?;
        let key = self.key()?;
        let identities = [IdentityPolicy::new(
            TextRule::Exact(self.identity.clone()),
            TextRule::Exact(self.issuer.clone()),
        )];
        let policy = Policy {
            signer: match &key {
                Some(key) => AcceptedSigner::Key(key),
                None => AcceptedSigner::Identities(&identities),
            },
            log: Rule::Required,
            sct: Rule::Required,
            timestamp: TimestampRule::IfThere,
            predicate_type: None,
            annotations: &BTreeMap::new(),
        };
        let artifact = match &of {
            Subject::Bytes(bytes) => Artifact::Bytes(bytes),
            Subject::Digest(digest) => Artifact::manifest(digest),
        };
        // After every bundle was made.
        let now = "2026-11-21T00:00:00Z".parse().unwrap();
        verify_bundle(&bundle, &artifact, &trust, &policy, now)
            .result
            .map(drop)
            .map_err(|refusal| refusal.to_string())
    }

    /// The same there.
    pub(crate) fn theirs(
        &self,
        bundle: &[u8],
        of: Subject<'_>,
        trust: &[u8],
    ) -> Result<(), String> {
        let text = |bytes| std::str::from_utf8(bytes).map_err(|error| error.to_string());
        let trust = TheirTrustedRoot::from_json(text(trust)?).map_err(|error| error.to_string())?;
        let verifier = Verifier::new(&trust).map_err(|error| error.to_string())?;
        let bundle = TheirBundle::from_json(text(bundle)?).map_err(|error| error.to_string())?;
        let artifact = match of {
            Subject::Bytes(bytes) => TheirArtifact::from(bytes),
            Subject::Digest(digest) => TheirArtifact::from(Sha256Hash::new(*digest.as_bytes())),
        };
        let result = match self.key()? {
            Some(key) => {
                let key = DerPublicKey::from(key.spki_der().to_vec());
                verifier.verify(artifact, &bundle, &PublicKeyVerificationPolicy::new(key))
            }
            None => {
                let policy = VerificationPolicy::new(self.identity.as_str(), self.issuer.as_str());
                verifier.verify(artifact, &bundle, &policy)
            }
        };
        result.map(drop).map_err(|error| error.to_string())
    }

    fn key(&self) -> Result<Option<VerifyingKey>, String> {
        let key = self.key.as_deref().map(VerifyingKey::from_pem);
        key.transpose().map_err(|error| error.to_string())
    }
}
