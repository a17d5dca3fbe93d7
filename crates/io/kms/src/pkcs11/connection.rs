//! A session with the one token that a URI names.

use std::path::Path;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use pki::signature::{HashAlgorithm, Scheme, VerifyingKey, VerifyingKeyKind, ecdsa_der};
use pki::signing::KeyAlgorithm;
use zeroize::Zeroizing;

use super::error::call;
use super::{Pkcs11Error, objects};
use crate::error::{Service, ServiceError};
use crate::reference::Pkcs11Uri;

/// Bytes of the identifier of a key that is made without one.
const NEW_ID_BYTES: u32 = 16;

pub(super) struct Connection {
    session: Session,
    token: String,
    logged_in: bool,
    login_required: bool,
}

/// Loads the module. It stays loaded: a second C_Initialize by the same program is answered as such.
fn load(module: &Path) -> Result<Pkcs11, Pkcs11Error> {
    let failed = |error: Error| Pkcs11Error::Module {
        path: module.to_owned(),
        detail: error.to_string(),
    };
    let pkcs11 = Pkcs11::new(module).map_err(failed)?;
    match pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(pkcs11),
        Err(error) => Err(failed(error)),
    }
}

/// Every token that is there; slots whose token does not tell of itself are passed over, as cosign does.
fn tokens(pkcs11: &Pkcs11) -> Result<Vec<(Slot, TokenInfo)>, Pkcs11Error> {
    let slots = pkcs11.get_slots_with_token().map_err(call)?;
    Ok(slots
        .into_iter()
        .filter_map(|slot| Some((slot, pkcs11.get_token_info(slot).ok()?)))
        .collect())
}

impl Connection {
    pub(super) fn open(
        module: &Path,
        uri: &Pkcs11Uri,
        pin: Option<&Zeroizing<String>>,
    ) -> Result<Self, Pkcs11Error> {
        let pkcs11 = load(module)?;
        let all = tokens(&pkcs11)?;
        let fitting: Vec<&(Slot, TokenInfo)> = all
            .iter()
            .filter(|(slot, token)| fits(uri, *slot, token))
            .collect();
        match fitting.as_slice() {
            [(slot, token)] => Self::to_token(&pkcs11, *slot, token, pin),
            [] => Err(Pkcs11Error::TokenNotFound {
                labels: all
                    .iter()
                    .map(|(_, token)| token.label().to_owned())
                    .collect(),
            }),
            several => Err(Pkcs11Error::TokenAmbiguous {
                found: several.len(),
            }),
        }
    }

    /// Logs in if there is a PIN, or a token with a keypad of its own.
    fn to_token(
        pkcs11: &Pkcs11,
        slot: Slot,
        token: &TokenInfo,
        pin: Option<&Zeroizing<String>>,
    ) -> Result<Self, Pkcs11Error> {
        // Only a new key needs the right to write, and a token may not give it.
        let session = pkcs11
            .open_rw_session(slot)
            .or_else(|_| pkcs11.open_ro_session(slot))
            .map_err(call)?;
        let pin = pin.map(|pin| pin.as_str().into());
        let logged_in = pin.is_some() || token.protected_authentication_path();
        if logged_in {
            match session.login(UserType::User, pin.as_ref()) {
                // Tokens know programs, not sessions.
                Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
                Err(error) => return Err(call(error)),
            }
        }
        Ok(Self {
            session,
            token: token.label().to_owned(),
            logged_in,
            login_required: token.login_required(),
        })
    }

    /// The public half: of the private key itself if it may be seen, else by what the URI says.
    pub(super) fn public_key(&self, uri: &Pkcs11Uri) -> Result<VerifyingKey, ServiceError> {
        if !self.logged_in && self.login_required {
            return objects::public_key(&self.session, &objects::template(uri))?.ok_or_else(|| {
                // The public half may be private too.
                Pkcs11Error::PinNeeded {
                    token: self.token.clone(),
                }
                .into()
            });
        }
        let private = self.private_key(uri)?;
        let name = objects::name(&self.session, private).map_err(call)?;
        match objects::public_key(&self.session, &name)? {
            Some(key) => Ok(key),
            None => objects::public_half(&self.session, private),
        }
    }

