//! JSON and its canonical form.
#![no_main]

use tuf::json::Value;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(value) = Value::parse(data) else { return };
    let canonical = value.to_canonical();
    // Go's canonical form leaves control characters as they are, which is not JSON: such text does not read back.
    if let Ok(again) = Value::parse(&canonical) {
        assert_eq!(again, value);
        assert_eq!(again.to_canonical(), canonical);
    } else {
        assert!(canonical.iter().any(|byte| *byte < 0x20));
    }
});
