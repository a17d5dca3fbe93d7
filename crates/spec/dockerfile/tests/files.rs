//! Compose and bake files: which images and builds they name.

use std::collections::BTreeMap;

use dockerfile::bake::{self, Language};
use dockerfile::compose::{self, Service};
use dockerfile::{Build, Dockerfile, FileError, Platform, Why};

fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn services(files: &[&str]) -> Result<Vec<Service>, FileError> {
    let bytes: Vec<&[u8]> = files.iter().map(|file| file.as_bytes()).collect();
    compose::services(
        &bytes,
        &environment(&[("TAG", "7"), ("EMPTY", ""), ("FROM_ENV", "yes")]),
    )
}

fn image(service: &Service) -> String {
    service
        .image
        .as_ref()
        .map(oci::Reference::familiar)
        .unwrap_or_default()
}

#[test]
fn services_name_images() {
    let table = [
        ("web", "web:latest"),
        ("r.io/web:${TAG}", "r.io/web:7"),
        ("web:$TAG", "web:7"),
        ("web:${NONE:-3}", "web:3"),
        ("web:${NONE-3}", "web:3"),
        ("web:${EMPTY:-3}", "web:3"),
        ("web${EMPTY-3}", "web:latest"),
        ("web:${NONE:-${TAG:-1}}", "web:7"),
        ("web${TAG:+:8}", "web:8"),
        ("web${NONE+:8}", "web:latest"),
        ("web:${TAG?must}", "web:7"),
    ];
    for (written, expected) in table {
        let file = format!("services:\n  a:\n    image: \"{written}\"\n");
        assert_eq!(
            image(&services(&[&file]).unwrap()[0]),
            expected,
            "{written}"
        );
    }
}

#[test]
fn anchors_merge_keys_and_overrides_are_followed() {
    let base = "x-base: &base\n  image: base:1\n  platform: linux/arm64\nservices:\n  a:\n    <<: *base\n  b:\n    <<: [*base]\n    image: b:2\n  c: {extends: b}\n  d: {extends: {service: a}, build: {context: d, args: [A=1, FROM_ENV, GONE]}}\n";
    let over = "services:\n  a:\n    image: over:1\n  d:\n    build:\n      args: {A: 2, B: $$x}\n      additional_contexts: [base=docker-image://ctx:1]\n";
    let found = services(&[base, over]).unwrap();
    let images: Vec<String> = found.iter().map(image).collect();
    assert_eq!(images, ["over:1", "b:2", "b:2", "over:1"]);
    assert_eq!(found[0].platform.as_deref(), Some("linux/arm64"));
    let build = found[3].build.clone().unwrap();
    assert_eq!(
        build.args,
        environment(&[("A", "2"), ("B", "$x"), ("FROM_ENV", "yes")])
    );
    assert_eq!(
        build.contexts,
        environment(&[("base", "docker-image://ctx:1")])
    );
    assert_eq!(
        (build.context.as_str(), build.dockerfile.as_str()),
        ("d", "Dockerfile")
    );
    assert_eq!(build.platforms, ["linux/arm64"]);
}

#[test]
fn builds_and_image_volumes_are_found() {
    let file = "services:\n  short:\n    build: ./dir\n  inline:\n    build:\n      dockerfile_inline: |\n        FROM base:$TAG\n        RUN echo $$HOME\n      target: x\n  volume:\n    image: a\n    volumes:\n      - ./x:/y\n      - {type: image, source: data:3, target: /d}\n  other: {provider: {type: x}}\n";
    let found = services(&[file]).unwrap();
    assert_eq!(found.len(), 3);
    let inline = found[0].build.as_ref().unwrap();
    assert_eq!(
        inline.inline.as_deref(),
        Some("FROM base:7\nRUN echo $HOME\n")
    );
    let options = inline
        .options(&Platform::parse("linux/amd64").unwrap())
        .unwrap();
    assert_eq!(options[0].target.as_deref(), Some("x"));
    assert_eq!(found[1].build.as_ref().unwrap().context, "./dir");
    assert_eq!(found[2].volumes[0].familiar(), "data:3");
}

