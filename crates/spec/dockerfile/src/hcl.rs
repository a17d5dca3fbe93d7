//! Bake files as blocks of expressions, and the part of the expression language that is evaluated: literals, templates,
//! lists, objects and variables. Everything else is undecided, never guessed.

use std::cell::Cell;
use std::collections::BTreeMap;

use hcl_edit::expr::{Expression, ObjectKey};
use hcl_edit::structure::{Body, Structure};
use hcl_edit::template::{Element, Strip, Template};

use crate::build::{FileError, Value, Why, undecided};

/// How deep variables may refer to variables, and expressions nest.
const DEPTH_MAX: usize = 32;
/// Most expressions that are evaluated for a set of files.
const STEPS_MAX: usize = 200_000;
/// Longest text a variable may grow to.
const TEXT_MAX: usize = crate::FILE_MAX;

/// An unevaluated value.
#[derive(Clone, Debug)]
pub(crate) enum Expr {
    Hcl(Box<Expression>),
    Json(serde_json::Value),
}

/// `target "name" { … }`
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, Expr>,
}

/// A file: its blocks, and the attributes beside them, which serve as variables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Document {
    pub(crate) blocks: Vec<Block>,
    pub(crate) attributes: BTreeMap<String, Expr>,
}

pub(crate) fn parse_hcl(text: &str) -> Result<Document, FileError> {
    let body: Body = text
        .parse()
        .map_err(|error: hcl_edit::parser::Error| FileError::Syntax {
            line: error.location().line(),
            message: error.message().to_owned(),
        })?;
    let mut document = Document::default();
    for structure in body {
        match structure {
            Structure::Attribute(attribute) => {
                let key = attribute.key.value().to_string();
                let value = Expr::Hcl(Box::new(attribute.value));
                document.attributes.insert(key, value);
            }
            Structure::Block(block) => {
                let mut labels = block.labels.iter();
                let name = labels.next().map(|label| label.as_str().to_owned());
                let mut attributes = BTreeMap::new();
                for structure in block.body {
                    // Blocks inside say nothing of images (`validation` of a variable).
                    if let Structure::Attribute(attribute) = structure {
                        let key = attribute.key.value().to_string();
                        attributes.insert(key, Expr::Hcl(Box::new(attribute.value)));
                    }
                }
                document.blocks.push(Block {
                    kind: block.ident.value().to_string(),
                    name: name.unwrap_or_default(),
                    attributes,
                });
            }
        }
    }
    Ok(document)
}

pub(crate) fn parse_json(text: &str) -> Result<Document, FileError> {
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|error| FileError::Syntax {
            line: error.line(),
            message: "not JSON".to_owned(),
        })?;
    let serde_json::Value::Object(entries) = value else {
        return Err(crate::build::shape("the file", "an object"));
    };
    let mut document = Document::default();
    for (kind, value) in entries {
        match (kind.as_str(), value) {
            ("group" | "target" | "variable" | "function", serde_json::Value::Object(blocks)) => {
                for (name, block) in blocks {
                    let parts = match block {
                        serde_json::Value::Array(parts) => parts,
                        part => vec![part],
                    };
                    for part in parts {
                        document.blocks.push(json_block(&kind, &name, part)?);
                    }
                }
            }
            ("group" | "target" | "variable" | "function", _) => {
                return Err(crate::build::shape(&kind, "an object by name"));
            }
            (_, value) => {
                document.attributes.insert(kind, Expr::Json(value));
            }
        }
    }
    Ok(document)
}

fn json_block(kind: &str, name: &str, value: serde_json::Value) -> Result<Block, FileError> {
    let serde_json::Value::Object(attributes) = value else {
        let path = format!("{kind}.{name}");
        return Err(crate::build::shape(&path, "an object"));
    };
    let attributes = attributes.into_iter();
    Ok(Block {
        kind: kind.to_owned(),
        name: name.to_owned(),
        attributes: attributes
            .map(|(key, value)| (key, Expr::Json(value)))
            .collect(),
    })
}

/// What expressions may refer to.
#[derive(Debug, Default)]
pub(crate) struct Scope<'a> {
    /// `variable` blocks by name: their default, if any.
    pub(crate) variables: BTreeMap<String, Option<Expr>>,
    /// Attributes at the top of the files.
    pub(crate) attributes: BTreeMap<String, Expr>,
    /// What overrides declared variables.
    pub(crate) environment: Option<&'a BTreeMap<String, String>>,
    /// Expressions evaluated so far.
    pub(crate) steps: Cell<usize>,
}

