//! What the roles rely on: durability, isolation, rollback, shared commits, migrations.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::{sync::Arc, time::Duration};

use store::{Database, Error, Migration, Options};
use tempfile::TempDir;

const FIRST: Migration = Migration {
    number: 1,
    sql: "CREATE TABLE entries (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT",
};
const SECOND: Migration = Migration {
    number: 2,
    sql: "ALTER TABLE entries ADD COLUMN note TEXT",
};

fn open(folder: &TempDir) -> Database {
    let database = Database::open(&folder.path().join("test.db")).unwrap();
    database.migrate("test", &[FIRST]).unwrap();
    database
}

async fn insert(database: &Database, text: &'static str) -> Result<i64, Error> {
    database
        .run_tx("insert", move |tx| {
            tx.execute("INSERT INTO entries (text) VALUES (?1)", [text])?;
            Ok(tx.last_insert_rowid())
        })
        .await
}

async fn texts(database: &Database) -> Vec<String> {
    database
        .read("texts", |connection| {
            let mut statement =
                connection.prepare_cached("SELECT text FROM entries ORDER BY text")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok::<_, Error>(rows.collect::<Result<_, _>>()?)
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn acknowledged_rows_survive_reopening() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder);
    insert(&database, "kept").await.unwrap();
    drop(database);
    assert_eq!(texts(&open(&folder)).await, ["kept"]);
}

#[tokio::test]
async fn acknowledged_rows_are_in_the_files_while_the_database_is_open() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder);
    insert(&database, "kept").await.unwrap();
    // What a kill would leave: the files as they are now.
    let copy = TempDir::new().unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap().flatten() {
        if !entry.file_name().to_string_lossy().ends_with("-shm") {
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    assert_eq!(texts(&open(&copy)).await, ["kept"]);
}

#[tokio::test]
async fn a_refused_body_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder);
    let refused: Result<(), Error> = database
        .run_tx("refuse", |tx| {
            tx.execute("INSERT INTO entries (text) VALUES ('half')", [])?;
            Err(Error::Busy)
        })
        .await;
    assert!(matches!(refused, Err(Error::Busy)));
    assert!(texts(&database).await.is_empty());
}

#[tokio::test]
async fn a_panic_leaves_nothing_and_the_writer_goes_on() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder);
    let panicked: Result<(), Error> = database
        .run_tx("panic", |tx| {
            tx.execute("INSERT INTO entries (text) VALUES ('half')", [])?;
            panic!("a bug in a body")
        })
        .await;
    assert!(matches!(panicked, Err(Error::Panicked { name: "panic" })));
    insert(&database, "next").await.unwrap();
    assert_eq!(texts(&database).await, ["next"]);
}

#[tokio::test]
async fn one_refusal_in_a_shared_commit_spares_the_others() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder);
    insert(&database, "taken").await.unwrap();
    let wanted: Vec<String> = (0..200)
        .map(|n| {
            if n % 10 == 0 {
                "taken".to_owned()
            } else {
                format!("{n:03}")
            }
        })
        .collect();
    let tasks: Vec<_> = wanted
        .into_iter()
        .map(|text| {
            let database = database.clone();
            tokio::spawn(async move {
                database
                    .run_tx("insert", move |tx| {
                        tx.execute("INSERT INTO entries (text) VALUES (?1)", [&text])?;
                        Ok::<_, Error>(())
                    })
                    .await
            })
        })
        .collect();
    let mut refused = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => {}
            Err(Error::Constraint(_)) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, 20);
    assert_eq!(texts(&database).await.len(), 181);
}

#[tokio::test]
async fn counters_do_not_lose_updates() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder);
    insert(&database, "0").await.unwrap();
    let database = Arc::new(database);
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let database = Arc::clone(&database);
            tokio::spawn(async move {
                database
                    .run_tx("count", |tx| {
                        let seen: String =
                            tx.query_row("SELECT text FROM entries", [], |row| row.get(0))?;
                        let next = seen.parse::<u32>().unwrap() + 1;
                        tx.execute("UPDATE entries SET text = ?1", [next.to_string()])?;
                        Ok::<_, Error>(())
                    })
                    .await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(texts(&database).await, ["100"]);
}

#[tokio::test]
async fn a_read_sees_one_snapshot_and_cannot_write() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder);
    let writer = database.clone();
    let runtime = tokio::runtime::Handle::current();
    let counts = database
        .read("twice", move |connection| {
            let count = || {
                connection.query_row("SELECT count(*) FROM entries", [], |row| {
                    row.get::<_, i64>(0)
                })
            };
            let before = count()?;
            runtime.block_on(insert(&writer, "meanwhile"))?;
            let after = count()?;
            assert!(matches!(
                connection
                    .execute("DELETE FROM entries", [])
                    .map_err(Error::from),
                Err(Error::ReadOnly)
            ));
            Ok::<_, Error>((before, after))
        })
        .await
        .unwrap();
    assert_eq!(counts, (0, 0));
    let later = database
        .read_inline("count", |connection| {
            Ok::<i64, Error>(
                connection.query_row("SELECT count(*) FROM entries", [], |row| row.get(0))?,
            )
        })
        .unwrap();
    assert_eq!(later, 1);
}

