//! Which images a Dockerfile uses: one table row per rule of the Dockerfile reference.
#![expect(
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use dockerfile::{
    Builder, Context, Dockerfile, Heredocs, How, LexError, Note, Options, ParseError, Plan,
    Platform, Refusal,
};

fn options() -> Options {
    Options {
        build_platform: Platform::parse("linux/amd64"),
        target_platform: Platform::parse("linux/arm/v7"),
        ..Options::default()
    }
}

fn resolve(source: &str, options: &Options) -> Plan {
    let file = Dockerfile::parse(source.as_bytes()).unwrap();
    file.resolve(options).unwrap()
}

/// `how image` for each use, in order.
fn images_with(source: &str, options: &Options) -> Vec<String> {
    let plan = resolve(source, options);
    plan.uses
        .iter()
        .map(|found| {
            let how = match &found.how {
                How::From => "from".to_owned(),
                How::CopyFrom => "copy".to_owned(),
                How::MountFrom => "mount".to_owned(),
                How::Syntax => "syntax".to_owned(),
                How::BuildContext { name } => format!("context {name}"),
                other => format!("{other:?}"),
            };
            format!("{how} {}", found.reference.familiar())
        })
        .collect()
}

fn refusal(source: &str, options: &Options) -> Refusal {
    let file = Dockerfile::parse(source.as_bytes()).unwrap();
    file.resolve(options).unwrap_err().first
}

