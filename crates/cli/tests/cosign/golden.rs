//! What the real cosigns were asked, what they answered, and what we answer: the commands of the golden data that only
//! read, replayed against the registries as the cases left them. Where we differ on purpose, [`DEVIATIONS`] says why.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::Value;
use testkit::Folder;

use crate::scene::COUNTERSIGN;

/// Cases, steps in them, the exit code that is ours, and why it is not cosign's.
const DEVIATIONS: &[(&str, &[usize], i32, Why)] = &[
    ("c01_v25_key_notlog", &[13, 14], 0, Why::NoLogNamed),
    ("c01_v25_key_notlog", &[17, 18], 1, Why::PayloadUnused),
    ("c01_v25_key_notlog", &[29, 30], 13, Why::Documented),
    (
        "c03_v25_keyless_gitlab",
        &[20, 22, 23, 44],
        1,
        Why::FlagsFirst,
    ),
    (
        "c03_v25_keyless_gitlab",
        &[26, 27, 28, 29, 30, 31],
        12,
        Why::NobodyElseAsked,
    ),
    ("c06_v25_oci11_api", &[1, 2], 0, Why::EveryForm),
    ("c08_v25_attest", &[9, 10, 19, 20], 12, Why::Documented),
    ("c08_v25_attest", &[11, 12, 16], 1, Why::NoPolicies),
    ("c11_v31_key_empty", &[1, 12], 0, Why::EveryForm),
    ("c11_v31_key_empty", &[4, 7, 8], 12, Why::Documented),
    ("c11_v31_key_empty", &[6], 0, Why::NoLogNamed),
    ("c11_v31_key_empty", &[10], 13, Why::Documented),
    ("c11_v31_key_empty", &[15], 1, Why::OtherKind),
    ("c13_v31_key_rekor1", &[2], 12, Why::Documented),
    ("c13_v31_key_rekor1", &[3], 0, Why::Variables),
    (
        "c15_v31_keyless_rekor1",
        &[3, 4, 5, 7, 12, 15, 17, 18, 20, 21, 22],
        12,
        Why::Documented,
    ),
    ("c15_v31_keyless_rekor1", &[14], 0, Why::Variables),
    ("c15_v31_keyless_rekor1", &[24], 0, Why::EveryForm),
    ("c16_v31_keyless_rekor2_tsa", &[3], 12, Why::Documented),
    ("c18_v31_attest", &[7], 12, Why::Documented),
    ("c18_v31_attest", &[9], 10, Why::OtherKind),
    ("c18_v31_attest", &[10, 12], 1, Why::NoPolicies),
    ("c26_key_types", &[27, 35], 0, Why::EveryKey),
    ("c27_errors", &[22, 23], 10, Why::Documented),
    ("c32_bundle_tools", &[6, 7], 0, Why::EnvelopeSuffices),
];

/// Why an exit code is not cosign's; COMPATIBILITY.md says it to users.
#[derive(Clone, Copy, Debug)]
enum Why {
    /// The documented codes, where cosign has 1 for bundles and attestations and 12 for want of a certificate.
    Documented,
    /// The envelope of an attestation has its signature.
    EnvelopeSuffices,
    /// Signatures and bundles count wherever they are.
    EveryForm,
    /// P-384 keys work in every form.
    EveryKey,
    /// Contradictions and patterns that are none are seen before anything is verified.
    FlagsFirst,
    /// With a key, and nothing that names a log, none is asked for.
    NoLogNamed,
    /// Rego and CUE are not evaluated.
    NoPolicies,
    /// Where variables name some of those to trust, cosign goes to the public repository for the others.
    NobodyElseAsked,
    /// An attestation is no signature, and the other way round.
    OtherKind,
    /// `--payload` belongs to `--signature`.
    PayloadUnused,
    /// The variables that name whom to trust serve bundles, too.
    Variables,
}

