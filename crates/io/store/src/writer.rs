//! The writer thread: transactions that wait at the same time share one commit, and so one fsync.

use std::{
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind},
    thread::{self, JoinHandle},
    time::Duration,
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::Error;

/// How many transactions may share a commit.
const GROUP_LIMIT: usize = 128;
/// How many transactions may wait; more callers wait for room in the queue.
const QUEUE_LIMIT: usize = 1024;
/// How often a lone transaction is tried when another process holds the lock, each try lasting the busy time-out.
const BUSY_TRIES: u32 = 3;

/// An open write transaction; a [`Connection`] for everything but its end.
#[derive(Debug)]
pub struct Tx<'a>(&'a Connection);

impl Deref for Tx<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0
    }
}

/// Handle of the writer thread; dropping it lets the thread finish what is queued and waits for it.
pub(crate) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(connection: Connection, busy_timeout: Duration) -> Result<Self, Error> {
        let (queue, jobs) = mpsc::channel(QUEUE_LIMIT);
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || write_until_closed(&connection, jobs, busy_timeout))
            .map_err(|source| Error::File {
                operation: "start a thread for",
                path: "store-writer".into(),
                source,
            })?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    pub(crate) async fn submit<T, E, F>(&self, name: &'static str, body: F) -> Result<T, E>
    where
        F: Fn(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(TypedJob {
            name,
            body,
            result: None,
            answer,
        });
        let queue = self.queue.as_ref().ok_or(Error::Closed)?;
        queue.send(job).await.map_err(|_| Error::Closed)?;
        answered.await.map_err(|_| Error::Closed)?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take()
            // The last handle may be owned by a transaction body, and so be dropped on the writer thread itself.
            && thread.thread().id() != thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("the writer thread of the store panicked");
        }
    }
}

/// A transaction with its types erased.
trait Job: Send {
    fn name(&self) -> &'static str;
    /// Runs the body and keeps its result; whether its effects are wanted.
    fn run(&mut self, tx: &Tx<'_>) -> bool;
    /// Drops the kept result.
    fn forget(&mut self);
    /// Sends the kept result, or `failure` in place of a success that was not stored.
    fn answer(self: Box<Self>, failure: Option<Error>);
}

struct TypedJob<F, T, E> {
    name: &'static str,
    body: F,
    result: Option<Result<T, E>>,
    answer: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Job for TypedJob<F, T, E>
where
    F: Fn(&Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn run(&mut self, tx: &Tx<'_>) -> bool {
        let result = catch_unwind(AssertUnwindSafe(|| (self.body)(tx)))
            .unwrap_or_else(|_| Err(Error::Panicked { name: self.name }.into()));
        self.result.insert(result).is_ok()
    }

    fn forget(&mut self) {
        self.result = None;
    }

    fn answer(self: Box<Self>, failure: Option<Error>) {
        let result = match (self.result, failure) {
            (Some(Err(refused)), _) => Err(refused),
            (_, Some(failure)) => Err(failure.into()),
            (Some(done), None) => done,
            (None, None) => Err(Error::Closed.into()),
        };
        // The caller may have gone away; what was committed stays committed.
        drop(self.answer.send(result));
    }
}

fn write_until_closed(
    connection: &Connection,
    mut jobs: mpsc::Receiver<Box<dyn Job>>,
    busy_timeout: Duration,
) {
    tracing::trace!(?busy_timeout, "the writer of the store has started");
    while let Some(first) = jobs.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP_LIMIT
            && let Ok(next) = jobs.try_recv()
        {
            group.push(next);
        }
        commit_group(connection, group);
    }
}

/// Commits a group at once or, when any step of that fails, its members one by one: a failure that one of them causes
/// (a row too many on a full disk) must not be answered to the others.
fn commit_group(connection: &Connection, mut group: Vec<Box<dyn Job>>) {
    if group.len() > 1 && try_commit(connection, &mut group).is_ok() {
        group.into_iter().for_each(|job| job.answer(None));
        return;
    }
    for mut job in group {
        // A result of the failed attempt may rest on rows of its neighbours that were never committed.
        job.forget();
        commit_alone(connection, job);
    }
}

fn commit_alone(connection: &Connection, job: Box<dyn Job>) {
    let mut job = [job];
    let mut tries = 1;
    let failure = loop {
        match try_commit(connection, &mut job) {
            Ok(()) => break None,
            Err(Error::Busy) if tries < BUSY_TRIES => {
                tracing::warn!(
                    name = job[0].name(),
                    tries,
                    "the database is busy, trying again"
                );
                tries += 1;
            }
            Err(error) => break Some(error),
        }
    };
    let [job] = job;
    job.answer(failure);
}

fn try_commit(connection: &Connection, jobs: &mut [Box<dyn Job>]) -> Result<(), Error> {
    execute(connection, "BEGIN IMMEDIATE")?;
    let result = run_all(connection, jobs).and_then(|()| execute(connection, "COMMIT"));
    if result.is_err() && !connection.is_autocommit() {
        execute(connection, "ROLLBACK")?;
    }
    result
}

fn run_all(connection: &Connection, jobs: &mut [Box<dyn Job>]) -> Result<(), Error> {
    let tx = Tx(connection);
    for job in jobs {
        execute(connection, "SAVEPOINT member")?;
        let wanted = job.run(&tx);
        // A full disk or a failed device makes SQLite end the whole transaction, whatever the body answered.
        if connection.is_autocommit() {
            return Err(Error::Full);
        }
        if !wanted {
            execute(connection, "ROLLBACK TO member")?;
        }
        execute(connection, "RELEASE member")?;
    }
    Ok(())
}

fn execute(connection: &Connection, statement: &str) -> Result<(), Error> {
    connection.prepare_cached(statement)?.execute([])?;
    Ok(())
}
