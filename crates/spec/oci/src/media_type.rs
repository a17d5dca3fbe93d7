//! Media types of image content (RFC 6838 names; OCI image spec, docker image spec v2.2).

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A media type without parameters, `type/subtype` in lower case, at most 255 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaType(Cow<'static, str>);

/// The text is not `type/subtype` in the characters of RFC 6838 section 4.2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a media type: {text:?}")]
pub struct MediaTypeError {
    /// What was read, cut to 255 characters.
    pub text: String,
}

impl MediaType {
    /// Docker image manifest, schema 2.
    pub const DOCKER_MANIFEST: Self = Self(Cow::Borrowed(
        "application/vnd.docker.distribution.manifest.v2+json",
    ));
    /// Docker manifest list (an index of platforms).
    pub const DOCKER_LIST: Self = Self(Cow::Borrowed(
        "application/vnd.docker.distribution.manifest.list.v2+json",
    ));
    /// Docker image configuration.
    pub const DOCKER_CONFIG: Self = Self(Cow::Borrowed(
        "application/vnd.docker.container.image.v1+json",
    ));
    /// Docker layer, gzip-compressed tar.
    pub const DOCKER_LAYER: Self = Self(Cow::Borrowed(
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
    ));
    /// OCI image manifest.
    pub const OCI_MANIFEST: Self =
        Self(Cow::Borrowed("application/vnd.oci.image.manifest.v1+json"));
    /// OCI image index.
    pub const OCI_INDEX: Self = Self(Cow::Borrowed("application/vnd.oci.image.index.v1+json"));
    /// OCI image configuration.
    pub const OCI_CONFIG: Self = Self(Cow::Borrowed("application/vnd.oci.image.config.v1+json"));
    /// OCI layer, gzip-compressed tar.
    pub const OCI_LAYER: Self = Self(Cow::Borrowed("application/vnd.oci.image.layer.v1.tar+gzip"));
    /// OCI "no content" blob `{}`.
    pub const OCI_EMPTY: Self = Self(Cow::Borrowed("application/vnd.oci.empty.v1+json"));
    /// Plain bytes.
    pub const OCTET_STREAM: Self = Self(Cow::Borrowed("application/octet-stream"));

    /// The four manifest types this crate reads, in the order to offer them in `Accept`.
    pub const MANIFESTS: [Self; 4] = [
        Self::OCI_INDEX,
        Self::DOCKER_LIST,
        Self::OCI_MANIFEST,
        Self::DOCKER_MANIFEST,
    ];

    /// Reads a media type or a `Content-Type` value; parameters are dropped, letters made lower-case.
    pub fn parse(text: &str) -> Result<Self, MediaTypeError> {
        let bare = text
            .split(';')
            .next()
            .unwrap_or_default()
            .trim_matches([' ', '\t'])
            .to_ascii_lowercase();
        let restricted_name = |part: &str| {
            part.len() <= 127
                && part
                    .bytes()
                    .next()
                    .is_some_and(|first| first.is_ascii_alphanumeric())
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
        };
        match bare.split_once('/') {
            Some((kind, subtype)) if restricted_name(kind) && restricted_name(subtype) => {
                Ok(Self(Cow::Owned(bare)))
            }
            _ => Err(MediaTypeError {
                text: text.chars().take(255).collect(),
            }),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for the two image manifest types.
    #[must_use]
    pub fn is_image(&self) -> bool {
        *self == Self::OCI_MANIFEST || *self == Self::DOCKER_MANIFEST
    }

    /// True for the two index types.
    #[must_use]
    pub fn is_index(&self) -> bool {
        *self == Self::OCI_INDEX || *self == Self::DOCKER_LIST
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for MediaType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for MediaType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
