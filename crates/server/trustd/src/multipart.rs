//! `multipart/form-data` as Notary's clients send it (RFC 7578, RFC 2046 5.1).
//!
//! Read here because the file name must come as it was sent: slashes are part of role names, and libraries for browser
//! forms take them for folders.

use bytes::Bytes;

/// Longest block of headers of one part in bytes.
const HEADERS_LIMIT: usize = 4096;

/// Why a body is no form.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MultipartError {
    /// The request's `Content-Type` is another one, or has no boundary.
    #[error("the content type is not multipart/form-data with a boundary")]
    ContentType,
    /// The body ends before the closing boundary.
    #[error("the form ends early")]
    Cut,
    /// The lines before a part's content are not headers with a `Content-Disposition`.
    #[error("a part has malformed headers")]
    Headers,
    /// More parts than a publication can have roles.
    #[error("the form has more than {limit} parts")]
    TooManyParts {
        /// The limit.
        limit: usize,
    },
}

/// One part of a form.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs, reason = "what matters of a part")]
pub struct Part {
    /// The `filename` as it was sent; none if the part has none.
    pub filename: Option<String>,
    /// The content.
    pub content: Bytes,
}

/// The boundary that a `Content-Type` names.
///
/// # Errors
/// [`MultipartError::ContentType`].
pub fn boundary(content_type: &str) -> Result<String, MultipartError> {
    let (kind, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Err(MultipartError::ContentType);
    }
    // RFC 2046 allows 70 characters.
    parameter(parameters, "boundary")
        .filter(|boundary| (1..=70).contains(&boundary.len()))
        .ok_or(MultipartError::ContentType)
}

/// Splits a form into at most `limit` parts, in order.
///
/// # Errors
/// Why it is none.
pub fn parse(body: &Bytes, boundary: &str, limit: usize) -> Result<Vec<Part>, MultipartError> {
    let delimiter = format!("\r\n--{boundary}");
    let mut parts = Vec::new();
    // The first delimiter may stand at the very beginning, without its line end.
    let mut at = if body.starts_with(&delimiter.as_bytes()[2..]) {
        delimiter.len() - 2
    } else {
        find(body, 0, delimiter.as_bytes()).ok_or(MultipartError::Cut)? + delimiter.len()
    };
    loop {
        let rest = body.get(at..).unwrap_or_default();
        if rest.starts_with(b"--") {
            return Ok(parts);
        }
        let line_end = find(body, at, b"\r\n").ok_or(MultipartError::Cut)?;
        if !body[at..line_end].iter().all(|byte| b" \t".contains(byte)) {
            return Err(MultipartError::Headers);
        }
        // Headers end with an empty line, which the end of the delimiter's line begins if there are none.
        let headers_end = find(body, line_end, b"\r\n\r\n").ok_or(MultipartError::Cut)?;
        if headers_end - line_end > HEADERS_LIMIT {
            return Err(MultipartError::Headers);
        }
        let filename = filename(body.get(line_end + 2..headers_end).unwrap_or_default())?;
        let start = headers_end + 4;
        // An empty content leaves its delimiter the line end of the headers.
        let end = find(body, start - 2, delimiter.as_bytes()).ok_or(MultipartError::Cut)?;
        if parts.len() == limit {
            return Err(MultipartError::TooManyParts { limit });
        }
        let content = body.slice(start..end.max(start));
        parts.push(Part { filename, content });
        at = end + delimiter.len();
    }
}

/// The `filename` of the `Content-Disposition` among header lines.
fn filename(headers: &[u8]) -> Result<Option<String>, MultipartError> {
    let headers = std::str::from_utf8(headers).map_err(|_| MultipartError::Headers)?;
    for line in headers.split("\r\n") {
        let (name, value) = line.split_once(':').ok_or(MultipartError::Headers)?;
        if name.trim().eq_ignore_ascii_case("content-disposition") {
            let (_, parameters) = value.split_once(';').unwrap_or_default();
            return Ok(parameter(parameters, "filename"));
        }
    }
    Err(MultipartError::Headers)
}

/// A parameter of `a=b; c="d"`, unquoted.
fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        let (name, after) = rest.split_once('=')?;
        let name = name.trim_matches([' ', '\t', ';']);
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let (value, next) = after.split_once(';').unwrap_or((after, ""));
                (value.trim().to_owned(), next)
            }
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = next;
    }
}

