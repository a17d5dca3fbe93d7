//! Against a scripted engine: what real ones said, and what none should say.
#![allow(clippy::unwrap_used, reason = "in the helpers of tests too")]

mod script;

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engine::{
    ApiVersion, Aux, BuildOptions, Config, Endpoint, Engine, Error, Event, ImageName, RegistryAuth,
    ReportedIn,
};
use futures_util::stream;
use oci::{Digest, Reference, Repository, Tag};
use script::{Answer, Script};

const NOBODY: RegistryAuth = RegistryAuth::Anonymous;
const PUSH: &str = "POST /v1.51/images/registry.example.com/api/demo/push?tag=1";

fn ignore(_: &Event) {}

fn demo() -> Repository {
    let reference = Reference::parse("registry.example.com/api/demo").unwrap();
    reference.repository().clone()
}

fn one() -> Tag {
    Tag::parse("1").unwrap()
}

fn digest(fill: &str) -> String {
    format!("sha256:{}", fill.repeat(64))
}

fn fast() -> Config {
    Config {
        answer_timeout: Duration::from_millis(300),
        stream_timeout: Duration::from_millis(300),
        ..Config::default()
    }
}

async fn connect(script: &Script, config: Config) -> Result<Engine, Error> {
    Engine::connect(Endpoint::unix(script.socket()), config).await
}

/// Pushes against an engine that answers so.
async fn push(answer: Answer) -> Result<engine::Pushed, Error> {
    push_with(answer, fast()).await
}

async fn push_with(answer: Answer, config: Config) -> Result<engine::Pushed, Error> {
    let script = Script::with_version("1.51").on(PUSH, answer).start().await;
    let engine = connect(&script, config).await?;
    engine.push(&demo(), &one(), &NOBODY, &mut ignore).await
}

fn line_of_push(fill: &str) -> String {
    format!("{{\"status\":\"1: digest: {} size: 5\"}}\r\n", digest(fill))
}

#[tokio::test]
async fn versions_are_settled() {
    for (theirs, spoken) in [("1.41", "1.41"), ("1.47", "1.47"), ("1.51", "1.51")] {
        let script = Script::with_version(theirs).start().await;
        let engine = connect(&script, fast()).await.unwrap();
        assert_eq!(engine.api_version().to_string(), spoken);
        assert_eq!(script.requests(), ["GET /_ping"]);
    }
    // Docker 29: newer than we know, and it still speaks what we do.
    let version = r#"{"Version":"29.7.2","ApiVersion":"1.55","MinAPIVersion":"1.44"}"#;
    let script = Script::with_version("1.55")
        .on("GET /version", Answer::json(200, version))
        .start()
        .await;
    let engine = connect(&script, fast()).await.unwrap();
    assert_eq!(engine.api_version(), ApiVersion::NEWEST);

    let script = Script::with_version("1.99")
        .on(
            "GET /version",
            Answer::json(200, r#"{"MinAPIVersion":"1.60"}"#),
        )
        .start()
        .await;
    assert!(matches!(
        connect(&script, fast()).await,
        Err(Error::TooNew { minimum, ours })
            if minimum == ApiVersion::new(1, 60) && ours == ApiVersion::NEWEST
    ));
    let script = Script::with_version("1.39").start().await;
    assert!(matches!(
        connect(&script, fast()).await,
        Err(Error::TooOld { theirs, needed })
            if theirs == ApiVersion::new(1, 39) && needed == ApiVersion::OLDEST
    ));
}

#[tokio::test]
async fn the_users_version_is_kept() {
    let pinned = |minor| Config {
        api_version: Some(ApiVersion::new(1, minor)),
        ..fast()
    };
    let version = r#"{"ApiVersion":"1.51","MinAPIVersion":"1.44"}"#;
    let script = Script::with_version("1.51")
        .on("GET /version", Answer::json(200, version))
        .start()
        .await;
    let engine = connect(&script, pinned(44)).await.unwrap();
    assert_eq!(engine.api_version(), ApiVersion::new(1, 44));
    assert!(matches!(
        connect(&script, pinned(43)).await,
        Err(Error::TooNew { minimum, ours })
            if minimum == ApiVersion::new(1, 44) && ours == ApiVersion::new(1, 43)
    ));
    let script = Script::with_version("1.41").start().await;
    assert!(matches!(
        connect(&script, pinned(44)).await,
        Err(Error::TooOld { needed, .. }) if needed == ApiVersion::new(1, 44)
    ));
}

#[tokio::test]
async fn something_else_than_an_engine_is_refused() {
    for head in ["", "Api-Version: x\r\n"] {
        let answer = Answer::raw(&format!(
            "HTTP/1.1 200 OK\r\n{head}Content-Length: 2\r\n\r\nOK"
        ));
        let script = Script::new().on("GET /_ping", answer).start().await;
        assert!(matches!(
            connect(&script, fast()).await,
            Err(Error::Malformed { request, .. }) if request == "GET /_ping"
        ));
    }
    let script = Script::new()
        .on("GET /_ping", Answer::raw("SSH-2.0-OpenSSH_9\r\n"))
        .start()
        .await;
    assert!(matches!(
        connect(&script, fast()).await,
        Err(Error::Malformed { .. })
    ));
}

#[tokio::test]
async fn no_engine_and_no_permission_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let absent = Endpoint::unix(&socket);
    assert!(matches!(
        Engine::connect(absent.clone(), fast()).await,
        Err(Error::NotRunning { endpoint }) if endpoint == format!("unix://{}", socket.display())
    ));
    // A socket file that a dead engine left.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    assert!(matches!(
        Engine::connect(absent.clone(), fast()).await,
        Err(Error::NotRunning { .. })
    ));
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o000)).unwrap();
    let answer = Engine::connect(absent, fast()).await;
    // Root may use any socket; that the user's error is read right for it too is tested beside the code.
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    assert!(match answer {
        Err(Error::PermissionDenied { socket: refused }) => !is_root && refused == socket,
        Err(Error::NotRunning { .. }) => is_root,
        _ => false,
    });
}

