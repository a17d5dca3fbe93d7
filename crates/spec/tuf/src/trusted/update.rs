//! The whole client update as one state machine that asks for files (`notary:client/tufclient.go:Update`).

use jiff::Timestamp as Instant;

use super::phases::{SnapshotTrusted, TimestampTrusted, Wanted};
use super::previous::Previous;
use super::root::{CachedRoot, RootRotation, RootTrusted, RootWanted};
use super::tree::TargetsTrusted;
use crate::limits::{MAX_ROOT_BYTES, MAX_TIMESTAMP_BYTES};
use crate::name::{Gun, Role};
use crate::pins::Pins;
use crate::refusal::Refusal;

/// One update of one GUN.
///
/// ```text
/// start ─ need() ─ feed(bytes) ─ need() ─ … ─ need() is None ─ finish()
/// ```
///
/// A refused timestamp, snapshot or targets file leads once to a search for a newer root and a second try; a second
/// refusal is final. The caller keeps what [`Update::feed`] accepted in its cache.
#[derive(Debug)]
pub struct Update {
    gun: Gun,
    pins: Pins,
    previous: Previous,
    now: Instant,
    state: State,
    retried: bool,
}

/// A file that the update needs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// A root.
    Root(RootWanted),
    /// `timestamp.json` from the server; a cached one only if the server cannot be reached.
    Timestamp,
    /// A file by its content, from the cache or as `<role>.<sha256>.json`.
    File(Wanted),
}

impl Need {
    /// Most bytes worth reading.
    #[must_use]
    pub fn limit(&self) -> u64 {
        match self {
            Self::Timestamp => MAX_TIMESTAMP_BYTES,
            Self::File(wanted) | Self::Root(RootWanted::Newest(Some(wanted))) => wanted.limit(),
            Self::Root(_) => MAX_ROOT_BYTES,
        }
    }

    /// The role.
    #[must_use]
    pub fn role(&self) -> Role {
        match self {
            Self::Root(_) => Role::Root,
            Self::Timestamp => Role::Timestamp,
            Self::File(wanted) => wanted.role.clone(),
        }
    }
}

#[derive(Debug)]
enum State {
    FirstRoot,
    Rotation(RootRotation),
    Timestamp(RootTrusted),
    Snapshot(TimestampTrusted),
    Targets(SnapshotTrusted),
    Delegations(TargetsTrusted),
}

impl Update {
    /// Begins with the cached root, if there is one. A cached root that has expired, or that the pins do not accept,
    /// leads to a search for its successor.
    ///
    /// # Errors
    /// Any [`Refusal`] about the cached root but expiry and pins: the cache is corrupt or was tampered with.
    pub fn start(
        gun: &Gun,
        pins: Pins,
        cached_root: Option<&[u8]>,
        now: Instant,
    ) -> Result<Self, Refusal> {
        let cached = cached_root
            .map(|bytes| CachedRoot::from_bytes(gun, bytes))
            .transpose()?;
        let state = match &cached {
            None => State::FirstRoot,
            Some(cached) => match cached.check(&pins, now) {
                Ok(root) => State::Timestamp(root),
                Err(_) => State::Rotation(RootRotation::new(cached.clone(), None)),
            },
        };
        Ok(Self {
            gun: gun.clone(),
            pins,
            previous: Previous::new(cached),
            now,
            state,
            retried: false,
        })
    }

    /// Takes note of a file trusted in an earlier update, so that none older is accepted; delegating roles first.
    ///
    /// # Errors
    /// Why it sets no minimum; to be reported or ignored.
    pub fn remember(&mut self, role: &Role, bytes: &[u8]) -> Result<(), Refusal> {
        self.previous.load(role, bytes)
    }

    /// The file to feed next; none when all is there.
    #[must_use]
    pub fn need(&mut self) -> Option<Need> {
        match &mut self.state {
            State::FirstRoot => Some(Need::Root(RootWanted::Newest(None))),
            State::Rotation(rotation) => Some(Need::Root(rotation.wanted())),
            State::Timestamp(_) => Some(Need::Timestamp),
            State::Snapshot(timestamp) => Some(Need::File(timestamp.wanted())),
            State::Targets(snapshot) => Some(Need::File(snapshot.wanted())),
            State::Delegations(targets) => targets.next_delegation().map(Need::File),
        }
    }

