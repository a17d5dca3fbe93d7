//! Identity tokens: JSON Web Tokens of an OpenID Connect issuer (OpenID Connect Core 1.0, 2), which a certificate
//! authority turns into a certificate. Read here, not verified: the authority verifies them.

mod ambient;
mod google;
mod source;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

pub use ambient::Provider;
pub use source::{Ambient, Environment, Origin, TokenRequest, Variables, identity_token};

/// The audience of Sigstore's tokens.
pub const AUDIENCE: &str = "sigstore";

/// Most bytes of a token; those of GitLab have about 2 KiB.
pub const TOKEN_BYTES: usize = 64 << 10;

/// How far the clocks of issuer and signer may be apart.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// One parsed token. Its text is wiped on drop and never shown.
#[derive(Clone)]
pub struct IdentityToken {
    text: Zeroizing<String>,
    algorithm: String,
    claims: Claims,
}

/// Why a token cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// For somebody else.
    #[error("the identity token is for {}, expected {expected}", found.join(", "))]
    Audience {
        /// Whom it has to be for.
        expected: String,
        /// Whom it is for.
        found: Vec<String>,
    },
    /// An e-mail address that the issuer does not vouch for.
    #[error("the issuer has not verified the address {email}")]
    EmailNotVerified {
        /// The address.
        email: String,
    },
    /// Its time is over.
    #[error("the identity token expired at {expired}, it is {now}")]
    Expired {
        /// When it expired.
        expired: Timestamp,
        /// Now.
        now: Timestamp,
    },
    /// A file with a token in it that cannot be read.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// The system's reason.
        reason: String,
    },
    /// Not a token, or one of another shape.
    #[error("no identity token: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// The provider that was asked for is not here.
    #[error("{provider} gives no identity token here: {missing} is not set")]
    NotHere {
        /// Which provider.
        provider: Provider,
        /// What it needs.
        missing: &'static str,
    },
    /// Its time has not come.
    #[error("the identity token is valid from {begins}, it is {now}")]
    NotYetValid {
        /// When it becomes valid.
        begins: Timestamp,
        /// Now.
        now: Timestamp,
    },
    /// A provider that is known and not served.
    #[error("identity tokens of {provider} are not supported")]
    Unsupported {
        /// Which one.
        provider: Provider,
    },
    /// Credentials of a kind that is not served, where others would sign in another name.
    #[error("the credentials that {variable} names are not supported")]
    UnsupportedCredentials {
        /// The environment variable.
        variable: &'static str,
    },
}

#[derive(Clone, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    #[serde(deserialize_with = "one_or_many")]
    aud: Vec<String>,
    #[serde(deserialize_with = "seconds")]
    exp: i64,
    #[serde(default, deserialize_with = "some_seconds")]
    nbf: Option<i64>,
    email: Option<String>,
    #[serde(default, deserialize_with = "truth")]
    email_verified: bool,
    nonce: Option<String>,
    at_hash: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

impl IdentityToken {
    /// Reads the compact form of a signed token; white space around it does not count.
    ///
    /// # Errors
    /// Another shape, a claim that must be there and is not, or above [`TOKEN_BYTES`].
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let malformed = |what| TokenError::Malformed { what };
        let text = text.trim();
        if text.len() > TOKEN_BYTES {
            return Err(malformed("it is too long"));
        }
        let mut parts = text.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed("not three parts with dots between"));
        };
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map(Zeroizing::new);
        let not_base64 = |_| malformed("a part is not base64url");
        decode(signature).map_err(not_base64)?;
        let header: Header = serde_json::from_slice(&decode(header).map_err(not_base64)?)
            .map_err(|_| malformed("its header has no algorithm"))?;
        let claims: Claims = serde_json::from_slice(&decode(claims).map_err(not_base64)?)
            .map_err(|_| malformed("iss, sub, aud or exp is missing or of another type"))?;
        Ok(Self {
            text: Zeroizing::new(text.to_owned()),
            algorithm: header.alg,
            claims,
        })
    }

    /// Checks what would make an authority refuse it, as far as that can be known without keys.
    ///
    /// # Errors
    /// For another audience, expired, or not valid yet; clocks may differ by a minute.
    pub fn check(&self, audience: &str, now: Timestamp) -> Result<(), TokenError> {
        if !self.claims.aud.iter().any(|found| found == audience) {
            return Err(TokenError::Audience {
                expected: audience.to_owned(),
                found: self.claims.aud.clone(),
            });
        }
        let expired = self.expires();
        if now.saturating_sub(SKEW).is_ok_and(|past| past >= expired) {
            return Err(TokenError::Expired { expired, now });
        }
        if let Some(begins) = self.claims.nbf.map(time)
            && now.saturating_add(SKEW).is_ok_and(|future| future < begins)
        {
            return Err(TokenError::NotYetValid { begins, now });
        }
        self.principal().map(|_| ())
    }

    /// Whom the token names to the authority: the verified e-mail address, else the subject. The proof of possession
    /// is a signature over it (`sigstore/sigstore:pkg/oauthflow/flow.go`, `SubjectFromToken`).
    ///
    /// # Errors
    /// An address that is not verified.
    pub fn principal(&self) -> Result<&str, TokenError> {
        match self
            .claims
            .email
            .as_deref()
            .filter(|email| !email.is_empty())
        {
            Some(email) if self.claims.email_verified => Ok(email),
            Some(email) => Err(TokenError::EmailNotVerified {
                email: email.to_owned(),
            }),
            None => Ok(&self.claims.sub),
        }
    }

    /// Who issued it, `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.claims.iss
    }

    /// Who it is about, `sub`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.claims.sub
    }

    /// Whom it is for, `aud`.
    #[must_use]
    pub fn audience(&self) -> &[String] {
        &self.claims.aud
    }

    /// When it expires, `exp`.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        time(self.claims.exp)
    }

    /// The compact form, a secret.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.text
    }

    pub(crate) fn algorithm(&self) -> &str {
        &self.algorithm
    }

    pub(crate) fn nonce(&self) -> Option<&str> {
        self.claims.nonce.as_deref()
    }

    pub(crate) fn access_token_hash(&self) -> Option<&str> {
        self.claims.at_hash.as_deref()
    }
}

