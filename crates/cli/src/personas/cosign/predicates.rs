//! `--type`: predicate types by cosign's names or as URIs.

use sigstore::predicate::PredicateType;
use sigstore::verify::Refusal;

use super::error::Error;
use crate::cobra::{Completes, Flag, Matches};

/// The type of an attestation's predicate.
pub(super) const TYPE: Flag = Flag::text(
    "type",
    "custom",
    "Predicate type: slsaprovenance, slsaprovenance02, slsaprovenance1, link, spdx, spdxjson, cyclonedx, vuln, openvex, \
     custom, or a URI",
)
.completing(Completes::Words(&[
    "slsaprovenance",
    "slsaprovenance02",
    "slsaprovenance1",
    "link",
    "spdx",
    "spdxjson",
    "cyclonedx",
    "vuln",
    "openvex",
    "custom",
]));

/// The type that [`TYPE`] names.
///
/// # Errors
/// Neither a name that is known nor a URI: a mistyped one would match nothing, or be signed for ever.
pub(super) fn named(matches: &Matches) -> Result<PredicateType, Error> {
    parse(matches.text(&TYPE))
}

/// A type by its name, or a URI.
pub(super) fn parse(text: &str) -> Result<PredicateType, Error> {
    PredicateType::parse(text).map_err(|_| {
        let names: Vec<&str> = PredicateType::names().collect();
        Error::Usage {
            problem: format!(
                "invalid predicate type {text:?}: give one of {}, or a URI",
                names.join(", ")
            ),
        }
    })
}

/// The refusal with the type that was wanted as the user wrote it.
pub(super) fn as_named(refusal: Refusal, matches: &Matches) -> Refusal {
    match refusal {
        Refusal::PredicateType { found, .. } => Refusal::PredicateType {
            expected: matches.text(&TYPE).to_owned(),
            found,
        },
        other => other,
    }
}
