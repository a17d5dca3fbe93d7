//! CBC with PKCS#7 padding under the ciphers that key files use. None of them authenticates: a wrong key shows
//! only by its padding.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use zeroize::Zeroizing;

/// A block cipher in CBC mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cipher {
    Aes128,
    Aes192,
    Aes256,
    Des,
    DesEde3,
}

/// Key, IV or data of the wrong length, or wrong padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WrongKey;

impl Cipher {
    pub(super) fn key_bytes(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 | Self::DesEde3 => 24,
            Self::Aes256 => 32,
            Self::Des => 8,
        }
    }

    pub(super) fn block_bytes(self) -> usize {
        match self {
            Self::Aes128 | Self::Aes192 | Self::Aes256 => 16,
            Self::Des | Self::DesEde3 => 8,
        }
    }

    pub(super) fn decrypt(
        self,
        key: &[u8],
        iv: &[u8],
        data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, WrongKey> {
        match self {
            Self::Aes128 => decrypt::<cbc::Decryptor<aes::Aes128>>(key, iv, data),
            Self::Aes192 => decrypt::<cbc::Decryptor<aes::Aes192>>(key, iv, data),
            Self::Aes256 => decrypt::<cbc::Decryptor<aes::Aes256>>(key, iv, data),
            Self::Des => decrypt::<cbc::Decryptor<des::Des>>(key, iv, data),
            Self::DesEde3 => decrypt::<cbc::Decryptor<des::TdesEde3>>(key, iv, data),
        }
    }
}

pub(super) fn encrypt_aes256(key: &[u8; 32], iv: &[u8; 16], data: &[u8]) -> Vec<u8> {
    cbc::Encryptor::<aes::Aes256>::new(key.into(), iv.into()).encrypt_padded_vec::<Pkcs7>(data)
}

fn decrypt<D: BlockModeDecrypt + KeyIvInit>(
    key: &[u8],
    iv: &[u8],
    data: &[u8],
) -> Result<Zeroizing<Vec<u8>>, WrongKey> {
    let cipher = D::new_from_slices(key, iv).map_err(|_| WrongKey)?;
    let mut buffer = Zeroizing::new(data.to_vec());
    let length = cipher
        .decrypt_padded::<Pkcs7>(&mut buffer)
        .map_err(|_| WrongKey)?
        .len();
    buffer.truncate(length);
    Ok(buffer)
}
