//! Logins that an engine uses at a registry in the caller's name.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use http::HeaderValue;
use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

/// Who the engine is to be at a registry. `Debug` shows no secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum RegistryAuth {
    /// Nobody.
    #[default]
    Anonymous,
    /// A refresh token of the registry's token server.
    IdentityToken {
        /// The registry, as docker's configuration names it: its host, for Hub `https://index.docker.io/v1/`.
        server: String,
        /// The token.
        token: Zeroizing<String>,
    },
    /// User name and password.
    Password {
        /// The registry, likewise.
        server: String,
        /// User name.
        username: String,
        /// Password.
        password: Zeroizing<String>,
    },
}

/// Logins by registry, for a build: its steps pull from anywhere. Keys as [`RegistryAuth::Password::server`].
pub type RegistryAuths = BTreeMap<String, RegistryAuth>;

/// The engine's form; empty fields are left out as docker leaves them out.
#[derive(Serialize)]
struct AuthConfig<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    username: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    password: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    serveraddress: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    identitytoken: &'a str,
}

impl RegistryAuth {
    /// `X-Registry-Auth`. Docker 20.10 refuses a push without it, so that nobody is somebody too.
    pub(crate) fn header(&self) -> HeaderValue {
        encoded(self)
    }
}

/// `X-Registry-Config`.
pub(crate) fn config_header(auths: &RegistryAuths) -> HeaderValue {
    encoded(auths)
}

/// The alphabet for URLs, with padding: in the standard one, engines read a login as nobody without a word.
fn encoded(value: &impl Serialize) -> HeaderValue {
    let json = Zeroizing::new(serde_json::to_vec(value).expect("texts become JSON"));
    let text = Zeroizing::new(URL_SAFE.encode(&*json));
    let mut header = HeaderValue::from_str(&text).expect("base64 fits a header");
    header.set_sensitive(true);
    header
}

impl Serialize for RegistryAuth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut config = AuthConfig {
            username: "",
            password: "",
            serveraddress: "",
            identitytoken: "",
        };
        match self {
            Self::Anonymous => {}
            Self::IdentityToken { server, token } => {
                config.serveraddress = server;
                config.identitytoken = token;
            }
            Self::Password {
                server,
                username,
                password,
            } => {
                config.serveraddress = server;
                config.username = username;
                config.password = password;
            }
        }
        config.serialize(serializer)
    }
}

impl fmt::Debug for RegistryAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("Anonymous"),
            Self::IdentityToken { server, .. } => write!(f, "IdentityToken(.. at {server})"),
            Self::Password {
                server, username, ..
            } => write!(f, "Password({username} at {server})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(password: &str) -> RegistryAuth {
        RegistryAuth::Password {
            server: "registry.example.com".to_owned(),
            username: "spec".to_owned(),
            password: Zeroizing::new(password.to_owned()),
        }
    }

    #[test]
    fn the_header_is_what_real_engines_understand() {
        assert_eq!(RegistryAuth::Anonymous.header(), "e30=");
        // The header of the transcripts that the token server saw as the user `spec`.
        assert_eq!(
            password("a?b>c~d?e>f~").header(),
            "eyJ1c2VybmFtZSI6InNwZWMiLCJwYXNzd29yZCI6ImE_Yj5jfmQ_ZT5mfiIsInNlcnZlcmFkZHJlc3MiOiJyZWdpc3RyeS5leGFtcGxlLmNvbSJ9"
        );
        assert!(password("x").header().is_sensitive());
        let token = RegistryAuth::IdentityToken {
            server: "r".to_owned(),
            token: Zeroizing::new("t".to_owned()),
        };
        assert_eq!(
            URL_SAFE.decode(token.header()).unwrap(),
            br#"{"serveraddress":"r","identitytoken":"t"}"#
        );
        let auths = RegistryAuths::from([("r".to_owned(), password("x"))]);
        assert_eq!(
            URL_SAFE.decode(config_header(&auths)).unwrap(),
            br#"{"r":{"username":"spec","password":"x","serveraddress":"registry.example.com"}}"#
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        let text = format!("{:?} {:?}", password("secret"), password("secret").header());
        assert!(!text.contains("secret") && text.contains("spec at registry.example.com"));
    }
}
