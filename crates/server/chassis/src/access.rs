/// What a request wants to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// List the repositories, or read what concerns all of them.
    Catalog,
    /// Remove content.
    Delete,
    /// Read content.
    Pull,
    /// Add or change content.
    Push,
}

/// Who may do what: the one decision point, asked at the top of every route of every role.
///
/// Users and their roles will be further variants; a route passes what it is about to do and never decides itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Access {
    /// Everyone who reaches the listener may do everything.
    Open,
    /// Everyone may read, nobody may change anything: a mirror, or a server under maintenance.
    ReadOnly,
}

/// A request that [`Access`] refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// The server does not change content for anyone.
    #[error("this server is read-only")]
    ReadOnly,
}

impl Access {
    /// Decides whether `action` may be done on `repository` (`None`: on all of them).
    ///
    /// # Errors
    /// [`Denied`] when not.
    pub fn check(&self, action: Action, repository: Option<&str>) -> Result<(), Denied> {
        match (self, action) {
            (Self::Open, _) | (Self::ReadOnly, Action::Catalog | Action::Pull) => Ok(()),
            (Self::ReadOnly, Action::Delete | Action::Push) => {
                tracing::debug!(?action, repository, "refused: read-only");
                Err(Denied::ReadOnly)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, Action, Denied};

    #[test]
    fn read_only_refuses_changes_and_nothing_else() {
        for action in [Action::Catalog, Action::Delete, Action::Pull, Action::Push] {
            assert_eq!(Access::Open.check(action, Some("a")), Ok(()));
        }
        assert_eq!(Access::ReadOnly.check(Action::Pull, Some("a")), Ok(()));
        assert_eq!(Access::ReadOnly.check(Action::Catalog, None), Ok(()));
        assert_eq!(
            Access::ReadOnly.check(Action::Push, Some("a")),
            Err(Denied::ReadOnly)
        );
        assert_eq!(
            Access::ReadOnly.check(Action::Delete, Some("a")),
            Err(Denied::ReadOnly)
        );
    }
}
