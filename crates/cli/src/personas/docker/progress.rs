//! What the engine reports, as docker shows it without a terminal: a line for each step, none for each byte.

use engine::Event;

use crate::render::printable::printable;

/// The line for an event, with its end; `None` for one that docker shows on a terminal only.
pub(crate) fn line(event: &Event) -> Option<String> {
    match event {
        Event::Status {
            progress: Some(_), ..
        } => None,
        Event::Status {
            id: Some(id), text, ..
        } => Some(format!("{}: {}\n", printable(id), printable(text))),
        Event::Status { id: None, text, .. } => Some(format!("{}\n", printable(text))),
        _ => None,
    }
}
