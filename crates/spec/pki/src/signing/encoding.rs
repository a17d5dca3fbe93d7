//! The DER forms of private keys. Reading is lenient where Notary's own files need it; writing is standard.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION};
use const_oid::db::rfc8410::ID_ED_25519;
use der::asn1::{AnyRef, BitStringRef, ContextSpecific, OctetStringRef, UintRef};
use der::{Decode, Encode, Reader, Sequence, SliceReader, Tag, TagNumber, Tagged};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfo};
use zeroize::Zeroizing;

use super::{Pair, SigningKey, SigningKeyError};
use crate::key::{Curve, PublicKeyError, bit_length};

/// Notary's own identifier of Ed25519 (`notary:tuf/utils/pkcs8.go`).
const NOTARY_ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11591.15.1");

/// Reads PKCS#8 (`INTEGER, SEQUENCE`), SEC1 (`INTEGER, OCTET STRING`) or PKCS#1 (`INTEGER, INTEGER`).
pub(super) fn read(der: &[u8]) -> Result<SigningKey, SigningKeyError> {
    let malformed = |_| SigningKeyError::Malformed {
        what: "private key DER",
    };
    let (version, second) = AnyRef::from_der(der)
        .and_then(|outer| {
            outer.sequence(|fields| {
                let head = (u8::decode(fields)?, AnyRef::decode(fields)?);
                skip_rest(fields)?;
                Ok::<_, der::Error>(head)
            })
        })
        .map_err(malformed)?;
    match (version, second.tag()) {
        (0 | 1, Tag::Sequence) => read_pkcs8(der),
        (1, Tag::OctetString) => read_sec1(der, None),
        (0 | 1, Tag::Integer) => read_pkcs1(der),
        _ => Err(SigningKeyError::Malformed {
            what: "private key version",
        }),
    }
}

/// RFC 5208 `PrivateKeyInfo`, and version 1 with or without the public key that RFC 5958 asks for.
fn read_pkcs8(der: &[u8]) -> Result<SigningKey, SigningKeyError> {
    let malformed = |_| SigningKeyError::Malformed {
        what: "PKCS#8 private key",
    };
    let (algorithm, key) = AnyRef::from_der(der)
        .and_then(|outer| {
            outer.sequence(|fields| {
                u8::decode(fields)?;
                let algorithm = AlgorithmIdentifierRef::decode(fields)?;
                let key = <&OctetStringRef>::decode(fields)?;
                skip_rest(fields)?;
                Ok::<_, der::Error>((algorithm, key))
            })
        })
        .map_err(malformed)?;
    match algorithm.oid {
        ID_EC_PUBLIC_KEY => {
            let curve = algorithm
                .parameters_oid()
                .map_err(|_| SigningKeyError::Malformed {
                    what: "curve parameters",
                })?;
            read_sec1(key.as_bytes(), Some(curve))
        }
        // Notary leaves the NULL parameters out.
        RSA_ENCRYPTION => read_pkcs1(key.as_bytes()),
        ID_ED_25519 => {
            let seed = <&OctetStringRef>::from_der(key.as_bytes()).map_err(malformed)?;
            SigningKey::ed25519(seed.as_bytes())
        }
        NOTARY_ED25519 => SigningKey::from_notary_ed25519(key.as_bytes()),
        oid => Err(SigningKeyError::UnsupportedAlgorithm { oid }),
    }
}

/// RFC 5915 `ECPrivateKey`. A stored public key is ignored, as Go ignores it: it is computed from the scalar.
fn read_sec1(
    der: &[u8],
    outer_curve: Option<ObjectIdentifier>,
) -> Result<SigningKey, SigningKeyError> {
    let malformed = |_| SigningKeyError::Malformed {
        what: "SEC1 private key",
    };
    let (scalar, inner_curve) = AnyRef::from_der(der)
        .and_then(|outer| {
            outer.sequence(|fields| {
                u8::decode(fields)?;
                let scalar = <&OctetStringRef>::decode(fields)?;
                let curve =
                    ContextSpecific::<ObjectIdentifier>::decode_explicit(fields, TagNumber(0))?;
                skip_rest(fields)?;
                Ok::<_, der::Error>((scalar, curve))
            })
        })
        .map_err(malformed)?;
    let oid =
        outer_curve
            .or(inner_curve.map(|curve| curve.value))
            .ok_or(SigningKeyError::Malformed {
                what: "curve parameters",
            })?;
    let curve = Curve::from_oid(oid).map_err(|error| match error {
        PublicKeyError::UnsupportedCurve { oid } => SigningKeyError::UnsupportedCurve { oid },
        _ => SigningKeyError::Malformed {
            what: "curve parameters",
        },
    })?;
    SigningKey::ecdsa(curve, scalar.as_bytes())
}

/// RFC 8017 `RSAPrivateKey`; the provider checks everything but the size.
fn read_pkcs1(der: &[u8]) -> Result<SigningKey, SigningKeyError> {
    let modulus = AnyRef::from_der(der)
        .and_then(|outer| {
            outer.sequence(|fields| {
                u8::decode(fields)?;
                let modulus = UintRef::decode(fields)?;
                skip_rest(fields)?;
                Ok::<_, der::Error>(modulus)
            })
        })
        .map_err(|_| SigningKeyError::Malformed {
            what: "PKCS#1 private key",
        })?;
    SigningKey::rsa(der, bit_length(modulus.as_bytes()))
}

