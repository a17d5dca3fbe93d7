//! `signing_config.v0.2.json`: which services a signer uses
//! (`sigstore/protobuf-specs:protos/sigstore_trustroot.proto`, `SigningConfig`).

use jiff::Timestamp;
use serde::Deserialize;

use super::root::WireWindow;
use crate::chain::Window;
use crate::limits;

/// The media type of version 0.2.
pub const SIGNING_CONFIG: &str = "application/vnd.dev.sigstore.signingconfig.v0.2+json";

/// A parsed configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SigningConfig {
    /// Certificate authorities; the highest version wins.
    pub certificate_authorities: Vec<Service>,
    /// Issuers of identity tokens.
    pub identity_providers: Vec<Service>,
    /// Logs.
    pub logs: ServiceList,
    /// Timestamping authorities.
    pub timestamp_authorities: ServiceList,
}

/// Services of one kind, and how many of them to use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceList {
    /// The services.
    pub services: Vec<Service>,
    /// How many; none if there is no service to select from.
    pub selector: Option<Selector>,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Where it is.
    pub url: String,
    /// The version of its interface.
    pub major_api_version: u32,
    /// When it is to be used.
    pub window: Window,
    /// Who runs it.
    pub operator: String,
}

/// How many services of a list to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Selector {
    /// Every one.
    All,
    /// Any one.
    Any,
    /// This many, of different operators.
    Exact(u32),
}

/// Why bytes are no signing configuration, or why it gives no services.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigningConfigError {
    /// Fewer services than demanded, or a demand for none.
    #[error("{demanded} services demanded, {available} available")]
    Count {
        /// How many the selector demands.
        demanded: u32,
        /// How many operators have one.
        available: usize,
    },
    /// No JSON, or JSON of another shape.
    #[error("no signing configuration: {reason}")]
    Malformed {
        /// The parser's reason.
        reason: String,
    },
    /// A list, and nothing that says how many of it to use.
    #[error("no selector for {list}")]
    NoSelector {
        /// Which list.
        list: &'static str,
    },
    /// A list without a service that can be used now.
    #[error("no service of versions {supported:?} at {now}")]
    NoService {
        /// The versions that the caller speaks.
        supported: Vec<u32>,
        /// Now.
        now: Timestamp,
    },
    /// More than the limit.
    #[error("{found} {what}, at most {limit}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        found: usize,
        /// How much there may be.
        limit: usize,
    },
    /// Another media type.
    #[error("media type {found:?} is no known version of a signing configuration")]
    UnknownMediaType {
        /// The media type.
        found: String,
    },
}

impl SigningConfig {
    /// Reads a configuration of version 0.2. Unknown members are ignored.
    ///
    /// # Errors
    /// Malformed, of another version, a list without a selector, or above the [`limits`].
    pub fn parse(json: &[u8]) -> Result<Self, SigningConfigError> {
        at_most("bytes", json.len(), limits::TRUST_BYTES)?;
        let wire: Wire =
            serde_json::from_slice(json).map_err(|error| SigningConfigError::Malformed {
                reason: error.to_string(),
            })?;
        let media_type = wire.media_type.unwrap_or_default();
        if media_type != SIGNING_CONFIG {
            return Err(SigningConfigError::UnknownMediaType { found: media_type });
        }
        Ok(Self {
            certificate_authorities: services("caUrls", wire.ca_urls)?,
            identity_providers: services("oidcUrls", wire.oidc_urls)?,
            logs: list(
                "rekorTlogUrls",
                wire.rekor_tlog_urls,
                wire.rekor_tlog_config,
            )?,
            timestamp_authorities: list("tsaUrls", wire.tsa_urls, wire.tsa_config)?,
        })
    }
}

