//! The catalog of one machine, in SQLite.

use oci::{Content, Descriptor, Digest, MediaType, RepositoryName, Tag};
use rusqlite::{Connection, OptionalExtension, Row, types::Type};
use store::{Database, Error, Migration, Tx};

use crate::catalog::{
    Catalog, Listed, ManifestKey, NewManifest, PutManifest, StoredManifest, Unlinked,
};

const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    sql: include_str!("schema.sql"),
}];

/// [`Catalog`] in a SQLite database.
#[derive(Clone, Debug)]
pub struct SqliteCatalog(Database);

impl SqliteCatalog {
    /// Brings the tables up to date.
    ///
    /// # Errors
    /// As [`Database::migrate`].
    pub fn new(database: Database) -> Result<Self, Error> {
        database.migrate("registry", MIGRATIONS)?;
        Ok(Self(database))
    }

    /// Whether changes can be stored; for readiness.
    ///
    /// # Errors
    /// The store's reason why not.
    pub async fn check(&self) -> Result<(), Error> {
        self.0.check_writable().await
    }
}

impl Catalog for SqliteCatalog {
    async fn link_blob(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        size: u64,
    ) -> Result<(), Error> {
        let repository = repository.clone();
        self.0
            .run_tx("link_blob", move |tx| {
                let mut insert = tx
                    .prepare_cached("INSERT OR IGNORE INTO blobs (digest, size) VALUES (?1, ?2)")?;
                insert.execute((digest.to_string(), size.cast_signed()))?;
                link(tx, &repository, digest)
            })
            .await
    }

    async fn mount_blob(
        &self,
        from: &RepositoryName,
        to: &RepositoryName,
        digest: Digest,
    ) -> Result<bool, Error> {
        let (from, to) = (from.clone(), to.clone());
        self.0
            .run_tx("mount_blob", move |tx| {
                if blob_size(tx, &from, digest)?.is_none() {
                    return Ok(false);
                }
                link(tx, &to, digest)?;
                Ok(true)
            })
            .await
    }

