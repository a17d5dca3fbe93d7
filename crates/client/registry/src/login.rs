//! What a login changes in docker's `config.json`.
//!
//! Upstream: `docker/cli:cli/config/credentials/{file,native}_store.go`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::ser::{PrettyFormatter, Serializer};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::docker_config::{CONFIG_MAX, read_bounded};
use crate::error::ConfigError;

const AUTHS: &str = "auths";

/// An object whose members stay as they are written.
#[derive(Deserialize)]
#[serde(transparent)]
struct Object<'a>(#[serde(borrow)] BTreeMap<Cow<'a, str>, &'a RawValue>);

#[derive(Serialize)]
#[serde(untagged)]
enum Member<'a> {
    Auths(BTreeMap<Cow<'a, str>, Entry<'a>>),
    Kept(&'a RawValue),
}

#[derive(Serialize)]
#[serde(untagged)]
enum Entry<'a> {
    Kept(&'a RawValue),
    New {
        #[serde(skip_serializing_if = "str::is_empty")]
        auth: &'a str,
    },
}

/// The text of the `config.json` at `path` with a login of `key`, user name and password; everything else in it stays.
/// Without a login, one that a credential helper keeps, the key stands there with nothing in it, as docker writes it.
///
/// # Errors
/// The file is there and cannot be read, or is no such configuration.
pub fn config_with_login(
    path: &Path,
    key: &str,
    login: Option<(&str, &str)>,
) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    let before = read_bounded(path, CONFIG_MAX)?.unwrap_or_default();
    let malformed = |source| ConfigError::Malformed {
        path: path.to_owned(),
        source,
    };
    let file = members(&before).map_err(malformed)?;
    let auths = file.0.get(AUTHS).map_or("", |auths| auths.get());
    let auths = members(auths.as_bytes()).map_err(malformed)?;
    let auth = Zeroizing::new(match login {
        None => String::new(),
        Some((username, password)) => {
            let both = Zeroizing::new(format!("{username}:{password}"));
            STANDARD.encode(both.as_bytes())
        }
    });
    let kept = |(name, value)| (name, Entry::Kept(value));
    let mut auths: BTreeMap<_, _> = auths.0.into_iter().map(kept).collect();
    auths.insert(Cow::Borrowed(key), Entry::New { auth: &auth });
    let kept = |(name, value)| (name, Member::Kept(value));
    let mut file: BTreeMap<_, _> = file.0.into_iter().map(kept).collect();
    file.insert(Cow::Borrowed(AUTHS), Member::Auths(auths));

    let mut text = Zeroizing::new(Vec::with_capacity(before.len() + 2 * auth.len() + 1024));
    let tabs = PrettyFormatter::with_indent(b"\t");
    file.serialize(&mut Serializer::with_formatter(&mut *text, tabs))
        .map_err(malformed)?;
    Ok(text)
}

fn members(json: &[u8]) -> Result<Object<'_>, serde_json::Error> {
    let json = json.trim_ascii();
    if json.is_empty() || json == b"null" {
        return Ok(Object(BTreeMap::new()));
    }
    serde_json::from_slice(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(before: Option<&str>, login: Option<(&str, &str)>) -> Result<String, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        if let Some(before) = before {
            std::fs::write(&path, before).unwrap();
        }
        config_with_login(&path, "a.example:5000", login)
            .map(|text| String::from_utf8(text.to_vec()).unwrap())
    }

    #[test]
    fn a_new_file_is_as_docker_writes_it() {
        let expected = "{\n\t\"auths\": {\n\t\t\"a.example:5000\": {\n\t\t\t\"auth\": \"Ym9iOnMzY3JldA==\"\n\t\t}\n\t}\n}";
        for before in [None, Some(""), Some("{}"), Some("{\"auths\": null}")] {
            assert_eq!(written(before, Some(("bob", "s3cret"))).unwrap(), expected);
        }
    }

    #[test]
    fn everything_else_stays() {
        let before = "{\n\t\"auths\": {\n\t\t\"a.example:5000\": {\n\t\t\t\"auth\": \"b2xkOm9sZA==\"\n\t\t},\n\t\t\
                      \"z.example\": {\n\t\t\t\"identitytoken\": \"t\\u006fken\"\n\t\t}\n\t},\n\t\"unknown\": [1.50]\n}";
        let after = before.replace("b2xkOm9sZA==", "Ym9iOnMzY3JldA==");
        assert_eq!(
            written(Some(before), Some(("bob", "s3cret"))).unwrap(),
            after
        );
    }

    #[test]
    fn a_helper_keeps_the_login() {
        let text = written(Some("{\"credsStore\": \"x\"}"), None).unwrap();
        assert_eq!(
            text,
            "{\n\t\"auths\": {\n\t\t\"a.example:5000\": {}\n\t},\n\t\"credsStore\": \"x\"\n}"
        );
    }

    #[test]
    fn what_is_no_configuration_is_not_replaced() {
        for before in ["[]", "{\"auths\": 1}", "{"] {
            assert!(matches!(
                written(Some(before), None),
                Err(ConfigError::Malformed { .. })
            ));
        }
    }
}
