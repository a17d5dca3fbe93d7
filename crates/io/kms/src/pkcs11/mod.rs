//! Keys on PKCS#11 tokens (OASIS PKCS#11 3.1), found as cosign finds them (`sigstore/cosign:pkg/cosign/pkcs11key`) but
//! for this: everything that the URI says must fit, and to exactly one key.
//!
//! Modules block, so every call runs on a thread of its own.

mod connection;
mod error;
mod objects;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use pki::signature::Scheme;
use pki::signing::KeyAlgorithm;
use zeroize::Zeroizing;

pub use error::Pkcs11Error;

use crate::error::{Service, ServiceError, Setting};
use crate::reference::Pkcs11Uri;
use crate::service::{Backend, ServiceKey};
use crate::settings::Settings;
use connection::Connection;

/// Most bytes of a file with a PIN.
const PIN_FILE_LIMIT: u64 = 4096;

#[derive(Clone)]
pub(crate) struct Pkcs11Key {
    uri: Arc<Pkcs11Uri>,
    module: PathBuf,
    pin: Option<Zeroizing<String>>,
    connection: Arc<Mutex<Option<Connection>>>,
}

impl Pkcs11Key {
    pub(crate) fn new(uri: &Pkcs11Uri, settings: &Settings) -> Result<Self, ServiceError> {
        let module = match &uri.module_path {
            Some(path) => Path::new(path),
            None => settings
                .pkcs11
                .module_path
                .as_deref()
                .ok_or(ServiceError::Missing {
                    setting: Setting::Pkcs11Module,
                })?,
        };
        if !module.is_absolute() {
            return Err(ServiceError::Unusable {
                setting: Setting::Pkcs11Module,
            });
        }
        let pin = match (&uri.pin_value, &uri.pin_source) {
            (Some(pin), _) => Some(pin.clone()),
            (None, Some(source)) => Some(read_pin(source)?),
            (None, None) => settings.pkcs11.pin.clone(),
        };
        Ok(Self {
            uri: Arc::new(uri.clone()),
            module: module.to_owned(),
            pin,
            connection: Arc::default(),
        })
    }

    /// Does something with the token, on a thread that may block; the session is kept for the next time.
    async fn with_connection<T: Send + 'static>(
        &self,
        action: impl FnOnce(&Connection, &Pkcs11Uri) -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let key = self.clone();
        blocking(move || {
            let mut kept = key
                .connection
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let connection = match kept.take() {
                Some(connection) => connection,
                None => Connection::open(&key.module, &key.uri, key.pin.as_ref())?,
            };
            let outcome = action(&connection, &key.uri);
            // A token that was pulled out is looked for again.
            if outcome.is_ok() {
                *kept = Some(connection);
            }
            outcome
        })
        .await
    }
}

impl Backend for Pkcs11Key {
    const SERVICE: Service = Service::Pkcs11;
    type Pin = ();

    async fn check_login(&self) -> Result<(), ServiceError> {
        self.with_connection(|connection, _| Ok(connection.check_logged_in()?))
            .await
    }

    async fn fetch(&self) -> Result<(ServiceKey, ()), ServiceError> {
        let verifying_key = self.with_connection(Connection::public_key).await?;
        Ok((ServiceKey::any_hash(verifying_key), ()))
    }

    async fn sign(
        &self,
        key: &ServiceKey,
        (): &(),
        scheme: Scheme,
        message: &[u8],
    ) -> Result<Vec<u8>, ServiceError> {
        let (kind, message) = (key.verifying_key.kind(), message.to_vec());
        self.with_connection(move |connection, uri| connection.sign(uri, kind, scheme, &message))
            .await
    }

    async fn create(&self, algorithm: KeyAlgorithm) -> Result<(), ServiceError> {
        self.with_connection(move |connection, uri| connection.create(uri, algorithm))
            .await
    }
}

impl std::fmt::Debug for Pkcs11Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pkcs11Key")
            .field("uri", &self.uri)
            .field("module", &self.module)
            .finish_non_exhaustive()
    }
}

async fn blocking<T: Send + 'static>(action: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(action).await {
        Ok(outcome) => outcome,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// RFC 7512 2.4 leaves the forms open; a program to run (`|…`) is not served.
fn read_pin(source: &str) -> Result<Zeroizing<String>, Pkcs11Error> {
    use std::io::Read as _;
    let path = source.strip_prefix("file:").unwrap_or(source);
    let path = path.strip_prefix("//").unwrap_or(path);
    let failed = |source| Pkcs11Error::PinSource {
        path: path.into(),
        source,
    };
    let mut text = Zeroizing::new(String::with_capacity(256));
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(PIN_FILE_LIMIT + 1).read_to_string(&mut text));
    // A part of a PIN is none, and tokens count wrong ones.
    if read.map_err(failed)? as u64 > PIN_FILE_LIMIT {
        return Err(failed(std::io::ErrorKind::FileTooLarge.into()));
    }
    Ok(Zeroizing::new(
        text.trim_end_matches(['\r', '\n']).to_owned(),
    ))
}
