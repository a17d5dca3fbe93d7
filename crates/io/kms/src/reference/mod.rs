//! What a user writes after `--key` (`sigstore/cosign:pkg/signature/keys.go`, `sigstore/sigstore:pkg/signature/kms`).

mod cloud;
mod pkcs11;

pub use cloud::{AwsKey, AzureKey, GoogleKey};
pub(crate) use cloud::{is_azure_version, is_region};
pub use pkcs11::Pkcs11Uri;

/// Where a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyReference {
    /// `env://NAME`: a key file's text in an environment variable.
    Environment(String),
    /// A file.
    Path(String),
    /// A key that stays where it is.
    Service(ServiceReference),
    /// A key file and its password that a forge or cluster keeps.
    Stored(StoredKeyFile),
    /// `http://…` or `https://…`: a key file there.
    Url(net::Url),
}

/// A key that stays where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceReference {
    /// `awskms://[ENDPOINT]/ID`.
    Aws(AwsKey),
    /// `azurekms://VAULT/KEY[/VERSION]`.
    Azure(AzureKey),
    /// `gcpkms://projects/…`.
    Google(GoogleKey),
    /// `pkcs11:…`.
    Pkcs11(Pkcs11Uri),
    /// `NAME://…` of a program `sigstore-kms-NAME`.
    Plugin(PluginKey),
    /// `hashivault://KEY` or `openbao://KEY`.
    Vault(VaultKey),
}

/// A key file that another system keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredKeyFile {
    /// `github://OWNER/REPOSITORY` or `github://OWNER`: secrets that can be written and not read.
    GitHub {
        /// What stands after the scheme.
        owner: String,
    },
    /// `gitlab://PROJECT`: CI variables of a project or group, by path or number.
    GitLab {
        /// The path or number.
        project: String,
    },
    /// `k8s://NAMESPACE/SECRET`.
    Kubernetes {
        /// The namespace.
        namespace: String,
        /// The secret's name.
        secret: String,
    },
}

/// A key of Vault's or OpenBao's transit engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultKey {
    /// Its name: letters, digits, `_`, and inside also `-` and `.`.
    pub name: String,
}

/// A key of a plugin (`sigstore/sigstore:pkg/signature/kms/cliplugin`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginKey {
    /// The scheme, which ends the name of the program `sigstore-kms-NAME`.
    pub name: String,
    /// What stands after `://`, for the plugin to read.
    pub resource: String,
}

/// Why text is no reference to a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// No text.
    #[error("empty key reference")]
    Empty,
    /// A reference whose scheme is known and whose rest is not of its form.
    #[error("{reference:?} is not of the form {form}")]
    Form {
        /// The text, without a PIN or a password.
        reference: String,
        /// The form.
        form: &'static str,
    },
    /// A `pkcs11:` URI with an attribute that cannot be used.
    #[error("pkcs11 URI, attribute {attribute:?}: {fault}")]
    Pkcs11 {
        /// Its name.
        attribute: String,
        /// What is wrong.
        fault: &'static str,
    },
}

impl KeyReference {
    /// Reads a reference. What has no scheme is a file's path.
    ///
    /// # Errors
    /// A known scheme with a rest that is not of its form.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        if let Some(rest) = text.strip_prefix("pkcs11:") {
            return Pkcs11Uri::parse(rest).map(|uri| Self::Service(ServiceReference::Pkcs11(uri)));
        }
        let Some((scheme, rest)) = text.split_once("://").filter(|(name, _)| is_scheme(name))
        else {
            return Ok(Self::Path(text.to_owned()));
        };
        let form = |form| ReferenceError::Form {
            reference: text.to_owned(),
            form,
        };
        Ok(match scheme {
            "env" if !rest.is_empty() => Self::Environment(rest.to_owned()),
            "env" => return Err(form("env://NAME")),
            "http" | "https" => {
                Self::Url(net::parse_url(text).map_err(|_| ReferenceError::Form {
                    reference: net::redacted_text(text),
                    form: "https://HOST/PATH, without credentials",
                })?)
            }
            "k8s" => Self::Stored(kubernetes(rest).ok_or(form("k8s://NAMESPACE/SECRET"))?),
            "gitlab" if !rest.is_empty() => Self::Stored(StoredKeyFile::GitLab {
                project: rest.to_owned(),
            }),
            "gitlab" => return Err(form("gitlab://PROJECT")),
            "github" => Self::Stored(StoredKeyFile::GitHub {
                owner: rest.to_owned(),
            }),
            _ => Self::Service(service(scheme, rest).map_err(form)?),
        })
    }
}

