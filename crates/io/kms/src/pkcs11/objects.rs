//! What the objects of a token say of a key.

use cryptoki::error::Result as CallResult;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use pki::certificate::Certificate;
use pki::key::Curve;
use pki::signature::VerifyingKey;
use pki::signing::KeyAlgorithm;

use super::Pkcs11Error;
use super::error::call;
use crate::error::{Service, ServiceError};
use crate::reference::Pkcs11Uri;

/// The DER of the object identifiers that `CKA_EC_PARAMS` holds (RFC 5480 2.1.1.1).
const CURVES: [(Curve, &[u8]); 3] = [
    (
        Curve::P256,
        &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
    ),
    (Curve::P384, &[0x06, 5, 0x2b, 0x81, 4, 0, 0x22]),
    (Curve::P521, &[0x06, 5, 0x2b, 0x81, 4, 0, 0x23]),
];

/// The curve of Ed25519: its name as PKCS#11 3.0 has it, and two object identifiers (RFC 8410, and the older one).
const ED25519: [&[u8]; 3] = [
    b"\x13\x0cedwards25519",
    &[0x06, 3, 0x2b, 0x65, 0x70],
    &[0x06, 9, 0x2b, 6, 1, 4, 1, 0xda, 0x47, 0x0f, 1],
];

/// What a URI says of a key.
pub(super) fn template(uri: &Pkcs11Uri) -> Vec<Attribute> {
    let label = uri.object.iter().cloned().map(String::into_bytes);
    let id = uri.id.iter().cloned();
    label
        .map(Attribute::Label)
        .chain(id.map(Attribute::Id))
        .collect()
}

/// The same for people.
pub(super) fn shown(uri: &Pkcs11Uri) -> String {
    let object = uri.object.iter().map(|label| format!("object={label}"));
    let id = uri.id.iter().map(|id| format!("id={}", hex::encode(id)));
    object.chain(id).collect::<Vec<_>>().join(";")
}

/// What a private key and its public half have in common: the identifier, or without one the label.
pub(super) fn name(session: &Session, key: ObjectHandle) -> CallResult<Vec<Attribute>> {
    let attributes = session.get_attributes(key, &[AttributeType::Id, AttributeType::Label])?;
    let filled = |attribute: &&Attribute| match attribute {
        Attribute::Id(bytes) | Attribute::Label(bytes) => !bytes.is_empty(),
        _ => false,
    };
    let id = attributes
        .iter()
        .filter(filled)
        .find(|attribute| matches!(attribute, Attribute::Id(_)));
    Ok(id
        .or_else(|| attributes.iter().find(filled))
        .cloned()
        .into_iter()
        .collect())
}

/// The public key object with this name, or the key of the certificate with this name.
pub(super) fn public_key(
    session: &Session,
    name: &[Attribute],
) -> Result<Option<VerifyingKey>, ServiceError> {
    if name.is_empty() {
        return Ok(None);
    }
    if let Some(object) = only(session, name, ObjectClass::PUBLIC_KEY)? {
        return public_half(session, object).map(Some);
    }
    let Some(object) = only(session, name, ObjectClass::CERTIFICATE)? else {
        return Ok(None);
    };
    let attributes = session
        .get_attributes(object, &[AttributeType::Value])
        .map_err(call)?;
    let certificate = match attributes.as_slice() {
        [Attribute::Value(der)] => Certificate::from_der(der).ok(),
        _ => None,
    };
    certificate
        .and_then(|certificate| VerifyingKey::from_spki_der(certificate.spki_der()).ok())
        .map(Some)
        .ok_or(Service::Pkcs11.malformed("certificate"))
}

fn only(
    session: &Session,
    name: &[Attribute],
    class: ObjectClass,
) -> Result<Option<ObjectHandle>, Pkcs11Error> {
    let template = [name, &[Attribute::Class(class)]].concat();
    let found = session.find_objects(&template).map_err(call)?;
    match found.as_slice() {
        [] => Ok(None),
        [object] => Ok(Some(*object)),
        several => Err(Pkcs11Error::KeyAmbiguous {
            found: several.len(),
        }),
    }
}