impl fmt::Debug for IdentityToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityToken")
            .field("issuer", &self.claims.iss)
            .field("subject", &self.claims.sub)
            .field("audience", &self.claims.aud)
            .finish_non_exhaustive()
    }
}

/// Times beyond the calendar are its ends: they compare like what was meant.
fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(if seconds < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Either::deserialize(deserializer)? {
        Either::One(one) => vec![one],
        Either::Many(many) => many,
    })
}

/// A `NumericDate` may have a fraction (RFC 7519, 2).
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let number = serde_json::Number::deserialize(deserializer)?;
    #[allow(
        clippy::cast_possible_truncation,
        reason = "a float becomes the nearest integer there is"
    )]
    let whole = number
        .as_i64()
        .or_else(|| number.as_f64().map(|float| float as i64));
    whole.ok_or_else(|| serde::de::Error::custom("no time"))
}

fn some_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    seconds(deserializer).map(Some)
}

/// `true`, or the text `"true"`, which some issuers write.
fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Bool(bool),
        Text(String),
        Other(serde::de::IgnoredAny),
    }
    Ok(match Either::deserialize(deserializer)? {
        Either::Bool(bool) => bool,
        Either::Text(text) => text == "true",
        Either::Other(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> Result<IdentityToken, TokenError> {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"1"}"#);
        let claims = URL_SAFE_NO_PAD.encode(claims);
        IdentityToken::parse(&format!(" {header}.{claims}.c2ln\n"))
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn the_principal_is_the_verified_address_else_the_subject() {
        let rest = r#""iss":"i","sub":"s","aud":"sigstore","exp":9"#;
        let principal = |more: &str| {
            let token = token(&format!("{{{rest}{more}}}")).unwrap();
            token.principal().map(str::to_owned)
        };
        let unverified = Err(TokenError::EmailNotVerified {
            email: "a@b.c".to_owned(),
        });
        assert_eq!(principal(""), Ok("s".to_owned()));
        assert_eq!(principal(r#","email":"""#), Ok("s".to_owned()));
        for verified in ["true", "\"true\""] {
            let more = format!(r#","email":"a@b.c","email_verified":{verified}"#);
            assert_eq!(principal(&more), Ok("a@b.c".to_owned()), "{verified}");
        }
        for verified in ["false", "\"false\"", "1", "null", "{}"] {
            let more = format!(r#","email":"a@b.c","email_verified":{verified}"#);
            assert_eq!(principal(&more), unverified, "{verified}");
        }
        assert_eq!(principal(r#","email":"a@b.c""#), unverified);
    }

    #[test]
    fn audience_and_times_are_checked_before_anybody_is_asked() {
        let token =
            token(r#"{"iss":"i","sub":"s","aud":["other","sigstore"],"exp":10000.7,"nbf":5000}"#)
                .unwrap();
        assert_eq!(token.check("sigstore", at(7000)), Ok(()));
        assert_eq!(token.check("other", at(7000)), Ok(()));
        assert_eq!(
            token.check("sig", at(7000)),
            Err(TokenError::Audience {
                expected: "sig".to_owned(),
                found: vec!["other".to_owned(), "sigstore".to_owned()],
            })
        );
        // A minute of difference between clocks.
        assert_eq!(token.check("sigstore", at(10_059)), Ok(()));
        assert_eq!(
            token.check("sigstore", at(10_060)),
            Err(TokenError::Expired {
                expired: at(10_000),
                now: at(10_060),
            })
        );
        assert_eq!(token.check("sigstore", at(4940)), Ok(()));
        assert_eq!(
            token.check("sigstore", at(4939)),
            Err(TokenError::NotYetValid {
                begins: at(5000),
                now: at(4939),
            })
        );
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let whole = r#"{"iss":"i","sub":"s","aud":"sigstore","exp":9}"#;
        assert!(token(whole).is_ok());
        for without in [
            r#"{"sub":"s","aud":"sigstore","exp":9}"#,
            r#"{"iss":"i","aud":"sigstore","exp":9}"#,
            r#"{"iss":"i","sub":"s","exp":9}"#,
            r#"{"iss":"i","sub":"s","aud":"sigstore"}"#,
            r#"{"iss":"i","sub":"s","aud":5,"exp":9}"#,
            r#"{"iss":"i","sub":"s","aud":"sigstore","exp":"9"}"#,
            "[]",
            "",
        ] {
            assert!(
                matches!(token(without), Err(TokenError::Malformed { .. })),
                "{without}"
            );
        }
        let long = format!("e30.{}.c2ln", "A".repeat(TOKEN_BYTES));
        for text in ["", "a.b", "a.b.c.d", "!.e30.c2ln", "e30.e30.c2ln", &long] {
            assert!(
                matches!(
                    IdentityToken::parse(text),
                    Err(TokenError::Malformed { .. })
                ),
                "{text:.20}"
            );
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        let token = token(r#"{"iss":"i","sub":"s","aud":"sigstore","exp":9}"#).unwrap();
        let shown = format!("{token:?}");
        assert!(
            !shown.contains("c2ln") && !shown.contains(token.secret()),
            "{shown}"
        );
    }
}
