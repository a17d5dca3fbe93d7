//! What is there: for those who look for the URI of a key (`cosign pkcs11-tool`).

use std::path::{Path, PathBuf};

use cryptoki::object::{Attribute, AttributeType, ObjectClass};
use zeroize::Zeroizing;

use super::connection::{self, Connection, is_signing_kind, label_and_id};
use super::error::call;
use super::{Pkcs11Error, blocking};
use crate::reference::Pkcs11Uri;

/// A token that a module sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenDescription {
    /// The slot's number.
    pub slot_id: u64,
    /// The token's label.
    pub label: String,
    /// Its manufacturer.
    pub manufacturer: String,
    /// Its model.
    pub model: String,
    /// Its serial number.
    pub serial: String,
    /// Whether its private keys are seen only after a login.
    pub login_required: bool,
}

/// A private key that can sign here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenKey {
    /// Its label.
    pub label: Option<String>,
    /// Its identifier; may be empty.
    pub id: Vec<u8>,
    /// The reference to it, without a PIN.
    pub uri: Pkcs11Uri,
}

/// Lists the tokens that `module` sees.
///
/// # Errors
/// The module cannot be loaded.
pub async fn list_tokens(module: &Path) -> Result<Vec<TokenDescription>, Pkcs11Error> {
    let module = module.to_owned();
    blocking(move || {
        let found = connection::tokens(&connection::load(&module)?)?;
        Ok(found
            .into_iter()
            .map(|(slot, token)| TokenDescription {
                slot_id: slot.id(),
                label: token.label().trim_end().to_owned(),
                manufacturer: token.manufacturer_id().trim_end().to_owned(),
                model: token.model().trim_end().to_owned(),
                serial: token.serial_number().trim_end().to_owned(),
                login_required: token.login_required(),
            })
            .collect())
    })
    .await
}

/// Lists the private keys in a slot that have a label or an identifier.
///
/// # Errors
/// The module cannot be loaded, there is no token in the slot, or it refuses the PIN.
pub async fn list_token_keys(
    module: &Path,
    slot_id: u64,
    pin: Option<Zeroizing<String>>,
) -> Result<Vec<TokenKey>, Pkcs11Error> {
    let module = module.to_owned();
    blocking(move || keys(module, slot_id, pin.as_ref())).await
}

fn keys(
    module: PathBuf,
    slot_id: u64,
    pin: Option<&Zeroizing<String>>,
) -> Result<Vec<TokenKey>, Pkcs11Error> {
    let pkcs11 = connection::load(&module)?;
    let tokens = connection::tokens(&pkcs11)?;
    let (slot, token) = tokens
        .iter()
        .find(|(slot, _)| slot.id() == slot_id)
        .ok_or_else(|| Pkcs11Error::TokenNotFound {
            labels: tokens
                .iter()
                .map(|(_, token)| token.label().to_owned())
                .collect(),
        })?;
    if token.login_required() && !token.protected_authentication_path() && pin.is_none() {
        return Err(Pkcs11Error::PinNeeded {
            token: token.label().to_owned(),
        });
    }
    let connection = Connection::to_token(&pkcs11, *slot, token, pin)?;
    let session = connection.session();
    let template = [Attribute::Class(ObjectClass::PRIVATE_KEY)];
    let mut found = Vec::new();
    for key in session.find_objects(&template).map_err(call)? {
        let kind = session
            .get_attributes(key, &[AttributeType::KeyType])
            .map_err(call)?;
        let signs = matches!(kind.as_slice(), [Attribute::KeyType(kind)] if is_signing_kind(*kind));
        let (label, id) = label_and_id(session, key)?;
        if signs && (label.is_some() || !id.is_empty()) {
            let uri = Pkcs11Uri {
                token: Some(token.label().trim_end().to_owned()),
                slot_id: Some(slot_id),
                object: label.clone(),
                id: Some(id.clone()).filter(|id| !id.is_empty()),
                module_path: module.to_str().map(str::to_owned),
                ..Pkcs11Uri::default()
            };
            found.push(TokenKey { label, id, uri });
        }
    }
    Ok(found)
}
