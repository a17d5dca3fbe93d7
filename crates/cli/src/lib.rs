//! The personas.