#[tokio::test]
async fn every_refusal_has_its_kind() {
    let image = "GET /v1.51/images/x:1/json";
    let name = ImageName::from(&Reference::parse("x:1").unwrap());
    let ask = async |status, body: &str| {
        let script = Script::with_version("1.51")
            .on(image, Answer::json(status, body))
            .start()
            .await;
        let engine = connect(&script, fast()).await.unwrap();
        engine.image(&name).await.unwrap_err()
    };
    let said = r#"{"message":"why"}"#;
    assert!(matches!(ask(401, said).await, Error::Unauthorized { message } if message == "why"));
    assert!(matches!(ask(403, said).await, Error::Denied { message } if message == "why"));
    assert!(matches!(
        ask(404, said).await,
        Error::NotFound { what, message } if what == "x:1" && message == "why"
    ));
    assert!(matches!(ask(409, said).await, Error::Conflict { message } if message == "why"));
    assert!(matches!(
        ask(500, "plain\n").await,
        Error::Server { status, message } if status == 500 && message == "plain"
    ));
    assert!(matches!(
        ask(302, "").await,
        Error::Server { status, .. } if status == 302
    ));
    assert!(matches!(
        ask(500, &"x".repeat(100_000)).await,
        Error::TooLarge { .. }
    ));
    assert!(matches!(
        ask(200, r#"{"Id":"sha256:12"}"#).await,
        Error::Malformed { request, .. } if request == "GET /images/x:1/json"
    ));
    assert!(matches!(ask(200, "{").await, Error::Malformed { .. }));
}

#[tokio::test]
async fn answers_have_bounds() {
    let image = "GET /v1.51/images/x/json";
    let name = ImageName::from(&Reference::parse("x").unwrap());
    let big = format!(
        r#"{{"Id":"{}","Config":"{}"}}"#,
        digest("a"),
        "x".repeat(5000)
    );
    let script = Script::with_version("1.51")
        .on(image, Answer::json(200, &big))
        .start()
        .await;
    let config = Config {
        answer_max: 1000,
        ..fast()
    };
    let engine = connect(&script, config).await.unwrap();
    assert!(matches!(
        engine.image(&name).await,
        Err(Error::TooLarge { limit: 1000, .. })
    ));
    let engine = connect(&script, fast()).await.unwrap();
    assert!(engine.image(&name).await.is_ok());
}

#[tokio::test]
async fn an_engine_that_falls_silent_is_left() {
    for answer in [
        Answer::silence(),
        Answer::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").then_silence(),
        Answer::stream(&["{\"status\":\"x\"}\r\n"])
            .unfinished()
            .then_silence(),
    ] {
        assert!(matches!(push(answer).await, Err(Error::Timeout { .. })));
    }
}

#[tokio::test]
async fn a_cut_stream_is_no_success() {
    let line = line_of_push("a");
    for answer in [
        Answer::raw(""),
        Answer::raw("HTTP/1.1 200 OK\r\nTransf"),
        Answer::stream(&[]).unfinished(),
        // Even after the line that names the digest: an error could have followed.
        Answer::stream(&[&line]).unfinished(),
        Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"status\":\"x\"}\r\n"),
        // Properly ended, but in the middle of a line.
        Answer::stream(&[&line, "{\"status\":\"y"]),
    ] {
        let outcome = push(answer).await;
        assert!(
            matches!(outcome, Err(Error::Interrupted { .. })),
            "{outcome:?}"
        );
    }
    assert_eq!(push(Answer::stream(&[&line])).await.unwrap().size, 5);
}

