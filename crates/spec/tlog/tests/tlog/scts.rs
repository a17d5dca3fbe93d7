//! SCTs and the certificates they are about. What is cut out of a certificate is compared with a certificate that the
//! issuing library made without it.

use pki::digest::Sha256;
use pki::signature::VerifyError;
use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, SerialNumber,
};
use tlog::log_id::{LogId, LogKeys};
use tlog::precert::{CERTIFICATE_LIMIT, PrecertEntry, PrecertError, embedded_sct_list, spki_hash};
use tlog::sct::{ADD_CHAIN_RESPONSE_LIMIT, SCT_LIST_LIMIT, Sct, SctEntry, SctError};

use crate::{Signer, hash};

const SCT_LIST: &[u64] = &[1, 3, 6, 1, 4, 1, 11129, 2, 4, 2];
const POISON: &[u64] = &[1, 3, 6, 1, 4, 1, 11129, 2, 4, 3];
const TIME: u64 = 1_795_213_374_350;

/// A CA that issues the same certificate with different extensions.
struct Ca {
    issuer: Issuer<'static, KeyPair>,
    certificate: Vec<u8>,
    subject: KeyPair,
}

impl Ca {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().der().to_vec();
        Self {
            issuer: Issuer::new(params, key),
            certificate,
            subject: KeyPair::generate().unwrap(),
        }
    }

    fn issue(&self, names: usize, extensions: Vec<CustomExtension>) -> Vec<u8> {
        let names: Vec<String> = (0..names)
            .map(|i| format!("host-{i}.example.com"))
            .collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.serial_number = Some(SerialNumber::from(vec![1, 2, 3]));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        params.custom_extensions = extensions;
        params
            .signed_by(&self.subject, &self.issuer)
            .unwrap()
            .der()
            .to_vec()
    }

    /// A certificate with no extensions but the given.
    fn issue_bare(&self, extensions: Vec<CustomExtension>) -> Vec<u8> {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.serial_number = Some(SerialNumber::from(vec![1, 2, 3]));
        params.use_authority_key_identifier_extension = false;
        params.custom_extensions = extensions;
        params
            .signed_by(&self.subject, &self.issuer)
            .unwrap()
            .der()
            .to_vec()
    }
}

fn poison() -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(POISON, vec![5, 0]);
    extension.set_criticality(true);
    extension
}

fn sct_list(length: usize) -> CustomExtension {
    let mut content = vec![4, 0x82];
    content.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
    content.extend(std::iter::repeat_n(9, length));
    CustomExtension::from_oid_content(SCT_LIST, content)
}

/// The TBSCertificate: the first element of the outer sequence, whose length takes two bytes here.
fn tbs(certificate: &[u8]) -> &[u8] {
    let start = if certificate[1] == 0x82 { 4 } else { 3 };
    let inner = &certificate[start..];
    let length = match inner[1] {
        0x82 => 4 + usize::from(u16::from_be_bytes([inner[2], inner[3]])),
        0x81 => 3 + usize::from(inner[2]),
        short => 2 + usize::from(short),
    };
    &inner[..length]
}

fn sct_of(log: &Signer, hash: u8, algorithm: u8) -> Sct {
    Sct {
        log_id: LogId::of(&log.public()),
        milliseconds: TIME,
        extensions: vec![0, 0, 5, 0, 0, 0, 0, 7],
        hash,
        algorithm,
        signature: vec![],
    }
}

fn signed(log: &Signer, algorithms: (u8, u8), entry: SctEntry<'_>) -> Sct {
    let mut sct = sct_of(log, algorithms.0, algorithms.1);
    sct.signature = log.sign(&sct.signed_data(entry).unwrap());
    sct
}

