//! The login on another machine (RFC 8628).

use std::time::Duration;

use jiff::Timestamp;
use net::StatusCode;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{Issuer, OauthFault, SCOPES, challenge, random_text};
use crate::error::{Error, Fault};
use crate::http::shown;
use crate::token::IdentityToken;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// The longest that a code is believed to live.
const LIFE_MAX: Duration = Duration::from_secs(30 * 60);
/// What `slow_down` adds to the interval (RFC 8628, 3.5).
const SLOWER: Duration = Duration::from_secs(5);
/// The longest wait between two questions.
const INTERVAL_MAX: Duration = Duration::from_secs(60);

/// A login that has begun: the person opens the address and enters the code.
pub struct DeviceLogin<'a> {
    issuer: &'a Issuer,
    device_code: Zeroizing<String>,
    verifier: Zeroizing<String>,
    interval: Duration,
    /// What to enter, cut and without control characters.
    pub user_code: String,
    /// Where.
    pub address: String,
    /// Where, with the code in it, if the issuer has such an address.
    pub complete_address: Option<String>,
    /// How long the code is good.
    pub life: Duration,
}

#[derive(Deserialize)]
struct Started {
    device_code: Zeroizing<String>,
    user_code: String,
    // Some issuers follow an early draft.
    #[serde(alias = "verification_url")]
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: u64,
    interval: Option<u64>,
}

#[derive(Deserialize)]
struct Failure {
    error: String,
    error_description: Option<String>,
}

impl Issuer {
    /// Begins a login on another machine.
    ///
    /// # Errors
    /// A refusal, no answer, an issuer without this endpoint or without PKCE; no randomness.
    pub async fn begin_device(&self) -> Result<DeviceLogin<'_>, Error> {
        self.need_pkce()?;
        let endpoint = self.device.clone();
        let endpoint = endpoint.ok_or_else(|| {
            self.fault(OauthFault::NoEndpoint {
                endpoint: "device_authorization_endpoint",
            })
        })?;
        let verifier = random_text()?;
        let form = [
            ("scope", SCOPES),
            ("code_challenge", &challenge(&verifier)),
            ("code_challenge_method", "S256"),
        ];
        let answer = self.ask(endpoint, &form, &[]).await?;
        let started: Started = answer.json()?;
        // What is shown to a person to be opened has to be an address.
        let page = |text: &str| match net::parse_url(text) {
            Ok(url) => Ok(url.to_string()),
            Err(_) => Err(answer.fault(Fault::Missing {
                member: "verification_uri",
            })),
        };
        let complete = started.verification_uri_complete.as_deref();
        Ok(DeviceLogin {
            issuer: self,
            verifier,
            interval: Duration::from_secs(started.interval.unwrap_or(5).max(1)).min(INTERVAL_MAX),
            user_code: shown(&started.user_code),
            address: page(&started.verification_uri)?,
            complete_address: complete
                .filter(|text| !text.is_empty())
                .map(page)
                .transpose()?,
            life: Duration::from_secs(started.expires_in).min(LIFE_MAX),
            device_code: started.device_code,
        })
    }
}

impl DeviceLogin<'_> {
    /// Asks until the person has logged in. `now` is asked when a token came.
    ///
    /// # Errors
    /// The person or the issuer said no, nobody came in time, a refusal, or a token that cannot be used.
    pub async fn finish(&self, now: impl Fn() -> Timestamp) -> Result<IdentityToken, Error> {
        let waited = tokio::time::timeout(self.life, self.poll(now)).await;
        waited.unwrap_or_else(|_| {
            Err(self.issuer.fault(OauthFault::TimedOut {
                seconds: self.life.as_secs(),
            }))
        })
    }

    async fn poll(&self, now: impl Fn() -> Timestamp) -> Result<IdentityToken, Error> {
        let form = [
            ("grant_type", GRANT),
            ("device_code", &self.device_code),
            ("code_verifier", &self.verifier),
            ("scope", SCOPES),
        ];
        let mut interval = self.interval;
        loop {
            tokio::time::sleep(interval).await;
            let no = [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED];
            let answer = self.issuer.ask_token(&form, &no).await?;
            if answer.status.is_success() {
                return self.issuer.token_in(&answer, None, now());
            }
            let failure: Failure = answer.json()?;
            match failure.error.as_str() {
                "authorization_pending" => {}
                "slow_down" => interval = (interval + SLOWER).min(INTERVAL_MAX),
                code => {
                    return Err(answer.fault(OauthFault::Denied {
                        code: shown(code),
                        description: failure.error_description.as_deref().map(shown),
                    }));
                }
            }
        }
    }
}

impl std::fmt::Debug for DeviceLogin<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceLogin")
            .field("issuer", &self.issuer.issuer)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
