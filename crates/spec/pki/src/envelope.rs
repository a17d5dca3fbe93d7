//! Secrets at rest in a server's database, sealed exactly as `notary-signer` seals its private keys: compact JWE with
//! `PBES2-HS256+A128KW` and `A256GCM` (RFC 7516, RFC 7518 4.8 and 5.3; `notary:signer/keydbstore/sql_keydbstore.go`).

use std::num::NonZeroU32;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::key_wrap::{AES_128, AesKek, KeyWrap as _};
use aws_lc_rs::pbkdf2::{self, PBKDF2_HMAC_SHA256};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::keyfile::Passphrase;
use crate::signing::ProviderError;

/// `keywrap_alg` of the signer's rows.
pub const KEY_WRAP_ALGORITHM: &str = "PBES2-HS256+A128KW";

/// `encryption_alg` of the signer's rows.
pub const ENCRYPTION_ALGORITHM: &str = "A256GCM";

/// PBKDF2 iterations that the signer writes, and we with it.
///
/// A server's passphrase is drawn at random or managed by its operator, and each of its keys costs one derivation
/// when first used.
pub const SEAL_ITERATIONS: u32 = 8192;

/// Most PBKDF2 iterations that an envelope may ask for: about half a second of work.
pub const ITERATIONS_LIMIT: u32 = 2_000_000;

/// Most bytes of an envelope; a 8192-bit RSA key takes 7 KiB.
pub const ENVELOPE_LIMIT: usize = 64 << 10;

const SALT_BYTES: usize = 12;
const CONTENT_KEY_BYTES: usize = 32;
const WRAPPED_KEY_BYTES: usize = CONTENT_KEY_BYTES + 8;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// Why an envelope does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// A part is not of the form of RFC 7516.
    #[error("malformed {what}")]
    Malformed {
        /// The part.
        what: &'static str,
    },
    /// Longer than [`ENVELOPE_LIMIT`].
    #[error("envelope of {found} bytes, at most {ENVELOPE_LIMIT}")]
    TooLarge {
        /// Its size.
        found: usize,
    },
    /// Another algorithm, or more than [`ITERATIONS_LIMIT`] iterations.
    #[error("unsupported {what}")]
    Unsupported {
        /// What it is, with the value found.
        what: String,
    },
    /// The content does not authenticate although its key unwrapped.
    #[error("the content was altered")]
    Altered,
    /// The passphrase does not unwrap the content's key.
    #[error("wrong passphrase")]
    WrongPassphrase,
}

/// The protected header, fields in the order that the signer writes them.
#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    enc: String,
    p2c: u32,
    p2s: String,
}

/// A passphrase of 256 random bits, as 64 hexadecimal digits, for a server that seals its own secrets.
///
/// # Errors
/// The provider gave no randomness.
pub fn random_passphrase() -> Result<Passphrase, ProviderError> {
    let mut bytes = Zeroizing::new([0; 32]);
    rand::fill(bytes.as_mut_slice()).map_err(|_| ProviderError {
        operation: "draw a passphrase",
    })?;
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let text: String = digits
        .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        .collect();
    Ok(Passphrase::new(Zeroizing::new(text)))
}

/// Seals `secret` under `passphrase` as compact JWE text.
///
/// # Errors
/// The provider failed.
pub fn seal(secret: &[u8], passphrase: &Passphrase) -> Result<String, ProviderError> {
    let failed = ProviderError {
        operation: "seal a secret",
    };
    let mut salt = [0; SALT_BYTES];
    let mut nonce = [0; NONCE_BYTES];
    let mut content_key = Zeroizing::new([0; CONTENT_KEY_BYTES]);
    for random in [salt.as_mut_slice(), &mut nonce, content_key.as_mut_slice()] {
        rand::fill(random).map_err(|_| failed)?;
    }
    let header = Header {
        alg: KEY_WRAP_ALGORITHM.to_owned(),
        enc: ENCRYPTION_ALGORITHM.to_owned(),
        p2c: SEAL_ITERATIONS,
        p2s: URL_SAFE_NO_PAD.encode(salt),
    };
    let header = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header).map_err(|_| failed)?);

    let iterations = NonZeroU32::new(SEAL_ITERATIONS).ok_or(failed)?;
    let kek = key_encryption_key(passphrase, &salt, iterations).ok_or(failed)?;
    let mut wrapped = [0; WRAPPED_KEY_BYTES];
    kek.wrap(content_key.as_slice(), &mut wrapped)
        .map_err(|_| failed)?;

    let cipher = UnboundKey::new(&AES_256_GCM, content_key.as_slice())
        .map(LessSafeKey::new)
        .map_err(|_| failed)?;
    // At its final size from the start: the plaintext must not stay behind in an outgrown buffer.
    let mut content = Zeroizing::new(secret.to_vec());
    let tag = cipher
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(header.as_bytes()),
            content.as_mut_slice(),
        )
        .map_err(|_| failed)?;
    let parts =
        [&wrapped[..], &nonce, &content, tag.as_ref()].map(|part| URL_SAFE_NO_PAD.encode(part));
    Ok(format!("{header}.{}", parts.join(".")))
}