#[test]
fn names_are_found_where_the_reference_says() {
    let table: &[(&str, &[&str])] = &[
        ("FROM alpine\n", &["from alpine:latest"]),
        ("\u{feff}FROM alpine", &["from alpine:latest"]),
        ("FROM alpine:3.20", &["from alpine:3.20"]),
        (
            "from reg.example.com:5000/a/b:1 as x\r\n",
            &["from reg.example.com:5000/a/b:1"],
        ),
        ("FROM \"alpine:3\"", &["from alpine:3"]),
        ("FROM al'pi'ne", &["from alpine:latest"]),
        ("FROM scratch\nCOPY x /", &[]),
        (
            "FROM --platform=linux/amd64 alpine:3 AS x",
            &["from alpine:3"],
        ),
        (
            "FROM --platform=$BUILDPLATFORM alpine:3",
            &["from alpine:3"],
        ),
        // comments, blank lines and continuations
        ("# c\n\n  # c\nFROM \\\n  alpine:3\n", &["from alpine:3"]),
        ("FROM alp\\\n# c\n\nine:3\n", &["from alpine:3"]),
        ("FROM alpine:3 \\ \t\n  AS x\n", &["from alpine:3"]),
        (
            "# escape=`\nFROM `\n alpine:3\nRUN c:\\\nFROM busybox",
            &["from busybox:latest"],
        ),
        ("FROM a\nRUN x \\\\\nFROM b", &["from b:latest"]),
        (
            "FROM a\nLABEL x=\"a \\\nFROM b \\\nb\"\n",
            &["from a:latest"],
        ),
        // stages
        ("FROM a AS one\nFROM one", &["from a:latest"]),
        ("FROM a AS One\nFROM one", &["from a:latest"]),
        (
            "FROM alpine AS alpine\nFROM alpine",
            &["from alpine:latest"],
        ),
        (
            "FROM a AS x\nFROM b\nCOPY --from=x / /",
            &["from a:latest", "from b:latest"],
        ),
        (
            "FROM a AS x\nFROM b\nCOPY --from=X / /",
            &["from a:latest", "from b:latest"],
        ),
        (
            "FROM a\nFROM b\nCOPY --from=0 / /",
            &["from a:latest", "from b:latest"],
        ),
        (
            "FROM a\nFROM b\nCOPY --from=+0 / /",
            &["from a:latest", "from b:latest"],
        ),
        ("FROM a\nFROM b", &["from b:latest"]),
        (
            "FROM a AS x\nFROM scratch\nRUN --mount=from=x,target=/x y",
            &["from a:latest"],
        ),
        // the numbers of stages are for COPY only
        (
            "FROM scratch\nRUN --mount=from=0,target=/x y",
            &["mount 0:latest"],
        ),
        ("FROM a\nFROM 0", &["from 0:latest"]),
        ("FROM x AS scratch\nFROM scratch", &["from x:latest"]),
        // COPY and RUN
        (
            "FROM scratch\nCOPY --chown=1 --from=r.io/a:1 --link / /",
            &["copy r.io/a:1"],
        ),
        ("FROM scratch\ncopy --from=\"a:1\" / /", &["copy a:1"]),
        ("FROM scratch\nCOPY --fr\"om=a\":1 / /", &["copy a:1"]),
        (
            "FROM scratch\nCOPY --from=a [\"/x\", \"/y\"]",
            &["copy a:latest"],
        ),
        ("FROM scratch\nCOPY --from= / /", &[]),
        ("FROM scratch\nCOPY --from=scratch / /", &[]),
        ("FROM scratch\nCOPY -- --from=a / /", &[]),
        ("FROM scratch\nCOPY x --from=a /", &[]),
        (
            "FROM scratch\nCOPY --from=99999999999999999999 / /",
            &["copy 99999999999999999999:latest"],
        ),
        (
            "FROM scratch\nRUN --mount=type=bind,from=a:1,target=/a --network=none \\\n --mount=target=/b,FROM=b:2 x",
            &["mount a:1", "mount b:2"],
        ),
        ("FROM scratch\nRUN --mount=type=cache,target=/x y", &[]),
        (
            "FROM scratch\nRUN --mount=type=cache,target=/x,from=a y",
            &["mount a:latest"],
        ),
        (
            "FROM scratch\nRUN --mount=from=a,from=b,target=/x y",
            &["mount b:latest"],
        ),
        (
            "FROM scratch\nRUN --mount=\\\"from=a:1\\\",target=/x y",
            &["mount a:1"],
        ),
        (
            "FROM scratch\nRUN --mount='from=a:1,target=/x' y",
            &["mount a:1"],
        ),
        // triggers that run in this build
        (
            "FROM a AS x\nONBUILD COPY --from=b / /\nFROM x",
            &["from a:latest", "copy b:latest"],
        ),
        (
            "FROM a AS x\nonbuild run --mount=from=b x\nFROM x",
            &["from a:latest", "mount b:latest"],
        ),
        (
            "FROM a AS x\nONBUILD COPY --from=b / /\nFROM x AS y\nFROM y",
            &["from a:latest", "copy b:latest"],
        ),
        ("FROM a\nONBUILD COPY --from=b / /\n", &["from a:latest"]),
        // here-documents
        (
            "FROM a\nRUN <<EOF\nFROM b\nEOF\nCOPY --from=c / /",
            &["from a:latest", "copy c:latest"],
        ),
        (
            "FROM a\nRUN <<-EOF\nFROM b\n\t\tEOF\nCOPY --from=c / /",
            &["from a:latest", "copy c:latest"],
        ),
        (
            "FROM a\nRUN cat <<'E F' 3<<\"X\" > f\nFROM b\nE F\nFROM c\nX\nCOPY --from=d / /",
            &["from a:latest", "copy d:latest"],
        ),
        (
            "FROM a\nCOPY <<a.txt <<b.txt /\nFROM b\na.txt\nFROM c\nb.txt\n",
            &["from a:latest"],
        ),
        ("FROM a\nADD << EOF /x\nFROM b\nEOF\n", &["from a:latest"]),
        (
            "FROM a\nONBUILD RUN <<EOF\nFROM b\nEOF\n",
            &["from a:latest"],
        ),
        ("FROM a\nRUN <<EOF\r\nFROM b\r\nEOF\r\n", &["from a:latest"]),
        ("FROM a\nRUN <<$X\nFROM b\n$X\n", &["from a:latest"]),
        // and what looks like one
        ("FROM a\nRUN cat <<<x\nFROM b", &["from b:latest"]),
        ("FROM a\nRUN echo don't <<EOF\nFROM b", &["from b:latest"]),
        ("FROM a\nRUN echo \"<<EOF\"\nFROM b", &["from b:latest"]),
        ("FROM a\nRUN echo '<<EOF'\nFROM b", &["from b:latest"]),
        ("FROM a\nRUN echo \\<<EOF\nFROM b", &["from b:latest"]),
        ("FROM a\nRUN echo x<<EOF\nFROM b", &["from b:latest"]),
        (
            "FROM a\nRUN [\"cat\", \"<<EOF\"]\nFROM b",
            &["from b:latest"],
        ),
        ("FROM a\nENV x=<<EOF\nFROM b", &["from b:latest"]),
        // frontends
        (
            "# syntax=docker/dockerfile:1\nFROM a",
            &["syntax docker/dockerfile:1", "from a:latest"],
        ),
        (
            "#syntax = r.io/x:1 arg\r\nFROM a",
            &["syntax r.io/x:1", "from a:latest"],
        ),
        (
            "#!/x\n# SYNTAX=x/y\nFROM a",
            &["syntax x/y:latest", "from a:latest"],
        ),
        (
            "# check=skip=all\n# syntax=x/y\nFROM a",
            &["syntax x/y:latest", "from a:latest"],
        ),
        (
            "# note=1\n# syntax=x/y\nFROM a",
            &["syntax x/y:latest", "from a:latest"],
        ),
        ("# a comment\n# syntax=x/y\nFROM a", &["from a:latest"]),
        ("\n# syntax=x/y\nFROM a", &["from a:latest"]),
        ("# a comment\n# escape=`\nFROM \\\na", &["from a:latest"]),
    ];
    for (source, expected) in table {
        assert_eq!(images_with(source, &options()), *expected, "{source}");
    }
}

