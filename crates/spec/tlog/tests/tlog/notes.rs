//! Signed notes and the keys under them.

use pki::signature::{VerifyingKey, VerifyingKeyKind};
use proptest::prelude::*;
use tlog::note::{KEY_NAME_LIMIT, KeyName, NOTE_LIMIT, Note, NoteError, SIGNATURES_LIMIT};
use tlog::note_key::{NoteKey, NoteKeyError, NoteKeyType, VKEY_LIMIT};

use crate::{Signer, id, key_name};

/// The example of C2SP tlog-cosignature.
const EXAMPLE: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
    — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
    — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

/// The key of Go's checksum database, as every Go release carries it.
const SUM_GOLANG: &str = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";

#[test]
fn a_note_is_read_and_written_back() {
    let note = Note::parse(EXAMPLE.as_bytes()).unwrap();
    assert_eq!(note.to_string(), EXAMPLE);
    assert!(
        note.text()
            .starts_with("example.com/behind-the-sofa\n20852163\n")
    );
    let [log, witness] = note.signatures() else {
        panic!("two signatures");
    };
    assert_eq!(
        (log.name.as_str(), log.id, log.bytes.len()),
        ("example.com/behind-the-sofa", id("033de0ae"), 64)
    );
    assert_eq!(
        (witness.name.as_str(), witness.id, witness.bytes.len()),
        ("witness.example.com/w1", id("8d66cf3f"), 72)
    );
    let again = Note::new(note.text().to_owned(), note.signatures().to_vec());
    assert_eq!(again, Ok(note));
}

#[test]
fn the_last_empty_line_separates() {
    let note = Note::parse("a\n\nb\n\n— n AAAAAAA=\n".as_bytes()).unwrap();
    assert_eq!(note.text(), "a\n\nb\n");
    let note = Note::parse("a\n\n\n— n AAAAAAA=\n".as_bytes()).unwrap();
    assert_eq!(note.text(), "a\n\n");
}

#[test]
fn what_is_no_note_is_refused() {
    let many = "— n AAAAAAA=\n".repeat(SIGNATURES_LIMIT + 1);
    let long_name = "n".repeat(KEY_NAME_LIMIT + 1);
    let name = |name: &str| NoteError::KeyName {
        name: name.chars().take(80).collect(),
    };
    for (note, error) in [
        ("", NoteError::NoSignatures),
        ("a\n", NoteError::NoSignatures),
        ("a\n\n", NoteError::NoSignatures),
        ("a\n\n— n AAAAAAA=", NoteError::NoSignatures),
        ("a\n— n AAAAAAA=\n", NoteError::NoSignatures),
        ("\n\n— n AAAAAAA=\n", NoteError::Text),
        ("a\n\n\n", NoteError::NoSignatures),
        ("a\n\nn AAAAAAA=\n", NoteError::SignatureLine { line: 0 }),
        ("a\n\n- n AAAAAAA=\n", NoteError::SignatureLine { line: 0 }),
        ("a\n\n— n\n", NoteError::SignatureLine { line: 0 }),
        ("a\n\n— n AAAAAAA\n", NoteError::SignatureLine { line: 0 }),
        ("a\n\n— n AAAAAA==\n", NoteError::SignatureLine { line: 0 }),
        ("a\n\n— n AAAAAAB=\n", NoteError::SignatureLine { line: 0 }),
        ("a\n\n— n AAAAAAA= \n", NoteError::SignatureLine { line: 0 }),
        ("a\n\n— n  AAAAAAA=\n", NoteError::SignatureLine { line: 0 }),
        (
            "a\n\n— n AAAAAAA=\n— n x\n",
            NoteError::SignatureLine { line: 1 },
        ),
        ("a\n\n—  AAAAAAA=\n", name("")),
        ("a\n\n— n+m AAAAAAA=\n", name("n+m")),
        ("a\n\n— n\u{a0}m AAAAAAA=\n", name("n\u{a0}m")),
        ("a\r\n\n— n AAAAAAA=\n", NoteError::Characters),
        ("a\tb\n\n— n AAAAAAA=\n", NoteError::Characters),
        (&format!("a\n\n{many}"), NoteError::TooManySignatures),
        (&format!("a\n\n— {long_name} AAAAAAA=\n"), name(&long_name)),
        (
            &"a".repeat(NOTE_LIMIT + 1),
            NoteError::TooLarge {
                found: NOTE_LIMIT + 1,
            },
        ),
    ] {
        assert_eq!(Note::parse(note.as_bytes()), Err(error), "{note:.60}");
    }
    assert_eq!(Note::parse(b"a\xff\n\n"), Err(NoteError::Characters));
    // The edge of a sequence of NOTE_LIMIT is allowed to be what it is otherwise.
    let longest = format!("{}\n\n— n AAAAAAA=\n", "a".repeat(NOTE_LIMIT - 17));
    assert_eq!(longest.len(), NOTE_LIMIT);
    assert!(Note::parse(longest.as_bytes()).is_ok());
}

