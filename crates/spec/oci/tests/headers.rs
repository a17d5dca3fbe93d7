//! Header grammars: challenges, ranges, links.

use oci::{
    BearerChallenge, BlobRange, ByteRange, Challenge, ChallengeError, NameError, Page,
    RepositoryName, Tag, TransferError, next_link,
};

fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
    let text = |value: Option<&str>| value.map(str::to_owned);
    Challenge::Bearer(BearerChallenge {
        realm: realm.to_owned(),
        service: text(service),
        scope: text(scope),
        error: None,
    })
}

fn basic(realm: &str) -> Challenge {
    Challenge::Basic {
        realm: Some(realm.to_owned()),
    }
}

fn other(scheme: &str) -> Challenge {
    Challenge::Other {
        scheme: scheme.to_owned(),
    }
}

#[test]
fn challenges_are_read() {
    let token = "https://auth.example/token";
    let cases: &[(&str, Vec<Challenge>)] = &[
        ("", vec![]),
        (", ,", vec![]),
        ("Basic", vec![Challenge::Basic { realm: None }]),
        ("basic realm=\"a\"", vec![basic("a")]),
        ("BASIC Realm = a", vec![basic("a")]),
        (
            "Basic realm=\"a, b=c \\\"d\\\" \\\\\"",
            vec![basic("a, b=c \"d\" \\")],
        ),
        (
            "Bearer realm=\"https://auth.example/token\",service=\"reg\",scope=\"repository:a/b:pull,push\"",
            vec![bearer(token, Some("reg"), Some("repository:a/b:pull,push"))],
        ),
        (
            "Bearer realm=\"https://auth.example/token\" , , service=reg",
            vec![bearer(token, Some("reg"), None)],
        ),
        (
            "Basic realm=\"a\", Bearer realm=\"https://auth.example/token\"",
            vec![basic("a"), bearer(token, None, None)],
        ),
        (
            "Negotiate, Basic realm=\"a\"",
            vec![other("negotiate"), basic("a")],
        ),
        (
            "Negotiate YWJj==, Basic realm=\"a\"",
            vec![other("negotiate"), basic("a")],
        ),
        (
            "Digest realm=\"x\", nonce=\"y\", Basic realm=\"a\"",
            vec![other("digest"), basic("a")],
        ),
        ("Basic realm=\"ä\"", vec![basic("ä")]),
    ];
    for (text, expected) in cases {
        assert_eq!(
            Challenge::parse_header(text).as_ref(),
            Ok(expected),
            "{text:?}"
        );
        let written = expected
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ");
        assert_eq!(
            Challenge::parse_header(&written).as_ref(),
            Ok(expected),
            "written: {written}"
        );
    }
    let both = Challenge::parse_headers(["Basic realm=\"a\"", "Negotiate"]).unwrap();
    assert_eq!(both, [basic("a"), other("negotiate")]);
}

#[test]
fn malformed_challenges_are_refused() {
    for (text, expected) in [
        ("Basic realm=\"a", ChallengeError::Malformed { offset: 14 }),
        (
            "Basic realm=\"a\\",
            ChallengeError::Malformed { offset: 15 },
        ),
        (
            "Basic realm=\"a\" x=y",
            ChallengeError::Malformed { offset: 16 },
        ),
        ("\"x\"", ChallengeError::Malformed { offset: 0 }),
        ("Basic\"x\"", ChallengeError::Malformed { offset: 5 }),
        ("Bearer service=\"x\"", ChallengeError::MissingRealm),
        ("Bearer", ChallengeError::MissingRealm),
        (
            "Bearer realm=\"a\",realm=\"b\"",
            ChallengeError::Duplicate {
                name: "realm".to_owned(),
            },
        ),
    ] {
        assert_eq!(Challenge::parse_header(text), Err(expected), "{text:?}");
    }
    assert_eq!(
        Challenge::parse_header(&"a, ".repeat(17)),
        Err(ChallengeError::TooLong)
    );
    assert_eq!(
        Challenge::parse_header(&"a".repeat(9000)),
        Err(ChallengeError::TooLong)
    );
    assert_eq!(
        Challenge::parse_headers(["Basic"; 17]),
        Err(ChallengeError::TooLong)
    );
}

