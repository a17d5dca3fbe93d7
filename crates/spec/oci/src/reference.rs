//! Image references as docker reads them (`distribution/reference`): one normalised form for each image.

use std::fmt;
use std::str::FromStr;

use crate::digest::{Digest, DigestError};
use crate::name::{NameError, RepositoryName, Tag};

/// Host that short names belong to.
const HUB: &str = "docker.io";
/// Older spelling of [`HUB`], rewritten on reading.
const HUB_LEGACY: &str = "index.docker.io";
/// Where requests for [`HUB`] go.
const HUB_API: &str = "registry-1.docker.io";
/// Namespace of Hub's one-component names.
const HUB_LIBRARY: &str = "library/";

/// A repository with its registry: `docker.io/library/alpine`, `registry.example.com:5000/a/b`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    host: String,
    path: RepositoryName,
}

/// A repository with an optional tag and an optional digest; a tag is never added silently.
///
/// Reading follows docker 28 (`distribution/reference` v0.6, `ParseNormalizedNamed`), with one difference: a first
/// component that looks like a host (it has a dot or a colon) but is not a well-formed one is refused, where docker
/// makes it a path without a registry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    repository: Repository,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

/// Why a text is not an image reference. Docker's sentences are made from these at the edge.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// The digest after `@` has the right outline but is not one we can check.
    #[error("digest {text:?} in the reference: {source}")]
    Digest {
        /// The text after `@`.
        text: String,
        /// What is wrong with it.
        source: DigestError,
    },
    /// The text does not follow the grammar at all (also: it is empty).
    #[error("invalid reference format")]
    Format,
    /// 64 hexadecimal digits and nothing else: reserved for image ids.
    #[error("{name:?} is an image id, not a repository name")]
    Identifier {
        /// The text that was read.
        name: String,
    },
    /// The path has more than 255 bytes.
    #[error("repository name has {length} bytes, more than 255")]
    NameTooLong {
        /// Bytes in the path.
        length: usize,
    },
    /// The path has upper-case letters.
    #[error("repository name {path:?} has upper-case letters")]
    Uppercase {
        /// The path as docker quotes it: everything after the host, up to the first colon.
        path: String,
    },
}

impl Repository {
    /// A repository from its two parts; `host` must be a well-formed `host[:port]`.
    pub fn new(host: &str, path: RepositoryName) -> Result<Self, ReferenceError> {
        let host = if host == HUB_LEGACY { HUB } else { host };
        if !is_host(host) {
            return Err(ReferenceError::Format);
        }
        Ok(Self {
            host: host.to_owned(),
            path,
        })
    }

    /// `host[:port]` as written in names: `docker.io` for Hub.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// `host[:port]` that requests go to: `registry-1.docker.io` for Hub.
    #[must_use]
    pub fn request_host(&self) -> &str {
        if self.is_hub() { HUB_API } else { &self.host }
    }

    /// The part after the host: `library/alpine`.
    #[must_use]
    pub const fn path(&self) -> &RepositoryName {
        &self.path
    }

    /// True for Docker Hub.
    #[must_use]
    pub fn is_hub(&self) -> bool {
        self.host == HUB
    }

    /// The globally unique name that trust data is kept under: host and path in full.
    #[must_use]
    pub fn gun(&self) -> String {
        format!("{}/{}", self.host, self.path)
    }

    /// The short form docker shows: `alpine` for `docker.io/library/alpine`.
    #[must_use]
    pub fn familiar(&self) -> String {
        let path = self.path.as_str();
        if !self.is_hub() {
            return self.gun();
        }
        match path.strip_prefix(HUB_LIBRARY) {
            Some(name) if !name.contains('/') => name.to_owned(),
            _ => path.to_owned(),
        }
    }
}

