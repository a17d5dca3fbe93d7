use std::{
    io,
    path::{Path, PathBuf},
};

use rusqlite::ErrorCode;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process held the write lock for longer than the busy time-out, through every retry.
    #[error("the database is locked by another process")]
    Busy,
    /// An applied migration is not the one this program carries under the same number.
    #[error("migration {number} of {role} differs from the one that was applied to this database")]
    ChangedMigration {
        /// The role whose tables the migration makes.
        role: String,
        /// Its number, from 1.
        number: u32,
    },
    /// The database was closed while the transaction waited.
    #[error("the database is closed")]
    Closed,
    /// A row refused by a UNIQUE, CHECK, NOT NULL or FOREIGN KEY rule.
    #[error("a constraint of the database refused the row")]
    Constraint(#[source] rusqlite::Error),
    /// The file is damaged or is not a database.
    #[error("the database file is damaged or not a database")]
    Corrupt(#[source] rusqlite::Error),
    /// No space is left on the device.
    #[error("no space is left for the database")]
    Full,
    /// A file operation failed.
    #[error("{operation} {path}")]
    File {
        /// What was tried, as a verb: "create", "rename", …
        operation: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// The device failed while the database was read or written.
    #[error("input or output of the database failed")]
    Io(#[source] rusqlite::Error),
    /// A newer program has already changed the tables; this one would misread them.
    #[error("the database has schema {found} of {role}, this program knows up to {known}")]
    NewerSchema {
        /// The role whose tables these are.
        role: String,
        /// Highest migration number found in the database.
        found: u32,
        /// Highest migration number this program carries.
        known: u32,
    },
    /// The body of a transaction panicked; nothing of it was stored.
    #[error("transaction {name} panicked")]
    Panicked {
        /// The name given to `run_tx` or `read`.
        name: &'static str,
    },
    /// The database, its file or its folder may not be written.
    #[error("the database is read-only")]
    ReadOnly,
    /// A statement failed for a reason of its own (wrong SQL, wrong type, no row).
    #[error("a statement failed")]
    Sql(#[source] rusqlite::Error),
    /// The database file could not be opened.
    #[error("open the database {path}")]
    Unopenable {
        /// The file.
        path: PathBuf,
        /// SQLite's answer.
        source: rusqlite::Error,
    },
}

impl Error {
    /// The error of a file operation; causes that have a variant of their own are told apart.
    ///
    /// `operation` is a verb that goes before the path: "create", "rename a file to".
    #[must_use]
    pub fn file(operation: &'static str, path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            _ => Self::File {
                operation,
                path: path.to_owned(),
                source,
            },
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(error),
            Some(ErrorCode::SystemIoFailure) => Self::Io(error),
            Some(ErrorCode::ConstraintViolation) => Self::Constraint(error),
            _ => Self::Sql(error),
        }
    }
}
