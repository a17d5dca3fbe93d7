//! Timestamps whose signer is not what a timestamping authority has to be.

use rcgen::{CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, SerialNumber};
use sigstore::chain::{Authority, Window};
use sigstore::timestamp::TimestampError;
use sigstore::verify::{Refusal, TimestampRule};

use crate::authority::{Pair, Root};
use crate::{REKOR2, Scene};

/// Of the golden timestamping authority's certificate.
const SERIAL: [u8; 20] = [
    0x70, 0xb9, 0xe6, 0xed, 0xb7, 0x28, 0xe0, 0x47, 0xf1, 0x46, 0xbc, 0xa4, 0x92, 0x68, 0x2f, 0x1c,
    0x77, 0x6a, 0x65, 0x79,
];
/// 1.3.6.1.5.5.7.3.8 in a list.
const TIMESTAMPING: [u8; 12] = [0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 8];

/// What is said of the golden timestamp where this chain is trusted.
fn judged(chain: Vec<Vec<u8>>) -> TimestampError {
    let mut scene = Scene::new(REKOR2);
    scene.timestamp = TimestampRule::Required;
    scene.trust.timestamp_authorities =
        vec![Authority::new(String::new(), chain, Window::default()).unwrap()];
    match scene.refusal() {
        Refusal::Timestamp { index: 0, error } => error,
        other => panic!("{other:?}"),
    }
}

/// A certificate of the same issuer's name and number as the one that stamped.
fn namesake(root: &Root, spoil: impl FnOnce(&mut CertificateParams)) -> Vec<Vec<u8>> {
    let mut usage = CustomExtension::from_oid_content(&[2, 5, 29, 37], TIMESTAMPING.to_vec());
    usage.set_criticality(true);
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from(SERIAL.to_vec()));
    params.custom_extensions = vec![usage];
    spoil(&mut params);
    vec![root.issue(&Pair::new(), &params), root.certificate.clone()]
}

#[test]
fn certificates_that_do_not_stamp() {
    let root = Root::new();
    // RFC 3161, 2.3: the purpose is timestamping, alone, and critical.
    let uncritical = namesake(&root, |params| {
        params.custom_extensions.clear();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::TimeStamping];
    });
    let more = namesake(&root, |params| {
        let [usage] = params.custom_extensions.as_mut_slice() else {
            panic!("one extension");
        };
        let mut both = TIMESTAMPING.to_vec();
        both[1] = 20;
        both.extend([6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 3]);
        *usage = CustomExtension::from_oid_content(&[2, 5, 29, 37], both);
        usage.set_criticality(true);
    });
    let none = namesake(&root, |params| params.custom_extensions.clear());
    for chain in [uncritical, more, none] {
        assert_eq!(judged(chain), TimestampError::Purpose);
    }
    // One that was not valid when it stamped, and one that the trusted root did not issue.
    let expired = namesake(&root, |params| {
        params.not_after = rcgen::date_time_ymd(2026, 11, 20);
    });
    assert!(matches!(
        judged(expired),
        TimestampError::Chain {
            reason: webpki::Error::CertExpired { .. },
            ..
        }
    ));
    let mut foreign = namesake(&root, |_| {});
    foreign[1] = Root::new().certificate;
    assert!(matches!(
        judged(foreign),
        TimestampError::Chain {
            reason: webpki::Error::UnknownIssuer | webpki::Error::InvalidSignatureForPublicKey,
            ..
        }
    ));
    // One that could have stamped: the token says which one did.
    assert_eq!(
        judged(namesake(&root, |_| {})),
        TimestampError::Attribute {
            attribute: "signingCertificateV2"
        }
    );
    // Of another number.
    let other = namesake(&root, |params| {
        params.serial_number = Some(SerialNumber::from(vec![1]));
    });
    assert_eq!(judged(other), TimestampError::UnknownSigner);
}
