//! The form in which metadata is published.

use net::Bytes;
use pki::digest::Sha256Hasher;

/// Digits of the boundary, as in Go's `mime/multipart`.
const BOUNDARY_DIGITS: usize = 60;

/// A body of `multipart/form-data` and its content type.
pub(super) struct Form {
    pub(super) content_type: String,
    pub(super) body: Bytes,
}

/// One part per file, with field name `files` and the role's name as file name, as the stock client sends them
/// (`notary:storage/httpstore.go:NewMultiPartMetaRequest`).
pub(super) fn form<'a>(files: impl Iterator<Item = (&'a str, &'a [u8])> + Clone) -> Form {
    // Derived from the content, so that it cannot occur in it.
    let mut hasher = Sha256Hasher::new();
    files.clone().for_each(|(_, bytes)| hasher.update(bytes));
    let mut boundary = hasher.finish().to_string();
    boundary.truncate(BOUNDARY_DIGITS);

    let mut body = Vec::with_capacity(files.clone().map(|(_, bytes)| bytes.len() + 256).sum());
    for (role, bytes) in files {
        body.extend_from_slice(
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{role}\"\r\n\
                 Content-Type: application/octet-stream\r\n\r\n"
            )
            .as_bytes(),
        );
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Form {
        content_type: format!("multipart/form-data; boundary={boundary}"),
        body: body.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_the_stock_clients() {
        let form = form([("root", &b"{}"[..]), ("targets/releases", b"{\"a\":1}")].into_iter());
        let boundary = form
            .content_type
            .strip_prefix("multipart/form-data; boundary=")
            .unwrap();
        assert_eq!(boundary.len(), 60);
        let expected = "--B\r\nContent-Disposition: form-data; name=\"files\"; filename=\"root\"\r\n\
            Content-Type: application/octet-stream\r\n\r\n{}\r\n\
            --B\r\nContent-Disposition: form-data; name=\"files\"; filename=\"targets/releases\"\r\n\
            Content-Type: application/octet-stream\r\n\r\n{\"a\":1}\r\n--B--\r\n";
        assert_eq!(
            String::from_utf8_lossy(&form.body).replace(boundary, "B"),
            expected
        );
    }
}