impl ServiceList {
    /// The services to use at `now`, of the highest of the `supported` versions that there is, newest first, one per
    /// operator. An empty list means to use none, which is no error.
    ///
    /// # Errors
    /// None usable, or fewer than the selector demands.
    pub fn select(
        &self,
        supported: &[u32],
        now: Timestamp,
    ) -> Result<Vec<&Service>, SigningConfigError> {
        let Some(selector) = self.selector else {
            return Ok(Vec::new());
        };
        let usable = usable(&self.services, supported, now);
        if usable.is_empty() {
            return Err(SigningConfigError::NoService {
                supported: supported.to_vec(),
                now,
            });
        }
        let count = match selector {
            Selector::All => usable.len(),
            Selector::Any => 1,
            Selector::Exact(demanded) => usize::try_from(demanded)
                .ok()
                .filter(|count| (1..=usable.len()).contains(count))
                .ok_or(SigningConfigError::Count {
                    demanded,
                    available: usable.len(),
                })?,
        };
        Ok(usable.into_iter().take(count).collect())
    }
}

impl Service {
    /// The newest of `services` with the highest of the `supported` versions, at `now`.
    #[must_use]
    pub fn select_one<'a>(
        services: &'a [Self],
        supported: &[u32],
        now: Timestamp,
    ) -> Option<&'a Self> {
        usable(services, supported, now).first().copied()
    }
}

fn usable<'a>(services: &'a [Service], supported: &[u32], now: Timestamp) -> Vec<&'a Service> {
    let mut usable: Vec<&Service> = services
        .iter()
        .filter(|service| service.window.contains(now))
        .filter(|service| supported.contains(&service.major_api_version))
        .collect();
    let highest = usable.iter().map(|service| service.major_api_version).max();
    usable.retain(|service| Some(service.major_api_version) == highest);
    usable.sort_by_key(|service| std::cmp::Reverse(service.window.start));
    let mut operators: Vec<&str> = Vec::new();
    usable.retain(|service| {
        let new = !operators.contains(&service.operator.as_str());
        operators.push(&service.operator);
        new
    });
    usable
}

fn at_most(what: &'static str, found: usize, limit: usize) -> Result<(), SigningConfigError> {
    if found > limit {
        return Err(SigningConfigError::TooMany { what, found, limit });
    }
    Ok(())
}

fn services(
    what: &'static str,
    wire: Option<Vec<WireService>>,
) -> Result<Vec<Service>, SigningConfigError> {
    let wire = wire.unwrap_or_default();
    at_most(what, wire.len(), limits::INSTANCES)?;
    let services = wire.into_iter().map(|service| Service {
        url: service.url.unwrap_or_default(),
        major_api_version: service.major_api_version.unwrap_or_default(),
        window: service.valid_for.unwrap_or_default().into(),
        operator: service.operator.unwrap_or_default(),
    });
    Ok(services.collect())
}

fn list(
    what: &'static str,
    wire: Option<Vec<WireService>>,
    config: Option<WireSelector>,
) -> Result<ServiceList, SigningConfigError> {
    let services = services(what, wire)?;
    if services.is_empty() {
        return Ok(ServiceList::default());
    }
    let config = config.unwrap_or_default();
    let selector = match config.selector.as_deref() {
        Some("ALL") => Selector::All,
        Some("ANY") => Selector::Any,
        Some("EXACT") => Selector::Exact(config.count.unwrap_or_default()),
        _ => return Err(SigningConfigError::NoSelector { list: what }),
    };
    Ok(ServiceList {
        services,
        selector: Some(selector),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(alias = "media_type")]
    media_type: Option<String>,
    #[serde(alias = "ca_urls")]
    ca_urls: Option<Vec<WireService>>,
    #[serde(alias = "oidc_urls")]
    oidc_urls: Option<Vec<WireService>>,
    #[serde(alias = "rekor_tlog_urls")]
    rekor_tlog_urls: Option<Vec<WireService>>,
    #[serde(alias = "rekor_tlog_config")]
    rekor_tlog_config: Option<WireSelector>,
    #[serde(alias = "tsa_urls")]
    tsa_urls: Option<Vec<WireService>>,
    #[serde(alias = "tsa_config")]
    tsa_config: Option<WireSelector>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireService {
    url: Option<String>,
    #[serde(alias = "major_api_version")]
    major_api_version: Option<u32>,
    #[serde(alias = "valid_for")]
    valid_for: Option<WireWindow>,
    operator: Option<String>,
}

#[derive(Deserialize, Default)]
struct WireSelector {
    selector: Option<String>,
    count: Option<u32>,
}
