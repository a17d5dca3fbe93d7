//! The one door to SQL: connections, transactions, migrations; and durable files beside the database.
//!
//! A server role brings its own tables ([`Migration`]) and its own storage trait in its own verbs. There is no trait
//! over database engines here: a PostgreSQL pool will be a sibling of [`Database`], not an implementation of something.
//!
//! Siblings: `chassis` (listener and health), `trustd` and `registryd` (the roles that store).

mod database;
mod error;
pub mod files;
mod migrate;
mod writer;

pub use database::{Database, Options};
pub use error::Error;
pub use migrate::Migration;
pub use writer::Tx;
