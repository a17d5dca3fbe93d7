//! `key load KEYFILE [--name NAME]`.

use std::path::Path;

use keystore::{Import, Replace, check_private, read_bundle};

use super::NAME;
use super::error::Error;
use super::names::check_name;
use super::passphrases::{MAX_ATTEMPTS, UserPassphrases};
use super::{LOCK_WAIT, trust_folder};
use crate::cobra::Matches;
use crate::failure::Failure;
use crate::session::Session;

pub(super) fn run(session: &Session<'_>, matches: &Matches) -> Result<(), Failure> {
    let file = matches.arg(0);
    let name = matches.text(&NAME);
    if !name.is_empty() {
        check_name("key", name)?;
    }
    session
        .process
        .out(format_args!("Loading key from \"{file}\"...\n"))?;
    let names = load(session, file, name)?;
    for other in names
        .iter()
        .filter(|other| matches.given(&NAME).is_some_and(|given| given != **other))
    {
        session.process.err(format_args!(
            "The key keeps the name that its file gives it: {other}\n"
        ));
    }
    session
        .process
        .out(format_args!("Successfully imported key from {file}\n"))?;
    Ok(())
}

/// The names under which the keys of the file are now in the trust folder.
fn load(session: &Session<'_>, file: &str, name: &str) -> Result<Vec<String>, Error> {
    let process = session.process;
    let path = process.resolve(Path::new(file));
    check_private(&path).map_err(|source| Error::KeyFileRefused {
        file: file.to_owned(),
        source: Box::new(source),
    })?;
    let failed = |source| Error::import(process, file, source);
    let content = read_bundle(&path).map_err(failed)?;
    let folder = trust_folder(session)?;
    let lock = folder.lock(LOCK_WAIT).map_err(failed)?;
    let how = Import {
        role: Some(name),
        gun: None,
        // As docker does: loading a key again, or under another name, is no mistake.
        replace: Replace::Yes,
        max_attempts: MAX_ATTEMPTS,
    };
    let stored = folder
        .import(
            &lock,
            &content,
            &path,
            how,
            &mut UserPassphrases::new(process),
        )
        .map_err(failed)?;
    Ok(stored.into_iter().map(|key| key.role).collect())
}
