//! One table in plain text.

use crate::measure::{Better, Ratio, Turns, in_words};

/// What is to be reached.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// Our time, in seconds.
    AtMostSeconds(f64),
    /// How many seconds more than the other program's time.
    AtMostSecondsMore(f64),
    /// How many times better than the other program.
    AtLeastTimes(f64),
    /// Our size, in bytes.
    AtMostBytes(u64),
    /// Nothing: the figure explains another one.
    Shown,
}

/// A line of the table.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// The row's name.
    pub(crate) name: &'static str,
    /// What was compared, for the notes below the table.
    pub(crate) note: String,
    ours: String,
    peer: String,
    ratio: Option<Ratio>,
    target: Target,
    /// How far on the right side of the target: 1 is exactly on it, below 1 is a miss.
    reached: f64,
}

/// `--strict` forgives a fifth: these machines are noisy.
const TOLERANCE: f64 = 0.8;

impl Line {
    /// A comparison of times.
    pub(crate) fn times(name: &'static str, note: String, turns: &Turns, target: Target) -> Self {
        let shown = (in_words(turns.ours.median()), in_words(turns.peer.median()));
        Self::compare(name, note, turns, Better::Smaller, shown, target)
    }

    /// A comparison of requests per second.
    pub(crate) fn rates(name: &'static str, note: String, turns: &Turns, target: Target) -> Self {
        let per_second = |rate: f64| format!("{rate:.0} /s");
        let shown = (
            per_second(turns.ours.median()),
            per_second(turns.peer.median()),
        );
        Self::compare(name, note, turns, Better::Larger, shown, target)
    }

    /// A comparison of sizes in bytes.
    pub(crate) fn sizes(name: &'static str, note: String, turns: &Turns, target: Target) -> Self {
        let shown = |bytes: f64| format!("{:.1} MB", bytes / 1e6);
        let shown = (shown(turns.ours.median()), shown(turns.peer.median()));
        Self::compare(name, note, turns, Better::Smaller, shown, target)
    }

    /// A size in bytes, compared with nothing.
    pub(crate) fn size(name: &'static str, note: String, bytes: u64, limit: u64) -> Self {
        Self {
            name,
            note,
            ours: megabytes(bytes),
            peer: "-".to_owned(),
            ratio: None,
            target: Target::AtMostBytes(limit),
            reached: float(limit) / float(bytes),
        }
    }

    /// Whether the target is missed by more than the tolerance.
    pub(crate) fn misses_by_far(&self) -> bool {
        // A figure that is none is a miss too.
        !matches!(self.reached.partial_cmp(&TOLERANCE), Some(order) if order.is_ge())
    }

    fn passes(&self) -> bool {
        self.reached >= 1.0
    }

    fn compare(
        name: &'static str,
        note: String,
        turns: &Turns,
        better: Better,
        (ours, peer): (String, String),
        target: Target,
    ) -> Self {
        let ratio = turns.ratio(better);
        let reached = match target {
            Target::AtMostSeconds(limit) => limit / turns.ours.median(),
            // Not slower at all is far on the right side.
            Target::AtMostSecondsMore(limit) => limit / turns.more().clamp(0.0, f64::INFINITY),
            Target::AtLeastTimes(times) => ratio.median / times,
            Target::AtMostBytes(_) => f64::NAN,
            Target::Shown => f64::INFINITY,
        };
        Self {
            name,
            note,
            ours,
            peer,
            ratio: Some(ratio),
            target,
            reached,
        }
    }
}

/// The whole answer: circumstances, table, notes.
pub(crate) fn render(circumstances: &str, lines: &[Line]) -> String {
    let mut rows = vec![["", "ours", "peer", "ratio (min-max)", "target", ""].map(str::to_owned)];
    rows.extend(
        lines
            .iter()
            .enumerate()
            .map(|(index, line)| cells(index, line)),
    );
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in std::iter::zip(&mut widths, row) {
            *width = (*width).max(cell.len());
        }
    }
    let mut text = format!("{circumstances}\n\n");
    for row in &rows {
        let padded = std::iter::zip(row, widths).enumerate();
        let cells: Vec<String> = padded
            .map(|(column, (cell, width))| match column {
                1..=3 => format!("{cell:>width$}"),
                _ => format!("{cell:<width$}"),
            })
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text.push('\n');
    for (index, line) in lines.iter().enumerate() {
        text.push_str(&format!("{}. {}\n", index + 1, line.note));
    }
    text
}

