//! The `[sign]` table: what `countersign sign` does.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::PolicyFault;
use super::table::{Parsed, Table, Value, elements, fault, string, texts, wrong_type};
use crate::sign::Format;

const MEMBERS: [&str; 6] = [
    "annotations",
    "format",
    "key",
    "keyless",
    "signing-config",
    "systems",
];
const SYSTEMS: [&str; 2] = ["content-trust", "sigstore"];
/// The words for what is written, as [`parse_formats`] reads them.
const FORMATS: [&str; 4] = ["both", "bundle", "referrer", "tag"];

/// What is to be signed how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignSettings {
    /// By content trust, with the keys of the trust folder.
    pub content_trust: bool,
    /// By Sigstore.
    pub sigstore: Option<Signing>,
}

/// A signature of Sigstore to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signing {
    /// The private key, as the file says where it is: relative to the file, if it is a file. Without one, an identity
    /// signs.
    pub key: Option<String>,
    /// The signing configuration, in the same way.
    pub signing_config: Option<String>,
    /// The forms to write, if the file says so.
    pub formats: Option<Vec<Format>>,
    /// What is signed along.
    pub annotations: BTreeMap<String, String>,
}

/// The forms that a word stands for; none for another word.
#[must_use]
pub fn parse_formats(word: &str) -> Option<Vec<Format>> {
    Some(match word {
        "both" => vec![Format::Tag, Format::Bundle],
        "bundle" => vec![Format::Bundle],
        "referrer" => vec![Format::Referrer],
        "tag" => vec![Format::Tag],
        _ => return None,
    })
}

pub(super) fn read(value: &Value<'_>) -> Parsed<SignSettings> {
    let table = Table::of("sign", value)?;
    table.know(&MEMBERS)?;
    let Some(listed) = table.get("systems") else {
        return table.missing("systems");
    };
    let (mut content_trust, mut sigstore) = (false, false);
    for system in elements("systems", listed)? {
        match string("systems", system)? {
            "content-trust" => content_trust = true,
            "sigstore" => sigstore = true,
            other => return fault(system.span(), choice(other, &SYSTEMS)),
        }
    }
    if !content_trust && !sigstore {
        return fault(listed.span(), PolicyFault::Empty { what: "systems" });
    }
    if !sigstore {
        for member in MEMBERS.into_iter().filter(|member| *member != "systems") {
            table.not(member, "sigstore, which is not among the systems")?;
        }
    }
    Ok(SignSettings {
        content_trust,
        sigstore: sigstore.then(|| signing(&table)).transpose()?,
    })
}

fn signing(table: &Table<'_, '_>) -> Parsed<Signing> {
    let key = match table.one_of(&["key", "keyless"])? {
        ("key", _) => table.place("key")?,
        (_, keyless) => match keyless.get_ref() {
            DeValue::Boolean(true) => None,
            _ => return wrong_type("keyless", "true", keyless),
        },
    };
    let formats = match table.get("format") {
        None => None,
        Some(value) => {
            let word = string("format", value)?;
            match parse_formats(word) {
                Some(formats) => Some(formats),
                None => return fault(value.span(), choice(word, &FORMATS)),
            }
        }
    };
    let annotations = table.get("annotations");
    Ok(Signing {
        key,
        signing_config: table.place("signing-config")?,
        formats,
        annotations: annotations
            .map(|value| texts("annotations", value))
            .transpose()?
            .unwrap_or_default(),
    })
}

fn choice(found: &str, known: &[&'static str]) -> PolicyFault {
    PolicyFault::Choice {
        found: found.to_owned(),
        known: known.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Policy;
    use super::*;

    fn settings(members: &str) -> SignSettings {
        let text = format!("[sign]\n{members}");
        let policy = Policy::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        policy.sign().unwrap().clone()
    }

    fn refused(members: &str) -> (usize, usize, PolicyFault) {
        let error = Policy::parse(&format!("[sign]\n{members}")).unwrap_err();
        (error.line, error.column, error.fault)
    }

    #[test]
    fn what_is_to_be_signed_how() {
        let trust = settings("systems = ['content-trust']");
        assert!(trust.content_trust && trust.sigstore.is_none());
        let both = settings(
            "systems = ['sigstore', 'content-trust']\nkey = 'k'\nformat = 'both'\nannotations = { a = 'b' }",
        );
        assert!(both.content_trust);
        let expected = Signing {
            key: Some("k".to_owned()),
            signing_config: None,
            formats: Some(vec![Format::Tag, Format::Bundle]),
            annotations: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        };
        assert_eq!(both.sigstore, Some(expected));
        let keyless = settings("systems = ['sigstore']\nkeyless = true\nsigning-config = 's.json'");
        let keyless = keyless.sigstore.unwrap();
        assert_eq!((keyless.key, keyless.formats), (None, None));
        assert_eq!(keyless.signing_config.as_deref(), Some("s.json"));
    }

    #[test]
    fn what_is_not_understood_is_refused_where_it_stands() {
        let known = |words: &[&'static str]| words.to_vec();
        for (members, at, expected) in [
            (
                "systems = ['sigstore', 'gpg']",
                (2, 24),
                PolicyFault::Choice {
                    found: "gpg".to_owned(),
                    known: known(&SYSTEMS),
                },
            ),
            (
                "key = 'k'",
                (1, 1),
                PolicyFault::Missing { member: "systems" },
            ),
            (
                "systems = []",
                (2, 11),
                PolicyFault::Empty { what: "systems" },
            ),
            (
                "systems = ['sigstore']",
                (1, 1),
                PolicyFault::ExactlyOne {
                    choices: "key, keyless".to_owned(),
                    found: 0,
                },
            ),
            (
                "systems = ['sigstore']\nkey = 'k'\nkeyless = true",
                (4, 11),
                PolicyFault::ExactlyOne {
                    choices: "key, keyless".to_owned(),
                    found: 2,
                },
            ),
            (
                "systems = ['content-trust']\nkey = 'k'",
                (3, 7),
                PolicyFault::Misplaced {
                    member: "key",
                    of: "sigstore, which is not among the systems",
                },
            ),
            (
                "systems = ['sigstore']\nkey = 'k'\nformat = 'legacy'",
                (4, 10),
                PolicyFault::Choice {
                    found: "legacy".to_owned(),
                    known: known(&FORMATS),
                },
            ),
            (
                "systems = ['sigstore']\nkey = 'k'\npassword = 'p'",
                (4, 1),
                PolicyFault::Unknown {
                    found: "password".to_owned(),
                    known: known(&MEMBERS),
                },
            ),
            (
                "systems = ['sigstore']\nkeyless = false",
                (3, 11),
                PolicyFault::Type {
                    member: "keyless".to_owned(),
                    expected: "true",
                    found: "boolean",
                },
            ),
        ] {
            let (line, column, fault) = refused(members);
            assert_eq!(((line, column), fault), (at, expected), "{members}");
        }
    }
}
