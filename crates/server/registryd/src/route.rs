//! From a method and a raw path to what is asked for. Names hold slashes, so the path is read from its right end.

use oci::{Digest, RepositoryName, Tag};

use crate::{catalog::ManifestKey, error::Refused, uploads::UploadId};

/// Whether a raw path (undecoded, without the query) is the registry's.
///
/// That is everything under `/v2`; a role with paths among them must be asked first.
#[must_use]
pub fn claims(path: &str) -> bool {
    path == "/v2" || path.starts_with("/v2/")
}

/// What a path names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Route {
    /// `/v2/`
    Base,
    /// `/v2/<name>/blobs/<digest>`
    Blob(RepositoryName, Digest),
    /// `/v2/_catalog`
    Catalog,
    /// `/v2/<name>/manifests/<reference>`
    Manifest(RepositoryName, ManifestKey),
    /// `/v2/<name>/referrers/<digest>`
    Referrers(RepositoryName, Digest),
    /// `/v2/<name>/tags/list`
    Tags(RepositoryName),
    /// `/v2/<name>/blobs/uploads/<id>`
    Upload(RepositoryName, UploadId),
    /// `/v2/<name>/blobs/uploads/`
    Uploads(RepositoryName),
}

impl Route {
    pub(crate) fn parse(path: &str) -> Result<Self, Refused> {
        if path == "/v2" || path == "/v2/" {
            return Ok(Self::Base);
        }
        let rest = path.strip_prefix("/v2/").ok_or(Refused::NoRoute)?;
        if rest == "_catalog" {
            return Ok(Self::Catalog);
        }
        let rest = rest
            .strip_suffix("/blobs/uploads/")
            .map_or(rest.to_owned(), |name| format!("{name}/blobs/uploads"));
        let (head, last) = rest.rsplit_once('/').ok_or(Refused::NoRoute)?;
        let (head, noun) = head.rsplit_once('/').ok_or(Refused::NoRoute)?;
        match (noun, last) {
            ("tags", "list") => Ok(Self::Tags(name(head)?)),
            ("blobs", "uploads") => Ok(Self::Uploads(name(head)?)),
            ("uploads", id) if head.ends_with("/blobs") => {
                let repository = name(head.strip_suffix("/blobs").unwrap_or(head))?;
                Ok(Self::Upload(
                    repository,
                    UploadId::parse(id).ok_or(Refused::UploadUnknown)?,
                ))
            }
            ("blobs", text) => Ok(Self::Blob(name(head)?, digest(text)?)),
            ("referrers", text) => Ok(Self::Referrers(name(head)?, digest(text)?)),
            ("manifests", text) => Ok(Self::Manifest(name(head)?, manifest_key(text)?)),
            _ => Err(Refused::NoRoute),
        }
    }
}

fn name(text: &str) -> Result<RepositoryName, Refused> {
    RepositoryName::parse(text).map_err(Refused::NameInvalid)
}

/// Some clients escape the colon, which they need not do; nothing else in a digest or tag can be escaped.
fn unescape(text: &str) -> String {
    text.replace("%3A", ":").replace("%3a", ":")
}

fn digest(text: &str) -> Result<Digest, Refused> {
    Digest::parse(&unescape(text)).map_err(Refused::DigestInvalid)
}

fn manifest_key(text: &str) -> Result<ManifestKey, Refused> {
    let text = unescape(text);
    if text.contains(':') {
        return Digest::parse(&text)
            .map(ManifestKey::Digest)
            .map_err(Refused::DigestInvalid);
    }
    Tag::parse(&text)
        .map(ManifestKey::Tag)
        .map_err(Refused::TagInvalid)
}

#[cfg(test)]
mod tests {
    use oci::{Digest, RepositoryName, Tag};
    use proptest::prelude::*;

    use super::{ManifestKey, Refused, Route, claims};

    #[test]
    fn names_hold_slashes_and_the_registry_s_own_words() {
        let name = |text| RepositoryName::parse(text).unwrap();
        let digest = Digest::sha256(b"");
        let parse = |path: &str| Route::parse(path).unwrap();
        assert_eq!(parse("/v2"), Route::Base);
        assert_eq!(parse("/v2/"), Route::Base);
        assert_eq!(parse("/v2/_catalog"), Route::Catalog);
        assert_eq!(parse("/v2/a/b/c/tags/list"), Route::Tags(name("a/b/c")));
        assert_eq!(
            parse("/v2/blobs/uploads/blobs/uploads/"),
            Route::Uploads(name("blobs/uploads"))
        );
        assert_eq!(parse("/v2/a/blobs/uploads"), Route::Uploads(name("a")));
        assert_eq!(
            parse("/v2/tags/list/tags/list"),
            Route::Tags(name("tags/list"))
        );
        assert_eq!(
            parse(&format!("/v2/a/b/blobs/{digest}")),
            Route::Blob(name("a/b"), digest)
        );
        let escaped = digest.to_string().replace(':', "%3A");
        assert_eq!(
            parse(&format!("/v2/a/referrers/{escaped}")),
            Route::Referrers(name("a"), digest)
        );
        assert_eq!(
            parse("/v2/manifests/manifests/manifests"),
            Route::Manifest(
                name("manifests"),
                ManifestKey::Tag(Tag::parse("manifests").unwrap())
            )
        );
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let refused = |path: &str| Route::parse(path).unwrap_err();
        assert!(matches!(
            refused("/v2/Upper/tags/list"),
            Refused::NameInvalid(_)
        ));
        assert!(matches!(
            refused("/v2/a//b/tags/list"),
            Refused::NameInvalid(_)
        ));
        assert!(matches!(
            refused("/v2/a/../b/tags/list"),
            Refused::NameInvalid(_)
        ));
        assert!(matches!(
            refused("/v2/a%2Fb/tags/list"),
            Refused::NameInvalid(_)
        ));
        assert!(matches!(
            refused("/v2/a/blobs/sha256:00"),
            Refused::DigestInvalid(_)
        ));
        assert!(matches!(
            refused("/v2/a/manifests/.bad"),
            Refused::TagInvalid(_)
        ));
        assert!(matches!(
            refused("/v2/a/blobs/uploads/../../x"),
            Refused::NoRoute | Refused::DigestInvalid(_)
        ));
        assert!(matches!(
            refused("/v2/a/blobs/uploads/x"),
            Refused::UploadUnknown
        ));
        assert!(matches!(refused("/v2/tags/list"), Refused::NoRoute));
        assert!(matches!(refused("/v1/"), Refused::NoRoute));
        assert!(matches!(refused("/v2x"), Refused::NoRoute));
        assert!(matches!(refused("/v2//tags/list"), Refused::NameInvalid(_)));
    }

    #[test]
    fn only_the_version_prefix_is_claimed() {
        assert!(claims("/v2") && claims("/v2/") && claims("/v2/a/tags/list"));
        assert!(!claims("/v2x") && !claims("/") && !claims("/metrics"));
    }

    proptest! {
        #[test]
        fn any_path_has_an_answer(path in "/v2(/|[a-z0-9]{1,4}|blobs|uploads|manifests|tags/list|%3A|[-._:A-F]|\\PC){0,12}") {
            if let Ok(Route::Tags(name) | Route::Uploads(name) | Route::Blob(name, _)) = Route::parse(&path) {
                let start = format!("/v2/{name}/");
                prop_assert!(path.starts_with(&start));
            }
        }
    }
}