#[tokio::test]
async fn foreign_keys_are_enforced() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder);
    database
        .migrate(
            "other",
            &[Migration {
                number: 1,
                sql: "CREATE TABLE notes (entry INTEGER NOT NULL REFERENCES entries (id)) STRICT",
            }],
        )
        .unwrap();
    let orphan: Result<usize, Error> = database
        .run_tx("orphan", |tx| {
            Ok(tx.execute("INSERT INTO notes (entry) VALUES (99)", [])?)
        })
        .await;
    assert!(matches!(orphan, Err(Error::Constraint(_))));
}

#[tokio::test]
async fn a_lock_of_another_process_is_waited_for_and_then_reported() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("test.db");
    let patience = Options {
        busy_timeout: Duration::from_millis(50),
        ..Options::default()
    };
    let holder = open(&folder);
    let database = Database::open_with(&path, patience).unwrap();
    let (held, is_held) = tokio::sync::oneshot::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (held, released) = (
        std::sync::Mutex::new(Some(held)),
        std::sync::Mutex::new(released),
    );
    let holding = tokio::spawn(async move {
        holder
            .run_tx("hold", move |_| {
                held.lock().unwrap().take().unwrap().send(()).unwrap();
                released.lock().unwrap().recv().unwrap();
                Ok::<_, Error>(())
            })
            .await
    });
    is_held.await.unwrap();
    assert!(matches!(
        insert(&database, "blocked").await,
        Err(Error::Busy)
    ));
    release.send(()).unwrap();
    holding.await.unwrap().unwrap();
    insert(&database, "free").await.unwrap();
}

#[test]
fn migrations_apply_once_and_in_order() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder);
    database.migrate("test", &[FIRST, SECOND]).unwrap();
    database.migrate("test", &[FIRST, SECOND]).unwrap();
}

#[test]
fn a_newer_schema_is_refused() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder);
    database.migrate("test", &[FIRST, SECOND]).unwrap();
    drop(database);
    let database = Database::open(&folder.path().join("test.db")).unwrap();
    assert!(matches!(
        database.migrate("test", &[FIRST]),
        Err(Error::NewerSchema { role, found: 2, known: 1 }) if role == "test"
    ));
}

#[test]
fn an_edited_migration_is_refused() {
    let folder = TempDir::new().unwrap();
    let edited = Migration {
        number: 1,
        sql: "CREATE TABLE entries (id INTEGER PRIMARY KEY) STRICT",
    };
    assert!(matches!(
        open(&folder).migrate("test", &[edited]),
        Err(Error::ChangedMigration { number: 1, .. })
    ));
}

#[tokio::test]
async fn a_failing_migration_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder);
    let broken = Migration {
        number: 3,
        sql: "CREATE TABLE third (id INTEGER) STRICT; SELECT no_such_function()",
    };
    assert!(database.migrate("test", &[FIRST, SECOND, broken]).is_err());
    let columns: i64 = database
        .read_inline("columns", |connection| {
            Ok::<_, Error>(connection.query_row(
                "SELECT count(*) FROM pragma_table_info('entries')",
                [],
                |row| row.get(0),
            )?)
        })
        .unwrap();
    assert_eq!(columns, 2);
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("test.db"), [0x55; 4096]).unwrap();
    assert!(matches!(
        Database::open(&folder.path().join("test.db")),
        Err(Error::Corrupt(_))
    ));
    assert!(matches!(
        Database::open(&folder.path().join("missing/test.db")),
        Err(Error::Unopenable { .. })
    ));
}

#[tokio::test]
async fn a_full_database_is_reported_and_keeps_what_it_had() {
    let folder = TempDir::new().unwrap();
    let database = open(&folder);
    insert(&database, "kept").await.unwrap();
    let full: Result<(), Error> = database
        .run_tx("fill", |tx| {
            let pages: i64 = tx.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            tx.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| {
                row.get::<_, i64>(0)
            })?;
            for n in 0..100_000 {
                tx.execute(
                    "INSERT INTO entries (text) VALUES (?1)",
                    [format!("{n:0>100}")],
                )?;
            }
            Ok(())
        })
        .await;
    assert!(matches!(full, Err(Error::Full)), "{full:?}");
    assert_eq!(texts(&database).await, ["kept"]);
}
