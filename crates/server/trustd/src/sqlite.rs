//! The trust store of one machine, in SQLite.

use std::collections::BTreeSet;

use bytes::Bytes;
use jiff::Timestamp;
use pki::{
    digest::Sha256,
    key::{KeyType, PublicKey, TufKeyId},
};
use rusqlite::{Connection, OptionalExtension, Params, Row, types::Type};
use store::{Database, Error, Migration, Tx};
use tuf::{
    Gun, Role,
    edit::SignedFile,
    metadata::{FileMap, Metadata, Parsed, Snapshot, Timestamp as TimestampFile},
    server::{Stored, roles_needed},
};

use crate::trust_store::{
    Change, ChangeWindow, GunState, Published, RoleSet, SealedKey, StoredFile, TrustStore,
};

const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    sql: include_str!("schema.sql"),
}];

const NEWEST: &str = "SELECT f.content, f.created_at, f.version, f.sha256 FROM files f
    JOIN guns g ON g.id = f.gun WHERE g.name = ?1 AND f.role = ?2 ORDER BY f.version DESC LIMIT 1";
const BY_DIGEST: &str = "SELECT f.content, f.created_at FROM files f
    JOIN guns g ON g.id = f.gun WHERE g.name = ?1 AND f.role = ?2 AND f.sha256 = ?3";
const BY_VERSION: &str = "SELECT f.content, f.created_at FROM files f
    JOIN guns g ON g.id = f.gun WHERE g.name = ?1 AND f.role = ?2 AND f.version = ?3";
const HIGHEST: &str = "SELECT max(f.version) FROM files f
    JOIN guns g ON g.id = f.gun WHERE g.name = ?1 AND f.role = ?2";

/// [`TrustStore`] in a SQLite database.
#[derive(Clone, Debug)]
pub struct SqliteTrustStore(Database);

impl SqliteTrustStore {
    /// Brings the tables up to date.
    ///
    /// # Errors
    /// As [`Database::migrate`].
    pub fn new(database: Database) -> Result<Self, Error> {
        database.migrate("trust", MIGRATIONS)?;
        Ok(Self(database))
    }
}

impl TrustStore for SqliteTrustStore {
    async fn publish_role_set(&self, set: RoleSet) -> Result<Published, Error> {
        self.0
            .run_tx("publish_role_set", move |tx| publish(tx, &set))
            .await
    }

    async fn state(&self, gun: &Gun, uploaded: &BTreeSet<Role>) -> Result<GunState, Error> {
        let (gun, uploaded) = (gun.clone(), uploaded.clone());
        self.0
            .read("state", move |connection| {
                state(connection, &gun, &uploaded)
            })
            .await
    }

    async fn current_file(&self, gun: &Gun, role: &Role) -> Result<Option<StoredFile>, Error> {
        let (gun, role) = (gun.clone(), role.clone());
        self.0
            .read("current_file", move |connection| {
                current(connection, &gun, &role)
            })
            .await
    }

    async fn file_by_digest(
        &self,
        gun: &Gun,
        role: &Role,
        sha256: Sha256,
    ) -> Result<Option<StoredFile>, Error> {
        self.0.read_inline("file_by_digest", |connection| {
            by_digest(connection, gun, role, sha256)
        })
    }

    async fn file_by_version(
        &self,
        gun: &Gun,
        role: &Role,
        version: u64,
    ) -> Result<Option<StoredFile>, Error> {
        let Ok(version) = i64::try_from(version) else {
            return Ok(None);
        };
        self.0.read_inline("file_by_version", |connection| {
            let key = (gun.as_str(), role.as_str(), version);
            one(connection, BY_VERSION, key, stored_file)
        })
    }

    async fn delete_gun(&self, gun: &Gun, at: Timestamp) -> Result<bool, Error> {
        let gun = gun.clone();
        self.0
            .run_tx("delete_gun", move |tx| {
                let removed = tx
                    .prepare_cached("DELETE FROM guns WHERE name = ?1")?
                    .execute([gun.as_str()])?;
                if removed == 0 {
                    return Ok(false);
                }
                enter_change(tx, &gun, None, at)?;
                Ok(true)
            })
            .await
    }

