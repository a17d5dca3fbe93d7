//! What three real engines said to curl, said again to our client (`testdata/golden/docker/engine-*`).
#![allow(clippy::unwrap_used, reason = "in the helpers of tests too")]

mod script;

use std::path::Path;

use bytes::Bytes;
use engine::{
    BuildOptions, Config, Endpoint, Engine, Error, Event, ImageName, RegistryAuth, ReportedIn,
};
use futures_util::stream;
use oci::{Digest, Reference, Repository, Tag};
use script::{Answer, Script};

const NOBODY: RegistryAuth = RegistryAuth::Anonymous;

/// One request of a transcript.
#[derive(Debug)]
struct Exchange {
    /// Method and address as our client sends it.
    request: String,
    status: u16,
    body: String,
}

/// A transcript, and what its engine is known for.
struct Case {
    folder: &'static str,
    version: &'static str,
    digest: &'static str,
    id: &'static str,
    size: u64,
    reported_in: ReportedIn,
    built: &'static str,
}

const CASES: [Case; 3] = [
    Case {
        folder: "engine-20.10.24",
        version: "1.41",
        digest: "sha256:89c588a052a750e0582c6225a8c193fe1f059270b3df11da72c44cb520bf451b",
        id: "sha256:a2b54b5ddcd18854cc309c48c78b38c3122cf4ed1d26ab74cd443aa4ff7fd285",
        size: 523,
        reported_in: ReportedIn::Aux,
        built: "sha256:d12d254c9d50a080bd87ef9c358f0a837534682c34f02da1652ee5d6c1d72039",
    },
    Case {
        folder: "engine-28.5.2",
        version: "1.51",
        digest: "sha256:0e966ba3c4666e90dbb44398d4e5b03524ea97a45f58b7315988ba40c7e53264",
        id: "sha256:f2f40c8d956d36c304e084e3a7a95eff9d8b53431788526359333e82e76749e8",
        size: 523,
        reported_in: ReportedIn::Aux,
        built: "sha256:b54c1c40715fe03c3ad1e19ef5e2e389d31cb392afb8c2a6bb560ea05495d44d",
    },
    Case {
        folder: "engine-28.5.2-containerd-store",
        version: "1.51",
        digest: "sha256:30645d7a6995ad368bb5e600c0f4be7b3258d1772ddbf5a428be6f87fe8c3979",
        id: "sha256:30645d7a6995ad368bb5e600c0f4be7b3258d1772ddbf5a428be6f87fe8c3979",
        size: 401,
        reported_in: ReportedIn::StatusLine,
        built: "sha256:f04bd22e86ba78ad03d037dcc0a5366f2537ff3c5ceab1d5a1522b6ef3b3db54",
    },
];

fn exchanges(case: &Case) -> Vec<Exchange> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../testdata/golden/docker")
        .join(case.folder)
        .join("16-engine-api.txt");
    let text = std::fs::read_to_string(file).unwrap();
    text.split("\n$ ")
        .skip(1)
        .filter_map(|part| parse(part, case))
        .collect()
}

/// `curl … [-X POST] 'http://d/…'`, `[stdout]`, the body, the status if `-w` asked for it.
fn parse(part: &str, case: &Case) -> Option<Exchange> {
    let (command, rest) = part.split_once("\n[stdout]\n")?;
    let body = rest.split("\n[exit ").next()?;
    let address = command.rsplit("http://d").next()?;
    let address = address.split(['\'', '"', ' ']).next()?;
    let address = address
        .replace("$D", case.digest)
        .replace("$(cat", &format!("@{}", case.digest))
        .replace("@@", "@");
    // Our client escapes the query; curl sent it as it stands here.
    let address = match address.split_once('?') {
        None => address,
        Some((path, query)) => {
            let pairs: Vec<_> = query
                .split('&')
                .map(|pair| pair.split_once('=').unwrap())
                .collect();
            let query = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(pairs)
                .finish();
            format!("{path}?{query}")
        }
    };
    let method = if command.contains("-X POST") {
        "POST"
    } else {
        "GET"
    };
    let (body, status) = match body.rsplit_once('\n') {
        Some((body, status)) if command.contains("%{http_code}") => (body, status.parse().ok()?),
        None if command.contains("%{http_code}") => ("", body.parse().ok()?),
        _ => (body, 200),
    };
    // A head that curl showed.
    let body = body.split_once("\n\n").map_or(body, |(_, body)| body);
    Some(Exchange {
        request: format!("{method} {address}"),
        status,
        body: body.replace("\n{", "\r\n{") + "\r\n",
    })
}

