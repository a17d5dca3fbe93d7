//! `doctor`: whether content trust is really in force here.
//!
//! Without images and `--server` nothing is contacted; the one program that is run is docker, for its version.

pub mod facts;
mod local;
mod text;
mod verdict;

use std::path::Path;

use jiff::Timestamp;
use oci::Reference;

use self::facts::{Image, Role, Server};
use super::error::Error;
use crate::cobra::{Arity, Command, Flag, Matches};
use crate::env;
use crate::failure::Failure;
use crate::personas::docker_trust::error::{Context, Error as DockerTrustError};
use crate::personas::docker_trust::ops::Refusal;
use crate::process::Process;
use crate::session::{Run, Session};

const JSON: Flag = Flag::switch("json", "Print what was found as JSON");
const SERVER: Flag = Flag::text("server", "", "Ask this trust server whether it answers");

pub(super) const TABLE: Command<Run> = Command {
    usage: "[OPTIONS] [IMAGE...]",
    long: "Say whether content trust is really in force here: which docker runs and whether it verifies, what stands \
           in front of it, which trust server would be asked and whether it answers, which keys are held, what \
           expires within 90 days.\n\nOnly the trust servers of images named, and the one named with --server, are \
           contacted. Exits with 1 when DOCKER_CONTENT_TRUST is set and nothing would enforce it.",
    arity: Arity::AtLeast(0),
    flags: &[JSON, SERVER],
    run: Some(run),
    ..Command::new(
        "doctor",
        "Say whether content trust is really in force here",
    )
};

/// What is found by running docker and asking trust servers.
pub trait DoctorOps {
    /// What `docker version` of the program at `path` says of the client, within five seconds.
    ///
    /// # Errors
    /// A sentence: it did not run, did not end, said something else.
    fn docker_version(&mut self, path: &Path) -> Result<String, String>;

    /// Whether a trust server answers at an address.
    fn ask(&mut self, address: &str) -> Server;

    /// The roles of an image's repository, and the digest that its tag is signed with.
    ///
    /// # Errors
    /// The server does not answer with valid, current metadata.
    fn examine(&mut self, image: &Reference) -> Result<Examined, Refusal>;
}

/// An image's repository as its trust server has it, verified.
#[derive(Debug)]
pub struct Examined {
    /// The digest of the tag.
    pub digest: Option<String>,
    /// The roles, from the root down.
    pub roles: Vec<Role>,
    /// Delegated roles that do not count, each with the reason.
    pub skipped: Vec<String>,
}

fn run(session: &Session<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = session.process;
    let images: Vec<(&str, Reference)> = matches
        .args()
        .iter()
        .map(|text| match Reference::parse(text) {
            Ok(image) => Ok((text.as_str(), image)),
            Err(source) => Err(Error::Image {
                text: text.clone(),
                source,
            }),
        })
        .collect::<Result<_, _>>()?;
    let mut uses = session.uses.doctor(session).map_err(|refusal| {
        let refusal = Box::new(refusal);
        let context = Context::None;
        DockerTrustError::Refused { context, refusal }
    })?;
    let mut report = local::look(session, uses.as_mut())?;
    if let Some(address) = matches.given(&SERVER).filter(|text| !text.is_empty()) {
        report.server = Some(uses.ask(address));
    }
    for (text, image) in &images {
        let examined = examine(process, uses.as_mut(), text, image, &mut report.warnings);
        report.images.push(examined);
    }
    verdict::give(&mut report);
    if matches.on(&JSON) {
        let json = serde_json::to_string_pretty(&report).map_err(std::io::Error::from)?;
        process.out(format_args!("{json}\n"))?;
    } else {
        process.out(text::page(&report))?;
    }
    if report.content_trust.on && !report.enforced.images {
        return Err(Failure::Said);
    }
    Ok(())
}

fn examine(
    process: &Process,
    uses: &mut dyn DoctorOps,
    text: &str,
    image: &Reference,
    warnings: &mut Vec<String>,
) -> Image {
    let repository = image.repository();
    let setting = process.var(env::CONTENT_TRUST_SERVER.name);
    let server = trust::TrustServer::choose(repository, setting).ok();
    let mut found = Image {
        image: text.to_owned(),
        repository: repository.gun(),
        server: server.map(|server| server.to_string()),
        trusted: false,
        problem: None,
        digest: None,
        roles: Vec::new(),
    };
    match uses.examine(image) {
        Ok(examined) => {
            found.trusted = true;
            found.digest = examined.digest;
            if let (None, Some(tag)) = (&found.digest, image.tag()) {
                found.problem = Some(format!("{tag} is not signed"));
            }
            warnings.extend(examined.skipped);
            warnings.extend(ending(&found.repository, &examined.roles, process.now()));
            found.roles = examined.roles;
        }
        Err(refusal) => found.problem = Some(Context::None.explain(&refusal)),
    }
    found
}

/// How long before its end a role or certificate is named.
const NOTICE_DAYS: i64 = 90;

/// What ends soon. Timestamps always do: the server renews them.
fn ending(repository: &str, roles: &[Role], now: Timestamp) -> Vec<String> {
    let soon = |text: &Option<String>| {
        let at: Timestamp = text.as_deref()?.parse().ok()?;
        let days = at.duration_since(now).as_hours() / 24;
        (days < NOTICE_DAYS).then_some(days)
    };
    let mut warnings = Vec::new();
    for role in roles.iter().filter(|role| role.role != "timestamp") {
        if let Some(days) = soon(&role.expires) {
            warnings.push(format!(
                "{} of {repository} expires in {days} days: sign and publish it again before",
                role.role
            ));
        }
        for key in &role.keys {
            if let Some(days) = soon(&key.certificate_ends) {
                let id = key.id.get(..7).unwrap_or(&key.id);
                warnings.push(format!(
                    "the certificate of key {id} of {} in {repository} ends in {days} days",
                    role.role
                ));
            }
        }
    }
    warnings
}
