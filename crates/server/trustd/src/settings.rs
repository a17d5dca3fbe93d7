use tuf::{Gun, edit::Lifetimes};

/// What the trust server takes from its clients, and what it signs.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// For how long answers may be cached.
    pub caching: Caching,
    /// What GUNs must begin with; any GUN if empty.
    pub gun_prefixes: Vec<GunPrefix>,
    /// The kind of new server-held keys.
    pub key_algorithm: KeyAlgorithm,
    /// How long what the server signs is valid; only snapshot and timestamp matter here.
    pub lifetimes: Lifetimes,
    /// Bounds on uploads.
    pub limits: UploadLimits,
}

/// `max-age` of answers in seconds; 0 forbids caching. Notary's defaults (`notary:const.go`).
#[derive(Clone, Copy, Debug)]
pub struct Caching {
    /// For files asked by role: 300.
    pub current: u32,
    /// For files asked by digest or version, which never change: 30 days.
    pub consistent: u32,
}

impl Default for Caching {
    fn default() -> Self {
        Self {
            current: 300,
            consistent: 2_592_000,
        }
    }
}

/// Bounds on uploads, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct UploadLimits {
    /// One file: 100 MiB, as much as clients read (`notary:const.go:MaxDownloadSize`).
    pub part: usize,
    /// One request: 128 MiB.
    pub request: usize,
    /// All requests under way, which wait for room: 512 MiB. Never less than one request.
    pub buffered: usize,
}

impl Default for UploadLimits {
    fn default() -> Self {
        Self {
            part: 100 << 20,
            request: 128 << 20,
            buffered: 512 << 20,
        }
    }
}

/// The kind of a new server-held key.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "Notary's signer has these two")]
pub enum KeyAlgorithm {
    /// ECDSA on P-256.
    #[default]
    Ecdsa,
    /// Ed25519.
    Ed25519,
}

impl KeyAlgorithm {
    /// The `keytype` of metadata.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ecdsa => "ecdsa",
            Self::Ed25519 => "ed25519",
        }
    }
}

/// The beginning of a GUN, whole segments: `registry.example.com/team/`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GunPrefix(String);

/// Text that is no [`GunPrefix`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid GUN prefix {text}")]
pub struct GunPrefixError {
    /// The text.
    pub text: String,
}

impl GunPrefix {
    /// Reads a prefix: a GUN and a slash.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Self, GunPrefixError> {
        let valid = text
            .strip_suffix('/')
            .is_some_and(|gun| Gun::parse(gun).is_ok());
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(GunPrefixError {
                text: text.to_owned(),
            })
        }
    }

    /// Whether a GUN begins with it.
    #[must_use]
    pub fn begins(&self, gun: &Gun) -> bool {
        gun.as_str().starts_with(&self.0)
    }

    /// The text, with its final slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