impl Scope<'_> {
    /// The value of an expression that stands at `path`.
    pub(crate) fn value(&self, expr: &Expr, path: &str) -> Result<Value, FileError> {
        self.any(expr, path, 0)
    }

    /// Counts one evaluation: lists of lists of variables multiply without being deep.
    fn step(&self, path: &str, depth: usize) -> Result<(), FileError> {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > STEPS_MAX {
            return Err(FileError::TooLarge);
        }
        if depth > DEPTH_MAX {
            return Err(FileError::Circle {
                name: path.to_owned(),
            });
        }
        Ok(())
    }

    fn any(&self, expr: &Expr, path: &str, depth: usize) -> Result<Value, FileError> {
        match expr {
            Expr::Hcl(expr) => self.hcl(expr, path, depth),
            Expr::Json(value) => self.json(value, path, depth),
        }
    }

    fn json(
        &self,
        value: &serde_json::Value,
        path: &str,
        depth: usize,
    ) -> Result<Value, FileError> {
        self.step(path, depth)?;
        Ok(match value {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Text(value.to_string()),
            serde_json::Value::Number(number) => whole(number.as_i64(), path)?,
            serde_json::Value::String(text) => self.json_text(text, path, depth)?,
            serde_json::Value::Array(items) => {
                let items = items.iter();
                let items = items.map(|item| self.json(item, path, depth + 1));
                Value::List(items.collect::<Result<_, _>>()?)
            }
            serde_json::Value::Object(entries) => {
                let entries = entries.iter().map(|(key, value)| {
                    if key.contains("${") || key.contains("%{") {
                        return Err(undecided(path, Why::Expression));
                    }
                    Ok((key.clone(), self.json(value, path, depth + 1)?))
                });
                Value::Map(entries.collect::<Result<_, _>>()?)
            }
        })
    }

    /// Text in JSON is a template.
    fn json_text(&self, text: &str, path: &str, depth: usize) -> Result<Value, FileError> {
        if !text.contains("${") && !text.contains("%{") {
            return Ok(Value::Text(text.to_owned()));
        }
        let template: Template = text.parse().map_err(|_| undecided(path, Why::Expression))?;
        self.template(template.iter(), path, depth + 1)
    }

    fn hcl(&self, expr: &Expression, path: &str, depth: usize) -> Result<Value, FileError> {
        self.step(path, depth)?;
        match expr {
            Expression::Null(_) => Ok(Value::Null),
            Expression::Bool(value) => Ok(Value::Text(value.value().to_string())),
            Expression::Number(number) => whole(number.value().as_i64(), path),
            Expression::String(text) => Ok(Value::Text(text.value().clone())),
            Expression::StringTemplate(text) => self.template(text.iter(), path, depth + 1),
            Expression::HeredocTemplate(text) => {
                self.template(text.template.iter(), path, depth + 1)
            }
            Expression::Parenthesis(inner) => self.hcl(inner.inner(), path, depth + 1),
            Expression::Variable(name) => self.variable(name.value(), path, depth + 1),
            Expression::Array(items) => {
                let items = items.iter().map(|item| self.hcl(item, path, depth + 1));
                Ok(Value::List(items.collect::<Result<_, _>>()?))
            }
            Expression::Object(entries) => {
                let mut map: Vec<(String, Value)> = Vec::new();
                for (key, value) in entries.iter() {
                    let key = self.key(key, path, depth + 1)?;
                    if map.iter().any(|(known, _)| *known == key) {
                        return Err(FileError::DuplicateKey { line: 0, key });
                    }
                    map.push((key, self.hcl(value.expr(), path, depth + 1)?));
                }
                Ok(Value::Map(map))
            }
            Expression::FuncCall(_) => Err(undecided(path, Why::Function)),
            _ => Err(undecided(path, Why::Expression)),
        }
    }

    fn key(&self, key: &ObjectKey, path: &str, depth: usize) -> Result<String, FileError> {
        match key {
            ObjectKey::Ident(name) => Ok(name.value().to_string()),
            // A bare name is the key itself, in parentheses it is the variable.
            ObjectKey::Expression(Expression::Variable(name)) => Ok(name.value().to_string()),
            ObjectKey::Expression(expr) => match self.hcl(expr, path, depth)? {
                Value::Text(text) => Ok(text),
                _ => Err(undecided(path, Why::Expression)),
            },
        }
    }

    fn template<'e>(
        &self,
        elements: impl Iterator<Item = &'e Element>,
        path: &str,
        depth: usize,
    ) -> Result<Value, FileError> {
        let elements: Vec<&Element> = elements.collect();
        // An interpolation alone is its value, whatever that is.
        if let [Element::Interpolation(only)] = elements.as_slice() {
            return self.hcl(&only.expr, path, depth);
        }
        let mut result = String::new();
        for element in elements {
            match element {
                Element::Literal(text) => result.push_str(text.value()),
                Element::Interpolation(part) if part.strip == Strip::None => {
                    match self.hcl(&part.expr, path, depth)? {
                        Value::Text(text) => result.push_str(&text),
                        _ => return Err(undecided(path, Why::Expression)),
                    }
                }
                _ => return Err(undecided(path, Why::Expression)),
            }
            if result.len() > TEXT_MAX {
                return Err(FileError::TooLarge);
            }
        }
        Ok(Value::Text(result))
    }

    fn variable(&self, name: &str, path: &str, depth: usize) -> Result<Value, FileError> {
        self.step(path, depth)?;
        let Some(default) = self.variables.get(name) else {
            return match self.attributes.get(name) {
                Some(expr) => self.any(expr, path, depth),
                None => Err(undecided(path, Why::UnknownVariable(name.to_owned()))),
            };
        };
        let given = self
            .environment
            .and_then(|environment| environment.get(name));
        let default = default.as_ref().map(|expr| self.any(expr, path, depth));
        match (given, default.transpose()) {
            (None, Ok(default)) => Ok(default.unwrap_or(Value::Text(String::new()))),
            (None, Err(error)) => Err(error),
            // How text becomes a list or a mapping is not followed.
            (Some(_), Ok(Some(Value::List(_) | Value::Map(_)))) => {
                Err(undecided(path, Why::Expression))
            }
            (Some(given), _) => Ok(Value::Text(given.clone())),
        }
    }
}

fn whole(number: Option<i64>, path: &str) -> Result<Value, FileError> {
    number
        .map(|number| Value::Text(number.to_string()))
        .ok_or_else(|| undecided(path, Why::Expression))
}