#[test]
fn upload_ranges() {
    for text in ["0-1023", "bytes 0-1023/*", "bytes=0-1023"] {
        assert_eq!(
            ByteRange::parse(text),
            Ok(ByteRange {
                start: 0,
                end: 1023
            }),
            "{text}"
        );
    }
    assert_eq!(ByteRange { start: 5, end: 9 }.length(), 5);
    assert_eq!(ByteRange::received(10).to_string(), "0-9");
    assert_eq!(ByteRange::received(0).to_string(), "0-0");
    for text in [
        "",
        "-",
        "1",
        "1-",
        "-1",
        "2-1",
        "+1-2",
        "a-b",
        "0-99999999999999999999",
    ] {
        assert_eq!(
            ByteRange::parse(text),
            Err(TransferError::Malformed),
            "{text}"
        );
    }
}

#[test]
fn blob_ranges() {
    let resolve = |text: &str, size| BlobRange::parse(text).and_then(|range| range.resolve(size));
    let range = |start, end| Ok(ByteRange { start, end });
    assert_eq!(resolve("bytes=2-5", 10), range(2, 5));
    assert_eq!(resolve("bytes=2-", 10), range(2, 9));
    assert_eq!(resolve("bytes=2-99", 10), range(2, 9));
    assert_eq!(resolve("bytes=-3", 10), range(7, 9));
    assert_eq!(resolve("bytes=-30", 10), range(0, 9));
    for (text, size) in [
        ("bytes=10-", 10),
        ("bytes=-0", 10),
        ("bytes=0-", 0),
        ("bytes=-5", 0),
    ] {
        assert_eq!(
            resolve(text, size),
            Err(TransferError::Unsatisfiable),
            "{text}"
        );
    }
    for text in [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=1",
        "bytes=5-2",
        "bytes=0-1,3-4",
        "lines=0-1",
    ] {
        assert_eq!(
            BlobRange::parse(text),
            Err(TransferError::Malformed),
            "{text}"
        );
    }
}

#[test]
fn pages_and_links() {
    let page = Page {
        n: Some(2),
        last: Some("a/b é".to_owned()),
    };
    let link = page.link("/v2/x/tags/list");
    assert_eq!(
        link,
        "</v2/x/tags/list?n=2&last=a/b%20%C3%A9>; rel=\"next\""
    );
    let target = next_link(&link).unwrap().unwrap();
    assert_eq!(
        Page::parse_query(target.split_once('?').unwrap().1),
        Ok(page)
    );
    assert_eq!(Page::parse_query(""), Ok(Page::default()));
    assert_eq!(
        Page::parse_query("n=0&other=1&last=x+y"),
        Ok(Page {
            n: Some(0),
            last: Some("x y".to_owned())
        })
    );
    for query in [
        "n=",
        "n=-1",
        "n=x",
        "n=4294967296",
        "last=%",
        "last=%zz",
        "last=%ff",
    ] {
        assert_eq!(
            Page::parse_query(query),
            Err(TransferError::Malformed),
            "{query}"
        );
    }
}

#[test]
fn the_next_link_is_found_among_others() {
    for (header, expected) in [
        ("", None),
        ("<a>; rel=prev", None),
        ("<a>; rel=next", Some("a")),
        (
            "<a>; rel=\"prev\", <b>; title=\"x, y\"; REL=\"last next\"",
            Some("b"),
        ),
        ("<a?x=1,2>;rel=\"next\"", Some("a?x=1,2")),
    ] {
        assert_eq!(next_link(header), Ok(expected), "{header}");
    }
    for header in ["a; rel=next", "<a; rel=next"] {
        assert_eq!(next_link(header), Err(TransferError::Malformed), "{header}");
    }
}

#[test]
fn names_and_tags_have_limits() {
    assert!(RepositoryName::parse("a/b-c/d__e").is_ok());
    for text in ["", "a/", "A", "a/_trust", "a/../b", "a b", "a/-b", "a.-b"] {
        assert_eq!(
            RepositoryName::parse(text),
            Err(NameError::Format),
            "{text}"
        );
    }
    assert_eq!(
        RepositoryName::parse(&"a".repeat(256)),
        Err(NameError::TooLong { length: 256 })
    );
    assert_eq!(
        Tag::parse(&"a".repeat(129)),
        Err(NameError::TooLong { length: 129 })
    );
    for text in ["", ".", "-a", "a:b", "a/b", "é"] {
        assert_eq!(Tag::parse(text), Err(NameError::Format), "{text}");
    }
}
