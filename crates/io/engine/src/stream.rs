//! Streams of JSON objects: what an engine reports while it works (`moby/moby:pkg/jsonmessage`).

use std::time::Duration;

use oci::{Descriptor, Digest};
use serde::Deserialize;
use serde_json::Value;

use crate::engine::Engine;
use crate::error::Error;
use crate::request::Answer;

/// Called with each event, in order.
pub type OnEvent<'a> = &'a mut (dyn FnMut(&Event) + Send);

/// Something an engine reports. All texts are the engine's, unchecked: a terminal must not get control characters from
/// them unfiltered.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Where a layer, or the whole work, has come to.
    Status {
        /// The layer's short id, or the image; `None` for a line of its own.
        id: Option<String>,
        /// Such as `Pushed`.
        text: String,
        /// How much is done, for what takes long. Without a terminal docker leaves such lines out.
        progress: Option<Progress>,
    },
    /// A piece of the output of a build or a load, with its line ends.
    Output(String),
    /// A result.
    Aux(Aux),
}

/// How much is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Done so far: bytes, unless `units` says otherwise.
    pub current: u64,
    /// Of how much, if known.
    pub total: Option<u64>,
    /// What is counted, if not bytes.
    pub units: Option<String>,
    /// Whether a bar should be without numbers.
    pub hide_counts: bool,
    /// The bar as the engine draws it; older ones do.
    pub drawn: Option<String>,
}

/// A result inside a stream.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Aux {
    /// An image was built.
    Built {
        /// Its id.
        id: Digest,
    },
    /// The engine has not all of what an index names, and pushed what it has (containerd store).
    ContentMissing {
        /// What it has not.
        content: Box<Descriptor>,
    },
    /// Instead of an index one manifest was pushed: the others are not in the engine (containerd store).
    ManifestInsteadOfIndex {
        /// The index that was asked for.
        index: Box<Descriptor>,
        /// What the registry has now.
        manifest: Box<Descriptor>,
    },
    /// A tag was pushed (graph drivers).
    Pushed {
        /// The tag.
        tag: String,
        /// Of the manifest.
        digest: Digest,
        /// Bytes of the manifest.
        size: u64,
    },
    /// A kind we do not know.
    Other(Value),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    stream: Option<String>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    progress: Option<String>,
    #[serde(default)]
    progress_detail: Option<ProgressDetail>,
    #[serde(default)]
    aux: Option<Value>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    error_detail: Option<ErrorDetail>,
}

#[derive(Default, Deserialize)]
struct ProgressDetail {
    #[serde(default)]
    current: i64,
    #[serde(default)]
    total: i64,
    #[serde(default)]
    units: Option<String>,
    #[serde(default)]
    hidecounts: bool,
}

#[derive(Deserialize)]
struct ErrorDetail {
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    code: Option<i64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum KnownAux {
    Pushed {
        #[serde(rename = "Tag")]
        tag: String,
        #[serde(rename = "Digest")]
        digest: Digest,
        #[serde(rename = "Size")]
        size: u64,
    },
    Built {
        #[serde(rename = "ID")]
        id: Digest,
    },
    #[serde(rename_all = "camelCase")]
    ManifestInsteadOfIndex {
        manifest_pushed_instead_of_index: bool,
        original_index: Box<Descriptor>,
        selected_manifest: Box<Descriptor>,
    },
    #[serde(rename_all = "camelCase")]
    ContentMissing {
        content_missing: bool,
        desc: Box<Descriptor>,
    },
}

impl Engine {
    /// Reads a stream to its proper end, giving each event to `on_event`.
    ///
    /// # Errors
    ///
    /// [`Error::Stream`] when the engine reports one; [`Error::Interrupted`] when the stream is cut, also in the middle
    /// of a line.
    pub(crate) async fn follow(
        &self,
        mut answer: Answer,
        patience: Option<Duration>,
        on_event: OnEvent<'_>,
    ) -> Result<(), Error> {
        let mut lines = Lines::new(self.config.line_max, self.config.stream_max);
        loop {
            let piece = self.next_piece(&mut answer, patience).await?;
            let ended = piece.is_none();
            let complete = match piece {
                Some(piece) => lines.push(&piece),
                None => Ok(lines.rest()),
            };
            let complete = complete.map_err(|TooLong { limit }| Error::TooLarge {
                request: answer.request.clone(),
                limit,
            })?;
            for event in serde_json::Deserializer::from_slice(&complete).into_iter::<Message>() {
                let message = event.map_err(|error| self.bad_line(&answer, ended, &error))?;
                for event in message.into_events()? {
                    on_event(&event);
                }
            }
            if ended {
                return Ok(());
            }
        }
    }

