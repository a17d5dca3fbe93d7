//! The forms of a signature, and the words that make a client write or read them.

use testkit::sigstack::{Claims, LogVersion, Ref};

use crate::scene::{Scene, Who};

/// Where and how a signature is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Form {
    /// A key, cosign 2's format, no log.
    KeyLegacy,
    /// The same with an entry in the log.
    KeyLegacyLogged,
    /// Keyless, cosign 2's format.
    KeylessLegacy,
    /// Keyless, cosign 2's format, with a timestamp besides the entry.
    KeylessLegacyStamped,
    /// Keyless, cosign 2's format, with a timestamp in place of the entry.
    KeylessLegacyUnlogged,
    /// A key, a bundle without a log.
    KeyBundle,
    /// A key, a bundle with an entry in this log and a timestamp.
    KeyBundleLogged(LogVersion),
    /// Keyless, a bundle with an entry in this log and a timestamp.
    KeylessBundle(LogVersion),
}

pub(crate) const ISSUER: &str = "https://gitlab.com";
pub(crate) const IDENTITY: &str = "https://gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main";

impl Form {
    pub(crate) const LEGACY: [Self; 5] = [
        Self::KeyLegacy,
        Self::KeyLegacyLogged,
        Self::KeylessLegacy,
        Self::KeylessLegacyStamped,
        Self::KeylessLegacyUnlogged,
    ];
    pub(crate) const BUNDLE: [Self; 5] = [
        Self::KeyBundle,
        Self::KeyBundleLogged(LogVersion::V1),
        Self::KeyBundleLogged(LogVersion::V2),
        Self::KeylessBundle(LogVersion::V1),
        Self::KeylessBundle(LogVersion::V2),
    ];

    pub(crate) fn is_legacy(self) -> bool {
        Self::LEGACY.contains(&self)
    }

    fn is_keyless(self) -> bool {
        matches!(
            self,
            Self::KeylessLegacy
                | Self::KeylessLegacyStamped
                | Self::KeylessLegacyUnlogged
                | Self::KeylessBundle(_)
        )
    }

    /// What follows `sign`, `attest`, …; the key is `<key>.key`.
    pub(crate) fn signing(self, scene: &Scene, who: Who, key: &str) -> Vec<String> {
        let mut words = vec!["--yes".to_owned()];
        let mut add = |more: &[&str]| words.extend(more.iter().map(|&word| word.to_owned()));
        if self.is_keyless() {
            let claims = Claims::gitlab(ISSUER, "acme/app", Ref::Branch("main"));
            add(&["--identity-token", &scene.sigstore.token(&claims)]);
        } else {
            add(&["--key", &format!("{key}.key")]);
        }
        if self.is_legacy() && who == Who::V3 {
            add(&["--new-bundle-format=false", "--use-signing-config=false"]);
        }
        let [fulcio, fulcio_url, rekor, rekor_url] = scene.urls();
        match self {
            Self::KeyLegacy => add(&["--tlog-upload=false"]),
            Self::KeyLegacyLogged => add(&[rekor, rekor_url]),
            Self::KeylessLegacy | Self::KeylessLegacyStamped => {
                add(&[fulcio, fulcio_url, rekor, rekor_url]);
            }
            Self::KeylessLegacyUnlogged => add(&[fulcio, fulcio_url, "--tlog-upload=false"]),
            Self::KeyBundle => add(&[
                "--signing-config",
                "empty.json",
                "--trusted-root",
                "empty-root.json",
            ]),
            Self::KeyBundleLogged(log) | Self::KeylessBundle(log) => add(&[
                "--signing-config",
                &scene.signing_config(log),
                "--trusted-root",
                &scene.trusted_root(),
            ]),
        }
        if matches!(
            self,
            Self::KeylessLegacyStamped | Self::KeylessLegacyUnlogged
        ) {
            add(&["--timestamp-server-url", &scene.sigstore.timestamp_url()]);
        }
        words
    }

    /// What follows `verify`, …; the key is `<key>.pub`.
    pub(crate) fn verifying(self, scene: &Scene, key: &str) -> Vec<String> {
        let mut words = Vec::new();
        let mut add = |more: &[&str]| words.extend(more.iter().map(|&word| word.to_owned()));
        if self.is_keyless() {
            add(&["--certificate-identity", IDENTITY]);
            add(&["--certificate-oidc-issuer", ISSUER]);
        } else {
            add(&["--key", &format!("{key}.pub")]);
        }
        let [_, _, rekor, rekor_url] = scene.urls();
        match self {
            Self::KeyLegacy | Self::KeyBundle => add(&["--insecure-ignore-tlog"]),
            Self::KeyLegacyLogged | Self::KeylessLegacy => add(&[rekor, rekor_url]),
            Self::KeylessLegacyStamped => add(&[rekor, rekor_url, "--use-signed-timestamps"]),
            Self::KeylessLegacyUnlogged => {
                add(&["--insecure-ignore-tlog", "--use-signed-timestamps"]);
            }
            Self::KeyBundleLogged(_) | Self::KeylessBundle(_) => {
                add(&["--trusted-root", &scene.trusted_root()]);
            }
        }
        words
    }
}

/// A client does `command` (`sign`, `attest …`) in this form with its key to an image or a file.
#[track_caller]
pub(crate) fn make(scene: &Scene, who: Who, form: Form, key: &str, command: &[&str], what: &str) {
    let words = form.signing(scene, who, key);
    let words = [command, &strs(&words)].concat();
    scene.run_on(who, &words, &[what]).success();
}

/// The words as `run` takes them.
pub(crate) fn strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}
