//! Checkpoints: the text, the log's signature, the witnesses', and every refusal.

use proptest::prelude::*;
use tlog::checkpoint::{
    Checkpoint, CheckpointError, GrowthError, OriginRule, SignedCheckpoint, TrustedLog,
    VerifiedCheckpoint, WitnessPolicy,
};
use tlog::hash::{empty_root, leaf_hash, node_hash};
use tlog::note::{Note, NoteError, NoteSignature};
use tlog::note_key::{NoteKey, NoteSignatureError};
use tlog::proof::{ProofError, TreeHead};

use crate::{Signer, key_name};

const ORIGIN: &str = "log.example/1";

fn checkpoint() -> Checkpoint {
    Checkpoint {
        origin: ORIGIN.to_owned(),
        tree: TreeHead {
            size: 2,
            root: node_hash(&leaf_hash(b"a"), &leaf_hash(b"b")),
        },
        extensions: Vec::new(),
    }
}

fn signed(checkpoint: &Checkpoint, lines: Vec<NoteSignature>) -> SignedCheckpoint {
    let note = Note::new(checkpoint.to_string(), lines).unwrap();
    SignedCheckpoint::parse(note.to_string().as_bytes()).unwrap()
}

fn trusted(key: NoteKey) -> TrustedLog {
    TrustedLog {
        key,
        origin: OriginRule::Exactly(ORIGIN.to_owned()),
    }
}

fn verified(log: &Signer, mut lines: Vec<NoteSignature>) -> VerifiedCheckpoint {
    lines.push(log.line(ORIGIN, &checkpoint().to_string()));
    signed(&checkpoint(), lines)
        .verify(&[trusted(log.log_key(ORIGIN))])
        .unwrap()
}

#[test]
fn the_text_is_read_and_written_back() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    for text in [
        format!("example.com/behind-the-sofa\n20852163\n{root}\n"),
        format!("rekor.example - 123\n0\n{root}\nTimestamp: 1\nother\n"),
        format!("o\n9223372036854775807\n{root}\n"),
    ] {
        assert_eq!(Checkpoint::parse(&text).unwrap().to_string(), text);
    }
    let with = |size: &str, root: &str| Checkpoint::parse(&format!("o\n{size}\n{root}\n"));
    for size in [
        "",
        "01",
        "+1",
        "-1",
        " 1",
        "1 ",
        "0x1",
        "9223372036854775808",
        "99999999999999999999",
    ] {
        assert_eq!(
            with(size, root),
            Err(CheckpointError::MissingSize),
            "{size:?}"
        );
    }
    for root in [
        "",
        "AAAA",
        &root[1..],
        &format!("{root} "),
        &root.replace('=', ""),
    ] {
        assert_eq!(
            with("1", root),
            Err(CheckpointError::MissingRoot),
            "{root:?}"
        );
    }
    for (text, error) in [
        (String::new(), CheckpointError::Note(NoteError::Text)),
        (
            format!("o\n1\n{root}"),
            CheckpointError::Note(NoteError::Text),
        ),
        (format!("\n1\n{root}\n"), CheckpointError::MissingOrigin),
        ("o\n".to_owned(), CheckpointError::MissingSize),
        ("o\n1\n".to_owned(), CheckpointError::MissingRoot),
        (
            format!("o\n1\n{root}\n\nx\n"),
            CheckpointError::EmptyExtension { line: 0 },
        ),
        (
            format!("o\n1\n{root}\nx\n\n"),
            CheckpointError::EmptyExtension { line: 1 },
        ),
    ] {
        assert_eq!(Checkpoint::parse(&text), Err(error), "{text:?}");
    }
}

#[test]
fn every_kind_of_log_key_verifies() {
    let text = checkpoint().to_string();
    for log in [
        Signer::ed25519(),
        Signer::p256(),
        Signer::p384(),
        Signer::rsa(),
    ] {
        let signed = signed(&checkpoint(), vec![log.line(ORIGIN, &text)]);
        assert_eq!(signed.unverified(), &checkpoint());
        let verified = signed.verify(&[trusted(log.log_key(ORIGIN))]).unwrap();
        assert_eq!(verified.checkpoint(), &checkpoint());
        assert_eq!(verified.log_key(), &log.log_key(ORIGIN));
        assert_eq!(verified.tree(), checkpoint().tree);
    }
}

#[test]
fn signatures_by_others_are_passed_over_wherever_they_stand() {
    let (log, other) = (Signer::p256(), Signer::ed25519());
    let text = checkpoint().to_string();
    let mut same_name = other.line(ORIGIN, "something else\n");
    same_name.id.0[0] ^= 1;
    let lines = vec![
        other.line("elsewhere.example", "something else\n"),
        same_name,
        log.line(ORIGIN, &text),
        other.cosignature("witness.example", &text, 1),
    ];
    let signed = signed(&checkpoint(), lines);
    assert!(signed.verify(&[trusted(log.log_key(ORIGIN))]).is_ok());
    // Rotation: both keys are trusted, one has signed.
    let both = [
        trusted(Signer::p256().log_key(ORIGIN)),
        trusted(log.log_key(ORIGIN)),
    ];
    assert!(signed.verify(&both).is_ok());
}