fn service(scheme: &str, rest: &str) -> Result<ServiceReference, &'static str> {
    Ok(match scheme {
        "awskms" => ServiceReference::Aws(AwsKey::parse(rest).ok_or(AwsKey::FORM)?),
        "azurekms" => ServiceReference::Azure(AzureKey::parse(rest).ok_or(AzureKey::FORM)?),
        "gcpkms" => ServiceReference::Google(GoogleKey::parse(rest).ok_or(GoogleKey::FORM)?),
        "hashivault" | "openbao" => ServiceReference::Vault(
            VaultKey::parse(rest).ok_or("hashivault://KEY or openbao://KEY")?,
        ),
        _ => ServiceReference::Plugin(PluginKey {
            name: scheme.to_owned(),
            resource: rest.to_owned(),
        }),
    })
}

impl VaultKey {
    fn parse(name: &str) -> Option<Self> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let ends = |byte: Option<&u8>| byte.is_some_and(|byte| word(*byte));
        let bytes = name.as_bytes();
        let fits = ends(bytes.first())
            && ends(bytes.last())
            && bytes
                .iter()
                .all(|byte| word(*byte) || matches!(byte, b'-' | b'.'));
        fits.then(|| Self {
            name: name.to_owned(),
        })
    }
}

fn kubernetes(rest: &str) -> Option<StoredKeyFile> {
    let (namespace, secret) = rest.split_once('/')?;
    (!namespace.is_empty() && !secret.is_empty() && !secret.contains('/')).then(|| {
        StoredKeyFile::Kubernetes {
            namespace: namespace.to_owned(),
            secret: secret.to_owned(),
        }
    })
}

/// RFC 3986 3.1; a path such as `./a://b` is none.
fn is_scheme(text: &str) -> bool {
    text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service_of(text: &str) -> ServiceReference {
        match KeyReference::parse(text) {
            Ok(KeyReference::Service(service)) => service,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn files_variables_and_addresses() {
        for path in [
            "cosign.key",
            "/a/b.pem",
            "./a://b",
            "C:\\key",
            "a:b",
            "://x",
        ] {
            assert_eq!(
                KeyReference::parse(path),
                Ok(KeyReference::Path(path.to_owned()))
            );
        }
        assert_eq!(
            KeyReference::parse("env://COSIGN_PRIVATE_KEY"),
            Ok(KeyReference::Environment("COSIGN_PRIVATE_KEY".to_owned()))
        );
        assert!(matches!(
            KeyReference::parse("https://example.com/cosign.pub"),
            Ok(KeyReference::Url(_))
        ));
        assert_eq!(KeyReference::parse(""), Err(ReferenceError::Empty));
        for broken in [
            "env://",
            "https://user:password@example.com/",
            "https://user:password@example com/",
            "http://",
            "gitlab://",
        ] {
            match KeyReference::parse(broken) {
                Err(ReferenceError::Form { reference, .. }) => {
                    assert!(!reference.contains("password"), "{reference}");
                }
                other => panic!("{broken}: {other:?}"),
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(
            scheme in "(env|https?|k8s|gitlab|github|awskms|azurekms|gcpkms|hashivault|[a-z]{1,3})://|pkcs11:|",
            rest in "([a-z0-9/:;=?&%@.-]|\\PC){0,60}",
        ) {
            let _outcome = KeyReference::parse(&format!("{scheme}{rest}"));
        }
    }

    #[test]
    fn stored_key_files() {
        assert_eq!(
            KeyReference::parse("k8s://space/name"),
            Ok(KeyReference::Stored(StoredKeyFile::Kubernetes {
                namespace: "space".to_owned(),
                secret: "name".to_owned(),
            }))
        );
        assert_eq!(
            KeyReference::parse("gitlab://group/project"),
            Ok(KeyReference::Stored(StoredKeyFile::GitLab {
                project: "group/project".to_owned(),
            }))
        );
        for broken in ["k8s://", "k8s://a", "k8s:///b", "k8s://a/", "k8s://a/b/c"] {
            assert!(KeyReference::parse(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn transit_keys_and_plugins() {
        for text in ["hashivault://a", "openbao://a_b-c.d", "hashivault://0"] {
            assert!(
                matches!(service_of(text), ServiceReference::Vault(_)),
                "{text}"
            );
        }
        for broken in ["", "-a", "a-", "a/b", "a?b", "é", "a%2fb"] {
            let text = format!("hashivault://{broken}");
            assert!(KeyReference::parse(&text).is_err(), "{text}");
        }
        assert_eq!(
            service_of("my-hsm://key/1?x"),
            ServiceReference::Plugin(PluginKey {
                name: "my-hsm".to_owned(),
                resource: "key/1?x".to_owned(),
            })
        );
    }
}