#[test]
fn an_arithmetic_shift_opens_a_here_document_as_it_does_in_buildkit() {
    let source = "FROM a\nRUN echo $(( 1 << 2 ))\nFROM b\n2\n";
    assert_eq!(images_with(source, &options()), ["from a:latest"]);
}

#[test]
fn variables_are_replaced_as_the_builder_does() {
    let table: &[(&str, &str)] = &[
        ("$X", "a/b:1"),
        ("${X}", "a/b:1"),
        ("\"${X}\"", "a/b:1"),
        ("${E:-d}", "d"),
        ("${E-d}x", "x"),
        ("${U:-d}", "d"),
        ("${U-d}", "d"),
        ("${X:-d}", "a/b:1"),
        ("${X:+w}", "w"),
        ("z${E:+w}", "z"),
        ("${E+w}", "w"),
        ("z${U+w}", "z"),
        ("${U:-${V:-${X}}}", "a/b:1"),
        ("${X#a/}", "b:1"),
        ("${X#*}", "a/b:1"),
        ("z${X##*}", "z"),
        ("${P##*/}", "c"),
        ("${P#*/}", "b/c"),
        ("${P%/*}", "a/b"),
        ("${P%%/*}", "a"),
        ("${X%:?}", "a/b"),
        ("${X/b/c}", "a/c:1"),
        ("${P//\\//-}", "a-b-c"),
        ("${P/\\//-}", "a-b/c"),
        ("${X:?must}", "a/b:1"),
        ("${T}:${U:-9}", "tag:9"),
        ("i-$TARGETARCH$TARGETVARIANT", "i-armv7"),
        ("i-$BUILDOS", "i-linux"),
        ("$S-x", "default-x"),
        ("$G", "given"),
        ("$Q", "quoted"),
    ];
    let args = "ARG X=a/b:1 E=\nARG E2=\"\" P=a/b/c\nARG T=tag N\nARG S=$TARGETSTAGE\nARG G=default\nARG Q='quoted'\n";
    let mut options = options();
    options
        .build_args
        .insert("G".to_owned(), "given".to_owned());
    options
        .build_args
        .insert("U".to_owned(), "not declared".to_owned());
    for (base, expected) in table {
        let source = format!("{args}FROM {base}\n");
        let plan = resolve(&source, &options);
        let expected = oci::Reference::parse(expected).unwrap().or_latest();
        assert_eq!(plan.uses[0].reference, expected, "{base}");
    }
}