    pub(super) fn sign(
        &self,
        uri: &Pkcs11Uri,
        kind: VerifyingKeyKind,
        scheme: Scheme,
        message: &[u8],
    ) -> Result<Vec<u8>, ServiceError> {
        self.check_logged_in()?;
        let key = self.private_key(uri)?;
        let sign = |mechanism: &Mechanism<'_>, data: &[u8]| {
            self.session.sign(mechanism, key, data).map_err(call)
        };
        match (scheme, kind) {
            (Scheme::Ecdsa(hash), VerifyingKeyKind::Ecdsa(curve)) => {
                let mut digest = hash.digest(message);
                // FIPS 186-5 6.4.1: of a longer digest the leftmost bits; not every token does that itself.
                digest.truncate(curve.field_bytes());
                let raw = sign(&Mechanism::Ecdsa, &digest)?;
                ecdsa_der(curve, &raw).map_err(|_| Service::Pkcs11.malformed("signature"))
            }
            (Scheme::RsaPkcs1v15(hash), VerifyingKeyKind::Rsa { .. }) => {
                Ok(sign(&Mechanism::RsaPkcs, &digest_info(hash, message))?)
            }
            (Scheme::Ed25519, VerifyingKeyKind::Ed25519) => {
                let params = EddsaParams::new(EddsaSignatureScheme::Ed25519);
                Ok(sign(&Mechanism::Eddsa(params), message)?)
            }
            _ => Err(ServiceError::UnsupportedScheme {
                service: Service::Pkcs11,
                scheme,
            }),
        }
    }

    /// Makes a pair that stays on the token.
    pub(super) fn create(
        &self,
        uri: &Pkcs11Uri,
        algorithm: KeyAlgorithm,
    ) -> Result<(), ServiceError> {
        self.check_logged_in()?;
        let mut name = objects::template(uri);
        if uri.id.is_none() {
            let id = self
                .session
                .generate_random_vec(NEW_ID_BYTES)
                .map_err(call)?;
            name.push(Attribute::Id(id));
        }
        let (mechanism, kind) = objects::generation(algorithm);
        let public = [
            name.clone(),
            kind,
            vec![Attribute::Token(true), Attribute::Verify(true)],
        ]
        .concat();
        let private = [
            name,
            vec![
                Attribute::Token(true),
                Attribute::Private(true),
                Attribute::Sensitive(true),
                Attribute::Extractable(false),
                Attribute::Sign(true),
            ],
        ]
        .concat();
        self.session
            .generate_key_pair(&mechanism, &public, &private)
            .map_err(call)?;
        Ok(())
    }

    pub(super) fn check_logged_in(&self) -> Result<(), Pkcs11Error> {
        if self.logged_in || !self.login_required {
            return Ok(());
        }
        Err(Pkcs11Error::PinNeeded {
            token: self.token.clone(),
        })
    }

    fn private_key(&self, uri: &Pkcs11Uri) -> Result<ObjectHandle, ServiceError> {
        let mut template = objects::template(uri);
        template.push(Attribute::Class(ObjectClass::PRIVATE_KEY));
        let found = self.session.find_objects(&template).map_err(call)?;
        match found.as_slice() {
            [key] => Ok(*key),
            [] => Err(ServiceError::KeyNotFound {
                service: Service::Pkcs11,
                key: objects::shown(uri),
                message: format!("on token {:?}", self.token),
            }),
            several => Err(Pkcs11Error::KeyAmbiguous {
                found: several.len(),
            }
            .into()),
        }
    }
}

fn fits(uri: &Pkcs11Uri, slot: Slot, token: &TokenInfo) -> bool {
    let same = |wanted: &Option<String>, found: &str| {
        wanted
            .as_ref()
            .is_none_or(|wanted| wanted == found.trim_end())
    };
    uri.slot_id.is_none_or(|id| id == slot.id())
        && same(&uri.token, token.label())
        && same(&uri.serial, token.serial_number())
        && same(&uri.manufacturer, token.manufacturer_id())
        && same(&uri.model, token.model())
}

/// RFC 8017 9.2, note 1: the DER of DigestInfo in front of the digest.
fn digest_info(hash: HashAlgorithm, message: &[u8]) -> Vec<u8> {
    let (last, length) = match hash {
        HashAlgorithm::Sha256 => (1, 32),
        HashAlgorithm::Sha384 => (2, 48),
        HashAlgorithm::Sha512 => (3, 64),
    };
    let prefix = [
        0x30,
        0x11 + length,
        0x30,
        0x0d,
        0x06,
        0x09,
        0x60,
        0x86,
        0x48,
        0x01,
        0x65,
        0x03,
        0x04,
        0x02,
        last,
        0x05,
        0x00,
        0x04,
        length,
    ];
    [&prefix[..], &hash.digest(message)].concat()
}
