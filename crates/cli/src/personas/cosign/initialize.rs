//! `initialize`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};
use trustroot::{RootChecksum, Status};

use super::error::Error;
use super::flags::file;
use super::flags::flags;
use super::trust_ops::Initialize;
use super::{Action, Context, given, not_both};
use crate::cobra::{Command, Flag, Matches};
use crate::failure::Failure;

/// The repository of the public instance for trying things out.
const STAGING_MIRROR: &str = "https://tuf-repo-cdn.sigstage.dev";

const STAGING_ROOT: &str = "https://tuf-repo-cdn.sigstage.dev/1.root.json";

const MIRROR: Flag = Flag::text(
    "mirror",
    "",
    "Repository of trusted roots: a URL, or file:///FOLDER",
);
const ROOT: Flag = file("root", "First root of the repository: a file or a URL");
const ROOT_CHECKSUM: Flag = Flag::text(
    "root-checksum",
    "",
    "SHA-256 of the first root in hex, or sha512:HEX",
);
const STAGING: Flag = Flag::switch(
    "staging",
    "Take the repository of Sigstore's public staging instance",
);

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS]",
    long: "Trust a repository of trusted roots from now on: whose certificates, logs and timestamps count, and which \
           services sign. What it distributes is kept in $TUF_ROOT, else in ~/.sigstore/root, for this program and \
           for cosign.\n\
           No repository is built in: name it with --mirror, and its first root with --root.",
    flags: flags!(&[MIRROR, ROOT, ROOT_CHECKSUM, STAGING]),
    run: Some(run),
    ..Command::new("initialize", "Trust a repository of trusted roots")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = context.session.process;
    not_both(matches, &STAGING, &MIRROR, "it names a mirror of its own")?;
    let mirror = match (given(matches, &MIRROR), matches.on(&STAGING)) {
        (Some(mirror), _) => mirror,
        (None, true) => STAGING_MIRROR,
        (None, false) => {
            return Err(Error::Required {
                flag: MIRROR.name,
                why: "no repository is contacted that was not named; Sigstore's public one is \
                      https://tuf-repo-cdn.sigstore.dev",
            }
            .into());
        }
    };
    let root = match (given(matches, &ROOT), matches.on(&STAGING)) {
        (Some(root), _) => root,
        (None, true) => STAGING_ROOT,
        (None, false) => {
            return Err(Error::Required {
                flag: ROOT.name,
                why: "everything that the repository says is believed because of its first root, a file or a URL",
            }
            .into());
        }
    };
    let checksum = given(matches, &ROOT_CHECKSUM)
        .map(|text| {
            RootChecksum::parse(text).map_err(|error| Error::Usage {
                problem: format!("--{}: {error}", ROOT_CHECKSUM.name),
            })
        })
        .transpose()?;
    if checksum.is_none() {
        check_unpinned(context, root)?;
    }
    let request = Initialize {
        mirror,
        root,
        checksum,
    };
    let trust = context.session.uses.sigstore_trust(context.session)?;
    let loaded = trust.initialize(&request)?;
    let folder = trust.folder().map(|folder| folder.display().to_string());
    Ok(process.out(status(folder.unwrap_or_default(), mirror, &loaded.status))?)
}

/// Without a checksum, whoever answers for the first root decides what is trusted.
fn check_unpinned(context: &Context<'_>, root: &str) -> Result<(), Error> {
    let Some(url) = net::Url::parse(root)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
    else {
        return Ok(());
    };
    if url.scheme() == "http" && !net::is_loopback(&url) {
        return Err(Error::Required {
            flag: ROOT_CHECKSUM.name,
            why: "the first root comes over plain HTTP, on which anybody can change it",
        });
    }
    context.session.process.err(
        "WARNING: the first root is fetched without a checksum: whoever answers for it is trusted. Name its checksum \
         with --root-checksum.\n",
    );
    Ok(())
}

/// What cosign 2 prints, in the order of Go's maps.
fn status(folder: String, mirror: &str, status: &Status) -> String {
    let roles = status.roles.iter().map(|role| {
        let role_status = RoleJson {
            version: role.version,
            len: role.length,
            // Go's RFC 822.
            expiration: role.expires.strftime("%d %b %y %H:%M UTC").to_string(),
            error: "",
        };
        (role.file, role_status)
    });
    let json = StatusJson {
        local: &folder,
        remote: mirror,
        metadata: roles.collect(),
        targets: &status.targets,
    };
    let mut text = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b"\t"));
    json.serialize(&mut serializer)
        .expect("text and numbers can be written");
    format!("Root status: \n {}\n", String::from_utf8_lossy(&text))
}

#[derive(Serialize)]
struct StatusJson<'a> {
    local: &'a str,
    remote: &'a str,
    metadata: BTreeMap<&'static str, RoleJson>,
    targets: &'a [String],
}

#[derive(Serialize)]
struct RoleJson {
    version: u64,
    len: usize,
    expiration: String,
    error: &'static str,
}