#[test]
fn an_arg_inside_a_stage_does_not_reach_a_base() {
    let source = "ARG X=a\nFROM $X\nARG X=b\nFROM $X\nCOPY --from=0 / /";
    assert_eq!(
        images_with(source, &options()),
        ["from a:latest", "from a:latest"]
    );
}

#[test]
fn what_cannot_be_told_is_refused() {
    let line = |refusal: &Refusal| match refusal {
        Refusal::Blank { line, .. }
        | Refusal::Expansion { line, .. }
        | Refusal::Reference { line, .. }
        | Refusal::StageIndex { line, .. }
        | Refusal::Variable { line, .. } => *line,
        other => panic!("{other:?}"),
    };
    let table = [
        ("FROM $NOTHING", 1),
        ("ARG X\nFROM a:$X", 2),
        ("FROM Alpine", 1),
        ("FROM a AS One\nFROM One", 2),
        ("FROM ${X", 1),
        ("FROM ${X^^}", 1),
        ("FROM ${X:?}", 1),
        ("FROM ${:x}", 1),
        ("FROM $é", 1),
        ("FROM 'a", 1),
        ("FROM a@sha256:00", 1),
        (
            "FROM 0123456789012345678901234567890123456789012345678901234567890123",
            1,
        ),
        ("FROM --platform=$P a", 1),
        ("FROM a\nCOPY --from=1 / /\n", 2),
        ("FROM a\nCOPY --from=-1 / /\n", 2),
        ("ARG X=a\nFROM a\nCOPY --from=$X / /", 3),
        ("FROM a\nRUN --mount=from=${X} y", 2),
        ("FROM a\nCOPY --from=A b /\n", 2),
        // a stage that is not needed is read by the builder all the same
        ("FROM $NOTHING\nFROM a", 1),
    ];
    for (source, expected) in table {
        assert_eq!(line(&refusal(source, &options())), expected, "{source}");
    }
    let unknown = refusal("FROM a-$TARGETARCH", &Options::default());
    assert!(
        matches!(
            unknown,
            Refusal::Expansion {
                source: LexError::Unknown { .. },
                ..
            }
        ),
        "{unknown:?}"
    );
    let through_arg = refusal("ARG X=a-$TARGETARCH\nFROM $X", &Options::default());
    assert!(matches!(
        through_arg,
        Refusal::Expansion {
            source: LexError::Unknown { .. },
            ..
        }
    ));
    let all = Dockerfile::parse(b"FROM $A AS x\nFROM B\nFROM a").unwrap();
    assert_eq!(all.resolve(&options()).unwrap_err().rest.len(), 1);
}