#[test]
fn what_is_cut_out_leaves_what_was_issued_without_it() {
    let ca = Ca::new();
    // Sizes at which the lengths around the extensions change their form.
    for names in [1, 2, 3, 4, 5, 6, 20, 100, 2000] {
        let plain = ca.issue(names, vec![]);
        for length in [300, 0x7ff] {
            let full = ca.issue(names, vec![sct_list(length)]);
            let entry = PrecertEntry::of_certificate(&full, &ca.certificate).unwrap();
            assert_eq!(entry.tbs, tbs(&plain), "{names} names");
            assert_eq!(
                embedded_sct_list(&full).unwrap(),
                Some(vec![9; length].as_slice())
            );
        }
        let poisoned = ca.issue(names, vec![poison()]);
        let entry = PrecertEntry::of_precertificate(&poisoned, &ca.certificate).unwrap();
        assert_eq!(entry.tbs, tbs(&plain));
        assert_eq!(embedded_sct_list(&plain).unwrap(), None);
    }
    let key = Sha256::of(&rcgen::PublicKeyData::subject_public_key_info(
        ca.issuer.key(),
    ));
    assert_eq!(spki_hash(&ca.certificate), Ok(key));
    let entry = PrecertEntry::of_certificate(&ca.issue(1, vec![sct_list(300)]), &ca.certificate);
    assert_eq!(entry.unwrap().issuer_key_hash, key);
}

#[test]
fn without_other_extensions_the_field_goes_too() {
    let ca = Ca::new();
    let plain = ca.issue_bare(vec![]);
    let full = ca.issue_bare(vec![sct_list(300)]);
    let entry = PrecertEntry::of_certificate(&full, &ca.certificate).unwrap();
    assert_eq!(entry.tbs, tbs(&plain));
}

#[test]
fn certificates_without_exactly_one_right_extension_are_refused() {
    let ca = Ca::new();
    let both = |extensions| {
        let certificate = ca.issue(1, extensions);
        (
            PrecertEntry::of_certificate(&certificate, &ca.certificate).unwrap_err(),
            PrecertEntry::of_precertificate(&certificate, &ca.certificate).unwrap_err(),
        )
    };
    assert_eq!(
        both(vec![]),
        (
            PrecertError::Missing {
                extension: "SCT list"
            },
            PrecertError::Missing {
                extension: "poison"
            }
        )
    );
    assert_eq!(
        both(vec![sct_list(300), sct_list(300)]).0,
        PrecertError::Duplicate {
            extension: "SCT list"
        }
    );
    assert_eq!(
        both(vec![poison(), poison()]).1,
        PrecertError::Duplicate {
            extension: "poison"
        }
    );
    let mut meek = poison();
    meek.set_criticality(false);
    assert_eq!(both(vec![meek]).1, PrecertError::Poison);
    let mut mixed = CustomExtension::from_oid_content(POISON, vec![4, 0]);
    mixed.set_criticality(true);
    assert_eq!(both(vec![mixed]).1, PrecertError::Poison);
    let twice = ca.issue(1, vec![sct_list(300), sct_list(300)]);
    assert_eq!(
        embedded_sct_list(&twice),
        Err(PrecertError::Duplicate {
            extension: "SCT list"
        })
    );
    let not_octets = ca.issue(
        1,
        vec![CustomExtension::from_oid_content(SCT_LIST, vec![5, 0])],
    );
    assert_eq!(embedded_sct_list(&not_octets), Err(PrecertError::Malformed));
}

#[test]
fn what_is_no_certificate_is_refused() {
    let ca = Ca::new();
    let good = ca.issue(1, vec![sct_list(300)]);
    let mut trailing = good.clone();
    trailing.push(0);
    for wrong in [
        &[][..],
        &good[..good.len() - 1],
        &trailing,
        &[0x30, 0],
        &[0x30, 6, 0x30, 0, 0x30, 0, 0x30, 0],
    ] {
        assert_eq!(spki_hash(wrong), Err(PrecertError::Malformed));
        let refused = PrecertEntry::of_certificate(&good, wrong);
        assert_eq!(refused, Err(PrecertError::Malformed));
    }
    // Extensions in front of another field: a TBSCertificate of `[3] { SEQUENCE {} }` and an INTEGER.
    let early = [
        &[0x30, 13, 0x30, 7, 0xa3, 2, 0x30, 0][..],
        &[0x02, 1, 1, 0x30, 0, 0x30, 0],
    ];
    assert_eq!(
        embedded_sct_list(&early.concat()),
        Err(PrecertError::Malformed)
    );
    let late = [
        &[0x30, 13, 0x30, 7, 0x02, 1, 1][..],
        &[0xa3, 2, 0x30, 0, 0x30, 0, 0x30, 0],
    ];
    assert_eq!(embedded_sct_list(&late.concat()), Ok(None));
    let found = CERTIFICATE_LIMIT + 1;
    assert_eq!(
        embedded_sct_list(&vec![0; found]),
        Err(PrecertError::TooLarge { found })
    );
}

