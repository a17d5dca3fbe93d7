//! Signed notes, checkpoints and the keys under them: bytes from a log or a bundle.
#![no_main]

use tlog::checkpoint::{Checkpoint, OriginRule, SignedCheckpoint, TrustedLog, WitnessPolicy};
use tlog::note::Note;
use tlog::note_key::NoteKey;

const WITNESS: &str = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(note) = Note::parse(data) {
        assert_eq!(note.to_string().as_bytes(), data);
    }
    if let Ok(signed) = SignedCheckpoint::parse(data) {
        assert_eq!(signed.unverified().to_string(), signed.note().text());
        let log = TrustedLog {
            key: NoteKey::parse_vkey(WITNESS).expect("a known key"),
            origin: OriginRule::Exactly(signed.unverified().origin.clone()),
        };
        if let Ok(verified) = signed.verify(&[log]) {
            let _ = verified.verify_witnesses(&WitnessPolicy { witnesses: vec![], threshold: 0 });
        }
    }
    if let Ok(text) = std::str::from_utf8(data) {
        if let Ok(checkpoint) = Checkpoint::parse(text) {
            assert_eq!(checkpoint.to_string(), text);
        }
        if let Ok(key) = NoteKey::parse_vkey(text) {
            assert_eq!(key.to_vkey().as_deref(), Some(text));
        }
    }
});
