//! Every file made by the real programs: reads, and is written again to identical bytes.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "golden data lies in files")]

mod common;

use proptest::prelude::*;
use tuf::Role;
use tuf::metadata::{
    Malformed, Metadata, Parsed, Root, Snapshot, Targets, Timestamp, parse_public_key,
    public_key_to_json,
};

fn check<T: Metadata>(bytes: &[u8], name: &str) {
    let file = Parsed::<T>::from_bytes(bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(
        String::from_utf8(file.to_go_form()).unwrap(),
        str::from_utf8(bytes).unwrap(),
        "{name}"
    );
    assert!(file.is_exact_go_form());
    assert_eq!(file.bytes(), bytes);
}

#[test]
fn key_endpoints_speak_the_golden_form() {
    let recorded =
        std::fs::read_to_string(common::golden("notary/http/init-publish-list.txt")).unwrap();
    let start = recorded.find("{\"keytype\":").unwrap();
    let text = &recorded[start..start + recorded[start..].find("}}").unwrap() + 2];
    let key = parse_public_key(text.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(public_key_to_json(&key)).unwrap(), text);
    let private = text.replace("\"private\":null", "\"private\":\"AAAA\"");
    assert_eq!(
        parse_public_key(private.as_bytes()),
        Err(Malformed::PrivateKey)
    );
}

#[test]
fn unusual_files_that_go_accepts_keep_their_bytes() {
    let file = |delegations: &str, targets: &str| {
        format!(
            r#"{{"signed":{{"_type":"Targets","delegations":{delegations},"expires":"2029-01-01T00:00:00.5+02:00","targets":{targets},"version":1}},"signatures":[]}}"#
        )
    };
    let nulls = r#"{"keys":{},"roles":[{"keyids":null,"name":"targets/x","threshold":1}]}"#;
    let odd = r#"{"a":{"hashes":{"md5":"AAAA","sha256":"AAAA"},"length":-1},"b":{"hashes":null,"length":0}}"#;
    for text in [
        file(nulls, odd),
        file(r#"{"keys":null,"roles":null}"#, "null"),
        file(r#"{"keys":{},"roles":[]}"#, "{}"),
    ] {
        check::<Targets>(text.as_bytes(), &text);
    }
    // Read, but another file to a server that writes it again.
    for other in [
        file("null", "{}"),
        file(
            r#"{"keys":{},"roles":[{"keyids":[],"name":"targets/x","paths":[],"threshold":1}]}"#,
            "{}",
        ),
        file("{}", r#"{"a":{"custom":null,"hashes":{},"length":0}}"#),
        file(
            r#"{"keys":{},"roles":[]}"#,
            r#"{"a<":{"hashes":{},"length":0}}"#,
        ),
        file(r#"{"keys":{},"roles":[]}"#, "{}").replace("signatures", "x\":1,\"signatures"),
        file(r#"{"keys":{},"roles":[]}"#, "{}").replace(".5+", ".50+"),
    ] {
        assert!(
            !Parsed::<Targets>::from_bytes(other.as_bytes())
                .unwrap()
                .is_exact_go_form(),
            "{other}"
        );
    }
    let root =
        std::fs::read_to_string(common::golden("notary/repos/plain/server/1.root.json")).unwrap();
    let extra = root.replace(
        "\"roles\":{",
        "\"roles\":{\"mirrors\":{\"keyids\":[],\"threshold\":1},",
    );
    check::<Root>(
        extra
            .replace("snapshot\":false", "snapshot\":true")
            .as_bytes(),
        "extra role",
    );
}

proptest! {
    #[test]
    fn damaged_files_are_errors_and_never_panics(at in 0.0..1.0, with in any::<u8>(), cut in any::<bool>()) {
        let bytes = std::fs::read(common::golden("notary/repos/delegations/server/4.targets.json")).unwrap();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in the file")]
        let at = (at * bytes.len() as f64) as usize;
        let mut damaged = bytes.clone();
        if cut { damaged.truncate(at) } else { damaged[at] = with }
        for bytes in [&damaged[..], &bytes[at..]] {
            drop(Parsed::<Root>::from_bytes(bytes));
            drop(Parsed::<Snapshot>::from_bytes(bytes));
            drop(Parsed::<Timestamp>::from_bytes(bytes));
            if let Ok(file) = Parsed::<Targets>::from_bytes(bytes) {
                // What Go would write is read again to the same content.
                let again = Parsed::<Targets>::from_bytes(&file.to_go_form()).unwrap();
                prop_assert_eq!(again.unverified(), file.unverified());
            }
        }
    }
}

#[test]
fn every_file_is_in_exact_go_form() {
    let files = common::all_metadata_files();
    assert!(files.len() >= 100, "{} files found", files.len());
    for (role, path) in files {
        let (bytes, name) = (std::fs::read(&path).unwrap(), path.display().to_string());
        match role {
            Role::Root => check::<Root>(&bytes, &name),
            Role::Snapshot => check::<Snapshot>(&bytes, &name),
            Role::Timestamp => check::<Timestamp>(&bytes, &name),
            Role::Targets | Role::Delegation(_) => check::<Targets>(&bytes, &name),
        }
    }
}
