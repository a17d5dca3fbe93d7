//! Dockerfiles: what is read is pinned without changing anything but names.
#![no_main]

use dockerfile::{Builder, Dockerfile, Options, Platform};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // Long lines may be too long once they hold digests.
    if data.len() > 16 * 1024 {
        return;
    }
    let Ok(file) = Dockerfile::parse(data) else { return };
    let digest = oci::Digest::sha256(b"fuzz");
    for builder in [Builder::BuildKit, Builder::Classic] {
        let options = Options {
            builder,
            build_platform: Platform::parse("linux/amd64"),
            ..Options::default()
        };
        let Ok(plan) = file.resolve(&options) else { continue };
        let same = file.pin(&options, &plan, &|_| None).expect("no digest, no change");
        assert_eq!(same.as_bytes(), data);
        let pinned = file.pin(&options, &plan, &|found| found.reference.digest().copied().or(Some(digest)));
        let pinned = Dockerfile::parse(pinned.expect("pinned files read back").as_bytes()).expect("so it was read");
        let again = pinned.resolve(&options).expect("so it was resolved");
        assert!(again.uses.iter().all(|found| found.reference.digest().is_some()));
    }
});
