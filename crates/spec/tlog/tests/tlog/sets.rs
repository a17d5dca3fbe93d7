//! Signed entry timestamps and the rules for their time.

use jiff::{SignedDuration, Timestamp};
use pki::signature::VerifyError;
use proptest::prelude::*;
use tlog::hash::MAX_TREE_SIZE;
use tlog::log_id::{LogId, LogKeys};
use tlog::set::{EntryPromise, IntegratedTimeError, IntegratedTimeRules, SetError, SetVerified};

use crate::Signer;

const TIME: i64 = 1_795_213_374;

fn promise(log: &Signer) -> EntryPromise<'static> {
    EntryPromise {
        body: br#"{"kind":"hashedrekord"}"#,
        integrated_time: TIME,
        log_id: LogId::of(&log.public()),
        log_index: 10,
    }
}

fn proven() -> SetVerified {
    let log = Signer::p256();
    let promise = promise(&log);
    let logs: LogKeys = [log.public()].into_iter().collect();
    promise
        .verify(&log.sign(promise.payload().as_bytes()), &logs)
        .unwrap()
}

#[test]
fn the_payload_is_canonical_json() {
    let promise = EntryPromise {
        body: b"\xff\xfe{}",
        integrated_time: TIME,
        log_id: LogId::from_bytes([0xab; 32]),
        log_index: 0,
    };
    let id = "ab".repeat(32);
    assert_eq!(
        promise.payload(),
        format!(r#"{{"body":"//57fQ==","integratedTime":1795213374,"logID":"{id}","logIndex":0}}"#)
    );
}

#[test]
fn a_promise_holds_as_it_was_signed_and_no_other_way() {
    for log in [
        Signer::p256(),
        Signer::p384(),
        Signer::ed25519(),
        Signer::rsa(),
    ] {
        let logs: LogKeys = [log.public()].into_iter().collect();
        let log_id = LogId::of(&log.public());
        let promise = promise(&log);
        let signature = log.sign(promise.payload().as_bytes());
        let proof = promise.verify(&signature, &logs).unwrap();
        assert_eq!(
            (
                *proof.log_id(),
                proof.log_index(),
                proof.integrated_time().as_second()
            ),
            (log_id, 10, TIME)
        );
        let mismatch = Err(SetError::Signature {
            log_id,
            error: VerifyError::Mismatch,
        });
        for changed in [
            EntryPromise {
                body: b"{}",
                ..promise
            },
            EntryPromise {
                integrated_time: TIME + 1,
                ..promise
            },
            EntryPromise {
                log_index: 11,
                ..promise
            },
        ] {
            assert_eq!(changed.verify(&signature, &logs), mismatch);
        }
        assert_eq!(promise.verify(&signature[1..], &logs), mismatch);
        assert_eq!(promise.verify(&[], &logs), mismatch);
        let stranger: LogKeys = [Signer::p256().public()].into_iter().collect();
        assert_eq!(
            promise.verify(&signature, &stranger),
            Err(SetError::UnknownLog { log_id })
        );
    }
}

#[test]
fn numbers_out_of_range_are_refused_though_signed() {
    let log = Signer::p256();
    let logs: LogKeys = [log.public()].into_iter().collect();
    let verify =
        |promise: EntryPromise<'_>| promise.verify(&log.sign(promise.payload().as_bytes()), &logs);
    for seconds in [0, -1, i64::MIN, i64::MAX] {
        let promise = EntryPromise {
            integrated_time: seconds,
            ..promise(&log)
        };
        assert_eq!(verify(promise), Err(SetError::Time { seconds }));
    }
    for log_index in [MAX_TREE_SIZE, u64::MAX] {
        let promise = EntryPromise {
            log_index,
            ..promise(&log)
        };
        assert_eq!(verify(promise), Err(SetError::Index { log_index }));
    }
}

#[test]
fn every_rule_of_time_has_its_refusal() {
    let set = proven();
    let at = |offset: i64| Timestamp::from_second(TIME + offset).unwrap();
    let found = at(0);
    let rules = IntegratedTimeRules {
        now: found,
        skew: SignedDuration::ZERO,
        log_start: Some(found),
        log_end: Some(found),
        not_before: Some(found),
        not_after: Some(found),
    };
    // Every bound is inside its window.
    assert_eq!(rules.check(&set), Ok(()));
    let open = IntegratedTimeRules {
        log_start: None,
        log_end: None,
        not_before: None,
        not_after: None,
        ..rules
    };
    assert_eq!(open.check(&set), Ok(()));
    let skewed = IntegratedTimeRules {
        now: at(-60),
        skew: SignedDuration::from_secs(60),
        ..open
    };
    assert_eq!(skewed.check(&set), Ok(()));
    let forever = IntegratedTimeRules {
        skew: SignedDuration::MAX,
        ..open
    };
    assert_eq!(forever.check(&set), Ok(()));
    for (rules, error) in [
        (
            IntegratedTimeRules {
                now: at(-61),
                ..skewed
            },
            IntegratedTimeError::Future {
                found,
                latest: at(-1),
            },
        ),
        (
            IntegratedTimeRules {
                log_start: Some(at(1)),
                ..rules
            },
            IntegratedTimeError::BeforeLog {
                found,
                log_start: at(1),
            },
        ),
        (
            IntegratedTimeRules {
                log_end: Some(at(-1)),
                ..rules
            },
            IntegratedTimeError::AfterLog {
                found,
                log_end: at(-1),
            },
        ),
        (
            IntegratedTimeRules {
                not_before: Some(at(1)),
                ..rules
            },
            IntegratedTimeError::BeforeCertificate {
                found,
                not_before: at(1),
            },
        ),
        (
            IntegratedTimeRules {
                not_after: Some(at(-1)),
                ..rules
            },
            IntegratedTimeError::AfterCertificate {
                found,
                not_after: at(-1),
            },
        ),
    ] {
        assert_eq!(rules.check(&set), Err(error));
    }
}

proptest! {
    #[test]
    fn any_payload_is_the_json_it_says(body in proptest::collection::vec(any::<u8>(), 0..60), integrated_time in any::<i64>(), log_index in any::<u64>()) {
        use base64::Engine as _;
        let log_id = LogId::from_bytes([7; 32]);
        let promise = EntryPromise { body: &body, integrated_time, log_id, log_index };
        let expected = serde_json::json!({
            "body": base64::engine::general_purpose::STANDARD.encode(&body),
            "integratedTime": integrated_time,
            "logID": log_id.to_string(),
            "logIndex": log_index,
        });
        // serde_json sorts the members of a value and writes no spaces, which is all RFC 8785 asks for here.
        prop_assert_eq!(promise.payload(), expected.to_string());
    }
}
