//! Files that users hand over: bundles of every age, signatures, envelopes, certificates, attestations to attach.
#![no_main]

use signing::attach::Attestation;
use signing::verify::{BlobEvidence, GivenCertificate};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((which, file)) = data.split_first() else {
        return;
    };
    match which % 5 {
        0 => {
            let _ = BlobEvidence::from_bundle(file).map(|evidence| evidence.is_attestation());
        }
        1 => {
            let _ = BlobEvidence::from_envelope(file).map(|evidence| evidence.is_attestation());
        }
        2 => {
            let _ = BlobEvidence::from_signature(b"c2ln").and_then(|evidence| evidence.with_timestamp(file));
        }
        3 => {
            let (leaf, chain) = file.split_at(file.len() / 2);
            let _ = GivenCertificate::parse(file, None);
            let _ = GivenCertificate::parse(leaf, Some(chain));
        }
        _ => {
            let _ = Attestation::parse_all(file);
        }
    }
});