#[test]
fn files_that_are_no_dockerfiles_are_refused_with_their_line() {
    let parse = |source: &str| Dockerfile::parse(source.as_bytes()).unwrap_err();
    assert_eq!(parse(""), ParseError::NoStage);
    assert_eq!(parse("ARG X=1\n"), ParseError::NoStage);
    assert_eq!(parse("# c\nRUN x\n"), ParseError::BeforeFrom { line: 2 });
    assert!(matches!(
        parse("FROM a\n\nFRM b\n"),
        ParseError::UnknownInstruction { line: 3, .. }
    ));
    assert!(matches!(
        parse("FROM\u{a0}a"),
        ParseError::UnknownInstruction { line: 1, .. }
    ));
    assert!(matches!(
        parse("FROM a b"),
        ParseError::Arguments { line: 1, .. }
    ));
    assert!(matches!(
        parse("FROM a as x # c"),
        ParseError::Arguments { line: 1, .. }
    ));
    assert!(matches!(parse("FROM"), ParseError::Arguments { .. }));
    assert!(matches!(
        parse("FROM a AS 1x"),
        ParseError::StageName { line: 1, .. }
    ));
    assert!(matches!(
        parse("FROM a\nCOPY --from=a --from=b / /"),
        ParseError::Flag { line: 2, .. }
    ));
    assert!(matches!(
        parse("FROM a\nCOPY --from / /"),
        ParseError::Flag { line: 2, .. }
    ));
    assert!(matches!(
        parse("FROM a\nRUN --mount=from=\\\"a x"),
        ParseError::Flag { line: 2, .. }
    ));
    assert!(matches!(
        parse("FROM a\nCOPY --from=\u{e0} / /"),
        ParseError::Flag { line: 2, .. }
    ));
    assert!(matches!(
        parse("FROM a\nRUN <<EOF\nx"),
        ParseError::UnterminatedHeredoc { line: 2, .. }
    ));
    assert!(matches!(
        parse("FROM a\nRUN [\"\\ud800<<EOF\"]\nFROM b"),
        ParseError::AmbiguousHeredoc { line: 2 }
    ));
    assert!(matches!(
        parse("FROM a\nONBUILD FROM b"),
        ParseError::Trigger { line: 2 }
    ));
    assert!(matches!(
        parse("FROM a\nONBUILD ONBUILD RUN x"),
        ParseError::Trigger { line: 2 }
    ));
    assert!(matches!(
        parse("# escape=`\nFROM a\nONBUILD COPY --from=\"a\" / /"),
        ParseError::Trigger { line: 3 }
    ));
    assert!(matches!(
        parse("# escape=x\nFROM a"),
        ParseError::Escape { line: 1 }
    ));
    assert!(matches!(
        parse("# escape=`\n# escape=`\nFROM a"),
        ParseError::RepeatedDirective { line: 2, .. }
    ));
    assert!(matches!(
        parse("//syntax=x\nFROM a"),
        ParseError::ForeignFormat { line: 1 }
    ));
    assert!(matches!(
        parse("{\"syntax\": \"x\"}"),
        ParseError::ForeignFormat { .. }
    ));
    let not_text = Dockerfile::parse(b"FROM a\nRUN \xff\n").unwrap_err();
    assert_eq!(not_text, ParseError::NotUtf8 { line: 2 });
    assert!(matches!(
        parse(&format!("FROM a\nRUN {}", "x".repeat(70_000))),
        ParseError::LineTooLong { line: 2 }
    ));
    assert!(matches!(
        parse(&"\n".repeat(2_000_000)),
        ParseError::TooLarge { .. }
    ));
    assert!(matches!(
        parse(&"FROM a\n".repeat(2000)),
        ParseError::TooManyStages { .. }
    ));
}

#[test]
fn endless_nesting_ends() {
    let source = format!("FROM {}", "${a:-".repeat(10_000));
    assert!(matches!(
        refusal(&source, &options()),
        Refusal::Expansion {
            source: LexError::TooDeep,
            ..
        }
    ));
    let doubling: String = (1..40)
        .map(|n| format!("ARG A{n}=$A{}$A{}\n", n - 1, n - 1))
        .collect();
    let source = format!("ARG A0=aaaaaaaaaaaaaaaa\n{doubling}FROM $A39");
    assert!(matches!(
        refusal(&source, &options()),
        Refusal::Expansion {
            source: LexError::TooLong,
            ..
        }
    ));
}

#[test]
fn every_stage_and_the_base_of_the_target() {
    let source = "FROM a AS one\nFROM b AS two\nCOPY --from=c / /\nFROM one AS three\nFROM scratch AS four\n\
                  COPY --from=three / /\n";
    let with = |target: &str, every_stage| {
        let options = Options {
            target: Some(target.to_owned()),
            every_stage,
            ..options()
        };
        let base = resolve(source, &options).base;
        let images = images_with(source, &options).len();
        (base.map(|base| base.familiar()), images)
    };
    let a = Some("a:latest".to_owned());
    assert_eq!(with("three", false), (a.clone(), 1));
    assert_eq!(with("three", true), (a, 3));
    assert_eq!(with("two", true), (Some("b:latest".to_owned()), 3));
    assert_eq!(with("four", false), (None, 1));
    let any_platform = Options {
        every_stage: true,
        ..Options::default()
    };
    let plan = resolve("FROM --platform=$BUILDPLATFORM a\n", &any_platform);
    assert_eq!(plan.uses[0].platform, None);
}

