//! Pinned files: the same build by digest, every other byte as it was.
#![expect(
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use dockerfile::{Builder, Dockerfile, Heredocs, Options, PinError, Platform};
use oci::Digest;

fn digest(fill: char) -> Digest {
    Digest::parse(&format!("sha256:{}", fill.to_string().repeat(64))).unwrap()
}

fn options() -> Options {
    Options {
        build_platform: Platform::parse("linux/amd64"),
        ..Options::default()
    }
}

fn pin_with(source: &str, options: &Options) -> Result<String, PinError> {
    let file = Dockerfile::parse(source.as_bytes()).unwrap();
    let plan = file.resolve(options).unwrap();
    file.pin(options, &plan, &|_| Some(digest('a')))
}

/// The pinned file with the digest shortened to `D`.
fn pin(source: &str) -> String {
    let pinned = pin_with(source, &options()).unwrap();
    pinned.replace(&digest('a').to_string(), "D")
}

#[test]
fn names_get_digests_and_nothing_else_changes() {
    let table = [
        ("FROM alpine", "FROM alpine:latest@D"),
        (
            "FROM docker.io/library/alpine:3\r\n# c\r\n",
            "FROM alpine:3@D\r\n# c\r\n",
        ),
        (
            "FROM --platform=$BUILDPLATFORM  r.io/a:1   AS  X # \n".trim_end_matches(" # \n"),
            "FROM --platform=$BUILDPLATFORM  r.io/a:1@D   AS  X",
        ),
        (
            "ARG B=a:1\nFROM $B\nRUN echo $B\n",
            "ARG B=a:1\nFROM a:1@D\nRUN echo $B\n",
        ),
        ("FROM 'a:1'\n", "FROM a:1@D\n"),
        ("FROM \\\n # c\n  a:1\n", "FROM \\\n # c\n  a:1@D\n"),
        ("FROM a\\\n:1 AS x\nFROM x", "FROM a:1@D AS x\nFROM x"),
        (
            "FROM scratch\nCOPY --link --from=a:1 / /\n",
            "FROM scratch\nCOPY --link --from=a:1@D / /\n",
        ),
        (
            "FROM scratch\nCOPY --from=\"a:1\" / /\n",
            "FROM scratch\nCOPY --from=a:1@D / /\n",
        ),
        (
            "FROM scratch\nCOPY --fr\"om=a\":1 / /\n",
            "FROM scratch\nCOPY --from=a:1@D / /\n",
        ),
        (
            "FROM scratch\nRUN --mount=from=a:1,target=/x --mount=target=\"/a b\",from=b y\n",
            "FROM scratch\nRUN --mount=from=a:1@D,target=/x --mount=target=/a\" \"b,from=b:latest@D y\n",
        ),
        (
            "FROM scratch\nRUN --mount=from=a:1,target=\"/a \nRUN --mount=from=a:1,target=\"/a\\\\\"\nRUN y\n",
            "FROM scratch\nRUN --mount=from=a:1@D,target=/a\" \"\nRUN --mount=from=a:1@D,target=/a\"\\\\\"\nRUN y\n",
        ),
        (
            "# escape=`\nFROM scratch\nRUN --mount=\"from=a:1\",target=C:\\x y\n",
            "# escape=`\nFROM scratch\nRUN --mount=from=a:1@D,target=C:\\x y\n",
        ),
        (
            "# syntax=docker/dockerfile:1 x\nFROM scratch",
            "# syntax=docker/dockerfile:1@D x\nFROM scratch",
        ),
        (
            "FROM a:1 AS x\nONBUILD COPY --from=b:1 / /\nFROM x\nFROM x",
            "FROM a:1@D AS x\nONBUILD COPY --from=b:1@D / /\nFROM x\nFROM x",
        ),
        (
            "\u{feff}FROM a:1\nRUN <<E\nFROM b\nE\n",
            "\u{feff}FROM a:1@D\nRUN <<E\nFROM b\nE\n",
        ),
    ];
    for (source, expected) in table {
        assert_eq!(pin(source), expected, "{source}");
    }
}

