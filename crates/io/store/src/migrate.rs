use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::Error;

/// One numbered step of a role's schema, embedded in the program and never edited after a release.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// From 1, without gaps, in the order of application.
    pub number: u32,
    /// The statements; tables are to be `STRICT`.
    pub sql: &'static str,
}

/// The statements themselves are kept, so that an edited migration is found by comparison and an operator can see what
/// was applied.
const LEDGER: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    role TEXT NOT NULL,
    number INTEGER NOT NULL,
    statements TEXT NOT NULL,
    PRIMARY KEY (role, number)
) STRICT";

/// Brings the tables of `role` up to the last of `migrations`, all in one transaction.
pub(crate) fn migrate(
    connection: &mut Connection,
    role: &str,
    migrations: &[Migration],
) -> Result<(), Error> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(LEDGER)?;
    let known = migrations.last().map_or(0, |last| last.number);
    let found: u32 = tx.query_row(
        "SELECT coalesce(max(number), 0) FROM schema_migrations WHERE role = ?1",
        [role],
        |row| row.get(0),
    )?;
    if found > known {
        return Err(Error::NewerSchema {
            role: role.to_owned(),
            found,
            known,
        });
    }
    for migration in migrations {
        let applied: Option<String> = tx
            .query_row(
                "SELECT statements FROM schema_migrations WHERE role = ?1 AND number = ?2",
                (role, migration.number),
                |row| row.get(0),
            )
            .optional()?;
        match applied {
            Some(statements) if statements == migration.sql => {}
            Some(_) => {
                return Err(Error::ChangedMigration {
                    role: role.to_owned(),
                    number: migration.number,
                });
            }
            None => {
                tx.execute_batch(migration.sql)?;
                tx.execute(
                    "INSERT INTO schema_migrations (role, number, statements) VALUES (?1, ?2, ?3)",
                    (role, migration.number, migration.sql),
                )?;
            }
        }
    }
    tx.commit()?;
    Ok(())
}
