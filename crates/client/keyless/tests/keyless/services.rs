//! Which services a signing configuration makes us ask.

use jiff::Timestamp;
use keyless::fulcio::Api;
use keyless::rekor::LogVersion;
use keyless::services::{Services, ServicesError};
use keyless::{Error, Service};
use serde_json::{Value, json};
use sigstore::trust::{SigningConfig, SigningConfigError};

use crate::support::http;

fn now() -> Timestamp {
    "2026-11-20T00:00:00Z".parse().unwrap()
}

fn choose(json: &Value) -> Result<Services, ServicesError> {
    Services::from_config(
        &SigningConfig::parse(json.to_string().as_bytes()).unwrap(),
        now(),
    )
}

fn service(url: &str, version: u32, start: &str, operator: &str) -> Value {
    json!({
        "url": url, "majorApiVersion": version, "operator": operator,
        "validFor": { "start": format!("{start}T00:00:00Z") },
    })
}

fn config(lists: Value) -> Value {
    let mut config = lists;
    config["mediaType"] = "application/vnd.dev.sigstore.signingconfig.v0.2+json".into();
    config
}

#[test]
fn the_configurations_that_cosign_wrote() {
    let golden = |name: &str| {
        let folder = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../testdata/golden/cosign"
        );
        let json = std::fs::read(format!("{folder}/private-sigstore/{name}.json")).unwrap();
        Services::from_config(&SigningConfig::parse(&json).unwrap(), now()).unwrap()
    };
    let logs = |services: &Services| {
        services
            .logs
            .iter()
            .map(|log| log.version)
            .collect::<Vec<_>>()
    };
    assert_eq!(golden("sc_empty"), Services::default());
    let first = golden("sc_rekor1");
    assert_eq!(logs(&first), [LogVersion::V1]);
    assert_eq!(first.certificate_authority.unwrap().api, Api::V2);
    assert!(first.identity_provider.is_some() && first.timestamp_authorities.is_empty());
    let second = golden("sc_rekor2");
    assert_eq!(logs(&second), [LogVersion::V2]);
    assert_eq!(second.timestamp_authorities.len(), 1);
    let stamps = golden("sc_tsa_only");
    assert_eq!(logs(&stamps), []);
    assert_eq!(stamps.timestamp_authorities.len(), 1);
}

#[test]
fn the_newest_of_the_highest_version_is_used_unless_all_are() {
    let logs = |selector: Value| {
        let chosen = choose(&config(json!({
            "rekorTlogUrls": [
                service("https://old", 2, "2025-01-01", "a"),
                service("https://new", 2, "2026-01-01", "b"),
                service("https://future", 2, "2027-01-01", "c"),
                service("https://first", 1, "2026-02-01", "d"),
                service("https://unknown", 3, "2026-02-01", "e"),
            ],
            "rekorTlogConfig": selector,
        })));
        chosen.map(|services| {
            let logs = services.logs.into_iter();
            logs.map(|log| log.url).collect::<Vec<_>>()
        })
    };
    let any = logs(json!({ "selector": "ANY" }));
    assert_eq!(any.unwrap(), ["https://new"]);
    let all = logs(json!({ "selector": "ALL" }));
    assert_eq!(all.unwrap(), ["https://new", "https://old"]);
    let two = logs(json!({ "selector": "EXACT", "count": 2 }));
    assert_eq!(two.unwrap(), ["https://new", "https://old"]);
    let three = logs(json!({ "selector": "EXACT", "count": 3 }));
    assert_eq!(
        three.unwrap_err(),
        ServicesError {
            service: Service::TransparencyLog,
            source: SigningConfigError::Count {
                demanded: 3,
                available: 2,
            },
        }
    );
}

#[test]
fn a_list_without_anything_to_use_is_an_error_and_not_nothing() {
    for (list, which) in [
        ("caUrls", Service::CertificateAuthority),
        ("oidcUrls", Service::IdentityProvider),
        ("rekorTlogUrls", Service::TransparencyLog),
        ("tsaUrls", Service::TimestampAuthority),
    ] {
        for service in [
            service("https://a", 9, "2025-01-01", "a"),
            service("https://a", 1, "2027-01-01", "a"),
        ] {
            let lists = json!({
                list: [service], "rekorTlogConfig": { "selector": "ANY" },
                "tsaConfig": { "selector": "ANY" },
            });
            let refused = choose(&config(lists)).unwrap_err();
            assert_eq!(refused.service, which);
            assert!(
                matches!(refused.source, SigningConfigError::NoService { .. }),
                "{refused:?}"
            );
        }
    }
}

#[test]
fn an_address_that_is_none_is_found_before_signing() {
    let lists = json!({
        "caUrls": [service("ftp://a", 1, "2025-01-01", "a")],
        "rekorTlogUrls": [service("", 1, "2025-01-01", "a")],
        "rekorTlogConfig": { "selector": "ANY" },
        "tsaUrls": [service("tsa", 1, "2025-01-01", "a")], "tsaConfig": { "selector": "ANY" },
    });
    let services = choose(&config(lists)).unwrap();
    let of = |error: Error| match error {
        Error::Address { service, .. } => service,
        other => panic!("{other:?}"),
    };
    let authority = services.fulcio(&http()).unwrap_err();
    assert_eq!(of(authority), Service::CertificateAuthority);
    let logs = services.logs(&http()).unwrap_err();
    assert_eq!(of(logs), Service::TransparencyLog);
    let stamps = services.timestamp_authorities(&http()).unwrap_err();
    assert_eq!(of(stamps), Service::TimestampAuthority);
}
