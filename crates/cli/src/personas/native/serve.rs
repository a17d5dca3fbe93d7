//! `serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::error::Error;
use crate::cobra::{Command, Completes, Flag, Matches};
use crate::env;
use crate::failure::Failure;
use crate::process::Process;
use crate::services::DataFolder;
use crate::session::{Run, Session};

const DATA: Flag = Flag::text(
    "data",
    "",
    "Data folder, made on first start (default \"~/.countersign\")",
)
.completing(Completes::Folder);
const LISTEN: Flag = Flag::list(
    "listen",
    "Address and port to listen on (default 127.0.0.1:5443)",
);
const NAME: Flag = Flag::list(
    "name",
    "Host name or address for the TLS certificate, besides localhost",
);

/// Where to listen unless told otherwise.
const DEFAULT_ADDRESS: &str = "127.0.0.1:5443";

pub(super) const TABLE: Command<Run> = Command {
    usage: "[OPTIONS]",
    long: "Run the trust server and the registry in one process, on one https:// address",
    flags: &[DATA, LISTEN, NAME],
    run: Some(run),
    ..Command::new("serve", "Run the trust server and the registry")
};

/// What to serve, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeRequest {
    /// The data folder.
    pub data: PathBuf,
    /// Where to listen; at least one.
    pub listen: Vec<SocketAddr>,
    /// Host names for the certificate, besides those of loopback.
    pub names: Vec<String>,
}

fn run(session: &Session<'_>, matches: &Matches) -> Result<(), Failure> {
    let request = resolve(session.process, matches)?;
    session.uses.serve(session, &request)
}

fn resolve(process: &Process, matches: &Matches) -> Result<ServeRequest, Error> {
    let data = match matches.given(&DATA) {
        Some(folder) => process.resolve(folder.as_ref()),
        None => process
            .path_var(env::HOME.name)
            .ok_or(Error::NoDataFolder)?
            .join(".countersign"),
    };
    let typed = matches.values(&LISTEN);
    let typed = if typed.is_empty() {
        &[DEFAULT_ADDRESS.to_owned()]
    } else {
        typed
    };
    let listen = typed
        .iter()
        .map(|text| {
            text.parse().map_err(|_| Error::ListenAddress {
                found: text.clone(),
            })
        })
        .collect::<Result<_, _>>()?;
    let names = matches.values(&NAME).to_vec();
    // Before a data folder is made.
    if let Some(found) = names.iter().find(|name| !could_be_a_name(name)) {
        return Err(Error::ServerName {
            found: found.clone(),
        });
    }
    Ok(ServeRequest {
        data,
        listen,
        names,
    })
}

/// A host name or an address: what a certificate can hold.
fn could_be_a_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-.:*".contains(c))
}

/// What a user is told when the services listen: a line per address that programs can wait for, then what a client
/// needs.
pub fn greeting(folder: &DataFolder, addresses: &[SocketAddr], is_new: bool) -> String {
    let mut text = String::new();
    if is_new {
        text.push_str(&format!(
            "made a new data folder, with its own certificate authority and keys: {}\n",
            folder.root().display()
        ));
    }
    for address in addresses {
        text.push_str(&format!("listening on https://{address}\n"));
    }
    if let Some(address) = addresses.first() {
        let host = format!("localhost:{}", address.port());
        let authority = folder.authority_file();
        text.push_str(&format!(
            "registry and trust server: {host}\n\
             for clients: mkdir -p ~/.docker/tls/{host} && cp {} ~/.docker/tls/{host}/\n",
            authority.display()
        ));
    }
    text
}
