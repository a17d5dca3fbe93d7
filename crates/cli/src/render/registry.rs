//! What registries refuse, in words.

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
