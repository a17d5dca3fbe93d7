//! Roots: the first one, the cached one, and the chain from one to the newest.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp as Instant;
use pki::certificate::CertificateBundle;
use pki::key::{PublicKey, TufKeyId};

use super::phases::{Wanted, signers};
use crate::expiry::Expiry;
use crate::limits::MAX_ROOT_ROTATIONS;
use crate::metadata::{FileMeta, Metadata as _, Parsed, Root, Structure};
use crate::name::{Gun, Role};
use crate::pins::{Pins, Rule};
use crate::refusal::{Refusal, RootKeyProblem, RootKeyRefusal};
use crate::verify::{Demands, Signers, Verified, check_description, check_rest, parse, threshold};

/// A root trusted at some time: its successors can be verified with it, nothing else. Neither pins nor expiry were
/// checked.
#[derive(Debug, Clone)]
pub struct CachedRoot {
    gun: Gun,
    root: Arc<Verified<Root>>,
}

/// A root trusted now: signed, pinned if there are pins, unexpired, its certificate valid for the GUN.
#[derive(Debug, Clone)]
pub struct RootTrusted(CachedRoot);

/// Verification of the newest root, through intermediate versions if need be. Asks for one file after the other.
#[derive(Debug, Clone)]
pub struct RootRotation {
    head: CachedRoot,
    described: Option<FileMeta>,
    newest: Option<Parsed<Root>>,
}

/// A root to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RootWanted {
    /// The newest, by its hash if the snapshot stated it, otherwise as `root.json`.
    Newest(Option<Wanted>),
    /// `<n>.root.json`, at most [`crate::limits::MAX_ROOT_BYTES`].
    Version(u64),
}

impl CachedRoot {
    /// Takes a root from the cache: signed by the threshold of its own root keys, all certificates for this GUN.
    ///
    /// # Errors
    /// Any [`Refusal`] about the root but those about time and pins.
    pub fn from_bytes(gun: &Gun, bytes: &[u8]) -> Result<Self, Refusal> {
        let root = parse(&Role::Root, bytes)?;
        let root = verify_own(gun, root, None, 1)?;
        Ok(Self {
            gun: gun.clone(),
            root: Arc::new(root),
        })
    }

    /// Trusts this root as it is, without looking for a newer one.
    ///
    /// # Errors
    /// Its expiry, [`Refusal::PinMismatch`], or no certificate that is still valid.
    pub fn check(&self, pins: &Pins, now: Instant) -> Result<RootTrusted, Refusal> {
        // From the bytes again: only signatures by keys that the pins accept count now.
        let root = verify_own(
            &self.gun,
            parse(&Role::Root, self.bytes())?,
            Some((pins, now)),
            self.version(),
        )?;
        Ok(RootTrusted(Self {
            gun: self.gun.clone(),
            root: Arc::new(root),
        }))
    }

    /// The GUN.
    #[must_use]
    pub fn gun(&self) -> &Gun {
        &self.gun
    }

    /// The version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.root.version()
    }

    /// The bytes received.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.root.bytes()
    }

    /// When it stops being valid.
    #[must_use]
    pub fn expires(&self) -> &Expiry {
        self.root.expires()
    }

    pub(crate) fn signed(&self) -> &Root {
        self.root.signed()
    }

    pub(crate) fn signers(&self, role: &Role) -> Signers<'_> {
        signers(self.signed(), role)
    }

    /// Accepts a successor, signed by this root's keys and by its own.
    pub(crate) fn successor(
        &self,
        next: Parsed<Root>,
        demands: Option<(&Pins, Instant)>,
    ) -> Result<Self, Refusal> {
        verify_succession(&self.gun, self.signed(), &next)?;
        let root = verify_own(&self.gun, next, demands, self.version())?;
        Ok(Self {
            gun: self.gun.clone(),
            root: Arc::new(root),
        })
    }
}

