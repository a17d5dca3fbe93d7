//! The verdict on one signature. Strict and relaxed verification, of bundles and of cosign's older form, are the same
//! code: a relaxation puts an `assertion` in the place of a proof, and both the result and the trace say so.
//!
//! The order is that of `sigstore/architecture-docs:client-spec.md`, 4: timestamps and log first, since they tell the
//! time at which the certificate is judged; the artifact's signature next; then who signed and what was said.

mod content;
mod evidence;
mod log;
mod policy;
mod refusal;
mod sct;
mod trace;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use pki::key::SignatureValid;
use pki::signature::VerifyingKey;

pub use content::subject_of;
pub use evidence::{
    KeyTrusted, Logged, SctEvidence, TimeProven, TimeSource, VerifiedSignature, VerifiedSigner,
};
pub use log::LogError;
pub use policy::{AcceptedSigner, Artifact, Because, Policy, Rule, TimestampRule};
pub use refusal::Refusal;
pub use sct::SctRefusal;
pub use trace::{Check, Outcome, Step, Trace};

use crate::bundle::{Bundle, Content, MessageSignature, SignerMaterial};
use crate::chain::VerifiedChain;
use crate::dsse::Envelope;
use crate::entry::LogEntry;
use crate::fulcio::SigningCertificate;
use crate::identity::{AcceptedIdentity, verify_any};
use crate::legacy::{LegacyBlob, LegacySignature};
use crate::simple_signing::{Bound, SimpleSigning};
use crate::timestamp::SignedTimestamp;
use crate::trust::TrustedRoot;
use content::Signed;

/// What came out, and how.
#[derive(Debug)]
pub struct Verdict {
    /// Every check in the order it was made, the refusal last.
    pub trace: Trace,
    /// The proof, or the first thing that failed.
    pub result: Result<VerifiedSignature, Refusal>,
}

/// Verifies a bundle over an artifact.
#[must_use]
pub fn verify_bundle(
    bundle: &Bundle,
    artifact: &Artifact<'_>,
    trust: &TrustedRoot,
    policy: &Policy<'_>,
    now: Timestamp,
) -> Verdict {
    let (certificate, intermediates) = match &bundle.signer {
        SignerMaterial::Certificate {
            leaf,
            intermediates,
        } => (Some(&**leaf), intermediates.as_slice()),
        SignerMaterial::PublicKey { .. } => (None, [].as_slice()),
    };
    let signed = match &bundle.content {
        Content::Dsse(envelope) => Signed::envelope(envelope),
        Content::Message(message) => Signed::message(message, artifact),
    };
    Candidate {
        certificate,
        key_may_be_certified: false,
        intermediates,
        entries: &bundle.log_entries,
        timestamps: &bundle.timestamps,
        stamped: bundle.content.signature(),
        signed,
    }
    .judge(artifact, trust, policy, now)
}

/// Verifies a signature or attestation in cosign's older form.
#[must_use]
pub fn verify_legacy(
    legacy: &LegacySignature,
    artifact: &Artifact<'_>,
    trust: &TrustedRoot,
    policy: &Policy<'_>,
    now: Timestamp,
) -> Verdict {
    let attested;
    let simple;
    let signed = if legacy.signature.is_empty() {
        match Envelope::parse(&legacy.payload) {
            Ok(envelope) if envelope.signatures().len() == 1 => {
                attested = envelope;
                Signed::envelope(&attested)
            }
            Ok(envelope) => {
                let found = envelope.signatures().len();
                return Verdict::refused(Check::Signature, Refusal::SignatureCount { found });
            }
            Err(error) => return Verdict::refused(Check::Signature, error.into()),
        }
    } else {
        match SimpleSigning::parse(&legacy.payload) {
            Ok(payload) => {
                simple = payload;
                Signed::simple(&simple, &legacy.signature)
            }
            Err(error) => return Verdict::refused(Check::Artifact, error.into()),
        }
    };
    // Timestamps are over the signature; an attestation's is inside the envelope, all of which is stamped.
    let stamped = if legacy.signature.is_empty() {
        &legacy.payload
    } else {
        &legacy.signature
    };
    let entries: Vec<LogEntry> = legacy
        .log_promise
        .iter()
        .map(log::entry_of_promise)
        .collect();
    let timestamps: Vec<Vec<u8>> = legacy.timestamp.iter().cloned().collect();
    Candidate {
        certificate: legacy.certificate.as_deref(),
        key_may_be_certified: true,
        intermediates: &legacy.chain,
        entries: &entries,
        timestamps: &timestamps,
        stamped,
        signed,
    }
    .judge(artifact, trust, policy, now)
}

