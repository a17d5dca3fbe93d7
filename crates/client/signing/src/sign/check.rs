//! Whether what was made verifies, before it is written.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sigstore::bundle::Bundle;
use sigstore::identity::IdentityPolicy;
use sigstore::statement::COSIGN_SIGNATURE;
use sigstore::trust::TrustedRoot;
use sigstore::verify::{
    AcceptedSigner, Artifact, Because, Policy, Rule, TimestampRule, Verdict, verify_bundle,
    verify_legacy,
};

use super::{ImagePlan, Made, SignError, Signer, Witnesses};

/// What a new signature must hold.
pub(super) struct Check<'a> {
    signer: &'a Signer,
    witnesses: &'a Witnesses,
    predicate_type: Option<&'a str>,
    annotations: &'a BTreeMap<String, String>,
    trust: Option<&'a TrustedRoot>,
}

static NONE: BTreeMap<String, String> = BTreeMap::new();

impl<'a> Check<'a> {
    pub(super) fn signature(plan: &ImagePlan<'a>) -> Self {
        Self {
            annotations: plan.annotations,
            ..Self::attestation(plan, COSIGN_SIGNATURE)
        }
    }

    pub(super) fn attestation(plan: &ImagePlan<'a>, predicate_type: &'a str) -> Self {
        Self {
            predicate_type: Some(predicate_type),
            ..Self::blob(plan.signer, plan.witnesses, plan.trust)
        }
    }

    pub(super) fn blob(
        signer: &'a Signer,
        witnesses: &'a Witnesses,
        trust: Option<&'a TrustedRoot>,
    ) -> Self {
        Self {
            signer,
            witnesses,
            predicate_type: None,
            annotations: &NONE,
            trust,
        }
    }

    pub(super) fn made(
        &self,
        made: &Made,
        artifact: &Artifact<'_>,
        now: Timestamp,
    ) -> Result<(), SignError> {
        match made {
            Made::Bundle(bundle) => self.bundle(bundle, artifact, now),
            Made::Legacy(legacy) => {
                self.judged(|policy, trust| verify_legacy(legacy, artifact, trust, policy, now))
            }
        }
    }

    pub(super) fn bundle(
        &self,
        bundle: &Bundle,
        artifact: &Artifact<'_>,
        now: Timestamp,
    ) -> Result<(), SignError> {
        self.judged(|policy, trust| verify_bundle(bundle, artifact, trust, policy, now))
    }

    fn judged(
        &self,
        judge: impl Fn(&Policy<'_>, &TrustedRoot) -> Verdict,
    ) -> Result<(), SignError> {
        let Some(trust) = self.trust else {
            return Ok(());
        };
        let waived = Rule::Waived(Because::NotDemanded);
        let anybody = [IdentityPolicy::dangerous_any_identity()];
        let certified = self.signer.certificate().is_some();
        let policy = Policy {
            signer: if certified {
                AcceptedSigner::Identities(&anybody)
            } else {
                AcceptedSigner::Key(self.signer.key())
            },
            log: if self.witnesses.logs.is_empty() {
                waived
            } else {
                Rule::Required
            },
            sct: if certified && !trust.ct_logs.is_empty() {
                Rule::Required
            } else {
                waived
            },
            timestamp: if self.witnesses.authorities.is_empty() {
                TimestampRule::IfThere
            } else {
                TimestampRule::Required
            },
            predicate_type: self.predicate_type,
            annotations: self.annotations,
        };
        match judge(&policy, trust).result {
            Ok(_) => Ok(()),
            Err(refusal) => Err(SignError::Unverifiable(Box::new(refusal))),
        }
    }
}
