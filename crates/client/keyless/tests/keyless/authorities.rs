//! authorities
