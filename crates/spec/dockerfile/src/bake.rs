//! The builds of bake files: HCL and JSON, several files over each other, groups, `inherits`, linked targets.
//!
//! Source: the bake file reference of Docker's documentation; `docker/buildx` `bake/bake.go`.

use std::collections::BTreeMap;

use crate::build::{Build, FileError, Value, Why, shape, text_of, undecided};
use crate::hcl::{self, Block, Document, Expr, Scope};
use crate::pattern::Pattern;

/// `inherits` or groups in a row.
const DEPTH_MAX: usize = 32;
/// What is built when no name is given.
const DEFAULT: &str = "default";

/// The language of a bake file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// `docker-bake.hcl`
    Hcl,
    /// `docker-bake.json`
    Json,
}

/// The builds of the targets and groups `names` (`default` if there are none), with the targets that their contexts
/// link to; each once, in order.
///
/// `files` are merged, later ones over earlier ones. `environment` overrides declared variables. `set` are the values
/// of `--set`, as given.
pub fn builds(
    files: &[(Language, &[u8])],
    names: &[String],
    environment: &BTreeMap<String, String>,
    set: &[String],
) -> Result<Vec<Build>, FileError> {
    let mut bake = Bake::read(files, environment)?;
    for override_text in set {
        bake.set(override_text)?;
    }
    let mut wanted: Vec<String> = Vec::new();
    let default = [DEFAULT.to_owned()];
    let names = if names.is_empty() { &default } else { names };
    for name in names {
        bake.collect(name, &mut wanted, 0)?;
    }
    let mut builds = Vec::new();
    let mut done = 0;
    while let Some(name) = wanted.get(done).cloned() {
        done += 1;
        let build = bake.target(&name, 0)?.finish(&name);
        for context in build.contexts.values() {
            if let Some(linked) = context.strip_prefix("target:") {
                push_once(&mut wanted, linked);
            }
        }
        builds.push(build);
    }
    Ok(builds)
}

struct Bake<'a> {
    scope: Scope<'a>,
    groups: BTreeMap<String, Vec<Expr>>,
    /// The blocks of a target, one from each file that has it.
    targets: BTreeMap<String, Vec<Block>>,
    overrides: BTreeMap<String, Vec<(String, String)>>,
}

/// What a target says, without what it does not.
#[derive(Clone, Debug, Default)]
struct Draft {
    context: Option<String>,
    dockerfile: Option<String>,
    inline: Option<String>,
    target: Option<String>,
    args: BTreeMap<String, String>,
    contexts: BTreeMap<String, String>,
    platforms: Option<Vec<String>>,
}

impl<'a> Bake<'a> {
    fn read(
        files: &[(Language, &[u8])],
        environment: &'a BTreeMap<String, String>,
    ) -> Result<Self, FileError> {
        let mut bake = Self {
            scope: Scope {
                environment: Some(environment),
                ..Scope::default()
            },
            groups: BTreeMap::new(),
            targets: BTreeMap::new(),
            overrides: BTreeMap::new(),
        };
        for (language, bytes) in files {
            let text = text_of(bytes)?;
            let Document { blocks, attributes } = match language {
                Language::Hcl => hcl::parse_hcl(text)?,
                Language::Json => hcl::parse_json(text)?,
            };
            bake.scope.attributes.extend(attributes);
            blocks.into_iter().for_each(|block| bake.push(block));
        }
        Ok(bake)
    }

    fn push(&mut self, mut block: Block) {
        let name = block.name.clone();
        match block.kind.as_str() {
            "group" => {
                let targets = block.attributes.remove("targets");
                self.groups.entry(name).or_default().extend(targets);
            }
            "target" => self.targets.entry(name).or_default().push(block),
            "variable" => {
                let default = block.attributes.remove("default");
                self.scope.variables.insert(name, default);
            }
            // A function is of no use without calls, and calls are refused.
            _ => {}
        }
    }

    /// The targets that a name on the command line or in a group stands for.
    fn collect(&self, name: &str, wanted: &mut Vec<String>, depth: usize) -> Result<(), FileError> {
        if depth > DEPTH_MAX {
            return Err(FileError::Circle {
                name: name.to_owned(),
            });
        }
        let group = self.groups.get(name);
        if self.targets.contains_key(name) {
            push_once(wanted, name);
        }
        for targets in group.into_iter().flatten() {
            let path = format!("group.{name}.targets");
            for member in self.scope.value(targets, &path)?.texts(&path)? {
                // A group may contain a target of its own name.
                if member != name {
                    self.collect(&member, wanted, depth + 1)?;
                }
            }
        }
        if group.is_some() || self.targets.contains_key(name) {
            return Ok(());
        }
        let names = self.matching(name)?;
        if names.is_empty() {
            return Err(FileError::Missing {
                name: name.to_owned(),
            });
        }
        names.iter().for_each(|name| push_once(wanted, name));
        Ok(())
    }

    /// The targets that a pattern of `*` and `?` matches.
    fn matching(&self, pattern: &str) -> Result<Vec<String>, FileError> {
        if self.targets.contains_key(pattern) {
            return Ok(vec![pattern.to_owned()]);
        }
        if !pattern.contains(['*', '?', '[']) {
            return Ok(Vec::new());
        }
        let unclear = || undecided(pattern, Why::Pattern);
        if pattern.contains(['[', '\\', '/']) {
            return Err(unclear());
        }
        let parsed = Pattern::parse(pattern).map_err(|_| unclear())?;
        let mut names = Vec::new();
        for name in self.targets.keys() {
            let letters: Vec<char> = name.chars().collect();
            if parsed.matches(&letters).map_err(|_| unclear())? {
                names.push(name.clone());
            }
        }
        Ok(names)
    }