#[test]
fn a_checkpoint_that_no_trusted_log_signed_is_refused() {
    let log = Signer::ed25519();
    let text = checkpoint().to_string();
    let ours = [trusted(log.log_key(ORIGIN))];
    let by_log = vec![log.line(ORIGIN, &text)];
    assert_eq!(
        signed(&checkpoint(), by_log.clone()).verify(&[]),
        Err(CheckpointError::UnknownOrigin {
            origin: ORIGIN.to_owned()
        })
    );
    let elsewhere = TrustedLog {
        key: log.log_key(ORIGIN),
        origin: OriginRule::Exactly("log.example/2".to_owned()),
    };
    assert_eq!(
        signed(&checkpoint(), by_log).verify(&[elsewhere]),
        Err(CheckpointError::UnknownOrigin {
            origin: ORIGIN.to_owned()
        })
    );
    for line in [
        Signer::ed25519().line(ORIGIN, &text),
        log.line("other.example", &text),
        // A witness's line by the log's own key is no log's line.
        log.cosignature(ORIGIN, &text, 1),
    ] {
        assert_eq!(
            signed(&checkpoint(), vec![line]).verify(&ours),
            Err(CheckpointError::Unsigned {
                origin: ORIGIN.to_owned()
            })
        );
    }
    let mut forged = log.line(ORIGIN, &text);
    forged.bytes[3] ^= 1;
    for (line, text_of) in [
        (forged, checkpoint()),
        (
            log.line(ORIGIN, &text),
            Checkpoint {
                extensions: vec!["more".to_owned()],
                ..checkpoint()
            },
        ),
    ] {
        // One good signature does not excuse a bad one.
        for lines in [
            vec![line.clone()],
            vec![log.line(ORIGIN, &text_of.to_string()), line],
        ] {
            assert!(matches!(
                signed(&text_of, lines).verify(&ours),
                Err(CheckpointError::BadSignature { name, id, error: NoteSignatureError::Signature(_) })
                    if name == key_name(ORIGIN) && id == log.log_key(ORIGIN).id()
            ));
        }
    }
}

#[test]
fn a_rekor_key_speaks_for_its_shards_under_any_name() {
    let log = Signer::p256();
    let rekor = [TrustedLog {
        key: NoteKey::of_rekor_v1(log.public()),
        origin: OriginRule::RekorShard,
    }];
    let shard = |origin: &str| {
        let checkpoint = Checkpoint {
            origin: origin.to_owned(),
            ..checkpoint()
        };
        let line = log.line("rekor.example", &checkpoint.to_string());
        signed(&checkpoint, vec![line]).verify(&rekor)
    };
    assert!(shard("rekor.example - 1193050959916656506").is_ok());
    for origin in [
        "rekor.example",
        "rekor.example - ",
        " - 1",
        "rekor.example - 1x",
        "rekor.example -1",
    ] {
        assert!(
            matches!(shard(origin), Err(CheckpointError::UnknownOrigin { .. })),
            "{origin:?}"
        );
    }
}

#[test]
fn a_log_that_is_trusted_twice_and_signs_twice_is_one_log() {
    let log = Signer::p256();
    let text = checkpoint().to_string();
    let twice = [trusted(log.log_key(ORIGIN)), trusted(log.log_key(ORIGIN))];
    let one = signed(&checkpoint(), vec![log.line(ORIGIN, &text); 2]);
    assert!(one.verify(&twice).is_ok());
}

#[test]
fn witnesses_count_once_each() {
    let (log, one, two, stranger) = (
        Signer::p256(),
        Signer::ed25519(),
        Signer::ed25519(),
        Signer::ed25519(),
    );
    let text = checkpoint().to_string();
    let policy = |threshold| WitnessPolicy {
        witnesses: vec![
            one.witness_key("w1.example"),
            two.witness_key("w2.example"),
            one.witness_key("alias.example"),
        ],
        threshold,
    };
    let cosigned = verified(
        &log,
        vec![
            one.cosignature("w1.example", &text, 1_795_000_000),
            one.cosignature("alias.example", &text, 1_795_000_001),
            one.cosignature("w1.example", &text, 1_795_000_002),
            stranger.cosignature("w2.example", &text, 1_795_000_003),
        ],
    );
    let witnessed = cosigned.verify_witnesses(&policy(1)).unwrap();
    let [cosignature] = witnessed.cosignatures() else {
        panic!("one witness");
    };
    assert_eq!(cosignature.key, one.witness_key("w1.example"));
    assert_eq!(
        (cosignature.name.as_str(), cosignature.seconds),
        ("w1.example", 1_795_000_000)
    );
    assert_eq!(
        cosigned.verify_witnesses(&policy(2)),
        Err(CheckpointError::TooFewWitnesses {
            threshold: 2,
            found: 1
        })
    );
    assert_eq!(
        cosigned.verify_witnesses(&policy(3)),
        Err(CheckpointError::UnreachableThreshold {
            threshold: 3,
            known: 2
        })
    );
    let both = verified(
        &log,
        vec![
            one.cosignature("w1.example", &text, 1),
            two.cosignature("w2.example", &text, 0),
        ],
    );
    assert_eq!(
        both.verify_witnesses(&policy(2))
            .unwrap()
            .cosignatures()
            .len(),
        2
    );
    let nobody = verified(&log, vec![]);
    assert_eq!(
        nobody.verify_witnesses(&policy(0)).unwrap().cosignatures(),
        []
    );
    // A log key is no witness key, even if the policy says so.
    let confused = WitnessPolicy {
        witnesses: vec![log.log_key(ORIGIN)],
        threshold: 1,
    };
    assert_eq!(
        nobody.verify_witnesses(&confused),
        Err(CheckpointError::UnreachableThreshold {
            threshold: 1,
            known: 0
        })
    );
}

