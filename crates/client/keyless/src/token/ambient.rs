//! The sources of tokens that machines have (`sigstore/cosign:pkg/providers`).

use std::fmt;

use net::{HeaderValue, Request};
use serde::{Deserialize, Serialize};
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

use super::google;
use super::source::{Environment, token_file};
use super::{IdentityToken, TOKEN_BYTES, TokenError};
use crate::error::{Error, Fault, Service};
use crate::http::{self, Answer, Base, Http, post_json};

/// Most bytes of a provider's answer.
pub(super) const ANSWER_MAX: u64 = 2 * TOKEN_BYTES as u64;

const GITHUB_URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
const GITHUB_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
const BUILDKITE_TOKEN: &str = "BUILDKITE_AGENT_ACCESS_TOKEN";
const BUILDKITE_JOB: &str = "BUILDKITE_JOB_ID";

/// A place that gives a machine its token, by cosign's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    /// A Buildkite agent.
    BuildkiteAgent,
    /// `SIGSTORE_ID_TOKEN`, which GitLab fills from `id_tokens`.
    Envvar,
    /// A file that is mounted into the container.
    Filesystem,
    /// GitHub Actions.
    GithubActions,
    /// A service account of Google's that `GOOGLE_SERVICE_ACCOUNT_NAME` names.
    GoogleImpersonate,
    /// The service account of a machine of Google's.
    GoogleWorkloadIdentity,
    /// A SPIFFE workload API; not served.
    Spiffe,
}

impl Provider {
    /// All that are served, in the order in which they are looked for: what the user set first, what only the machine
    /// knows last.
    pub const ALL: [Self; 6] = [
        Self::Envvar,
        Self::GithubActions,
        Self::BuildkiteAgent,
        Self::Filesystem,
        Self::GoogleImpersonate,
        Self::GoogleWorkloadIdentity,
    ];

    /// The provider of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let all = Self::ALL.into_iter().chain([Self::Spiffe]);
        all.into_iter().find(|provider| provider.name() == name)
    }

    /// Its name, as `--oidc-provider` takes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BuildkiteAgent => "buildkite-agent",
            Self::Envvar => "envvar",
            Self::Filesystem => "filesystem",
            Self::GithubActions => "github-actions",
            Self::GoogleImpersonate => "google-impersonate",
            Self::GoogleWorkloadIdentity => "google-workload-identity",
            Self::Spiffe => "spiffe",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The token of the first provider that is there.
pub(super) async fn first(
    http: &Http,
    environment: &Environment<'_>,
    audience: &str,
) -> Result<Option<(IdentityToken, Provider)>, Error> {
    for provider in Provider::ALL {
        if !is_here(environment, provider) {
            continue;
        }
        match provide(http, environment, provider, audience).await {
            Ok(token) => return Ok(Some((token, provider))),
            // A machine of Google's need not have an account.
            Err(error) if provider == Provider::GoogleWorkloadIdentity => {
                tracing::debug!(%error, "no workload identity");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn is_here(environment: &Environment<'_>, provider: Provider) -> bool {
    let set = |name| environment.variable(name).is_some();
    match provider {
        Provider::BuildkiteAgent => set(BUILDKITE_TOKEN),
        Provider::Envvar => set("SIGSTORE_ID_TOKEN"),
        Provider::Filesystem => environment.token_file.exists(),
        Provider::GithubActions => set(GITHUB_URL) && set(GITHUB_TOKEN),
        Provider::GoogleImpersonate => set(google::ACCOUNT),
        Provider::GoogleWorkloadIdentity => google::is_machine_of_google(environment),
        Provider::Spiffe => false,
    }
}

/// The token of this provider.
pub(super) async fn provide(
    http: &Http,
    environment: &Environment<'_>,
    provider: Provider,
    audience: &str,
) -> Result<IdentityToken, Error> {
    let need = |missing: &'static str| {
        let found = environment.secret(missing);
        found.ok_or(TokenError::NotHere { provider, missing })
    };
    match provider {
        Provider::Envvar => Ok(IdentityToken::parse(&need("SIGSTORE_ID_TOKEN")?)?),
        Provider::Filesystem => Ok(token_file(&environment.token_file)?),
        Provider::GithubActions => {
            github(http, &need(GITHUB_URL)?, &need(GITHUB_TOKEN)?, audience).await
        }
        Provider::BuildkiteAgent => {
            let job = need(BUILDKITE_JOB)?;
            let endpoint = environment.variable("BUILDKITE_AGENT_ENDPOINT");
            // Where every agent calls home; whoever runs in one named it by that.
            let endpoint = endpoint
                .as_deref()
                .unwrap_or("https://agent.buildkite.com/v3");
            buildkite(http, endpoint, &job, &need(BUILDKITE_TOKEN)?, audience).await
        }
        Provider::GoogleImpersonate => {
            let account = need(google::ACCOUNT)?;
            google::impersonated(http, environment, &account, audience).await
        }
        Provider::GoogleWorkloadIdentity => google::own(http, environment, audience).await,
        Provider::Spiffe => Err(TokenError::Unsupported { provider }.into()),
    }
}

/// GitHub: `GET <url>&audience=<audience>`, answered with `{"value": "<token>"}`.
async fn github(
    http: &Http,
    url: &str,
    token: &str,
    audience: &str,
) -> Result<IdentityToken, Error> {
    #[derive(Deserialize)]
    struct Value {
        value: Zeroizing<String>,
    }
    let mut url = Base::parse(Service::TokenProvider, url)?.url().clone();
    url.query_pairs_mut().append_pair("audience", audience);
    let request = Request::get(url).authorization(credential("Bearer", token)?);
    let answer = http
        .call(Service::TokenProvider, request, ANSWER_MAX, &[])
        .await?;
    token_in(&answer, &answer.json::<Value>()?.value)
}

/// Buildkite: `POST <endpoint>/jobs/<job>/oidc/tokens` (`buildkite/agent:api/oidc.go`).
async fn buildkite(
    http: &Http,
    endpoint: &str,
    job: &str,
    token: &str,
    audience: &str,
) -> Result<IdentityToken, Error> {
    #[derive(Serialize)]
    struct Ask<'a> {
        audience: &'a str,
    }
    #[derive(Deserialize)]
    struct Token {
        token: Zeroizing<String>,
    }
    let job: String = byte_serialize(job.as_bytes()).collect();
    let url = Base::parse(Service::TokenProvider, endpoint)?;
    let url = url.join(&format!("/jobs/{job}/oidc/tokens"));
    let request = post_json(url, &Ask { audience }).authorization(credential("Token", token)?);
    let answer = http
        .call(Service::TokenProvider, request, ANSWER_MAX, &[])
        .await?;
    token_in(&answer, &answer.json::<Token>()?.token)
}

/// A token that a provider answered with.
pub(super) fn token_in(answer: &Answer, text: &str) -> Result<IdentityToken, Error> {
    IdentityToken::parse(text).map_err(|error| answer.fault(Fault::Token(error)))
}

/// The credential for a provider.
pub(super) fn credential(scheme: &str, secret: &str) -> Result<HeaderValue, TokenError> {
    http::credential(scheme, secret).ok_or(TokenError::Malformed {
        what: "the provider's credential is not printable text",
    })
}
