//! TOML values with their places.

use std::collections::BTreeMap;
use std::ops::Range;

use sigstore::identity::{Pattern as Expression, TextRule};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::PolicyFault;
use super::parse::LIST_MAX;

pub(super) type Value<'a> = Spanned<DeValue<'a>>;
pub(super) type Parsed<T> = Result<T, At>;

/// A fault and where it is, in bytes.
pub(super) struct At {
    pub(super) at: usize,
    pub(super) fault: PolicyFault,
}

pub(super) fn fault<T>(at: Range<usize>, fault: PolicyFault) -> Parsed<T> {
    let at = at.start;
    Err(At { at, fault })
}

/// Where something is: a file, or the URI of a kept key.
pub(super) fn place(value: &Value<'_>) -> Parsed<String> {
    let text = string("key", value)?;
    if text.trim().is_empty() {
        return fault(value.span(), PolicyFault::Empty { what: "key" });
    }
    Ok(text.to_owned())
}

/// A table with its place.
pub(super) struct Table<'v, 'a> {
    pub(super) at: Range<usize>,
    pub(super) table: &'v DeTable<'a>,
}

impl<'v, 'a> Table<'v, 'a> {
    pub(super) fn of(what: &'static str, value: &'v Value<'a>) -> Parsed<Self> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(Self {
                at: value.span(),
                table,
            }),
            _ => wrong_type(what, "a table", value),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'v Value<'a>> {
        self.table.get(name)
    }

    /// Refuses members that are not among these.
    pub(super) fn know(&self, known: &[&'static str]) -> Parsed<()> {
        let stranger = self
            .table
            .keys()
            .find(|name| !known.contains(&&**name.get_ref()));
        match stranger {
            None => Ok(()),
            Some(name) => fault(
                name.span(),
                PolicyFault::Unknown {
                    found: name.get_ref().to_string(),
                    known: known.to_vec(),
                },
            ),
        }
    }

    /// Refuses a member that is known, but not here.
    pub(super) fn not(&self, member: &'static str, of: &'static str) -> Parsed<()> {
        match self.get(member) {
            None => Ok(()),
            Some(value) => fault(value.span(), PolicyFault::Misplaced { member, of }),
        }
    }

    pub(super) fn missing<T>(&self, member: &'static str) -> Parsed<T> {
        fault(self.at.clone(), PolicyFault::Missing { member })
    }

    /// The one of these members that is there.
    pub(super) fn one_of(&self, choices: &[&'static str]) -> Parsed<(&'static str, &'v Value<'a>)> {
        let mut found = choices
            .iter()
            .filter_map(|name| Some((*name, self.get(name)?)));
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (first, second) => {
                let count =
                    found.count() + usize::from(first.is_some()) + usize::from(second.is_some());
                let at = second.map_or(self.at.clone(), |(_, value)| value.span());
                let choices = choices.join(", ");
                fault(
                    at,
                    PolicyFault::ExactlyOne {
                        choices,
                        found: count,
                    },
                )
            }
        }
    }

    /// A member that says where something is, if it is there.
    pub(super) fn place(&self, name: &str) -> Parsed<Option<String>> {
        self.get(name).map(place).transpose()
    }

    /// A member that may only be `true`.
    pub(super) fn yes(&self, name: &'static str, value: &Value<'_>) -> Parsed<()> {
        self.not("annotations", "rules that demand signatures")?;
        self.not("of", "at-least")?;
        match value.get_ref() {
            DeValue::Boolean(true) => Ok(()),
            _ => wrong_type(name, "true", value),
        }
    }

    /// A text that is exact, or a regular expression.
    pub(super) fn rule_of(
        &self,
        member: &'static str,
        names: [&'static str; 2],
    ) -> Parsed<TextRule> {
        if names.iter().all(|name| self.get(name).is_none()) {
            return self.missing(member);
        }
        let (name, value) = self.one_of(&names)?;
        let text = string(name, value)?;
        if text.is_empty() {
            return fault(value.span(), PolicyFault::Empty { what: name });
        }
        if name == member {
            return Ok(TextRule::Exact(text.to_owned()));
        }
        match Expression::new(text) {
            Ok(expression) => Ok(TextRule::Matching(expression)),
            Err(error) => fault(
                value.span(),
                PolicyFault::Expression {
                    reason: error.reason,
                },
            ),
        }
    }

    /// The members of a table with names of the user's choice; nothing if there is none.
    pub(super) fn named<T>(
        &self,
        name: &'static str,
        read: impl Fn(&Value<'_>) -> Parsed<T>,
    ) -> Parsed<BTreeMap<String, T>> {
        let Some(value) = self.get(name) else {
            return Ok(BTreeMap::new());
        };
        let table = Self::of(name, value)?;
        at_most(value.span(), name, table.table.len(), LIST_MAX)?;
        let members = table.table.iter();
        members
            .map(|(name, value)| Ok((name.get_ref().to_string(), read(value)?)))
            .collect()
    }

    /// The elements of an array, or nothing if there is none.
    pub(super) fn array(&self, name: &'static str) -> Parsed<Vec<&'v Value<'a>>> {
        self.get(name)
            .map_or(Ok(Vec::new()), |value| elements(name, value))
    }
}

pub(super) fn elements<'v, 'a>(
    name: &'static str,
    value: &'v Value<'a>,
) -> Parsed<Vec<&'v Value<'a>>> {
    let DeValue::Array(array) = value.get_ref() else {
        return wrong_type(name, "an array", value);
    };
    at_most(value.span(), name, array.len(), LIST_MAX)?;
    Ok(array.iter().collect())
}

pub(super) fn texts(name: &'static str, value: &Value<'_>) -> Parsed<BTreeMap<String, String>> {
    let table = Table::of(name, value)?;
    at_most(value.span(), name, table.table.len(), LIST_MAX)?;
    if table.table.is_empty() {
        return fault(value.span(), PolicyFault::Empty { what: name });
    }
    let members = table.table.iter();
    members
        .map(|(name, value)| {
            let text = string(name.get_ref(), value)?;
            Ok((name.get_ref().to_string(), text.to_owned()))
        })
        .collect()
}

pub(super) fn string<'v>(member: &str, value: &'v Value<'_>) -> Parsed<&'v str> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text),
        _ => wrong_type(member, "a text", value),
    }
}

pub(super) fn wrong_type<T>(member: &str, expected: &'static str, value: &Value<'_>) -> Parsed<T> {
    fault(
        value.span(),
        PolicyFault::Type {
            member: member.to_owned(),
            expected,
            found: value.get_ref().type_str(),
        },
    )
}

pub(super) fn at_most(
    at: Range<usize>,
    what: &'static str,
    found: usize,
    limit: usize,
) -> Parsed<()> {
    if found > limit {
        return fault(at, PolicyFault::TooMany { what, found, limit });
    }
    Ok(())
}