#[test]
fn every_kind_of_log_signs_both_kinds_of_entry() {
    let ca = Ca::new();
    let certificate = ca.issue(1, vec![]);
    let poisoned = ca.issue(1, vec![poison()]);
    let precert = PrecertEntry::of_precertificate(&poisoned, &ca.certificate).unwrap();
    for (log, algorithms) in [
        (Signer::p256(), (4, 3)),
        (Signer::rsa(), (4, 1)),
        (Signer::ed25519(), (8, 7)),
    ] {
        let logs: LogKeys = [log.public()].into_iter().collect();
        for entry in [
            SctEntry::Certificate(&certificate),
            SctEntry::Precertificate(&precert),
        ] {
            let sct = signed(&log, algorithms, entry);
            let proof = sct.verify(entry, &logs).unwrap();
            assert_eq!(proof.log_id(), &LogId::of(&log.public()));
            assert_eq!(proof.time().as_millisecond(), 1_795_213_374_350);
        }
    }
}

#[test]
fn an_sct_holds_for_its_own_certificate_issuer_time_and_log_only() {
    let (ca, log) = (Ca::new(), Signer::p256());
    let logs: LogKeys = [log.public()].into_iter().collect();
    let log_id = LogId::of(&log.public());
    let mismatch = || {
        Err(SctError::Signature {
            log_id,
            error: VerifyError::Mismatch,
        })
    };
    let certificate = ca.issue(1, vec![]);
    let of = |issuer: &[u8]| {
        PrecertEntry::of_precertificate(&ca.issue(1, vec![poison()]), issuer).unwrap()
    };
    let precert = of(&ca.certificate);
    let sct = signed(&log, (4, 3), SctEntry::Precertificate(&precert));
    let other_issuer = of(&Ca::new().certificate);
    for entry in [
        SctEntry::Certificate(&certificate),
        SctEntry::Certificate(&precert.tbs),
        SctEntry::Precertificate(&other_issuer),
    ] {
        assert_eq!(sct.verify(entry, &logs), mismatch());
    }
    let entry = SctEntry::Precertificate(&precert);
    for change in [
        (|sct: &mut Sct| sct.milliseconds += 1) as fn(&mut Sct),
        |sct| sct.extensions.clear(),
        |sct| sct.signature[9] ^= 1,
        |sct| sct.signature.clear(),
    ] {
        let mut changed = sct.clone();
        change(&mut changed);
        assert_eq!(changed.verify(entry, &logs), mismatch());
    }
    let stranger = Signer::p256();
    let others: LogKeys = [stranger.public()].into_iter().collect();
    for none in [others, LogKeys::new()] {
        assert_eq!(
            sct.verify(entry, &none),
            Err(SctError::UnknownLog { log_id })
        );
    }
    for algorithms in [(4, 1), (2, 3), (5, 3), (0, 3), (8, 7), (4, 2)] {
        let sct = signed(&log, algorithms, entry);
        assert_eq!(
            sct.verify(entry, &logs),
            Err(SctError::Algorithm {
                hash: algorithms.0,
                signature: algorithms.1,
                kind: log.public().kind()
            })
        );
    }
}

