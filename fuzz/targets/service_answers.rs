//! Answers of every service that is asked over HTTP, through the real client: certificate authority, logs, timestamping,
//! identity providers, key services, registries, TUF mirrors. The first byte picks the question, the second the status,
//! the third a header, the rest is the body.
#![no_main]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use keyless::fulcio::{Api, Fulcio};
use keyless::oauth::{ClientId, Issuer};
use keyless::rekor::{Content, LogVersion, Log, Proposal, RekorV1, Verifier};
use keyless::token::{Ambient, Environment, IdentityToken, Provider, TokenRequest, identity_token};
use keyless::tsa::TimestampAuthority;
use keyless::{Http, Patience};
use kms::{
    AwsCredentials, AzureCredentials, GoogleCredentials, KeyReference, Settings, fetch_stored_public_key,
};
use oci::{Digest, Reference};
use pki::signature::HashAlgorithm;
use pki::signing::SigningKey;
use registry::{CredentialSource, PlainHttp, Registry, RegistryConfig};
use sigstore::bundle::MessageDigest;
use tokio::runtime::Runtime;

const STATUS: [&str; 8] = [
    "200 OK",
    "201 Created",
    "204 No Content",
    "400 Bad Request",
    "401 Unauthorized",
    "404 Not Found",
    "409 Conflict",
    "412 Precondition Failed",
];
const HEADERS: [&str; 8] = [
    "",
    "Content-Type: application/vnd.oci.image.manifest.v1+json\r\n",
    "Content-Type: application/vnd.oci.image.index.v1+json\r\n",
    "Content-Type: text/html\r\n",
    "Location: /api/v1/log/entries/24296fb24b8ad77a1f14a9e3e1b6cd4d7b1f3c21c9d2b5f0b4c0f6c6b0a4d6a5d2f8d9a3b1c7e5f0\r\n",
    "SCT: e30=\r\n",
    "Link: </v2/app/tags/list?last=1>; rel=\"next\"\r\n",
    "Docker-Content-Digest: sha256:0000000000000000000000000000000000000000000000000000000000000000\r\n",
];
const TOKEN: &str =
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJpIiwic3ViIjoicyIsImF1ZCI6InNpZ3N0b3JlIiwiZXhwIjo5fQ.c2ln";

/// What the server says next: the head without the length, and the body.
static ANSWER: Mutex<(String, Vec<u8>)> = Mutex::new((String::new(), Vec::new()));
static WORLD: LazyLock<World> = LazyLock::new(World::new);

struct World {
    url: String,
    host: String,
    runtime: Runtime,
    client: net::Client,
    http: Http,
    key: SigningKey,
    token: IdentityToken,
    settings: Settings,
}

impl World {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let host = listener.local_addr().expect("a port").to_string();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || serve(stream));
            }
        });
        let url = format!("http://{host}");
        let client = net::Client::new(net::Config::new("fuzz")).expect("a client");
        let never = Patience { again: 0, first_wait: Duration::ZERO, longest_wait: Duration::ZERO };
        let mut settings = Settings::new(client.clone(), now());
        let secret = || String::from("secret").into();
        settings.vault.address = Some(url.clone());
        settings.vault.token = Some(secret());
        settings.aws.region = Some("eu-west-1".to_owned());
        settings.aws.endpoint = Some(url.clone());
        settings.aws.credentials = Some(AwsCredentials {
            access_key_id: "AKID".to_owned(),
            secret_access_key: secret(),
            session_token: None,
        });
        settings.azure.vault_address = Some(url.clone());
        settings.azure.authority = Some(url.clone());
        settings.azure.credentials = Some(AzureCredentials::ClientSecret {
            tenant: "t".to_owned(),
            client_id: "c".to_owned(),
            client_secret: secret(),
        });
        settings.google.endpoint = Some(url.clone());
        settings.google.credentials = Some(GoogleCredentials::AccessToken(secret()));
        settings.gitlab.address = Some(url.clone());
        settings.gitlab.token = Some(secret());
        Self {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"),
            http: Http::with_patience(client.clone(), never),
            key: SigningKey::generate_ecdsa_p256().expect("randomness"),
            token: IdentityToken::parse(TOKEN).expect("a token"),
            url,
            host,
            client,
            settings,
        }
    }
}

fn now() -> Timestamp {
    "2026-08-20T12:00:00Z".parse().expect("a time")
}

/// Answers until the client goes.
fn serve(mut stream: TcpStream) -> Option<()> {
    let _ = stream.set_nodelay(true);
    let mut read = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let end = loop {
            if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            let count = stream.read(&mut chunk).ok().filter(|count| *count > 0)?;
            read.extend_from_slice(&chunk[..count]);
        };
        let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
        while read.len() < end + length {
            let count = stream.read(&mut chunk).ok().filter(|count| *count > 0)?;
            read.extend_from_slice(&chunk[..count]);
        }
        read.drain(..end + length);
        let (start, body) = ANSWER.lock().expect("nobody panics here").clone();
        let none = start.contains(" 204 ");
        let mut answer = format!("{start}Content-Length: {}\r\n\r\n", if none { 0 } else { body.len() }).into_bytes();
        if !none && !head.starts_with("head ") {
            answer.extend_from_slice(&body);
        }
        stream.write_all(&answer).ok()?;
    }
}

