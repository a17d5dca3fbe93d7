//! `key generate NAME [--dir DIR]`.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use keystore::{KeyLabel, Passphrases as _, Replace, TrustDir};
use pki::keyfile::SealError;
use pki::signing::SigningKey;

use super::DIR;
use super::error::Error;
use super::names::check_name;
use super::passphrases::UserPassphrases;
use super::{LOCK_WAIT, trust_folder};
use crate::cobra::Matches;
use crate::failure::Failure;
use crate::session::Session;

struct Request {
    name: String,
    folder: TrustDir,
    /// The public key file, as it is shown.
    shown: PathBuf,
    /// The same file seen from anywhere.
    public: PathBuf,
}

pub(super) fn run(session: &Session<'_>, matches: &Matches) -> Result<(), Failure> {
    let request = resolve(session, matches)?;
    session
        .process
        .out(format_args!("Generating key for {}...\n", request.name))?;
    generate(session, &request)?;
    session.process.out(format_args!(
        "Successfully generated and loaded private key. Corresponding public key available: {}\n",
        request.shown.display()
    ))?;
    Ok(())
}

fn resolve(session: &Session<'_>, matches: &Matches) -> Result<Request, Error> {
    let process = session.process;
    let name = matches.arg(0);
    check_name("key", name)?;
    let file = format!("{name}.pub");
    let shown = match matches.given(&DIR) {
        Some(folder) if !folder.is_empty() => {
            if !process.resolve(Path::new(folder)).is_dir() {
                return Err(Error::PublicKeyFolderMissing {
                    folder: folder.to_owned(),
                });
            }
            Path::new(folder).join(file)
        }
        _ => process.cwd().ok_or(Error::NoWorkingFolder)?.join(file),
    };
    let public = process.resolve(&shown);
    if public.symlink_metadata().is_ok() {
        return Err(Error::PublicKeyExists { file: shown });
    }
    Ok(Request {
        name: name.to_owned(),
        folder: trust_folder(session)?,
        shown,
        public,
    })
}

fn generate(session: &Session<'_>, request: &Request) -> Result<(), Error> {
    let Request {
        name,
        folder,
        public,
        ..
    } = request;
    let failed = |source| Error::generate(session.process, name, source);
    let key = SigningKey::generate_ecdsa_p256()
        .map_err(|source| failed(SealError::from(source).into()))?;
    let id = key.canonical_id();
    let label = KeyLabel {
        role: name.clone(),
        gun: None,
        id: Some(id),
    };
    let passphrase = UserPassphrases::new(session.process)
        .new_passphrase(&label)
        .map_err(|source| {
            failed(keystore::Error::Passphrase {
                id: Some(id),
                source,
            })
        })?;
    let lock = folder.lock(LOCK_WAIT).map_err(failed)?;
    folder
        .save(&lock, &key, &passphrase, name, None, Replace::IfSame)
        .map_err(failed)?;
    let text = key
        .public_key()
        .to_pem(Some(name))
        .map_err(|source| Error::PublicKeyText {
            name: name.clone(),
            source,
        })?;
    write_public(public, &text).map_err(|source| {
        // A private key without its public half is of no use to anybody; it was made a moment ago.
        match folder.remove(&lock, &id) {
            Ok(()) => Error::PublicKeyUnwritable {
                file: request.shown.clone(),
                source,
            },
            Err(source) => failed(source),
        }
    })
}

fn write_public(file: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut opened = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    opened.write_all(text.as_bytes())?;
    opened.sync_all()
}
