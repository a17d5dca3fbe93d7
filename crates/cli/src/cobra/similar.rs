//! What a mistyped word may have meant.

use super::table::Command;

/// Commands that begin alike, or differ in one or two letters.
pub fn similar<R>(command: &Command<R>, word: &str) -> Vec<&'static str> {
    let lower = word.to_lowercase();
    let names = command.visible_commands().into_iter();
    names
        .map(|child| child.name)
        .filter(|name| name.starts_with(&lower) || distance(&lower, name) <= 2)
        .collect()
}

/// Letters to insert, remove or replace.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, a) in from.chars().enumerate() {
        let mut next = vec![line + 1];
        let pairs = row.iter().zip(row.iter().skip(1)).zip(&to);
        for ((&diagonal, &above), &b) in pairs {
            let left = next.last().copied().unwrap_or_default();
            next.push(
                (diagonal + usize::from(a != b))
                    .min(above + 1)
                    .min(left + 1),
            );
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