#[tokio::test]
async fn a_stream_that_is_no_stream_is_malformed() {
    for line in ["not json\r\n", "[1]\r\n", "{\"status\":5}\r\n", "{}}\r\n"] {
        let outcome = push(Answer::stream(&[line, &line_of_push("a")])).await;
        assert!(
            matches!(outcome, Err(Error::Malformed { .. })),
            "{line}: {outcome:?}"
        );
    }
    let outcome = push(Answer::stream(&[&line_of_push("a"), &line_of_push("b")])).await;
    assert!(
        matches!(outcome, Err(Error::Malformed { .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn huge_lines_and_endless_streams_are_left() {
    let config = || Config {
        line_max: 10_000,
        stream_max: 50_000,
        ..fast()
    };
    let huge = format!("{{\"status\":\"{}\"}}\r\n", "x".repeat(2_000_000));
    assert!(matches!(
        push_with(Answer::stream(&[&huge]), config()).await,
        Err(Error::TooLarge { limit: 10_000, .. })
    ));
    let short = "{\"status\":\"x\"}\r\n".repeat(10_000);
    assert!(matches!(
        push_with(Answer::stream(&[&short]), config()).await,
        Err(Error::TooLarge { limit: 50_000, .. })
    ));
    let allowed = format!("{{\"status\":\"{}\"}}\r\n", "x".repeat(500_000));
    let answer = Answer::stream(&[&allowed, &line_of_push("a")]);
    assert!(push_with(answer, fast()).await.is_ok());
}

#[tokio::test]
async fn without_a_report_the_registry_is_asked_and_that_shows() {
    let found = format!(
        r#"{{"Descriptor":{{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"{}","size":77}},"Platforms":null}}"#,
        digest("c")
    );
    let script = Script::with_version("1.51")
        .on(PUSH, Answer::stream(&["{\"status\":\"x\"}\r\n"]))
        .on(
            "GET /v1.51/distribution/registry.example.com/api/demo:1/json",
            Answer::json(200, &found),
        )
        .start()
        .await;
    let engine = connect(&script, fast()).await.unwrap();
    let pushed = engine
        .push(&demo(), &one(), &NOBODY, &mut ignore)
        .await
        .unwrap();
    assert_eq!(pushed.reported_in, ReportedIn::Registry);
    assert_eq!((pushed.digest.to_string(), pushed.size), (digest("c"), 77));
}

#[tokio::test]
async fn what_an_index_lacks_is_reported() {
    let descriptor = |fill| {
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"{}","size":7}}"#,
            digest(fill)
        )
    };
    let instead = format!(
        "{{\"aux\":{{\"manifestPushedInsteadOfIndex\":true,\"originalIndex\":{},\"selectedManifest\":{}}}}}\r\n",
        descriptor("a"),
        descriptor("b")
    );
    let script = Script::with_version("1.51")
        .on(PUSH, Answer::stream(&[&instead, &line_of_push("b")]))
        .start()
        .await;
    let engine = connect(&script, fast()).await.unwrap();
    let mut seen = Vec::new();
    let pushed = engine
        .push(&demo(), &one(), &NOBODY, &mut |event| {
            seen.push(event.clone());
        })
        .await
        .unwrap();
    assert_eq!(pushed.digest.to_string(), digest("b"));
    assert!(matches!(
        &seen[0],
        Event::Aux(Aux::ManifestInsteadOfIndex { index, manifest })
            if index.digest.to_string() == digest("a") && manifest.digest == pushed.digest
    ));
}

#[tokio::test]
async fn an_engine_that_pulls_something_else_is_caught() {
    let asked = Digest::parse(&digest("a")).unwrap();
    let request = format!(
        "POST /v1.51/images/create?fromImage=registry.example.com%2Fapi%2Fdemo&tag=sha256%3A{}",
        asked.hex()
    );
    let other = format!("{{\"status\":\"Digest: {}\"}}\r\n", digest("b"));
    let script = Script::with_version("1.51")
        .on(&request, Answer::stream(&[&other]))
        .start()
        .await;
    let engine = connect(&script, fast()).await.unwrap();
    assert!(matches!(
        engine
            .pull(&demo(), &asked, None, &NOBODY, &mut ignore)
            .await,
        Err(Error::Malformed { .. })
    ));
    // And one that says nothing and has nothing.
    let image = format!("GET /v1.51/images/registry.example.com/api/demo@{asked}/json");
    let script = Script::with_version("1.51")
        .on(&request, Answer::stream(&[]))
        .on(&image, Answer::json(404, r#"{"message":"No such image"}"#))
        .start()
        .await;
    let engine = connect(&script, fast()).await.unwrap();
    assert!(matches!(
        engine
            .pull(&demo(), &asked, None, &NOBODY, &mut ignore)
            .await,
        Err(Error::NotFound { .. })
    ));
}

#[tokio::test]
async fn a_caller_that_stops_closes_the_connection() {
    let answer = Answer::stream(&["{\"status\":\"x\"}\r\n"])
        .unfinished()
        .then_silence();
    let script = Script::with_version("1.51").on(PUSH, answer).start().await;
    let engine = connect(&script, Config::default()).await.unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = seen.clone();
    let pushing = tokio::spawn(async move {
        let count = &mut |_: &Event| {
            counter.fetch_add(1, Ordering::SeqCst);
        };
        engine.push(&demo(), &one(), &NOBODY, count).await
    });
    while seen.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(script.open_connections(), 1);
    pushing.abort();
    let closed = async {
        while script.open_connections() > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), closed)
        .await
        .expect("the engine sees that the caller has gone");
}

#[tokio::test]
async fn a_failed_step_carries_its_exit_code_and_a_build_without_image_is_none() {
    let request = "POST /v1.51/build?version=1&dockerfile=Dockerfile&rm=1";
    let build = async |lines: &[&str]| {
        let script = Script::with_version("1.51")
            .on(request, Answer::stream(lines))
            .start()
            .await;
        let engine = connect(&script, fast()).await.unwrap();
        let context = stream::iter([Ok(bytes::Bytes::from_static(b"tar"))]);
        engine
            .build(context, &BuildOptions::default(), &mut ignore)
            .await
    };
    let failed = "{\"errorDetail\":{\"code\":2,\"message\":\"returned a non-zero code: 2\"},\"error\":\"x\"}\r\n";
    assert!(matches!(
        build(&["{\"stream\":\"Step 1/1\"}\r\n", failed]).await,
        Err(Error::Stream { code: Some(2), message }) if message == "returned a non-zero code: 2"
    ));
    assert!(matches!(
        build(&["{\"stream\":\"Step 1/1\"}\r\n"]).await,
        Err(Error::Malformed { .. })
    ));
}