impl RootTrusted {
    /// Trusts the first root of a GUN: as the pins say, otherwise whatever comes (trust on first use).
    ///
    /// # Errors
    /// Any [`Refusal`] about the root.
    pub fn first_use(gun: &Gun, pins: &Pins, bytes: &[u8], now: Instant) -> Result<Self, Refusal> {
        if matches!(pins.rule(gun), Rule::NoFirstUse) {
            return Err(Refusal::TofuDisabled { gun: gun.clone() });
        }
        let root = verify_own(gun, parse(&Role::Root, bytes)?, Some((pins, now)), 1)?;
        Ok(Self(CachedRoot {
            gun: gun.clone(),
            root: Arc::new(root),
        }))
    }

    /// The GUN.
    #[must_use]
    pub fn gun(&self) -> &Gun {
        &self.0.gun
    }

    /// The verified file.
    #[must_use]
    pub fn file(&self) -> &Verified<Root> {
        &self.0.root
    }

    /// The content.
    #[must_use]
    pub fn root(&self) -> &Root {
        self.0.signed()
    }

    /// The version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.0.version()
    }

    /// The bytes received; what a cache keeps.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// This root as the start of a rotation.
    #[must_use]
    pub fn as_cached(&self) -> &CachedRoot {
        &self.0
    }
}

impl RootRotation {
    /// Starts from a root that was trusted. `described` is what a valid snapshot says about the newest root.
    #[must_use]
    pub fn new(from: CachedRoot, described: Option<FileMeta>) -> Self {
        Self {
            head: from,
            described,
            newest: None,
        }
    }

    /// The file to feed next.
    #[must_use]
    pub fn wanted(&self) -> RootWanted {
        match self.newest {
            None => RootWanted::Newest(self.described.clone().map(|meta| Wanted {
                role: Role::Root,
                meta,
            })),
            Some(_) => RootWanted::Version(self.head.version().saturating_add(1)),
        }
    }

    /// Takes the file that was wanted; returns the newest root once it is trusted.
    ///
    /// The newest root is accepted at once if the root trusted so far signed it; otherwise every version between must
    /// be there, each signed by the one before it, expiry ignored. Pins and time are for the newest.
    ///
    /// # Errors
    /// Any [`Refusal`] about a root; final.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        pins: &Pins,
        now: Instant,
    ) -> Result<Option<RootTrusted>, Refusal> {
        let root = parse::<Root>(&Role::Root, bytes)?;
        let Some(newest) = self.newest.take() else {
            return self.feed_newest(root, pins, now);
        };
        let (expected, got) = (
            self.head.version().saturating_add(1),
            root.unverified().version,
        );
        if got != expected {
            return Err(Refusal::RootVersion { expected, got });
        }
        self.head = self.head.successor(root, None)?;
        if self.head.version().saturating_add(1) < newest.unverified().version {
            self.newest = Some(newest);
            return Ok(None);
        }
        self.finish(newest, pins, now).map(Some)
    }

    fn feed_newest(
        &mut self,
        newest: Parsed<Root>,
        pins: &Pins,
        now: Instant,
    ) -> Result<Option<RootTrusted>, Refusal> {
        if let Some(described) = &self.described {
            check_description(&Role::Root, newest.bytes(), described)?;
        }
        let (trusted, got) = (self.head.version(), newest.unverified().version);
        if got < trusted {
            // By other keys it is no older version of this repository's root, but the root of one made anew.
            verify_succession(&self.head.gun, self.head.signed(), &newest)?;
            return Err(Refusal::VersionRollback {
                role: Role::Root,
                seen: trusted,
                got,
            });
        }
        if got == trusted {
            if newest.bytes() != self.head.bytes() {
                return Err(Refusal::RootReplaced { version: got });
            }
            return self.head.check(pins, now).map(Some);
        }
        if got - trusted > MAX_ROOT_ROTATIONS {
            return Err(Refusal::TooManyRotations {
                trusted,
                got,
                limit: MAX_ROOT_ROTATIONS,
            });
        }
        match verify_succession(&self.head.gun, self.head.signed(), &newest) {
            Err(Refusal::RootNotSignedByPrevious { .. }) if got - trusted > 1 => {
                self.newest = Some(newest);
                Ok(None)
            }
            Err(refusal) => Err(refusal),
            Ok(()) => self.finish(newest, pins, now).map(Some),
        }
    }

    fn finish(
        &self,
        newest: Parsed<Root>,
        pins: &Pins,
        now: Instant,
    ) -> Result<RootTrusted, Refusal> {
        self.head
            .successor(newest, Some((pins, now)))
            .map(RootTrusted)
    }
}