#[test]
fn the_classic_builder_gets_names_without_tags() {
    let classic = Options {
        builder: Builder::Classic,
        ..options()
    };
    let pinned = pin_with("FROM r.io/a:1 AS x\nCOPY --from=b / /", &classic).unwrap();
    let digest = digest('a');
    assert_eq!(
        pinned,
        format!("FROM r.io/a@{digest} AS x\nCOPY --from=b@{digest} / /")
    );
}

#[test]
fn a_digest_in_the_file_stays_or_is_contradicted() {
    let same = format!("FROM a:1@{}\n", digest('a'));
    assert_eq!(pin_with(&same, &options()).unwrap(), same);
    let other = format!("FROM a@{}\n", digest('b'));
    assert!(matches!(
        pin_with(&other, &options()),
        Err(PinError::DigestDiffers { line: 1, .. })
    ));
}

#[test]
fn contexts_pin_what_the_file_cannot() {
    let options = Options {
        build_contexts: vec![("extra".to_owned(), "docker-image://r.io/e:2".to_owned())],
        ..options()
    };
    let source = "FROM alpine AS base\nFROM r.io/b:1\nCOPY --from=extra / /\nFROM alpine\nCOPY --from=1 / /\nCOPY --from=base / /";
    let file = Dockerfile::parse(source.as_bytes()).unwrap();
    let plan = file.resolve(&options).unwrap();
    let contexts = file
        .pinning_contexts(&plan, &|_| Some(digest('a')))
        .unwrap();
    let pinned = |name: &str| format!("docker-image://{name}@{}", digest('a'));
    assert_eq!(
        contexts,
        [
            (
                "alpine".to_owned(),
                pinned("docker.io/library/alpine:latest")
            ),
            ("r.io/b:1".to_owned(), pinned("r.io/b:1")),
            ("extra".to_owned(), pinned("r.io/e:2")),
        ]
    );
    let again = Options {
        build_contexts: contexts,
        ..options.clone()
    };
    let uses = file.resolve(&again).unwrap().uses;
    assert!(
        uses.iter()
            .all(|found| found.reference.digest() == Some(&digest('a')))
    );
    // A stage of that name would be replaced, too.
    let shadow = Dockerfile::parse(b"FROM alpine AS alpine\nRUN x\nFROM alpine").unwrap();
    let plan = shadow.resolve(&options).unwrap();
    let refused = shadow.pinning_contexts(&plan, &|_| Some(digest('a')));
    assert!(matches!(
        refused,
        Err(PinError::ShadowsStage { line: 1, .. })
    ));
}

/// The Dockerfiles of the transcripts that docker 20.10 and 28 left (`12-build.txt`), and what is right for each: where
/// docker's line pattern failed or did not look, ours must not.
#[test]
fn the_transcribed_dockerfiles_are_read_right() {
    let base = "registry.example.com/admin/base";
    let expected = [
        ("signed", vec![format!("{base}:1")]),
        ("notag", vec![format!("{base}:latest")]),
        ("unsigned", vec![format!("{base}:unsigned")]),
        (
            "notrust",
            vec!["registry.example.com/admin/notrust:1".to_owned()],
        ),
        ("scratch", vec![]),
        ("digest", vec![format!("{base}@sha256:{}", "0".repeat(64))]),
        ("multi", vec![format!("{base}:1"), format!("{base}:latest")]),
        ("stageref", vec![format!("{base}:1")]),
        ("copyfrom", vec![format!("{base}:unsigned")]),
        ("arg", vec![format!("{base}:1")]),
        ("argtag", vec![format!("{base}:1")]),
        ("platform", vec![format!("{base}:1")]),
        ("continued", vec![format!("{base}:1")]),
        ("heredoc", vec![format!("{base}:1")]),
    ];
    for version in ["20.10.24", "28.2.2"] {
        let path = format!(
            "{}/../../../testdata/golden/docker/cli-{version}/12-build.txt",
            env!("CARGO_MANIFEST_DIR")
        );
        #[expect(clippy::disallowed_methods, reason = "tests read the transcripts")]
        let transcript = std::fs::read_to_string(path).unwrap();
        for (name, images) in &expected {
            let source = transcribed(&transcript, name);
            for builder in [Builder::Classic, Builder::BuildKit] {
                let options = Options {
                    builder,
                    ..options()
                };
                let file = Dockerfile::parse(source.as_bytes()).unwrap();
                let plan = file.resolve(&options).unwrap();
                let mut found: Vec<String> = plan
                    .uses
                    .iter()
                    .map(|found| found.reference.familiar())
                    .collect();
                if *name == "multi" && builder == Builder::BuildKit {
                    assert_eq!(plan.uses.len(), 2, "the last stage copies from the first");
                }
                found.dedup();
                assert_eq!(found, *images, "{name} of {version}");
            }
        }
        // FROM with a comment behind it: docker refused it, so do we.
        assert!(Dockerfile::parse(transcribed(&transcript, "lower").as_bytes()).is_err());
    }
}

