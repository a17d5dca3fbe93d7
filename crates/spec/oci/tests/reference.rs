//! The reference grammar as a table: what docker 28 makes of each text.

use oci::{DigestError, Reference, ReferenceError, Repository, RepositoryName, Tag};

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// text, full name, familiar form, tag, has a digest
const ACCEPTED: &[(&str, &str, &str, Option<&str>, bool)] = &[
    ("alpine", "docker.io/library/alpine", "alpine", None, false),
    (
        "alpine:3.20",
        "docker.io/library/alpine",
        "alpine:3.20",
        Some("3.20"),
        false,
    ),
    ("me/app", "docker.io/me/app", "me/app", None, false),
    (
        "me/team/app:x",
        "docker.io/me/team/app",
        "me/team/app:x",
        Some("x"),
        false,
    ),
    (
        "docker.io/alpine",
        "docker.io/library/alpine",
        "alpine",
        None,
        false,
    ),
    (
        "docker.io/library/alpine",
        "docker.io/library/alpine",
        "alpine",
        None,
        false,
    ),
    (
        "docker.io/library/a/b",
        "docker.io/library/a/b",
        "library/a/b",
        None,
        false,
    ),
    (
        "index.docker.io/alpine",
        "docker.io/library/alpine",
        "alpine",
        None,
        false,
    ),
    (
        "index.docker.io/me/app:1",
        "docker.io/me/app",
        "me/app:1",
        Some("1"),
        false,
    ),
    (
        "registry-1.docker.io/me/app",
        "registry-1.docker.io/me/app",
        "registry-1.docker.io/me/app",
        None,
        false,
    ),
    (
        "localhost/app",
        "localhost/app",
        "localhost/app",
        None,
        false,
    ),
    (
        "localhost:5000",
        "docker.io/library/localhost",
        "localhost:5000",
        Some("5000"),
        false,
    ),
    (
        "localhost:5000/app:1",
        "localhost:5000/app",
        "localhost:5000/app:1",
        Some("1"),
        false,
    ),
    (
        "registry.example.com:5000/a/b:c",
        "registry.example.com:5000/a/b",
        "registry.example.com:5000/a/b:c",
        Some("c"),
        false,
    ),
    ("A/b", "A/b", "A/b", None, false),
    (
        "Registry.Example.com/b",
        "Registry.Example.com/b",
        "Registry.Example.com/b",
        None,
        false,
    ),
    (
        "[::1]:5000/app:1",
        "[::1]:5000/app",
        "[::1]:5000/app:1",
        Some("1"),
        false,
    ),
    (
        "[fe80::aB]/app",
        "[fe80::aB]/app",
        "[fe80::aB]/app",
        None,
        false,
    ),
    (
        "a.b/c__d/e-f--g/h.i_j",
        "a.b/c__d/e-f--g/h.i_j",
        "a.b/c__d/e-f--g/h.i_j",
        None,
        false,
    ),
    (
        "app:Tag_1.x-Y",
        "docker.io/library/app",
        "app:Tag_1.x-Y",
        Some("Tag_1.x-Y"),
        false,
    ),
    (
        "app:_x",
        "docker.io/library/app",
        "app:_x",
        Some("_x"),
        false,
    ),
    (
        "xn--n3h.com/app",
        "xn--n3h.com/app",
        "xn--n3h.com/app",
        None,
        false,
    ),
    (
        "10.0.0.1:80/app",
        "10.0.0.1:80/app",
        "10.0.0.1:80/app",
        None,
        false,
    ),
    (
        "app@sha256:HEX",
        "docker.io/library/app",
        "app@sha256:HEX",
        None,
        true,
    ),
    (
        "me/app:1.2@sha256:HEX",
        "docker.io/me/app",
        "me/app:1.2@sha256:HEX",
        Some("1.2"),
        true,
    ),
    (
        "host:5000/app:1@sha256:HEX",
        "host:5000/app",
        "host:5000/app:1@sha256:HEX",
        Some("1"),
        true,
    ),
    // One digit short of an image id.
    (
        "3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "docker.io/library/3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        None,
        false,
    ),
];

#[test]
fn accepted_references_normalise_as_docker_does() {
    for (text, gun, familiar, tag, has_digest) in ACCEPTED {
        let text = text.replace("HEX", HEX);
        let reference = Reference::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(reference.gun(), *gun, "{text}");
        assert_eq!(reference.familiar(), familiar.replace("HEX", HEX), "{text}");
        assert_eq!(reference.tag().map(Tag::as_str), *tag, "{text}");
        assert_eq!(reference.digest().is_some(), *has_digest, "{text}");
        assert_eq!(
            Reference::parse(&reference.to_string()).as_ref(),
            Ok(&reference),
            "{text}: full form"
        );
        assert_eq!(
            Reference::parse(&reference.familiar()).as_ref(),
            Ok(&reference),
            "{text}: familiar form"
        );
    }
}

