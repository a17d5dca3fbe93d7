//! Before an image is pushed: everything that could make signing it fail is tried, and nothing is sent.

use oci::Tag;
use pki::digest::Sha256;
use tuf::Role;
use tuf::metadata::{FileMeta, Hashes};

use crate::client::Repository;
use crate::error::TrustError;
use crate::publish::Change;
use crate::remote::Access;
use crate::session::Session;
use crate::sign::{FirstSigner, Sign, Unchanged};

/// What signing would do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outlook {
    /// The server does not know the repository; it would be initialised.
    pub initialises: bool,
    /// The roles that the keys at hand would sign.
    pub roles: Vec<Role>,
}

impl Repository<'_> {
    /// Rehearses [`Repository::sign_from`] for these tags up to the last signature: the server answers and lets this user
    /// publish, the roles' keys are at hand and their passphrases open them, the trust folder can be written. New
    /// keys and passphrases stay in the session for the signing itself; nothing is sent, and of what the server has only
    /// the cache is written, as by any reading.
    ///
    /// # Errors
    /// Those of [`Repository::sign`].
    pub async fn rehearse_signing(
        &self,
        tags: &[Tag],
        first_signer: FirstSigner,
        session: &mut Session<'_>,
    ) -> Result<Outlook, TrustError> {
        let _lock = self.lock().await?;
        let remote = self.remote(Access::PullPush);
        let change = Sign {
            targets: tags.iter().map(placeholder).collect(),
            unchanged: Unchanged::Resign,
            first_signer,
        };
        let trusted = match self.update_with(&remote, session.now).await {
            Ok(trusted) => Some(trusted),
            Err(error) if error.is_not_initialised() => None,
            Err(error) => return Err(error),
        };
        let mut draft = match &trusted {
            Some(trusted) => {
                // Only who may publish gets the server's keys.
                remote.server_key(&Role::Timestamp).await?;
                self.draft(trusted)
            }
            None => {
                self.first_draft(&remote, change.missing(), session)
                    .await?
                    .0
            }
        };
        let staged = change.stage(&mut draft, session)?;
        let (_unsent, new_keys) = self.sign_draft(draft, session)?;
        session.keep(new_keys);
        Ok(Outlook {
            initialises: trusted.is_none(),
            roles: staged.roles,
        })
    }
}

/// A target for a tag whose digest is not known yet.
fn placeholder(tag: &Tag) -> (String, Sha256, FileMeta) {
    let digest = Sha256::of(tag.as_str().as_bytes());
    let meta = FileMeta::new(1, Hashes::new(Some(digest), None), None);
    let meta = meta.expect("one byte with a digest is a target");
    (tag.to_string(), digest, meta)
}
