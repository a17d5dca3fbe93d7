//! Where a token comes from.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::ambient::{self, Provider};
use super::{IdentityToken, TOKEN_BYTES, TokenError};
use crate::error::Error;
use crate::http::Http;

/// Where tokens are kept by those who mount them into a container (`sigstore/cosign:pkg/providers/filesystem`).
const TOKEN_FILE: &str = "/var/run/sigstore/cosign/oidc-token";
/// Where Linux says whose machine it is.
const PRODUCT_NAME_FILE: &str = "/sys/class/dmi/id/product_name";

/// The value of an environment variable.
pub type Variables<'a> = dyn Fn(&str) -> Option<String> + Sync + 'a;

/// What of its machine a process can see.
#[derive(Clone)]
pub struct Environment<'a> {
    /// Environment variables.
    pub variables: &'a Variables<'a>,
    /// The file that the provider `filesystem` reads.
    pub token_file: PathBuf,
    /// The file whose text tells a machine of Google's.
    pub product_name_file: PathBuf,
    /// Where Google makes tokens for service accounts.
    pub google_credentials_api: String,
}

impl<'a> Environment<'a> {
    /// The usual places.
    #[must_use]
    pub fn new(variables: &'a Variables<'a>) -> Self {
        Self {
            variables,
            token_file: TOKEN_FILE.into(),
            product_name_file: PRODUCT_NAME_FILE.into(),
            google_credentials_api: "https://iamcredentials.googleapis.com".to_owned(),
        }
    }

    /// A variable that is set to something.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.variables)(name).filter(|value| !value.is_empty())
    }

    pub(super) fn secret(&self, name: &str) -> Option<Zeroizing<String>> {
        self.variable(name).map(Zeroizing::new)
    }
}

impl fmt::Debug for Environment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("token_file", &self.token_file)
            .field("product_name_file", &self.product_name_file)
            .field("google_credentials_api", &self.google_credentials_api)
            .finish_non_exhaustive()
    }
}

/// Which of the machine's own sources are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ambient {
    /// The first that is there.
    Any,
    /// None (`--oidc-disable-ambient-providers`).
    None,
    /// This one, and it has to be there (`--oidc-provider`).
    Only(Provider),
}

/// What is wanted.
#[derive(Debug, Clone, Copy)]
pub struct TokenRequest<'a> {
    /// A token, or the name of a file with one (`--identity-token`); it is used and nothing else is looked at.
    pub given: Option<&'a str>,
    /// Otherwise these.
    pub ambient: Ambient,
    /// Whom the token has to be for, usually [`super::AUDIENCE`].
    pub audience: &'a str,
}

/// Where a token came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From the machine.
    Ambient(Provider),
    /// From the caller.
    Given,
}

/// Finds the token to sign with: the given one, else that of the first provider in [`Provider::ALL`] that is there.
/// A provider that is there and fails ends the search, since the next would sign in another name. `None` if there is
/// none: then a person has to be asked, see [`crate::oauth`].
///
/// # Errors
/// A token that cannot be used, told before anybody is sent it; a provider that fails.
pub async fn identity_token(
    http: &Http,
    environment: &Environment<'_>,
    request: TokenRequest<'_>,
    now: Timestamp,
) -> Result<Option<(IdentityToken, Origin)>, Error> {
    let found = match (request.given, request.ambient) {
        (Some(given), _) => Some((given_token(given)?, Origin::Given)),
        (None, Ambient::None) => None,
        (None, Ambient::Only(provider)) => {
            let token = ambient::provide(http, environment, provider, request.audience).await?;
            Some((token, Origin::Ambient(provider)))
        }
        (None, Ambient::Any) => ambient::first(http, environment, request.audience)
            .await?
            .map(|(token, provider)| (token, Origin::Ambient(provider))),
    };
    if let Some((token, _)) = &found {
        token.check(request.audience, now)?;
    }
    Ok(found)
}

/// What looks like a token is never taken for a file name, so that no message can show it.
fn given_token(given: &str) -> Result<IdentityToken, TokenError> {
    match IdentityToken::parse(given) {
        // Every header begins with `{"`.
        Err(_) if !given.trim().starts_with("eyJ") => token_file(Path::new(given)),
        outcome => outcome,
    }
}

pub(super) fn token_file(path: &Path) -> Result<IdentityToken, TokenError> {
    let refused = |reason: String| TokenError::File {
        path: path.display().to_string(),
        reason,
    };
    let limit = u64::try_from(TOKEN_BYTES).unwrap_or(u64::MAX) + 1;
    let mut text = Zeroizing::new(String::new());
    std::fs::File::open(path)
        .and_then(|file| file.take(limit).read_to_string(&mut text))
        .map_err(|error| refused(error.to_string()))?;
    IdentityToken::parse(&text).map_err(|error| refused(error.to_string()))
}