impl Reference {
    /// Reads a reference in any form docker accepts on its command line.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if text.len() == 64 && text.bytes().all(is_lower_hex) {
            return Err(ReferenceError::Identifier {
                name: text.to_owned(),
            });
        }
        let (host, remainder) = split_host(text);
        let quoted = remainder.split(':').next().unwrap_or_default();
        if quoted.to_lowercase() != quoted {
            return Err(ReferenceError::Uppercase {
                path: quoted.to_owned(),
            });
        }
        let (name, digest) = match remainder.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (remainder.as_str(), None),
        };
        let (path, tag) = match name.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (name, None),
        };
        if digest.is_some_and(|text| !has_digest_outline(text)) || !is_host(host) {
            return Err(ReferenceError::Format);
        }
        let tag = tag
            .map(Tag::parse)
            .transpose()
            .map_err(|_| ReferenceError::Format)?;
        let path = RepositoryName::parse(path).map_err(|error| match error {
            NameError::TooLong { length } => ReferenceError::NameTooLong { length },
            _ => ReferenceError::Format,
        })?;
        let digest = digest.map(parse_digest).transpose()?;
        let repository = Repository {
            host: host.to_owned(),
            path,
        };
        Ok(Self {
            repository,
            tag,
            digest,
        })
    }

    /// A reference to `repository` by tag, digest, both or neither.
    #[must_use]
    pub const fn new(repository: Repository, tag: Option<Tag>, digest: Option<Digest>) -> Self {
        Self {
            repository,
            tag,
            digest,
        }
    }

    /// The same repository without tag and digest.
    #[must_use]
    pub fn name_only(&self) -> Self {
        Self {
            repository: self.repository.clone(),
            tag: None,
            digest: None,
        }
    }

    /// The same reference, with `latest` when it has neither tag nor digest (docker's `TagNameOnly`).
    #[must_use]
    pub fn or_latest(mut self) -> Self {
        if self.is_name_only() {
            self.tag = Some(Tag::latest());
        }
        self
    }

    /// Registry and path.
    #[must_use]
    pub const fn repository(&self) -> &Repository {
        &self.repository
    }

    /// `host[:port]` as written in names; see [`Repository::host`].
    #[must_use]
    pub fn host(&self) -> &str {
        self.repository.host()
    }

    /// The part after the host, without tag and digest.
    #[must_use]
    pub const fn path(&self) -> &RepositoryName {
        self.repository.path()
    }

    /// See [`Repository::gun`].
    #[must_use]
    pub fn gun(&self) -> String {
        self.repository.gun()
    }

    /// The tag, if one was given.
    #[must_use]
    pub const fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// The digest, if one was given.
    #[must_use]
    pub const fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// True when neither tag nor digest was given.
    #[must_use]
    pub const fn is_name_only(&self) -> bool {
        self.tag.is_none() && self.digest.is_none()
    }

    /// The short form docker shows, with tag and digest.
    #[must_use]
    pub fn familiar(&self) -> String {
        format!("{}{}", self.repository.familiar(), self.suffix())
    }

    fn suffix(&self) -> String {
        let tag = self
            .tag
            .as_ref()
            .map(|tag| format!(":{tag}"))
            .unwrap_or_default();
        let digest = self
            .digest
            .as_ref()
            .map(|digest| format!("@{digest}"))
            .unwrap_or_default();
        tag + &digest
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.path)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.repository, self.suffix())
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Splits off the registry host the way docker decides whether there is one, and adds `library/` on Hub.
fn split_host(text: &str) -> (&str, String) {
    let Some((first, rest)) = text.split_once('/') else {
        return (HUB, format!("{HUB_LIBRARY}{text}"));
    };
    // An upper-case first component cannot be a namespace, so docker 28 takes it as a host.
    let looks_like_host =
        first == "localhost" || first.contains(['.', ':']) || first.to_lowercase() != first;
    let (host, rest) = match first {
        HUB_LEGACY => (HUB, rest),
        _ if looks_like_host => (first, rest),
        _ => (HUB, text),
    };
    if host == HUB && !rest.contains('/') {
        (host, format!("{HUB_LIBRARY}{rest}"))
    } else {
        (host, rest.to_owned())
    }
}

/// `host[:port]`: dot-separated labels or a bracketed IPv6 address, then an optional decimal port.
fn is_host(text: &str) -> bool {
    let (name, port) = if text.starts_with('[') {
        match text.split_once(']') {
            Some((name, "")) => (name, None),
            Some((name, rest)) => match rest.strip_prefix(':') {
                Some(port) => (name, Some(port)),
                None => return false,
            },
            None => return false,
        }
    } else {
        match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        }
    };
    let port_fits =
        port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    let name_fits = match name.strip_prefix('[') {
        Some(address) => {
            !address.is_empty()
                && address
                    .bytes()
                    .all(|byte| byte.is_ascii_hexdigit() || byte == b':')
        }
        None => name.split('.').all(is_host_label),
    };
    port_fits && name_fits
}

fn is_host_label(label: &str) -> bool {
    !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn parse_digest(text: &str) -> Result<Digest, ReferenceError> {
    Digest::parse(text).map_err(|source| ReferenceError::Digest {
        text: text.to_owned(),
        source,
    })
}

/// `algorithm:hex` with at least 32 digits; what is wrong inside is for [`Digest::parse`] to say.
fn has_digest_outline(text: &str) -> bool {
    let Some((algorithm, encoded)) = text.split_once(':') else {
        return false;
    };
    let starts_with_letter =
        |part: &str| part.starts_with(|first: char| first.is_ascii_alphabetic());
    algorithm.split(['-', '_', '+', '.']).all(|part| {
        starts_with_letter(part) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    }) && encoded.len() >= 32
        && encoded.bytes().all(|byte| byte.is_ascii_hexdigit())
}

const fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}
