//! Reading the file: what is not understood is refused, with its place.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::sign;
use super::table::{
    At, Parsed, Table, Value, at_most, elements, fault, place, string, texts, wrong_type,
};
use super::{Demand, Identity, Pattern, PatternError, Policy, Requirement, Rule, SignedBy};

/// Most bytes of a policy.
pub const POLICY_BYTES: usize = 1 << 20;
/// Most rules, keys or identities of a policy, and most patterns, parts or annotations of a rule.
pub(super) const LIST_MAX: usize = 1024;
/// Most signers that one `at-least` may choose from.
const SIGNERS_MAX: usize = 64;
/// How deep requirements may lie in each other.
const DEPTH_MAX: usize = 8;

const DEMANDS: [&str; 5] = ["accept-unsigned", "all", "any", "at-least", "deny"];
const RULE: [&str; 8] = [
    "accept-unsigned",
    "all",
    "annotations",
    "any",
    "at-least",
    "deny",
    "of",
    "repositories",
];
const REQUIREMENT: [&str; 8] = [
    "all",
    "annotations",
    "any",
    "at-least",
    "identity",
    "key",
    "of",
    "role",
];

/// Why a text is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {fault}")]
pub struct PolicyError {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub fault: PolicyFault,
}

/// What is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyFault {
    /// A word that is not one of those that may stand there.
    #[error("{found:?} is not one of {}", known.join(", "))]
    Choice {
        /// The word.
        found: String,
        /// Those that may stand there.
        known: Vec<&'static str>,
    },
    /// Annotations where nothing is that could carry them.
    #[error("content trust has no annotations, and nothing else is demanded here")]
    AnnotationsOfNobody,
    /// The rule demands one value and a part of it another.
    #[error("annotation {name:?} is {inner:?} here and {outer:?} for the whole rule")]
    AnnotationContradiction {
        /// Which annotation.
        name: String,
        /// The part's value.
        inner: String,
        /// The rule's value.
        outer: String,
    },
    /// More signers demanded than there are to choose from, or none.
    #[error("at-least = {count} of {of}")]
    Count {
        /// How many are demanded.
        count: String,
        /// How many there are.
        of: usize,
    },
    /// Nothing in a list, or an empty text.
    #[error("{what} is empty")]
    Empty {
        /// What.
        what: &'static str,
    },
    /// A regular expression that is none.
    #[error("no regular expression: {reason}")]
    Expression {
        /// The compiler's reason.
        reason: String,
    },
    /// Members that exclude each other, or none of them.
    #[error("exactly one of {choices} is needed here, and there are {found}")]
    ExactlyOne {
        /// The members.
        choices: String,
        /// How many there are.
        found: usize,
    },
    /// Requirements lie too deep in each other.
    #[error("requirements lie deeper than {DEPTH_MAX} levels")]
    Depth,
    /// A member that has to be there.
    #[error("{member} is missing")]
    Missing {
        /// Its name.
        member: &'static str,
    },
    /// A pattern of repositories that is none.
    #[error("pattern {text:?}: {reason}")]
    Pattern {
        /// The pattern.
        text: String,
        /// What is wrong with it.
        reason: PatternError,
    },
    /// The same signer twice among those that are counted.
    #[error("{signer} is counted twice")]
    Repeated {
        /// Which one.
        signer: String,
    },
    /// A name of a role that content trust does not have.
    #[error("{found:?} is no role: write targets or targets/…")]
    Role {
        /// The text.
        found: String,
    },
    /// Not TOML.
    #[error("{reason}")]
    Syntax {
        /// The parser's reason.
        reason: String,
    },
    /// More than [`POLICY_BYTES`], or more than a thousand of something.
    #[error("too many {what}: {found}, at most {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A value of another type.
    #[error("{member} is {found}, {expected} needed")]
    Type {
        /// Which member.
        member: String,
        /// The type that is needed.
        expected: &'static str,
        /// The type that is there.
        found: &'static str,
    },
    /// A member that does not belong there.
    #[error("{member} belongs to {of}")]
    Misplaced {
        /// Its name.
        member: &'static str,
        /// Where it belongs.
        of: &'static str,
    },
    /// A member that nobody knows.
    #[error("unknown member {found:?}; known are {}", known.join(", "))]
    Unknown {
        /// Its name.
        found: String,
        /// Those that are known here.
        known: Vec<&'static str>,
    },
    /// A signer that is not defined.
    #[error("no {kind} {name:?} is defined; there are {}", list(known))]
    Undefined {
        /// `key` or `identity`.
        kind: &'static str,
        /// The name.
        name: String,
        /// Those that are defined.
        known: Vec<String>,
    },
    /// A pattern that never decides.
    #[error("{text:?} never decides: {by:?} on line {line} comes before it")]
    Unreachable {
        /// The pattern.
        text: String,
        /// The pattern that covers it.
        by: String,
        /// The line of that one's rule.
        line: usize,
    },
}