#[test]
fn compose_files_that_do_not_tell_are_refused() {
    let fails = |file: &str| services(&[file]).unwrap_err();
    let why = |file: &str| match fails(file) {
        FileError::Undecided { why, .. } => why,
        other => panic!("{file}: {other:?}"),
    };
    assert_eq!(why("include: [x.yml]"), Why::Include);
    assert_eq!(
        why("services: {a: {extends: {file: x.yml, service: b}}}"),
        Why::ExtendsFile
    );
    assert_eq!(
        why("services: {a: !reset null}"),
        Why::Tag("!reset".to_owned())
    );
    assert_eq!(
        why("services: {a: {build: {sbom: 'generator=x'}}}"),
        Why::Generator
    );
    assert!(matches!(
        fails("services: {a: {image: x, image: y}}"),
        FileError::DuplicateKey { line: 1, .. }
    ));
    assert!(matches!(
        fails("services: {a: {extends: b}, b: {extends: a}}"),
        FileError::Circle { .. }
    ));
    assert!(matches!(
        fails("services: {a: {extends: b}}"),
        FileError::Missing { .. }
    ));
    assert!(matches!(
        fails("services: {a: {image: X}}"),
        FileError::Reference { .. }
    ));
    assert!(matches!(
        fails("services: {a: {image: 'x:$NONE'}}"),
        FileError::Reference { .. }
    ));
    assert!(matches!(
        fails("services: {a: {image: '${NONE:?must}'}}"),
        FileError::Variable { .. }
    ));
    assert!(matches!(
        fails("services: {a: {image: '${NONE'}}"),
        FileError::Variable { .. }
    ));
    assert!(matches!(
        fails("services: {a: {image: '$1'}}"),
        FileError::Variable { .. }
    ));
    assert!(matches!(
        fails("services: {a: {}}"),
        FileError::Shape { .. }
    ));
    assert!(matches!(
        fails("services: {a: {build: {dockerfile: x, dockerfile_inline: y}}}"),
        FileError::Shape { .. }
    ));
    assert!(matches!(fails("services: [a]"), FileError::Shape { .. }));
    assert!(matches!(
        fails("services: {a: {image: [x]}}"),
        FileError::Shape { .. }
    ));
    assert!(matches!(
        fails("services: {a: \"\n"),
        FileError::Syntax { .. }
    ));
    assert!(matches!(
        fails("services: {a: *none}"),
        FileError::Syntax { .. }
    ));
    let laughs: String = (1..30)
        .map(|n| format!("a{n}: &a{n} [*a{},*a{},*a{}]\n", n - 1, n - 1, n - 1))
        .collect();
    assert_eq!(
        fails(&format!("a0: &a0 [x]\n{laughs}")),
        FileError::TooLarge
    );
    assert!(matches!(
        fails(&"[".repeat(100_000)),
        FileError::Syntax { .. }
    ));
    assert_eq!(
        fails(&format!("a: {}{}", "[".repeat(70), "]".repeat(70))),
        FileError::TooLarge
    );
    assert_eq!(
        compose::services(&[b"\xff"], &environment(&[])).unwrap_err(),
        FileError::NotUtf8
    );
}

fn bake(files: &[(Language, &str)], names: &[&str], set: &[&str]) -> Result<Vec<Build>, FileError> {
    let files: Vec<(Language, &[u8])> = files
        .iter()
        .map(|(language, text)| (*language, text.as_bytes()))
        .collect();
    let owned = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    bake::builds(
        &files,
        &owned(names),
        &environment(&[("TAG", "env"), ("NOT_DECLARED", "x"), ("ARG_ENV", "e")]),
        &owned(set),
    )
}

const HCL: &str = r#"
variable "TAG" { default = "1" }
variable "REG" { default = "r.io/${NAME}" }
variable "LIST" { default = ["b"] }
NAME = "team"
group "default" { targets = ["app", "more"] }
group "more" { targets = LIST }
target "_common" {
  args = { BASE = "${REG}/base:${TAG}", "GO" = 1, OFF = null }
  platforms = ["linux/amd64"]
  dockerfile = "Dockerfile.common"
}
target "app" {
  inherits = ["_common"]
  context = "app"
  args = { GO = 2 }
  contexts = { src = "target:linked", alpine = "docker-image://r.io/alpine:3" }
  tags = [upper("x")]
  target = "final"
}
target "linked" {
  dockerfile-inline = <<EOT
FROM r.io/inline:1
RUN echo $HOME \
  $${x}
EOT
}
target "b" {
  dockerfile-inline = <<-EOT
    FROM b
      RUN x
    EOT
}
target "matrix" { matrix = { a = ["1"] } }
target "func" { context = upper("x") }
target "cond" { context = TAG == "1" ? "a" : "b" }
target "unknown" { context = NOT_DECLARED }
target "ref" { context = target.app.context }
target "circle" { inherits = ["circle"] }
target "sbom" { attest = ["type=sbom,generator=x"] }
"#;

#[test]
fn bake_targets_are_evaluated() {
    let builds = bake(&[(Language::Hcl, HCL)], &[], &[]).unwrap();
    let names: Vec<&str> = builds.iter().map(|build| build.name.as_str()).collect();
    assert_eq!(names, ["app", "b", "linked"]);
    let app = &builds[0];
    assert_eq!(
        app.args,
        environment(&[("BASE", "r.io/team/base:env"), ("GO", "2")])
    );
    assert_eq!(
        (app.context.as_str(), app.dockerfile.as_str()),
        ("app", "Dockerfile.common")
    );
    assert_eq!(
        (app.target.as_deref(), app.platforms.as_slice()),
        (Some("final"), &["linux/amd64".to_owned()][..])
    );
    assert_eq!(builds[1].inline.as_deref(), Some("FROM b\n  RUN x\n"));
    let linked = builds[2].inline.as_deref().unwrap();
    assert_eq!(linked, "FROM r.io/inline:1\nRUN echo $HOME \\\n  ${x}\n");
    assert!(Dockerfile::parse(linked.as_bytes()).is_ok());
}

