//! docker's and notary's tables: left-aligned cells, the last column unpadded.

use super::printable::printable;

/// The narrowest column.
const MIN_WIDTH: usize = 10;
/// Blanks after the longest cell of a column.
const PADDING: usize = 3;

/// Lays rows of equal length out; every line ends with a newline.
pub fn table<const N: usize>(rows: &[[String; N]]) -> String {
    spaced(rows, MIN_WIDTH, PADDING)
}

/// notary's tables: the headings underlined with dashes, four blanks after the longest cell.
pub fn columns<const N: usize>(
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let top = [
        headings.map(str::to_owned),
        headings.map(|heading| "-".repeat(heading.len())),
    ];
    let rows: Vec<_> = top.into_iter().chain(rows).collect();
    spaced(&rows, 4, 4)
}

fn spaced<const N: usize>(rows: &[[String; N]], min_width: usize, padding: usize) -> String {
    let rows: Vec<[String; N]> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| printable(cell).into_owned()))
        .collect();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count() + padding)
            .max()
            .unwrap_or(0)
            .max(min_width)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        for (index, (cell, width)) in row.iter().zip(&widths).enumerate() {
            text.push_str(cell);
            if index + 1 < N {
                text.extend(std::iter::repeat_n(' ', width - cell.chars().count()));
            }
        }
        text.push('\n');
    }
    text
}
