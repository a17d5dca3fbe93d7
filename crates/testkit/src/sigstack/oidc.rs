//! The issuer of identity tokens.
//!
//! It signs for every issuer's name: the keys of `https://gitlab.com` are not to be had. Under its own name it is a
//! whole one: discovery, keys, and the authorization code and device flows, in which alice@example.com agrees at once.

use std::collections::BTreeMap;
use std::sync::Mutex;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::claims::{Claims, Ref};
use super::exchange::{Answer, Call};
use super::keys::{bits_of, random, sha256};
use super::{Shared, clock, der};

/// Who logs in.
pub(super) const PERSON: &str = "alice@example.com";
/// What GitHub's runner gives a workflow to ask for tokens with.
pub(super) const GITHUB_REQUEST_TOKEN: &str = "request-token-of-the-runner";

const KEY_ID: &str = "sigstack";

#[derive(Debug)]
pub(super) struct Issuer {
    key: KeyPair,
    spki: Vec<u8>,
    /// By code; a device that was not yet told to wait has `told_to_wait == false`.
    grants: Mutex<BTreeMap<String, Grant>>,
}

#[derive(Debug)]
struct Grant {
    challenge: String,
    nonce: Option<String>,
    redirect: Option<String>,
    told_to_wait: bool,
}

impl Issuer {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate(KeySize::Rsa2048).expect("RSA keys can be generated");
        let spki: PublicKeyX509Der<'_> = key
            .public_key()
            .as_der()
            .expect("a key that we made can be written");
        let spki = spki.as_ref().to_vec();
        Self {
            key,
            spki,
            grants: Mutex::default(),
        }
    }

    pub(super) fn mint(&self, claims: &Claims) -> String {
        let header = json!({"alg": "RS256", "kid": KEY_ID, "typ": "JWT"}).to_string();
        let text = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims.to_json())
        );
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                text.as_bytes(),
                &mut signature,
            )
            .expect("the random source works");
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The claims of a token with a right signature, in its time, for the audience `sigstore`; who issued it is for
    /// the caller to judge. `Err`: why not.
    pub(super) fn verify(&self, token: &str) -> Result<Claims, &'static str> {
        let (text, signature) = token.rsplit_once('.').ok_or("not a token")?;
        let (header, payload) = text.split_once('.').ok_or("not a token")?;
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| "not base64url");
        let header: Value = serde_json::from_slice(&decode(header)?).map_err(|_| "header")?;
        if header["alg"] != "RS256" {
            return Err("another algorithm");
        }
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.spki)
            .verify(text.as_bytes(), &decode(signature)?)
            .map_err(|_| "wrong signature")?;
        let claims = Claims::parse(&decode(payload)?).ok_or("claims")?;
        let for_sigstore = match claims.get("aud") {
            Some(Value::String(one)) => one == "sigstore",
            Some(Value::Array(several)) => several.iter().any(|one| one == "sigstore"),
            _ => false,
        };
        let now = clock::seconds();
        match (claims.number("exp"), claims.number("nbf")) {
            _ if !for_sigstore => Err("another audience"),
            (Some(expiry), _) if expiry <= now => Err("expired"),
            (None, _) => Err("no expiry"),
            (_, Some(start)) if start > now => Err("not yet valid"),
            _ => Ok(claims),
        }
    }

    fn key_set(&self) -> Value {
        let bits = bits_of(&self.spki).expect("we made the key");
        let mut input = bits;
        let mut numbers = der::expect(&mut input, der::SEQUENCE).expect("an RSA key is a sequence");
        let mut number = || {
            let bytes = der::expect(&mut numbers, der::INTEGER).expect("of two numbers");
            URL_SAFE_NO_PAD.encode(bytes.strip_prefix(&[0]).unwrap_or(bytes))
        };
        let (modulus, exponent) = (number(), number());
        json!({"keys": [{
            "kty": "RSA", "kid": KEY_ID, "use": "sig", "alg": "RS256", "n": modulus, "e": exponent,
        }]})
    }

    fn grant(&self, grant: Grant) -> String {
        let code = hex::encode(random::<16>());
        self.grants
            .lock()
            .expect("nothing panics while it holds the lock")
            .insert(code.clone(), grant);
        code
    }
}

pub(super) fn answer(shared: &Shared, call: &Call) -> Result<Answer, Answer> {
    let base = format!("http://{}", call.header("host").unwrap_or_default());
    match (&call.method, call.path.as_str()) {
        (&Method::GET, "/.well-known/openid-configuration") => {
            Ok(Answer::json(StatusCode::OK, &discovery(&base)))
        }
        (&Method::GET, "/keys") => Ok(Answer::json(StatusCode::OK, &shared.issuer.key_set())),
        (&Method::GET, "/auth") => authorise(&shared.issuer, call),
        (&Method::POST, "/device/code") => Ok(device(&shared.issuer, call, &base)),
        (&Method::POST, "/token") => token(&shared.issuer, call, &base),
        (&Method::GET, "/github/token") => github(&shared.issuer, call),
        _ => Err(Answer::not_found()),
    }
}

