//! What a build takes from elsewhere although every image is signed, said before it begins.

use dockerfile::Note;

use crate::render::printable::printable;

/// The line for standard error; `None` for what is no concern of content trust.
pub(super) fn line(file: &str, note: &Note) -> Option<String> {
    let (line, said) = match note {
        Note::RemoteAdd { pinned: true, .. } => return None,
        Note::RemoteAdd { line, address, .. } => (
            line,
            format!(
                "ADD {} is fetched by the builder, and nobody signed it",
                printable(address)
            ),
        ),
        Note::BaseTriggers { line, reference } => (
            line,
            format!(
                "images that ONBUILD triggers of {} name are not checked",
                reference.familiar()
            ),
        ),
        Note::OtherFrontend { line, reference } => (
            line,
            format!(
                "{} decides by itself what it makes of the file",
                reference.familiar()
            ),
        ),
        _ => return None,
    };
    Some(match line {
        0 => format!("note: {file}: {said}\n"),
        line => format!("note: {file}:{line}: {said}\n"),
    })
}