/// The text up to the closing quote, backslash escapes resolved, and what follows it.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((index, c)) = chars.next() {
        match c {
            '"' => return Some((value, &quoted[index + 1..])),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

fn find(body: &[u8], from: usize, wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut at = from;
    loop {
        at += body.get(at..)?.iter().position(|byte| *byte == first)?;
        if body[at..].starts_with(wanted) {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{MultipartError, Part, boundary, parse};

    fn parts(body: &'static str) -> Result<Vec<Part>, MultipartError> {
        parse(&Bytes::from_static(body.as_bytes()), "b", 3)
    }

    fn part(filename: Option<&str>, content: &'static str) -> Part {
        Part {
            filename: filename.map(str::to_owned),
            content: Bytes::from_static(content.as_bytes()),
        }
    }

    #[test]
    fn parts_come_as_they_were_sent() {
        let form = "--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"targets/releases\"\r\n\
            Content-Type: application/octet-stream\r\n\r\n{\r\n--c}\r\n--b \t\r\n\
            content-disposition: form-data; filename=root; name=x\r\n\r\n\r\n--b\r\n\
            Content-Disposition: form-data; name=\"a;filename=no\"\r\n\r\nx\r\n--b--\r\n";
        assert_eq!(
            parts(form).unwrap(),
            [
                part(Some("targets/releases"), "{\r\n--c}"),
                part(Some("root"), ""),
                part(None, "x")
            ]
        );
        assert_eq!(parts("preamble\r\n--b--").unwrap(), []);
        assert_eq!(parts("--b--").unwrap(), []);
        let escaped =
            "--b\r\nContent-Disposition: form-data; filename=\"a\\\"\\\\b\"\r\n\r\n\r\n--b--";
        assert_eq!(parts(escaped).unwrap(), [part(Some("a\"\\b"), "")]);
    }

    #[test]
    fn every_cut_of_a_form_is_refused() {
        let form = "--b\r\nContent-Disposition: form-data; filename=\"root\"\r\n\r\n{}\r\n--b--";
        assert_eq!(parts(form).unwrap(), [part(Some("root"), "{}")]);
        for end in 0..form.len() {
            let cut = Bytes::copy_from_slice(&form.as_bytes()[..end]);
            assert!(parse(&cut, "b", 3).is_err(), "{end}");
        }
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let too_many = "--b\r\nContent-Disposition: x\r\n\r\n\r\n".to_owned()
            + &"--b\r\nContent-Disposition: x\r\n\r\n\r\n".repeat(3)
            + "--b--";
        assert_eq!(
            parse(&Bytes::from(too_many), "b", 3),
            Err(MultipartError::TooManyParts { limit: 3 })
        );
        let long = format!(
            "--b\r\nContent-Disposition: x; filename=\"{}\"\r\n\r\n\r\n--b--",
            "a".repeat(5000)
        );
        assert_eq!(
            parse(&Bytes::from(long), "b", 3),
            Err(MultipartError::Headers)
        );
        for bad in [
            "--bx\r\nContent-Disposition: x\r\n\r\n\r\n--b--",
            "--b\r\nContent-Type: x\r\n\r\n\r\n--b--",
            "--b\r\nno header\r\n\r\n\r\n--b--",
            "--b\r\n\r\n\r\n--b--",
        ] {
            assert_eq!(parts(bad), Err(MultipartError::Headers), "{bad:?}");
        }
        for bad in [
            "",
            "b",
            "--c--",
            "--b\r\nContent-Disposition: x\r\n\r\n{}\n--b--",
        ] {
            assert_eq!(parts(bad), Err(MultipartError::Cut), "{bad:?}");
        }
    }

    #[test]
    fn boundaries_come_from_the_content_type() {
        assert_eq!(boundary("multipart/form-data; boundary=ab").unwrap(), "ab");
        assert_eq!(
            boundary("Multipart/Form-Data;charset=x; BOUNDARY=\"a b\"").unwrap(),
            "a b"
        );
        let long = format!("multipart/form-data; boundary={}", "b".repeat(71));
        for bad in [
            "",
            "application/json",
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\"a",
            "multipart/mixed; boundary=a",
            &long,
        ] {
            assert_eq!(boundary(bad), Err(MultipartError::ContentType), "{bad}");
        }
    }
}
