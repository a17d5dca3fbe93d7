//! `trusted-root create`.

use std::path::Path;

use sigstore::chain::Authority;
use sigstore::trust::{AssembleError, TransparencyLog, TrustedRoot};

use super::error::Error;
use super::flags::file;
use super::flags::flags;
use super::service_spec::Spec;
use super::{Action, Context, files, given, older_root, trust_ops};
use crate::cobra::{Command, Flag, Matches};
use crate::failure::Failure;

pub(super) const CTFE: Flag = Flag::list(
    "ctfe",
    "Certificate log: url=URL,public-key=FILE,start-time=TIME and if wanted end-time=TIME,origin=NAME",
);
pub(super) const FULCIO: Flag = Flag::list(
    "fulcio",
    "Certificate authority: url=URL,certificate-chain=FILE and if wanted start-time=TIME,end-time=TIME",
);
pub(super) const REKOR: Flag = Flag::list(
    "rekor",
    "Transparency log: url=URL,public-key=FILE,start-time=TIME and if wanted end-time=TIME,origin=NAME",
);
pub(super) const TSA: Flag = Flag::list(
    "tsa",
    "Timestamp authority: url=URL,certificate-chain=FILE and if wanted start-time=TIME,end-time=TIME",
);
const NO_DEFAULT_CTFE: Flag = without("no-default-ctfe", "Leave its certificate logs out");
const NO_DEFAULT_FULCIO: Flag =
    without("no-default-fulcio", "Leave its certificate authorities out");
const NO_DEFAULT_REKOR: Flag = without("no-default-rekor", "Leave its transparency logs out");
const NO_DEFAULT_TSA: Flag = without("no-default-tsa", "Leave its timestamp authorities out");
const OUT: Flag = file("out", "Write to this file in place of standard output");
const WITH_DEFAULTS: Flag = Flag::switch(
    "with-default-services",
    "Begin with the trusted root of the repository that was initialised",
);

const fn without(name: &'static str, help: &'static str) -> Flag {
    Flag::switch(name, help)
}

pub(super) const COMMAND: Command<Action> = Command {
    usage: "COMMAND",
    long: "Make trusted roots: the files that say whose certificates, logs and timestamps are to be trusted",
    flags: flags!(),
    commands: &[CREATE],
    ..Command::new("trusted-root", "Make trusted roots")
};

const CREATE: Command<Action> = Command {
    usage: "[OPTIONS]",
    long: "Make a trusted root of certificates and keys in files, as it is given to --trusted-root. Each service is \
           a list of key=value with commas between; TIME is such as 2024-01-31T00:00:00Z.",
    flags: flags!(
        &[
            CTFE,
            FULCIO,
            NO_DEFAULT_CTFE,
            NO_DEFAULT_FULCIO,
            NO_DEFAULT_REKOR,
            NO_DEFAULT_TSA,
            OUT,
            REKOR,
            TSA,
            WITH_DEFAULTS,
        ],
        older_root::FLAGS,
    ),
    run: Some(run),
    ..Command::new("create", "Make a trusted root")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    older_root::check(matches)?;
    let mut root = defaults(context, matches)?;
    for text in matches.values(&FULCIO) {
        let authority = authority(context, "fulcio", text, Authority::issuing)?;
        root.certificate_authorities.push(authority);
    }
    for text in matches.values(&TSA) {
        let authority = authority(context, "tsa", text, Authority::timestamping)?;
        root.timestamp_authorities.push(authority);
    }
    for text in matches.values(&REKOR) {
        add_log(&mut root.logs, log(context, "rekor", text)?);
    }
    for text in matches.values(&CTFE) {
        add_log(&mut root.ct_logs, log(context, "ctfe", text)?);
    }
    older_root::add(context, matches, &mut root)?;
    let json = root.to_json().map_err(|error| Error::Usage {
        problem: error.to_string(),
    })?;
    print_or_write(context, given(matches, &OUT), &json)
}

/// The repository's trusted root without what is not wanted of it; empty unless asked for.
fn defaults(context: &Context<'_>, matches: &Matches) -> Result<TrustedRoot, Error> {
    let mut root = TrustedRoot::default();
    if !matches.on(&WITH_DEFAULTS) {
        return Ok(root);
    }
    let loaded = trust_ops::initialised(context, false)?.trusted_root;
    if !matches.on(&NO_DEFAULT_FULCIO) {
        root.certificate_authorities = loaded.certificate_authorities;
    }
    if !matches.on(&NO_DEFAULT_TSA) {
        root.timestamp_authorities = loaded.timestamp_authorities;
    }
    if !matches.on(&NO_DEFAULT_REKOR) {
        root.logs = loaded.logs;
    }
    if !matches.on(&NO_DEFAULT_CTFE) {
        root.ct_logs = loaded.ct_logs;
    }
    Ok(root)
}

/// Makes an authority of a PEM file: [`Authority::issuing`] or [`Authority::timestamping`].
pub(super) type MakeAuthority = fn(
    String,
    &[u8],
    Option<jiff::Timestamp>,
    Option<jiff::Timestamp>,
) -> Result<Authority, AssembleError>;

fn authority(
    context: &Context<'_>,
    service: &'static str,
    text: &str,
    make: MakeAuthority,
) -> Result<Authority, Error> {
    const KNOWN: &[&str] = &["url", "certificate-chain", "start-time", "end-time"];
    let spec = Spec::parse(service, text, KNOWN)?;
    let url = spec.required("url")?.to_owned();
    let path = spec.required("certificate-chain")?;
    let window = spec.window()?;
    let pem = read(context, path)?;
    make(url, &pem, window.start, window.end).map_err(|source| unfit(path, source))
}

fn log(context: &Context<'_>, service: &'static str, text: &str) -> Result<TransparencyLog, Error> {
    const KNOWN: &[&str] = &["url", "public-key", "start-time", "end-time", "origin"];
    let spec = Spec::parse(service, text, KNOWN)?;
    let url = spec.required("url")?.to_owned();
    let path = spec.required("public-key")?;
    let window = spec.window_with_start()?;
    let pem = read(context, path)?;
    TransparencyLog::of_pem(url, &pem, spec.text("origin"), window)
        .map_err(|source| unfit(path, source))
}

/// A log is there once: the same key given again replaces what was said of it before.
pub(super) fn add_log(logs: &mut Vec<TransparencyLog>, log: TransparencyLog) {
    logs.retain(|other| other.log_id != log.log_id);
    logs.push(log);
}

pub(super) fn read(context: &Context<'_>, path: &str) -> Result<Vec<u8>, Error> {
    files::read(context.session.process, Path::new(path), files::PEM_LIMIT)
}

pub(super) fn unfit(path: &str, source: AssembleError) -> Error {
    Error::Instance {
        path: path.into(),
        source,
    }
}

/// One line on standard output, or the file without the line's end, as cosign writes it.
pub(super) fn print_or_write(
    context: &Context<'_>,
    path: Option<&str>,
    json: &str,
) -> Result<(), Failure> {
    let process = context.session.process;
    match path {
        None => Ok(process.out(format_args!("{json}\n"))?),
        Some(path) => Ok(files::write(process, Path::new(path), json.as_bytes())?),
    }
}
