//! `signer add --key FILE NAME REPOSITORY…`.

use std::fs::File;
use std::io::Read as _;

use pki::certificate::CertificateBundle;
use pki::key::{PUBLIC_KEY_FILE_LIMIT, PublicKey};

use super::KEY_FILE;
use super::error::{Context, Error};
use super::names::{check_name, reference};
use super::ops::{AddSigner, AddSignerEvent};
use crate::cobra::Matches;
use crate::failure::Failure;
use crate::process::Process;
use crate::session::Session;

pub(super) fn run(session: &Session<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = session.process;
    let name = matches.arg(0);
    let keys = resolve(process, name, matches.values(&KEY_FILE))?;
    let repositories = matches.args().get(1..).unwrap_or_default();
    let mut failed = Vec::new();
    for repository in repositories {
        process.out(format_args!(
            "Adding signer \"{name}\" to {repository}...\n"
        ))?;
        match add(session, name, &keys, repository) {
            Ok(()) => {
                process.out(format_args!(
                    "Successfully added signer: {name} to {repository}\n\n"
                ))?;
            }
            Err(Failure::DockerTrust(error @ Error::Refused { .. })) => {
                process.err(format_args!("{}\n\n", error.text()));
                failed.push(repository.as_str());
            }
            Err(other) => return Err(other),
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    process.err(format_args!(
        "failed to add signer to: {}\n",
        failed.join(", ")
    ));
    Err(Failure::Said)
}

/// Everything that can be wrong before a repository is looked at.
fn resolve(process: &Process, name: &str, files: &[String]) -> Result<Vec<PublicKey>, Error> {
    check_name("signer", name)?;
    if name == "releases" {
        return Err(Error::ReservedSigner { removing: false });
    }
    if files.is_empty() {
        return Err(Error::NoKeyFlag);
    }
    files.iter().map(|file| public_key(process, file)).collect()
}

fn public_key(process: &Process, file: &str) -> Result<PublicKey, Error> {
    let unreadable = |source| Error::PublicKeyUnreadable {
        file: file.to_owned(),
        source,
    };
    let limit = u64::try_from(PUBLIC_KEY_FILE_LIMIT).unwrap_or(u64::MAX);
    let mut text = Vec::new();
    File::open(process.resolve(file.as_ref()))
        .and_then(|opened| opened.take(limit.saturating_add(1)).read_to_end(&mut text))
        .map_err(unreadable)?;
    let key =
        PublicKey::from_pem(&text, process.now()).map_err(|source| Error::PublicKeyUnusable {
            file: file.to_owned(),
            source,
        })?;
    warn_near_expiry(process, &text);
    Ok(key)
}

/// As docker does: the key stays good, but the certificate will not be accepted next time.
fn warn_near_expiry(process: &Process, text: &[u8]) {
    if let Ok(bundle) = CertificateBundle::parse_pem(text)
        && bundle.leaf().is_near_expiry(process.now())
    {
        let name = bundle.leaf().common_name();
        process.err(format_args!(
            "warning: certificate with CN {name} is near expiry\n"
        ));
    }
}

fn add(session: &Session<'_>, name: &str, keys: &[PublicKey], typed: &str) -> Result<(), Failure> {
    let process = session.process;
    let refused = |refusal| Error::refused(Context::None, refusal);
    let image = reference(typed).map_err(refused)?;
    let gun = image.gun();
    let request = AddSigner {
        repository: image.repository().clone(),
        name: name.to_owned(),
        keys: keys.to_vec(),
    };
    let mut written = Ok(());
    let mut report = |event| {
        let line = match event {
            AddSignerEvent::Initializing => {
                format!("Initializing signed repository for {gun}...\n")
            }
            AddSignerEvent::Initialized => format!("Successfully initialized \"{gun}\"\n"),
        };
        let shown = process.out(line);
        if written.is_ok() {
            written = shown;
        }
    };
    session
        .uses
        .trust(session)
        .and_then(|mut trust| trust.add_signer(&request, &mut report))
        .map_err(refused)?;
    Ok(written?)
}
