//! SCTs, alone, in lists, in the JSON of a log and in certificates.
#![no_main]

use tlog::precert::{PrecertEntry, embedded_sct_list, spki_hash};
use tlog::sct::Sct;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(sct) = Sct::from_bytes(data) {
        assert_eq!(sct.to_bytes().expect("what was read is written"), data);
    }
    if let Ok(scts) = Sct::parse_list(data) {
        assert_eq!(Sct::write_list(&scts).expect("what was read is written"), data);
    }
    let _ = Sct::from_add_chain_response(data);
    if let Ok(Some(list)) = embedded_sct_list(data) {
        let _ = Sct::parse_list(list);
    }
    if spki_hash(data).is_ok() {
        for entry in [PrecertEntry::of_certificate(data, data), PrecertEntry::of_precertificate(data, data)] {
            assert!(entry.is_err() || entry.is_ok_and(|entry| entry.tbs.len() < data.len()));
        }
    }
});
