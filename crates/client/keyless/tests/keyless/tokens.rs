//! Where tokens come from.

use std::collections::HashMap;

use keyless::token::{
    AUDIENCE, Ambient, Environment, IdentityToken, Origin, Provider, TokenError, TokenRequest,
    identity_token,
};
use keyless::{Error, Fault, Service};
use serde_json::{Value, json};
use testkit::sigstack::{Claims, Sigstore};

use crate::support::{Server, gitlab, http, now, reply};

type Found = Result<Option<(IdentityToken, Origin)>, Error>;

/// A machine with these variables, and these files in a folder of its own.
struct Machine {
    variables: HashMap<String, String>,
    folder: tempfile::TempDir,
}

impl Machine {
    fn new(variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter();
        Self {
            variables: variables
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn with_file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.folder.path().join(name), text).unwrap();
        self
    }

    async fn find(&self, given: Option<&str>, ambient: Ambient) -> Found {
        self.find_at(given, ambient, AUDIENCE, "http://nobody.invalid")
            .await
    }

    async fn find_at(
        &self,
        given: Option<&str>,
        ambient: Ambient,
        audience: &str,
        google: &str,
    ) -> Found {
        let variables = |name: &str| self.variables.get(name).cloned();
        let mut environment = Environment::new(&variables);
        environment.token_file = self.folder.path().join("oidc-token");
        environment.product_name_file = self.folder.path().join("product_name");
        google.clone_into(&mut environment.google_credentials_api);
        let request = TokenRequest {
            given,
            ambient,
            audience,
        };
        identity_token(&http(), &environment, request, now()).await
    }
}

fn subject(found: Found) -> (String, Origin) {
    let (token, origin) = found.unwrap().unwrap();
    (token.subject().to_owned(), origin)
}

fn token(sigstore: &Sigstore, subject: &str) -> String {
    sigstore.token(&gitlab().with("sub", subject))
}

#[tokio::test]
async fn the_given_token_is_used_and_nothing_else() {
    let sigstore = Sigstore::start();
    let ambient = token(&sigstore, "ambient");
    let machine = Machine::new(&[("SIGSTORE_ID_TOKEN", &ambient)]);
    let text = token(&sigstore, "given");
    let file = machine.folder.path().join("token");
    std::fs::write(&file, format!("{text}\n")).unwrap();
    for given in [text.as_str(), file.to_str().unwrap()] {
        let found = machine.find(Some(given), Ambient::Any).await;
        assert_eq!(subject(found), ("given".to_owned(), Origin::Given));
    }
    let missing = machine.find(Some("/no/such/file"), Ambient::Any).await;
    assert!(
        matches!(&missing, Err(Error::Token(TokenError::File { path, .. })) if path == "/no/such/file"),
        "{missing:?}"
    );
    // A broken token is not a file name, and not in the message.
    let broken = &text[..text.len() / 2];
    let refused = machine.find(Some(broken), Ambient::Any).await;
    let shown = format!("{refused:?} {}", refused.as_ref().unwrap_err());
    assert!(
        matches!(refused, Err(Error::Token(TokenError::Malformed { .. }))),
        "{shown}"
    );
    assert!(!shown.contains(&broken[..20]), "{shown}");
    // Nor is the text of a file.
    std::fs::write(&file, "hunter2").unwrap();
    let refused = machine.find(file.to_str(), Ambient::Any).await;
    assert!(!format!("{refused:?}").contains("hunter2"), "{refused:?}");
    std::fs::write(&file, "a".repeat(1 << 20)).unwrap();
    let refused = machine.find(file.to_str(), Ambient::Any).await;
    assert!(
        matches!(&refused, Err(Error::Token(TokenError::File { .. }))),
        "{refused:?}"
    );
    assert!(sigstore.calls().is_empty());
}

#[tokio::test]
async fn the_first_provider_that_is_there_decides() {
    let sigstore = Sigstore::start();
    let variable = token(&sigstore, "variable");
    let github = [
        (
            "ACTIONS_ID_TOKEN_REQUEST_URL",
            sigstore.github_request_url(),
        ),
        (
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
            Sigstore::GITHUB_REQUEST_TOKEN.to_owned(),
        ),
    ];
    let github: Vec<(&str, &str)> = github.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let file = token(&sigstore, "file");
    // GitHub, and a variable that is set to nothing.
    let mut variables = github.clone();
    variables.push(("SIGSTORE_ID_TOKEN", ""));
    let machine = Machine::new(&variables).with_file("oidc-token", &file);
    let found = machine.find(None, Ambient::Any).await;
    assert_eq!(
        subject(found),
        (
            "repo:acme/app:ref:refs/heads/main".to_owned(),
            Origin::Ambient(Provider::GithubActions)
        )
    );
    let call = &sigstore.calls()[0];
    assert_eq!(call.query, "api-version=2.0&audience=sigstore");
    // The one that was asked for.
    let filesystem = Ambient::Only(Provider::Filesystem);
    let found = machine.find(None, filesystem).await;
    assert_eq!(subject(found).0, "file");
    assert!(machine.find(None, Ambient::None).await.unwrap().is_none());
    // The variable before GitHub, as cosign has it.
    let mut variables = github;
    variables.push(("SIGSTORE_ID_TOKEN", &variable));
    let found = Machine::new(&variables).find(None, Ambient::Any).await;
    assert_eq!(subject(found).0, "variable");
    // Nothing at all.
    let nothing = Machine::new(&[]).find(None, Ambient::Any).await;
    assert!(nothing.unwrap().is_none());
}