    async fn unlink_blob(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> Result<Unlinked, Error> {
        let repository = repository.clone();
        self.0
            .run_tx("unlink_blob", move |tx| {
                let digest = digest.to_string();
                let removed = tx
                    .prepare_cached(
                        "DELETE FROM repository_blobs
                         WHERE repository = (SELECT id FROM repositories WHERE name = ?1)
                           AND blob = (SELECT id FROM blobs WHERE digest = ?2)",
                    )?
                    .execute((repository.as_str(), &digest))?;
                if removed == 0 {
                    return Ok(Unlinked::Absent);
                }
                let orphaned = tx
                    .prepare_cached(
                        "DELETE FROM blobs WHERE digest = ?1
                         AND NOT EXISTS (SELECT 1 FROM repository_blobs WHERE blob = blobs.id)",
                    )?
                    .execute([&digest])?;
                Ok(if orphaned == 0 {
                    Unlinked::Shared
                } else {
                    Unlinked::Last
                })
            })
            .await
    }

    async fn blob(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> Result<Option<u64>, Error> {
        self.0.read_inline("blob", |connection| {
            blob_size(connection, repository, digest)
        })
    }

    async fn is_linked(&self, digest: Digest) -> Result<bool, Error> {
        self.0.read_inline("is_linked", |connection| {
            let mut select = connection.prepare_cached("SELECT 1 FROM blobs WHERE digest = ?1")?;
            Ok(select.exists([digest.to_string()])?)
        })
    }

    async fn put_manifest(
        &self,
        repository: &RepositoryName,
        manifest: NewManifest,
    ) -> Result<PutManifest, Error> {
        let repository = repository.clone();
        self.0
            .run_tx("put_manifest", move |tx| {
                put_manifest(tx, &repository, &manifest)
            })
            .await
    }

    async fn manifest(
        &self,
        repository: &RepositoryName,
        key: &ManifestKey,
    ) -> Result<Option<StoredManifest>, Error> {
        self.0.read_inline("manifest", |connection| {
            let (statement, key) = match key {
                ManifestKey::Digest(digest) => (
                    "SELECT m.digest, m.media_type, m.content FROM manifests m
                     JOIN repositories r ON r.id = m.repository WHERE r.name = ?1 AND m.digest = ?2",
                    digest.to_string(),
                ),
                ManifestKey::Tag(tag) => (
                    "SELECT m.digest, m.media_type, m.content FROM tags t
                     JOIN repositories r ON r.id = t.repository
                     JOIN manifests m ON m.id = t.manifest WHERE r.name = ?1 AND t.name = ?2",
                    tag.as_str().to_owned(),
                ),
            };
            let mut select = connection.prepare_cached(statement)?;
            Ok(select.query_row([repository.as_str(), &key], stored_manifest).optional()?)
        })
    }

    async fn delete_manifest(
        &self,
        repository: &RepositoryName,
        key: &ManifestKey,
    ) -> Result<bool, Error> {
        let (repository, key) = (repository.clone(), key.clone());
        self.0
            .run_tx("delete_manifest", move |tx| {
                let (statement, key) = match &key {
                    ManifestKey::Digest(digest) => (
                        "DELETE FROM manifests WHERE digest = ?2
                         AND repository = (SELECT id FROM repositories WHERE name = ?1)",
                        digest.to_string(),
                    ),
                    ManifestKey::Tag(tag) => (
                        "DELETE FROM tags WHERE name = ?2
                         AND repository = (SELECT id FROM repositories WHERE name = ?1)",
                        tag.as_str().to_owned(),
                    ),
                };
                Ok(tx
                    .prepare_cached(statement)?
                    .execute([repository.as_str(), &key])?
                    > 0)
            })
            .await
    }

    async fn tags(
        &self,
        repository: &RepositoryName,
        last: Option<&str>,
        limit: usize,
    ) -> Result<Option<Listed<Tag>>, Error> {
        let (repository, last) = (repository.clone(), last.unwrap_or_default().to_owned());
        self.0
            .read("tags", move |connection| {
                let Some(repository) = repository_id(connection, &repository)? else { return Ok(None) };
                let mut select = connection.prepare_cached(
                    "SELECT name FROM tags WHERE repository = ?1 AND name > ?2 ORDER BY name LIMIT ?3",
                )?;
                let rows = select.query_map((repository, last, one_more(limit)), |row| parsed(row, 0, Tag::parse))?;
                Ok(Some(cut(rows.collect::<Result<_, _>>()?, limit)))
            })
            .await
    }

    async fn repositories(
        &self,
        last: Option<&str>,
        limit: usize,
    ) -> Result<Listed<RepositoryName>, Error> {
        let last = last.unwrap_or_default().to_owned();
        self.0
            .read("repositories", move |connection| {
                let mut select = connection.prepare_cached(
                    "SELECT name FROM repositories WHERE name > ?1 ORDER BY name LIMIT ?2",
                )?;
                let rows = select.query_map((last, one_more(limit)), |row| {
                    parsed(row, 0, RepositoryName::parse)
                })?;
                Ok(cut(rows.collect::<Result<_, _>>()?, limit))
            })
            .await
    }

    async fn referrers(
        &self,
        repository: &RepositoryName,
        subject: Digest,
        artifact_type: Option<&MediaType>,
        last: Option<Digest>,
        budget: usize,
    ) -> Result<Listed<(Digest, String)>, Error> {
        let (repository, artifact_type) = (repository.clone(), artifact_type.cloned());
        self.0
            .read("referrers", move |connection| {
                let mut select = connection.prepare_cached(
                    "SELECT m.digest, m.referrer FROM manifests m JOIN repositories r ON r.id = m.repository
                     WHERE r.name = ?1 AND m.subject = ?2 AND m.digest > ?3 AND (?4 IS NULL OR m.artifact_type = ?4)
                     ORDER BY m.digest",
                )?;
                let last = last.map(|digest| digest.to_string()).unwrap_or_default();
                let artifact_type = artifact_type.as_ref().map(MediaType::as_str);
                let mut rows = select.query((repository.as_str(), subject.to_string(), last, artifact_type))?;
                let mut listed = Listed { entries: Vec::new(), more: false };
                let mut size = 0;
                while let Some(row) = rows.next()? {
                    let entry: String = row.get(1)?;
                    size += entry.len();
                    if size > budget && !listed.entries.is_empty() {
                        listed.more = true;
                        break;
                    }
                    listed.entries.push((parsed(row, 0, Digest::parse)?, entry));
                }
                Ok(listed)
            })
            .await
    }
}

fn put_manifest(
    tx: &Tx<'_>,
    repository: &RepositoryName,
    new: &NewManifest,
) -> Result<PutManifest, Error> {
    let missing = missing_content(tx, repository, new)?;
    if !missing.is_empty() {
        return Ok(PutManifest::MissingContent(missing));
    }
    let repository = ensure_repository(tx, repository)?;
    let manifest = new.manifest();
    let referrer = manifest.subject().map(|_| {
        let entry = Descriptor {
            digest: new.digest(),
            ..manifest.referrer_entry()
        };
        serde_json::to_string(&entry).expect("a descriptor has string keys only")
    });
    let id: i64 = tx
        .prepare_cached(
            "INSERT INTO manifests (repository, digest, media_type, subject, referrer, artifact_type, content)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (repository, digest) DO UPDATE SET media_type = excluded.media_type RETURNING id",
        )?
        .query_row(
            (
                repository,
                new.digest().to_string(),
                manifest.media_type().as_str(),
                manifest.subject().map(|subject| subject.digest.to_string()),
                referrer,
                manifest.artifact_type().map(MediaType::as_str),
                manifest.bytes(),
            ),
            |row| row.get(0),
        )?;
    if let Some(tag) = new.tag() {
        tx.prepare_cached(
            "INSERT INTO tags (repository, name, manifest) VALUES (?1, ?2, ?3)
             ON CONFLICT (repository, name) DO UPDATE SET manifest = excluded.manifest",
        )?
        .execute((repository, tag.as_str(), id))?;
    }
    Ok(PutManifest::Stored)
}

fn missing_content(
    tx: &Tx<'_>,
    repository: &RepositoryName,
    new: &NewManifest,
) -> Result<Vec<Digest>, Error> {
    let is_index = matches!(new.manifest().content(), Content::Index { .. });
    let mut missing = Vec::new();
    for child in new.manifest().children() {
        let present = is_elsewhere(child)
            || (is_index && has_manifest(tx, repository, child.digest)?)
            || blob_size(tx, repository, child.digest)?.is_some();
        if !present {
            missing.push(child.digest);
        }
    }
    Ok(missing)
}

/// Layers that may not be redistributed stay with their vendor; the manifest carries their address.
fn is_elsewhere(layer: &Descriptor) -> bool {
    let kind = layer.media_type.as_str();
    kind.starts_with("application/vnd.docker.image.rootfs.foreign.")
        || kind.starts_with("application/vnd.oci.image.layer.nondistributable.")
}

fn has_manifest(
    connection: &Connection,
    repository: &RepositoryName,
    digest: Digest,
) -> Result<bool, Error> {
    let mut select = connection.prepare_cached(
        "SELECT 1 FROM manifests WHERE digest = ?2 AND repository = (SELECT id FROM repositories WHERE name = ?1)",
    )?;
    Ok(select.exists((repository.as_str(), digest.to_string()))?)
}

fn blob_size(
    connection: &Connection,
    repository: &RepositoryName,
    digest: Digest,
) -> Result<Option<u64>, Error> {
    let mut select = connection.prepare_cached(
        "SELECT b.size FROM blobs b
         JOIN repository_blobs l ON l.blob = b.id
         JOIN repositories r ON r.id = l.repository WHERE b.digest = ?2 AND r.name = ?1",
    )?;
    let size: Option<i64> = select
        .query_row((repository.as_str(), digest.to_string()), |row| row.get(0))
        .optional()?;
    Ok(size.map(i64::cast_unsigned))
}

fn link(tx: &Tx<'_>, repository: &RepositoryName, digest: Digest) -> Result<(), Error> {
    let repository = ensure_repository(tx, repository)?;
    tx.prepare_cached(
        "INSERT OR IGNORE INTO repository_blobs (repository, blob) SELECT ?1, id FROM blobs WHERE digest = ?2",
    )?
    .execute((repository, digest.to_string()))?;
    Ok(())
}

fn ensure_repository(tx: &Tx<'_>, name: &RepositoryName) -> Result<i64, Error> {
    if let Some(id) = repository_id(tx, name)? {
        return Ok(id);
    }
    tx.prepare_cached("INSERT INTO repositories (name) VALUES (?1)")?
        .execute([name.as_str()])?;
    Ok(tx.last_insert_rowid())
}

fn repository_id(connection: &Connection, name: &RepositoryName) -> Result<Option<i64>, Error> {
    let mut select = connection.prepare_cached("SELECT id FROM repositories WHERE name = ?1")?;
    Ok(select
        .query_row([name.as_str()], |row| row.get(0))
        .optional()?)
}

fn stored_manifest(row: &Row<'_>) -> rusqlite::Result<StoredManifest> {
    Ok(StoredManifest {
        digest: parsed(row, 0, Digest::parse)?,
        media_type: parsed(row, 1, MediaType::parse)?,
        bytes: row.get(2)?,
    })
}

/// A text column that was written from a parsed value; anything else means that somebody edited the database.
fn parsed<T, E>(
    row: &Row<'_>,
    column: usize,
    parse: fn(&str) -> Result<T, E>,
) -> rusqlite::Result<T>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let text: String = row.get(column)?;
    parse(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

fn one_more(limit: usize) -> i64 {
    i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX)
}

fn cut<T>(mut entries: Vec<T>, limit: usize) -> Listed<T> {
    let more = entries.len() > limit;
    entries.truncate(limit);
    Listed { entries, more }
}
