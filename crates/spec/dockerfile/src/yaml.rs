//! YAML documents with anchors, aliases and merge keys, bounded, as trees of text.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use crate::build::{FileError, Value, Why, undecided};

/// Most nodes of a document after its aliases are followed.
const NODES_MAX: usize = 100_000;
/// Deepest nesting.
const DEPTH_MAX: usize = 64;
/// Where anchors cost nothing and multiply fast: most bytes of text after aliases are followed.
const BYTES_MAX: usize = 8 * crate::FILE_MAX;

/// The documents of a stream.
pub(crate) fn parse(text: &str) -> Result<Vec<Value>, FileError> {
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        anchors: HashMap::new(),
        nodes: 0,
        bytes: 0,
    };
    let mut documents = Vec::new();
    loop {
        match reader.next()?.0 {
            Event::StreamEnd => return Ok(documents),
            Event::DocumentStart(_) => {
                let first = reader.next()?;
                documents.push(reader.node(first, 0)?);
                reader.anchors.clear();
            }
            _ => {}
        }
    }
}

struct Reader<'a> {
    events: Parser<'a, saphyr_parser::StrInput<'a>>,
    /// The finished nodes that have an anchor, with their cost.
    anchors: HashMap<usize, (Value, Cost)>,
    nodes: usize,
    bytes: usize,
}

/// Nodes and bytes.
#[derive(Clone, Copy)]
struct Cost(usize, usize);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, usize), FileError> {
        match self.events.next() {
            Some(Ok((event, span))) => Ok((event, span.start.line())),
            Some(Err(error)) => Err(FileError::Syntax {
                line: error.marker().line(),
                message: error.info().to_owned(),
            }),
            None => Ok((Event::StreamEnd, 0)),
        }
    }

    fn pay(&mut self, cost: Cost) -> Result<(), FileError> {
        self.nodes += cost.0;
        self.bytes += cost.1;
        if self.nodes > NODES_MAX || self.bytes > BYTES_MAX {
            return Err(FileError::TooLarge);
        }
        Ok(())
    }

    fn node(&mut self, event: (Event<'a>, usize), depth: usize) -> Result<Value, FileError> {
        let (event, line) = event;
        if depth > DEPTH_MAX {
            return Err(FileError::TooLarge);
        }
        let before = Cost(self.nodes, self.bytes);
        let (value, anchor) = match event {
            Event::Alias(anchor) => {
                let Some((value, cost)) = self.anchors.get(&anchor).cloned() else {
                    return Err(FileError::Syntax {
                        line,
                        message: "an alias has no anchor before it".to_owned(),
                    });
                };
                self.pay(cost)?;
                return Ok(value);
            }
            Event::Scalar(text, style, anchor, tag) => {
                check_tag(line, tag.as_deref())?;
                self.pay(Cost(1, text.len()))?;
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let null = plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = if null {
                    Value::Null
                } else {
                    Value::Text(text.into_owned())
                };
                (value, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                check_tag(line, tag.as_deref())?;
                (Value::List(self.list(depth)?), anchor)
            }
            Event::MappingStart(anchor, tag) => {
                check_tag(line, tag.as_deref())?;
                (Value::Map(self.map(depth)?), anchor)
            }
            _ => (Value::Null, 0),
        };
        if anchor != 0 {
            let cost = Cost(self.nodes - before.0, self.bytes - before.1);
            self.anchors.insert(anchor, (value.clone(), cost));
        }
        Ok(value)
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Value>, FileError> {
        self.pay(Cost(1, 0))?;
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd | Event::StreamEnd, _) => return Ok(items),
                event => items.push(self.node(event, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(String, Value)>, FileError> {
        self.pay(Cost(1, 0))?;
        let mut entries: Vec<(String, Value)> = Vec::new();
        let mut merged = Vec::new();
        loop {
            let event = self.next()?;
            if matches!(event.0, Event::MappingEnd | Event::StreamEnd) {
                break;
            }
            let line = event.1;
            let is_merge =
                matches!(&event.0, Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<");
            let key = self.node(event, depth + 1)?;
            let value = self.next()?;
            let value = self.node(value, depth + 1)?;
            let key = match key {
                Value::Text(key) => key,
                Value::Null => "null".to_owned(),
                _ => return Err(syntax(line, "a key is not a scalar")),
            };
            if is_merge {
                merged.push((line, value));
            } else if entries.iter().any(|(known, _)| *known == key) {
                return Err(FileError::DuplicateKey { line, key });
            } else {
                entries.push((key, value));
            }
        }
        for (line, value) in merged {
            merge(&mut entries, value, line)?;
        }
        Ok(entries)
    }
}

/// `<<: *a` or `<<: [*a, *b]`: what the mapping does not say itself; the first to say it wins.
fn merge(entries: &mut Vec<(String, Value)>, value: Value, line: usize) -> Result<(), FileError> {
    match value {
        Value::Map(more) => {
            for (key, value) in more {
                if !entries.iter().any(|(known, _)| *known == key) {
                    entries.push((key, value));
                }
            }
            Ok(())
        }
        Value::List(items) => items
            .into_iter()
            .filter(|item| matches!(item, Value::Map(_)))
            .try_for_each(|item| merge(entries, item, line)),
        _ => Err(syntax(line, "a merge key needs a mapping")),
    }
}

fn syntax(line: usize, message: &str) -> FileError {
    FileError::Syntax {
        line,
        message: message.to_owned(),
    }
}

/// Compose gives tags of its own (`!reset`, `!override`) a meaning that is not followed here.
fn check_tag(line: usize, tag: Option<&Tag>) -> Result<(), FileError> {
    match tag {
        Some(tag) if !tag.is_yaml_core_schema() => Err(undecided(
            &format!("line {line}"),
            Why::Tag(format!("{}{}", tag.handle, tag.suffix)),
        )),
        _ => Ok(()),
    }
}
