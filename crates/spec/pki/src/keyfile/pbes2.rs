//! PKCS#8 encryption by PBES2 (RFC 8018 6.2).

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2::{
    self, PBKDF2_HMAC_SHA1, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA384, PBKDF2_HMAC_SHA512,
};
use aws_lc_rs::rand;
use der::asn1::OctetStringRef;
use der::{Decode, Encode, Sequence};
use pkcs8::pkcs5::EncryptionScheme as Scheme;
use pkcs8::pkcs5::pbes2::{
    EncryptionScheme, Kdf, PBES2_OID, Parameters, Pbkdf2Params, Pbkdf2Prf, Salt, ScryptParams,
};
use pkcs8::{AlgorithmIdentifierRef, EncryptedPrivateKeyInfoRef};
use zeroize::Zeroizing;

use super::cipher::{Cipher, encrypt_aes256};
use super::{Passphrase, UnlockError};
use crate::signing::ProviderError;

/// PBKDF2 iterations that we write.
///
/// Old clients write 2,048 but read any count, so the number is ours to choose. It makes a guess 25 times as dear
/// as theirs and an unlock cost about 17 ms on one core. More would not fit: publishing one tag unlocks two keys and
/// has 76 ms in all. PBKDF2-HMAC-SHA1 is the only derivation that old clients read; no count makes it strong
/// against dedicated hardware, so a good passphrase still matters most.
pub const SEAL_ITERATIONS: u32 = 50_000;

/// Most PBKDF2 iterations that a file may ask for: about two seconds of work.
pub const PBKDF2_ITERATIONS_LIMIT: u32 = 5_000_000;

/// Most bytes of memory that a file's scrypt parameters may ask for: 128 MiB, eight times OpenSSL's default.
pub const SCRYPT_MEMORY_LIMIT: u64 = 128 << 20;

/// Most times that a file may ask to run scrypt over that memory.
const SCRYPT_PARALLELIZATION_LIMIT: u16 = 4;

const SALT_BYTES: usize = 8;

/// RFC 5958 `EncryptedPrivateKeyInfo` with an algorithm that is not looked into yet.
#[derive(Sequence)]
struct EncryptedKey<'a> {
    algorithm: AlgorithmIdentifierRef<'a>,
    data: &'a OctetStringRef,
}

pub(super) fn encrypt(
    secret: &[u8],
    passphrase: &Passphrase,
) -> Result<Zeroizing<Vec<u8>>, ProviderError> {
    let failed = ProviderError {
        operation: "encrypt a private key",
    };
    let (mut salt, mut iv) = ([0; SALT_BYTES], [0; 16]);
    rand::fill(&mut salt).map_err(|_| failed)?;
    rand::fill(&mut iv).map_err(|_| failed)?;
    // Without key length and PRF: Notary reads HMAC-SHA1 only, which is the default and thus absent in DER.
    let kdf = Pbkdf2Params {
        salt: Salt::new(salt).map_err(|_| failed)?,
        iteration_count: SEAL_ITERATIONS,
        key_length: None,
        prf: Pbkdf2Prf::HmacWithSha1,
    };
    let mut key = Zeroizing::new([0; 32]);
    derive_pbkdf2(&kdf, passphrase, key.as_mut_slice()).map_err(|_| failed)?;
    let encrypted = encrypt_aes256(&key, &iv, secret);
    let parameters = Parameters {
        kdf: Kdf::Pbkdf2(kdf),
        encryption: EncryptionScheme::Aes256Cbc { iv },
    };
    let info = EncryptedPrivateKeyInfoRef {
        encryption_algorithm: Scheme::Pbes2(parameters),
        encrypted_data: OctetStringRef::new(&encrypted).map_err(|_| failed)?,
    };
    info.to_der().map(Zeroizing::new).map_err(|_| failed)
}