#[test]
fn bake_files_are_merged_and_overridden() {
    let json = r#"{
      "variable": {"V": {"default": "3"}},
      "target": {"app": {"args": {"GO": "${V}", "NEW": "$${x}"}}, "own": [{"dockerfile-inline": "FROM a:${V}\nRUN x\\\n"}]}
    }"#;
    let files = [(Language::Hcl, HCL), (Language::Json, json)];
    let set = [
        "app.args.GO=9",
        "*.target=t",
        "app.args.ARG_ENV",
        "app.contexts.src=./here",
        "ow?.platform=linux/arm64",
    ];
    let builds = bake(&files, &["app", "own"], &set).unwrap();
    assert_eq!(builds.len(), 2, "the link was replaced");
    let args = [
        ("ARG_ENV", "e"),
        ("BASE", "r.io/team/base:env"),
        ("GO", "9"),
        ("NEW", "${x}"),
    ];
    assert_eq!(builds[0].args, environment(&args));
    assert_eq!(builds[1].inline.as_deref(), Some("FROM a:3\nRUN x\\\n"));
    assert_eq!(
        (builds[1].target.as_deref(), builds[1].platforms.len()),
        (Some("t"), 1)
    );
    assert_eq!(bake(&files, &["ow*"], &[]).unwrap()[0].name, "own");
}

#[test]
fn bake_files_that_do_not_tell_are_refused() {
    let fails = |name: &str| bake(&[(Language::Hcl, HCL)], &[name], &[]).unwrap_err();
    let why = |name: &str| match fails(name) {
        FileError::Undecided { why, .. } => why,
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(why("matrix"), Why::Matrix);
    assert_eq!(why("func"), Why::Function);
    assert_eq!(why("cond"), Why::Expression);
    assert_eq!(why("ref"), Why::Expression);
    assert_eq!(
        why("unknown"),
        Why::UnknownVariable("NOT_DECLARED".to_owned())
    );
    assert_eq!(why("sbom"), Why::Generator);
    assert_eq!(why("[ab]"), Why::Pattern);
    assert!(matches!(fails("circle"), FileError::Circle { .. }));
    assert!(matches!(fails("none"), FileError::Missing { .. }));
    let file = |text: &str| bake(&[(Language::Hcl, text)], &["a"], &[]).unwrap_err();
    assert!(matches!(file("target \"a\" {"), FileError::Syntax { .. }));
    assert!(matches!(
        file("target \"a\" {\n args = { a = 1, \"a\" = 2 }\n}"),
        FileError::DuplicateKey { .. }
    ));
    assert!(matches!(
        file("target \"a\" { context = [] }"),
        FileError::Shape { .. }
    ));
    assert!(matches!(
        file("variable \"X\" { default = X }\ntarget \"a\" { context = X }"),
        FileError::Circle { .. }
    ));
    assert!(matches!(
        file("variable \"TAG\" { default = [] }\ntarget \"a\" { context = TAG }"),
        FileError::Undecided { .. }
    ));
    assert!(matches!(
        file("target \"a\" { context = \"${~ TAG}x\" }"),
        FileError::Undecided { .. }
    ));
    assert!(matches!(
        file(&format!("a = {}", "[".repeat(50_000))),
        FileError::Syntax { .. }
    ));
    let json = |text: &str| bake(&[(Language::Json, text)], &["a"], &[]).unwrap_err();
    assert!(matches!(json("{"), FileError::Syntax { .. }));
    assert!(matches!(json("[]"), FileError::Shape { .. }));
    assert!(matches!(
        json("{\"target\": {\"a\": {\"context\": \"${f()}\"}}}"),
        FileError::Undecided {
            why: Why::Function,
            ..
        }
    ));
    let doubling: String = (1..31)
        .map(|n| format!("A{n} = \"${{A{}}}${{A{}}}\"\n", n - 1, n - 1))
        .collect();
    let large = file(&format!(
        "A0 = \"{}\"\n{doubling}target \"a\" {{ context = A8 }}",
        "a".repeat(10_000)
    ));
    assert_eq!(large, FileError::TooLarge);
    let wide: String = (1..9)
        .map(|n| format!("A{n} = [{}]\n", format!("A{},", n - 1).repeat(50)))
        .collect();
    let wide = file(&format!("A0 = 1\n{wide}target \"a\" {{ platforms = A8 }}"));
    assert_eq!(wide, FileError::TooLarge);
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

        #[test]
        fn nothing_panics(text in "[ -~\n\t]{0,120}", piece in "[a-z$\\{\\}:?+-]{0,12}") {
            let yaml = format!("services: {{a: {{image: \"{piece}\"}}}}\n");
            for text in [&text, &yaml] {
                drop(services(&[text]));
            }
            let hcl = format!("target \"a\" {{ context = \"{piece}\" }}\n");
            for text in [&text, &hcl] {
                drop(bake(&[(Language::Hcl, text)], &["a"], &[]));
                drop(bake(&[(Language::Json, text)], &["a"], &[text]));
            }
        }
    }
}