#[test]
fn a_time_beyond_the_calendar_is_refused_though_signed() {
    let log = Signer::p256();
    let logs: LogKeys = [log.public()].into_iter().collect();
    let entry = SctEntry::Certificate(b"certificate");
    for milliseconds in [u64::MAX, 1 << 62] {
        let mut sct = sct_of(&log, 4, 3);
        sct.milliseconds = milliseconds;
        sct.signature = log.sign(&sct.signed_data(entry).unwrap());
        assert_eq!(
            sct.verify(entry, &logs),
            Err(SctError::Time { milliseconds })
        );
    }
}

#[test]
fn the_signed_structure_is_that_of_rfc_6962() {
    let mut sct = sct_of(&Signer::ed25519(), 4, 3);
    sct.milliseconds = 0x0102_0304_0506_0708;
    sct.extensions = vec![0xee];
    assert_eq!(
        sct.signed_data(SctEntry::Certificate(b"cert")).unwrap(),
        b"\0\0\x01\x02\x03\x04\x05\x06\x07\x08\0\0\0\0\x04cert\0\x01\xee"
    );
    let entry = PrecertEntry {
        issuer_key_hash: hash(&"ab".repeat(32)),
        tbs: b"tbs".to_vec(),
    };
    let expected = [
        b"\0\0\x01\x02\x03\x04\x05\x06\x07\x08\0\x01".as_slice(),
        &[0xab; 32],
        b"\0\0\x03tbs\0\x01\xee",
    ];
    assert_eq!(
        sct.signed_data(SctEntry::Precertificate(&entry)).unwrap(),
        expected.concat()
    );
    let found = 1 << 24;
    assert_eq!(
        sct.signed_data(SctEntry::Certificate(&vec![0; found])),
        Err(SctError::EntryTooLarge { found })
    );
}

#[test]
fn the_encoding_is_exact() {
    let mut sct = sct_of(&Signer::ed25519(), 4, 3);
    sct.signature = vec![1, 2, 3];
    let bytes = sct.to_bytes().unwrap();
    assert_eq!(Sct::from_bytes(&bytes), Ok(sct.clone()));
    for end in 0..bytes.len() {
        assert!(
            matches!(
                Sct::from_bytes(&bytes[..end]),
                Err(SctError::Truncated { .. })
            ),
            "{end}"
        );
    }
    let mut changed = bytes.clone();
    changed.push(0);
    assert_eq!(
        Sct::from_bytes(&changed),
        Err(SctError::Trailing { found: 1 })
    );
    changed[0] = 1;
    assert_eq!(
        Sct::from_bytes(&changed),
        Err(SctError::Version { version: 1 })
    );
    let list = Sct::write_list(&[sct.clone(), sct.clone()]).unwrap();
    assert_eq!(Sct::parse_list(&list), Ok(vec![sct.clone(), sct.clone()]));
    for end in 0..list.len() {
        assert!(Sct::parse_list(&list[..end]).is_err());
    }
    let mut trailing = list.clone();
    trailing.push(0);
    assert_eq!(
        Sct::parse_list(&trailing),
        Err(SctError::Trailing { found: 1 })
    );
    assert_eq!(
        Sct::parse_list(&[0, 0]),
        Err(SctError::ListLength { found: 0 })
    );
    assert_eq!(Sct::write_list(&[]), Err(SctError::ListLength { found: 0 }));
    let found = SCT_LIST_LIMIT + 1;
    assert_eq!(
        Sct::write_list(&vec![sct.clone(); found]),
        Err(SctError::ListLength { found })
    );
    let item = [&[0, 58], bytes.as_slice()].concat();
    assert_eq!(usize::from(item[1]), bytes.len());
    let items = item.repeat(found);
    let length = u16::try_from(items.len()).unwrap().to_be_bytes();
    assert_eq!(
        Sct::parse_list(&[length.as_slice(), &items].concat()),
        Err(SctError::ListLength { found })
    );
    sct.extensions = vec![0; 65536];
    assert_eq!(
        sct.to_bytes(),
        Err(SctError::TooLarge {
            what: "extensions",
            found: 65536
        })
    );
}