fn discovery(base: &str) -> Value {
    json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/auth"),
        "token_endpoint": format!("{base}/token"),
        "device_authorization_endpoint": format!("{base}/device/code"),
        "jwks_uri": format!("{base}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["openid", "email"],
    })
}

fn oauth_error(code: &str) -> Answer {
    Answer::json(StatusCode::BAD_REQUEST, &json!({"error": code}))
}

fn authorise(issuer: &Issuer, call: &Call) -> Result<Answer, Answer> {
    let asked = |name| call.parameter(name);
    let (Some(redirect), Some(state), Some(challenge)) = (
        asked("redirect_uri"),
        asked("state"),
        asked("code_challenge"),
    ) else {
        return Err(oauth_error("invalid_request"));
    };
    let right = asked("response_type").as_deref() == Some("code")
        && asked("code_challenge_method").as_deref() == Some("S256")
        && asked("client_id").as_deref() == Some("sigstore");
    if !right {
        return Err(oauth_error("invalid_request"));
    }
    let code = issuer.grant(Grant {
        challenge,
        nonce: asked("nonce"),
        redirect: Some(redirect.clone()),
        told_to_wait: true,
    });
    let mut back = url::Url::parse(&redirect).map_err(|_| oauth_error("invalid_request"))?;
    back.query_pairs_mut()
        .append_pair("code", &code)
        .append_pair("state", &state);
    Ok(Answer::new(StatusCode::FOUND, "text/plain", "").header("location", back.as_str()))
}

fn device(issuer: &Issuer, call: &Call, base: &str) -> Answer {
    let code = issuer.grant(Grant {
        challenge: call.form("code_challenge").unwrap_or_default(),
        nonce: None,
        redirect: None,
        told_to_wait: false,
    });
    Answer::json(
        StatusCode::OK,
        &json!({
            "device_code": code, "user_code": "ABCD-EFGH",
            "verification_uri": format!("{base}/device"),
            "verification_uri_complete": format!("{base}/device?user_code=ABCD-EFGH"),
            "expires_in": 300, "interval": 1,
        }),
    )
}

fn token(issuer: &Issuer, call: &Call, base: &str) -> Result<Answer, Answer> {
    let kind = call.form("grant_type").unwrap_or_default();
    let name = match kind.as_str() {
        "authorization_code" => "code",
        "urn:ietf:params:oauth:grant-type:device_code" => "device_code",
        _ => return Err(oauth_error("unsupported_grant_type")),
    };
    let code = call.form(name).ok_or(oauth_error("invalid_request"))?;
    let mut grants = issuer
        .grants
        .lock()
        .expect("nothing panics while it holds the lock");
    let grant = grants.get_mut(&code).ok_or(oauth_error("invalid_grant"))?;
    if !grant.told_to_wait {
        grant.told_to_wait = true;
        return Err(oauth_error("authorization_pending"));
    }
    let verifier = call.form("code_verifier").unwrap_or_default();
    if URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes())) != grant.challenge
        || grant.redirect != call.form("redirect_uri")
    {
        return Err(oauth_error("invalid_grant"));
    }
    let mut claims = Claims::email(base, PERSON);
    if let Some(nonce) = &grant.nonce {
        claims = claims.with("nonce", nonce.as_str());
    }
    grants.remove(&code);
    let token = issuer.mint(&claims);
    Ok(Answer::json(
        StatusCode::OK,
        &json!({
            "access_token": token, "id_token": token, "token_type": "bearer", "expires_in": 60,
        }),
    ))
}

/// What stands at `ACTIONS_ID_TOKEN_REQUEST_URL`.
fn github(issuer: &Issuer, call: &Call) -> Result<Answer, Answer> {
    if call.header("authorization") != Some(&format!("bearer {GITHUB_REQUEST_TOKEN}"))
        && call.header("authorization") != Some(&format!("Bearer {GITHUB_REQUEST_TOKEN}"))
    {
        return Err(Answer::error(StatusCode::UNAUTHORIZED, 401, "unauthorized"));
    }
    let audience = call
        .parameter("audience")
        .unwrap_or_else(|| "https://github.com/acme".to_owned());
    let claims = Claims::github("acme/app", Ref::Branch("main")).with("aud", audience);
    Ok(Answer::json(
        StatusCode::OK,
        &json!({"count": 1, "value": issuer.mint(&claims)}),
    ))
}