    async fn changes(&self, gun: Option<&Gun>, window: ChangeWindow) -> Result<Vec<Change>, Error> {
        let gun = gun.cloned();
        self.0
            .read("changes", move |connection| {
                changes(connection, gun.as_ref(), window)
            })
            .await
    }

    async fn key(&self, gun: &Gun, id: TufKeyId) -> Result<Option<SealedKey>, Error> {
        self.0.read_inline("key", |connection| {
            one(
                connection,
                "SELECT algorithm, public, sealed FROM keys WHERE gun = ?1 AND key_id = ?2",
                (gun.as_str(), id.as_bytes()),
                sealed_key,
            )
        })
    }

    async fn pending_key(
        &self,
        gun: &Gun,
        role: &Role,
        algorithm: &str,
    ) -> Result<Option<SealedKey>, Error> {
        self.0.read_inline("pending_key", |connection| {
            pending_key(connection, gun, role, algorithm)
        })
    }

    async fn add_key(
        &self,
        gun: &Gun,
        role: &Role,
        key: SealedKey,
        at: Timestamp,
    ) -> Result<SealedKey, Error> {
        let (gun, role) = (gun.clone(), role.clone());
        self.0
            .run_tx("add_key", move |tx| {
                let algorithm = key.public.key_type().as_str();
                if let Some(present) = pending_key(tx, &gun, &role, algorithm)? {
                    return Ok(present);
                }
                tx.prepare_cached(
                    "INSERT INTO keys (gun, role, key_id, algorithm, public, sealed, created_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute((
                    gun.as_str(),
                    role.as_str(),
                    key.public.tuf_id().as_bytes(),
                    algorithm,
                    key.public.public_bytes(),
                    &key.sealed,
                    at.as_microsecond(),
                ))?;
                Ok(key.clone())
            })
            .await
    }

    async fn secret_proof(&self, proof: String) -> Result<String, Error> {
        self.0
            .run_tx("secret_proof", move |tx| {
                tx.execute(
                    "INSERT OR IGNORE INTO secret_proof (id, sealed) VALUES (1, ?1)",
                    [&proof],
                )?;
                Ok(tx.query_row("SELECT sealed FROM secret_proof", [], |row| row.get(0))?)
            })
            .await
    }

    async fn check(&self) -> Result<(), Error> {
        self.0.check_writable().await
    }
}

fn publish(tx: &Tx<'_>, set: &RoleSet) -> Result<Published, Error> {
    for file in &set.files {
        let stored = highest(tx, &set.gun, &file.role)?;
        if let Some(stored) = stored.filter(|stored| *stored >= file.version) {
            let (role, got) = (file.role.clone(), file.version);
            return Ok(Published::Conflict { role, stored, got });
        }
    }
    if newest_timestamp(tx, &set.gun)?.map(|newest| newest.sha256) != set.replaces {
        return Ok(Published::Moved);
    }
    tx.prepare_cached("INSERT OR IGNORE INTO guns (name) VALUES (?1)")?
        .execute([set.gun.as_str()])?;
    for file in &set.files {
        let sha256 = insert_file(tx, set, file)?;
        if file.role == Role::Timestamp {
            enter_change(tx, &set.gun, Some((file.version, sha256)), set.at)?;
        }
    }
    for id in &set.signed_with {
        tx.prepare_cached(
            "UPDATE keys SET used_at = ?1 WHERE gun = ?2 AND key_id = ?3 AND used_at IS NULL",
        )?
        .execute((set.at.as_microsecond(), set.gun.as_str(), id.as_bytes()))?;
    }
    Ok(Published::Stored)
}

fn insert_file(tx: &Tx<'_>, set: &RoleSet, file: &SignedFile) -> Result<Sha256, Error> {
    let sha256 = Sha256::of(&file.bytes);
    tx.prepare_cached(
        "INSERT INTO files (gun, role, version, sha256, created_at, content)
         SELECT id, ?2, ?3, ?4, ?5, ?6 FROM guns WHERE name = ?1",
    )?
    .execute((
        set.gun.as_str(),
        file.role.as_str(),
        file.version.cast_signed(),
        sha256.as_bytes(),
        set.at.as_microsecond(),
        &file.bytes,
    ))?;
    Ok(sha256)
}

