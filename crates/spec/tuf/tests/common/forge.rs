//! Repositories made from text and keys, independent of the code under test, with every field open to abuse.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use pki::certificate::{CertificateBundle, self_signed_root};
use pki::digest::Sha256;
use pki::key::PublicKey;
use pki::signing::SigningKey;
use tuf::pins::Pins;
use tuf::trusted::{Need, RootWanted, TargetsTrusted, Update};
use tuf::{Gun, Refusal, Role};

pub(crate) const GUN: &str = "example.com/app";
pub(crate) const LATER: &str = "2027-06-01T00:00:00Z";

pub(crate) struct Key {
    pub secret: SigningKey,
    pub public: PublicKey,
}

impl Key {
    pub(crate) fn new() -> Rc<Self> {
        let secret = SigningKey::generate_ecdsa_p256().unwrap();
        let public = secret.public_key().clone();
        Rc::new(Self { secret, public })
    }

    pub(crate) fn root() -> Rc<Self> {
        Self::new().certified(GUN)
    }

    /// The same key under the id of a certificate.
    pub(crate) fn certified(&self, gun: &str) -> Rc<Self> {
        let secret = SigningKey::from_der(&self.secret.to_pkcs8_der()).unwrap();
        let pem = self_signed_root(gun, &secret, super::now()).unwrap();
        let public = CertificateBundle::parse_pem(pem.as_bytes())
            .unwrap()
            .public_key()
            .unwrap();
        Rc::new(Self { secret, public })
    }

    fn id(&self) -> String {
        self.public.tuf_id().to_string()
    }

    fn json(&self) -> String {
        let (kind, public) = (
            self.public.key_type(),
            STANDARD.encode(self.public.public_bytes()),
        );
        format!(
            r#""{}":{{"keytype":"{kind}","keyval":{{"private":null,"public":"{public}"}}}}"#,
            self.id()
        )
    }
}

/// Who may sign a role, who does, and what it says.
#[derive(Clone)]
pub(crate) struct Spec {
    pub listed: Vec<Rc<Key>>,
    pub threshold: i64,
    pub signers: Vec<Rc<Key>>,
    pub version: u64,
    pub expires: String,
}

impl Spec {
    fn new(key: Rc<Key>) -> Self {
        let keys = vec![key];
        Self {
            listed: keys.clone(),
            threshold: 1,
            signers: keys,
            version: 1,
            expires: LATER.into(),
        }
    }

    pub(crate) fn keys(&mut self, keys: &[&Rc<Key>], threshold: i64) {
        self.listed = keys.iter().map(|key| (*key).clone()).collect();
        self.signers = self.listed.clone();
        self.threshold = threshold;
    }

    fn role_json(&self, extra: &str) -> String {
        let ids: Vec<_> = self
            .listed
            .iter()
            .map(|key| format!("\"{}\"", key.id()))
            .collect();
        format!(
            r#"{{"keyids":[{}],{extra}"threshold":{}}}"#,
            ids.join(","),
            self.threshold
        )
    }

    fn seal(&self, payload: &str) -> Vec<u8> {
        seal(payload, &self.signers)
    }
}

pub(crate) fn seal(payload: &str, signers: &[Rc<Key>]) -> Vec<u8> {
    let signatures: Vec<_> = signers
        .iter()
        .map(|key| {
            let signature = key.secret.sign(payload.as_bytes()).unwrap();
            let sig = STANDARD.encode(signature.bytes);
            format!(
                r#"{{"keyid":"{}","method":"{}","sig":"{sig}"}}"#,
                key.id(),
                signature.method
            )
        })
        .collect();
    format!(
        r#"{{"signed":{payload},"signatures":[{}]}}"#,
        signatures.join(",")
    )
    .into_bytes()
}

#[derive(Clone)]
pub(crate) struct Delegate {
    pub spec: Spec,
    pub paths: Vec<String>,
    pub names: Vec<String>,
    /// Raw JSON of its own `delegations`, below the role itself.
    pub children: Vec<(String, Self)>,
}

#[derive(Clone)]
pub(crate) struct Forge {
    pub root: Spec,
    pub targets: Spec,
    pub snapshot: Spec,
    pub timestamp: Spec,
    pub names: Vec<String>,
    pub delegates: Vec<(String, Delegate)>,
}

/// Signed files, by role; former roots by version.
#[derive(Clone)]
pub(crate) struct Files {
    pub by_role: BTreeMap<String, Vec<u8>>,
    pub roots: BTreeMap<u64, Vec<u8>>,
}

impl Forge {
    pub(crate) fn new() -> Self {
        Self {
            root: Spec::new(Key::root()),
            targets: Spec::new(Key::new()),
            snapshot: Spec::new(Key::new()),
            timestamp: Spec::new(Key::new()),
            names: vec!["v1".into()],
            delegates: Vec::new(),
        }
    }

    pub(crate) fn delegate(&mut self, name: &str, paths: &[&str], names: &[&str]) {
        self.delegates.push((name.into(), delegate(paths, names)));
    }

    pub(crate) fn root_payload(&self) -> String {
        let roles = [
            ("root", &self.root),
            ("snapshot", &self.snapshot),
            ("targets", &self.targets),
            ("timestamp", &self.timestamp),
        ];
        let keys: BTreeMap<_, _> = roles
            .iter()
            .flat_map(|(_, spec)| &spec.listed)
            .map(|key| (key.id(), key.json()))
            .collect();
        let keys: Vec<_> = keys.into_values().collect();
        let roles: Vec<_> = roles
            .iter()
            .map(|(name, spec)| format!("\"{name}\":{}", spec.role_json("")))
            .collect();
        format!(
            r#"{{"_type":"Root","consistent_snapshot":false,"expires":"{}","keys":{{{}}},"roles":{{{}}},"version":{}}}"#,
            self.root.expires,
            keys.join(","),
            roles.join(","),
            self.root.version
        )
    }

