//! What registries refuse, in words.

use signing::PlaceError;
use signing::discover::CandidateError;

use super::printable::printable;

/// What registries say of whoever does not say who they are.
const UNAUTHORIZED: &str = "authentication required";

/// What went wrong, as the end of a sentence that begins with the image or the registry.
pub fn problem(error: &registry::Error) -> String {
    let said = |server: &Option<registry::ServerMessage>| {
        server
            .as_ref()
            .filter(|said| said.message != UNAUTHORIZED)
            .map(|said| format!(": {}", said.message))
            .unwrap_or_default()
    };
    match error {
        registry::Error::Unauthorized {
            with_credentials: true,
            server,
            ..
        } => {
            format!(
                "the stored login is not accepted{}; run docker login",
                said(server)
            )
        }
        registry::Error::Unauthorized { server, .. } => {
            format!("{UNAUTHORIZED}{}; run docker login", said(server))
        }
        registry::Error::Denied { server, .. } => format!("access denied{}", said(server)),
        registry::Error::RateLimited {
            retry_after: Some(wait),
            ..
        } => {
            format!("too many requests; try again in {} seconds", wait.as_secs())
        }
        registry::Error::ServerError { status, server, .. } => {
            format!("it answered {status}{}", said(server))
        }
        error => error.to_string(),
    }
}

/// What went wrong, and below it what can be done.
pub fn told(error: &registry::Error) -> String {
    let text = printable(&sentence(error)).into_owned();
    match advice(error) {
        Some(advice) => format!("{text}\n{advice}"),
        None => text,
    }
}

/// Why something cannot be had from a place; what the registry can be blamed for, as [`sentence`].
pub fn unplaced(error: &PlaceError) -> String {
    match error {
        PlaceError::Registry(error) => sentence(error),
        error => error.to_string(),
    }
}

/// The same, and below it what can be done.
pub fn unplaced_told(error: &PlaceError) -> String {
    match error {
        PlaceError::Registry(error) => told(error),
        error => printable(&error.to_string()).into_owned(),
    }
}

/// Why something that is attached to an image cannot be read.
pub fn unread(error: &CandidateError) -> String {
    match error {
        CandidateError::Fetch(error) => unplaced(error),
        error => error.to_string(),
    }
}

/// What went wrong and with whom, on one line.
pub fn sentence(error: &registry::Error) -> String {
    use registry::Error;
    let said = |server: &Option<registry::ServerMessage>| {
        server
            .as_ref()
            .filter(|said| said.message != UNAUTHORIZED && !said.message.is_empty())
            .map(|said| format!(": {}", said.message))
            .unwrap_or_default()
    };
    match error {
        Error::BlobMismatch(mismatch) => {
            format!("the registry sent something else than the blob asked for: {mismatch}")
        }
        Error::DigestMismatch(mismatch) => format!(
            "the registry sent something else than the manifest asked for, or than its own header says: {mismatch}"
        ),
        Error::Denied { host, server } => format!("{host}: access denied{}", said(server)),
        Error::RateLimited { host, server, .. } => {
            format!("{host}: too many requests{}", said(server))
        }
        Error::ServerError {
            host,
            status,
            server,
        } => format!("{host} answered {status}{}", said(server)),
        Error::NotFound { host, what, server } => format!("{host} has no {what}{}", said(server)),
        Error::TooLarge {
            what: registry::Oversize::Answer { limit },
        } => {
            format!("the registry's answer is longer than the {limit} bytes that are read of such")
        }
        Error::TooLarge {
            what: registry::Oversize::Request,
        } => "the registry takes nothing that large (413)".to_owned(),
        Error::Unauthorized {
            host,
            with_credentials: true,
            server,
        } => format!("{host} does not accept the login{}", said(server)),
        Error::Unauthorized { host, server, .. } => {
            format!("{host}: {UNAUTHORIZED}{}", said(server))
        }
        error => error.to_string(),
    }
}

/// What can be done about it.
pub fn advice(error: &registry::Error) -> Option<String> {
    use registry::Error;
    const BETWEEN: &str = "Nothing of it is used: the registry, or something between, changes what passes. Ask who runs it.";
    const LATER: &str = "Try again; if that does not help, ask who runs the registry.";
    Some(match error {
        Error::BlobMismatch(_) | Error::DigestMismatch(_) => BETWEEN.to_owned(),
        Error::Contended { .. } => "Run the command again when the others are done.".to_owned(),
        Error::Denied { .. } => {
            "The login may not do this: use another, or ask the owner of the repository for the right.".to_owned()
        }
        Error::Interrupted { .. } => LATER.to_owned(),
        Error::Malformed { .. } => "Check the address: is it a registry that answers there?".to_owned(),
        Error::RateLimited { retry_after, .. } => match retry_after {
            Some(wait) => format!("Try again in {} seconds.", wait.as_secs()),
            None => "Try again later.".to_owned(),
        },
        Error::ServerError { status, .. } if *status >= 500 => LATER.to_owned(),
        Error::ServerError { .. } => {
            "The registry does not do what was asked of it: check the address, or ask who runs it.".to_owned()
        }
        Error::TlsUntrusted { .. } => {
            "If its authority is your own, name it with --registry-cacert.".to_owned()
        }
        Error::TooLarge {
            what: registry::Oversize::Answer { .. },
        } => "Check the address: nothing that belongs to an image is that large.".to_owned(),
        Error::Unauthorized {
            host,
            with_credentials: true,
            ..
        } => format!(
            "Log in again with 'docker login {}', or check --registry-username and --registry-password, or \
             --registry-token.",
            printable(host)
        ),
        Error::Unauthorized { host, .. } => format!(
            "Log in with 'docker login {}', or name the login with --registry-username and --registry-password.",
            printable(host)
        ),
        Error::Unreachable { .. } => "Check the address and the network.".to_owned(),
        _ => return None,
    })
}