fn cells(index: usize, line: &Line) -> [String; 6] {
    let ratio = line.ratio.map_or_else(String::new, |ratio| {
        format!(
            "{} ({}-{})",
            times(ratio.median),
            times(ratio.min),
            times(ratio.max)
        )
    });
    let target = match line.target {
        Target::AtMostSeconds(limit) => format!("<= {}", in_words(limit)),
        Target::AtMostSecondsMore(limit) => format!("<= {} more", in_words(limit)),
        Target::AtLeastTimes(least) => format!(">= {least}x"),
        Target::AtMostBytes(limit) => format!("<= {}", megabytes(limit)),
        Target::Shown => String::new(),
    };
    let verdict = match line.target {
        Target::Shown => "",
        _ if line.passes() => "pass",
        _ => "MISS",
    };
    [
        format!("{}. {}", index + 1, line.name),
        line.ours.clone(),
        line.peer.clone(),
        ratio,
        target,
        verdict.to_owned(),
    ]
}

fn times(ratio: f64) -> String {
    if ratio < 10.0 {
        format!("{ratio:.2}x")
    } else {
        format!("{ratio:.0}x")
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", float(bytes) / 1e6)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "file sizes are far below 2^52, and shown with three digits"
)]
fn float(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(ours: f64, peer: f64) -> Turns {
        Turns::take(1, || ours, || peer)
    }

    #[test]
    fn the_table_reads_well() {
        let lines = [
            Line::times(
                "list",
                "one".into(),
                &turns(0.05, 0.4),
                Target::AtLeastTimes(5.0),
            ),
            Line::times(
                "startup",
                "two".into(),
                &turns(0.02, 0.1),
                Target::AtMostSeconds(0.01),
            ),
            Line::rates(
                "load",
                "three".into(),
                &turns(6000.0, 1000.0),
                Target::AtLeastTimes(5.0),
            ),
            Line::size("size", "four".into(), 24_000_000, 25_000_000),
            Line::sizes(
                "memory",
                "five".into(),
                &turns(2e7, 1e8),
                Target::AtLeastTimes(4.0),
            ),
        ];
        let expected = "\
somewhere

               ours     peer      ratio (min-max)      target
1. list     50.0 ms 400.0 ms  8.00x (8.00x-8.00x)     >= 5x       pass";
        let text = render("somewhere", &lines);
        // Columns are as wide as their widest cell, so only the words are compared.
        let words =
            |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
        assert!(words(&text).starts_with(&words(expected)), "{text}");
        for part in [
            "2. startup 20.0 ms 100.0 ms 5.00x (5.00x-5.00x) <= 10.0 ms MISS",
            "3. load 6000 /s 1000 /s 6.00x (6.00x-6.00x) >= 5x pass",
            "4. size 24.0 MB - <= 25.0 MB pass",
            "5. memory 20.0 MB 100.0 MB 5.00x (5.00x-5.00x) >= 4x pass",
            "1. one 2. two 3. three 4. four 5. five",
        ] {
            assert!(words(&text).join(" ").contains(part), "{text}");
        }
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    }

    #[test]
    fn a_miss_within_the_tolerance_is_forgiven_to_strict() {
        let line = |ours| {
            Line::times(
                "x",
                String::new(),
                &turns(ours, 1.0),
                Target::AtLeastTimes(5.0),
            )
        };
        assert!(line(0.2).passes() && !line(0.2).misses_by_far());
        assert!(!line(0.22).passes() && !line(0.22).misses_by_far());
        assert!(!line(0.3).passes() && line(0.3).misses_by_far());
        let more = |ours| {
            let target = Target::AtMostSecondsMore(0.1);
            Line::times("x", String::new(), &turns(ours, 1.0), target)
        };
        assert!(more(0.9).passes() && more(1.09).passes());
        assert!(!more(1.11).passes() && !more(1.11).misses_by_far());
        assert!(more(1.2).misses_by_far());
        let target = Target::AtMostSecondsMore(0.1);
        let nothing = Line::times("x", String::new(), &Turns::default(), target);
        assert!(!nothing.passes() && nothing.misses_by_far());
        let shown = Line::times("x", String::new(), &turns(1.0, 0.1), Target::Shown);
        assert!(!shown.misses_by_far());
        let nothing = Line::times(
            "x",
            String::new(),
            &Turns::default(),
            Target::AtLeastTimes(5.0),
        );
        assert!(!nothing.passes() && nothing.misses_by_far());
    }
}