/// Verifies a signature over a file in cosign's older form.
#[must_use]
pub fn verify_legacy_blob(
    blob: &LegacyBlob,
    artifact: &Artifact<'_>,
    trust: &TrustedRoot,
    policy: &Policy<'_>,
    now: Timestamp,
) -> Verdict {
    let message = MessageSignature {
        digest: None,
        signature: blob.signature.clone(),
    };
    let entries: Vec<LogEntry> = blob.log_promise.iter().map(log::entry_of_promise).collect();
    let timestamps: Vec<Vec<u8>> = blob.timestamp.iter().cloned().collect();
    Candidate {
        certificate: blob.certificate.as_deref(),
        key_may_be_certified: true,
        intermediates: &[],
        entries: &entries,
        timestamps: &timestamps,
        stamped: &blob.signature,
        signed: Signed::message(&message, artifact),
    }
    .judge(artifact, trust, policy, now)
}

impl Verdict {
    fn refused(check: Check, refusal: Refusal) -> Self {
        let mut trace = Trace::default();
        trace.push(check, Outcome::Refused(refusal.clone()));
        Self {
            trace,
            result: Err(refusal),
        }
    }
}

/// One signature in whichever form, taken apart.
struct Candidate<'a> {
    certificate: Option<&'a SigningCertificate>,
    /// Whether a certificate for the very key that is demanded is no contradiction.
    key_may_be_certified: bool,
    intermediates: &'a [Vec<u8>],
    entries: &'a [LogEntry],
    timestamps: &'a [Vec<u8>],
    /// What timestamps are over.
    stamped: &'a [u8],
    signed: Signed<'a>,
}

/// Whose signature it has to be.
#[derive(Clone, Copy)]
enum Whose<'a> {
    Certified(&'a SigningCertificate),
    Key(&'a VerifyingKey),
}

impl<'a> Whose<'a> {
    fn key(self) -> &'a VerifyingKey {
        match self {
            Self::Certified(certificate) => certificate.key(),
            Self::Key(key) => key,
        }
    }
}

impl fmt::Display for Whose<'_> {
    /// `key sha256:…`, by the SubjectPublicKeyInfo.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = match self {
            Self::Certified(_) => "certificate of key",
            Self::Key(_) => "key",
        };
        write!(f, "{of} sha256:{}", self.key().spki_sha256())
    }
}

/// A verification under way.
struct Judge<'a> {
    candidate: &'a Candidate<'a>,
    artifact: &'a Artifact<'a>,
    trust: &'a TrustedRoot,
    policy: &'a Policy<'a>,
    now: Timestamp,
    trace: Trace,
}

impl Candidate<'_> {
    fn judge(
        &self,
        artifact: &Artifact<'_>,
        trust: &TrustedRoot,
        policy: &Policy<'_>,
        now: Timestamp,
    ) -> Verdict {
        let mut judge = Judge {
            candidate: self,
            artifact,
            trust,
            policy,
            now,
            trace: Trace::default(),
        };
        let result = judge.verify();
        Verdict {
            trace: judge.trace,
            result,
        }
    }
}

