//! Which services a signer uses: those of a signing configuration, or those that the user named.

use jiff::Timestamp;
use sigstore::trust::{self, SigningConfig, SigningConfigError};

use crate::error::{Error, Service};
use crate::fulcio::{Api, Fulcio};
use crate::http::Http;
use crate::rekor::{Log, LogVersion};
use crate::tsa::TimestampAuthority;

/// The versions of each interface that are spoken here, as `majorApiVersion` counts them: the authority's 1 has paths
/// with a 2 in them.
const AUTHORITY_VERSIONS: &[u32] = &[1];
const PROVIDER_VERSIONS: &[u32] = &[1];
const LOG_VERSIONS: &[u32] = &[1, 2];
const STAMP_VERSIONS: &[u32] = &[1];

/// Addresses of services. The default uses none, and then nobody but the registry is contacted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Services {
    /// Who certifies ephemeral keys.
    pub certificate_authority: Option<AuthorityAddress>,
    /// The OpenID Connect issuer that a person logs in at.
    pub identity_provider: Option<String>,
    /// Where signatures are recorded, each of them.
    pub logs: Vec<LogAddress>,
    /// Who stamps signatures, each of them.
    pub timestamp_authorities: Vec<String>,
}

/// A certificate authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityAddress {
    /// Its base address.
    pub url: String,
    /// How it is asked.
    pub api: Api,
}

/// A transparency log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogAddress {
    /// Its base address.
    pub url: String,
    /// What it speaks.
    pub version: LogVersion,
}

/// A kind of service of which the configuration has some, and none to use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{service}: {source}")]
pub struct ServicesError {
    /// Which kind.
    pub service: Service,
    /// Why.
    pub source: SigningConfigError,
}

impl Services {
    /// The services that `config` wants used at `now`. What it lists none of is not used.
    ///
    /// # Errors
    /// A list with services and none, or too few, that can be used.
    pub fn from_config(config: &SigningConfig, now: Timestamp) -> Result<Self, ServicesError> {
        let of = |service| move |source| ServicesError { service, source };
        let logs = config
            .logs
            .select(LOG_VERSIONS, now)
            .map_err(of(Service::TransparencyLog))?;
        let stamps = config
            .timestamp_authorities
            .select(STAMP_VERSIONS, now)
            .map_err(of(Service::TimestampAuthority))?;
        let authority = one(&config.certificate_authorities, AUTHORITY_VERSIONS, now)
            .map_err(of(Service::CertificateAuthority))?;
        let provider = one(&config.identity_providers, PROVIDER_VERSIONS, now)
            .map_err(of(Service::IdentityProvider))?;
        Ok(Self {
            certificate_authority: authority.map(|url| AuthorityAddress { url, api: Api::V2 }),
            identity_provider: provider,
            logs: logs
                .into_iter()
                .map(|service| LogAddress {
                    url: service.url.clone(),
                    version: match service.major_api_version {
                        2 => LogVersion::V2,
                        _ => LogVersion::V1,
                    },
                })
                .collect(),
            timestamp_authorities: stamps
                .into_iter()
                .map(|service| service.url.clone())
                .collect(),
        })
    }

    /// The certificate authority, if one is used.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn fulcio(&self, http: &Http) -> Result<Option<Fulcio>, Error> {
        let address = self.certificate_authority.as_ref();
        address
            .map(|address| Fulcio::new(http.clone(), &address.url, address.api))
            .transpose()
    }

    /// The logs.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn logs(&self, http: &Http) -> Result<Vec<Log>, Error> {
        let logs = self.logs.iter();
        logs.map(|address| Log::new(http.clone(), &address.url, address.version))
            .collect()
    }

    /// The timestamping authorities.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn timestamp_authorities(&self, http: &Http) -> Result<Vec<TimestampAuthority>, Error> {
        let authorities = self.timestamp_authorities.iter();
        authorities
            .map(|url| TimestampAuthority::new(http.clone(), url))
            .collect()
    }
}

/// The newest usable service of a list that has any.
fn one(
    services: &[trust::Service],
    supported: &[u32],
    now: Timestamp,
) -> Result<Option<String>, SigningConfigError> {
    if services.is_empty() {
        return Ok(None);
    }
    match trust::Service::select_one(services, supported, now) {
        Some(service) => Ok(Some(service.url.clone())),
        None => Err(SigningConfigError::NoService {
            supported: supported.to_vec(),
            now,
        }),
    }
}
