//! From plain values to the bytes docker's users parse.

pub mod go_json;
pub mod inspect;
pub mod natural;
pub mod printable;
pub mod registry;
pub mod signature;
pub mod table;
