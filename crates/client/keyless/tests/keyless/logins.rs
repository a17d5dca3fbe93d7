//! Logins of persons and programs.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyless::oauth::{ClientId, Issuer, Listener, OUT_OF_BAND, OauthFault};
use keyless::token::TokenError;
use keyless::{Error, Fault};
use net::{Request, Url};
use serde_json::{Value, json};
use testkit::sigstack::Sigstore;
use zeroize::Zeroizing;

use crate::support::{Reply, Seen, Server, assert_too_large, http, now, reply};

const PATIENCE: Duration = Duration::from_secs(20);

async fn issuer(url: &str) -> Result<Issuer, Error> {
    Issuer::discover(http(), url, ClientId::default()).await
}

#[tokio::test]
async fn an_answer_of_an_issuer_is_limited() {
    let server = Server::saying(reply(200, vec![b' '; (256 << 10) + 1])).await;
    let outcome = issuer(&server.url).await;
    assert_too_large(&outcome);
}

/// What a browser does: it opens the page, and goes where that leads.
async fn open(url: &Url) -> u16 {
    let client = net::Client::new(net::Config::new("browser")).unwrap();
    let request = Request::get(url.clone()).redirects(net::Redirects::Follow { max: 3 });
    client.send(request).await.unwrap().status.as_u16()
}

