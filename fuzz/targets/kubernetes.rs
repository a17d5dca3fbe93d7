//! Manifests for Kubernetes, whose images are verified.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = dockerfile::kubernetes::images(data);
});
