//! Trusted roots and signing configurations, as cosign writes them and as it must not be misled by them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{ALICE, Found, GITLAB, TRUST, WAIVED, identity, now, read, registry, strict};
use sigstore::chain::{Authority, Window};
use sigstore::trust::{
    Selector, Service, SigningConfig, SigningConfigError, TrustError, TrustedRoot,
};
use sigstore::verify::{AcceptedSigner, Artifact, TimestampRule, verify_legacy};

fn trusted_root(spoil: impl Fn(&mut serde_json::Value)) -> Result<TrustedRoot, TrustError> {
    let mut json: serde_json::Value =
        serde_json::from_slice(&read("private-sigstore/trusted_root.json")).unwrap();
    spoil(&mut json);
    TrustedRoot::parse(json.to_string().as_bytes())
}

#[test]
fn trusted_roots_of_both_versions() {
    let root = &*TRUST;
    assert_eq!(
        (
            root.logs.len(),
            root.ct_logs.len(),
            root.certificate_authorities.len(),
            root.timestamp_authorities.len()
        ),
        (2, 1, 1, 1)
    );
    let older = TrustedRoot::parse(&read("private-sigstore/trusted_root.made-by-2.5.0.json"));
    assert!(!older.unwrap().logs.is_empty());
    let empty = TrustedRoot::parse(&read("private-sigstore/tr_empty.json")).unwrap();
    assert!(empty.logs.is_empty() && empty.certificate_authorities.is_empty());
}

#[test]
fn what_is_no_trusted_root_is_refused() {
    let spoilt = |spoil: &dyn Fn(&mut serde_json::Value)| trusted_root(spoil).unwrap_err();
    assert!(matches!(
        spoilt(
            &|json| json["mediaType"] = "application/vnd.dev.sigstore.trustedroot.v0.2+json".into()
        ),
        TrustError::UnknownMediaType { .. }
    ));
    assert!(matches!(
        spoilt(&|json| json["tlogs"][0]["publicKey"]["validFor"] = serde_json::Value::Null),
        TrustError::NoStart { index: 0, .. }
    ));
    assert!(matches!(
        spoilt(&|json| json["tlogs"][1]["publicKey"]["rawBytes"] = "AAAA".into()),
        TrustError::Key { index: 1, .. }
    ));
    assert!(matches!(
        spoilt(&|json| json["ctlogs"][0]["logId"]["keyId"] = "AAAA".into()),
        TrustError::LogId { found: 3, .. }
    ));
    assert!(matches!(
        spoilt(&|json| json["ctlogs"][0]["hashAlgorithm"] = "SHA2_512".into()),
        TrustError::HashAlgorithm { .. }
    ));
    assert!(matches!(
        spoilt(&|json| json["certificateAuthorities"][0]["certChain"] = serde_json::json!({})),
        TrustError::Authority { .. }
    ));
    let many = |json: &mut serde_json::Value| {
        json["ctlogs"] = vec![json["ctlogs"][0].clone(); 65].into();
    };
    assert!(matches!(spoilt(&many), TrustError::TooMany { .. }));
    assert!(trusted_root(|json| json["newer"] = 1.into()).is_ok());
}

#[test]
fn services_are_selected_as_by_cosign() {
    let config = SigningConfig::parse(&read("private-sigstore/sc_rekor2.json")).unwrap();
    let selected = config.logs.select(&[1, 2], now()).unwrap();
    assert_eq!(selected[0].url, "http://127.0.0.1:21212");
    assert!(matches!(
        config.logs.select(&[1], now()).unwrap_err(),
        SigningConfigError::NoService { .. }
    ));
    assert_eq!(
        config.timestamp_authorities.selector,
        Some(Selector::Exact(1))
    );
    let ca = Service::select_one(&config.certificate_authorities, &[1], now()).unwrap();
    assert_eq!(
        (ca.url.as_str(), ca.operator.as_str()),
        ("http://127.0.0.1:21210", "golden")
    );

    // None, and no complaint about it.
    let empty = SigningConfig::parse(&read("private-sigstore/sc_empty.json")).unwrap();
    assert_eq!(empty.logs.select(&[1, 2], now()), Ok(Vec::new()));

    // Highest version, newest first, one per operator.
    let mut lists = config.logs.clone();
    let service = |url: &str, version: u32, start: &str, operator: &str| Service {
        url: url.to_owned(),
        major_api_version: version,
        window: Window {
            start: Some(start.parse().unwrap()),
            end: None,
        },
        operator: operator.to_owned(),
    };
    lists.services = vec![
        service("old", 2, "2026-01-01T00:00:00Z", "a"),
        service("new", 2, "2026-02-01T00:00:00Z", "a"),
        service("other", 2, "2026-01-15T00:00:00Z", "b"),
        service("v1", 1, "2026-03-01T00:00:00Z", "c"),
        service("future", 2, "2030-01-01T00:00:00Z", "d"),
    ];
    lists.selector = Some(Selector::All);
    let urls = |lists: &sigstore::trust::ServiceList| {
        let selected = lists.select(&[1, 2], now()).unwrap();
        selected
            .iter()
            .map(|service| service.url.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(urls(&lists), ["new", "other"]);
    lists.selector = Some(Selector::Exact(1));
    assert_eq!(urls(&lists), ["new"]);
    for demanded in [0, 3] {
        lists.selector = Some(Selector::Exact(demanded));
        assert_eq!(
            lists.select(&[1, 2], now()).unwrap_err(),
            SigningConfigError::Count {
                demanded,
                available: 2
            }
        );
    }
}

#[test]
fn a_signing_configuration_must_say_how_many() {
    let mut json: serde_json::Value =
        serde_json::from_slice(&read("private-sigstore/sc_rekor2.json")).unwrap();
    json["rekorTlogConfig"] = serde_json::Value::Null;
    assert_eq!(
        SigningConfig::parse(json.to_string().as_bytes()).unwrap_err(),
        SigningConfigError::NoSelector {
            list: "rekorTlogUrls"
        }
    );
}

/// cosign 2.5 asks for certificates in the token: then a trusted root that names the authority's issuer alone is enough.
#[test]
fn a_token_may_bring_its_certificate() {
    let identities = [identity(GITLAB), identity(ALICE)].concat();
    let mut policy = strict(AcceptedSigner::Identities(&identities));
    policy.log = WAIVED;
    policy.timestamp = TimestampRule::Required;
    let mut trust = TRUST.clone();
    let root = trust.timestamp_authorities[0].chain()[1].clone();
    let of =
        |root: Vec<u8>| vec![Authority::new(String::new(), vec![root], Window::default()).unwrap()];
    trust.timestamp_authorities = of(root);
    let mut foreign = trust.clone();
    foreign.timestamp_authorities = of(trust.certificate_authorities[0].chain()[1].clone());
    for found in registry("cases/c04_v25_keyless_tsa/registry") {
        let Found::Legacy(legacy, image) = found else {
            panic!("the older form");
        };
        let artifact = Artifact::manifest(&image);
        let judge = |trust| verify_legacy(&legacy, &artifact, trust, &policy, now()).result;
        assert!(judge(&trust).is_ok());
        assert!(judge(&foreign).is_err());
    }
}