impl Exchange {
    /// As the engine sent it: streams in chunks, and not at the ends of lines.
    fn answer(&self) -> Answer {
        if self.status == 200 && self.request.starts_with("POST") {
            let (first, second) = self.body.split_at(self.body.len() / 2);
            Answer::stream(&[first, second])
        } else {
            Answer::json(self.status, &self.body)
        }
    }
}

/// An engine that says what the transcript's said to the request containing `mark`, whose answer contains `said`.
async fn replay(case: &Case, picks: &[(&str, &str)]) -> (Script, Engine) {
    let all = exchanges(case);
    let mut script = Script::with_version(case.version);
    for (mark, said) in picks {
        let exchange = all
            .iter()
            .find(|exchange| exchange.request.contains(mark) && exchange.body.contains(said))
            .unwrap_or_else(|| panic!("{}: no {mark} that says {said}", case.folder));
        script = script.on(&exchange.request, exchange.answer());
    }
    let script = script.start().await;
    let endpoint = Endpoint::unix(script.socket());
    let engine = Engine::connect(endpoint, Config::default()).await.unwrap();
    (script, engine)
}

fn repository(name: &str) -> Repository {
    Reference::parse(name).unwrap().repository().clone()
}

fn demo() -> Repository {
    repository("registry.example.com/api/demo")
}

fn tag(text: &str) -> Tag {
    Tag::parse(text).unwrap()
}

fn ignore(_: &Event) {}