#[test]
fn a_bad_cosignature_is_named() {
    let (log, witness) = (Signer::p256(), Signer::ed25519());
    let text = checkpoint().to_string();
    let policy = WitnessPolicy {
        witnesses: vec![witness.witness_key("w.example")],
        threshold: 0,
    };
    let refusal = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut line = witness.cosignature("w.example", &text, 1_795_000_000);
        change(&mut line.bytes);
        match verified(&log, vec![line]).verify_witnesses(&policy) {
            Err(CheckpointError::BadSignature { error, .. }) => error,
            other => panic!("{other:?}"),
        }
    };
    // Another time than was signed; a time beyond 63 bits; too short and too long.
    assert!(matches!(
        refusal(&|bytes| bytes[7] ^= 1),
        NoteSignatureError::Signature(_)
    ));
    assert_eq!(
        refusal(&|bytes| bytes[..8].fill(0xff)),
        NoteSignatureError::CosignatureTime { seconds: u64::MAX }
    );
    assert_eq!(
        refusal(&|bytes| bytes.truncate(71)),
        NoteSignatureError::CosignatureLength { found: 71 }
    );
    assert_eq!(
        refusal(&|bytes| bytes.truncate(5)),
        NoteSignatureError::CosignatureLength { found: 5 }
    );
    assert_eq!(
        refusal(&|bytes| bytes.push(0)),
        NoteSignatureError::CosignatureLength { found: 73 }
    );
}

#[test]
fn proofs_are_bound_to_the_checkpoint() {
    let verified = verified(&Signer::p256(), vec![]);
    let (a, b) = (leaf_hash(b"a"), leaf_hash(b"b"));
    assert_eq!(
        *verified.verify_inclusion(1, b, &[a]).unwrap().tree(),
        verified.tree()
    );
    assert!(matches!(
        verified.verify_inclusion(0, b, &[a]),
        Err(ProofError::RootMismatch { .. })
    ));
    let log = Signer::p256();
    let empty = Checkpoint {
        tree: TreeHead {
            size: 0,
            root: empty_root(),
        },
        ..checkpoint()
    };
    let old = signed(&empty, vec![log.line(ORIGIN, &empty.to_string())])
        .verify(&[trusted(log.log_key(ORIGIN))])
        .unwrap();
    assert!(verified.verify_growth(&old, &[]).is_ok());
    assert_eq!(
        old.verify_growth(&verified, &[]),
        Err(GrowthError::Proof(ProofError::Shrunk { old: 2, new: 0 }))
    );
    let elsewhere = Checkpoint {
        origin: "log.example/2".to_owned(),
        ..empty
    };
    let elsewhere = signed(&elsewhere, vec![log.line(ORIGIN, &elsewhere.to_string())])
        .verify(&[TrustedLog {
            key: log.log_key(ORIGIN),
            origin: OriginRule::Exactly("log.example/2".to_owned()),
        }])
        .unwrap();
    assert_eq!(
        verified.verify_growth(&elsewhere, &[]),
        Err(GrowthError::OtherLog {
            old: "log.example/2".to_owned(),
            new: ORIGIN.to_owned()
        })
    );
}

#[test]
fn the_note_must_be_one() {
    assert_eq!(
        SignedCheckpoint::parse(checkpoint().to_string().as_bytes()),
        Err(CheckpointError::Note(NoteError::NoSignatures))
    );
    assert_eq!(
        SignedCheckpoint::parse("a\n\n— n AAAAAAA=\n".as_bytes()),
        Err(CheckpointError::MissingSize)
    );
}

proptest! {
    #[test]
    fn texts_come_back(text in "(\\PC{0,10}\n)(0|[1-9][0-9]{0,20}|\\PC{0,5})\n([A-Za-z0-9+/]{43}=|\\PC{0,5})\n(\\PC{0,10}\n){0,3}") {
        if let Ok(checkpoint) = Checkpoint::parse(&text) {
            prop_assert_eq!(checkpoint.to_string(), text);
        }
    }
}