fn list(known: &[String]) -> String {
    if known.is_empty() {
        "none".to_owned()
    } else {
        known.join(", ")
    }
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// The first thing in it that is wrong or not understood.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        read(text).map_err(|At { at, fault }| {
            let before = text.get(..at).unwrap_or(text);
            let line = before.rsplit('\n').next().unwrap_or_default();
            PolicyError {
                line: before.matches('\n').count() + 1,
                column: line.chars().count() + 1,
                fault,
            }
        })
    }
}

fn read(text: &str) -> Parsed<Policy> {
    at_most(0..0, "bytes", text.len(), POLICY_BYTES)?;
    let document = DeTable::parse(text).map_err(|error| At {
        at: error.span().map_or(0, |span| span.start),
        fault: PolicyFault::Syntax {
            reason: error.message().to_owned(),
        },
    })?;
    let table = Table {
        at: document.span(),
        table: document.get_ref(),
    };
    table.know(&["identities", "keys", "rules", "sign", "trusted-root"])?;
    let mut policy = Policy {
        keys: table.named("keys", place)?,
        identities: table.named("identities", identity)?,
        rules: Vec::new(),
        trusted_root: table.place("trusted-root")?,
        sign: table.get("sign").map(sign::read).transpose()?,
    };
    for value in table.array("rules")? {
        let line = text[..value.span().start].matches('\n').count() + 1;
        let rule = Reader {
            policy: &policy,
            outer: BTreeMap::new(),
        }
        .rule(value, line)?;
        policy.rules.push(rule);
    }
    Ok(policy)
}

fn identity(value: &Value<'_>) -> Parsed<Identity> {
    let table = Table::of("identity", value)?;
    table.know(&["issuer", "issuer-regexp", "subject", "subject-regexp"])?;
    Ok(Identity {
        subject: table.rule_of("subject", ["subject", "subject-regexp"])?,
        issuer: table.rule_of("issuer", ["issuer", "issuer-regexp"])?,
    })
}

/// Reads rules; `outer` are the annotations of the rule that is being read.
struct Reader<'p> {
    policy: &'p Policy,
    outer: BTreeMap<String, String>,
}