fn enter_change(
    tx: &Tx<'_>,
    gun: &Gun,
    update: Option<(u64, Sha256)>,
    at: Timestamp,
) -> Result<(), Error> {
    let (version, sha256) = update.unzip();
    tx.prepare_cached(
        "INSERT INTO changes (gun, version, sha256, created_at) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute((
        gun.as_str(),
        version.unwrap_or(0).cast_signed(),
        sha256.as_ref().map(Sha256::as_bytes),
        at.as_microsecond(),
    ))?;
    Ok(())
}

fn state(connection: &Connection, gun: &Gun, uploaded: &BTreeSet<Role>) -> Result<GunState, Error> {
    let mut stored = Stored::default();
    let always = [Role::Snapshot, Role::Targets, Role::Timestamp];
    for role in uploaded.iter().chain(&always) {
        if let Some(version) = highest(connection, gun, role)? {
            stored.newest.insert(role.clone(), version);
        }
    }
    let root = one(connection, NEWEST, (gun.as_str(), "root"), stored_file)?;
    stored.root = root.map(|file| file.bytes.into());
    let timestamp = newest_timestamp(connection, gun)?;
    if let Some(snapshot) = snapshot_of(connection, gun, timestamp.as_ref())? {
        let meta = snapshot_meta(&snapshot.bytes);
        for role in roles_needed(uploaded) {
            if let Some(file) = linked(connection, gun, &role, meta.as_ref())? {
                stored.targets.insert(role, file.bytes.into());
            }
        }
        stored.snapshot = Some(snapshot.bytes.into());
    }
    let (replaces, created) = timestamp
        .as_ref()
        .map(|newest| (newest.sha256, newest.file.created))
        .unzip();
    stored.timestamp = timestamp.map(|newest| newest.file.bytes.into());
    Ok(GunState {
        stored,
        replaces,
        created,
        held: held(connection, gun)?,
    })
}

