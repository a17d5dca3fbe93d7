//! Keys by reference: a file, `env://VARIABLE`, or a service that keeps the key.

use std::path::Path;

use kms::{KeyReference, ServiceReference};
use pki::cosign_key::{COSIGN_KEY_FILE_LIMIT, CosignKeyFile};
use pki::keyfile::Passphrase;
use pki::signature::VerifyingKey;
use pki::signing::SigningKey;
use zeroize::Zeroizing;

use super::error::Error;
use super::flags::{SECURITY_KEY, SLOT};
use super::ops::CosignOps;
use super::registry::RegistryOptions;
use super::{Context, files, given, passwords};
use crate::cobra::Matches;
use crate::process::Process;

/// Refuses `--sk` and `--slot`.
///
/// # Errors
/// [`Error::Unsupported`].
pub(crate) fn refuse_security_key(matches: &Matches) -> Result<(), Error> {
    if matches.on(&SECURITY_KEY) || given(matches, &SLOT).is_some() {
        return Err(Error::Unsupported {
            what: "--sk with its --slot",
            instead: "Name the key by its PKCS#11 URI: --key 'pkcs11:token=…;object=…'.",
        });
    }
    Ok(())
}

/// Where a private key is.
pub(crate) enum Place {
    /// Where [`private`] can read it.
    Readable,
    /// In a service, where it stays.
    Service(Box<ServiceReference>),
}

/// Where the private key of `reference` is.
///
/// # Errors
/// A reference that is none, or to a place that gives no private keys.
pub(crate) fn place(reference: &str) -> Result<Place, Error> {
    match KeyReference::parse(reference)? {
        KeyReference::Path(_) | KeyReference::Environment(_) | KeyReference::Stored(_) => {
            Ok(Place::Readable)
        }
        KeyReference::Service(service) => Ok(Place::Service(Box::new(service))),
        KeyReference::Url(_) => Err(no_private_key_there()),
    }
}

/// The unlocked private key of `reference`.
///
/// # Errors
/// Unreadable, not a private key, locked under another password.
pub(crate) fn private(context: &Context<'_>, reference: &str) -> Result<SigningKey, Error> {
    let process = context.session.process;
    let (text, stored_password) = match KeyReference::parse(reference)? {
        KeyReference::Stored(place) => {
            let stored = services(context)?.stored_private_key(&place)?;
            let pem = Zeroizing::new(stored.pem.as_bytes().to_vec());
            (pem, Some(Passphrase::new(stored.password)))
        }
        KeyReference::Path(_) | KeyReference::Environment(_) => (text(process, reference)?, None),
        KeyReference::Service(_) | KeyReference::Url(_) => return Err(no_private_key_there()),
    };
    let place = reference.to_owned();
    let file = CosignKeyFile::parse(&text).map_err(|source| Error::KeyFile {
        place: place.clone(),
        source,
    })?;
    let password = match stored_password {
        _ if !file.is_encrypted() => None,
        Some(password) => Some(password),
        None => Some(passwords::existing(process)?),
    };
    file.unlock(password.as_ref())
        .map_err(|source| Error::Unlock { place, source })
}

fn no_private_key_there() -> Error {
    Error::Unsupported {
        what: "a private key from a web address",
        instead: "Only public keys are taken from there.",
    }
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
        KeyReference::Stored(place) => return services(context)?.stored_public_key(&place),
    };
    VerifyingKey::from_pem(&pem).map_err(|source| Error::PublicKey {
        place: reference.to_owned(),
        source,
    })
}

/// The way to services that keep keys; no registry is contacted.
pub(crate) fn services<'s>(context: &'s Context<'_>) -> Result<Box<dyn CosignOps + 's>, Error> {
    context.ops(&RegistryOptions::default())
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
