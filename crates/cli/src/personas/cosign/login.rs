//! `login`.

use oci::Reference;
use registry::login_key;
use zeroize::Zeroizing;

use super::error::Error;
use super::flags::flags;
use super::ops::Kept;
use super::{Action, Context, given, keys, not_both};
use crate::cobra::{Arity, Command, Flag, Matches};
use crate::failure::Failure;
use crate::input::InputError;
use crate::process::Process;
use crate::prompt;

/// Most bytes of a password on standard input.
const LIMIT: u64 = 64 * 1024;

const PASSWORD: Flag = Flag::text(
    "password",
    "",
    "Password; other programs can see it on the command line",
)
.short('p');
const PASSWORD_STDIN: Flag =
    Flag::switch("password-stdin", "Take the password from standard input");
const USERNAME: Flag = Flag::text("username", "", "User name").short('u');

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS] SERVER",
    long: "Remember a login for a registry where docker keeps it: in the credential helper that docker's \
           configuration names for it, or in config.json. The registry is not contacted.",
    arity: Arity::Exactly(1),
    flags: flags!(&[PASSWORD, PASSWORD_STDIN, USERNAME]),
    run: Some(run),
    ..Command::new("login", "Log in to a registry")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = context.session.process;
    not_both(
        matches,
        &PASSWORD,
        &PASSWORD_STDIN,
        "one password is enough, and on the command line others can see it",
    )?;
    let server = matches.arg(0);
    let key = key(server)?;
    let username = match given(matches, &USERNAME) {
        Some(name) => Zeroizing::new(name.to_owned()),
        None if process.terminals().stdin => {
            prompt::text_on_stderr(process, "Username: ").map_err(Error::from)?
        }
        None => return Err(required(&USERNAME, "who logs in")),
    };
    if username.is_empty() {
        return Err(required(&USERNAME, "who logs in"));
    }
    if username.contains(':') {
        return Err(Error::Usage {
            problem: "a user name has no colon".to_owned(),
        }
        .into());
    }
    let password = password(process, matches)?;
    if password.is_empty() {
        return Err(required(&PASSWORD_STDIN, "the password is empty"));
    }
    let mut ops = keys::services(context)?;
    match ops.keep_login(&key, &username, &password)? {
        Kept::ByHelper { config } => {
            process.err(format_args!("logged in via {}\n", config.display()));
        }
        Kept::InFile { config } => process.err(format_args!(
            "WARNING: The password is stored unencrypted in {}; a credential helper of docker's keeps it safer.\n\
             logged in via {}\n",
            config.display(),
            config.display()
        )),
    }
    Ok(())
}

fn required(flag: &'static Flag, why: &'static str) -> Failure {
    Error::Required {
        flag: flag.name,
        why,
    }
    .into()
}

/// Under which key docker keeps the logins of the registry that `server` names.
fn key(server: &str) -> Result<String, Error> {
    let any: Reference = format!("{server}/a/b")
        .parse()
        .map_err(|_| no_host(server))?;
    let repository = any.repository();
    let whole = repository.path().as_str() == "a/b" && !server.contains('/');
    if !whole || !(repository.is_hub() || repository.host() == server) {
        return Err(no_host(server));
    }
    Ok(login_key(repository).to_owned())
}

fn no_host(server: &str) -> Error {
    Error::Usage {
        problem: format!(
            "registries must be valid RFC 3986 URI authorities: {server}\nWrite the host as it stands before the names \
             of its images, with its port if there is one: registry.example.com:5000."
        ),
    }
}

fn password(process: &Process, matches: &Matches) -> Result<Zeroizing<String>, Error> {
    if let Some(password) = given(matches, &PASSWORD) {
        return Ok(Zeroizing::new(password.to_owned()));
    }
    if matches.on(&PASSWORD_STDIN) {
        let bytes = process.input().rest(LIMIT).map(Zeroizing::new);
        let bytes = bytes.map_err(InputError::Stream)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| InputError::NotText)?;
        // `echo` and `cat` of a file end with a line.
        return Ok(Zeroizing::new(
            text.trim_end_matches(['\r', '\n']).to_owned(),
        ));
    }
    if process.terminals().stdin {
        return Ok(prompt::secret_on_stderr(process, "Password: ")?);
    }
    Err(Error::Required {
        flag: PASSWORD_STDIN.name,
        why: "without a terminal nobody can be asked for the password",
    })
}
