//! A token server, as stands beside most registries.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::server::{Body, Server};
use crate::tls::{ServerCertificate, TestCa};

/// A token server for [`crate::DockerRegistry::start_with_tokens`] and [`crate::NotaryServer::with_tokens`].
///
/// [`TokenServer::USER`] may do everything, everybody else may pull. It answers `GET` with HTTP Basic credentials or
/// none, and `POST` with a password or a refresh token, as Docker's and notary's clients ask.
#[derive(Debug)]
pub struct TokenServer {
    server: Server,
    ca_file: std::path::PathBuf,
    scopes: Arc<Mutex<Vec<String>>>,
}

const ISSUER: &str = "test issuer";
const SERVICE: &str = "test service";

impl TokenServer {
    /// The one who may do everything.
    pub const USER: &'static str = "alice";
    /// The password of that user.
    pub const PASSWORD: &'static str = "wonderland";
    /// What the user may give instead of the password: an identity token.
    pub const REFRESH_TOKEN: &'static str = "refresh-token-of-alice";

    /// Starts it over HTTPS, with certificates from `ca` for TLS and for the signatures of the tokens.
    pub fn start(ca: &TestCa) -> Self {
        let scopes = Arc::new(Mutex::new(Vec::new()));
        let signer = Arc::new(Signer::new(&ca.issue(&["token.example.com"])));
        let asked = Arc::clone(&scopes);
        let server = Server::start(Some(&ca.issue_for_loopback()), move |request| {
            let (signer, asked) = (Arc::clone(&signer), Arc::clone(&asked));
            async move { answer(request, &signer, &asked).await }
        });
        Self {
            server,
            ca_file: ca.file(),
            scopes,
        }
    }

    /// The scopes asked for so far, such as `repository:localhost:5000/demo:push,pull`; several in one request are
    /// separated by blanks.
    pub fn scopes(&self) -> Vec<String> {
        self.scopes
            .lock()
            .expect("nothing panics while it holds the lock")
            .clone()
    }

    /// The `realm` of the challenges that point here.
    pub fn realm(&self) -> String {
        format!("{}/token", self.server.url())
    }

    /// The options that docker-registry and notary-server share.
    pub(crate) fn options(&self) -> Value {
        json!({"realm": self.realm(), "service": SERVICE, "issuer": ISSUER, "rootcertbundle": self.ca_file})
    }
}

/// Who asks.
enum Caller {
    Anonymous,
    User,
}

async fn answer(
    request: Request<Incoming>,
    signer: &Signer,
    asked: &Mutex<Vec<String>>,
) -> io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let mut fields: Vec<(String, String)> =
        form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    fields.extend(form_urlencoded::parse(&body).into_owned());
    let basic = head
        .headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let Some(caller) = authenticate(basic, &fields) else {
        let error = json!({"errors": [{"code": "UNAUTHORIZED", "message": "incorrect username or password"}]});
        return Ok(reply(StatusCode::UNAUTHORIZED, &error));
    };
    let scopes: Vec<String> = values(&fields, "scope").map(str::to_owned).collect();
    asked
        .lock()
        .expect("nothing panics while it holds the lock")
        .extend(scopes.iter().cloned());
    let access: Vec<Value> = scopes
        .iter()
        .flat_map(|scope| scope.split(' '))
        .filter_map(|one| grant(&caller, one))
        .collect();
    let token = signer.sign(&caller, &access);
    let mut granted = json!({"token": token, "access_token": token, "expires_in": 300});
    if matches!(caller, Caller::User)
        && values(&fields, "offline_token").any(|value| value == "true")
    {
        granted["refresh_token"] = TokenServer::REFRESH_TOKEN.into();
    }
    Ok(reply(StatusCode::OK, &granted))
}

/// `None`: the credentials are wrong.
fn authenticate(basic: Option<&str>, fields: &[(String, String)]) -> Option<Caller> {
    let is = |name: &str, value: &str| values(fields, name).any(|given| given == value);
    let right = match (basic, values(fields, "grant_type").next()) {
        (Some(header), _) => {
            header
                == format!(
                    "Basic {}",
                    STANDARD.encode(format!("{}:{}", TokenServer::USER, TokenServer::PASSWORD))
                )
        }
        (None, Some("refresh_token")) => is("refresh_token", TokenServer::REFRESH_TOKEN),
        (None, Some("password")) => {
            is("username", TokenServer::USER) && is("password", TokenServer::PASSWORD)
        }
        (None, _) => return Some(Caller::Anonymous),
    };
    right.then_some(Caller::User)
}

/// What the caller gets of `type:name:action,action`; a name may contain colons.
fn grant(caller: &Caller, scope: &str) -> Option<Value> {
    let (kind, rest) = scope.split_once(':')?;
    let (name, actions) = rest.rsplit_once(':')?;
    let granted: Vec<&str> = actions
        .split(',')
        .filter(|action| matches!(caller, Caller::User) || *action == "pull")
        .collect();
    Some(json!({"type": kind, "name": name, "actions": granted}))
}

fn values<'a>(fields: &'a [(String, String)], name: &'a str) -> impl Iterator<Item = &'a str> {
    fields
        .iter()
        .filter(move |(known, _)| known == name)
        .map(|(_, value)| value.as_str())
}

fn reply(status: StatusCode, body: &Value) -> Response<Body> {
    let body = Full::new(body.to_string().into())
        .map_err(|never| match never {})
        .boxed_unsync();
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json")
        .body(body)
        .expect("status and header are valid")
}

/// Makes JSON Web Tokens with ES256 and the certificate in the header.
struct Signer {
    key: EcdsaKeyPair,
    header: String,
}

impl Signer {
    fn new(certificate: &ServerCertificate) -> Self {
        let der = CertificateDer::from_pem_slice(certificate.certificate_pem.as_bytes())
            .expect("we made the PEM text");
        let key = PrivateKeyDer::from_pem_slice(certificate.key_pem.as_bytes())
            .expect("we made the PEM text");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.secret_der())
            .expect("we made the key");
        let header = json!({"typ": "JWT", "alg": "ES256", "x5c": [STANDARD.encode(&der)]});
        Self {
            key,
            header: encode(&header),
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the real servers check the token against the real time"
    )]
    fn sign(&self, caller: &Caller, access: &[Value]) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("it is after 1970")
            .as_secs();
        let subject = if matches!(caller, Caller::User) {
            TokenServer::USER
        } else {
            ""
        };
        let claims = json!({
            "iss": ISSUER, "sub": subject, "aud": SERVICE, "access": access,
            "iat": now, "nbf": now - 10, "exp": now + 300,
        });
        let text = format!("{}.{}", self.header, encode(&claims));
        let signature = self
            .key
            .sign(&SystemRandom::new(), text.as_bytes())
            .expect("the random source works");
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}
