//! Image references as cosign reads them: without a tag, `latest` is meant.

use oci::{Reference, Repository};

use super::error::Error;

/// One reference.
///
/// # Errors
/// [`Error::Reference`].
pub(crate) fn parse(text: &str) -> Result<Reference, Error> {
    match Reference::parse(text) {
        Ok(reference) => Ok(reference.or_latest()),
        Err(source) => Err(Error::Reference {
            text: text.to_owned(),
            source,
        }),
    }
}

/// Several references.
///
/// # Errors
/// [`Error::Reference`], of the first that is none.
pub(crate) fn parse_all(texts: &[String]) -> Result<Vec<Reference>, Error> {
    texts.iter().map(|text| parse(text)).collect()
}

/// A repository without tag and digest (`COSIGN_REPOSITORY`).
///
/// # Errors
/// [`Error::Reference`].
pub(super) fn repository(text: &str) -> Result<Repository, Error> {
    let failed = |source| Error::Reference {
        text: text.to_owned(),
        source,
    };
    let reference = Reference::parse(text).map_err(failed)?;
    if reference.is_name_only() {
        Ok(reference.repository().clone())
    } else {
        Err(failed(oci::ReferenceError::Format))
    }
}
