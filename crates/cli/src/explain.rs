//! `-D`: what the program does, step by step, on standard error.

use std::io;

use tracing::Level;

/// Shows events from now on. A second call changes nothing.
pub(crate) fn on_stderr() {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::DEBUG)
        .with_writer(io::stderr)
        .with_ansi(false)
        .finish();
    let _already_set = tracing::subscriber::set_global_default(subscriber);
}