impl<'a> Judge<'a> {
    fn verify(&mut self) -> Result<VerifiedSignature, Refusal> {
        let whose = self.step(Check::Signer, Self::whose)?;
        let stamps = self.timestamps()?;
        let (logged, log_times) = self.log(whose, &stamps)?;
        let mut times = stamps;
        times.extend(log_times);
        let certified = match whose {
            Whose::Certified(certificate) => {
                self.require_time(&mut times)?;
                let chain = self.chain(certificate, &times)?;
                let sct = self.sct(&chain)?;
                Some((chain, sct))
            }
            Whose::Key(_) => {
                self.time(&times);
                self.not_required(Check::CertificateChain, Because::ManagedKey);
                self.not_required(Check::Sct, Because::ManagedKey);
                None
            }
        };
        let signature = self.step(Check::Signature, |judge| {
            let valid = judge.candidate.signed.verify(whose.key(), judge.artifact)?;
            Ok((valid, format!("key sha256:{}", whose.key().spki_sha256())))
        })?;
        let bound = self.artifact()?;
        let signer = match certified {
            Some((chain, sct)) => VerifiedSigner::Certified {
                identity: self.identity(&chain)?,
                chain: Box::new(chain),
                sct,
            },
            None => {
                self.not_required(Check::Identity, Because::ManagedKey);
                VerifiedSigner::Key(KeyTrusted::new(whose.key()))
            }
        };
        self.annotations()?;
        Ok(VerifiedSignature::new(
            signer, logged, times, signature, bound,
        ))
    }
    fn step<T>(
        &mut self,
        check: Check,
        run: impl FnOnce(&Self) -> Result<(T, String), Refusal>,
    ) -> Result<T, Refusal> {
        match run(self) {
            Ok((proof, found)) => {
                self.trace.push(check, Outcome::Verified { found });
                Ok(proof)
            }
            Err(refusal) => {
                self.trace.push(check, Outcome::Refused(refusal.clone()));
                Err(refusal)
            }
        }
    }

    fn not_required(&mut self, check: Check, because: Because) {
        self.trace.push(check, Outcome::NotRequired { because });
    }

    /// Which key has to have signed: the certificate's or the demanded one.
    fn whose(&self) -> Result<(Whose<'a>, String), Refusal> {
        let candidate = self.candidate;
        let whose = match (self.policy.signer, candidate.certificate) {
            (AcceptedSigner::Identities(_), Some(certificate)) => Whose::Certified(certificate),
            (AcceptedSigner::Identities(_), None) => return Err(Refusal::CertificateExpected),
            (AcceptedSigner::Key(key), None) => Whose::Key(key),
            (AcceptedSigner::Key(key), Some(certificate)) => {
                if !candidate.key_may_be_certified || certificate.key() != key {
                    return Err(Refusal::KeyExpected);
                }
                Whose::Key(key)
            }
        };
        Ok((whose, whose.to_string()))
    }

    /// Timestamps of authorities that are not trusted, or were not in use, count for nothing; any other fault in one is
    /// fatal, since nobody who is honest sends it.
    fn timestamps(&mut self) -> Result<Vec<TimeProven>, Refusal> {
        let mut times = Vec::new();
        let mut passed_over = None;
        for (index, der) in self.candidate.timestamps.iter().enumerate() {
            use crate::timestamp::TimestampError::{NoAuthority, OutsideWindow, UnknownSigner};
            let stamped = SignedTimestamp::from_der(der).and_then(|stamp| {
                stamp.verify(self.candidate.stamped, &self.trust.timestamp_authorities)
            });
            match stamped {
                Ok(stamped) => times.push(TimeProven::by_authority(&stamped)),
                Err(error @ (NoAuthority | OutsideWindow { .. } | UnknownSigner)) => {
                    passed_over = Some(Refusal::Timestamp { index, error });
                }
                Err(error) => {
                    return self.refuse(Check::Timestamp, Refusal::Timestamp { index, error });
                }
            }
        }
        match (times.first(), self.policy.timestamp) {
            (Some(first), _) => {
                let found = first.at().to_string();
                self.trace
                    .push(Check::Timestamp, Outcome::Verified { found });
            }
            (None, TimestampRule::Required) => {
                let refusal = passed_over.unwrap_or(Refusal::TimestampAbsent);
                return self.refuse(Check::Timestamp, refusal);
            }
            (None, TimestampRule::IfThere) => self.trace.push(
                Check::Timestamp,
                passed_over.map_or(Outcome::Absent, Outcome::PassedOver),
            ),
        }
        Ok(times)
    }

    fn refuse<T>(&mut self, check: Check, refusal: Refusal) -> Result<T, Refusal> {
        self.trace.push(check, Outcome::Refused(refusal.clone()));
        Err(refusal)
    }