/// The public key from an object's attributes. That object may be the private key: tokens keep the numbers of an RSA
/// key with it, and some the point of an elliptic one.
pub(super) fn public_half(
    session: &Session,
    object: ObjectHandle,
) -> Result<VerifyingKey, ServiceError> {
    let attributes = session
        .get_attributes(
            object,
            &[
                AttributeType::KeyType,
                AttributeType::EcParams,
                AttributeType::EcPoint,
                AttributeType::Modulus,
                AttributeType::PublicExponent,
            ],
        )
        .map_err(call)?;
    let mut kind = None;
    let (mut params, mut point) = (Vec::new(), Vec::new());
    let (mut modulus, mut exponent) = (Vec::new(), Vec::new());
    for attribute in attributes {
        match attribute {
            Attribute::KeyType(found) => kind = Some(found),
            Attribute::EcParams(bytes) => params = bytes,
            Attribute::EcPoint(bytes) => point = bytes,
            Attribute::Modulus(bytes) => modulus = bytes,
            Attribute::PublicExponent(bytes) => exponent = bytes,
            _ => {}
        }
    }
    let unsupported = |found: String| ServiceError::UnsupportedKey {
        service: Service::Pkcs11,
        found,
    };
    let key = match kind {
        Some(KeyType::RSA) => VerifyingKey::from_rsa(&modulus, &exponent).ok(),
        Some(KeyType::EC | KeyType::EC_EDWARDS) if ED25519.contains(&params.as_slice()) => {
            ed25519(&point)
        }
        Some(KeyType::EC) => {
            let (curve, _) = CURVES
                .iter()
                .find(|(_, der)| *der == params)
                .ok_or_else(|| unsupported(format!("curve {}", hex::encode(&params))))?;
            VerifyingKey::from_ec_point(*curve, ec_point(*curve, &point)).ok()
        }
        Some(other) => return Err(unsupported(other.to_string())),
        None => return Err(unsupported("unknown".to_owned())),
    };
    key.ok_or(Service::Pkcs11.malformed("public key"))
}

/// The bare point: the standard has it inside an OCTET STRING, some tokens do not.
fn ec_point(curve: Curve, value: &[u8]) -> &[u8] {
    let length = 1 + 2 * curve.field_bytes();
    if value.len() == length {
        return value;
    }
    match value {
        [0x04, short, point @ ..] if usize::from(*short) == point.len() => point,
        [0x04, 0x81, long, point @ ..] if usize::from(*long) == point.len() => point,
        _ => value,
    }
}

fn ed25519(value: &[u8]) -> Option<VerifyingKey> {
    let raw = match value {
        [0x04, 32, raw @ ..] if raw.len() == 32 => raw,
        raw => raw,
    };
    Some(VerifyingKey::from_ed25519(raw.try_into().ok()?))
}

/// How a pair is made, and what its public template says beside its name.
pub(super) fn generation(algorithm: KeyAlgorithm) -> (Mechanism<'static>, Vec<Attribute>) {
    let ecdsa = |curve: Curve| {
        let params = CURVES
            .iter()
            .find(|(known, _)| *known == curve)
            .map(|(_, der)| der.to_vec())
            .unwrap_or_default();
        (
            Mechanism::EccKeyPairGen,
            vec![Attribute::KeyType(KeyType::EC), Attribute::EcParams(params)],
        )
    };
    let rsa = |bits: std::ffi::c_ulong| {
        (
            Mechanism::RsaPkcsKeyPairGen,
            vec![
                Attribute::ModulusBits(bits.into()),
                Attribute::PublicExponent(vec![1, 0, 1]),
            ],
        )
    };
    match algorithm {
        KeyAlgorithm::EcdsaP256 => ecdsa(Curve::P256),
        KeyAlgorithm::EcdsaP384 => ecdsa(Curve::P384),
        KeyAlgorithm::EcdsaP521 => ecdsa(Curve::P521),
        KeyAlgorithm::Ed25519 => (
            Mechanism::EccEdwardsKeyPairGen,
            vec![
                Attribute::KeyType(KeyType::EC_EDWARDS),
                Attribute::EcParams(ED25519[0].to_vec()),
            ],
        ),
        KeyAlgorithm::Rsa2048 => rsa(2048),
        KeyAlgorithm::Rsa3072 => rsa(3072),
        KeyAlgorithm::Rsa4096 => rsa(4096),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_read_bare_and_wrapped() {
        let p256: Vec<u8> = std::iter::once(4).chain([7; 64]).collect();
        let wrapped = [&[0x04, 65], p256.as_slice()].concat();
        assert_eq!(ec_point(Curve::P256, &p256), p256);
        assert_eq!(ec_point(Curve::P256, &wrapped), p256);
        let p521: Vec<u8> = std::iter::once(4).chain([7; 132]).collect();
        let wrapped = [&[0x04, 0x81, 133], p521.as_slice()].concat();
        assert_eq!(ec_point(Curve::P521, &wrapped), p521);
        assert_eq!(ec_point(Curve::P521, &[]), &[] as &[u8]);
        assert!(ed25519(&[0x04, 32]).is_none());
        assert_eq!(
            ed25519(&[&[0x04, 32], [1; 32].as_slice()].concat()),
            ed25519(&[1; 32])
        );
    }
}