async fn ask(world: &World, question: u8) {
    let http = || world.http.clone();
    match question % 19 {
        0 | 1 => {
            let api = if question == 0 { Api::V1 } else { Api::V2 };
            let authority = Fulcio::new(http(), &world.url, api).expect("an address");
            if let Ok(issued) = authority.certify(&world.token, &world.key).await {
                assert!(issued.certificate.key() == &world.key.verifying_key());
            }
        }
        2..=5 => log(world, question).await,
        6 => {
            let authority = TimestampAuthority::new(http(), &world.url).expect("an address");
            assert!(authority.stamp(b"signature").await.is_err(), "nobody knows the nonce");
        }
        7 => key(world, "hashivault://release").await,
        8 => key(world, "awskms:///alias/release").await,
        9 => key(world, "azurekms://vault.vault.azure.net/release").await,
        10 => {
            let name = "gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1";
            key(world, name).await;
        }
        11 => {
            if let Ok(KeyReference::Stored(place)) = KeyReference::parse("gitlab://group/app") {
                let _ = fetch_stored_public_key(&place, &world.settings).await;
            }
        }
        12..=15 => image(world, question).await,
        16 => {
            let url = net::parse_url(&format!("{}/root.json", world.url)).expect("an address");
            let _ = trustroot::fetch_root(&world.client, url).await;
        }
        17 => {
            if let Ok(issuer) = Issuer::discover(http(), &world.url, ClientId::default()).await {
                let _ = issuer.begin_device().await;
                let _ = issuer.client_credentials(now()).await;
            }
        }
        _ => ambient(world).await,
    }
}

async fn log(world: &World, question: u8) {
    let signature = b"signature";
    let digest = MessageDigest::of(HashAlgorithm::Sha256, b"blob");
    let public = world.key.verifying_key();
    let proposal = Proposal {
        verifier: Verifier::PublicKey(&public),
        content: Content::HashedRekord { digest: &digest, signature },
    };
    let version = if question == 2 { LogVersion::V1 } else { LogVersion::V2 };
    let rekor = RekorV1::new(world.http.clone(), &world.url).expect("an address");
    match question {
        2 | 3 => {
            let log = Log::new(world.http.clone(), &world.url, version).expect("an address");
            if let Ok(entry) = log.record(&proposal).await {
                assert!(proposal.check(&entry.body).is_ok());
            }
        }
        _ => {
            let _ = rekor.find(&proposal).await;
            let _ = rekor.entry_at(7).await;
        }
    }
}

async fn key(world: &World, reference: &str) {
    let Ok(KeyReference::Service(reference)) = KeyReference::parse(reference) else {
        panic!("{reference} is one");
    };
    let service = kms::open(&reference, &world.settings).expect("all settings are there");
    if let Ok(key) = service.key().await {
        let message = b"message";
        if let Ok(signature) = service.sign(key.scheme(), message).await {
            assert!(key.verifying_key.verify(key.scheme(), message, &signature).is_ok());
        }
    }
}

async fn image(world: &World, question: u8) {
    let mut config = RegistryConfig::new(world.host.clone(), CredentialSource::Anonymous);
    config.plain_http = PlainHttp::Loopback;
    let registry = Registry::new(world.client.clone(), config);
    let reference = Reference::parse(&format!("{}/app:1", world.host)).expect("a reference");
    match question {
        12 => drop(registry.tags(reference.path()).await),
        13 => {
            let subject = Digest::parse(&format!("sha256:{}", "0".repeat(64))).expect("a digest");
            let _ = registry.referrers(reference.path(), &subject, None).await;
        }
        _ => {
            if let Ok((image, manifest)) = registry.resolve_manifest(&reference).await {
                assert_eq!(image.manifest_digest(), manifest.descriptor().digest);
            }
        }
    }
}

/// GitHub's and Buildkite's tokens.
async fn ambient(world: &World) {
    let variables: BTreeMap<&str, &str> = [
        ("ACTIONS_ID_TOKEN_REQUEST_URL", world.url.as_str()),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t"),
        ("BUILDKITE_AGENT_ENDPOINT", &world.url),
        ("BUILDKITE_AGENT_ACCESS_TOKEN", "t"),
        ("BUILDKITE_JOB_ID", "j"),
    ]
    .into();
    let look = |name: &str| variables.get(name).map(|value| (*value).to_owned());
    let environment = Environment::new(&look);
    for provider in [Provider::GithubActions, Provider::BuildkiteAgent] {
        let request = TokenRequest { given: None, ambient: Ambient::Only(provider), audience: "sigstore" };
        let _ = identity_token(&world.http, &environment, request, now()).await;
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&[question, status, header], body)) = data.split_first_chunk::<3>() else {
        return;
    };
    let pick = |list: &[&'static str; 8], byte: u8| list[usize::from(byte) % 8];
    let world = &*WORLD;
    // Its own address stands in for a word that no fuzzer guesses.
    let body = match std::str::from_utf8(body) {
        Ok(text) => text.replace("$URL", &world.url).into_bytes(),
        Err(_) => body.to_vec(),
    };
    let mut head = format!("HTTP/1.1 {}\r\n{}", pick(&STATUS, status), pick(&HEADERS, header));
    if status % 8 == 4 {
        head.push_str(&format!("WWW-Authenticate: Bearer realm=\"{}/token\",service=\"s\"\r\n", world.url));
    }
    *ANSWER.lock().expect("nobody panics here") = (head, body);
    world.runtime.block_on(ask(world, question));
});