pub(super) fn decrypt(
    der: &[u8],
    passphrase: &Passphrase,
) -> Result<Zeroizing<Vec<u8>>, UnlockError> {
    let info = EncryptedKey::from_der(der).map_err(|_| UnlockError::Malformed {
        what: "encrypted PKCS#8 key",
    })?;
    let parameters = read_parameters(&info.algorithm)?;
    let (cipher, iv) = read_cipher(&parameters.encryption)?;
    let data = info.data.as_bytes();
    if data.is_empty() || !data.len().is_multiple_of(cipher.block_bytes()) {
        return Err(UnlockError::Malformed {
            what: "encrypted key",
        });
    }
    let key_bytes = parameters.kdf.key_length();
    if key_bytes.is_some_and(|length| usize::from(length) != cipher.key_bytes()) {
        return Err(UnlockError::Malformed { what: "key length" });
    }
    match &parameters.kdf {
        Kdf::Pbkdf2(kdf) => {
            let mut key = Zeroizing::new(vec![0; cipher.key_bytes()]);
            derive_pbkdf2(kdf, passphrase, &mut key)?;
            cipher
                .decrypt(&key, iv, data)
                .map_err(|_| UnlockError::WrongPassphrase)
        }
        Kdf::Scrypt(kdf) => {
            check_scrypt(kdf)?;
            let secret = parameters
                .decrypt(passphrase.expose(), data)
                .map_err(|_| UnlockError::WrongPassphrase)?;
            Ok(Zeroizing::new(secret))
        }
        other => Err(UnlockError::Unsupported {
            what: format!("key derivation {}", other.oid()),
        }),
    }
}

fn read_parameters(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<Parameters, UnlockError> {
    if algorithm.oid != PBES2_OID {
        return Err(UnlockError::Unsupported {
            what: format!("key encryption {}", algorithm.oid),
        });
    }
    // The parser knows no other derivations and ciphers, so these look the same as broken parameters.
    algorithm
        .parameters
        .and_then(|parameters| Parameters::try_from(parameters).ok())
        .ok_or_else(|| UnlockError::Unsupported {
            what: "PBES2 parameters".to_owned(),
        })
}

fn read_cipher(encryption: &EncryptionScheme) -> Result<(Cipher, &[u8]), UnlockError> {
    match encryption {
        EncryptionScheme::Aes128Cbc { iv } => Ok((Cipher::Aes128, iv)),
        EncryptionScheme::Aes192Cbc { iv } => Ok((Cipher::Aes192, iv)),
        EncryptionScheme::Aes256Cbc { iv } => Ok((Cipher::Aes256, iv)),
        EncryptionScheme::DesEde3Cbc { iv } => Ok((Cipher::DesEde3, iv)),
        other => Err(UnlockError::Unsupported {
            what: format!("key encryption {}", other.oid()),
        }),
    }
}

fn derive_pbkdf2(
    kdf: &Pbkdf2Params,
    passphrase: &Passphrase,
    key: &mut [u8],
) -> Result<(), UnlockError> {
    let unsupported = |what| Err(UnlockError::Unsupported { what });
    let algorithm = match kdf.prf {
        Pbkdf2Prf::HmacWithSha1 => PBKDF2_HMAC_SHA1,
        Pbkdf2Prf::HmacWithSha256 => PBKDF2_HMAC_SHA256,
        Pbkdf2Prf::HmacWithSha384 => PBKDF2_HMAC_SHA384,
        Pbkdf2Prf::HmacWithSha512 => PBKDF2_HMAC_SHA512,
        other => return unsupported(format!("PBKDF2 function {}", other.oid())),
    };
    let Some(iterations) = NonZeroU32::new(kdf.iteration_count) else {
        return Err(UnlockError::Malformed {
            what: "PBKDF2 iteration count",
        });
    };
    if iterations.get() > PBKDF2_ITERATIONS_LIMIT {
        return unsupported(format!("PBKDF2 iteration count {iterations}"));
    }
    pbkdf2::derive(
        algorithm,
        iterations,
        kdf.salt.as_bytes(),
        passphrase.expose().as_bytes(),
        key,
    );
    Ok(())
}

fn check_scrypt(kdf: &ScryptParams) -> Result<(), UnlockError> {
    let is_valid = kdf.cost_parameter > 1 && kdf.cost_parameter.is_power_of_two();
    if !is_valid || kdf.block_size == 0 || kdf.parallelization == 0 {
        return Err(UnlockError::Malformed {
            what: "scrypt parameters",
        });
    }
    let memory = kdf
        .cost_parameter
        .saturating_mul(128)
        .saturating_mul(u64::from(kdf.block_size));
    if memory > SCRYPT_MEMORY_LIMIT || kdf.parallelization > SCRYPT_PARALLELIZATION_LIMIT {
        let (cost, block, times) = (kdf.cost_parameter, kdf.block_size, kdf.parallelization);
        return Err(UnlockError::Unsupported {
            what: format!("scrypt cost N={cost}, r={block}, p={times}"),
        });
    }
    Ok(())
}
