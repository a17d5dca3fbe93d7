//! The report for people, in 80 columns.

use std::fmt::Write as _;

use super::facts::{Image, Report, Verifies};
use crate::render::printable::printable;

/// Columns of the names on the left.
const LEFT: usize = 20;
const WIDTH: usize = 80;

/// The whole page; the verdict is its last paragraph.
pub(super) fn page(report: &Report) -> String {
    let mut page = Page::default();
    page.item("content trust", &content_trust(report));
    page.item("docker", &docker(report));
    for program in report.docker.programs.iter().filter(|program| program.shim) {
        let place = if report.docker.shim_first {
            "found first"
        } else {
            "hidden"
        };
        page.item("shim", &format!("{}, {place}", program.path));
    }
    if report.docker.programs.iter().all(|program| !program.shim) {
        page.item("shim", "not on PATH");
    }
    for plugin in &report.plugins {
        let whose = match (plugin.ours, plugin.used) {
            (true, true) => "Countersign",
            (false, true) => "another program",
            (true, false) => "Countersign, hidden by the one above",
            (false, false) => "another program, hidden by the one above",
        };
        page.item(
            &format!("plugin {}", plugin.name),
            &format!("{} ({whose})", plugin.path),
        );
    }
    for name in ["trust", "countersign"] {
        if report.plugins.iter().all(|plugin| plugin.name != name) {
            page.item(&format!("plugin {name}"), "not installed");
        }
    }
    page.item("docker build", &builds(report));
    for registry in &report.registries {
        let server = match &registry.server {
            Some(server) => format!("{server} would be asked (not asked now)"),
            None => "DOCKER_CONTENT_TRUST_SERVER is not an https address".to_owned(),
        };
        page.item(
            "trust server",
            &format!("for {}: {server}", registry.registry),
        );
    }
    if let Some(server) = &report.server {
        page.item(
            "trust server",
            &format!("{}: {}", server.address, answer(server.problem.as_deref())),
        );
    }
    for image in &report.images {
        describe(&mut page, image);
    }
    if report.keys.is_empty() {
        page.item("keys", "none here");
    }
    for key in &report.keys {
        let id = key.id.get(..7).unwrap_or(&key.id);
        let of = match &key.repository {
            Some(repository) => format!(" of {repository}"),
            None => String::new(),
        };
        let role = if key.role.is_empty() {
            "delegation"
        } else {
            &key.role
        };
        page.item("key", &format!("{id} {role}{of}"));
    }
    if report.images.is_empty() && report.server.is_none() {
        page.item(
            "network",
            "nobody was asked: name an image, or a server with --server",
        );
    }
    if !report.warnings.is_empty() {
        page.text.push('\n');
    }
    for warning in &report.warnings {
        page.item("warning", warning);
    }
    page.text.push('\n');
    page.item("verdict", &report.verdict);
    page.text
}

fn content_trust(report: &Report) -> String {
    let trust = &report.content_trust;
    let state = if trust.on { "on" } else { "off" };
    match &trust.variable {
        Some(value) => format!("{state}: DOCKER_CONTENT_TRUST={value}"),
        None => format!("{state}: DOCKER_CONTENT_TRUST is not set"),
    }
}

fn docker(report: &Report) -> String {
    let docker = &report.docker;
    let Some(real) = &docker.real else {
        return "not on PATH".to_owned();
    };
    let version = match &docker.version {
        Some(version) => format!("version {version}"),
        None => "version unknown".to_owned(),
    };
    let verifies = match docker.verifies {
        Verifies::Yes => "verifies when content trust is on",
        Verifies::NotBuilds => "verifies when content trust is on, but not what BuildKit builds",
        Verifies::Never => "never verifies, whatever is set",
        Verifies::Unknown => "whether it verifies is not known",
    };
    let behind = if docker.shim_first {
        ", behind the shim"
    } else {
        ""
    };
    format!("{real}{behind}, {version}: {verifies}")
}

fn builds(report: &Report) -> String {
    let alias = match &report.builder_alias {
        Some(alias) if alias.ours => "the builder alias is Countersign's".to_owned(),
        Some(alias) => format!("the builder alias is the plugin {}", alias.plugin),
        None => "no builder alias".to_owned(),
    };
    let state = match (report.content_trust.on, report.enforced.builds) {
        (false, _) => "not verified",
        (true, true) => "base images are verified",
        (true, false) => "base images are NOT verified",
    };
    format!("{state}; {alias}")
}

fn answer(problem: Option<&str>) -> String {
    match problem {
        None => "answers".to_owned(),
        Some(problem) => problem.to_owned(),
    }
}

fn describe(page: &mut Page, image: &Image) {
    let server = image.server.as_deref().unwrap_or("no trust server");
    let state = match (&image.problem, &image.digest) {
        (Some(problem), _) => problem.clone(),
        (None, Some(digest)) => format!("signed as {digest}"),
        (None, None) => "trust data is valid".to_owned(),
    };
    page.item("image", &image.image);
    page.item("  asked", server);
    page.item("  answer", &state);
    for role in &image.roles {
        let held: Vec<&str> = role
            .keys
            .iter()
            .filter(|key| key.held)
            .map(|key| key.id.get(..7).unwrap_or(&key.id))
            .collect();
        let held = match held.as_slice() {
            [] => "no key of it here".to_owned(),
            ids => format!("held here: {}", ids.join(", ")),
        };
        let until = match role
            .expires
            .as_deref()
            .and_then(|text| text.split('T').next())
        {
            Some(day) => format!("until {day}"),
            None => "nothing signed".to_owned(),
        };
        page.item("  role", &format!("{}, {until}; {held}", role.role));
    }
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    /// A name on the left, a text on the right, broken at blanks.
    fn item(&mut self, name: &str, text: &str) {
        let mut left = name;
        let mut lines = text.lines().peekable();
        if lines.peek().is_none() {
            let _infallible = writeln!(self.text, "{left}");
        }
        for line in lines {
            for line in wrapped(&printable(line)) {
                let _infallible = writeln!(self.text, "{left:LEFT$}{line}");
                left = "";
            }
        }
    }
}

/// A word longer than the line stands alone.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("there is always one line");
        if last.is_empty() {
            last.push_str(word);
        } else if last.chars().count() + 1 + word.chars().count() <= WIDTH - LEFT {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}
