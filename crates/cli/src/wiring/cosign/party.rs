//! Signers, and the services that attest to what they sign.

use keyless::Http;
use keyless::fulcio::Api;
use keyless::rekor::LogVersion;
use keyless::services::{AuthorityAddress, LogAddress, Services};
use keyless::tsa::TimestampAuthority;
use pki::signing::SigningKey;
use signing::sign::{Certificate, Signer, Witnesses};
use sigstore::fulcio::{SigningCertificate, chain_from_pem};
use sigstore::trust::TrustedRoot;
use trustroot::signing_config_file;

use super::Client;
use crate::personas::cosign::error::Error;
use crate::personas::cosign::ops::{Party, PartyOps};
use crate::personas::cosign::party::{
    ConfigSource, GivenCertificate, IdentityOptions, PartyOptions, ServiceOptions, Who,
};
use crate::personas::cosign::trust_ops::SigstoreTrust as _;
use crate::prompt;
use crate::wiring::sigstore_trust::Repositories;

/// What is said before a name goes into a log for ever.
const PUBLIC_RECORD: &str = "
The signature, and the name or address in its certificate, will be recorded in a transparency log:
whoever can read that log can read them, and they cannot be removed.

";

impl PartyOps for Client<'_> {
    fn party(&mut self, options: PartyOptions) -> Result<Party, Error> {
        let (services, initialised) = self.services(&options.services)?;
        let http = Http::new(self.services_client(None)?);
        let stamps = match options.services.timestamps_tls.clone() {
            None => http.clone(),
            tls => Http::new(self.services_client(tls)?),
        };
        let witnesses = Witnesses {
            logs: services.logs(&http)?,
            authorities: services
                .timestamp_authorities
                .iter()
                .map(|url| TimestampAuthority::new(stamps.clone(), url))
                .collect::<Result<_, _>>()?,
        };
        let certifies = matches!(options.who, Who::Identity(_) | Who::CertifiedKey(_));
        if certifies && !witnesses.logs.is_empty() {
            self.agree_to_record(options.identity.yes)?;
        }
        let trust = self.trust(&options, &witnesses, initialised);
        let given = options.certificate.as_ref().map(certificate).transpose()?;
        let signer = match options.who {
            Who::Key(key) => Signer::with_key(*key),
            Who::Service(reference) => {
                let service = self.signing_service(&reference)?;
                self.block_on(async { Ok(Signer::with_service(service).await?) })?
            }
            Who::CertifiedKey(key) => self.certified(&http, &services, &options.identity, *key)?,
            Who::Identity(algorithm) => {
                self.process.err("Generating ephemeral keys...\n");
                let key = SigningKey::generate(algorithm)?;
                self.certified(&http, &services, &options.identity, key)?
            }
        };
        let signer = match given {
            Some(certificate) => signer.certified(certificate)?,
            None => signer,
        };
        Ok(Party {
            signer,
            witnesses,
            trust,
        })
    }
}