    /// The root trusted at this moment, once there is one; what a cache keeps.
    #[must_use]
    pub fn root(&self) -> Option<&RootTrusted> {
        match &self.state {
            State::FirstRoot | State::Rotation(_) => None,
            State::Timestamp(root) => Some(root),
            State::Snapshot(timestamp) => Some(timestamp.root()),
            State::Targets(snapshot) => Some(snapshot.root()),
            State::Delegations(targets) => Some(targets.snapshot().root()),
        }
    }

    /// Takes the file needed. Returns whether it was accepted; if not, the update goes on with another need.
    ///
    /// # Errors
    /// A final [`Refusal`].
    pub fn feed(&mut self, bytes: &[u8]) -> Result<bool, Refusal> {
        match self.advance(bytes) {
            Ok(()) => Ok(true),
            Err(refusal) if self.retry(Some(&refusal)) => Ok(false),
            Err(refusal) => Err(refusal),
        }
    }

    /// Looks for a newer root and begins anew, as after a refusal: for a file that the server does not have. Returns
    /// false if that was tried already, or if it is a root that is missing.
    pub fn restart(&mut self) -> bool {
        self.retry(None)
    }

    /// The result: everything down to the delegations.
    ///
    /// # Errors
    /// The update itself, if something is still needed.
    pub fn finish(mut self) -> Result<TargetsTrusted, Box<Self>> {
        match self.need() {
            Some(_) => Err(Box::new(self)),
            None => match self.state {
                State::Delegations(targets) => Ok(targets),
                state => Err(Box::new(Self { state, ..self })),
            },
        }
    }

    /// The timestamp phase, while the update waits for the snapshot: for the repair of an expired snapshot.
    #[must_use]
    pub fn timestamp(&self) -> Option<&TimestampTrusted> {
        match &self.state {
            State::Snapshot(timestamp) => Some(timestamp),
            _ => None,
        }
    }

    /// The snapshot phase, while the update stands before or after it: for the repair of an expired targets file.
    #[must_use]
    pub fn snapshot(&self) -> Option<&SnapshotTrusted> {
        match &self.state {
            State::Targets(snapshot) => Some(snapshot),
            State::Delegations(targets) => Some(targets.snapshot()),
            _ => None,
        }
    }

    fn advance(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let now = self.now;
        let next = match &mut self.state {
            State::FirstRoot => {
                State::Timestamp(RootTrusted::first_use(&self.gun, &self.pins, bytes, now)?)
            }
            State::Rotation(rotation) => match rotation.feed(bytes, &self.pins, now)? {
                Some(root) => State::Timestamp(root),
                None => return Ok(()),
            },
            State::Timestamp(root) => State::Snapshot(root.timestamp(
                bytes,
                self.previous.at_least(&Role::Timestamp),
                now,
            )?),
            State::Snapshot(timestamp) => State::Targets(timestamp.snapshot(
                bytes,
                self.previous.at_least(&Role::Snapshot),
                now,
            )?),
            State::Targets(snapshot) => State::Delegations(snapshot.targets(
                bytes,
                self.previous.at_least(&Role::Targets),
                now,
            )?),
            State::Delegations(targets) => {
                let role = targets
                    .next_delegation()
                    .map_or(Role::Targets, |wanted| wanted.role);
                return targets.delegation(bytes, self.previous.at_least(&role), now);
            }
        };
        self.state = next;
        Ok(())
    }

    fn retry(&mut self, refusal: Option<&Refusal>) -> bool {
        let Some(root) = self.root() else {
            return false;
        };
        if self.retried {
            return false;
        }
        let described = match refusal {
            Some(Refusal::RootChanged { described, .. }) => Some(described.as_ref().clone()),
            _ => None,
        };
        self.state = State::Rotation(RootRotation::new(root.as_cached().clone(), described));
        self.retried = true;
        true
    }
}