#[test]
fn texts_outside_the_grammar_are_refused() {
    let long_tag = format!("app:{}", "t".repeat(129));
    let texts = [
        "",
        " ",
        ":",
        "/",
        "@",
        ":tag",
        "app:",
        "app@",
        "app:a b",
        "app:-x",
        "app:.x",
        "a//b",
        "/app",
        "app/",
        "-app",
        "app-",
        "app.",
        "a..b/c/d",
        "a___b",
        "a._b",
        "_app",
        "app:t:u",
        "host:port/app",
        "host:/app",
        "-host.com/app",
        "host-.com/app",
        "host..com/app",
        "a_b.com/app",
        "[::1/app",
        "[]/app",
        "[::g]/app",
        "[::1]x/app",
        "[::1]:/app",
        "app@sha256",
        "app@sha256:abcd",
        "app@256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "http://host/app",
        "app:ä",
        "\u{0}",
        "app\n",
        "host/app:tag/x",
        &long_tag,
    ];
    for text in texts {
        assert_eq!(
            Reference::parse(text),
            Err(ReferenceError::Format),
            "{text:?}"
        );
    }
}

#[test]
fn upper_case_names_quote_the_path_as_docker_does() {
    for (text, path) in [
        ("Alpine", "library/Alpine"),
        ("me/App:1", "me/App"),
        ("docker.io/Me/app", "Me/app"),
        ("host:5000/Admin/demo:x", "Admin/demo"),
        ("localhost/Äpp", "Äpp"),
    ] {
        assert_eq!(
            Reference::parse(text),
            Err(ReferenceError::Uppercase {
                path: path.to_owned()
            }),
            "{text}"
        );
    }
}

#[test]
fn an_image_id_is_not_a_name() {
    assert_eq!(
        Reference::parse(HEX),
        Err(ReferenceError::Identifier {
            name: HEX.to_owned()
        })
    );
    assert!(Reference::parse(&format!("me/{HEX}")).is_ok());
}

#[test]
fn a_path_may_have_255_bytes() {
    let path = "a".repeat(255);
    assert!(Reference::parse(&format!("host.example/{path}")).is_ok());
    let error = Reference::parse(&format!("host.example/{path}a"));
    assert_eq!(error, Err(ReferenceError::NameTooLong { length: 256 }));
    assert!(Reference::parse(&format!("app:{}", "t".repeat(128))).is_ok());
}

#[test]
fn digests_say_what_is_wrong() {
    for (digest, expected) in [
        (
            format!("sha256:{}", HEX.to_uppercase()),
            DigestError::Format,
        ),
        (format!("sha256:{HEX}00"), DigestError::Length),
        (format!("md5x:{HEX}"), DigestError::Algorithm),
        (format!("sha512:{HEX}"), DigestError::Length),
    ] {
        let error = Reference::parse(&format!("host.example/app@{digest}"));
        assert_eq!(
            error,
            Err(ReferenceError::Digest {
                text: digest,
                source: expected
            })
        );
    }
}

#[test]
fn no_tag_is_added_unless_asked() {
    let bare = Reference::parse("app").unwrap();
    assert!(bare.is_name_only());
    assert_eq!(bare.to_string(), "docker.io/library/app");
    assert_eq!(bare.or_latest().familiar(), "app:latest");
    let pinned = Reference::parse(&format!("app@sha256:{HEX}")).unwrap();
    assert_eq!(pinned.clone().or_latest(), pinned);
    assert!(pinned.name_only().is_name_only());
}

#[test]
fn hub_requests_go_to_its_api_host() {
    assert_eq!(
        Reference::parse("app").unwrap().repository().request_host(),
        "registry-1.docker.io"
    );
    assert_eq!(
        Reference::parse("host.example/app")
            .unwrap()
            .repository()
            .request_host(),
        "host.example"
    );
    let path = RepositoryName::parse("me/app").unwrap();
    let hub = Repository::new("index.docker.io", path.clone()).unwrap();
    assert_eq!(
        (hub.gun().as_str(), hub.is_hub()),
        ("docker.io/me/app", true)
    );
    assert_eq!(Repository::new("a_b", path), Err(ReferenceError::Format));
}
