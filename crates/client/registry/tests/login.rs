//! Challenges and tokens: who gets which credential, and who does not.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use net::{Request, StatusCode};
use oci::{Reference, RepositoryName};
use registry::{Authenticator, CredentialSource, Credentials, Error, Fault, Scope};
use support::{ALICE_BASIC, Seen, Server, alice, anonymous, http, registry, reply};
use zeroize::Zeroizing;

fn token() -> CredentialSource {
    CredentialSource::Fixed(Credentials::IdentityToken {
        token: Zeroizing::new("refresh me".to_owned()),
    })
}

fn name() -> RepositoryName {
    RepositoryName::parse("team/app").unwrap()
}

/// Answers tags with a 401 until the request carries `expected`.
fn guarded(challenge: &str, expected: &'static str) -> impl Fn(&Seen) -> support::Reply + use<> {
    let challenge = challenge.to_owned();
    move |seen| match seen.header("authorization") {
        Some(found) if found == expected => reply(200).body("{\"tags\":[\"v1\"]}"),
        _ => reply(401)
            .header("www-authenticate", challenge.clone())
            .oci_error("UNAUTHORIZED", "log in first"),
    }
}

#[tokio::test]
async fn basic_is_answered_and_then_offered_at_once() {
    let server = Server::start(guarded("Basic realm=\"x\"", ALICE_BASIC)).await;
    let registry = registry(&server, alice());
    registry.tags(&name()).await.unwrap();
    registry.tags(&name()).await.unwrap();
    let sent: Vec<_> = server
        .seen()
        .iter()
        .map(|seen| seen.header("authorization").map(str::to_owned))
        .collect();
    assert_eq!(
        sent,
        [
            None,
            Some(ALICE_BASIC.to_owned()),
            Some(ALICE_BASIC.to_owned())
        ]
    );
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_and_the_server_is_quoted() {
    let server = Server::start(guarded("Basic realm=\"x\"", "never")).await;
    let error = registry(&server, alice()).tags(&name()).await.unwrap_err();
    let Error::Unauthorized {
        with_credentials: true,
        server: Some(message),
        host,
    } = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(
        (message.code.as_str(), message.message.as_str()),
        ("UNAUTHORIZED", "log in first")
    );
    assert_eq!(host, server.host);
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn nobody_logged_in_is_told_apart() {
    let server = Server::start(guarded("Basic realm=\"x\"", ALICE_BASIC)).await;
    let error = anonymous(&server).tags(&name()).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Unauthorized {
                with_credentials: false,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(server.seen().len(), 1);
}

/// A registry that names a token server of its own origin, `/token`.
async fn with_token_server(
    tokens: impl Fn(&Seen) -> support::Reply + Send + Sync + 'static,
    accepted: &'static str,
) -> Server {
    Server::start(move |seen| {
        if seen.target.starts_with("/token") {
            return tokens(seen);
        }
        let host = seen.header("host").unwrap();
        let challenge = format!("Bearer realm=\"http://{host}/token?x=1\",service=\"reg istry\",scope=\"other:thing:all\"");
        guarded(&challenge, accepted)(seen)
    })
    .await
}

#[tokio::test]
async fn bearer_with_a_password_asks_by_get_and_keeps_the_token() {
    let server = with_token_server(
        |_| reply(200).body("{\"token\":\"t1\",\"expires_in\":300}"),
        "Bearer t1",
    )
    .await;
    let registry = registry(&server, alice());
    registry.tags(&name()).await.unwrap();
    registry.tags(&name()).await.unwrap();
    let lines = server.lines();
    let asked =
        "GET /token?x=1&account=alice&scope=repository%3Ateam%2Fapp%3Apull&service=reg+istry";
    assert_eq!(lines[1], asked);
    assert_eq!(server.seen()[1].header("authorization"), Some(ALICE_BASIC));
    assert_eq!(lines.len(), 4, "{lines:?}");
}

#[tokio::test]
async fn another_scope_needs_another_token() {
    let server = with_token_server(
        |_| reply(200).body("{\"access_token\":\"t1\"}"),
        "Bearer t1",
    )
    .await;
    let registry = registry(&server, alice());
    registry.tags(&name()).await.unwrap();
    registry
        .tags(&RepositoryName::parse("other").unwrap())
        .await
        .unwrap();
    let asked = server
        .lines()
        .iter()
        .filter(|line| line.contains("/token"))
        .count();
    assert_eq!(asked, 2);
}

#[tokio::test]
async fn an_identity_token_is_posted_as_a_form() {
    let server = with_token_server(
        |_| reply(200).body("{\"access_token\":\"t1\"}"),
        "Bearer t1",
    )
    .await;
    registry(&server, token()).tags(&name()).await.unwrap();
    let asked = &server.seen()[1];
    assert_eq!(asked.line(), "POST /token?x=1");
    assert_eq!(asked.header("authorization"), None);
    assert_eq!(
        asked.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(
        String::from_utf8(asked.body.clone()).unwrap(),
        "client_id=docker&grant_type=refresh_token&refresh_token=refresh+me&scope=repository%3Ateam%2Fapp%3Apull&service=reg+istry"
    );
}

#[tokio::test]
async fn nobody_gets_an_anonymous_token() {
    let server = with_token_server(|_| reply(200).body("{\"token\":\"t1\"}"), "Bearer t1").await;
    anonymous(&server).tags(&name()).await.unwrap();
    let asked = &server.seen()[1];
    assert_eq!(
        asked.line(),
        "GET /token?x=1&scope=repository%3Ateam%2Fapp%3Apull&service=reg+istry"
    );
    assert_eq!(asked.header("authorization"), None);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let count = std::sync::atomic::AtomicU32::new(0);
    let tokens = move |_: &Seen| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        reply(200).body(format!("{{\"token\":\"t{number}\",\"expires_in\":300}}"))
    };
    let server = with_token_server(tokens, "Bearer t2").await;
    let registry = registry(&server, alice());
    // t0 is refused: the end for this request.
    assert!(matches!(
        registry.tags(&name()).await,
        Err(Error::Unauthorized { .. })
    ));
    // t0 again from the cache, then t1: refused too. Then t1, then t2.
    assert!(matches!(
        registry.tags(&name()).await,
        Err(Error::Unauthorized { .. })
    ));
    assert_eq!(registry.tags(&name()).await.unwrap().len(), 1);
    assert_eq!(
        server
            .lines()
            .iter()
            .filter(|line| line.contains("/token"))
            .count(),
        3
    );
}

#[tokio::test]
async fn an_expired_token_is_not_used_again() {
    let server = with_token_server(
        |_| reply(200).body("{\"token\":\"t1\",\"expires_in\":0}"),
        "Bearer t1",
    )
    .await;
    let registry = registry(&server, alice());
    registry.tags(&name()).await.unwrap();
    registry.tags(&name()).await.unwrap();
    assert_eq!(
        server
            .lines()
            .iter()
            .filter(|line| line.contains("/token"))
            .count(),
        2
    );
}

#[tokio::test]
async fn the_token_server_refusing_is_quoted() {
    let refuse = |_: &Seen| reply(401).body("{\"details\":\"incorrect username or password\"}");
    let server = with_token_server(refuse, "never").await;
    let error = registry(&server, alice()).tags(&name()).await.unwrap_err();
    let Error::Unauthorized {
        server: Some(message),
        with_credentials: true,
        ..
    } = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(message.message, "incorrect username or password");
}

#[tokio::test]
async fn answers_without_a_usable_token_are_refused() {
    for (body, json) in [
        ("{}", false),
        ("{\"token\":\"\"}", false),
        ("{\"token\":\"a\\nb\"}", false),
        ("<html>", true),
    ] {
        let server = with_token_server(move |_| reply(200).body(body), "never").await;
        let error = registry(&server, alice()).tags(&name()).await.unwrap_err();
        match error {
            Error::Malformed {
                fault: Fault::Token,
                ..
            } => assert!(!json, "{body}"),
            Error::Malformed {
                fault: Fault::Json(_),
                ..
            } => assert!(json, "{body}"),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_password_never_goes_to_a_plain_realm_elsewhere() {
    for realm in [
        "http://192.0.2.1/token",
        "ftp://127.0.0.1/",
        "token",
        "http://localhost.example/token",
    ] {
        let server = Server::start(guarded(&format!("Bearer realm=\"{realm}\""), "never")).await;
        let error = registry(&server, alice()).tags(&name()).await.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Malformed {
                    fault: Fault::Realm { .. },
                    ..
                }
            ),
            "{realm}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_redirect_to_another_host_goes_without_credentials() {
    let elsewhere = Server::start(|_| reply(200).body("{\"tags\":[]}")).await;
    let target = elsewhere.url("/list").to_string();
    let server = Server::start(move |seen| match seen.header("authorization") {
        Some(_) => reply(307).header("location", target.clone()),
        None => reply(401).header("www-authenticate", "Basic"),
    })
    .await;
    registry(&server, alice()).tags(&name()).await.unwrap();
    assert_eq!(elsewhere.seen()[0].header("authorization"), None);
}

#[tokio::test]
async fn a_challenge_from_another_host_is_not_answered() {
    let elsewhere = Server::start(guarded("Basic", ALICE_BASIC)).await;
    let target = elsewhere.url("/list").to_string();
    let server = Server::start(move |_| reply(307).header("location", target.clone())).await;
    let error = registry(&server, alice()).tags(&name()).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error:?}");
    assert_eq!(elsewhere.seen().len(), 1);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn redirects_of_the_token_post_are_not_followed() {
    let elsewhere = Server::start(|_| reply(200).body("{\"token\":\"t1\"}")).await;
    let target = elsewhere.url("/token").to_string();
    let server = with_token_server(
        move |_| reply(307).header("location", target.clone()),
        "Bearer t1",
    )
    .await;
    let error = registry(&server, token()).tags(&name()).await.unwrap_err();
    assert!(
        matches!(error, Error::ServerError { status: 307, .. }),
        "{error:?}"
    );
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn unreadable_and_unknown_challenges_say_so() {
    let server = Server::start(guarded("Bearer service=\"x\"", "never")).await;
    let error = registry(&server, alice()).ping().await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Malformed {
                fault: Fault::Challenge(_),
                ..
            }
        ),
        "{error:?}"
    );
    let server = Server::start(guarded("Negotiate", "never")).await;
    let error = registry(&server, alice()).ping().await.unwrap_err();
    let Error::Malformed {
        fault: Fault::NoChallenge { offered },
        ..
    } = error
    else {
        panic!("{error:?}")
    };
    assert_eq!(offered, ["negotiate"]);
}

#[tokio::test]
async fn a_trust_server_is_served_with_its_own_scope() {
    let server = with_token_server(|_| reply(200).body("{\"token\":\"t1\"}"), "Bearer t1").await;
    let authenticator = Authenticator::new(http(), server.url("/"), alice());
    let gun = Reference::parse("registry.example/team/app").unwrap().gun();
    let url = server.url(&format!("/v2/{gun}/_trust/tuf/root.json"));
    let scopes = [Scope::repository(&gun, "pull,push")];
    let response = authenticator
        .send(Request::get(url), &scopes)
        .await
        .unwrap();
    assert_eq!(response.status, StatusCode::OK);
    assert!(
        server.lines()[1]
            .contains("scope=repository%3Aregistry.example%2Fteam%2Fapp%3Apull%2Cpush")
    );
}

#[tokio::test]
async fn requests_to_other_servers_carry_nothing() {
    let server = Server::start(guarded("Basic", ALICE_BASIC)).await;
    let elsewhere = Server::start(guarded("Basic", ALICE_BASIC)).await;
    let authenticator = Authenticator::new(http(), server.url("/"), alice());
    authenticator
        .send(Request::get(server.url("/v2/")), &[])
        .await
        .unwrap();
    let response = authenticator
        .send(Request::get(elsewhere.url("/v2/")), &[])
        .await
        .unwrap();
    assert_eq!(response.status, StatusCode::UNAUTHORIZED);
    assert!(
        elsewhere
            .seen()
            .iter()
            .all(|seen| seen.header("authorization").is_none())
    );
}

#[tokio::test]
async fn a_login_never_travels_in_plain_text_beyond_this_machine() {
    // The proxy plays the server far away; .invalid names exist nowhere.
    let server = Server::start(guarded("Basic", ALICE_BASIC)).await;
    let mut config = net::Config::new("test");
    config.proxies.http = Some(format!("http://{}", server.host));
    let client = net::Client::new(config).unwrap();
    let base = net::Url::parse("http://registry.invalid/").unwrap();
    let authenticator = Authenticator::new(client, base.clone(), alice());
    let error = authenticator
        .send(Request::get(base), &[])
        .await
        .unwrap_err();
    assert!(matches!(error, Error::PlainHttp { .. }), "{error:?}");
    assert!(
        server
            .seen()
            .iter()
            .all(|seen| seen.header("authorization").is_none())
    );
}

#[test]
fn secrets_are_not_shown() {
    let shown = format!("{:?} {:?}", alice(), token());
    assert!(
        shown.contains("alice") && !shown.contains("wonderland") && !shown.contains("refresh me"),
        "{shown}"
    );
}
