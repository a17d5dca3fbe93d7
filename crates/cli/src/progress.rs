//! A progress bar on standard error, on a terminal only.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::process::Process;

/// Fewer steps than this are over before a bar helps.
const WORTH_SHOWING: u64 = 5;

/// A bar for `steps` steps; silent without a terminal or for a handful of steps. Gone when finished.
pub fn bar(process: &Process, steps: u64, what: &'static str) -> ProgressBar {
    if !process.terminals().stderr || steps < WORTH_SHOWING {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_message(what);
    bar
}
