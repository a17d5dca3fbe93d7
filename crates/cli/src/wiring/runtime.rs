//! The runtime of the commands that are clients.

use std::io;
use std::pin::Pin;

/// A runtime on this thread.
///
/// All work is boxed and returns nothing: tokio's own `block_on` would be compiled anew for each piece of work, with
/// the work itself in it, once for every kind of runtime.
#[derive(Debug)]
pub(super) struct Runtime(tokio::runtime::Runtime);

impl Runtime {
    /// Starts it.
    pub(super) fn new() -> io::Result<Self> {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map(Self)
    }

    /// Waits for `work`.
    pub(super) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        let mut outcome = None;
        self.finish(Box::pin(async { outcome = Some(work.await) }));
        outcome.expect("the work has ended")
    }

    fn finish(&self, work: Pin<Box<dyn Future<Output = ()> + '_>>) {
        self.0.block_on(work);
    }
}
