//! Tokens of Google's service accounts: from the metadata server of a machine, for its own account or, through the
//! credentials API, for one that it may act for.

use net::{HeaderName, HeaderValue, Request, Url};
use serde::{Deserialize, Serialize};
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

use super::ambient::{ANSWER_MAX, credential, token_in};
use super::source::Environment;
use super::{IdentityToken, TokenError};
use crate::error::{Error, Service};
use crate::http::{Answer, Base, Http, post_json};

/// Names the account to act for.
pub(super) const ACCOUNT: &str = "GOOGLE_SERVICE_ACCOUNT_NAME";
/// Names a file with credentials other than the machine's.
const CREDENTIALS: &str = "GOOGLE_APPLICATION_CREDENTIALS";
/// The metadata server, a link-local address on every machine of Google's.
const METADATA: &str = "169.254.169.254";

/// Whether this is a machine of Google's, as Kubernetes tells it (`pkg/credentialprovider/gcp`).
pub(super) fn is_machine_of_google(environment: &Environment<'_>) -> bool {
    let name = std::fs::read_to_string(&environment.product_name_file).unwrap_or_default();
    matches!(name.trim(), "Google" | "Google Compute Engine")
}

/// The token of the machine's own account.
pub(super) async fn own(
    http: &Http,
    environment: &Environment<'_>,
    audience: &str,
) -> Result<IdentityToken, Error> {
    let mut url = metadata_url(environment, "identity")?;
    url.query_pairs_mut()
        .append_pair("audience", audience)
        .append_pair("format", "full");
    let answer = metadata(http, url).await?;
    token_in(&answer, answer.text()?)
}

/// The token of `account`, which the machine's own account may act for (`generateIdToken` of the IAM credentials API).
pub(super) async fn impersonated(
    http: &Http,
    environment: &Environment<'_>,
    account: &str,
    audience: &str,
) -> Result<IdentityToken, Error> {
    #[derive(Deserialize)]
    struct Access {
        access_token: Zeroizing<String>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Ask<'a> {
        audience: &'a str,
        include_email: bool,
    }
    #[derive(Deserialize)]
    struct Token {
        token: Zeroizing<String>,
    }
    let access = metadata(http, metadata_url(environment, "token")?).await?;
    let access: Access = access.json()?;
    let account: String = byte_serialize(account.as_bytes()).collect();
    let api = Base::parse(Service::TokenProvider, &environment.google_credentials_api)?;
    let url = api.join(&format!(
        "/v1/projects/-/serviceAccounts/{account}:generateIdToken"
    ));
    let ask = Ask {
        audience,
        include_email: true,
    };
    let request = post_json(url, &ask).authorization(credential("Bearer", &access.access_token)?);
    let answer = http
        .call(Service::TokenProvider, request, ANSWER_MAX, &[])
        .await?;
    token_in(&answer, &answer.json::<Token>()?.token)
}

fn metadata_url(environment: &Environment<'_>, what: &str) -> Result<Url, Error> {
    if environment.variable(CREDENTIALS).is_some() {
        return Err(TokenError::UnsupportedCredentials {
            variable: CREDENTIALS,
        }
        .into());
    }
    let host = environment.variable("GCE_METADATA_HOST");
    let host = host.as_deref().unwrap_or(METADATA);
    let base = Base::parse(Service::TokenProvider, &format!("http://{host}"))?;
    Ok(base.join(&format!(
        "/computeMetadata/v1/instance/service-accounts/default/{what}"
    )))
}

async fn metadata(http: &Http, url: Url) -> Result<Answer, Error> {
    let flavor = HeaderName::from_static("metadata-flavor");
    let request = Request::get(url).header(flavor, HeaderValue::from_static("Google"));
    http.call(Service::TokenProvider, request, ANSWER_MAX, &[])
        .await
}
