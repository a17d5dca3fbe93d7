//! What may be shown of requests and answers.

use http::{HeaderMap, HeaderName, header};
use url::Url;

const HIDDEN: &str = "[hidden]";

/// The address with the values of secret query parameters, and any credentials, replaced.
pub fn redacted_url(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_fragment(None);
    // Both setters fail only for addresses that cannot hold credentials.
    shown.set_username("").ok();
    shown.set_password(None).ok();
    if let Some(query) = url.query() {
        let parts: Vec<String> = query.split('&').map(redacted_parameter).collect();
        shown.set_query(Some(&parts.join("&")));
    }
    shown.into()
}

/// The headers as name and value, with the values of secret ones replaced.
pub fn redacted_headers(headers: &HeaderMap) -> Vec<(&str, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            let shown = if value.is_sensitive() || is_secret_header(name) {
                HIDDEN.to_owned()
            } else if *name == header::LOCATION {
                value
                    .to_str()
                    .map_or_else(|_| HIDDEN.to_owned(), redacted_location)
            } else {
                String::from_utf8_lossy(value.as_bytes()).into_owned()
            };
            (name.as_str(), shown)
        })
        .collect()
}

/// The same of text that is meant to be an address.
pub fn redacted_text(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) if url.has_host() => redacted_url(&url),
        // Nothing says where a secret would be: show what cannot hold one.
        _ if text.contains('@') => HIDDEN.to_owned(),
        _ => text
            .split(['?', '#'])
            .next()
            .unwrap_or_default()
            .chars()
            .take(200)
            .collect(),
    }
}

pub(crate) fn is_secret_header(name: &HeaderName) -> bool {
    const SECRET: [HeaderName; 4] = [
        header::AUTHORIZATION,
        header::COOKIE,
        header::PROXY_AUTHORIZATION,
        header::SET_COOKIE,
    ];
    SECRET.contains(name)
        || ["token", "secret", "api-key"]
            .iter()
            .any(|word| name.as_str().contains(word))
}

fn redacted_location(text: &str) -> String {
    match text.split_once('?') {
        Some((path, query)) if Url::parse(text).is_err() => {
            let parts: Vec<String> = query.split('&').map(redacted_parameter).collect();
            format!("{path}?{}", parts.join("&"))
        }
        _ => redacted_text(text),
    }
}

fn redacted_parameter(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if is_secret_parameter(name) => format!("{name}={HIDDEN}"),
        _ => pair.to_owned(),
    }
}

/// Tokens, and the signatures of pre-signed object-storage addresses, which are credentials too.
fn is_secret_parameter(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        "token",
        "secret",
        "password",
        "signature",
        "credential",
        "api_key",
        "apikey",
    ]
    .iter()
    .any(|word| name.contains(word))
        || name == "sig"
        || name == "code"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_no_address_shows_no_secret() {
        for (text, shown) in [
            (
                "https://u:hush@a.example/b?token=hush&c=d",
                "https://a.example/b?token=[hidden]&c=d",
            ),
            ("https://u:hush@a b", HIDDEN),
            ("u:hush@a.example:8080", HIDDEN),
            ("https://a b?token=hush", "https://a b"),
            ("a b#hush", "a b"),
        ] {
            assert_eq!(redacted_text(text), shown, "{text}");
        }
    }
}