impl Reader<'_> {
    fn rule(mut self, value: &Value<'_>, line: usize) -> Parsed<Rule> {
        let table = Table::of("rule", value)?;
        table.know(&RULE)?;
        let patterns = self.patterns(&table, line)?;
        let (which, demand) = table.one_of(&DEMANDS)?;
        let annotations = table.get("annotations");
        if let Some(annotations) = annotations {
            self.outer = texts("annotations", annotations)?;
        }
        let demand = match which {
            "accept-unsigned" => table.yes(which, demand).map(|()| Demand::AcceptUnsigned)?,
            "deny" => table.yes(which, demand).map(|()| Demand::Deny)?,
            _ => Demand::Require(self.several(&table, which, demand, 1)?),
        };
        let rule = Rule {
            line: Some(line),
            patterns,
            demand,
        };
        let needs = rule.needs();
        if let Some(annotations) = annotations
            && needs.keys.is_empty()
            && needs.identities.is_empty()
        {
            return fault(annotations.span(), PolicyFault::AnnotationsOfNobody);
        }
        Ok(rule)
    }

    fn patterns(&self, table: &Table<'_, '_>, line: usize) -> Parsed<Vec<Pattern>> {
        let mut patterns: Vec<Pattern> = Vec::new();
        for value in table.array("repositories")? {
            let text = string("repositories", value)?;
            let pattern = Pattern::parse(text).map_err(|reason| At {
                at: value.span().start,
                fault: PolicyFault::Pattern {
                    text: text.to_owned(),
                    reason,
                },
            })?;
            let rules = self.policy.rules.iter();
            let earlier = rules.flat_map(|rule| {
                let line = rule.line.unwrap_or_default();
                rule.patterns.iter().map(move |by| (by, line))
            });
            let own = patterns.iter().map(|by| (by, line));
            let covering = earlier.chain(own).find(|(by, _)| by.covers(&pattern));
            if let Some((by, line)) = covering {
                return fault(
                    value.span(),
                    PolicyFault::Unreachable {
                        text: text.to_owned(),
                        by: by.as_str().to_owned(),
                        line,
                    },
                );
            }
            patterns.push(pattern);
        }
        if patterns.is_empty() {
            return match table.get("repositories") {
                Some(value) => fault(
                    value.span(),
                    PolicyFault::Empty {
                        what: "repositories",
                    },
                ),
                None => table.missing("repositories"),
            };
        }
        Ok(patterns)
    }

    /// `all`, `any` or `at-least`.
    fn several(
        &self,
        table: &Table<'_, '_>,
        which: &'static str,
        value: &Value<'_>,
        depth: usize,
    ) -> Parsed<Requirement> {
        if depth > DEPTH_MAX {
            return fault(value.span(), PolicyFault::Depth);
        }
        if which == "at-least" {
            return self.at_least(table, value);
        }
        table.not("of", "at-least")?;
        let mut each = Vec::new();
        for part in elements(which, value)? {
            each.push(self.requirement(part, depth + 1)?);
        }
        if each.is_empty() {
            return fault(value.span(), PolicyFault::Empty { what: which });
        }
        Ok(match which {
            "all" => Requirement::All(each),
            _ => Requirement::Any(each),
        })
    }

    fn at_least(&self, table: &Table<'_, '_>, value: &Value<'_>) -> Parsed<Requirement> {
        let Some(list) = table.get("of") else {
            return table.missing("of");
        };
        let mut of: Vec<SignedBy> = Vec::new();
        for part in elements("of", list)? {
            let inner = Table::of("of", part)?;
            inner.know(&["annotations", "identity", "key", "role"])?;
            let one = self.signed_by(&inner)?;
            if of.iter().any(|known| known.is_same_signer(&one)) {
                let signer = one.to_string();
                return fault(part.span(), PolicyFault::Repeated { signer });
            }
            of.push(one);
        }
        at_most(list.span(), "signers", of.len(), SIGNERS_MAX)?;
        let DeValue::Integer(number) = value.get_ref() else {
            return wrong_type("at-least", "an integer", value);
        };
        let count = usize::from_str_radix(number.as_str(), number.radix()).ok();
        let count = count.filter(|count| (1..=of.len()).contains(count));
        count.map_or_else(
            || {
                let count = number.to_string();
                fault(
                    value.span(),
                    PolicyFault::Count {
                        count,
                        of: of.len(),
                    },
                )
            },
            |count| {
                Ok(Requirement::AtLeast {
                    count,
                    of: of.clone(),
                })
            },
        )
    }

    fn requirement(&self, value: &Value<'_>, depth: usize) -> Parsed<Requirement> {
        let table = Table::of("requirement", value)?;
        table.know(&REQUIREMENT)?;
        let (which, inner) =
            table.one_of(&["all", "any", "at-least", "identity", "key", "role"])?;
        match which {
            "all" | "any" | "at-least" => {
                table.not("annotations", "a rule, a key or an identity")?;
                self.several(&table, which, inner, depth)
            }
            _ => {
                table.not("of", "at-least")?;
                self.signed_by(&table).map(Requirement::SignedBy)
            }
        }
    }

    fn signed_by(&self, table: &Table<'_, '_>) -> Parsed<SignedBy> {
        let (which, value) = table.one_of(&["identity", "key", "role"])?;
        let name = string(which, value)?.to_owned();
        let undefined = |kind, known: Vec<String>| PolicyFault::Undefined {
            kind,
            name: name.clone(),
            known,
        };
        match which {
            "role" => {
                if let Some(annotations) = table.get("annotations") {
                    return fault(annotations.span(), PolicyFault::AnnotationsOfNobody);
                }
                if !is_role(&name) {
                    return fault(value.span(), PolicyFault::Role { found: name });
                }
                Ok(SignedBy::Role(name))
            }
            "key" if !self.policy.keys.contains_key(&name) => {
                let known = self.policy.keys.keys().cloned().collect();
                fault(value.span(), undefined("key", known))
            }
            "identity" if !self.policy.identities.contains_key(&name) => {
                let known = self.policy.identities.keys().cloned().collect();
                fault(value.span(), undefined("identity", known))
            }
            "key" => {
                let annotations = self.annotations(table)?;
                Ok(SignedBy::Key { name, annotations })
            }
            _ => {
                let annotations = self.annotations(table)?;
                Ok(SignedBy::Identity { name, annotations })
            }
        }
    }

    /// Those of the rule and of the signer.
    fn annotations(&self, table: &Table<'_, '_>) -> Parsed<BTreeMap<String, String>> {
        let mut all = self.outer.clone();
        let Some(value) = table.get("annotations") else {
            return Ok(all);
        };
        for (name, inner) in texts("annotations", value)? {
            match all.get(&name) {
                Some(outer) if *outer != inner => {
                    return fault(
                        value.span(),
                        PolicyFault::AnnotationContradiction {
                            outer: outer.clone(),
                            name,
                            inner,
                        },
                    );
                }
                _ => {
                    all.insert(name, inner);
                }
            }
        }
        Ok(all)
    }
}

/// `targets` or a delegation below it (`theupdateframework/notary:tuf/data/roles.go`).
pub(super) fn is_role(text: &str) -> bool {
    let letter =
        |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || "_-".contains(char);
    let mut parts = text.split('/');
    parts.next() == Some("targets")
        && parts.all(|part| !part.is_empty() && part.chars().all(letter))
}
