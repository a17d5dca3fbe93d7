//! The encryption of PEM bodies that OpenSSL and Go had before PKCS#8: `DEK-Info: CIPHER,IV` with a key made by one
//! round of MD5 (OpenSSL `EVP_BytesToKey`, Go `crypto/x509.DecryptPEMBlock`).

use md5::{Digest, Md5};
use zeroize::Zeroizing;

use super::cipher::Cipher;
use super::{Passphrase, UnlockError};

/// Bytes of the IV that salt the key.
const SALT_BYTES: usize = 8;

const MD5_BYTES: usize = 16;

pub(super) fn decrypt(
    dek_info: &str,
    body: &[u8],
    passphrase: &Passphrase,
) -> Result<Zeroizing<Vec<u8>>, UnlockError> {
    let malformed = UnlockError::Malformed {
        what: "DEK-Info header",
    };
    let (name, iv) = dek_info.split_once(',').ok_or(malformed.clone())?;
    let cipher = match name.trim() {
        "AES-128-CBC" => Cipher::Aes128,
        "AES-192-CBC" => Cipher::Aes192,
        "AES-256-CBC" => Cipher::Aes256,
        "DES-CBC" => Cipher::Des,
        "DES-EDE3-CBC" => Cipher::DesEde3,
        other => {
            return Err(UnlockError::Unsupported {
                what: format!("key encryption {other:?}"),
            });
        }
    };
    let iv = hex::decode(iv.trim()).map_err(|_| malformed.clone())?;
    let salt = iv
        .get(..SALT_BYTES)
        .filter(|_| iv.len() == cipher.block_bytes())
        .ok_or(malformed)?;
    if body.is_empty() || !body.len().is_multiple_of(cipher.block_bytes()) {
        return Err(UnlockError::Malformed {
            what: "encrypted key",
        });
    }
    let key = bytes_to_key(passphrase, salt, cipher.key_bytes());
    cipher
        .decrypt(&key, &iv, body)
        .map_err(|_| UnlockError::WrongPassphrase)
}

fn bytes_to_key(passphrase: &Passphrase, salt: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(length + MD5_BYTES));
    while key.len() < length {
        let mut md5 = Md5::new();
        // Each block hashes the one before it; the first has none.
        md5.update(&key[key.len().saturating_sub(MD5_BYTES)..]);
        md5.update(passphrase.expose().as_bytes());
        md5.update(salt);
        key.extend_from_slice(&md5.finalize());
    }
    key.truncate(length);
    key
}
