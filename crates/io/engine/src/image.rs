//! Images in the engine, and what its registry says of them.

use std::fmt;

use oci::{Descriptor, Digest, Platform, Reference, Repository, Tag};
use serde::{Deserialize, Deserializer};

use crate::auth::RegistryAuth;
use crate::engine::Engine;
use crate::error::Error;
use crate::request::{Request, escape};

/// Names an image in the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName(String);

impl ImageName {
    /// The beginning of an image id: hexadecimal digits, 64 at most. The engine refuses one that fits several images.
    pub fn from_short_id(text: &str) -> Option<Self> {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let fits = !text.is_empty() && text.len() <= 64 && text.bytes().all(hex);
        fits.then(|| Self(text.to_owned()))
    }
}

impl From<&Reference> for ImageName {
    /// In the short form for Hub: the engine's messages repeat it.
    fn from(reference: &Reference) -> Self {
        Self(reference.familiar())
    }
}

impl From<&Digest> for ImageName {
    /// An image id.
    fn from(id: &Digest) -> Self {
        Self(id.to_string())
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An image as the engine describes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Image {
    /// Graph drivers: the digest of its configuration. containerd store: that of its manifest or index.
    pub id: Digest,
    /// `name:tag` of every tag, in short form; the containerd store lists `name@digest` too.
    #[serde(default, deserialize_with = "null_as_default")]
    pub repo_tags: Vec<String>,
    /// `name@digest`. Graph drivers: where it was pushed to or pulled from. containerd store: every name it has,
    /// pushed or not.
    #[serde(default, deserialize_with = "null_as_default")]
    pub repo_digests: Vec<String>,
    /// Of the manifest or index; containerd store only.
    #[serde(default)]
    pub descriptor: Option<Descriptor>,
    /// Such as `amd64`.
    #[serde(default)]
    pub architecture: String,
    /// Such as `linux`.
    #[serde(default)]
    pub os: String,
}

/// What a registry says of a tag or digest, asked by the engine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Distribution {
    /// Of the manifest, or of the index of an image for several platforms.
    pub descriptor: Descriptor,
    /// Empty where the engine does not say.
    #[serde(default, deserialize_with = "null_as_default")]
    pub platforms: Vec<Platform>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    #[serde(default, deserialize_with = "null_as_default")]
    repo_tags: Vec<String>,
}

impl Engine {
    /// Describes an image that the engine has.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when it does not have it.
    pub async fn image(&self, name: &ImageName) -> Result<Image, Error> {
        let request = Request::get(format!("/images/{}/json", escape(&name.0)))
            .about(name)
            .patience(Some(self.config.answer_timeout));
        let answer = self.send(request).await?;
        self.read_json(answer).await
    }

    /// The tags that the engine has of a repository, sorted. Empty when it has none.
    pub async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>, Error> {
        let name = repository.familiar();
        let filters = serde_json::json!({"reference": [name]}).to_string();
        let request = Request::get("/images/json")
            .query("filters", &filters)
            .patience(Some(self.config.answer_timeout));
        let answer = self.send(request).await?;
        let images: Vec<Listed> = self.read_json(answer).await?;
        let mut tags: Vec<Tag> = images
            .iter()
            .flat_map(|image| &image.repo_tags)
            .filter_map(|text| Reference::parse(text).ok())
            .filter(|reference| {
                reference.repository() == repository && reference.digest().is_none()
            })
            .filter_map(|reference| reference.tag().cloned())
            .collect();
        tags.sort();
        tags.dedup();
        Ok(tags)
    }

    /// Gives an image one more name, or moves that name to it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when the engine does not have the image.
    pub async fn tag(
        &self,
        source: &ImageName,
        repository: &Repository,
        tag: &Tag,
    ) -> Result<(), Error> {
        let request = Request::post(format!("/images/{}/tag", escape(&source.0)))
            .query("repo", &repository.familiar())
            .query("tag", tag.as_str())
            .about(source)
            .patience(Some(self.config.answer_timeout));
        let answer = self.send(request).await?;
        self.read_end(answer).await
    }

    /// What the registry has under a tag or digest, for a caller that cannot reach the registry as the engine does.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when the registry does not have it; [`Error::Unauthorized`] or [`Error::Denied`] when it does
    /// not tell us.
    pub async fn distribution(
        &self,
        name: &Reference,
        auth: &RegistryAuth,
    ) -> Result<Distribution, Error> {
        let text = name.familiar();
        let request = Request::get(format!("/distribution/{}/json", escape(&text)))
            .header("x-registry-auth", auth.header())
            .about(text)
            .patience(Some(self.config.stream_timeout));
        let answer = self.send(request).await?;
        self.read_json(answer).await
    }
}

/// Go writers put `null` for an empty list.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_place_in_the_path() {
        assert!(ImageName::from_short_id("0123abcdef").is_some());
        for bad in ["", "../x", "ABC", "xyz", &"a".repeat(65)] {
            assert!(ImageName::from_short_id(bad).is_none(), "{bad}");
        }
        let reference = Reference::parse("alpine:3").unwrap();
        assert_eq!(ImageName::from(&reference).to_string(), "alpine:3");
        assert_eq!(escape("a b?c#d%e/f:g@h"), "a%20b%3Fc%23d%25e/f:g@h");
    }
}
