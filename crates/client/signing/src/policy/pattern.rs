//! Which repositories a rule is for.

use oci::Repository;

/// A pattern over names of repositories, such as `registry.example.com/acme/*`.
///
/// The first part is a registry, written as in the full names of images (`docker.io/library/alpine`): a host with its
/// port, or `*.` and the end of a host. In every other part, `*` stands for any characters but `/`; `**`, only as the
/// whole last part, for one part or more. `**` alone is every repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    parts: Vec<String>,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// `**` somewhere else than alone or at the end.
    #[error("** is allowed as the last part only")]
    DoubleStar,
    /// No text, or nothing between two slashes.
    #[error("an empty part")]
    Empty,
    /// Letters that no repository has.
    #[error("{found:?} is in no name of a repository")]
    Letter {
        /// The first of them.
        found: char,
    },
    /// A first part that is no registry.
    #[error("the first part is no registry: write docker.io/… for Docker Hub, ** for all")]
    NoRegistry,
    /// A registry and nothing else.
    #[error("a registry without a repository: write /** after it for all of its repositories")]
    NoRepository,
    /// A star elsewhere than in front of the host.
    #[error("in the registry, * is allowed as the first label only")]
    RegistryStar,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What could match nothing, or something else than is meant.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let parts: Vec<String> = text.split('/').map(str::to_owned).collect();
        if parts.iter().any(String::is_empty) {
            return Err(PatternError::Empty);
        }
        let pattern = Self {
            text: text.to_owned(),
            parts,
        };
        if text == "**" {
            return Ok(pattern);
        }
        let (last, before) = pattern.parts.split_last().ok_or(PatternError::Empty)?;
        let double = |part: &String| part.contains("**");
        if before.iter().any(double) || (double(last) && last != "**") {
            return Err(PatternError::DoubleStar);
        }
        let (registry, path) = pattern.parts.split_first().ok_or(PatternError::Empty)?;
        check_registry(registry)?;
        if path.is_empty() {
            return Err(PatternError::NoRepository);
        }
        let strange = |char: char| {
            !(char.is_ascii_lowercase() || char.is_ascii_digit() || "._-*".contains(char))
        };
        if let Some(found) = path
            .iter()
            .flat_map(|part| part.chars())
            .find(|c| strange(*c))
        {
            return Err(PatternError::Letter { found });
        }
        Ok(pattern)
    }

    /// Whether the repository is meant.
    #[must_use]
    pub fn matches(&self, repository: &Repository) -> bool {
        let name = repository.gun();
        let name: Vec<&str> = name.split('/').collect();
        let (parts, rest) = self.split();
        let enough = if rest {
            name.len() > parts.len()
        } else {
            name.len() == parts.len()
        };
        enough
            && parts
                .iter()
                .zip(name)
                .all(|(part, found)| is_like(part, found))
    }

    /// Whether every repository that `other` matches is matched by this one. `false` may also mean that it is not
    /// obvious.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let ((ours, our_rest), (theirs, their_rest)) = (self.split(), other.split());
        let enough = match (our_rest, their_rest) {
            (true, true) => theirs.len() >= ours.len(),
            (true, false) => theirs.len() > ours.len(),
            (false, true) => false,
            (false, false) => theirs.len() == ours.len(),
        };
        let covers = |(index, (ours, theirs)): (usize, (&String, &String))| {
            ours == theirs
                || (index > 0 && ours == "*")
                || (!theirs.contains('*') && is_like(ours, theirs))
        };
        enough && ours.iter().zip(theirs).enumerate().all(covers)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The parts, and whether more may follow.
    fn split(&self) -> (&[String], bool) {
        match self.parts.split_last() {
            Some((last, before)) if last == "**" => (before, true),
            _ => (&self.parts, false),
        }
    }
}

fn check_registry(text: &str) -> Result<(), PatternError> {
    let host = text.strip_prefix("*.").unwrap_or(text);
    if host.contains('*') {
        return Err(PatternError::RegistryStar);
    }
    // As docker tells a registry from the first part of a path.
    let is_registry = host == "localhost" || host.contains(['.', ':']) || host.len() < text.len();
    // Other names of Docker Hub, which no repository has after reading.
    let is_alias = matches!(host, "index.docker.io" | "registry-1.docker.io");
    let path = oci::RepositoryName::parse("a").map_err(|_| PatternError::NoRegistry)?;
    if !is_registry || is_alias || Repository::new(host, path).is_err() {
        return Err(PatternError::NoRegistry);
    }
    Ok(())
}

