//! The newest timestamp of each GUN in memory: every client asks for it first, and most for nothing else.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::HeaderValue;
use jiff::Timestamp;
use tuf::Gun;

use crate::recent::Recent;

/// GUNs remembered at once; each takes about 1 KiB.
const LIMIT: usize = 16_384;

/// A timestamp file that needs no look into the store.
#[derive(Clone, Debug)]
pub(crate) struct CurrentTimestamp {
    pub(crate) bytes: Bytes,
    /// When it was stored, as the header shows it.
    pub(crate) last_modified: HeaderValue,
    /// From then on it may need renewal.
    pub(crate) fresh_until: Timestamp,
}

/// What was read from the store may be remembered only if nothing was published since: this says since when.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ReadBegan(u64);

#[derive(Debug)]
pub(crate) struct CurrentTimestamps(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    recent: Recent<Gun, CurrentTimestamp>,
    published: u64,
}

impl CurrentTimestamps {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Inner {
            recent: Recent::new(LIMIT),
            published: 0,
        }))
    }

    /// The timestamp of a GUN, if it is known and fresh.
    pub(crate) fn fresh(&self, gun: &Gun, now: Timestamp) -> Option<CurrentTimestamp> {
        let current = self.lock().recent.get(gun)?;
        (now < current.fresh_until).then_some(current)
    }

    /// To be called before the store is read.
    pub(crate) fn begin_read(&self) -> ReadBegan {
        ReadBegan(self.lock().published)
    }

    /// Remembers what was read, unless any GUN has changed since.
    pub(crate) fn remember(&self, gun: &Gun, current: CurrentTimestamp, began: ReadBegan) {
        let mut inner = self.lock();
        if inner.published == began.0 {
            inner.recent.insert(gun.clone(), current);
        }
    }

    /// To be called when a change of the GUN is committed, before it is answered.
    pub(crate) fn forget(&self, gun: &Gun) {
        let mut inner = self.lock();
        inner.published += 1;
        inner.recent.remove(gun);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderValue;
    use jiff::Timestamp;
    use tuf::Gun;

    use super::{CurrentTimestamp, CurrentTimestamps};

    #[test]
    fn a_read_that_began_before_a_change_is_not_remembered() {
        let (gun, now) = (Gun::parse("a/b").unwrap(), Timestamp::UNIX_EPOCH);
        let file = CurrentTimestamp {
            bytes: Bytes::from_static(b"{}"),
            last_modified: HeaderValue::from_static(""),
            fresh_until: Timestamp::from_second(10).unwrap(),
        };
        let current = CurrentTimestamps::new();
        let early = current.begin_read();
        current.forget(&gun);
        current.remember(&gun, file.clone(), early);
        assert!(current.fresh(&gun, now).is_none());
        current.remember(&gun, file.clone(), current.begin_read());
        assert!(current.fresh(&gun, now).is_some());
        assert!(current.fresh(&gun, file.fresh_until).is_none());
        current.forget(&gun);
        assert!(current.fresh(&gun, now).is_none());
    }
}
