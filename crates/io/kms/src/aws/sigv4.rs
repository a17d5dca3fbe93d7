//! Signature Version 4 (`docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html`), as far
//! as a request without a query needs it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use net::{HeaderName, HeaderValue, Request, Url, header};
use pki::digest::Sha256;
use pki::mac::hmac_sha256;
use zeroize::Zeroizing;

use crate::settings::AwsCredentials;

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What a signature is good for.
pub(super) struct Scope<'a> {
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) now: Timestamp,
}

/// Credentials with characters that no header holds.
#[derive(Debug)]
pub(super) struct NotHeaderText;

/// The request with date, session token and signature over all its headers.
pub(super) fn signed(
    mut request: Request,
    body: &[u8],
    credentials: &AwsCredentials,
    scope: &Scope<'_>,
) -> Result<Request, NotHeaderText> {
    let time = scope.now.strftime("%Y%m%dT%H%M%SZ").to_string();
    request = request.header(DATE, value(&time)?);
    if let Some(token) = &credentials.session_token {
        let mut token = value(token)?;
        token.set_sensitive(true);
        request = request.header(TOKEN, token);
    }
    let headers = canonical_headers(&request)?;
    let names: Vec<&str> = headers.keys().map(String::as_str).collect();
    let names = names.join(";");
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}:{value}\n"))
        .collect();
    let canonical = format!(
        "{}\n{}\n\n{lines}\n{names}\n{}",
        request.method,
        request.url.path(),
        Sha256::of(body)
    );
    let date = time.get(..8).unwrap_or_default();
    let path = format!("{date}/{}/{}/aws4_request", scope.region, scope.service);
    let to_sign = format!(
        "{ALGORITHM}\n{time}\n{path}\n{}",
        Sha256::of(canonical.as_bytes())
    );
    let key = signing_key(credentials, date, scope);
    let signature = hmac_sha256(key.as_slice(), to_sign.as_bytes());
    let id = &credentials.access_key_id;
    let header =
        format!("{ALGORITHM} Credential={id}/{path}, SignedHeaders={names}, Signature={signature}");
    Ok(request.authorization(value(&header)?))
}

fn signing_key(credentials: &AwsCredentials, date: &str, scope: &Scope<'_>) -> Zeroizing<[u8; 32]> {
    let secret = Zeroizing::new(format!("AWS4{}", credentials.secret_access_key.as_str()));
    let mut key = Zeroizing::new(*hmac_sha256(secret.as_bytes(), date.as_bytes()).as_bytes());
    for part in [scope.region, scope.service, "aws4_request"] {
        *key = *hmac_sha256(key.as_slice(), part.as_bytes()).as_bytes();
    }
    key
}

/// Every header that is sent, `host` with them, in the order of their names.
fn canonical_headers(request: &Request) -> Result<BTreeMap<String, String>, NotHeaderText> {
    let mut headers = BTreeMap::from([(header::HOST.to_string(), host(&request.url))]);
    for (name, value) in &request.headers {
        let text = value.to_str().map_err(|_| NotHeaderText)?;
        headers.insert(name.to_string(), text.trim().to_owned());
    }
    Ok(headers)
}

/// As the client sends it: a default port is left out.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn value(text: &str) -> Result<HeaderValue, NotHeaderText> {
    HeaderValue::from_str(text).map_err(|_| NotHeaderText)
}

#[cfg(test)]
mod tests {
    use net::Method;

    use super::*;

    /// The published test suite (`aws-sig-v4-test-suite`): its credentials, scope and session token.
    fn authorization(
        method: Method,
        content_type: Option<&'static str>,
        body: &[u8],
        token: Option<&str>,
    ) -> String {
        let credentials = AwsCredentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned().into(),
            session_token: token.map(|token| token.to_owned().into()),
        };
        let scope = Scope {
            region: "us-east-1",
            service: "service",
            now: "2015-08-30T12:36:00Z".parse().unwrap(),
        };
        let url = Url::parse("https://example.amazonaws.com/").unwrap();
        let mut request = Request::new(method, url);
        if let Some(text) = content_type {
            request = request.header(header::CONTENT_TYPE, HeaderValue::from_static(text));
        }
        let request = signed(request, body, &credentials, &scope).unwrap();
        request.headers[header::AUTHORIZATION]
            .to_str()
            .unwrap()
            .to_owned()
    }

    fn expected(headers: &str, signature: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders={headers}, Signature={signature}"
        )
    }

    #[test]
    fn the_published_test_suite() {
        // get-vanilla, post-vanilla, post-x-www-form-urlencoded, post-sts-header-before
        assert_eq!(
            authorization(Method::GET, None, b"", None),
            expected(
                "host;x-amz-date",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
            )
        );
        assert_eq!(
            authorization(Method::POST, None, b"", None),
            expected(
                "host;x-amz-date",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
            )
        );
        let form = "application/x-www-form-urlencoded";
        assert_eq!(
            authorization(Method::POST, Some(form), b"Param1=value1", None),
            expected(
                "content-type;host;x-amz-date",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
            )
        );
        let token = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeo\
                     IYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5V\
                     SXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yj\
                     c8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
        assert_eq!(
            authorization(Method::POST, None, b"", Some(token)),
            expected(
                "host;x-amz-date;x-amz-security-token",
                "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"
            )
        );
    }
}
