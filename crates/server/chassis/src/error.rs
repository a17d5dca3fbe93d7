use axum::{body::Body, response::Response};
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use serde::Serialize;

/// One entry of the error envelope that the registry and the trust server share:
/// `{"errors":[{"code":…,"message":…,"detail":…}]}`.
///
/// Source: OCI distribution specification 1.1, "Error Codes"; Notary's server answers in the same shape.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorEntry {
    /// The protocol's own code, upper case with underscores.
    pub code: &'static str,
    /// The sentence for people.
    pub message: String,
    /// Whatever the protocol says about this code; left out when `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct Envelope<'a> {
    errors: &'a [ErrorEntry],
}

/// Renders the envelope, with a final newline and `application/json; charset=utf-8`, as both protocols' servers do.
#[must_use]
pub fn error_response(status: StatusCode, errors: &[ErrorEntry]) -> Response {
    let mut text =
        serde_json::to_string(&Envelope { errors }).expect("strings and values serialise");
    text.push('\n');
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    response
}
