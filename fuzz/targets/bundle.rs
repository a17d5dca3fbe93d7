//! Bundles of all versions.
#![no_main]

use sigstore::bundle::{Bundle, BundleVersion, Content, SignerMaterial};
use sigstore::statement::Statement;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(bundle) = Bundle::parse(data) else {
        return;
    };
    let json = bundle.to_json();
    // 0.3 is what is written; entries of 0.1 may lack the proof that it demands.
    if bundle.version > BundleVersion::V0_1 {
        let again = Bundle::parse(json.as_bytes()).expect("what was read can be written and read");
        assert_eq!(again, as_written(bundle.clone()));
    }
    if let Content::Dsse(envelope) = &bundle.content {
        let _ = Statement::of_envelope(envelope);
    }
});

fn as_written(mut bundle: Bundle) -> Bundle {
    bundle.version = BundleVersion::V0_3;
    if let SignerMaterial::Certificate { intermediates, .. } = &mut bundle.signer {
        intermediates.clear();
    }
    bundle
}
