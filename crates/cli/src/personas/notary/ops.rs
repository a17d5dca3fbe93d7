//! What the commands that ask a server need.

use tuf::{Gun, Role};

use super::error::Error;

/// A signed name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The name.
    pub name: String,
    /// Its SHA-256 in hex; empty where only other digests are signed.
    pub sha256: String,
    /// The signed size in bytes.
    pub length: u64,
    /// The role that signed it.
    pub role: String,
}

/// Collections on one trust server.
pub trait NotaryOps {
    /// Every signed name, sorted; of these roles, or of all.
    ///
    /// # Errors
    /// The server does not answer with valid, current metadata.
    fn list(&mut self, gun: &Gun, roles: &[Role]) -> Result<Vec<Target>, Error>;

    /// One signed name.
    ///
    /// # Errors
    /// As [`NotaryOps::list`].
    fn lookup(&mut self, gun: &Gun, name: &str) -> Result<Option<Target>, Error>;
}