/// Whether `text` is `part`, in which each `*` stands for any characters; linear but for the number of stars.
fn is_like(part: &str, text: &str) -> bool {
    let mut pieces = part.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        let Some(at) = rest.find(piece) else {
            return false;
        };
        rest = &rest[at + piece.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn repository(name: &str) -> Repository {
        oci::Reference::parse(name).unwrap().repository().clone()
    }

    #[test]
    fn a_pattern_matches_what_it_says() {
        for (text, yes, no) in [
            ("**", vec!["alpine", "localhost:5000/a/b/c"], vec![]),
            (
                "docker.io/library/*",
                vec!["alpine", "docker.io/library/busybox:1"],
                vec!["acme/app", "registry.example.com/library/alpine"],
            ),
            (
                "docker.io/**",
                vec!["alpine", "acme/a/b"],
                vec!["a.example/b"],
            ),
            (
                "a.example/x/*",
                vec!["a.example/x/y"],
                vec!["a.example/x", "a.example/x/y/z", "b.a.example/x/y"],
            ),
            (
                "a.example/x/**",
                vec!["a.example/x/y", "a.example/x/y/z"],
                vec!["a.example/x", "a.example/xx/y", "a.example:443/x/y"],
            ),
            (
                "*.example/a*z/x",
                vec!["b.example/az/x", "c.b.example/aaz/x"],
                vec![
                    "example.com/az/x",
                    "evilexample.org/az/x",
                    "b.example/aza/x",
                ],
            ),
            (
                "localhost:5000/a*b*c",
                vec!["localhost:5000/abc", "localhost:5000/axxbbxc"],
                vec!["localhost:5000/ac", "localhost/abc", "localhost:5001/abc"],
            ),
            (
                "a.example/aa*aa",
                vec!["a.example/aaaa"],
                vec!["a.example/aaa"],
            ),
        ] {
            for name in yes {
                assert!(pattern(text).matches(&repository(name)), "{text} {name}");
            }
            for name in no {
                assert!(!pattern(text).matches(&repository(name)), "{text} {name}");
            }
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for (text, error) in [
            ("", PatternError::Empty),
            ("a.example//b", PatternError::Empty),
            ("a.example/b/", PatternError::Empty),
            ("alpine", PatternError::NoRegistry),
            ("acme/app", PatternError::NoRegistry),
            ("*/app", PatternError::RegistryStar),
            ("a.example", PatternError::NoRepository),
            ("a.*.example/b", PatternError::RegistryStar),
            ("*a.example/b", PatternError::RegistryStar),
            ("*.*/b", PatternError::RegistryStar),
            ("a.example/**/b", PatternError::DoubleStar),
            ("a.example/b**", PatternError::DoubleStar),
            ("a.example/***", PatternError::DoubleStar),
            ("**/b", PatternError::DoubleStar),
            ("a.example/B", PatternError::Letter { found: 'B' }),
            ("a.example/b:1", PatternError::Letter { found: ':' }),
            ("a.example/[ab]", PatternError::Letter { found: '[' }),
            ("a_b.example/**", PatternError::NoRegistry),
            ("index.docker.io/**", PatternError::NoRegistry),
        ] {
            assert_eq!(Pattern::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn covering_means_matching_all_that_the_other_matches() {
        for (one, other) in [
            ("**", "a.example/b"),
            ("**", "a.example/**"),
            ("**", "**"),
            ("a.example/**", "a.example/b"),
            ("a.example/**", "a.example/b/**"),
            ("a.example/**", "a.example/*"),
            ("a.example/*", "a.example/b"),
            ("a.example/*", "a.example/b*"),
            ("a.example/b*", "a.example/bc"),
            ("*.example/b", "a.example/b"),
            ("*.example/b", "*.example/b"),
        ] {
            assert!(pattern(one).covers(&pattern(other)), "{one} {other}");
        }
        for (one, other) in [
            ("a.example/**", "**"),
            ("a.example/b", "a.example/*"),
            ("a.example/*", "a.example/**"),
            ("a.example/*", "a.example/b/c"),
            ("a.example/b/**", "a.example/**"),
            ("a.example/b*", "a.example/*"),
            ("a.example/b", "*.example/b"),
            ("a.example/b/**", "a.example/b"),
        ] {
            assert!(!pattern(one).covers(&pattern(other)), "{one} {other}");
        }
    }
}
