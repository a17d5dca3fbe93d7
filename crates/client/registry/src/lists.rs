//! Lists: tags and referrers, page by page, with an end.

use std::collections::HashSet;

use net::{Bytes, Response, Url, header};
use oci::{Content, Descriptor, Digest, MANIFEST_MAX, Manifest, MediaType, RepositoryName, Tag};
use serde::Deserialize;

use crate::client::{Registry, get, pull_scope};
use crate::error::{Error, Fault, Oversize, Resource};
use crate::manifests::ManifestName;
use crate::server_error::shown;

/// Largest page read, bytes.
const PAGE_MAX: u64 = 8 * 1024 * 1024;
/// Most bytes read of one list.
const LIST_MAX: u64 = 64 * 1024 * 1024;
/// Most pages read of one list.
const PAGES_MAX: usize = 10_000;
/// Most entries kept of one list.
const ENTRIES_MAX: usize = 1_000_000;
/// Entries asked for in each page.
const PAGE_SIZE: &str = "1000";

/// What refers to a manifest: signatures, SBOMs, attestations. Nothing here is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrers {
    /// Their descriptors, in the registry's order.
    pub entries: Vec<Descriptor>,
    /// Where the list came from.
    pub source: ReferrersSource,
}

/// Where a list of referrers came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferrersSource {
    /// The referrers API.
    Api,
    /// The index under the tag `sha256-<hex>`, kept by clients of registries without that API.
    TagSchema,
}

#[derive(Deserialize)]
struct TagPage {
    tags: Option<Vec<String>>,
}

/// Pages seen so far.
struct Pages {
    next: Option<Url>,
    seen: HashSet<Url>,
    /// Bytes read.
    bytes: u64,
}

impl Registry {
    /// All tags of a repository, in the registry's order.
    pub async fn tags(&self, repository: &RepositoryName) -> Result<Vec<Tag>, Error> {
        let mut url = self.repository_url(repository, "tags/list").await?;
        url.query_pairs_mut().append_pair("n", PAGE_SIZE);
        let mut pages = Pages::from(url);
        let mut tags = Vec::new();
        while let Some(url) = pages.next.take() {
            let response = self
                .send(get(url), &pull_scope(repository), Resource::Repository)
                .await?;
            self.turn(&mut pages, &response)?;
            let body = pages.read(response, PAGE_MAX).await?;
            let page: TagPage =
                serde_json::from_slice(&body).map_err(|fault| self.malformed(fault))?;
            for text in page.tags.unwrap_or_default() {
                let tag = Tag::parse(&text)
                    .map_err(|_| self.malformed(Fault::Name { text: shown(&text) }))?;
                tags.push(tag);
            }
            self.check_entries(tags.len(), &pages)?;
        }
        Ok(tags)
    }

