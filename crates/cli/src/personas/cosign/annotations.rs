//! `-a name=value`.
//!
//! cosign reads each occurrence as one CSV record of pairs with exactly one `=`, so that a comma, a quote or a second
//! `=` in a value breaks it. Here every text that cosign accepts means the same, and the others mean what was meant:
//! a piece without `=` belongs to the value before its comma, the first `=` divides, and a bare quote is a quote.

use std::collections::BTreeMap;

use super::error::Error;

/// The pairs of all occurrences; of a name that is given twice, the last value.
///
/// # Errors
/// A first piece without `=`.
pub(crate) fn parse(occurrences: &[String]) -> Result<BTreeMap<String, String>, Error> {
    let mut pairs = BTreeMap::new();
    for text in occurrences {
        let mut last: Option<String> = None;
        for piece in pieces(text) {
            match (piece.split_once('='), &last) {
                (Some((name, value)), _) => {
                    pairs.insert(name.to_owned(), value.to_owned());
                    last = Some(name.to_owned());
                }
                (None, Some(name)) => {
                    let value = pairs.entry(name.clone()).or_default();
                    value.push(',');
                    value.push_str(&piece);
                }
                (None, None) => {
                    return Err(Error::Usage {
                        problem: format!(
                            "unable to parse annotation: {piece}\nWrite it as name=value."
                        ),
                    });
                }
            }
        }
    }
    Ok(pairs)
}

/// The fields of a CSV record (RFC 4180), leniently: a field is quoted only if its closing quote ends it.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let (piece, after) = match quoted(rest) {
            Some((piece, after)) => (piece, after),
            None => match rest.split_once(',') {
                Some((piece, after)) => (piece.to_owned(), Some(after)),
                None => (rest.to_owned(), None),
            },
        };
        pieces.push(piece);
        match after {
            Some(after) => rest = after,
            None => return pieces,
        }
    }
}

/// A quoted field at the start, and what follows its comma.
fn quoted(text: &str) -> Option<(String, Option<&str>)> {
    let mut rest = text.strip_prefix('"')?;
    let mut field = String::new();
    loop {
        let (before, after) = rest.split_once('"')?;
        field.push_str(before);
        if let Some(after) = after.strip_prefix('"') {
            field.push('"');
            rest = after;
        } else if after.is_empty() {
            return Some((field, None));
        } else {
            return Some((field, Some(after.strip_prefix(',')?)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(occurrences: &[&str]) -> Vec<(String, String)> {
        let occurrences: Vec<String> = occurrences.iter().map(|&text| text.to_owned()).collect();
        parse(&occurrences)
            .expect("annotations")
            .into_iter()
            .collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    /// Measured with cosign 2.5.0 and 3.1.1.
    #[test]
    fn what_cosign_accepts_means_the_same() {
        assert_eq!(read(&["a=1,b=2"]), pairs(&[("a", "1"), ("b", "2")]));
        assert_eq!(read(&["tag="]), pairs(&[("tag", "")]));
        assert_eq!(read(&["=v"]), pairs(&[("", "v")]));
        assert_eq!(read(&["n= lead"]), pairs(&[("n", " lead")]));
        assert_eq!(read(&["n=ü"]), pairs(&[("n", "ü")]));
        assert_eq!(read(&["n=1", "n=2"]), pairs(&[("n", "2")]));
        assert_eq!(read(&["\"n=Doe, Jane\""]), pairs(&[("n", "Doe, Jane")]));
        assert_eq!(
            read(&["\"n=a \"\"b\"\"\",m=1"]),
            pairs(&[("m", "1"), ("n", "a \"b\"")])
        );
    }

    #[test]
    fn what_cosign_refuses_means_what_was_meant() {
        assert_eq!(read(&["n=Doe, Jane"]), pairs(&[("n", "Doe, Jane")]));
        assert_eq!(
            read(&["u=https://e.com/?a=1&b=2"]),
            pairs(&[("u", "https://e.com/?a=1&b=2")])
        );
        assert_eq!(
            read(&["n=Jane \"JD\" Doe"]),
            pairs(&[("n", "Jane \"JD\" Doe")])
        );
        assert_eq!(read(&["n=\"Q\""]), pairs(&[("n", "\"Q\"")]));
        assert_eq!(read(&["n=1,,m=2"]), pairs(&[("m", "2"), ("n", "1,")]));
        assert_eq!(read(&["n=a\nb"]), pairs(&[("n", "a\nb")]));
    }

    #[test]
    fn without_any_name() {
        let error = parse(&["novalue".to_owned()]).expect_err("no =");
        assert!(
            error
                .text()
                .starts_with("unable to parse annotation: novalue")
        );
    }
}