fn skip_rest(fields: &mut SliceReader<'_>) -> der::Result<()> {
    while !fields.is_finished() {
        AnyRef::decode(fields)?;
    }
    Ok(())
}

#[derive(Sequence)]
struct PrivateKeyInfo<'a> {
    version: u8,
    algorithm: AlgorithmIdentifierRef<'a>,
    private_key: &'a OctetStringRef,
}

#[derive(Sequence)]
struct EcPrivateKey<'a> {
    version: u8,
    private_key: &'a OctetStringRef,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    parameters: Option<ObjectIdentifier>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    public_key: Option<BitStringRef<'a>>,
}

/// RFC 5208 with the standard content for the kind of key.
pub(super) fn write_pkcs8(key: &SigningKey) -> Zeroizing<Vec<u8>> {
    match &key.pair {
        Pair::Ecdsa {
            curve,
            scalar,
            pair,
        } => {
            let point = aws_lc_rs::signature::KeyPair::public_key(pair);
            // As OpenSSL and Go write it: the curve only in the outer algorithm, the public key inside.
            let inner = der(&EcPrivateKey {
                version: 1,
                private_key: octets(scalar),
                parameters: None,
                public_key: Some(bits(point.as_ref())),
            });
            pkcs8(ID_EC_PUBLIC_KEY, Some((&curve.oid()).into()), &inner)
        }
        Pair::Ed25519 { seed, .. } => pkcs8(ID_ED_25519, None, &der(&octets(seed))),
        Pair::Rsa { pkcs1, .. } => pkcs8(RSA_ENCRYPTION, Some(AnyRef::NULL), pkcs1),
    }
}

/// The standard form, except that Notary knows Ed25519 only in its own.
pub(super) fn write_notary_pkcs8(key: &SigningKey) -> Zeroizing<Vec<u8>> {
    match &key.pair {
        Pair::Ed25519 { .. } => pkcs8(NOTARY_ED25519, None, &write_signer_secret(key)),
        Pair::Ecdsa { .. } | Pair::Rsa { .. } => write_pkcs8(key),
    }
}

/// SEC1 with curve and public key, PKCS#1, or public ‖ seed ‖ public.
pub(super) fn write_signer_secret(key: &SigningKey) -> Zeroizing<Vec<u8>> {
    match &key.pair {
        Pair::Ecdsa {
            curve,
            scalar,
            pair,
        } => {
            let point = aws_lc_rs::signature::KeyPair::public_key(pair);
            write_sec1(*curve, scalar, Some(point.as_ref()))
        }
        Pair::Ed25519 { seed, .. } => {
            let public = key.public.public_bytes();
            Zeroizing::new([public, seed.as_slice(), public].concat())
        }
        Pair::Rsa { pkcs1, .. } => pkcs1.clone(),
    }
}

/// RFC 5915 with the curve, and the public key if given.
pub(super) fn write_sec1(curve: Curve, scalar: &[u8], point: Option<&[u8]>) -> Zeroizing<Vec<u8>> {
    der(&EcPrivateKey {
        version: 1,
        private_key: octets(scalar),
        parameters: Some(curve.oid()),
        public_key: point.map(bits),
    })
}

pub(super) fn write_ecdsa_spki(curve: Curve, point: &[u8]) -> Vec<u8> {
    spki(ID_EC_PUBLIC_KEY, (&curve.oid()).into(), point)
}

pub(super) fn write_rsa_spki(pkcs1: &[u8]) -> Vec<u8> {
    spki(RSA_ENCRYPTION, AnyRef::NULL, pkcs1)
}

fn pkcs8(oid: ObjectIdentifier, parameters: Option<AnyRef<'_>>, key: &[u8]) -> Zeroizing<Vec<u8>> {
    let algorithm = AlgorithmIdentifierRef { oid, parameters };
    der(&PrivateKeyInfo {
        version: 0,
        algorithm,
        private_key: octets(key),
    })
}

fn spki(oid: ObjectIdentifier, parameters: AnyRef<'_>, key: &[u8]) -> Vec<u8> {
    let algorithm = AlgorithmIdentifierRef {
        oid,
        parameters: Some(parameters),
    };
    let spki = SubjectPublicKeyInfo {
        algorithm,
        subject_public_key: bits(key),
    };
    std::mem::take(&mut *der(&spki))
}

fn octets(bytes: &[u8]) -> &OctetStringRef {
    OctetStringRef::new(bytes).expect("key encodings are far below DER's length limit")
}

fn bits(bytes: &[u8]) -> BitStringRef<'_> {
    BitStringRef::from_bytes(bytes).expect("key encodings are far below DER's length limit")
}

/// `to_der` allocates once, at the final size, so no copy of a secret stays behind.
fn der(value: &impl Encode) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(
        value
            .to_der()
            .expect("key encodings are far below DER's length limit"),
    )
}
