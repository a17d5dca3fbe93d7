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

#[cfg(test)]
mod tests {
    use super::*;
    use oci::Reference;

    #[test]
    fn each_note_is_one_line_and_what_is_pinned_is_none() {
        let reference = Reference::parse("example.com/front/end:1").unwrap();
        let remote = |pinned| Note::RemoteAdd {
            line: 2,
            address: "https://example.com/\u{1b}[2Jx\ny".to_owned(),
            pinned,
        };
        assert_eq!(line("Dockerfile", &remote(true)), None);
        let said = line("Dockerfile", &remote(false)).unwrap();
        assert!(said.starts_with("note: Dockerfile:2: ADD https://example.com/"));
        assert_eq!(said.matches(['\n', '\u{1b}']).count(), 1, "{said:?}");
        // A build argument stands on no line of the file.
        let frontend = |line| Note::OtherFrontend {
            line,
            reference: reference.clone(),
        };
        let said = "example.com/front/end:1 decides by itself what it makes of the file\n";
        for (number, head) in [(0, "note: -: "), (1, "note: -:1: ")] {
            assert_eq!(line("-", &frontend(number)), Some(format!("{head}{said}")));
        }
    }
}
