//! Content trust as a use case: initialise, sign, delegate, revoke, inspect, resolve.