    fn log(
        &mut self,
        whose: Whose<'_>,
        stamps: &[TimeProven],
    ) -> Result<(Vec<Logged>, Vec<TimeProven>), Refusal> {
        let verified = log::verify(self, whose, stamps);
        match (verified, self.policy.log) {
            (Ok(found), _) => {
                let text: Vec<String> =
                    found.iter().map(|(logged, _)| logged.to_string()).collect();
                let found_text = text.join(", ");
                self.trace
                    .push(Check::Log, Outcome::Verified { found: found_text });
                let (logged, times): (Vec<_>, Vec<_>) = found.into_iter().unzip();
                Ok((logged, times.into_iter().flatten().collect()))
            }
            // Not looked at further: what is waived proves nothing, good or bad.
            (Err(_), Rule::Waived(because)) => {
                self.not_required(Check::Log, because);
                Ok((vec![Logged::assertion(because)], Vec::new()))
            }
            (Err(refusal), Rule::Required) => self.refuse(Check::Log, refusal),
        }
    }

    /// A certificate lives for minutes: without a proven time it can be judged only if the caller gave up on logs, and
    /// then as of now.
    fn require_time(&mut self, times: &mut Vec<TimeProven>) -> Result<(), Refusal> {
        if times.is_empty() {
            match self.policy.log {
                Rule::Waived(because) => {
                    times.push(TimeProven::assertion(self.now, because));
                    self.not_required(Check::Time, because);
                }
                Rule::Required => return self.refuse(Check::Time, Refusal::NoTrustedTime),
            }
        } else {
            self.time(times);
        }
        Ok(())
    }

    /// The proven times. A key that is trusted itself is at any time: none is needed.
    fn time(&mut self, times: &[TimeProven]) {
        let text: Vec<String> = times.iter().map(|time| time.at().to_string()).collect();
        let outcome = if text.is_empty() {
            Outcome::Absent
        } else {
            let found = text.join(", ");
            Outcome::Verified { found }
        };
        self.trace.push(Check::Time, outcome);
    }

    fn chain(
        &mut self,
        certificate: &SigningCertificate,
        times: &[TimeProven],
    ) -> Result<VerifiedChain, Refusal> {
        let at: Vec<Timestamp> = times.iter().map(TimeProven::at).collect();
        self.step(Check::CertificateChain, |judge| {
            let chain = VerifiedChain::verify(
                certificate,
                judge.candidate.intermediates,
                &judge.trust.certificate_authorities,
                &at,
            )?;
            let found = format!("{}/{}", certificate.not_before(), certificate.not_after());
            Ok((chain, found))
        })
    }

    fn sct(&mut self, chain: &VerifiedChain) -> Result<SctEvidence, Refusal> {
        match (sct::verify(chain, &self.trust.ct_logs), self.policy.sct) {
            (Ok(sct), _) => {
                let found = sct.log_id().to_string();
                self.trace.push(Check::Sct, Outcome::Verified { found });
                Ok(SctEvidence::verified(sct))
            }
            (Err(_), Rule::Waived(because)) => {
                self.not_required(Check::Sct, because);
                Ok(SctEvidence::assertion(because))
            }
            (Err(error), Rule::Required) => self.refuse(Check::Sct, Refusal::Sct(error)),
        }
    }

    fn artifact(&mut self) -> Result<Bound, Refusal> {
        let predicate = self.policy.predicate_type;
        self.step(Check::Artifact, |judge| {
            let signed = &judge.candidate.signed;
            let bound = signed.bind(judge.artifact, predicate)?;
            Ok((bound, judge.artifact.to_string()))
        })
    }

    fn identity(&mut self, chain: &VerifiedChain) -> Result<AcceptedIdentity, Refusal> {
        let AcceptedSigner::Identities(policies) = self.policy.signer else {
            return self.refuse(Check::Identity, Refusal::KeyExpected);
        };
        self.step(Check::Identity, |_| {
            let accepted = verify_any(policies, chain)?;
            let found = accepted.subject().to_owned();
            Ok((accepted, found))
        })
    }

    fn annotations(&mut self) -> Result<(), Refusal> {
        let demanded: &BTreeMap<String, String> = self.policy.annotations;
        if demanded.is_empty() {
            self.not_required(Check::Annotations, Because::NotDemanded);
            return Ok(());
        }
        self.step(Check::Annotations, |judge| {
            let signed = &judge.candidate.signed;
            signed.check_annotations(judge.artifact, demanded)?;
            Ok(((), demanded.len().to_string()))
        })
    }
}

/// The signature itself, for the modules below.
type Checked = Result<SignatureValid, Refusal>;