/// The lines docker shows without a terminal.
fn shown(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Status {
                id,
                text,
                progress: None,
            } => Some(match id {
                Some(id) => format!("{id}: {text}"),
                None => text.clone(),
            }),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn pushes() {
    for case in &CASES {
        for said in ["\"Pushed\"", "Layer already exists"] {
            let (_script, engine) = replay(case, &[("demo/push?tag=1", said)]).await;
            let mut events = Vec::new();
            let pushed = engine
                .push(&demo(), &tag("1"), &NOBODY, &mut |event| {
                    events.push(event.clone())
                })
                .await
                .unwrap();
            assert_eq!(pushed.digest.to_string(), case.digest);
            assert_eq!(
                (pushed.size, pushed.reported_in),
                (case.size, case.reported_in)
            );
            let lines = shown(&events);
            assert_eq!(
                lines[0],
                "The push refers to repository [registry.example.com/api/demo]"
            );
            assert_eq!(
                *lines.last().unwrap(),
                format!("1: digest: {} size: {}", case.digest, case.size)
            );
        }
    }
}

#[tokio::test]
async fn pushes_of_all_tags() {
    for case in &CASES {
        let (_script, engine) = replay(case, &[("demo/push", "2: digest")]).await;
        let pushed = engine
            .push_all(&demo(), &NOBODY, &mut ignore)
            .await
            .unwrap();
        let tags: Vec<&str> = pushed.iter().map(|pushed| pushed.tag.as_str()).collect();
        assert_eq!(tags, ["1", "2"]);
        assert!(
            pushed
                .iter()
                .all(|pushed| pushed.reported_in == case.reported_in)
        );
    }
}

#[tokio::test]
async fn pushes_that_fail() {
    for case in &CASES {
        for (mark, name, tag_text, words) in [
            (
                "demo/push?tag=nosuch",
                "registry.example.com/api/demo",
                "nosuch",
                "tag does not exist",
            ),
            (
                "nosuch/push?tag=1",
                "registry.example.com/api/nosuch",
                "1",
                "exist",
            ),
            (
                "nohost.invalid/x/push",
                "nohost.invalid/x",
                "1",
                "https://nohost.invalid/v2/",
            ),
        ] {
            let (_script, engine) = replay(case, &[(mark, "errorDetail")]).await;
            let outcome = engine
                .push(&repository(name), &tag(tag_text), &NOBODY, &mut ignore)
                .await;
            assert!(
                matches!(&outcome, Err(Error::Stream { message, code: None }) if message.contains(words)),
                "{outcome:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_login_read_as_nobody_is_denied_in_the_stream() {
    for case in &CASES[..2] {
        let (_script, engine) = replay(case, &[("demo/push?tag=1", "denied")]).await;
        let outcome = engine.push(&demo(), &tag("1"), &NOBODY, &mut ignore).await;
        assert!(matches!(
            outcome,
            Err(Error::Stream { message, .. }) if message.contains("unauthorized: authentication required")
        ));
    }
}

/// 20.10 without `X-Registry-Auth`; a name in upper case.
#[test]
fn refusals_before_the_stream() {
    let statuses: Vec<(u16, u16)> = CASES
        .iter()
        .map(|case| {
            let all = exchanges(case);
            let status = |mark: &str, said: &str| {
                all.iter()
                    .find(|exchange| {
                        exchange.request.contains(mark) && exchange.body.contains(said)
                    })
                    .map_or(0, |exchange| exchange.status)
            };
            (
                status("Api/demo/push", "lowercase"),
                status("push", "missing X-Registry-Auth"),
            )
        })
        .collect();
    assert_eq!(statuses, [(500, 400), (400, 0), (400, 0)]);
}

#[tokio::test]
async fn distribution() {
    let name = |text: &str| Reference::new(demo(), Some(tag(text)), None);
    for case in &CASES {
        let picks = [
            ("demo:1/json", "Platforms"),
            ("demo:nosuch/json", "unknown"),
        ];
        let (_script, engine) = replay(case, &picks).await;
        let found = engine.distribution(&name("1"), &NOBODY).await.unwrap();
        assert_eq!(found.descriptor.digest.to_string(), case.digest);
        assert_eq!(found.descriptor.size, case.size);
        let platforms = usize::from(case.reported_in == ReportedIn::Aux);
        assert_eq!(found.platforms.len(), platforms);
        assert!(matches!(
            engine.distribution(&name("nosuch"), &NOBODY).await,
            Err(Error::NotFound { message, .. }) if message == "manifest unknown: manifest unknown"
        ));
    }
}

#[tokio::test]
async fn images() {
    for case in &CASES {
        let (_script, engine) = replay(
            case,
            &[("images/registry.example.com/api/demo:1/json", "\"Id\"")],
        )
        .await;
        let name = Reference::new(demo(), Some(tag("1")), None);
        let image = engine.image(&ImageName::from(&name)).await.unwrap();
        assert_eq!(image.id.to_string(), case.id);
        assert_eq!(image.repo_tags.len(), 3);
        assert!(
            image
                .repo_digests
                .contains(&format!("registry.example.com/api/demo@{}", case.digest))
        );
        let described = image.descriptor.map(|found| found.digest.to_string());
        let expected = (case.reported_in == ReportedIn::StatusLine).then(|| case.digest.to_owned());
        assert_eq!(described, expected);
    }
}

#[tokio::test]
async fn pulls() {
    for case in &CASES {
        let digest = Digest::parse(case.digest).unwrap();
        let mark = format!("tag={}", case.digest.replace(':', "%3A"));
        // The transcript describes the image by its tag; we ask for it by digest.
        let all = exchanges(case);
        let described = all
            .iter()
            .find(|exchange| exchange.body.contains("\"Id\""))
            .unwrap();
        let pull = all
            .iter()
            .find(|exchange| exchange.request.contains(&mark))
            .unwrap();
        let by_digest = format!(
            "GET /v{}/images/registry.example.com/api/demo@{digest}/json",
            case.version
        );
        let script = Script::with_version(case.version)
            .on(&pull.request, pull.answer())
            .on(&by_digest, described.answer())
            .start()
            .await;
        let engine = Engine::connect(Endpoint::unix(script.socket()), Config::default())
            .await
            .unwrap();
        let mut events = Vec::new();
        let image = engine
            .pull(&demo(), &digest, None, &NOBODY, &mut |event| {
                events.push(event.clone())
            })
            .await
            .unwrap();
        assert_eq!(image.id.to_string(), case.id);
        let lines = shown(&events);
        assert_eq!(
            lines[0],
            format!("registry.example.com/api/demo@{digest}: Pulling from api/demo")
        );
        assert!(lines.iter().any(|line| line.ends_with(": Pull complete")));
        assert!(!lines.iter().any(|line| line.ends_with(": Downloading")));
        assert_eq!(lines[lines.len() - 2], format!("Digest: {digest}"));
        assert!(lines[lines.len() - 1].starts_with("Status: Downloaded newer image for "));
    }
}

#[tokio::test]
async fn pulls_and_tags_of_what_is_not_there() {
    for case in &CASES {
        let nothing = Digest::parse(&format!("sha256:{}", "0".repeat(64))).unwrap();
        let (_script, engine) = replay(case, &[("tag=sha256%3A0000", "not found")]).await;
        assert!(matches!(
            engine.pull(&demo(), &nothing, None, &NOBODY, &mut ignore).await,
            Err(Error::NotFound { what, .. }) if what == format!("registry.example.com/api/demo@{nothing}")
        ));
        // The transcript's target is `x`, on Hub.
        let (_script, engine) = replay(case, &[("nosuch:1/tag", "No such image")]).await;
        let source = Reference::parse("registry.example.com/api/nosuch:1").unwrap();
        assert!(matches!(
            engine.tag(&ImageName::from(&source), &repository("x"), &tag("1")).await,
            Err(Error::NotFound { message, .. }) if message.starts_with("No such image")
        ));
    }
}

#[tokio::test]
async fn tags() {
    for case in &CASES {
        let source = Reference::new(demo(), None, Some(Digest::parse(case.digest).unwrap()));
        let request = format!(
            "POST /v{}/images/{source}/tag?repo=registry.example.com%2Fapi%2Fdemo&tag=1",
            case.version
        );
        let script = Script::with_version(case.version)
            .on(&request, Answer::json(201, ""))
            .start()
            .await;
        let engine = Engine::connect(Endpoint::unix(script.socket()), Config::default())
            .await
            .unwrap();
        engine
            .tag(&ImageName::from(&source), &demo(), &tag("1"))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn builds() {
    for case in &CASES {
        let all = exchanges(case);
        let build = all
            .iter()
            .find(|exchange| exchange.request.contains("/build?"))
            .unwrap();
        let request = format!(
            "POST /v{}/build?version=1&dockerfile=Dockerfile&rm=1&t=apib%3A1",
            case.version
        );
        let script = Script::with_version(case.version)
            .on(&request, build.answer())
            .start()
            .await;
        let engine = Engine::connect(Endpoint::unix(script.socket()), Config::default())
            .await
            .unwrap();
        let options = BuildOptions {
            tags: vec![Reference::parse("apib:1").unwrap()],
            ..BuildOptions::default()
        };
        let context = stream::iter([Ok(Bytes::from_static(b"tar"))]);
        let mut output = String::new();
        let built = engine
            .build(context, &options, &mut |event| {
                if let Event::Output(text) = event {
                    output.push_str(text);
                }
            })
            .await
            .unwrap();
        assert_eq!(built.id.to_string(), case.built);
        let short = &case.built[7..19];
        assert!(output.starts_with("Step 1/2 : FROM scratch\n ---> \n"));
        assert!(output.ends_with(&format!(
            "Successfully built {short}\nSuccessfully tagged apib:1\n"
        )));
    }
}