    pub(crate) fn root_file(&self) -> Vec<u8> {
        self.root.seal(&self.root_payload())
    }

    pub(crate) fn build(&self) -> Files {
        let mut by_role = BTreeMap::from([("root".to_owned(), self.root_file())]);
        targets_file(
            "targets",
            &self.targets,
            &self.names,
            &self.delegates,
            &mut by_role,
        );
        self.bind(&mut by_role);
        Files {
            roots: BTreeMap::from([(self.root.version, by_role["root"].clone())]),
            by_role,
        }
    }

    /// The same with the root file of other files; signing again would make other bytes.
    pub(crate) fn build_on(&self, other: &Files) -> Files {
        let mut files = self.build();
        files
            .by_role
            .insert("root".into(), other.by_role["root"].clone());
        self.bind(&mut files.by_role);
        files
    }

    /// Signs a snapshot and a timestamp over whatever the other files are.
    pub(crate) fn bind(&self, by_role: &mut BTreeMap<String, Vec<u8>>) {
        by_role.retain(|role, _| role == "root" || role.starts_with("targets"));
        let meta: Vec<_> = by_role
            .iter()
            .map(|(role, bytes)| format!("\"{role}\":{}", describe(bytes)))
            .collect();
        let snapshot =
            self.snapshot
                .seal(&meta_payload("Snapshot", &self.snapshot, &meta.join(",")));
        let meta = format!("\"snapshot\":{}", describe(&snapshot));
        let timestamp = self
            .timestamp
            .seal(&meta_payload("Timestamp", &self.timestamp, &meta));
        by_role.insert("snapshot".into(), snapshot);
        by_role.insert("timestamp".into(), timestamp);
    }
}

pub(crate) fn delegate(paths: &[&str], names: &[&str]) -> Delegate {
    Delegate {
        spec: Spec::new(Key::new()),
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        children: Vec::new(),
    }
}

pub(crate) fn describe(bytes: &[u8]) -> String {
    let sha256 = STANDARD.encode(Sha256::of(bytes).as_bytes());
    format!(
        r#"{{"hashes":{{"sha256":"{sha256}"}},"length":{}}}"#,
        bytes.len()
    )
}

pub(crate) fn meta_payload(kind: &str, spec: &Spec, meta: &str) -> String {
    let (expires, version) = (&spec.expires, spec.version);
    format!(r#"{{"_type":"{kind}","expires":"{expires}","meta":{{{meta}}},"version":{version}}}"#)
}

pub(crate) fn targets_payload(
    spec: &Spec,
    names: &[String],
    delegates: &[(String, Delegate)],
) -> String {
    let keys: BTreeMap<_, _> = delegates
        .iter()
        .flat_map(|(_, d)| &d.spec.listed)
        .map(|key| (key.id(), key.json()))
        .collect();
    let keys: Vec<_> = keys.into_values().collect();
    let roles: Vec<_> = delegates
        .iter()
        .map(|(name, d)| {
            let paths: Vec<_> = d.paths.iter().map(|path| format!("\"{path}\"")).collect();
            d.spec.role_json(&format!(
                r#""name":"{name}","paths":[{}],"#,
                paths.join(",")
            ))
        })
        .collect();
    let mut names: Vec<_> = names.to_vec();
    names.sort();
    let targets: Vec<_> = names
        .iter()
        .map(|name| format!("\"{name}\":{}", describe(name.as_bytes())))
        .collect();
    format!(
        r#"{{"_type":"Targets","delegations":{{"keys":{{{}}},"roles":[{}]}},"expires":"{}","targets":{{{}}},"version":{}}}"#,
        keys.join(","),
        roles.join(","),
        spec.expires,
        targets.join(","),
        spec.version
    )
}

fn targets_file(
    role: &str,
    spec: &Spec,
    names: &[String],
    delegates: &[(String, Delegate)],
    out: &mut BTreeMap<String, Vec<u8>>,
) {
    out.insert(
        role.to_owned(),
        spec.seal(&targets_payload(spec, names, delegates)),
    );
    for (name, d) in delegates {
        targets_file(name, &d.spec, &d.names, &d.children, out);
    }
}

impl Files {
    pub(crate) fn gun() -> Gun {
        Gun::parse(GUN).unwrap()
    }

    /// An update of a client that has `cache` against a server that has these files.
    pub(crate) fn update(
        &self,
        cache: Option<&Self>,
        now: Timestamp,
    ) -> Result<TargetsTrusted, Refusal> {
        self.update_pinned(cache, Pins::none(), now)
    }

    pub(crate) fn update_pinned(
        &self,
        cache: Option<&Self>,
        pins: Pins,
        now: Timestamp,
    ) -> Result<TargetsTrusted, Refusal> {
        let root = cache.map(|cache| &cache.by_role["root"][..]);
        let mut update = Update::start(&Self::gun(), pins, root, now)?;
        for role in cache.map(Self::in_order).unwrap_or_default() {
            update
                .remember(&role, &cache.unwrap().by_role[role.as_str()])
                .unwrap();
        }
        while let Some(need) = update.need() {
            let bytes = match &need {
                Need::Root(RootWanted::Version(n)) => &self.roots[n],
                need => &self.by_role[need.role().as_str()],
            };
            update.feed(bytes)?;
        }
        Ok(update.finish().unwrap())
    }

    /// Delegating roles before delegated ones.
    fn in_order(&self) -> Vec<Role> {
        let mut roles: Vec<_> = self
            .by_role
            .keys()
            .map(|role| Role::parse(role).unwrap())
            .collect();
        roles.sort_by_key(Role::depth);
        roles
    }
}
