//! Signers, and the services that attest to what they sign.

use signing::sign::{Certificate, Signer, Witnesses};
use sigstore::fulcio::{SigningCertificate, chain_from_pem};

use super::Client;
use crate::personas::cosign::error::Error;
use crate::personas::cosign::ops::{Party, PartyOps};
use crate::personas::cosign::party::{ConfigSource, GivenCertificate, PartyOptions, Who};

impl PartyOps for Client<'_> {
    fn party(&mut self, options: PartyOptions) -> Result<Party, Error> {
        let services = &options.services;
        let wanted = services.config != ConfigSource::None
            || services.log.is_some()
            || services.timestamps.is_some();
        let key = match options.who {
            Who::Key(key) if !wanted => key,
            _ => {
                return Err(Error::Unsupported {
                    what: "signing with services",
                    instead: "Sign with --key.",
                });
            }
        };
        let mut signer = Signer::with_key(*key);
        if let Some(given) = options.certificate {
            signer = signer.certified(certificate(&given)?)?;
        }
        Ok(Party {
            signer,
            witnesses: Witnesses::default(),
            trust: None,
        })
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
