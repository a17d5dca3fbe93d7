//! `--type`, `--predicate` and `--statement`: what is attested.

use signing::sign::EntryKind;
use sigstore::limits;
use sigstore::predicate::PredicateType;
use sigstore::verify::Refusal;

use super::blob::read_up_to;
use super::error::Error;
use super::files::most;
use super::flags::file;
use super::sign_blob::named as named_file;
use super::{Context, given, not_both};
use crate::cobra::{Completes, Flag, Matches};

/// The file of the predicate.
pub(super) const PREDICATE: Flag = file("predicate", "File of the predicate; - for standard input");
/// The file of a ready statement.
pub(super) const STATEMENT: Flag = file(
    "statement",
    "File of a whole in-toto statement, in place of --predicate",
);
/// The entry that a log of version 1 makes.
pub(super) const ENTRY_TYPE: Flag = Flag::text(
    "rekor-entry-type",
    "dsse",
    "What a log of version 1 records of the older form: dsse or intoto",
)
.completing(Completes::Words(&["dsse", "intoto"]));

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

/// What is attested, read but not yet about anything.
pub(super) enum Material {
    Predicate(PredicateType, Vec<u8>),
    Statement(String),
}

impl Material {
    /// [`STATEMENT`], or [`PREDICATE`] of a [`TYPE`]; `others` are what else the command reads.
    ///
    /// # Errors
    /// Neither or both are given, or not readable.
    pub(super) fn read(
        context: &Context<'_>,
        matches: &Matches,
        others: &[String],
    ) -> Result<Self, Error> {
        not_both(
            matches,
            &PREDICATE,
            &STATEMENT,
            "the statement has its predicate",
        )?;
        if let Some(path) = given(matches, &STATEMENT) {
            return statement(context, path).map(Self::Statement);
        }
        let kind = named(matches)?;
        let predicate = predicate(context, matches, others)?;
        Ok(Self::Predicate(kind, predicate))
    }
}

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

/// What [`ENTRY_TYPE`] says.
///
/// # Errors
/// Neither of its values.
pub(super) fn entry_kind(matches: &Matches) -> Result<EntryKind, Error> {
    match matches.text(&ENTRY_TYPE) {
        "dsse" => Ok(EntryKind::Dsse),
        "intoto" => Ok(EntryKind::Intoto),
        other => Err(Error::Usage {
            problem: format!(
                "unknown value for rekor-entry-type: {other:?} is neither dsse nor intoto"
            ),
        }),
    }
}

fn predicate(
    context: &Context<'_>,
    matches: &Matches,
    others: &[String],
) -> Result<Vec<u8>, Error> {
    let Some(path) = given(matches, &PREDICATE) else {
        return Err(Error::Usage {
            problem: "required flag(s) \"predicate\" not set".to_owned(),
        });
    };
    if path == "-" && others.iter().any(|other| other == "-") {
        return Err(Error::Usage {
            problem: "standard input cannot be both the predicate and the file".to_owned(),
        });
    }
    let process = context.session.process;
    process.err(format_args!("Using payload from: {}\n", named_file(path)));
    read_up_to(process, path, most(limits::STATEMENT_BYTES))
}

fn statement(context: &Context<'_>, path: &str) -> Result<String, Error> {
    let process = context.session.process;
    process.err(format_args!("Using statement from: {}\n", named_file(path)));
    String::from_utf8(read_up_to(process, path, most(limits::STATEMENT_BYTES))?).map_err(|_| {
        Error::Usage {
            problem: format!("--statement {path:?} is not UTF-8"),
        }
    })
}
