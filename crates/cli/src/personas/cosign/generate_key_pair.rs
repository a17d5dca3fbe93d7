//! `generate-key-pair`.

use std::path::{Path, PathBuf};

use kms::{KeyReference, StoredPrivateKey};
use pki::cosign_key::CosignKeyFile;
use pki::signature::VerifyingKey;
use pki::signing::SigningKey;
use store::files::{Mode, write_durably};

use super::error::Error;
use super::flags::{YES, flags};
use super::{Action, Context, files, given, keys, passwords, variables};
use crate::cobra::{Arity, Command, Flag, Matches};
use crate::failure::Failure;
use crate::prompt;

const KMS: Flag = Flag::text("kms", "", "Make the key pair in this key service");
const PREFIX: Flag = Flag::text(
    "output-key-prefix",
    "cosign",
    "Beginning of the names of the .key and .pub files",
);

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS] [gitlab://PROJECT]",
    long: "Generate an ECDSA P-256 key pair: cosign.key, encrypted under a password, and cosign.pub.\n\
           The password comes from COSIGN_PASSWORD, the terminal, or standard input. With gitlab://PROJECT the private \
           key and its password become CI/CD variables of that project or group, and only cosign.pub is written here.",
    arity: Arity::AtLeast(0),
    flags: flags!(&[KMS, PREFIX, YES]),
    run: Some(run),
    ..Command::new("generate-key-pair", "Generate a key pair for signing")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    match (given(matches, &KMS), matches.args()) {
        (None, []) => {}
        (Some(service), []) => return in_service(context, matches, service),
        (None, [forge]) => return in_forge(context, matches, forge),
        (Some(_), [forge, ..]) => {
            return Err(Error::Usage {
                problem: format!(
                    "--kms and {forge:?} both say where the key is made: drop one of them"
                ),
            }
            .into());
        }
        (None, args) => {
            return Err(Error::Usage {
                problem: format!("accepts at most 1 arg(s), received {}", args.len()),
            }
            .into());
        }
    }
    let prefix = matches.text(&PREFIX);
    let pair = Pair::below(context, prefix, matches.on(&YES))?;
    let key = SigningKey::generate_ecdsa_p256().map_err(Error::from)?;
    pair.write(context, &key)
}

/// Makes the key where it will stay, and writes its public half.
fn in_service(context: &Context<'_>, matches: &Matches, reference: &str) -> Result<(), Failure> {
    let keys::Place::Service(service) = keys::place(reference)? else {
        return Err(Error::Usage {
            problem: format!(
                "no key service has the name {reference:?}: write awskms://, azurekms://, gcpkms://, hashivault:// or \
                 openbao:// and what follows"
            ),
        }
        .into());
    };
    let pair = Pair::named(matches.text(&PREFIX));
    pair.may_be_written(context, &pair.public, matches.on(&YES))?;
    let public = keys::services(context)?.create_service_key(&service)?;
    pair.write_public(context, &public)
}

/// Leaves the private key with a forge, and writes the public one.
fn in_forge(context: &Context<'_>, matches: &Matches, reference: &str) -> Result<(), Failure> {
    let KeyReference::Stored(place) = KeyReference::parse(reference).map_err(Error::from)? else {
        return Err(Error::Usage {
            problem: format!(
                "{reference:?} is no place for a new key: write gitlab://PROJECT, or name a key service with --kms"
            ),
        }
        .into());
    };
    let pair = Pair::named(matches.text(&PREFIX));
    pair.may_be_written(context, &pair.public, matches.on(&YES))?;
    let key = SigningKey::generate_ecdsa_p256().map_err(Error::from)?;
    let password = passwords::new(context.session.process)?;
    let sealed = CosignKeyFile::seal(&key, &password).map_err(Error::from)?;
    let private = StoredPrivateKey {
        pem: sealed.to_pem(),
        password: password.expose().to_owned().into(),
    };
    let public = key.verifying_key();
    keys::services(context)?.store_key(&place, &private, &public)?;
    context.session.process.err(format_args!(
        "Private key and password written to the variables of {reference}\n"
    ));
    pair.write_public(context, &public)
}

/// The two files of a key pair.
pub(super) struct Pair {
    private: PathBuf,
    public: PathBuf,
}

impl Pair {
    fn named(prefix: &str) -> Self {
        Self {
            private: format!("{prefix}.key").into(),
            public: format!("{prefix}.pub").into(),
        }
    }

    /// `<prefix>.key` and `<prefix>.pub`, free to be written: new, or given up by the user.
    pub(super) fn below(context: &Context<'_>, prefix: &str, yes: bool) -> Result<Self, Failure> {
        let pair = Self::named(prefix);
        pair.may_be_written(context, &pair.private, yes)?;
        Ok(pair)
    }

    fn may_be_written(&self, context: &Context<'_>, path: &Path, yes: bool) -> Result<(), Failure> {
        let process = context.session.process;
        if yes || !files::exists(process, path)? {
            return Ok(());
        }
        let is_asked_for_password = process.raw_var(variables::PASSWORD).is_none();
        if !process.terminals().stdin && is_asked_for_password {
            // Standard input is the password.
            return Err(Error::Exists { path: path.into() }.into());
        }
        process.err(format_args!(
            "WARNING: File {} already exists. Overwrite?\n",
            path.display()
        ));
        let question = "Are you sure you would like to continue?";
        if prompt::agrees_on_stderr(process, question).map_err(Error::from)? {
            Ok(())
        } else {
            Err(Error::Declined.into())
        }
    }

    /// Asks for the password and writes both files.
    pub(super) fn write(&self, context: &Context<'_>, key: &SigningKey) -> Result<(), Failure> {
        let process = context.session.process;
        let password = passwords::new(process)?;
        let sealed = CosignKeyFile::seal(key, &password).map_err(Error::from)?;
        write_durably(
            &process.resolve(&self.private),
            sealed.to_pem().as_bytes(),
            Mode::Owner,
        )
        .map_err(Error::from)?;
        process.err(format_args!(
            "Private key written to {}\n",
            self.private.display()
        ));
        self.write_public(context, &key.verifying_key())
    }

    fn write_public(&self, context: &Context<'_>, key: &VerifyingKey) -> Result<(), Failure> {
        let process = context.session.process;
        let path = process.resolve(&self.public);
        write_durably(&path, key.to_pem().as_bytes(), Mode::Everyone).map_err(Error::from)?;
        process.err(format_args!(
            "Public key written to {}\n",
            self.public.display()
        ));
        Ok(())
    }
}