#[test]
fn what_is_no_note_cannot_be_made() {
    let signature = || Signer::ed25519().line("n", "a\n");
    let new = |text: &str, signatures| Note::new(text.to_owned(), signatures).unwrap_err();
    assert_eq!(new("a", vec![signature()]), NoteError::Text);
    assert_eq!(new("\n", vec![signature()]), NoteError::Text);
    assert_eq!(new("a\rb\n", vec![signature()]), NoteError::Characters);
    assert_eq!(new("a\n", vec![]), NoteError::NoSignatures);
    assert_eq!(
        new("a\n", vec![signature(); 65]),
        NoteError::TooManySignatures
    );
    let mut empty = signature();
    empty.bytes.clear();
    assert_eq!(
        new("a\n", vec![signature(), empty]),
        NoteError::SignatureLine { line: 1 }
    );
    assert!(matches!(
        new(&format!("{}\n", "a".repeat(NOTE_LIMIT)), vec![signature()]),
        NoteError::TooLarge { .. }
    ));
}

#[test]
fn a_known_vkey() {
    let key = NoteKey::parse_vkey(SUM_GOLANG).unwrap();
    assert_eq!(key.name(), Some(&key_name("sum.golang.org")));
    assert_eq!(
        (key.id(), key.key_type()),
        (id("033de0ae"), NoteKeyType::Ed25519)
    );
    assert_eq!(key.to_vkey().as_deref(), Some(SUM_GOLANG));
}

#[test]
fn every_type_of_key_has_its_vkey() {
    for (signer, key_type) in [
        (Signer::ed25519(), NoteKeyType::Ed25519),
        (Signer::ed25519(), NoteKeyType::CosignatureV1),
        (Signer::p256(), NoteKeyType::Ecdsa),
        (Signer::p384(), NoteKeyType::Ecdsa),
        (Signer::rsa(), NoteKeyType::RsaPkcs1v15),
    ] {
        let key = NoteKey::new(key_name("log.example/1"), key_type, signer.public()).unwrap();
        let vkey = key.to_vkey().unwrap();
        assert_eq!(NoteKey::parse_vkey(&vkey), Ok(key.clone()));
        assert_eq!(key.key(), &signer.public());
        let (head, tail) = vkey.split_once(&format!("+{}+", key.id())).unwrap();
        let wrong = format!("{head}+00000000+{tail}");
        assert_eq!(
            NoteKey::parse_vkey(&wrong),
            Err(NoteKeyError::Id {
                found: id("00000000"),
                computed: key.id()
            })
        );
        let upper = format!("{head}+{}+{tail}", key.id().to_string().to_uppercase());
        let digits_only = key
            .id()
            .to_string()
            .bytes()
            .all(|byte| byte.is_ascii_digit());
        assert!(digits_only || NoteKey::parse_vkey(&upper) == Err(NoteKeyError::Vkey));
    }
}

