//! Log lines as notary's users know them, on standard error.

use std::fmt;

use crate::process::Process;
use crate::render::printable::printable;

/// `time="…" level=warning msg="…"`.
pub(crate) fn warning(process: &Process, message: impl fmt::Display) {
    line(process, "warning", message);
}

/// `time="…" level=error msg="…"`.
pub(crate) fn error(process: &Process, message: impl fmt::Display) {
    line(process, "error", message);
}

fn line(process: &Process, level: &str, message: impl fmt::Display) {
    let now = process.now().strftime("%Y-%m-%dT%H:%M:%SZ");
    let message = message.to_string();
    process.err(format_args!(
        "time=\"{now}\" level={level} msg={:?}\n",
        printable(&message)
    ));
}
