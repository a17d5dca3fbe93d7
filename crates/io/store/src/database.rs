use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use crate::{
    Error, Migration, files, migrate,
    writer::{Tx, Writer},
};

/// How a [`Database`] behaves; the defaults suit a server.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long a statement waits for another process's lock before it counts as busy.
    pub busy_timeout: Duration,
    /// How many reads may run on the blocking pool at once.
    pub readers: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            busy_timeout: Duration::from_secs(5),
            readers: 8,
        }
    }
}

/// A SQLite database: one writer, several readers.
///
/// Cheap to clone; the file is closed (and its log folded back into it) when the last clone is dropped.
/// Every commit is on disk (`synchronous=FULL`) before [`Database::run_tx`] answers.
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    path: PathBuf,
    options: Options,
    // Dropped before the writer, so that the writer's connection is the last and folds the write-ahead log.
    idle: Mutex<Vec<Connection>>,
    reads: Semaphore,
    writer: Writer,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("path", &self.0.path)
            .finish_non_exhaustive()
    }
}

impl Database {
    /// Opens or creates the database file at `path`; its folder must exist.
    ///
    /// Blocks on the disk; meant for start-up.
    ///
    /// # Errors
    /// [`Error::Unopenable`], [`Error::Corrupt`], [`Error::ReadOnly`] and whatever else SQLite refuses.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_with(path, Options::default())
    }

    /// As [`Database::open`], with other [`Options`].
    ///
    /// # Errors
    /// As [`Database::open`].
    pub fn open_with(path: &Path, options: Options) -> Result<Self, Error> {
        let connection = connect(
            path,
            options,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        )?;
        if connection.is_readonly(rusqlite::MAIN_DB)? {
            return Err(Error::ReadOnly);
        }
        let journal: String =
            connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        debug_assert_eq!(journal, "wal");
        connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")?;
        files::sync_parent(path)?;
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            options,
            idle: Mutex::new(Vec::new()),
            reads: Semaphore::new(options.readers),
            writer: Writer::start(connection, options.busy_timeout)?,
        })))
    }

    /// Brings the tables of `role` up to date, in one transaction.
    ///
    /// Blocks on the disk; meant for start-up, before the database is shared. Several roles may live in one file.
    ///
    /// # Errors
    /// [`Error::NewerSchema`] when a newer program wrote this file, [`Error::ChangedMigration`] when an applied
    /// migration was edited; nothing is changed then.
    pub fn migrate(&self, role: &str, migrations: &[Migration]) -> Result<(), Error> {
        debug_assert!(
            migrations
                .iter()
                .zip(1..)
                .all(|(migration, number)| migration.number == number)
        );
        let mut connection = connect(
            &self.0.path,
            self.0.options,
            OpenFlags::SQLITE_OPEN_READ_WRITE,
        )?;
        connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")?;
        migrate::migrate(&mut connection, role, migrations)
    }

    /// Runs `body` in a write transaction and answers once its effects are durable.
    ///
    /// Transactions that wait at the same time share one commit. `body` may run more than once (its earlier runs are
    /// rolled back), so it must have no effect besides its statements; an `Err` rolls back what it did. It must not
    /// itself begin, commit or roll back. `name` appears in logs and errors.
    ///
    /// # Errors
    /// Whatever `body` returns, or the store's own error through `E: From<store::Error>`.
    pub async fn run_tx<T, E, F>(&self, name: &'static str, body: F) -> Result<T, E>
    where
        F: Fn(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.0.writer.submit(name, body).await
    }

    /// Runs `body` on a snapshot of the last committed state, on the blocking pool.
    ///
    /// # Errors
    /// Whatever `body` returns, or the store's own error through `E: From<store::Error>`.
    pub async fn read<T, E, F>(&self, name: &'static str, body: F) -> Result<T, E>
    where
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let _permit = self.0.reads.acquire().await.map_err(|_| Error::Closed)?;
        let inner = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || inner.read(name, body))
            .await
            .map_err(|_| Error::Panicked { name })?
    }

    /// Runs `body` on a snapshot of the last committed state, on the calling thread.
    ///
    /// Saves the hop to the blocking pool (several times the cost of the query). Only for look-ups by key that read a
    /// few pages; anything that scans or returns many rows belongs in [`Database::read`].
    ///
    /// # Errors
    /// Whatever `body` returns, or the store's own error through `E: From<store::Error>`.
    pub fn read_inline<T, E, F>(&self, name: &'static str, body: F) -> Result<T, E>
    where
        F: FnOnce(&Connection) -> Result<T, E>,
        E: From<Error>,
    {
        self.0.read(name, body)
    }

    /// Whether the database can be written: takes and releases the write lock and stores nothing. For readiness checks.
    ///
    /// # Errors
    /// The store's reason why it cannot.
    pub async fn check_writable(&self) -> Result<(), Error> {
        self.run_tx("check_writable", |tx| {
            tx.query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
                row.get::<_, i64>(0)
            })?;
            Ok(())
        })
        .await
    }

    /// Where the database file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}

impl Inner {
    fn read<T, E, F>(&self, name: &'static str, body: F) -> Result<T, E>
    where
        F: FnOnce(&Connection) -> Result<T, E>,
        E: From<Error>,
    {
        let connection = match self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
        {
            Some(connection) => connection,
            None => connect(&self.path, self.options, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
        };
        let snapshot = connection.unchecked_transaction().map_err(Error::from)?;
        let result = catch_unwind(AssertUnwindSafe(|| body(&snapshot)))
            .unwrap_or_else(|_| Err(Error::Panicked { name }.into()));
        // A read transaction has nothing to lose by rolling back, and this cannot fail on a full disk.
        let ended = snapshot.rollback();
        if ended.is_ok() {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < self.options.readers {
                idle.push(connection);
            }
        }
        result
    }
}

fn connect(path: &Path, options: Options, flags: OpenFlags) -> Result<Connection, Error> {
    // A connection moves between threads but is used by one at a time, so SQLite's own mutexes are not needed.
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    #[allow(clippy::disallowed_methods, reason = "this is the one door to SQL")]
    let connection =
        Connection::open_with_flags(path, flags).map_err(|source| Error::Unopenable {
            path: path.to_owned(),
            source,
        })?;
    connection.busy_timeout(options.busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}