fn held(connection: &Connection, gun: &Gun) -> Result<BTreeSet<TufKeyId>, Error> {
    let mut select = connection.prepare_cached("SELECT key_id FROM keys WHERE gun = ?1")?;
    let ids = select.query_map([gun.as_str()], |row| fixed(row, 0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// Newest timestamp, snapshot by its digest, role by its digest.
fn current(connection: &Connection, gun: &Gun, role: &Role) -> Result<Option<StoredFile>, Error> {
    let timestamp = newest_timestamp(connection, gun)?;
    if *role == Role::Timestamp {
        return Ok(timestamp.map(|newest| newest.file));
    }
    let snapshot = snapshot_of(connection, gun, timestamp.as_ref())?;
    match (role, snapshot) {
        (_, None) => Ok(None),
        (Role::Snapshot, snapshot) => Ok(snapshot),
        (role, Some(snapshot)) => linked(
            connection,
            gun,
            role,
            snapshot_meta(&snapshot.bytes).as_ref(),
        ),
    }
}

struct NewestTimestamp {
    file: StoredFile,
    sha256: Sha256,
}

fn newest_timestamp(connection: &Connection, gun: &Gun) -> Result<Option<NewestTimestamp>, Error> {
    one(connection, NEWEST, (gun.as_str(), "timestamp"), |row| {
        Ok(NewestTimestamp {
            file: stored_file(row)?,
            sha256: fixed(row, 3)?,
        })
    })
}

fn snapshot_of(
    connection: &Connection,
    gun: &Gun,
    timestamp: Option<&NewestTimestamp>,
) -> Result<Option<StoredFile>, Error> {
    let meta = timestamp.and_then(|newest| meta::<TimestampFile>(&newest.file.bytes, |t| t.meta));
    linked(connection, gun, &Role::Snapshot, meta.as_ref())
}

fn snapshot_meta(bytes: &[u8]) -> Option<FileMap> {
    meta::<Snapshot>(bytes, |snapshot| snapshot.meta)
}

fn meta<T: Metadata + Clone>(bytes: &[u8], meta: fn(T) -> FileMap) -> Option<FileMap> {
    let file = Parsed::<T>::from_bytes(bytes).ok()?;
    Some(meta(file.unverified().clone()))
}

fn linked(
    connection: &Connection,
    gun: &Gun,
    role: &Role,
    meta: Option<&FileMap>,
) -> Result<Option<StoredFile>, Error> {
    let described = meta.and_then(|meta| meta.get(role.as_str())?.hashes.sha256());
    match described {
        Some(sha256) => by_digest(connection, gun, role, sha256),
        None => Ok(None),
    }
}

fn by_digest(
    connection: &Connection,
    gun: &Gun,
    role: &Role,
    sha256: Sha256,
) -> Result<Option<StoredFile>, Error> {
    let key = (gun.as_str(), role.as_str(), sha256.as_bytes());
    one(connection, BY_DIGEST, key, stored_file)
}

fn highest(connection: &Connection, gun: &Gun, role: &Role) -> Result<Option<u64>, Error> {
    let version: Option<i64> = connection
        .prepare_cached(HIGHEST)?
        .query_row((gun.as_str(), role.as_str()), |row| row.get(0))?;
    Ok(version.map(i64::cast_unsigned))
}

fn pending_key(
    connection: &Connection,
    gun: &Gun,
    role: &Role,
    algorithm: &str,
) -> Result<Option<SealedKey>, Error> {
    one(
        connection,
        "SELECT algorithm, public, sealed FROM keys
         WHERE gun = ?1 AND role = ?2 AND algorithm = ?3 AND used_at IS NULL",
        (gun.as_str(), role.as_str(), algorithm),
        sealed_key,
    )
}

fn changes(
    connection: &Connection,
    gun: Option<&Gun>,
    window: ChangeWindow,
) -> Result<Vec<Change>, Error> {
    let (bound, order, limit) = match window {
        ChangeWindow::After { id, limit } => (format!("id > {id}"), "ASC", limit),
        ChangeWindow::Before { id, limit } => {
            (format!("id < {}", id.unwrap_or(i64::MAX)), "DESC", limit)
        }
    };
    let of = if gun.is_some() {
        "gun = ?1"
    } else {
        "?1 IS NULL"
    };
    let mut select = connection.prepare(&format!(
        "SELECT id, gun, version, sha256, created_at FROM changes
         WHERE {of} AND {bound} ORDER BY id {order} LIMIT {limit}"
    ))?;
    let rows = select.query_map([gun.map(Gun::as_str)], change)?;
    let mut changes = rows.collect::<Result<Vec<_>, _>>()?;
    if order == "DESC" {
        changes.reverse();
    }
    Ok(changes)
}

fn one<T>(
    connection: &Connection,
    statement: &str,
    key: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, Error> {
    let mut select = connection.prepare_cached(statement)?;
    Ok(select.query_row(key, read).optional()?)
}

fn stored_file(row: &Row<'_>) -> rusqlite::Result<StoredFile> {
    let content: Vec<u8> = row.get(0)?;
    Ok(StoredFile {
        bytes: Bytes::from(content),
        created: timestamp(row, 1)?,
    })
}

fn sealed_key(row: &Row<'_>) -> rusqlite::Result<SealedKey> {
    let algorithm: String = row.get(0)?;
    Ok(SealedKey {
        public: PublicKey::new(KeyType::parse(&algorithm), row.get(1)?),
        sealed: row.get(2)?,
    })
}

fn change(row: &Row<'_>) -> rusqlite::Result<Change> {
    let version: i64 = row.get(2)?;
    let sha256: Option<Vec<u8>> = row.get(3)?;
    let update = match sha256 {
        Some(_) => Some((version.cast_unsigned(), fixed(row, 3)?)),
        None => None,
    };
    Ok(Change {
        id: row.get(0)?,
        gun: row.get(1)?,
        update,
        created: timestamp(row, 4)?,
    })
}

fn timestamp(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    Timestamp::from_microsecond(row.get(column)?)
        .map_err(|error| unreadable(column, Type::Integer, error))
}

/// A column of fixed size that was written from a value of that type; anything else means that somebody edited the
/// database.
fn fixed<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: for<'a> TryFrom<&'a [u8], Error = pki::digest::FixedBytesError>,
{
    let bytes: Vec<u8> = row.get(column)?;
    T::try_from(&bytes).map_err(|error| unreadable(column, Type::Blob, error))
}

fn unreadable(
    column: usize,
    kind: Type,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(error))
}