/// Opens what [`seal`] or `notary-signer` sealed.
///
/// # Errors
/// Malformed text, other algorithms, excessive cost, a wrong passphrase, altered content.
pub fn open(envelope: &str, passphrase: &Passphrase) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    if envelope.len() > ENVELOPE_LIMIT {
        return Err(OpenError::TooLarge {
            found: envelope.len(),
        });
    }
    let parts: Vec<&str> = envelope.split('.').collect();
    let [encoded_header, wrapped, nonce, content, tag] = parts.as_slice() else {
        return Err(OpenError::Malformed { what: "JWE" });
    };
    let (salt, iterations) = read_header(encoded_header)?;
    let wrapped = decode_exact::<WRAPPED_KEY_BYTES>(wrapped, "encrypted key")?;
    let nonce = decode_exact::<NONCE_BYTES>(nonce, "initialization vector")?;
    let tag = decode_exact::<TAG_BYTES>(tag, "authentication tag")?;
    let mut content = Zeroizing::new(decode(content, "ciphertext")?);
    content.extend_from_slice(&tag);

    let kek =
        key_encryption_key(passphrase, &salt, iterations).ok_or(OpenError::WrongPassphrase)?;
    let mut content_key = Zeroizing::new([0; CONTENT_KEY_BYTES]);
    kek.unwrap(&wrapped, content_key.as_mut_slice())
        .map_err(|_| OpenError::WrongPassphrase)?;
    let cipher = UnboundKey::new(&AES_256_GCM, content_key.as_slice())
        .map(LessSafeKey::new)
        .map_err(|_| OpenError::Malformed {
            what: "content key",
        })?;
    let length = cipher
        .open_in_place(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(encoded_header.as_bytes()),
            &mut content,
        )
        .map_err(|_| OpenError::Altered)?
        .len();
    content.truncate(length);
    Ok(content)
}

fn read_header(encoded: &str) -> Result<(Vec<u8>, NonZeroU32), OpenError> {
    let malformed = OpenError::Malformed { what: "JWE header" };
    let header: Header =
        serde_json::from_slice(&decode(encoded, "JWE header")?).map_err(|_| malformed.clone())?;
    if header.alg != KEY_WRAP_ALGORITHM {
        return Err(OpenError::Unsupported {
            what: format!("key management {:?}", header.alg),
        });
    }
    if header.enc != ENCRYPTION_ALGORITHM {
        return Err(OpenError::Unsupported {
            what: format!("content encryption {:?}", header.enc),
        });
    }
    if header.p2c > ITERATIONS_LIMIT {
        return Err(OpenError::Unsupported {
            what: format!("PBKDF2 iteration count {}", header.p2c),
        });
    }
    let iterations = NonZeroU32::new(header.p2c).ok_or(malformed)?;
    Ok((decode(&header.p2s, "salt")?, iterations))
}

/// RFC 7518 4.8.1.1: the salt is the algorithm's name, a zero byte, and the header's salt.
fn key_encryption_key(
    passphrase: &Passphrase,
    salt: &[u8],
    iterations: NonZeroU32,
) -> Option<AesKek> {
    let salt = [KEY_WRAP_ALGORITHM.as_bytes(), &[0], salt].concat();
    let mut key = Zeroizing::new([0; 16]);
    pbkdf2::derive(
        PBKDF2_HMAC_SHA256,
        iterations,
        &salt,
        passphrase.expose().as_bytes(),
        key.as_mut_slice(),
    );
    AesKek::new(&AES_128, key.as_slice()).ok()
}

fn decode(text: &str, what: &'static str) -> Result<Vec<u8>, OpenError> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| OpenError::Malformed { what })
}

fn decode_exact<const N: usize>(text: &str, what: &'static str) -> Result<[u8; N], OpenError> {
    decode(text, what)?
        .try_into()
        .map_err(|_| OpenError::Malformed { what })
}
