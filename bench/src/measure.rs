//! Taking turns, and what the turns say.

use std::ffi::OsString;
use std::process::{Command, ExitCode, Output};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

/// A program's figures, one per turn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    /// The middle one; of an even number the mean of the middle two.
    pub(crate) fn median(&self) -> f64 {
        median(&self.0)
    }
}

/// We and the other program, turn by turn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turns {
    pub(crate) ours: Samples,
    pub(crate) peer: Samples,
}

/// How many times better we are: the median over the turns, and the worst and the best turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// Which figure is the better one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Better {
    /// As with times.
    Smaller,
    /// As with rates.
    Larger,
}

impl Turns {
    /// Lets both work `rounds` times, one after the other. The first turn of each is only for warming up.
    pub(crate) fn take(
        rounds: usize,
        mut ours: impl FnMut() -> f64,
        mut peer: impl FnMut() -> f64,
    ) -> Self {
        let mut turns = Self::default();
        for round in 0..=rounds {
            let (one, other) = (ours(), peer());
            if round > 0 {
                turns.ours.0.push(one);
                turns.peer.0.push(other);
            }
        }
        turns
    }

    /// How much more we took than the other program: the median over the turns. Less is negative.
    pub(crate) fn more(&self) -> f64 {
        let differences: Vec<f64> = std::iter::zip(&self.ours.0, &self.peer.0)
            .map(|(ours, peer)| ours - peer)
            .collect();
        median(&differences)
    }

    /// Compares turn by turn, so that what slows the machine for a while slows both.
    pub(crate) fn ratio(&self, better: Better) -> Ratio {
        let ratios: Vec<f64> = std::iter::zip(&self.ours.0, &self.peer.0)
            .map(|(ours, peer)| match better {
                Better::Smaller => peer / ours,
                Better::Larger => ours / peer,
            })
            .collect();
        Ratio {
            median: median(&ratios),
            min: ratios.iter().copied().fold(f64::INFINITY, f64::min),
            max: ratios.iter().copied().fold(0.0, f64::max),
        }
    }
}

/// The first argument with which this program runs another one only to tell that one's peak memory; see [`peak_bytes`].
pub(crate) const PEAK_OF: &str = "--peak-of";

/// Runs a program to its end and returns the most memory that it had resident, in bytes.
///
/// # Panics
///
/// As [`seconds`].
pub(crate) fn peak_bytes(command: &Command, says: impl Fn(&str) -> bool) -> f64 {
    // The kernel tells the peak of all children together, so each gets a parent of its own.
    let ourselves = std::env::current_exe().expect("this program has a file");
    let mut parent = Command::new(ourselves);
    parent
        .arg(PEAK_OF)
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            parent.env(name, value);
        }
    }
    if let Some(folder) = command.get_current_dir() {
        parent.current_dir(folder);
    }
    let (_, stderr) = finish(parent, says);
    let peak = stderr.lines().last().and_then(|line| line.parse().ok());
    peak.expect("the parent tells the peak in its last line")
}

/// What [`peak_bytes`] starts: runs the program in `words` and prints its peak memory in bytes to standard error.
pub(crate) fn tell_peak(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut words = words.into_iter();
    let program = words.next().unwrap_or_default();
    match Command::new(&program).args(words).status() {
        Ok(status) if status.success() => {}
        outcome => {
            eprintln!("{}: {outcome:?}", program.display());
            return ExitCode::FAILURE;
        }
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the kernel keeps count");
    eprintln!("{}", usage.max_rss() * 1024);
    ExitCode::SUCCESS
}

/// Runs a program to its end and returns how many seconds that took.
///
/// # Panics
///
/// When it cannot be started, fails, or `says` does not hold for its standard output: the time of a wrong answer is
/// no figure.
pub(crate) fn seconds(command: Command, says: impl Fn(&str) -> bool) -> f64 {
    finish(command, says).0.as_secs_f64()
}

/// Runs a program to its end; how long that took, and what it said on standard error.
fn finish(mut command: Command, says: impl Fn(&str) -> bool) -> (Duration, String) {
    let begin = Instant::now();
    let output = command.output();
    let elapsed = begin.elapsed();
    let Output {
        status,
        stdout,
        stderr,
    } = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stdout = String::from_utf8_lossy(&stdout);
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(
        status.success() && says(&stdout),
        "{command:?}: {status}\n{}\n{}",
        end_of(&stdout),
        end_of(&stderr)
    );
    (elapsed, stderr.into_owned())
}

/// The sum of many short runs, each too short to be timed alone on a busy machine, divided by their number.
pub(crate) fn mean_seconds(times: usize, mut once: impl FnMut() -> f64) -> f64 {
    let total: f64 = (0..times).map(|_| once()).sum();
    total / count(times)
}

/// As a number to calculate with.
pub(crate) fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).expect("counts of a measurement are small"))
}

/// `1.2 s`, `3.4 ms`.
pub(crate) fn in_words(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{:.1} ms", seconds * 1000.0)
    } else {
        format!("{seconds:.2} s")
    }
}

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.get(middle), sorted.len() % 2) {
        (Some(&one), 1) => one,
        (Some(&upper), _) => sorted
            .get(middle - 1)
            .map_or(upper, |lower| f64::midpoint(*lower, upper)),
        (None, _) => f64::NAN,
    }
}

fn end_of(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn both_take_turns_and_the_first_does_not_count() {
        let order = std::cell::RefCell::new(String::new());
        let mut times = [100.0, 1.0, 2.0].into_iter();
        let mut others = [1.0, 8.0, 4.0].into_iter();
        let turns = Turns::take(
            2,
            || {
                order.borrow_mut().push('a');
                times.next().expect("three turns")
            },
            || {
                order.borrow_mut().push('b');
                others.next().expect("three turns")
            },
        );
        assert_eq!(order.into_inner(), "ababab");
        let expected = Ratio {
            median: 5.0,
            min: 2.0,
            max: 8.0,
        };
        assert_eq!(turns.ratio(Better::Smaller), expected);
        let inverse = turns.ratio(Better::Larger);
        assert_eq!((inverse.min, inverse.max), (0.125, 0.5));
        assert_eq!((turns.ours.median(), turns.peer.median()), (1.5, 6.0));
        assert_eq!(turns.more(), -4.5);
    }

    #[test]
    fn a_run_is_timed() {
        let mut sleep = Command::new("sh");
        sleep.args(["-c", "sleep 0.05; echo done"]);
        assert!(seconds(sleep, |said| said == "done\n") >= 0.05);
    }

    #[test]
    #[should_panic(expected = "no such thing")]
    fn a_failure_is_not_timed() {
        let mut failing = Command::new("sh");
        failing.args(["-c", "echo no such thing >&2; exit 1"]);
        seconds(failing, |_| true);
    }

    #[test]
    #[should_panic(expected = "exit status: 0")]
    fn a_wrong_answer_is_not_timed() {
        seconds(Command::new("true"), |said| said == "an answer");
    }

    #[test]
    fn times_in_words() {
        assert_eq!(in_words(0.01234), "12.3 ms");
        assert_eq!(in_words(1.5), "1.50 s");
    }
}