/// The file that a transcript shows as comment lines.
fn transcribed(transcript: &str, name: &str) -> String {
    let title = format!("# {name}/Dockerfile:\n");
    let (_, rest) = transcript.split_once(&title).unwrap();
    rest.lines()
        .map_while(|line| line.strip_prefix("#   "))
        .map(|line| format!("{line}\n"))
        .collect()
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    /// Lines that make many Dockerfiles, most of them valid.
    fn line() -> impl Strategy<Value = String> {
        let fixed = |text: &'static str| Just(text.to_owned());
        prop_oneof![
            fixed("FROM a:1"),
            fixed("FROM $X AS one"),
            fixed("FROM --platform=linux/arm64 r.io/b AS two"),
            fixed("FROM one"),
            fixed("  from \\\n  # c\n\n  'c:1'  as  three"),
            fixed("COPY --from=one / /"),
            fixed("COPY --from=x/y:2 --chown=1 / /"),
            fixed("COPY --from=\"x/y\":2 / /"),
            fixed("COPY --from=0 / /"),
            fixed("RUN --mount=type=cache,target=/x --mount=from=z/m,target=\"/a b\" x"),
            fixed("RUN <<EOF cat <<-'X Y'\nFROM hidden\nEOF\nFROM hidden2\n\tX Y"),
            fixed("ONBUILD COPY --from=t:1 / /"),
            fixed("ADD https://example.com/x /"),
            fixed("# syntax=docker/dockerfile:1"),
            fixed("ARG X=a/${Y:-b}:2"),
            fixed(""),
            "[ -~]{0,40}",
        ]
    }

    fn file() -> impl Strategy<Value = String> {
        let end = prop_oneof![Just("\n"), Just("\r\n")];
        (prop::collection::vec(line(), 0..12), end, any::<bool>()).prop_map(
            |(lines, end, first)| {
                let head = if first {
                    format!("ARG X=x/a:1{end}FROM base:1{end}")
                } else {
                    String::new()
                };
                head + &lines.join(end)
            },
        )
    }

    fn builder() -> impl Strategy<Value = Options> {
        any::<bool>().prop_map(|classic| Options {
            builder: if classic {
                Builder::Classic
            } else {
                Builder::BuildKit
            },
            ..options()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..400), text in "\\PC{0,200}") {
            for input in [bytes, text.into_bytes()] {
                if let Ok(file) = Dockerfile::parse(&input) {
                    drop(file.resolve(&options()));
                }
                drop(Dockerfile::parse_with(&input, Heredocs::Unknown));
            }
        }

        #[test]
        fn pinning_changes_digests_only(source in file(), options in builder()) {
            let Ok(file) = Dockerfile::parse(source.as_bytes()) else { return Ok(()) };
            let Ok(plan) = file.resolve(&options) else { return Ok(()) };
            prop_assert_eq!(&file.pin(&options, &plan, &|_| None).unwrap(), &source);
            let pinned = file.pin(&options, &plan, &|_| Some(digest('a'))).unwrap();
            let again = Dockerfile::parse(pinned.as_bytes()).unwrap();
            let uses = again.resolve(&options).unwrap().uses;
            prop_assert_eq!(uses.len(), plan.uses.len());
            for (before, after) in plan.uses.iter().zip(&uses) {
                prop_assert_eq!(before.reference.repository(), after.reference.repository());
                prop_assert_eq!(after.reference.digest(), Some(&digest('a')));
                prop_assert_eq!((&before.how, &before.stage, &before.platform), (&after.how, &after.stage, &after.platform));
            }
            prop_assert_eq!(again.pin(&options, &again.resolve(&options).unwrap(), &|_| Some(digest('a'))).unwrap(), pinned);
        }
    }
}
