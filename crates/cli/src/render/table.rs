//! docker's tables: left-aligned cells, the last column unpadded.

use super::printable::printable;

/// The narrowest column.
const MIN_WIDTH: usize = 10;
/// Blanks after the longest cell of a column.
const PADDING: usize = 3;

/// Lays rows of equal length out; every line ends with a newline.
pub fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| printable(cell).into_owned()))
        .collect();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count() + PADDING)
            .max()
            .unwrap_or(0)
            .max(MIN_WIDTH)
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