    /// `--set pattern.key[.name]=value`
    fn set(&mut self, text: &str) -> Result<(), FileError> {
        let wrong = || shape(text, "target.key=value");
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (text, None),
        };
        let (pattern, key) = key.split_once('.').ok_or_else(wrong)?;
        let names = self.matching(pattern)?;
        if names.is_empty() {
            return Err(FileError::Missing {
                name: pattern.to_owned(),
            });
        }
        let value = match (value, key.strip_prefix("args.")) {
            (Some(value), _) => value.to_owned(),
            (None, Some(argument)) => {
                let environment = self.scope.environment;
                match environment.and_then(|environment| environment.get(argument)) {
                    Some(value) => value.clone(),
                    None => return Ok(()),
                }
            }
            (None, None) => return Err(wrong()),
        };
        for name in names {
            let overrides = self.overrides.entry(name).or_default();
            overrides.push((key.to_owned(), value.clone()));
        }
        Ok(())
    }

    /// A target over those it inherits from.
    fn target(&self, name: &str, depth: usize) -> Result<Draft, FileError> {
        let Some(blocks) = self.targets.get(name) else {
            return Err(FileError::Missing {
                name: name.to_owned(),
            });
        };
        if depth > DEPTH_MAX {
            return Err(FileError::Circle {
                name: name.to_owned(),
            });
        }
        let mut own = Draft::default();
        let mut parents = None;
        for block in blocks {
            own.put_over(self.draft(name, block)?);
            if let Some(list) = block.attributes.get("inherits") {
                let path = format!("target.{name}.inherits");
                parents = Some(self.scope.value(list, &path)?.texts(&path)?);
            }
        }
        let mut all = Draft::default();
        for parent in parents.unwrap_or_default() {
            all.put_over(self.target(&parent, depth + 1)?);
        }
        all.put_over(own);
        for (key, value) in self.overrides.get(name).into_iter().flatten() {
            all.set(name, key, value)?;
        }
        Ok(all)
    }

    fn draft(&self, name: &str, block: &Block) -> Result<Draft, FileError> {
        let path = |key: &str| format!("target.{name}.{key}");
        if block.attributes.contains_key("matrix") {
            return Err(undecided(&path("matrix"), Why::Matrix));
        }
        let value = |key: &str| match block.attributes.get(key) {
            Some(expr) => self.scope.value(expr, &path(key)),
            None => Ok(Value::Null),
        };
        let text = |key: &str| Ok(value(key)?.text(&path(key))?.map(str::to_owned));
        let texts = |key: &str| -> Result<BTreeMap<String, String>, FileError> {
            let entries = value(key)?.pairs(&path(key))?.into_iter();
            Ok(entries
                .filter_map(|(key, value)| Some((key, value?)))
                .collect())
        };
        if names_generator(&value("attest")?) {
            return Err(undecided(&path("attest"), Why::Generator));
        }
        let platforms = match value("platforms")? {
            Value::Null => None,
            list => Some(list.texts(&path("platforms"))?),
        };
        Ok(Draft {
            context: text("context")?,
            dockerfile: text("dockerfile")?,
            inline: text("dockerfile-inline")?,
            target: text("target")?,
            args: texts("args")?,
            contexts: texts("contexts")?,
            platforms,
        })
    }
}

impl Draft {
    fn put_over(&mut self, over: Self) {
        for (under, over) in [
            (&mut self.context, over.context),
            (&mut self.dockerfile, over.dockerfile),
            (&mut self.inline, over.inline),
            (&mut self.target, over.target),
        ] {
            if over.is_some() {
                *under = over;
            }
        }
        self.args.extend(over.args);
        self.contexts.extend(over.contexts);
        if over.platforms.is_some() {
            self.platforms = over.platforms;
        }
    }

    fn set(&mut self, name: &str, key: &str, value: &str) -> Result<(), FileError> {
        let text = value.to_owned();
        match key.split_once('.').unwrap_or((key, "")) {
            ("args", argument) => drop(self.args.insert(argument.to_owned(), text)),
            ("contexts", context) => drop(self.contexts.insert(context.to_owned(), text)),
            ("context", _) => self.context = Some(text),
            ("dockerfile", _) => self.dockerfile = Some(text),
            ("dockerfile-inline", _) => self.inline = Some(text),
            ("target", _) => self.target = Some(text),
            ("platform" | "platform+", _) => self.platforms.get_or_insert_default().push(text),
            ("attest" | "attest+", _) if value.contains("generator") => {
                let path = format!("target.{name}.attest");
                return Err(undecided(&path, Why::Generator));
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(self, name: &str) -> Build {
        Build {
            name: name.to_owned(),
            context: self.context.unwrap_or_else(|| ".".to_owned()),
            dockerfile: self.dockerfile.unwrap_or_else(|| "Dockerfile".to_owned()),
            inline: self.inline,
            target: self.target,
            args: self.args,
            contexts: self.contexts,
            platforms: self.platforms.unwrap_or_default(),
        }
    }
}

/// `type=sbom,generator=…`, as text or as an object.
fn names_generator(attest: &Value) -> bool {
    match attest {
        Value::Null => false,
        Value::Text(text) => text.contains("generator"),
        Value::List(items) => items.iter().any(names_generator),
        Value::Map(entries) => entries.iter().any(|(key, _)| key == "generator"),
    }
}

fn push_once(names: &mut Vec<String>, name: &str) {
    if !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}
