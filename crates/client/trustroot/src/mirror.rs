use std::fmt;
use std::path::PathBuf;

use net::Url;

/// Where a TUF repository is: an `http`, `https` or `file` URL, kept as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mirror {
    text: String,
    url: Url,
}

/// Why a text names no mirror.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MirrorError {
    /// No address.
    #[error("mirror is no URL: {reason}")]
    Malformed {
        /// The parser's reason.
        reason: String,
    },
    /// Another scheme.
    #[error("mirror has scheme {found:?}, not http, https or file")]
    Scheme {
        /// The scheme.
        found: String,
    },
    /// A user, a password, a query or a fragment.
    #[error("mirror must not have a user, a password, a query or a fragment")]
    Decorated,
}

impl Mirror {
    /// Takes an address.
    ///
    /// # Errors
    /// No URL of a known scheme, or more than a place: what would be written to disk must hold no password.
    pub fn parse(text: &str) -> Result<Self, MirrorError> {
        let url = Url::parse(text).map_err(|error| MirrorError::Malformed {
            reason: error.to_string(),
        })?;
        if !matches!(url.scheme(), "http" | "https" | "file") {
            return Err(MirrorError::Scheme {
                found: url.scheme().to_owned(),
            });
        }
        let decorated = !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some();
        if decorated {
            return Err(MirrorError::Decorated);
        }
        let mirror = Self {
            text: text.to_owned(),
            url,
        };
        // As a folder's name these would lead out of the cache.
        if matches!(mirror.folder_name().as_str(), "." | "..") {
            return Err(MirrorError::Malformed {
                reason: "its host has no name".to_owned(),
            });
        }
        Ok(mirror)
    }

    /// The address.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The folder of a `file` URL.
    #[must_use]
    pub fn folder(&self) -> Option<PathBuf> {
        (self.url.scheme() == "file")
            .then(|| self.url.to_file_path().ok())
            .flatten()
    }

    /// The name of its folder in a cache: without the scheme, in lower case, `-` for `/` and `:`
    /// (`sigstore/sigstore-go:pkg/tuf/client.go`, `URLToPath`).
    #[must_use]
    pub fn folder_name(&self) -> String {
        let rest = self
            .text
            .strip_prefix("https://")
            .or_else(|| self.text.strip_prefix("http://"));
        let name = rest.unwrap_or(&self.text).replace(['/', ':'], "-");
        name.to_lowercase()
    }
}

impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_names_are_those_of_cosign() {
        for (mirror, name) in [
            (
                "https://tuf-repo-cdn.sigstore.dev",
                "tuf-repo-cdn.sigstore.dev",
            ),
            ("http://127.0.0.1:18790", "127.0.0.1-18790"),
            (
                "https://TUF.example.com/Prod/root/",
                "tuf.example.com-prod-root-",
            ),
            ("file:///srv/tuf", "file----srv-tuf"),
        ] {
            assert_eq!(Mirror::parse(mirror).unwrap().folder_name(), name);
        }
    }

    #[test]
    fn a_name_never_leads_out_of_the_cache() {
        for mirror in [
            "https://../..",
            "https://a/..",
            "file:///..",
            "https://..",
            "http://.",
        ] {
            if let Ok(mirror) = Mirror::parse(mirror) {
                let name = mirror.folder_name();
                assert!(!name.contains('/') && name != ".." && name != ".", "{name}");
            }
        }
    }

    #[test]
    fn what_is_more_than_a_place_is_refused() {
        for mirror in [
            "ftp://a",
            "https://u:p@a",
            "https://a?x",
            "https://a#x",
            "a",
            "",
        ] {
            assert!(Mirror::parse(mirror).is_err(), "{mirror}");
        }
    }
}