    fn bad_line(&self, answer: &Answer, ended: bool, error: &serde_json::Error) -> Error {
        if ended && error.is_eof() {
            return Error::Interrupted {
                endpoint: self.endpoint().to_string(),
            };
        }
        Error::Malformed {
            request: answer.request.clone(),
            detail: error.to_string(),
        }
    }
}

impl Message {
    fn into_events(self) -> Result<Vec<Event>, Error> {
        if self.error.is_some() || self.error_detail.is_some() {
            let (detail, code) = match self.error_detail {
                Some(detail) => (detail.message, detail.code),
                None => (None, None),
            };
            let message = detail.or(self.error).unwrap_or_default();
            return Err(Error::Stream { message, code });
        }
        let mut events = Vec::new();
        if let Some(text) = self.stream {
            events.push(Event::Output(text));
        }
        if let Some(text) = self.status {
            let progress = progress(self.progress_detail.unwrap_or_default(), self.progress);
            events.push(Event::Status {
                id: self.id.filter(|id| !id.is_empty()),
                text,
                progress,
            });
        }
        if let Some(aux) = self.aux {
            events.push(Event::Aux(Aux::from(aux)));
        }
        Ok(events)
    }
}

/// Docker counts only what has numbers above zero as progress, so that `{"hidecounts":true}` alone is a plain status.
fn progress(detail: ProgressDetail, drawn: Option<String>) -> Option<Progress> {
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    let (current, total) = (count(detail.current), count(detail.total));
    let drawn = drawn.filter(|text| !text.is_empty());
    (current > 0 || total > 0 || drawn.is_some()).then(|| Progress {
        current,
        total: (total > 0).then_some(total),
        units: detail.units.filter(|units| !units.is_empty()),
        hide_counts: detail.hidecounts,
        drawn,
    })
}

impl From<Value> for Aux {
    fn from(value: Value) -> Self {
        match KnownAux::deserialize(&value) {
            Ok(KnownAux::Pushed { tag, digest, size }) => Self::Pushed { tag, digest, size },
            Ok(KnownAux::Built { id }) => Self::Built { id },
            Ok(KnownAux::ManifestInsteadOfIndex {
                manifest_pushed_instead_of_index: true,
                original_index: index,
                selected_manifest: manifest,
            }) => Self::ManifestInsteadOfIndex { index, manifest },
            Ok(KnownAux::ContentMissing {
                content_missing: true,
                desc: content,
            }) => Self::ContentMissing { content },
            _ => Self::Other(value),
        }
    }
}

/// Gathers lines from pieces of any length.
struct Lines {
    held: Vec<u8>,
    seen: u64,
    line_max: u64,
    stream_max: u64,
}

#[derive(Debug, PartialEq, Eq)]
struct TooLong {
    limit: u64,
}

impl Lines {
    fn new(line_max: u64, stream_max: u64) -> Self {
        Self {
            held: Vec::new(),
            seen: 0,
            line_max,
            stream_max,
        }
    }

    /// The lines that `piece` completes, with their ends.
    fn push(&mut self, piece: &[u8]) -> Result<Vec<u8>, TooLong> {
        self.seen = self.seen.saturating_add(length(piece));
        if self.seen > self.stream_max {
            let limit = self.stream_max;
            return Err(TooLong { limit });
        }
        let complete = match piece.iter().rposition(|byte| *byte == b'\n') {
            None => {
                self.held.extend_from_slice(piece);
                Vec::new()
            }
            Some(end) => {
                let (lines, rest) = piece.split_at(end + 1);
                let mut complete = std::mem::replace(&mut self.held, rest.to_vec());
                complete.extend_from_slice(lines);
                complete
            }
        };
        // A piece is bounded by the connection's buffer, so only what is held can grow.
        if length(&self.held) > self.line_max {
            let limit = self.line_max;
            return Err(TooLong { limit });
        }
        Ok(complete)
    }

