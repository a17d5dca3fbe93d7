//! `notary`'s reading commands over [`trust::TrustClient`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use registry::{CredentialSource, Credentials};
use trust::{TrustClient, TrustServer};
use tuf::trusted::{TargetsTrusted, TrustedTarget};
use tuf::{Gun, Role};
use zeroize::Zeroizing;

use super::runtime::Runtime;
use super::trust::proxies;
use crate::env;
use crate::personas::notary::error::Error;
use crate::personas::notary::log;
use crate::personas::notary::ops::{NotaryOps, Target};
use crate::personas::notary::settings::Settings;
use crate::process::Process;
use crate::prompt;

/// One command's connection to one server.
pub(super) struct Client<'s> {
    process: &'s Process,
    trust: TrustClient,
    server: TrustServer,
    tls: net::Tls,
    runtime: Runtime,
}

impl<'s> Client<'s> {
    /// Reads what the settings name; contacts nobody.
    pub(super) fn new(process: &'s Process, settings: &Settings) -> Result<Self, Error> {
        let mut http = net::Config::new(concat!("countersign/", env!("CARGO_PKG_VERSION")));
        http.proxies = proxies(process);
        let folder = process.resolve(&settings.trust_dir);
        let tls_folder = folder.join("tls");
        let mut config = trust::Config::new(folder, tls_folder, http);
        config.pins = settings.pins()?;
        let runtime = Runtime::new().map_err(|source| Error::Runtime { source })?;
        Ok(Self {
            process,
            trust: TrustClient::new(config),
            server: settings.trust_server()?,
            tls: settings.tls()?,
            runtime,
        })
    }

    /// What the server has now, verified. Nobody first; a server that wants a login gets one.
    fn update(&self, gun: &Gun) -> Result<TargetsTrusted, Error> {
        let updated = match self.update_as(gun, CredentialSource::Anonymous) {
            Err(error) if error.wants_login() => match self.login() {
                Some(login) => self.update_as(gun, CredentialSource::Fixed(login)),
                None => Err(error),
            },
            updated => updated,
        };
        match &updated {
            Ok(trusted) => self.warn(trusted),
            Err(error) => {
                if let Some(cause) = error.unreachable() {
                    log::error(
                        self.process,
                        format_args!("could not reach {}: {cause}", self.server),
                    );
                }
            }
        }
        updated
    }

    fn update_as(&self, gun: &Gun, login: CredentialSource) -> Result<TargetsTrusted, Error> {
        let (server, tls) = (self.server.clone(), self.tls.clone());
        let collection = self.trust.collection(gun.clone(), server, tls, login)?;
        let updated = self
            .runtime
            .block_on(collection.update(self.process.now()))?;
        Ok(updated)
    }

    fn warn(&self, trusted: &TargetsTrusted) {
        for (role, skipped) in trusted.skipped() {
            let refusal = &skipped.refusal;
            log::error(
                self.process,
                format_args!("Error getting {role}: {refusal}"),
            );
        }
        for (role, _) in trusted.nearing_expiry(self.process.now()) {
            let what = match role {
                Role::Root | Role::Snapshot => role.to_string(),
                role => format!("{role} metadata"),
            };
            log::warning(
                self.process,
                format_args!("{what} is nearing expiry, you should re-sign the role metadata"),
            );
        }
    }

    /// `NOTARY_AUTH`, else the user at the terminal or pipe. Without either there is nobody, and it is said why.
    fn login(&self) -> Option<Credentials> {
        let problem = match self.process.var(env::NOTARY_AUTH.name) {
            Some(text) => match decode(text) {
                Ok(login) => return Some(login),
                Err(problem) => problem.to_owned(),
            },
            None => match self.ask() {
                Ok(login) => return Some(login),
                Err(problem) => problem,
            },
        };
        log::error(self.process, problem);
        None
    }

    fn ask(&self) -> Result<Credentials, String> {
        let failed = |error| match error {
            crate::input::InputError::Ended => "error processing username input: EOF".to_owned(),
            error => format!("error processing username input: {error}"),
        };
        let username = prompt::text(self.process, "Enter username: ").map_err(failed)?;
        let password = prompt::secret(self.process, "Enter password: ").map_err(failed)?;
        Ok(Credentials::Password {
            username: username.to_string(),
            password,
        })
    }
}

/// Base64 of `user:password`, with notary's words for what is wrong with it.
fn decode(text: &str) -> Result<Credentials, &'static str> {
    let plain = STANDARD
        .decode(text)
        .map(Zeroizing::new)
        .map_err(|_| "Could not base64-decode authentication string")?;
    let malformed = "Malformatted authentication string; format must be <username>:<password>";
    let plain = std::str::from_utf8(&plain).map_err(|_| malformed)?;
    match plain.split_once(':') {
        None => Err(malformed),
        Some(("", _)) => Err("Authentication string with zero-length username"),
        Some((username, password)) => Ok(Credentials::Password {
            username: username.to_owned(),
            password: Zeroizing::new(password.trim().to_owned()),
        }),
    }
}

impl NotaryOps for Client<'_> {
    fn list(&mut self, gun: &Gun, roles: &[Role]) -> Result<Vec<Target>, Error> {
        let trusted = self.update(gun)?;
        Ok(trusted.list(roles).iter().map(target).collect())
    }

    fn lookup(&mut self, gun: &Gun, name: &str) -> Result<Option<Target>, Error> {
        let trusted = self.update(gun)?;
        Ok(trusted.lookup(name, &[]).as_ref().map(target))
    }
}

fn target(signed: &TrustedTarget) -> Target {
    Target {
        name: signed.name().to_owned(),
        sha256: signed
            .sha256()
            .map(|sha256| sha256.to_string())
            .unwrap_or_default(),
        length: signed.length(),
        role: signed.role().to_string(),
    }
}
