//! What clients are given to trust the services and to find them.

use serde_json::{Value, json};

use super::authority::ORGANISATION;
use super::keys::{Key, b64};
use super::{LogVersion, Shared, Urls, clock};

const OPERATOR: &str = "sigstack.test";
/// The services have existed for so long.
const AGE: i64 = 24 * 60 * 60;

fn since() -> Value {
    json!({"start": clock::rfc3339(clock::seconds() - AGE)})
}

fn log(url: &str, key: &Key, details: &str, id: [u8; 32]) -> Value {
    json!({
        "baseUrl": url, "hashAlgorithm": "SHA2_256",
        "publicKey": {"rawBytes": b64(key.spki()), "keyDetails": details, "validFor": since()},
        "logId": {"keyId": b64(id)},
    })
}

fn authority(url: &str, name: &str, chain: &[&[u8]]) -> Value {
    let certificates: Vec<Value> = chain
        .iter()
        .map(|der| json!({"rawBytes": b64(der)}))
        .collect();
    json!({
        "subject": {"organization": ORGANISATION, "commonName": name},
        "uri": url,
        "certChain": {"certificates": certificates},
        "validFor": since(),
    })
}

/// `trusted_root.json`, version 0.1.
pub(super) fn trusted_root(shared: &Shared, urls: &Urls) -> Value {
    const P256: &str = "PKIX_ECDSA_P256_SHA_256";
    let (fulcio, rekor, v2) = (&shared.fulcio, &shared.rekor, &shared.rekor_v2);
    let chain = [
        fulcio.issuing.certificate.as_slice(),
        &fulcio.root.certificate,
    ];
    json!({
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [
            log(&urls.rekor, &rekor.key, P256, rekor.key.id()),
            log(&urls.rekor_v2, &v2.key, "PKIX_ED25519", v2.id()),
        ],
        "certificateAuthorities": [authority(&urls.fulcio, "sigstack root", &chain)],
        "ctlogs": [log(&format!("{}/ct", urls.fulcio), &fulcio.ct, P256, fulcio.ct.id())],
        "timestampAuthorities": [authority(
            &format!("{}/api/v1/timestamp", urls.tsa),
            "sigstack timestamp root",
            &shared.tsa.chain(),
        )],
    })
}

/// `signing_config.v0.2.json`: the log of this version, and timestamps.
pub(super) fn signing_config(urls: &Urls, version: LogVersion) -> Value {
    let service = |url: &str, version: u8| {
        json!({
            "url": url, "majorApiVersion": version, "validFor": since(), "operator": OPERATOR,
        })
    };
    let log = match version {
        LogVersion::V1 => service(&urls.rekor, 1),
        LogVersion::V2 => service(&urls.rekor_v2, 2),
    };
    json!({
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "caUrls": [service(&urls.fulcio, 1)],
        "oidcUrls": [service(&urls.oidc, 1)],
        "rekorTlogUrls": [log],
        "rekorTlogConfig": {"selector": "ANY"},
        "tsaUrls": [service(&format!("{}/api/v1/timestamp", urls.tsa), 1)],
        "tsaConfig": {"selector": "ANY"},
    })
}
