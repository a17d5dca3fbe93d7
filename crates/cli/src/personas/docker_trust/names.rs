//! Names that a user types: keys, signers, images.

use oci::Reference;

use super::error::Error;
use super::ops::Refusal;

/// Checks a key's or signer's name: `[a-z0-9][a-z0-9_-]*`.
pub(super) fn check_name(what: &'static str, name: &str) -> Result<(), Error> {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let mut letters = name.chars();
    let fits = letters.next().is_some_and(plain)
        && letters.all(|letter| plain(letter) || "-_".contains(letter));
    if fits {
        Ok(())
    } else {
        Err(Error::BadName {
            what,
            name: name.to_owned(),
        })
    }
}

/// An image or repository name.
pub(super) fn reference(text: &str) -> Result<Reference, Refusal> {
    Reference::parse(text).map_err(|source| Refusal::Reference {
        text: text.to_owned(),
        source,
    })
}
