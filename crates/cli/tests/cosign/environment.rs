//! `env`.

use std::collections::BTreeSet;

use testkit::{Cosign, CosignVersion, Peers};

use crate::scene::COUNTERSIGN;

#[test]
fn variables_and_values_are_those_of_cosign_3() {
    let Some(peers) = Peers::locate() else { return };
    let mut cosign = Cosign::new(&peers, CosignVersion::V3);
    for (name, value) in [
        ("COSIGN_REPOSITORY", "registry.example.com/signatures"),
        ("COSIGN_YES", "true"),
        ("SIGSTORE_ID_TOKEN", "secret"),
        ("SIGSTORE_NO_CACHE", "true"),
        ("TUF_ROOT", "/tuf"),
    ] {
        cosign = cosign.env(name, value);
    }
    for words in [
        &[][..],
        &["--show-sensitive-values"],
        &["--show-descriptions=false"],
    ] {
        let words = [&["env"], words].concat();
        let ours = cosign
            .run_program(COUNTERSIGN, [&["cosign"], &words[..]].concat())
            .success();
        let v3 = cosign.run(&words).success();
        let v2 = cosign.version(CosignVersion::V2).run(&words).success();
        assert_eq!(values(&ours.stdout), values(&v3.stdout), "{words:?}");
        // cosign 2 knows two of them less.
        let (ours_names, v2_names) = (names(&ours.stdout), names(&v2.stdout));
        let missing: Vec<_> = ours_names.difference(&v2_names).collect();
        assert_eq!(missing, [&"TUF_MIRROR", &"TUF_ROOT_JSON"], "{words:?}");
        let is_described = |text: &str| {
            text.lines()
                .any(|line| line.starts_with("# COSIGN_PASSWORD "))
        };
        assert_eq!(is_described(&ours.stdout), is_described(&v3.stdout));
    }
}

fn values(text: &str) -> BTreeSet<&str> {
    text.lines().filter(|line| !line.starts_with('#')).collect()
}

fn names(text: &str) -> BTreeSet<&str> {
    let names = values(text)
        .into_iter()
        .map(|line| line.split_once('=').unwrap().0);
    names.collect()
}