impl Client<'_> {
    /// A key with a certificate for whoever the token names.
    fn certified(
        &self,
        http: &Http,
        services: &Services,
        identity: &IdentityOptions,
        key: SigningKey,
    ) -> Result<Signer, Error> {
        let authority = services.fulcio(http)?.ok_or(Error::NoAuthority)?;
        let provider = services.identity_provider.as_deref();
        self.block_on(async {
            let token = self.token(http, identity, provider).await?;
            self.process.err("Retrieving signed certificate...\n");
            let issued = authority.certify(&token, &key).await?;
            Ok(Signer::with_key(key).certified(Certificate {
                leaf: issued.certificate,
                issuers: issued.issuers,
            })?)
        })
    }

    /// The services to use: those of the configuration, each replaced by the one that a flag names. With the trusted
    /// root that belongs to them, if it is the initialised one.
    fn services(&self, options: &ServiceOptions) -> Result<(Services, Option<TrustedRoot>), Error> {
        let now = self.process.now();
        let (mut services, initialised) = match &options.config {
            ConfigSource::None => (Services::default(), None),
            ConfigSource::File(path) => {
                let config = signing_config_file(path)?;
                (Services::from_config(&config, now)?, None)
            }
            ConfigSource::Initialised => {
                let loaded = Repositories::new(self.process)?.load(false)?;
                let Some(material) = loaded.map(|loaded| loaded.material) else {
                    return Err(Error::NoAuthority);
                };
                let services = match material.signing_config()? {
                    Some(config) => Services::from_config(&config, now)?,
                    None => Services::default(),
                };
                (services, Some(material.trusted_root))
            }
        };
        if let Some(url) = &options.authority {
            services.certificate_authority = Some(AuthorityAddress {
                url: url.clone(),
                api: Api::V2,
            });
        }
        if let Some(url) = &options.log {
            services.logs = vec![LogAddress {
                url: url.clone(),
                version: LogVersion::V1,
            }];
        }
        if let Some(url) = &options.timestamps {
            services.timestamp_authorities = vec![url.clone()];
        }
        if options.identity_provider.is_some() {
            services.identity_provider = options.identity_provider.clone();
        }
        match options.log_wanted {
            Some(false) => services.logs.clear(),
            Some(true) if services.logs.is_empty() => {
                return Err(Error::Required {
                    flag: "rekor-url",
                    why: "--tlog-upload needs a transparency log, by --rekor-url or in --signing-config",
                });
            }
            _ => {}
        }
        Ok((services, initialised))
    }

    /// Asks a person; whoever is no person named the log.
    fn agree_to_record(&self, yes: bool) -> Result<(), Error> {
        if yes || !self.process.terminals().stdin {
            return Ok(());
        }
        self.process.err(PUBLIC_RECORD);
        if prompt::agrees_on_stderr(self.process, "Are you sure you would like to continue?")? {
            Ok(())
        } else {
            Err(Error::Declined)
        }
    }

    /// Against whom new signatures are verified before they are written. Whom the environment names one by one is
    /// enough only if everybody is named whose word is in the signature.
    fn trust(
        &self,
        options: &PartyOptions,
        witnesses: &Witnesses,
        initialised: Option<TrustedRoot>,
    ) -> Option<TrustedRoot> {
        let certified =
            !matches!(options.who, Who::Key(_) | Who::Service(_)) || options.certificate.is_some();
        let named = &options.named_trust;
        let complete = (!certified || !named.certificate_authorities.is_empty())
            && (witnesses.logs.is_empty() || !named.logs.is_empty())
            && (witnesses.authorities.is_empty() || !named.timestamp_authorities.is_empty());
        let mut trust = match (&options.trusted_root, initialised) {
            (Some(given), _) => given.clone(),
            (None, _) if complete => named.clone(),
            (None, Some(initialised)) => initialised,
            (None, None) => {
                self.process.err(
                    "NOTE: nobody is trusted here yet (--trusted-root, initialize), so that the new signature is \
                     written unverified.\n",
                );
                return None;
            }
        };
        if options.skip_sct {
            trust.ct_logs.clear();
        }
        Some(trust)
    }

    /// An HTTP client for services, which trusts what the system trusts.
    pub(super) fn services_client(&self, tls: Option<net::Tls>) -> Result<net::Client, Error> {
        let tls = tls.unwrap_or_else(|| net::Tls {
            system_roots: true,
            ..net::Tls::default()
        });
        Ok(net::Client::new(net::Config {
            tls,
            ..self.http.clone()
        })?)
    }
}

/// What the user gave as the key's certificate.
fn certificate(given: &GivenCertificate) -> Result<Certificate, Error> {
    let failed = |source| Error::Certificate {
        path: given.path.clone().into(),
        source,
    };
    let text = String::from_utf8_lossy(&given.leaf);
    let leaf = SigningCertificate::from_pem(&text).map_err(failed)?;
    let issuers = match &given.chain {
        None => Vec::new(),
        Some(chain) => chain_from_pem(&String::from_utf8_lossy(chain)).map_err(failed)?,
    };
    Ok(Certificate { leaf, issuers })
}
