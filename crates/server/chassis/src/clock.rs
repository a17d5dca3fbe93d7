use std::{
    fmt::Debug,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

/// Where a server gets the time from, so that a test can be years ahead.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place where a server reads the machine's clock"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still until it is moved. Clones share their time.
#[derive(Clone, Debug)]
pub struct PausedClock(Arc<Mutex<Timestamp>>);

impl PausedClock {
    /// A clock that shows `at`.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(at)))
    }

    /// Moves the clock forward, or backward; it stops at the ends of representable time.
    pub fn advance(&self, by: SignedDuration) {
        let mut at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *at = at.saturating_add(by).unwrap_or(*at);
    }
}

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Another clock, seen from a distance in time that can be changed. Clones share their distance.
#[derive(Clone, Debug)]
pub struct ShiftedClock<C> {
    base: C,
    shift: Arc<Mutex<SignedDuration>>,
}

impl<C: Clock> ShiftedClock<C> {
    /// A clock that shows what `base` shows.
    #[must_use]
    pub fn new(base: C) -> Self {
        Self {
            base,
            shift: Arc::new(Mutex::new(SignedDuration::ZERO)),
        }
    }

    /// From now on shows what the base shows plus `shift` (negative: the past).
    pub fn shift_to(&self, shift: SignedDuration) {
        *self.shift.lock().unwrap_or_else(PoisonError::into_inner) = shift;
    }
}

impl<C: Clock> Clock for ShiftedClock<C> {
    fn now(&self) -> Timestamp {
        let shift = *self.shift.lock().unwrap_or_else(PoisonError::into_inner);
        let base = self.base.now();
        base.saturating_add(shift).unwrap_or(base)
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{Clock, PausedClock, ShiftedClock, SystemClock};

    #[test]
    fn a_paused_clock_moves_only_when_moved() {
        let clock = PausedClock::at(Timestamp::UNIX_EPOCH);
        let clone = clock.clone();
        assert_eq!(clock.now(), clock.now());
        clone.advance(SignedDuration::from_hours(24));
        assert_eq!(clock.now().as_second(), 86_400);
        clone.advance(SignedDuration::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
    }

    #[test]
    fn a_shifted_clock_follows_its_base() {
        let base = PausedClock::at(Timestamp::UNIX_EPOCH);
        let clock = ShiftedClock::new(base.clone());
        assert_eq!(clock.now(), base.now());
        clock.shift_to(SignedDuration::from_secs(-10));
        base.advance(SignedDuration::from_secs(15));
        assert_eq!(clock.now().as_second(), 5);
    }

    #[test]
    fn the_system_clock_goes_forward() {
        let before = SystemClock.now();
        assert!(before > Timestamp::UNIX_EPOCH && SystemClock.now() >= before);
    }
}
