//! The client, and how it agrees on a version with the engine.

use std::time::Duration;

use http::HeaderValue;
use serde::Deserialize;

use crate::connect::Dialer;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::request::Request;
use crate::version::ApiVersion;

/// Bounds and manners of a client.
#[derive(Clone, Debug)]
pub struct Config {
    /// For connecting, TLS included.
    pub connect_timeout: Duration,
    /// For the beginning of a short answer, and for each further piece of it. Where the engine asks a registry before it
    /// answers, [`Config::stream_timeout`] counts.
    pub answer_timeout: Duration,
    /// How long a push, a pull or a load may be silent, and a distribution request take. A build may be silent for ever:
    /// its steps are.
    pub stream_timeout: Duration,
    /// Bytes of a short answer, such as an image's description.
    pub answer_max: u64,
    /// Bytes of one line of a stream.
    pub line_max: u64,
    /// Bytes of a whole stream.
    pub stream_max: u64,
    /// `User-Agent`.
    pub user_agent: HeaderValue,
    /// `DOCKER_API_VERSION`: speak this version, without asking for a better one.
    pub api_version: Option<ApiVersion>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(60),
            stream_timeout: Duration::from_secs(600),
            answer_max: 8 << 20,
            line_max: 1 << 20,
            stream_max: 1 << 30,
            user_agent: HeaderValue::from_static(concat!(
                "countersign/",
                env!("CARGO_PKG_VERSION")
            )),
            api_version: None,
        }
    }
}

/// A Docker engine that answered, and the version of the API spoken with it. Every request has a connection of its own;
/// dropping the future of a request, or reading its answer no further, closes it, and the engine stops what it does.
#[derive(Debug)]
pub struct Engine {
    pub(crate) dialer: Dialer,
    pub(crate) config: Config,
    version: ApiVersion,
}

/// `MinAPIVersion` of `GET /version`.
#[derive(Deserialize)]
struct Minimum {
    #[serde(default, rename = "MinAPIVersion")]
    min_api_version: Option<String>,
}

impl Engine {
    /// Asks the engine for its version (`GET /_ping`), and settles on the newest that both speak.
    ///
    /// # Errors
    ///
    /// [`Error::TooOld`] and [`Error::TooNew`] when there is none; [`Error::NotRunning`], [`Error::PermissionDenied`],
    /// [`Error::Tls`] and others when nobody can be asked.
    pub async fn connect(endpoint: Endpoint, config: Config) -> Result<Self, Error> {
        let ours = config.api_version.unwrap_or(ApiVersion::NEWEST);
        let mut engine = Self {
            dialer: Dialer::new(endpoint)?,
            config,
            version: ours,
        };
        let theirs = engine.ping().await?;
        let needed = engine.config.api_version.unwrap_or(ApiVersion::OLDEST);
        if theirs < needed {
            return Err(Error::TooOld { theirs, needed });
        }
        // Only an engine that knows newer ones can have given up what we speak.
        if theirs > ours
            && let Some(minimum) = engine.minimum().await?
            && minimum > ours
        {
            return Err(Error::TooNew { minimum, ours });
        }
        engine.version = theirs.min(ours);
        Ok(engine)
    }

    /// The version spoken.
    pub fn api_version(&self) -> ApiVersion {
        self.version
    }

    /// Where the engine is.
    pub fn endpoint(&self) -> &Endpoint {
        self.dialer.endpoint()
    }

    /// The newest version that the engine speaks.
    async fn ping(&self) -> Result<ApiVersion, Error> {
        let request = Request::get("/_ping").patience(Some(self.config.answer_timeout));
        let answer = self.send_below("", request).await?;
        let version = answer
            .headers
            .get("api-version")
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| Error::Malformed {
                request: answer.request.clone(),
                detail: "no Api-Version: not a Docker engine".to_owned(),
            })?;
        self.read_end(answer).await?;
        Ok(version)
    }

    /// The oldest version that the engine speaks, if it says so.
    async fn minimum(&self) -> Result<Option<ApiVersion>, Error> {
        let request = Request::get("/version").patience(Some(self.config.answer_timeout));
        let answer = self.send_below("", request).await?;
        let name = answer.request.clone();
        let minimum: Minimum = self.read_json(answer).await?;
        minimum
            .min_api_version
            .filter(|text| !text.is_empty())
            .map(|text| text.parse())
            .transpose()
            .map_err(|error: crate::ApiVersionError| Error::Malformed {
                request: name,
                detail: error.to_string(),
            })
    }
}