#[test]
fn ids_depend_on_what_the_type_says() {
    let (ed25519, p256) = (Signer::ed25519(), Signer::p256());
    let of = |name, key_type| {
        NoteKey::new(key_name(name), key_type, ed25519.public())
            .unwrap()
            .id()
    };
    assert_ne!(of("a", NoteKeyType::Ed25519), of("b", NoteKeyType::Ed25519));
    assert_ne!(
        of("a", NoteKeyType::Ed25519),
        of("a", NoteKeyType::CosignatureV1)
    );
    let hint: [u8; 4] = p256.public().spki_sha256().as_bytes()[..4]
        .try_into()
        .unwrap();
    assert_eq!(p256.log_key("a").id().0, hint);
    assert_eq!(p256.log_key("b").id().0, hint);
    let rekor = NoteKey::of_rekor_v1(p256.public());
    assert_eq!(
        (rekor.id().0, rekor.name(), rekor.to_vkey()),
        (hint, None, None)
    );
    assert_eq!(
        NoteKey::new(key_name("a"), NoteKeyType::CosignatureV1, p256.public()),
        Err(NoteKeyError::Kind {
            key_type: NoteKeyType::CosignatureV1,
            kind: p256.public().kind()
        })
    );
    assert!(matches!(
        NoteKey::new(key_name("a"), NoteKeyType::Ecdsa, ed25519.public()),
        Err(NoteKeyError::Kind {
            kind: VerifyingKeyKind::Ed25519,
            ..
        })
    ));
}

#[test]
fn what_is_no_vkey_is_refused() {
    for (vkey, error) in [
        ("", NoteKeyError::Vkey),
        ("n", NoteKeyError::Vkey),
        ("n+033de0ae", NoteKeyError::Vkey),
        ("n+033de0+AQ==", NoteKeyError::Vkey),
        ("n+033de0ae+A", NoteKeyError::Vkey),
        ("n+033de0ae+", NoteKeyError::Vkey),
        ("n+033de0ae+AQAA", NoteKeyError::Vkey),
        ("n+033de0ae+BAAA", NoteKeyError::Vkey),
        ("n+033de0ae+AwAA", NoteKeyError::UnknownType { byte: 3 }),
        ("n+033de0ae+/wAA", NoteKeyError::UnknownType { byte: 0xff }),
        (
            &format!("n+033de0ae+{}", "A".repeat(VKEY_LIMIT)),
            NoteKeyError::Vkey,
        ),
    ] {
        assert_eq!(NoteKey::parse_vkey(vkey), Err(error), "{vkey:.40}");
    }
    assert!(matches!(
        NoteKey::parse_vkey("n+033de0ae+AgAA"),
        Err(NoteKeyError::Key(_))
    ));
    let nameless = SUM_GOLANG.replace("sum.golang.org", "");
    assert!(matches!(
        NoteKey::parse_vkey(&nameless),
        Err(NoteKeyError::Name(_))
    ));
    let renamed = SUM_GOLANG.replace("sum", "sun");
    assert!(matches!(
        NoteKey::parse_vkey(&renamed),
        Err(NoteKeyError::Id { .. })
    ));
}

#[test]
fn a_key_from_raw_bytes_is_the_same_key() {
    let key = Signer::ed25519().public();
    assert_eq!(VerifyingKey::from_ed25519(key.ed25519().unwrap()), key);
}

proptest! {
    #[test]
    fn notes_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "(\\PC{0,20}\n){0,4}(— \\PC{0,8} [A-Za-z0-9+/]{8,12}\n){0,3}") {
        for bytes in [bytes.as_slice(), text.as_bytes()] {
            if let Ok(note) = Note::parse(bytes) {
                prop_assert_eq!(note.to_string().into_bytes(), bytes);
            }
        }
    }

    #[test]
    fn vkeys_come_back(vkey in "[a-z]{1,4}\\+[0-9a-f]{8}\\+[A-Za-z0-9+/]{0,44}") {
        if let Ok(key) = NoteKey::parse_vkey(&vkey) {
            prop_assert_eq!(key.to_vkey(), Some(vkey));
        }
    }

    #[test]
    fn names_come_back(name in "\\PC{0,20}") {
        if let Ok(parsed) = KeyName::parse(&name) {
            prop_assert_eq!(parsed.to_string(), name);
        }
    }
}
