//! `generate-key-pair`.

use std::path::PathBuf;

use pki::cosign_key::CosignKeyFile;
use pki::signing::SigningKey;
use store::files::{Mode, write_durably};

use super::error::Error;
use super::flags::{YES, flags};
use super::{Action, Context, files, passwords};
use crate::cobra::{Command, Flag, Matches};
use crate::failure::Failure;
use crate::prompt;

const KMS: Flag = Flag::text("kms", "", "Make the key pair in this key service");
const PREFIX: Flag = Flag::text(
    "output-key-prefix",
    "cosign",
    "Beginning of the names of the .key and .pub files",
);

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS]",
    long: "Generate an ECDSA P-256 key pair: cosign.key, encrypted under a password, and cosign.pub.\n\
           The password comes from COSIGN_PASSWORD, the terminal, or standard input.",
    flags: flags!(&[KMS, PREFIX, YES]),
    run: Some(run),
    ..Command::new("generate-key-pair", "Generate a key pair for signing")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    if matches.given(&KMS).is_some_and(|kms| !kms.is_empty()) {
        return Err(Error::Unsupported {
            what: "--kms",
            instead: "Make the key with the key service's own tools, and use it with --key.",
        }
        .into());
    }
    let prefix = matches.text(&PREFIX);
    let pair = Pair::below(context, prefix, matches.on(&YES))?;
    let key = SigningKey::generate_ecdsa_p256().map_err(Error::from)?;
    pair.write(context, &key)
}

/// The two files of a key pair.
pub(super) struct Pair {
    private: PathBuf,
    public: PathBuf,
}

impl Pair {
    /// `<prefix>.key` and `<prefix>.pub`, free to be written: new, or given up by the user.
    pub(super) fn below(context: &Context<'_>, prefix: &str, yes: bool) -> Result<Self, Failure> {
        let process = context.session.process;
        let pair = Self {
            private: format!("{prefix}.key").into(),
            public: format!("{prefix}.pub").into(),
        };
        if !yes && files::exists(process, &pair.private)? {
            if !process.terminals().stdin && process.raw_var("COSIGN_PASSWORD").is_none() {
                // Standard input is the password.
                return Err(Error::Exists { path: pair.private }.into());
            }
            process.err(format_args!(
                "WARNING: File {} already exists. Overwrite?\n",
                pair.private.display()
            ));
            if !prompt::agrees_on_stderr(process, "Are you sure you would like to continue?")
                .map_err(Error::from)?
            {
                return Err(Error::Declined.into());
            }
        }
        Ok(pair)
    }

    /// Asks for the password and writes both files.
    pub(super) fn write(&self, context: &Context<'_>, key: &SigningKey) -> Result<(), Failure> {
        let process = context.session.process;
        let password = passwords::new(process)?;
        let sealed = CosignKeyFile::seal(key, &password).map_err(Error::from)?;
        let public = key.verifying_key().to_pem();
        let write = |path: &PathBuf, content: &[u8], mode| {
            write_durably(&process.resolve(path), content, mode).map_err(Error::from)
        };
        write(&self.private, sealed.to_pem().as_bytes(), Mode::Owner)?;
        process.err(format_args!(
            "Private key written to {}\n",
            self.private.display()
        ));
        write(&self.public, public.as_bytes(), Mode::Everyone)?;
        process.err(format_args!(
            "Public key written to {}\n",
            self.public.display()
        ));
        Ok(())
    }
}
