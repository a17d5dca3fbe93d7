//! What every server role shares: listener, TLS, clock, health, metrics, graceful stop, errors.
//!
//! A role is an [`axum::Router`] and a function that says which paths are its own; [`Origin`] puts several of them on
//! one origin and [`Listener`] serves that. Roles bring their metrics ([`Metrics::register`]) and readiness checks
//! ([`Health::check`]), take time from a [`Clock`] and ask [`Access`] before they act.
//!
//! Siblings: `store` (what roles keep), `trustd` and `registryd` (the roles), `cli` (which composes them).

mod access;
pub mod body;
mod clock;
mod error;
mod guard;
mod health;
mod listener;
mod metrics;
mod origin;
mod service;
mod tls;

pub use access::{Access, Action, Denied};
pub use clock::{Clock, PausedClock, ShiftedClock, SystemClock};
pub use error::{ErrorEntry, error_response};
pub use health::Health;
pub use listener::{BindError, Limits, Listener, Transport};
pub use metrics::{Metrics, RequestMetrics};
pub use origin::{Origin, operations};
pub use tls::{TlsError, server_config};
