//! Trust pinning: which root certificates a user accepts for which GUN (notary-v1 configuration `trust_pinning`).

use pki::certificate::{Certificate, CertificateBundle};
use pki::key::TufKeyId;

use crate::name::Gun;

/// The user's pins. GUNs are compared exactly, upper case included.
///
/// Unlike Notary's, they hold for cached roots and for roots reached by rotation as well.
#[derive(Debug, Clone, Default)]
pub struct Pins {
    certificates: Vec<(String, Vec<TufKeyId>)>,
    authorities: Vec<(String, CertificateBundle)>,
    tofu_disabled: bool,
}

/// The one rule that applies to a GUN.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rule<'a> {
    /// One of these root keys.
    Certificates(&'a [TufKeyId]),
    /// A root certificate that chains to one of these.
    Authorities(&'a [Certificate]),
    /// Whatever comes first.
    FirstUse,
    /// Only what is trusted already.
    NoFirstUse,
}

impl Pins {
    /// No pins: trust on first use.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Accepts only root keys with these TUF ids (of the certificate, with its intermediates) for `pattern`: a GUN,
    /// or a prefix followed by `*`. An exact GUN goes before any prefix, a longer prefix before a shorter one.
    #[must_use]
    pub fn with_certificates(mut self, pattern: &str, ids: Vec<TufKeyId>) -> Self {
        self.certificates.push((pattern.to_owned(), ids));
        self
    }

    /// Accepts only root certificates that chain to one of `authorities` for GUNs that start with `prefix`, where no
    /// certificate pin applies. The longest prefix wins.
    #[must_use]
    pub fn with_authorities(mut self, prefix: &str, authorities: CertificateBundle) -> Self {
        self.authorities.push((prefix.to_owned(), authorities));
        self
    }

    /// Refuses a first root that no pin covers.
    #[must_use]
    pub fn without_tofu(mut self) -> Self {
        self.tofu_disabled = true;
        self
    }

    pub(crate) fn rule(&self, gun: &Gun) -> Rule<'_> {
        let gun = gun.as_str();
        let exact = self.certificates.iter().find(|(pattern, _)| pattern == gun);
        let wildcard = || {
            let prefixes = self.certificates.iter().filter(|(pattern, _)| {
                pattern
                    .strip_suffix('*')
                    .is_some_and(|prefix| gun.starts_with(prefix))
            });
            prefixes.max_by_key(|(pattern, _)| pattern.len())
        };
        if let Some((_, ids)) = exact.or_else(wildcard) {
            return Rule::Certificates(ids);
        }
        let authorities = self
            .authorities
            .iter()
            .filter(|(prefix, _)| gun.starts_with(prefix.as_str()));
        match authorities.max_by_key(|(prefix, _)| prefix.len()) {
            Some((_, bundle)) => Rule::Authorities(bundle.certificates()),
            None if self.tofu_disabled => Rule::NoFirstUse,
            None => Rule::FirstUse,
        }
    }
}
