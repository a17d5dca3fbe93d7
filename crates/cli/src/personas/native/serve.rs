//! `serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::error::Error;
use crate::cobra::{Command, Completes, Flag, Matches};
use crate::env;
use crate::failure::Failure;
use crate::process::Process;
use crate::session::{Run, Session};

const DATA: Flag = Flag::text(
    "data",
    "",
    "Data folder, made on first start (default \"~/.countersign\")",
)
.completing(Completes::Folder);
const LISTEN: Flag = Flag::text("listen", "127.0.0.1:5443", "Address and port to listen on");
const NAME: Flag = Flag::list(
    "name",
    "Host name or address for the TLS certificate, besides localhost",
);

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
    /// Where to listen.
    pub listen: SocketAddr,
    /// Host names for the certificate, besides those of loopback.
    pub names: Vec<String>,
}

fn run(session: &Session<'_>, matches: &Matches) -> Result<(), Failure> {
    let request = resolve(session.process, matches)?;
    session.uses.serve(session, &request)
}

fn resolve(process: &Process, matches: &Matches) -> Result<ServeRequest, Error> {
    let listen = matches.text(&LISTEN);
    let data = match matches.given(&DATA) {
        Some(folder) => process.resolve(folder.as_ref()),
        None => process
            .path_var(env::HOME.name)
            .ok_or(Error::NoDataFolder)?
            .join(".countersign"),
    };
    Ok(ServeRequest {
        data,
        listen: listen.parse().map_err(|_| Error::ListenAddress {
            found: listen.to_owned(),
        })?,
        names: matches.values(&NAME).to_vec(),
    })
}
