//! The order in which docker lists tags and signers: `v1, v2, v10`.

use std::cmp::Ordering;

/// Compares two names; runs of ASCII digits count as numbers, leading zeros only break ties, the rest is bytewise.
pub fn compare(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    loop {
        let (Some(a), Some(b)) = (left.first(), right.first()) else {
            return left.len().cmp(&right.len());
        };
        match (a.is_ascii_digit(), b.is_ascii_digit()) {
            (true, true) => {
                let (number_left, rest_left) = number(left);
                let (number_right, rest_right) = number(right);
                let order = compare_numbers(number_left, number_right);
                if order != Ordering::Equal {
                    return order;
                }
                (left, right) = (rest_left, rest_right);
            }
            // The name whose word part ends first comes first: `ab1` before `abc1`.
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) if a != b => return a.cmp(b),
            (false, false) => {
                left = left.get(1..).unwrap_or_default();
                right = right.get(1..).unwrap_or_default();
            }
        }
    }
}

fn number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

fn compare_numbers(left: &[u8], right: &[u8]) -> Ordering {
    let (plain_left, plain_right) = (without_zeros(left), without_zeros(right));
    plain_left
        .len()
        .cmp(&plain_right.len())
        .then_with(|| plain_left.cmp(plain_right))
        .then_with(|| left.len().cmp(&right.len()))
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    digits.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_as_numbers() {
        let mut tags = vec![
            "v10", "v2", "v02", "v1", "v", "1.10", "1.9", "abc1", "ab1", "ab", "B", "a",
        ];
        tags.sort_by(|a, b| compare(a, b));
        assert_eq!(
            tags,
            [
                "1.9", "1.10", "B", "a", "ab", "ab1", "abc1", "v", "v1", "v2", "v02", "v10"
            ]
        );
    }
}