#[test]
fn the_answer_of_a_log_is_an_sct() {
    let id = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let answer = |version, id: &str, extensions: &str, signature: &str| {
        let json = format!(
            r#"{{"sct_version":{version},"id":"{id}","timestamp":5,"extensions":{extensions},"signature":"{signature}"}}"#
        );
        Sct::from_add_chain_response(json.as_bytes())
    };
    let sct = answer(0, id, r#""7g==""#, "BAMAAgEC").unwrap();
    let first: [u8; 32] = std::array::from_fn(|i| u8::try_from(i).unwrap());
    assert_eq!(
        sct,
        Sct {
            log_id: LogId::from_bytes(first),
            milliseconds: 5,
            extensions: vec![0xee],
            hash: 4,
            algorithm: 3,
            signature: vec![1, 2]
        }
    );
    assert_eq!(answer(0, id, "null", "BAMAAgEC").unwrap().extensions, b"");
    assert_eq!(
        answer(1, id, "null", "BAMAAgEC"),
        Err(SctError::Version { version: 1 })
    );
    assert_eq!(answer(0, "AAEC", "null", "BAMAAgEC"), Err(SctError::Json));
    assert_eq!(answer(0, id, "null", "?"), Err(SctError::Json));
    assert_eq!(
        answer(0, id, "null", "BAMAAgE="),
        Err(SctError::Truncated { what: "signature" })
    );
    assert_eq!(
        answer(0, id, "null", "BAMAAQEC"),
        Err(SctError::Trailing { found: 1 })
    );
    assert_eq!(Sct::from_add_chain_response(b"{}"), Err(SctError::Json));
    let found = ADD_CHAIN_RESPONSE_LIMIT + 1;
    assert_eq!(
        Sct::from_add_chain_response(&vec![b' '; found]),
        Err(SctError::TooLarge {
            what: "answer",
            found
        })
    );
}

#[test]
fn log_ids_are_exact_text() {
    let id = LogId::of(&Signer::p256().public());
    assert_eq!(LogId::parse_hex(&id.to_string()), Ok(id));
    assert!(LogId::parse_hex(&id.to_string()[1..]).is_err());
    assert_eq!(LogId::try_from(id.as_bytes().as_slice()), Ok(id));
    assert!(LogId::try_from(&id.as_bytes()[1..]).is_err());
}

proptest! {
    #[test]
    fn scts_come_back(mut bytes in proptest::collection::vec(any::<u8>(), 0..120), zeros in any::<bool>()) {
        if zeros && bytes.len() > 50 {
            bytes[0] = 0;
            bytes[41..43].fill(0);
            let rest = u16::try_from(bytes.len() - 47).unwrap();
            bytes[45..47].copy_from_slice(&rest.to_be_bytes());
            prop_assert!(Sct::from_bytes(&bytes).is_ok());
        }
        if let Ok(sct) = Sct::from_bytes(&bytes) {
            prop_assert_eq!(sct.to_bytes().unwrap(), bytes.clone());
        }
        if let Ok(scts) = Sct::parse_list(&bytes) {
            prop_assert_eq!(Sct::write_list(&scts).unwrap(), bytes.clone());
        }
        drop(Sct::from_add_chain_response(&bytes));
    }

    #[test]
    fn no_certificate_panics(at in 0usize..700, with in 1u8.., cut in 0usize..700) {
        use std::sync::OnceLock;
        static MADE: OnceLock<(Vec<u8>, Vec<u8>)> = OnceLock::new();
        let (certificate, issuer) = MADE.get_or_init(|| {
            let ca = Ca::new();
            (ca.issue(1, vec![sct_list(300), poison()]), ca.certificate)
        });
        let mut changed = certificate.clone();
        if let Some(byte) = changed.get_mut(at) {
            *byte ^= with;
        }
        for bytes in [changed.as_slice(), certificate.get(..cut).unwrap_or_default()] {
            drop(PrecertEntry::of_certificate(bytes, issuer));
            drop(PrecertEntry::of_precertificate(bytes, issuer));
            drop(PrecertEntry::of_certificate(certificate, bytes));
            drop(embedded_sct_list(bytes));
        }
    }
}