fn fault<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Fault {
    match outcome {
        Err(Error::Answer { fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

fn oauth(fault: OauthFault) -> Fault {
    Fault::Oauth(fault)
}

fn jwt(claims: &Value) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#);
    let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("{header}.{claims}.c2ln")
}

fn claims(issuer: &str) -> Value {
    let exp = now().as_second() + 60;
    json!({ "iss": issuer, "sub": "s", "aud": "sigstore", "exp": exp })
}

/// The discovery document of an issuer at the request's own address, changed by `change`.
fn discovery(seen: &Seen, change: impl Fn(&mut Value)) -> Reply {
    let base = base(seen);
    let mut document = json!({
        "issuer": base, "authorization_endpoint": format!("{base}/auth"),
        "token_endpoint": format!("{base}/token"),
        "device_authorization_endpoint": format!("{base}/device"),
        "code_challenge_methods_supported": ["plain", "S256"],
    });
    change(&mut document);
    reply(200, document.to_string())
}

fn base(seen: &Seen) -> String {
    format!("http://{}", seen.header("host").unwrap())
}

/// An issuer whose token endpoint answers so.
async fn answering(token: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |seen| match seen.target.as_str() {
        "/.well-known/openid-configuration" => discovery(seen, |_| ()),
        "/device" => {
            let page = format!("{}/page", base(seen));
            let started = json!({
                "device_code": "device", "user_code": "AB\u{1b}CD", "verification_uri": page,
                "expires_in": 2, "interval": 0,
            });
            reply(200, started.to_string())
        }
        _ => token(seen),
    })
    .await
}

fn tokens(id: &Value) -> Reply {
    let tokens = json!({ "id_token": jwt(id), "access_token": "access" });
    reply(200, tokens.to_string())
}

#[tokio::test]
async fn a_person_logs_in_with_a_browser() {
    let sigstore = Sigstore::start();
    let issuer = issuer(sigstore.oidc_url()).await.unwrap();
    let listener = Listener::bind().await.unwrap();
    let login = issuer.begin(listener.redirect()).unwrap();
    let address = login.address().clone();
    let browser = async {
        // What browsers do besides.
        let mut icon = Url::parse(listener.redirect()).unwrap();
        icon.set_path("/favicon.ico");
        assert_eq!(open(&icon).await, 404);
        assert_eq!(open(&address).await, 200);
    };
    let (code, ()) = tokio::join!(listener.code(&login, PATIENCE), browser);
    let token = login.finish(&code.unwrap(), now()).await.unwrap();
    assert_eq!(token.principal(), Ok(Sigstore::PERSON));
    let shown = format!("{login:?} {issuer:?}");
    for (name, value) in address.query_pairs() {
        if ["state", "nonce", "code_challenge"].contains(&&*name) {
            assert_eq!(value.len(), 43);
            assert!(!shown.contains(&*value), "{shown}");
        }
    }
}

#[tokio::test]
async fn a_code_can_be_typed_in() {
    let sigstore = Sigstore::start();
    let issuer = issuer(sigstore.oidc_url()).await.unwrap();
    let login = issuer.begin(OUT_OF_BAND).unwrap();
    let client = net::Client::new(net::Config::new("browser")).unwrap();
    let answer = client.send(Request::get(login.address().clone())).await;
    let location = answer.unwrap().header("location").unwrap().to_owned();
    let back = Url::parse(&location).unwrap();
    let code = back.query_pairs().find(|(name, _)| name == "code");
    let code = format!(" {}\n", code.unwrap().1);
    let token = login.finish(&code, now()).await.unwrap();
    assert_eq!(token.principal(), Ok(Sigstore::PERSON));
}

#[tokio::test]
async fn a_person_logs_in_on_another_machine() {
    let sigstore = Sigstore::start();
    let issuer = issuer(sigstore.oidc_url()).await.unwrap();
    let login = issuer.begin_device().await.unwrap();
    assert_eq!(login.user_code, "ABCD-EFGH");
    assert_eq!(login.address, format!("{}/device", sigstore.oidc_url()));
    assert!(login.complete_address.is_some());
    let token = login.finish(now).await.unwrap();
    assert_eq!(token.principal(), Ok(Sigstore::PERSON));
    let asked = sigstore.calls();
    let asked = asked.iter().filter(|call| call.path == "/token").count();
    assert_eq!(asked, 2, "it was told to wait once");
}

#[tokio::test]
async fn a_program_logs_in_with_its_secret() {
    let server = answering(|seen| tokens(&claims(&base(seen)))).await;
    let client = ClientId {
        id: "sigstore".to_owned(),
        secret: Some(Zeroizing::new("hunter 2".to_owned())),
    };
    let issuer = Issuer::discover(http(), &server.url, client).await.unwrap();
    assert!(!format!("{issuer:?}").contains("hunter"));
    let token = issuer.client_credentials(now()).await.unwrap();
    assert_eq!(token.subject(), "s");
    assert_eq!(
        server.seen()[1].text(),
        "grant_type=client_credentials&scope=openid+email&client_id=sigstore&client_secret=hunter+2"
    );
}

#[tokio::test]
async fn the_browser_has_to_come_back_from_this_login() {
    let sigstore = Sigstore::start();
    let issuer = issuer(sigstore.oidc_url()).await.unwrap();
    let listener = Listener::bind().await.unwrap();
    let login = issuer.begin(listener.redirect()).unwrap();
    let state = login
        .address()
        .query_pairs()
        .find(|(name, _)| name == "state");
    let state = state.unwrap().1.into_owned();
    let denied = |code: &str, description: Option<&str>| OauthFault::Denied {
        code: code.to_owned(),
        description: description.map(str::to_owned),
    };
    for (query, expected) in [
        ("code=c&state=other".to_owned(), OauthFault::State),
        ("code=c".to_owned(), OauthFault::State),
        (format!("error=e&state={state}x"), OauthFault::State),
        (
            format!("error=access_denied&error_description=not%0Ayou&state={state}"),
            denied("access_denied", Some("not you")),
        ),
        (format!("code=&state={state}"), denied("no code", None)),
    ] {
        let url = Url::parse(&format!("{}?{query}", listener.redirect())).unwrap();
        let (outcome, status) = tokio::join!(listener.code(&login, PATIENCE), open(&url));
        assert_eq!(status, 400);
        assert_eq!(fault(outcome), oauth(expected), "{query}");
    }
    let outcome = listener.code(&login, Duration::from_millis(10)).await;
    assert_eq!(fault(outcome), oauth(OauthFault::TimedOut { seconds: 0 }));
}

#[tokio::test]
async fn the_token_has_to_be_of_this_login() {
    type Change = fn(&mut Value);
    let cases: [(Change, Fault); 6] = [
        (|_| (), oauth(OauthFault::Nonce)),
        (|c| c["nonce"] = "other".into(), oauth(OauthFault::Nonce)),
        (
            |c| c["iss"] = "https://other".into(),
            oauth(OauthFault::Issuer {
                expected: String::new(),
                found: "https://other".to_owned(),
            }),
        ),
        (
            |c| c["aud"] = "other".into(),
            Fault::Token(TokenError::Audience {
                expected: "sigstore".to_owned(),
                found: vec!["other".to_owned()],
            }),
        ),
        (
            |c| c["sub"] = Value::Null,
            Fault::Token(TokenError::Malformed {
                what: "iss, sub, aud or exp is missing or of another type",
            }),
        ),
        (
            |c| {
                c["email"] = "a@b.c".into();
                c["email_verified"] = false.into();
            },
            Fault::Token(TokenError::EmailNotVerified {
                email: "a@b.c".to_owned(),
            }),
        ),
    ];
    for (change, mut expected) in cases {
        let server = answering(move |seen| {
            let mut claims = claims(&base(seen));
            change(&mut claims);
            tokens(&claims)
        })
        .await;
        if let Fault::Oauth(OauthFault::Issuer { expected, .. }) = &mut expected {
            expected.clone_from(&server.url);
        }
        let issuer = issuer(&server.url).await.unwrap();
        let login = issuer.begin(OUT_OF_BAND).unwrap();
        assert_eq!(fault(login.finish("code", now()).await), expected);
    }
}

#[tokio::test]
async fn the_token_has_to_be_the_access_tokens() {
    let digest = pki::digest::Sha256::of(b"access");
    let right = URL_SAFE_NO_PAD.encode(&digest.as_bytes()[..16]);
    let other = URL_SAFE_NO_PAD.encode(&digest.as_bytes()[16..]);
    for (hash, is_right) in [(right, true), (other, false)] {
        let server = answering(move |seen| {
            let mut claims = claims(&base(seen));
            claims["at_hash"] = hash.as_str().into();
            tokens(&claims)
        })
        .await;
        let issuer = issuer(&server.url).await.unwrap();
        let outcome = issuer.client_credentials(now()).await;
        if is_right {
            assert!(outcome.is_ok(), "{outcome:?}");
        } else {
            assert_eq!(fault(outcome), oauth(OauthFault::AccessToken));
        }
    }
}

#[tokio::test]
async fn a_device_login_ends_when_the_issuer_says_so() {
    for code in ["access_denied", "expired_token", "invalid_grant"] {
        let server = answering(move |_| reply(400, json!({ "error": code }).to_string())).await;
        let issuer = issuer(&server.url).await.unwrap();
        let login = issuer.begin_device().await.unwrap();
        assert_eq!(login.user_code, "AB CD");
        assert!(!format!("{login:?}").contains("AB"));
        let expected = OauthFault::Denied {
            code: code.to_owned(),
            description: None,
        };
        assert_eq!(fault(login.finish(now).await), oauth(expected));
        let asked = server.seen().last().unwrap().text();
        let verifier = asked
            .split('&')
            .find(|field| field.starts_with("code_verifier="));
        assert_eq!(verifier.unwrap().len(), "code_verifier=".len() + 43);
    }
}

#[tokio::test]
async fn a_device_login_does_not_last_for_ever() {
    // One question after a second, the next would come after six more.
    let server = answering(|_| reply(400, r#"{"error":"slow_down"}"#)).await;
    let issuer = issuer(&server.url).await.unwrap();
    let login = issuer.begin_device().await.unwrap();
    let expected = OauthFault::TimedOut { seconds: 2 };
    assert_eq!(fault(login.finish(now).await), oauth(expected));
    assert_eq!(server.seen().len(), 3, "discovery, start, one question");
}

#[tokio::test]
async fn what_is_no_issuer_is_refused() {
    type Change = fn(&mut Value);
    let discover = async |change: Change| {
        let server = Server::start(move |seen| discovery(seen, change)).await;
        let outcome = issuer(&server.url).await;
        (server.url.clone(), outcome)
    };
    let (url, outcome) = discover(|d| d["issuer"] = "https://other".into()).await;
    let expected = OauthFault::Issuer {
        expected: url,
        found: "https://other".to_owned(),
    };
    assert_eq!(fault(outcome), oauth(expected));
    let (_, outcome) = discover(|d| d["token_endpoint"] = Value::Null).await;
    let endpoint = "token_endpoint";
    assert_eq!(fault(outcome), oauth(OauthFault::NoEndpoint { endpoint }));
    let (_, outcome) = discover(|d| d["token_endpoint"] = "javascript:x".into()).await;
    assert!(matches!(outcome, Err(Error::Address { .. })), "{outcome:?}");
    // Without PKCE another program could take the code.
    for methods in [Value::Null, json!([]), json!(["plain"])] {
        let server = Server::start(move |seen| {
            let methods = methods.clone();
            discovery(seen, move |d| {
                d["code_challenge_methods_supported"] = methods.clone();
            })
        })
        .await;
        let issuer = issuer(&server.url).await.unwrap();
        let browser = issuer.begin(OUT_OF_BAND);
        assert_eq!(fault(browser), oauth(OauthFault::NoPkce));
        let device = issuer.begin_device().await;
        assert_eq!(fault(device), oauth(OauthFault::NoPkce));
    }
    let (_, outcome) = discover(|d| {
        d["authorization_endpoint"] = Value::Null;
        d["device_authorization_endpoint"] = Value::Null;
    })
    .await;
    let issuer = outcome.unwrap();
    let endpoint = "authorization_endpoint";
    let missing = fault(issuer.begin(OUT_OF_BAND));
    assert_eq!(missing, oauth(OauthFault::NoEndpoint { endpoint }));
    let endpoint = "device_authorization_endpoint";
    let missing = fault(issuer.begin_device().await);
    assert_eq!(missing, oauth(OauthFault::NoEndpoint { endpoint }));
}