/// `cosign dockerfile verify` replaces what no `ARG` says; builders have no such values.
#[test]
fn the_environment_fills_what_the_file_leaves_open() {
    let options = Options {
        environment: [
            ("OPEN".to_owned(), "env/open".to_owned()),
            ("SAID".to_owned(), "env/said".to_owned()),
            ("TARGETARCH".to_owned(), "riscv64".to_owned()),
        ]
        .into(),
        ..Options::default()
    };
    for (source, expected) in [
        ("FROM $OPEN\n", "from env/open:latest"),
        ("ARG OPEN\nFROM $OPEN\n", "from env/open:latest"),
        ("FROM ${OPEN:-other}\n", "from env/open:latest"),
        ("ARG SAID=file\nFROM $SAID\n", "from file:latest"),
        ("FROM a:$TARGETARCH\n", "from a:riscv64"),
    ] {
        assert_eq!(images_with(source, &options), [expected], "{source}");
    }
    let file = Dockerfile::parse(b"FROM $NEITHER\n").unwrap();
    let refused = file.resolve(&options).unwrap_err();
    assert!(
        matches!(refused.first, Refusal::Blank { line: 1, .. }),
        "{refused}"
    );
}

#[test]
fn a_target_limits_what_is_used() {
    let source = "FROM a AS one\nFROM b AS two\nCOPY --from=c / /\nFROM one AS three\n";
    let with = |target: &str, builder| Options {
        target: Some(target.to_owned()),
        builder,
        ..options()
    };
    let buildkit = |target| images_with(source, &with(target, Builder::BuildKit));
    let classic = |target| images_with(source, &with(target, Builder::Classic));
    assert_eq!(buildkit("three"), ["from a:latest"]);
    assert_eq!(buildkit("TWO"), ["from b:latest", "copy c:latest"]);
    assert_eq!(classic("one"), ["from a:latest"]);
    assert_eq!(
        classic("three"),
        ["from a:latest", "from b:latest", "copy c:latest"]
    );
    assert_eq!(
        classic("1"),
        ["from a:latest", "from b:latest", "copy c:latest"]
    );
    assert!(matches!(
        refusal(source, &with("1", Builder::BuildKit)),
        Refusal::Target { .. }
    ));
    assert!(matches!(
        refusal(source, &with("four", Builder::Classic)),
        Refusal::Target { .. }
    ));
}

#[test]
fn the_classic_builder_differs() {
    let classic = Options {
        builder: Builder::Classic,
        ..options()
    };
    let images = |source| images_with(source, &classic);
    assert_eq!(images("# syntax=x\nFROM a"), ["from a:latest"]);
    assert_eq!(images("FROM a AS One\nFROM oNe"), ["from a:latest"]);
    assert_eq!(
        images("FROM a\nCOPY --from=later / /\nFROM b AS later"),
        ["from a:latest", "copy later:latest", "from b:latest"]
    );
    assert!(matches!(
        refusal("FROM a-$TARGETARCH", &classic),
        Refusal::Reference { .. }
    ));
    assert!(matches!(
        refusal("FROM a\nRUN <<EOF\nEOF", &classic),
        Refusal::Heredoc { line: 2 }
    ));
    let twice = "FROM a AS p\nONBUILD COPY --from=x / /\nFROM p\nFROM b AS x\nFROM p";
    assert!(matches!(
        refusal(twice, &classic),
        Refusal::AmbiguousTrigger { line: 2, .. }
    ));
    // An engine that knows no here-documents sees instructions.
    let hidden = b"FROM a\nRUN <<\"USER x\"\nFROM b\nUSER x\n";
    let old = Dockerfile::parse_with(hidden, Heredocs::Unknown).unwrap();
    assert_eq!(old.resolve(&classic).unwrap().uses.len(), 2);
}

