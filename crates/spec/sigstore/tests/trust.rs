//! Trusted roots and signing configurations, as cosign writes them and as it must not be misled by them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{ALICE, Found, GITLAB, TRUST, WAIVED, identity, now, read, registry, strict};
use sigstore::chain::{Authority, Window};
use sigstore::timestamp::TimestampError;
use sigstore::trust::{
    AssembleError, LooseError, Selector, Service, SigningConfig, SigningConfigError,
    TransparencyLog, TrustError, TrustedRoot, certificate_authorities, timestamp_authority,
};
use sigstore::verify::{AcceptedSigner, Artifact, Refusal, TimestampRule, verify_legacy};

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
        assert!(matches!(
            judge(&foreign),
            Err(Refusal::Timestamp {
                error: TimestampError::Chain { .. },
                ..
            })
        ));
    }
}

#[test]
fn what_cosign_wrote_is_written_again() {
    for name in ["trusted_root.json", "tr_empty.json"] {
        let json = read(&format!("private-sigstore/{name}"));
        let written = TrustedRoot::parse(&json).unwrap().to_json().unwrap();
        assert_eq!(written.as_bytes(), json, "{name}");
    }
    // The earlier one had blanks in it.
    let older = read("private-sigstore/trusted_root.made-by-2.5.0.json");
    let written = TrustedRoot::parse(&older).unwrap().to_json().unwrap();
    let value = |json: &[u8]| serde_json::from_slice::<serde_json::Value>(json).unwrap();
    assert_eq!(value(written.as_bytes()), value(&older));
    for name in [
        "sc_empty",
        "sc_rekor1",
        "sc_rekor1_tsa",
        "sc_rekor2",
        "sc_rekor2_notsa",
        "sc_tsa_only",
    ] {
        let json = read(&format!("private-sigstore/{name}.json"));
        let written = SigningConfig::parse(&json).unwrap().to_json();
        assert_eq!(written.as_bytes(), json, "{name}");
    }
}

/// The files that the golden trusted root was made from.
#[test]
fn a_trusted_root_is_made_of_files() {
    let time = |text: &str| Some(text.parse().unwrap());
    let start = time("2026-01-01T00:00:00Z");
    let window = Window { start, end: None };
    let log = |url: &str, file: &str, origin| {
        let pem = read(&format!("private-sigstore/{file}"));
        TransparencyLog::of_pem(url.to_owned(), &pem, origin, window).unwrap()
    };
    let fulcio = read("private-sigstore/fulcio-chain.pem");
    let tsa = read("private-sigstore/tsa-chain.pem");
    let root = TrustedRoot {
        certificate_authorities: vec![
            Authority::issuing("http://127.0.0.1:21210".to_owned(), &fulcio, None, None).unwrap(),
        ],
        logs: vec![
            log("http://127.0.0.1:21212", "rekor2.pub", Some("127.0.0.1")),
            log("http://127.0.0.1:21211", "rekor.pub", None),
        ],
        ct_logs: vec![log("http://127.0.0.1:21210/ct", "ctlog.pub", None)],
        timestamp_authorities: vec![
            Authority::timestamping("http://127.0.0.1:21213".to_owned(), &tsa, None, None).unwrap(),
        ],
    };
    let expected = read("private-sigstore/trusted_root.json");
    assert_eq!(root.to_json().unwrap().as_bytes(), expected);
    assert_eq!(
        Authority::timestamping(String::new(), &fulcio, None, None),
        Err(AssembleError::FirstIsCa)
    );
    let own = String::from_utf8(tsa.clone()).unwrap();
    let own = own.split_inclusive("-----END CERTIFICATE-----\n").next();
    assert_eq!(
        Authority::timestamping(String::new(), own.unwrap().as_bytes(), None, None),
        Err(AssembleError::Short)
    );
    assert!(matches!(
        TransparencyLog::of_pem(String::new(), &fulcio[..40], None, window),
        Err(AssembleError::Key(_))
    ));
    assert!(matches!(
        TransparencyLog::of_pem(
            String::new(),
            &read("private-sigstore/rekor.pub"),
            Some("a b"),
            window
        ),
        Err(AssembleError::Origin { .. })
    ));
}

#[test]
fn times_are_written_with_three_six_or_nine_digits() {
    for (time, written) in [
        ("2024-01-01T01:00:00+01:00", "2024-01-01T00:00:00Z"),
        ("2024-01-01T00:00:00.5Z", "2024-01-01T00:00:00.500Z"),
        ("2024-01-01T00:00:00.123456Z", "2024-01-01T00:00:00.123456Z"),
        (
            "2024-01-01T00:00:00.0000001Z",
            "2024-01-01T00:00:00.000000100Z",
        ),
    ] {
        let mut root = TRUST.clone();
        root.logs[0].window.end = Some(time.parse().unwrap());
        let json = root.to_json().unwrap();
        assert!(json.contains(&format!("\"end\":\"{written}\"")), "{time}");
    }
}

#[test]
fn selectors_are_read_as_cosign_reads_them() {
    for (text, selector) in [
        ("ANY", Selector::Any),
        ("all", Selector::All),
        ("exact:2", Selector::Exact(2)),
        ("EXACT:0", Selector::Exact(0)),
    ] {
        assert_eq!(Selector::parse(text), Ok(selector));
    }
    for text in [
        "",
        "FOO",
        "EXACT",
        "EXACT:",
        "EXACT:x",
        "EXACT:+1",
        "EXACT:4294967296",
        "ANY:1",
    ] {
        assert!(Selector::parse(text).is_err(), "{text}");
    }
}

/// As the files and variables from before trusted roots give them: in any order.
#[test]
fn loose_certificates_find_together() {
    let pem = |name: &str| {
        let text = String::from_utf8(read(&format!("private-sigstore/{name}"))).unwrap();
        sigstore::fulcio::chain_from_pem(&text).unwrap()
    };
    let [issuing, root] = pem("fulcio-chain.pem").try_into().unwrap();
    let [stamping, stamping_root] = pem("tsa-chain.pem").try_into().unwrap();
    let window = Window::default();
    let found = certificate_authorities("u", &[root.clone(), issuing.clone()], window).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].chain(), [issuing.clone(), root.clone()]);
    let alone = certificate_authorities("u", std::slice::from_ref(&root), window).unwrap();
    assert_eq!(alone[0].chain(), std::slice::from_ref(&root));
    let two = [stamping_root.clone(), issuing.clone(), root.clone()];
    let two = certificate_authorities("u", &two, window).unwrap();
    assert_eq!(two.len(), 2);
    assert_eq!(
        certificate_authorities("u", &[stamping_root.clone(), issuing.clone()], window),
        Err(LooseError::NoRoot { index: 1 })
    );
    assert!(certificate_authorities("u", &[], window).is_err());
    let authority = timestamp_authority("u", &[stamping_root.clone(), stamping.clone()], window);
    assert_eq!(authority.unwrap().chain(), [stamping, stamping_root]);
    assert_eq!(
        timestamp_authority("u", &[issuing, root], window),
        Err(LooseError::Leaves { found: 0 })
    );
}