/// Checks that enough of the previous root's keys signed the next one. Certificates of the previous root may have
/// expired; they must be for the GUN (`notary:trustpinning/trustpin.go:ValidateRoot`).
pub(crate) fn verify_succession(
    gun: &Gun,
    previous: &Root,
    next: &Parsed<Root>,
) -> Result<(), Refusal> {
    let signers = certified_signers(gun, previous, None)?;
    let have = signers.count(next.message(), next.signatures());
    if have < signers.need {
        let (trusted, got) = (previous.version, next.unverified().version);
        return Err(Refusal::RootNotSignedByPrevious {
            trusted,
            got,
            have,
            need: signers.need,
        });
    }
    Ok(())
}

/// Verifies a root with its own keys; with `demands` also that they are pinned and valid now, and its expiry.
pub(crate) fn verify_own(
    gun: &Gun,
    root: Parsed<Root>,
    demands: Option<(&Pins, Instant)>,
    at_least: u64,
) -> Result<Verified<Root>, Refusal> {
    let role = Role::Root;
    // Without a sound structure there are no keys to verify with.
    let structure = root.unverified().check_structure(&role);
    structure.map_err(|source| Refusal::Structure {
        role: role.clone(),
        source,
    })?;
    match demands {
        Some((pins, now)) => check_pins(gun, root.unverified(), pins, now)?,
        None => certified_signers(gun, root.unverified(), None)?,
    }
    .check(&role, &root)?;
    check_rest(
        root,
        &Demands {
            role: &role,
            described: None,
            at_least,
            now: demands.map(|(_, now)| now),
        },
    )
}

/// The root keys that pass the pins.
fn check_pins<'a>(
    gun: &Gun,
    root: &'a Root,
    pins: &Pins,
    now: Instant,
) -> Result<Signers<'a>, Refusal> {
    let mut signers = certified_signers(gun, root, Some(now))?;
    match pins.rule(gun) {
        Rule::Certificates(ids) => signers.keys.retain(|id, _| ids.contains(id)),
        Rule::Authorities(authorities) => {
            signers
                .keys
                .retain(|_, key| super::authority::chains_to(key, authorities, now));
        }
        Rule::FirstUse | Rule::NoFirstUse => {}
    }
    if signers.keys.is_empty() {
        return Err(Refusal::PinMismatch { gun: gun.clone() });
    }
    Ok(signers)
}

/// The keys of the root role whose certificates are valid for the GUN, and at `now` if given.
fn certified_signers<'a>(
    gun: &Gun,
    root: &'a Root,
    now: Option<Instant>,
) -> Result<Signers<'a>, Refusal> {
    let Some(role) = root.role_keys(&Role::Root) else {
        let source = Structure::MissingRole { role: Role::Root };
        return Err(Refusal::Structure {
            role: Role::Root,
            source,
        });
    };
    let mut keys = BTreeMap::new();
    let mut reasons = Vec::new();
    for keyid in role.keyids.iter() {
        let Some(key) = root.keys.get(keyid) else {
            continue;
        };
        match check_certificate(gun, keyid, key, now) {
            Ok(()) => {
                keys.insert(*keyid, key);
            }
            Err(source) => reasons.push(RootKeyRefusal {
                keyid: *keyid,
                source,
            }),
        }
    }
    if keys.is_empty() {
        return Err(Refusal::BadRootCertificate {
            gun: gun.clone(),
            reasons,
        });
    }
    Ok(Signers {
        keys,
        need: threshold(role),
    })
}

fn check_certificate(
    gun: &Gun,
    keyid: &TufKeyId,
    key: &PublicKey,
    now: Option<Instant>,
) -> Result<(), RootKeyProblem> {
    if !key.key_type().is_x509() {
        return Err(RootKeyProblem::NoCertificate);
    }
    let bundle = CertificateBundle::parse_pem(key.public_bytes())?;
    let leaf = bundle.check_root_leaf(gun.as_str(), now)?;
    if leaf.key().tuf_id() == *keyid {
        Ok(())
    } else {
        Err(RootKeyProblem::OtherId)
    }
}