#[test]
fn build_contexts_replace_names() {
    let with = |contexts: &[(&str, &str)]| Options {
        build_contexts: contexts
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..options()
    };
    let source =
        "FROM alpine AS base\nFROM r.io/b:1\nCOPY --from=base / /\nCOPY --from=extra / /\n";
    let image = with(&[
        (
            "docker.io/library/alpine:latest",
            "docker-image://r.io/mine",
        ),
        ("extra", "docker-image://r.io/extra:2"),
        ("r.io/b", "docker-image://not-this"),
    ]);
    assert_eq!(
        images_with(source, &image),
        [
            "context alpine r.io/mine:latest",
            "from r.io/b:1",
            "context extra r.io/extra:2"
        ]
    );
    // the stage itself
    let stage = with(&[
        ("base", "docker-image://r.io/stage:1"),
        ("extra", "./folder"),
    ]);
    assert_eq!(
        images_with(source, &stage),
        ["context base r.io/stage:1", "from r.io/b:1"]
    );
    let notes = resolve(source, &stage).notes;
    let context = Context::Path("./folder".to_owned());
    assert!(notes.contains(&Note::OtherContext {
        line: 4,
        name: "extra".to_owned(),
        context
    }));
    // a stage that is replaced needs no base of its own
    let chain = "FROM a AS x\nFROM x AS y\nFROM y";
    assert_eq!(
        images_with(chain, &with(&[("y", "docker-image://z")])),
        ["context y z:latest"]
    );
    let empty = with(&[
        ("alpine", "docker-image://scratch"),
        ("extra", "oci-layout://x@sha256:0"),
    ]);
    assert_eq!(images_with(source, &empty), ["from r.io/b:1"]);
    assert_eq!(
        images_with(
            "# syntax=x/y\nFROM scratch",
            &with(&[("x/y", "docker-image://z")])
        ),
        ["context x/y z:latest"]
    );
    for bad in [
        ("A", "x"),
        ("a", "docker-image://A"),
        ("a", "docker-image:x"),
    ] {
        assert!(matches!(
            refusal("FROM scratch", &with(&[bad])),
            Refusal::Context { .. }
        ));
    }
}

#[test]
fn the_frontend_may_come_from_a_build_argument() {
    let mut options = options();
    options
        .build_args
        .insert("BUILDKIT_SYNTAX".to_owned(), " r.io/f:1 x".to_owned());
    let plan = resolve("# syntax=docker/dockerfile:1\nFROM a", &options);
    assert_eq!(plan.uses[0].reference.familiar(), "r.io/f:1");
    assert_eq!((plan.uses[0].line, plan.uses[0].span.clone()), (0, None));
    assert!(matches!(
        &plan.notes[0],
        Note::OtherFrontend { line: 0, .. }
    ));
}

#[test]
fn places_stages_and_platforms_are_told() {
    let source = "ARG V=3\nFROM --platform=$BUILDPLATFORM alpine:$V AS Build\nFROM scratch\nCOPY --from=build / /\nRUN --mount=from=x/y,target=/ z\n";
    let plan = resolve(source, &options());
    let first = &plan.uses[0];
    assert_eq!(
        (
            first.line,
            first.stage.as_deref(),
            first.platform.as_deref()
        ),
        (2, Some("build"), Some("linux/amd64"))
    );
    assert_eq!(
        first.span.clone().map(|span| &source[span]),
        Some("alpine:$V")
    );
    let second = &plan.uses[1];
    assert_eq!(
        (
            second.line,
            second.stage.as_deref(),
            second.platform.as_deref()
        ),
        (5, Some("1"), None)
    );
    assert_eq!(second.span.clone().map(|span| &source[span]), Some("x/y"));
}

#[test]
fn what_no_reference_covers_is_noted() {
    let source = "FROM a AS b\nADD --checksum=sha256:00 https://x/y /\nADD git@x:y.git $U /z\nADD local /\nONBUILD COPY --from=later / /\n";
    let notes = resolve(source, &options()).notes;
    let remote = |line, address: &str, pinned| Note::RemoteAdd {
        line,
        address: address.to_owned(),
        pinned,
    };
    for note in [
        remote(2, "https://x/y", true),
        remote(3, "git@x:y.git", false),
        remote(3, "$U", false),
        Note::RecordedTrigger {
            line: 5,
            name: "later".to_owned(),
        },
    ] {
        assert!(notes.contains(&note), "{note:?} in {notes:?}");
    }
    assert!(matches!(&notes[0], Note::BaseTriggers { line: 1, .. }));
    assert_eq!(notes.len(), 5);
}