#[tokio::test]
async fn a_provider_that_fails_is_not_replaced_by_another_name() {
    let sigstore = Sigstore::start();
    let file = token(&sigstore, "file");
    let server = Server::saying(reply(403, r#"{"message":"no id-token permission"}"#)).await;
    let url = format!("{}/token?v=1", server.url);
    let machine = Machine::new(&[
        ("ACTIONS_ID_TOKEN_REQUEST_URL", &url),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "secret"),
    ])
    .with_file("oidc-token", &file);
    let refused = machine.find(None, Ambient::Any).await;
    assert!(
        matches!(
            &refused,
            Err(Error::Refused {
                service: Service::TokenProvider,
                status: 403,
                ..
            })
        ),
        "{refused:?}"
    );
    assert!(!format!("{refused:?}").contains("secret"));
    let seen = &server.seen()[0];
    assert_eq!(seen.target, "/token?v=1&audience=sigstore");
    assert_eq!(seen.header("authorization"), Some("Bearer secret"));
}

#[tokio::test]
async fn a_provider_that_is_not_here_says_what_is_missing() {
    let machine = Machine::new(&[]);
    for (provider, missing) in [
        (Provider::Envvar, "SIGSTORE_ID_TOKEN"),
        (Provider::GithubActions, "ACTIONS_ID_TOKEN_REQUEST_URL"),
        (Provider::BuildkiteAgent, "BUILDKITE_JOB_ID"),
        (Provider::GoogleImpersonate, "GOOGLE_SERVICE_ACCOUNT_NAME"),
    ] {
        let refused = machine.find(None, Ambient::Only(provider)).await;
        let Err(Error::Token(error)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(error, TokenError::NotHere { provider, missing });
    }
    let refused = machine
        .find(None, Ambient::Only(Provider::Filesystem))
        .await;
    assert!(
        matches!(&refused, Err(Error::Token(TokenError::File { .. }))),
        "{refused:?}"
    );
    let refused = machine.find(None, Ambient::Only(Provider::Spiffe)).await;
    let Err(Error::Token(error)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(
        error,
        TokenError::Unsupported {
            provider: Provider::Spiffe
        }
    );
    for provider in Provider::ALL {
        assert_eq!(Provider::from_name(provider.name()), Some(provider));
    }
    assert_eq!(Provider::from_name("spiffe"), Some(Provider::Spiffe));
    assert_eq!(Provider::from_name("gitlab"), None);
}

#[tokio::test]
async fn a_token_that_no_authority_would_take_is_refused_here() {
    let sigstore = Sigstore::start();
    let find = async |claims: &Claims| {
        let text = sigstore.token(claims);
        let machine = Machine::new(&[("SIGSTORE_ID_TOKEN", &text)]);
        let refused = machine.find(None, Ambient::Any).await;
        let Err(Error::Token(error)) = refused else {
            panic!("{refused:?}");
        };
        error
    };
    let other = find(&gitlab().with("aud", "https://gitlab.com")).await;
    let expected = TokenError::Audience {
        expected: "sigstore".to_owned(),
        found: vec!["https://gitlab.com".to_owned()],
    };
    assert_eq!(other, expected);
    let expired = find(&gitlab().expires_in(-120)).await;
    assert!(matches!(expired, TokenError::Expired { .. }), "{expired:?}");
    assert!(sigstore.calls().is_empty());
}

#[tokio::test]
async fn buildkite_gives_the_token_of_its_job() {
    let sigstore = Sigstore::start();
    let text = sigstore.token(&Claims::buildkite("acme", "app"));
    let server = Server::saying(reply(200, json!({ "token": text }).to_string())).await;
    let endpoint = format!("{}/v3", server.url);
    let machine = Machine::new(&[
        ("BUILDKITE_AGENT_ACCESS_TOKEN", "agent"),
        ("BUILDKITE_AGENT_ENDPOINT", &endpoint),
        ("BUILDKITE_JOB_ID", "0184/990a"),
    ]);
    let found = machine.find(None, Ambient::Any).await;
    assert_eq!(subject(found).1, Origin::Ambient(Provider::BuildkiteAgent));
    let seen = &server.seen()[0];
    assert_eq!(seen.line(), "POST /v3/jobs/0184%2F990a/oidc/tokens");
    assert_eq!(seen.header("authorization"), Some("Token agent"));
    assert_eq!(seen.text(), r#"{"audience":"sigstore"}"#);
}

#[tokio::test]
async fn a_machine_of_googles_has_an_account_and_may_act_for_others() {
    let sigstore = Sigstore::start();
    let own = token(&sigstore, "own");
    let acted = token(&sigstore, "acted");
    let server = Server::start(move |seen| {
        let path = seen.target.split('?').next().unwrap();
        match path {
            "/computeMetadata/v1/instance/service-accounts/default/identity" => {
                assert_eq!(seen.header("metadata-flavor"), Some("Google"));
                reply(200, own.clone())
            }
            "/computeMetadata/v1/instance/service-accounts/default/token" => {
                assert_eq!(seen.header("metadata-flavor"), Some("Google"));
                reply(200, r#"{"access_token":"access","token_type":"Bearer"}"#)
            }
            _ => reply(200, json!({ "token": acted }).to_string()),
        }
    })
    .await;
    let host = server.url.strip_prefix("http://").unwrap();
    let machine =
        Machine::new(&[("GCE_METADATA_HOST", host)]).with_file("product_name", "Google\n");
    let found = machine.find(None, Ambient::Any).await;
    let expected = Origin::Ambient(Provider::GoogleWorkloadIdentity);
    assert_eq!(subject(found), ("own".to_owned(), expected));
    assert_eq!(
        server.seen()[0].target,
        "/computeMetadata/v1/instance/service-accounts/default/identity?audience=sigstore&format=full"
    );
    let account = ("GOOGLE_SERVICE_ACCOUNT_NAME", "robot@acme.example");
    let machine = Machine::new(&[("GCE_METADATA_HOST", host), account]);
    let found = machine
        .find_at(None, Ambient::Any, AUDIENCE, &server.url)
        .await;
    let expected = Origin::Ambient(Provider::GoogleImpersonate);
    assert_eq!(subject(found), ("acted".to_owned(), expected));
    let seen = &server.seen()[2];
    assert_eq!(
        seen.line(),
        "POST /v1/projects/-/serviceAccounts/robot%40acme.example:generateIdToken"
    );
    assert_eq!(seen.header("authorization"), Some("Bearer access"));
    let sent: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(
        sent,
        json!({ "audience": "sigstore", "includeEmail": true })
    );
    // Other credentials would sign in another name.
    let credentials = ("GOOGLE_APPLICATION_CREDENTIALS", "/key.json");
    let machine = Machine::new(&[("GCE_METADATA_HOST", host), account, credentials]);
    let refused = machine.find(None, Ambient::Any).await;
    let Err(Error::Token(error)) = refused else {
        panic!("{refused:?}");
    };
    let expected = TokenError::UnsupportedCredentials {
        variable: "GOOGLE_APPLICATION_CREDENTIALS",
    };
    assert_eq!(error, expected);
}

#[tokio::test]
async fn a_machine_of_googles_without_an_account_has_no_token() {
    let server = Server::saying(reply(404, "")).await;
    let host = server.url.strip_prefix("http://").unwrap();
    let machine = Machine::new(&[("GCE_METADATA_HOST", host)])
        .with_file("product_name", "Google Compute Engine");
    assert!(machine.find(None, Ambient::Any).await.unwrap().is_none());
    let only = Ambient::Only(Provider::GoogleWorkloadIdentity);
    let refused = machine.find(None, only).await;
    assert!(
        matches!(&refused, Err(Error::Refused { status: 404, .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_a_provider_says_is_a_token_or_an_error() {
    let long = json!({ "value": "a".repeat(200_000) }).to_string();
    for (body, large) in [
        ("{}".to_owned(), false),
        (r#"{"value":"hunter2"}"#.to_owned(), false),
        (long, true),
    ] {
        let server = Server::saying(reply(200, body.clone())).await;
        let machine = Machine::new(&[
            ("ACTIONS_ID_TOKEN_REQUEST_URL", &server.url),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t"),
        ]);
        let refused = machine.find(None, Ambient::Any).await;
        let right = match &refused {
            Err(Error::Answer {
                fault: Fault::Json { .. } | Fault::Token(TokenError::Malformed { .. }),
                ..
            }) => !large,
            Err(Error::Network { .. }) => large,
            _ => false,
        };
        assert!(right, "{refused:?}");
        assert!(!format!("{refused:?}").contains("hunter2"), "{refused:?}");
    }
}