    /// What came after the last line end.
    fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(line: &str) -> Vec<Event> {
        let message: Message = serde_json::from_str(line).unwrap();
        message.into_events().unwrap()
    }

    fn status(id: Option<&str>, text: &str, progress: Option<Progress>) -> Vec<Event> {
        vec![Event::Status {
            id: id.map(str::to_owned),
            text: text.to_owned(),
            progress,
        }]
    }

    #[test]
    fn every_form_of_status_is_read() {
        assert_eq!(events(r#"{"status":"x"}"#), status(None, "x", None));
        assert_eq!(
            events(r#"{"status":"Preparing","progressDetail":{},"id":"0b3e"}"#),
            status(Some("0b3e"), "Preparing", None)
        );
        assert_eq!(
            events(r#"{"status":"Done","progressDetail":{"hidecounts":true},"id":"0b3e"}"#),
            status(Some("0b3e"), "Done", None)
        );
        assert_eq!(
            events(
                r#"{"status":"Pushing","progressDetail":{"current":5,"total":9},"progress":"[=>] 5B/9B","id":"a"}"#
            ),
            status(
                Some("a"),
                "Pushing",
                Some(Progress {
                    current: 5,
                    total: Some(9),
                    drawn: Some("[=>] 5B/9B".to_owned()),
                    ..Progress::default()
                })
            )
        );
        assert_eq!(
            events(
                r#"{"status":"Extracting","progressDetail":{"current":2,"units":"s"},"id":"a"}"#
            ),
            status(
                Some("a"),
                "Extracting",
                Some(Progress {
                    current: 2,
                    units: Some("s".to_owned()),
                    ..Progress::default()
                })
            )
        );
        assert!(events("{}").is_empty());
    }

    #[test]
    fn results_of_other_kinds_are_kept_apart() {
        let descriptor = format!(
            r#"{{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"sha256:{}","size":7}}"#,
            "a".repeat(64)
        );
        let line = format!(
            r#"{{"aux":{{"manifestPushedInsteadOfIndex":true,"originalIndex":{descriptor},"selectedManifest":{descriptor}}}}}"#
        );
        assert!(matches!(
            events(&line)[..],
            [Event::Aux(Aux::ManifestInsteadOfIndex { .. })]
        ));
        let line = format!(r#"{{"aux":{{"contentMissing":true,"desc":{descriptor}}}}}"#);
        assert!(matches!(
            events(&line)[..],
            [Event::Aux(Aux::ContentMissing { .. })]
        ));
        assert!(matches!(
            events(r#"{"aux":{"Tag":"1","Digest":"sha256:12","Size":5}}"#)[..],
            [Event::Aux(Aux::Other(_))]
        ));
    }

    #[test]
    fn errors_are_errors_in_both_forms() {
        for (line, expected) in [
            (
                r#"{"errorDetail":{"message":"denied"},"error":"short"}"#,
                ("denied", None),
            ),
            (r#"{"error":"short"}"#, ("short", None)),
            (
                r#"{"errorDetail":{"code":2,"message":"step"}}"#,
                ("step", Some(2)),
            ),
            (r#"{"status":"fine","errorDetail":{}}"#, ("", None)),
        ] {
            let message: Message = serde_json::from_str(line).unwrap();
            match message.into_events() {
                Err(Error::Stream { message, code }) => {
                    assert_eq!((message.as_str(), code), expected, "{line}");
                }
                other => panic!("{line}: {other:?}"),
            }
        }
    }

    #[test]
    fn lines_are_found_however_they_are_cut() {
        let text = b"{\"a\":1}\r\n{\"b\":2}\n{\"c\":3}";
        for step in 1..text.len() {
            let mut lines = Lines::new(20, 100);
            let mut seen = Vec::new();
            for piece in text.chunks(step) {
                seen.extend(lines.push(piece).unwrap());
            }
            assert_eq!(seen, b"{\"a\":1}\r\n{\"b\":2}\n");
            assert_eq!(lines.rest(), b"{\"c\":3}");
        }
        assert_eq!(Lines::new(3, 100).push(b"abcd"), Err(TooLong { limit: 3 }));
        assert_eq!(
            Lines::new(3, 9).push(b"ab\nab\nab\nab\n"),
            Err(TooLong { limit: 9 })
        );
    }
}