/// One command and what cosign answered.
#[derive(Deserialize)]
struct Step {
    step: usize,
    cosign: String,
    argv: Vec<String>,
    env: BTreeMap<String, String>,
    rc: i32,
    stdout: Option<String>,
    /// A step that printed the same.
    stdout_same_as_step: Option<usize>,
}

#[test]
fn every_case() {
    let folder = Folder::new("golden");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden/cosign");
    copy(&source, folder.path());
    let shelf = Shelf::of(folder.path());
    let repositories = shelf.0.len();
    let host = serve(shelf);
    let mut wrong = Vec::new();
    let (mut replayed, mut differing) = (0, 0);
    for case in entries(&folder.path().join("cases")) {
        let Ok(text) = std::fs::read(case.join("steps.json")) else {
            continue;
        };
        let name = case.file_name().unwrap().to_str().unwrap();
        let steps: Vec<Step> = serde_json::from_slice(&text).unwrap();
        for step in &steps {
            let expected = step.stdout.clone().unwrap_or_else(|| {
                let same = step.stdout_same_as_step.unwrap();
                let other = steps.iter().find(|other| other.step == same).unwrap();
                other.stdout.clone().unwrap()
            });
            let deviation = deviation(name, step.step);
            differing += usize::from(deviation.is_some());
            replayed += 1;
            if let Err(problem) = replay(folder.path(), &source, &host, step, &expected, deviation)
            {
                wrong.push(format!("{name} step {}: {problem}", step.step));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    // Neither the data nor the list of deviations is empty by mistake.
    let listed: usize = DEVIATIONS.iter().map(|(_, steps, ..)| steps.len()).sum();
    assert_eq!(differing, listed);
    assert!(
        replayed > 270 && repositories > 15,
        "{replayed} {repositories}"
    );
}

fn deviation(case: &str, step: usize) -> Option<(i32, Why)> {
    let mut all = DEVIATIONS.iter();
    let found = all.find(|(name, steps, ..)| *name == case && steps.contains(&step));
    found.map(|(_, _, code, why)| (*code, *why))
}

/// Runs a step and compares what came out.
fn replay(
    folder: &Path,
    source: &Path,
    host: &str,
    step: &Step,
    expected: &str,
    deviation: Option<(i32, Why)>,
) -> Result<(), String> {
    let recorded = ["127.0.0.1:21200", "127.0.0.1:21202"];
    let here = |text: &str| {
        recorded
            .iter()
            .fold(text.to_owned(), |text, at| text.replace(at, host))
    };
    let there = recorded
        .into_iter()
        .find(|at| step.argv.iter().any(|word| word.contains(at)))
        .unwrap_or_default();
    let mut command = Command::new(COUNTERSIGN);
    command
        .arg("cosign")
        .args(step.argv.iter().map(|word| here(word)));
    command.current_dir(folder).env_clear();
    command.env("HOME", folder.join("home"));
    command.env("COSIGN_PASSWORD", "golden-test-password");
    command.envs(step.env.iter().map(|(name, value)| (name, here(value))));
    let output = testkit::run(command, b"");
    let code = deviation.map_or(step.rc, |(code, _)| code);
    if output.code() != Some(code) {
        return Err(format!(
            "cosign {} has {}, {deviation:?}: {output}",
            step.cosign, step.rc
        ));
    }
    if deviation.is_some() {
        return Ok(());
    }
    let stdout = output.stdout.replace(host, there);
    if comparable(&stdout) != comparable(expected) {
        return Err(format!(
            "cosign {} prints {expected:?}: {output}",
            step.cosign
        ));
    }
    let out = step
        .argv
        .iter()
        .position(|word| word == "--out" || word == "--outfile");
    match out.map(|at| &step.argv[at + 1]) {
        Some(path) if step.rc == 0 => {
            let text = |folder: &Path| std::fs::read_to_string(folder.join(path)).unwrap();
            let (ours, theirs) = (text(folder), text(source));
            if comparable(&ours) == comparable(&theirs) {
                Ok(())
            } else {
                Err(format!("{path}: {ours}\ncosign: {theirs}"))
            }
        }
        _ => Ok(()),
    }
}

/// JSON without blanks, which cosign's are at random, and without what we say of a bundle and cosign does not; trees in
/// one order, as cosign's has none.
fn comparable(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(comparable_line).collect();
    if text.starts_with("📦") {
        lines = lines.iter().map(|line| line.replace('├', "└")).collect();
        lines.sort();
    }
    lines
}

fn comparable_line(line: &str) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(line) else {
        return line.to_owned();
    };
    let objects = match &mut value {
        Value::Array(all) => all.iter_mut().collect(),
        one => vec![one],
    };
    for object in objects.into_iter().filter_map(Value::as_object_mut) {
        // Both spellings of version 0.3 are read by everybody.
        if let Some(Value::String(media_type)) = object.get_mut("mediaType") {
            *media_type = media_type.replace("bundle.v0.3+json", "bundle+json;version=0.3");
        }
        if object.remove("unsigned").is_some()
            && let Some(Value::Object(optional)) = object.get_mut("optional")
        {
            optional.remove("Issuer");
            optional.remove("Subject");
        }
        // Services of a trusted root that began together are in no order in cosign's.
        for list in [
            "tlogs",
            "ctlogs",
            "certificateAuthorities",
            "timestampAuthorities",
        ] {
            if let Some(Value::Array(services)) = object.get_mut(list) {
                services.sort_by_key(Value::to_string);
            }
        }
    }
    value.to_string()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for path in entries(from) {
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// Repositories by name: the index of each, and the folder of its files.
struct Shelf(BTreeMap<String, (Value, PathBuf)>);

impl Shelf {
    fn of(golden: &Path) -> Self {
        let cases = entries(&golden.join("cases"));
        let folders = cases
            .iter()
            .filter(|case| case.is_dir())
            .flat_map(|case| entries(case));
        let indexes = folders.filter_map(|folder| {
            let index = std::fs::read(folder.join("index.json")).ok()?;
            let index: Value = serde_json::from_slice(&index).unwrap();
            Some((index["repository"].as_str()?.to_owned(), (index, folder)))
        });
        Self(indexes.collect())
    }

    /// The type and the bytes of what is at a path.
    fn find(&self, path: &str) -> Option<(String, Vec<u8>)> {
        let path = path.strip_prefix("/v2/")?;
        if path.is_empty() {
            return Some(("application/json".to_owned(), b"{}".to_vec()));
        }
        let (path, reference) = path.rsplit_once('/')?;
        let (repository, kind) = path.rsplit_once('/')?;
        let (index, folder) = self.0.get(repository)?;
        let read = |name: String| std::fs::read(folder.join(name)).ok();
        match kind {
            "manifests" => {
                let digest = index["tags"][reference].as_str().unwrap_or(reference);
                let media_type = index["manifests"][digest]["contentType"].as_str()?;
                let file = format!("manifests/{}.json", digest.replace(':', "-"));
                Some((media_type.to_owned(), read(file)?))
            }
            "blobs" => {
                let bytes = read(format!("blobs/{}", reference.replace(':', "-")))?;
                Some(("application/octet-stream".to_owned(), bytes))
            }
            "referrers" => {
                let list = index["referrers"].get(reference)?["body"].to_string();
                let media_type = "application/vnd.oci.image.index.v1+json";
                Some((media_type.to_owned(), list.into_bytes()))
            }
            _ => None,
        }
    }
}

/// Serves the shelf until the test ends: the host and the port.
fn serve(shelf: Shelf) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let router = Router::new().fallback(answer).with_state(Arc::new(shelf));
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    host
}

async fn answer(State(shelf): State<Arc<Shelf>>, request: Request) -> Response {
    match shelf.find(request.uri().path()) {
        Some((media_type, bytes)) => ([(header::CONTENT_TYPE, media_type)], bytes).into_response(),
        None => (
            StatusCode::NOT_FOUND,
            r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#,
        )
            .into_response(),
    }
}
