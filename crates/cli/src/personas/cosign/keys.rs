//! Keys by reference: a file, `env://VARIABLE`, or a service that keeps the key.

use std::path::Path;

use kms::{KeyReference, ServiceReference};
use pki::cosign_key::{COSIGN_KEY_FILE_LIMIT, CosignKeyFile};
use pki::signature::VerifyingKey;
use pki::signing::SigningKey;
use zeroize::Zeroizing;

use super::error::Error;
use super::flags::SECURITY_KEY;
use super::ops::CosignOps;
use super::registry::RegistryOptions;
use super::{Context, files, passwords};
use crate::cobra::Matches;
use crate::process::Process;

/// Refuses `--sk`.
///
/// # Errors
/// [`Error::Unsupported`].
pub(crate) fn refuse_security_key(matches: &Matches) -> Result<(), Error> {
    if matches.on(&SECURITY_KEY) {
        return Err(Error::Unsupported {
            what: "--sk",
            instead: "Name the key by its PKCS#11 URI: --key 'pkcs11:token=…;object=…'.",
        });
    }
    Ok(())
}

/// Where a private key is.
pub(crate) enum Place {
    /// In a file or a variable, for [`private`] to read.
    Here,
    /// In a service, where it stays.
    Service(ServiceReference),
}

/// Where the private key of `reference` is.
///
/// # Errors
/// A reference that is none, or to a place that gives no private keys.
pub(crate) fn place(reference: &str) -> Result<Place, Error> {
    match KeyReference::parse(reference)? {
        KeyReference::Path(_) | KeyReference::Environment(_) => Ok(Place::Here),
        KeyReference::Service(service) => Ok(Place::Service(service)),
        KeyReference::Url(_) => Err(Error::Unsupported {
            what: "a private key from a web address",
            instead: "Only public keys are taken from there.",
        }),
        KeyReference::Stored(_) => Err(stored()),
    }
}

/// The unlocked private key of `reference`.
///
/// # Errors
/// Unreadable, not a private key, locked under another password.
pub(crate) fn private(process: &Process, reference: &str) -> Result<SigningKey, Error> {
    let place = reference.to_owned();
    let file =
        CosignKeyFile::parse(&text(process, reference)?).map_err(|source| Error::KeyFile {
            place: place.clone(),
            source,
        })?;
    let password = if file.is_encrypted() {
        Some(passwords::existing(process)?)
    } else {
        None
    };
    file.unlock(password.as_ref())
        .map_err(|source| Error::Unlock { place, source })
}

/// The public key of `reference`: of a file, a variable, a web address or a service.
///
/// # Errors
/// Unreadable, not a public key, or a service that does not give it.
pub(crate) fn public(context: &Context<'_>, reference: &str) -> Result<VerifyingKey, Error> {
    let process = context.session.process;
    let pem = match KeyReference::parse(reference)? {
        KeyReference::Path(_) | KeyReference::Environment(_) => text(process, reference)?,
        KeyReference::Service(service) => return services(context)?.service_key(&service),
        KeyReference::Url(url) => Zeroizing::new(services(context)?.fetch_public_key(url)?),
        KeyReference::Stored(_) => return Err(stored()),
    };
    VerifyingKey::from_pem(&pem).map_err(|source| Error::PublicKey {
        place: reference.to_owned(),
        source,
    })
}

/// The way to services that keep keys; no registry is contacted.
pub(crate) fn services<'s>(context: &'s Context<'_>) -> Result<Box<dyn CosignOps + 's>, Error> {
    let options = RegistryOptions::default();
    let uses = context.session.uses;
    uses.cosign(context.session, &options, context.timeout)
}

fn stored() -> Error {
    Error::Unsupported {
        what: "a key in Kubernetes, GitLab or GitHub",
        instead: "Put the key into a variable of the job, and name it by --key env://VARIABLE.",
    }
}

/// What a file or a variable holds.
fn text(process: &Process, reference: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    match reference.strip_prefix("env://") {
        Some(name) => match process.var(name) {
            Some(text) => Ok(Zeroizing::new(text.as_bytes().to_vec())),
            None => Err(Error::Variable {
                name: name.to_owned(),
            }),
        },
        None => {
            let limit = COSIGN_KEY_FILE_LIMIT as u64;
            files::read(process, Path::new(reference), limit).map(Zeroizing::new)
        }
    }
}
