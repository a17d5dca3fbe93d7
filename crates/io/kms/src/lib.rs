//! Signing keys that do not leave their place: PKCS#11 tokens, Vault transit, cloud key services, plugins.
//!
//! [`KeyReference::parse`] reads what a user writes after `--key`. A [`ServiceReference`] in it is opened with
//! [`open`], which contacts nobody yet, into a [`SigningService`]. What a service needs to know besides (addresses,
//! tokens, the time) is in [`Settings`]: this crate reads no environment variable;
//! [`Settings::from_variables`] is handed the values.
//!
//! A [`StoredKeyFile`] is an ordinary key file that another system keeps: [`fetch_stored_private_key`] gets it.
//!
//! No service is believed: every signature is verified under the public key that the same service gave before, and an
//! answer that does not fit is an error.
#![deny(missing_docs)]

mod aws;
mod azure;
mod error;
mod google;
mod http;
mod oauth;
mod pkcs11;
mod plugin;
mod reference;
mod service;
mod settings;
mod stored;
mod variables;
mod vault;

pub use error::{Service, ServiceError, Setting};
pub use pkcs11::Pkcs11Error;
pub use plugin::PluginError;
pub use reference::{
    AwsKey, AzureKey, GoogleKey, KeyReference, Pkcs11Uri, PluginKey, ReferenceError,
    ServiceReference, StoredKeyFile, VaultKey,
};
pub use service::{ServiceKey, SigningService, open};
pub use settings::{
    AwsCredentials, AwsSettings, AzureCredentials, AzureSettings, GitLabSettings,
    GoogleCredentials, GoogleSettings, Pkcs11Settings, PluginSettings, Settings, VaultSettings,
};
pub use stored::{StoredPrivateKey, fetch_stored_private_key, fetch_stored_public_key, store_key};
pub use variables::{Variables, VariablesError};
