//! A key that lives as long as one signing, and a certificate that says whose it is.

use pki::signing::SigningKey;
use sigstore::fulcio::SigningCertificate;
use tlog::sct::Sct;

use crate::error::Error;
use crate::fulcio::Fulcio;
use crate::token::IdentityToken;

/// An ephemeral P-256 key and its certificate.
#[derive(Debug)]
pub struct CertifiedKey {
    /// The key; it is nowhere but here.
    pub key: SigningKey,
    /// Its certificate.
    pub certificate: SigningCertificate,
    /// DER of the certificate's issuers, the nearest first.
    pub issuers: Vec<Vec<u8>>,
    /// A log's promise that came beside the certificate; none if there is one in it.
    pub detached_sct: Option<Sct>,
}

/// Makes a key and has it certified to the one that `token` names.
///
/// # Errors
/// As [`Fulcio::certify`]; no randomness.
pub async fn certify(token: &IdentityToken, authority: &Fulcio) -> Result<CertifiedKey, Error> {
    let key = SigningKey::generate_ecdsa_p256()?;
    let issued = authority.certify(token, &key).await?;
    Ok(CertifiedKey {
        key,
        certificate: issued.certificate,
        issuers: issued.issuers,
        detached_sct: issued.detached_sct,
    })
}
