//! `import-key-pair`.

use std::path::Path;

use pki::cosign_key::{COSIGN_KEY_FILE_LIMIT, CosignKeyFile};
use zeroize::Zeroizing;

use super::error::Error;
use super::flags::{YES, flags};
use super::generate_key_pair::Pair;
use super::{Action, Context, files, given};
use crate::cobra::{Command, Completes, Flag, Matches};
use crate::failure::Failure;

const KEY: Flag = Flag::text("key", "", "PEM file of the private key to import")
    .short('k')
    .completing(Completes::File);
const PREFIX: Flag = Flag::text(
    "output-key-prefix",
    "import-cosign",
    "Beginning of the names of the .key and .pub files",
)
.short('o');

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS]",
    long: "Encrypt a private key made elsewhere under a password, for use with --key: RSA, ECDSA (P-256, P-384, \
           P-521) or Ed25519, as PKCS#8, PKCS#1 or SEC1 in PEM.",
    flags: flags!(&[KEY, PREFIX, YES]),
    run: Some(run),
    ..Command::new("import-key-pair", "Import a private key in PEM")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let Some(path) = given(matches, &KEY) else {
        return Err(Error::Required {
            flag: KEY.name,
            why: "the PEM file of the key to import",
        }
        .into());
    };
    let limit = COSIGN_KEY_FILE_LIMIT as u64;
    let text = Zeroizing::new(files::read(
        context.session.process,
        Path::new(path),
        limit,
    )?);
    let file = CosignKeyFile::parse(&text).map_err(|source| Error::KeyFile {
        place: path.to_owned(),
        source,
    })?;
    if file.is_encrypted() {
        return Err(Error::Unsupported {
            what: "the import of an encrypted key",
            instead: "Decrypt it first, for example with 'openssl pkey'; a key of cosign needs no import.",
        }
        .into());
    }
    let key = file.unlock(None).map_err(|source| Error::Unlock {
        place: path.to_owned(),
        source,
    })?;
    let pair = Pair::below(context, matches.text(&PREFIX), matches.on(&YES))?;
    pair.write(context, &key)
}
