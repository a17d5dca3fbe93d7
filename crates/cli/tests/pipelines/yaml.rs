//! A YAML file as JSON: mappings, lists and scalars, which is all that the pipeline files have.

use std::path::Path;

use saphyr_parser::{Event, Parser, StrInput};
use serde_json::{Map, Value};

/// A file of the folder `pipelines`. Scalars are texts.
#[track_caller]
pub(crate) fn read(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../pipelines")
        .join(name);
    let text = std::fs::read_to_string(path).unwrap();
    let mut events = Parser::new_from_str(&text);
    loop {
        match next(&mut events) {
            Event::StreamStart | Event::DocumentStart(_) => {}
            first => return node(first, &mut events),
        }
    }
}

fn next<'t>(events: &mut Parser<'t, StrInput<'t>>) -> Event<'t> {
    events.next().expect("the document ends").unwrap().0
}

fn node<'t>(first: Event<'t>, events: &mut Parser<'t, StrInput<'t>>) -> Value {
    match first {
        Event::Scalar(text, ..) => Value::String(text.into_owned()),
        Event::SequenceStart(..) => {
            let mut list = Vec::new();
            loop {
                match next(events) {
                    Event::SequenceEnd => return Value::Array(list),
                    item => list.push(node(item, events)),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut map = Map::new();
            loop {
                match next(events) {
                    Event::MappingEnd => return Value::Object(map),
                    Event::Scalar(key, ..) => {
                        let value = next(events);
                        map.insert(key.into_owned(), node(value, events));
                    }
                    other => panic!("{other:?} as a key"),
                }
            }
        }
        other => panic!("{other:?} is not in these files"),
    }
}