    /// What refers to the manifest `subject`, of one artifact type or of all: from the referrers API, or, on
    /// registries without it (404; 405 and 412 on Harbor), from the tag schema.
    pub async fn referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        artifact_type: Option<&MediaType>,
    ) -> Result<Referrers, Error> {
        let mut url = self
            .repository_url(repository, &format!("referrers/{subject}"))
            .await?;
        if let Some(artifact_type) = artifact_type {
            url.query_pairs_mut()
                .append_pair("artifactType", artifact_type.as_str());
        }
        let (mut entries, source) = match self.referrers_from_api(repository, subject, url).await? {
            Some(entries) => (entries, ReferrersSource::Api),
            None => (
                self.referrers_from_tag(repository, subject).await?,
                ReferrersSource::TagSchema,
            ),
        };
        // A registry may ignore the filter (it would say `OCI-Filters-Applied`), so it is applied here in any case.
        entries.retain(|entry| {
            artifact_type.is_none() || entry.artifact_type.as_ref() == artifact_type
        });
        Ok(Referrers { entries, source })
    }

    /// Whether the registry has the referrers API.
    pub(crate) async fn has_referrers_api(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
    ) -> Result<bool, Error> {
        let path = format!("referrers/{subject}");
        let url = self.repository_url(repository, &path).await?;
        let entries = self.referrers_from_api(repository, subject, url).await?;
        Ok(entries.is_some())
    }

    async fn referrers_from_api(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        url: Url,
    ) -> Result<Option<Vec<Descriptor>>, Error> {
        let mut pages = Pages::from(url);
        let mut entries = Vec::new();
        while let Some(url) = pages.next.take() {
            let what = Resource::Manifest(subject.to_string());
            let is_first = pages.seen.len() == 1;
            let response = match self.send(get(url), &pull_scope(repository), what).await {
                Ok(response) => response,
                Err(error) if is_first && says_no_such_api(&error) => return Ok(None),
                Err(Error::NotFound { .. }) => {
                    return Err(self.malformed(Fault::ListWithoutEnd {
                        pages: pages.seen.len(),
                    }));
                }
                Err(error) => return Err(error),
            };
            self.turn(&mut pages, &response)?;
            let limit = u64::try_from(MANIFEST_MAX).unwrap_or(u64::MAX);
            let content_type = response
                .header(header::CONTENT_TYPE)
                .and_then(|text| MediaType::parse(text).ok());
            let bytes = pages.read(response, limit).await?;
            let index = Manifest::parse(bytes.to_vec(), content_type.as_ref())
                .map_err(|fault| self.malformed(fault))?;
            entries.extend(self.index_entries(&index)?);
            self.check_entries(entries.len(), &pages)?;
        }
        Ok(Some(entries))
    }

    async fn referrers_from_tag(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
    ) -> Result<Vec<Descriptor>, Error> {
        let name = ManifestName::Tag(subject.referrers_tag());
        match self.manifest(repository, &name).await {
            // `cosign copy` leaves the image itself under this tag.
            Ok(image) if image.digest() == *subject => Ok(Vec::new()),
            Ok(index) => self.index_entries(&index),
            Err(Error::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn index_entries(&self, index: &Manifest) -> Result<Vec<Descriptor>, Error> {
        match index.content() {
            Content::Index { manifests } => Ok(manifests.clone()),
            Content::Image { .. } => {
                let found = Some(index.media_type().clone());
                Err(self.malformed(oci::ManifestError::UnsupportedMediaType { found }))
            }
        }
    }

    /// Finds the next page; it must be on the same server and new.
    fn turn(&self, pages: &mut Pages, response: &Response) -> Result<(), Error> {
        let Some(text) = response.header(header::LINK) else {
            return Ok(());
        };
        let bad = || {
            self.malformed(Fault::Location {
                text: shown(text.split('?').next().unwrap_or_default()),
            })
        };
        let Some(target) = oci::next_link(text).map_err(|_| bad())? else {
            return Ok(());
        };
        let next = self.target(&response.url, Some(target))?;
        if next.origin() != response.url.origin() {
            return Err(bad());
        }
        if pages.seen.len() >= PAGES_MAX || !pages.seen.insert(next.clone()) {
            return Err(self.malformed(Fault::ListWithoutEnd {
                pages: pages.seen.len(),
            }));
        }
        pages.next = Some(next);
        Ok(())
    }

    fn check_entries(&self, count: usize, pages: &Pages) -> Result<(), Error> {
        match count {
            0..=ENTRIES_MAX => Ok(()),
            _ if pages.next.is_some() => Err(self.malformed(Fault::ListWithoutEnd {
                pages: pages.seen.len(),
            })),
            _ => Err(Error::TooLarge {
                what: Oversize::Answer { limit: PAGE_MAX },
            }),
        }
    }
}

/// 404 by the specification; Harbor answers 405 or 412 where the API is off. Any other refusal may hide referrers.
const fn says_no_such_api(error: &Error) -> bool {
    matches!(
        error,
        Error::NotFound { .. }
            | Error::ServerError {
                status: 405 | 412,
                ..
            }
    )
}

impl From<Url> for Pages {
    fn from(first: Url) -> Self {
        Self {
            next: Some(first.clone()),
            seen: HashSet::from([first]),
            bytes: 0,
        }
    }
}

impl Pages {
    /// The body of a page, of at most `limit` bytes.
    async fn read(&mut self, page: Response, limit: u64) -> Result<Bytes, Error> {
        let body = page.read_to_limit(limit).await?;
        self.bytes += u64::try_from(body.len()).unwrap_or(u64::MAX);
        if self.bytes > LIST_MAX {
            let limit = LIST_MAX;
            return Err(Error::TooLarge {
                what: Oversize::Answer { limit },
            });
        }
        Ok(body)
    }
}
