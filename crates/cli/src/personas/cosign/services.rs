//! What services refuse, in words.

use std::time::Duration;

use keyless::token::TokenError;
use keyless::{Error as KeylessError, Fault, Service};
use kms::{Pkcs11Error, ServiceError, Setting};

use crate::render::printable::printable;

/// An identity token, a certificate authority, a log or a timestamp authority.
pub(crate) fn keyless(error: &KeylessError) -> String {
    let mut text = printable(&error.to_string()).into_owned();
    match error {
        KeylessError::Refused {
            service,
            status,
            message,
            retry_after,
            ..
        } => {
            if let Some(message) = message {
                text.push_str(": ");
                text.push_str(&printable(message));
            }
            text.push('\n');
            text.push_str(&refused(*service, *status, *retry_after));
        }
        KeylessError::Network { service, .. } | KeylessError::Address { service, .. } => {
            text.push_str(&format!(
                "\nIts address comes from {}. Look whether it is right, and reachable from here (also by HTTPS_PROXY and \
                 NO_PROXY).",
                source(*service)
            ));
        }
        KeylessError::Token(error)
        | KeylessError::Answer {
            fault: Fault::Token(error),
            ..
        } => {
            if let Some(advice) = token(error) {
                text.push('\n');
                text.push_str(advice);
            }
        }
        KeylessError::Answer { service, .. } => text.push_str(&format!(
            "\nIts address comes from {}. Look whether it is that of a {service}.",
            source(*service)
        )),
        _ => {}
    }
    text
}

/// What to do when a service said no.
fn refused(service: Service, status: u16, retry_after: Option<Duration>) -> String {
    match (service, status) {
        (_, 429) => match retry_after {
            Some(wait) => format!("Try again in {} s.", wait.as_secs()),
            None => "It is asked too often. Try again later.".to_owned(),
        },
        (_, 500..) => format!("It has a fault of its own. Try again later, or name another by {}.", source(service)),
        (Service::CertificateAuthority, 400 | 401 | 403) => {
            "It does not accept the identity token: look whether it knows the token's issuer, and whether the token's \
             audience is the one that it expects (--oidc-client-id)."
                .to_owned()
        }
        (Service::TokenProvider, 400 | 401 | 403) => {
            "This job may not have a token: on GitHub give it 'permissions: id-token: write', elsewhere look at the \
             job's credentials."
                .to_owned()
        }
        (Service::IdentityProvider, 400 | 401 | 403) => {
            "Look whether it knows this client: --oidc-client-id and --oidc-client-secret-file.".to_owned()
        }
        _ => format!(
            "Its address comes from {}. Look whether it is that of a {service}.",
            source(service)
        ),
    }
}

/// Where the address of a service comes from.
fn source(service: Service) -> &'static str {
    match service {
        Service::CertificateAuthority => "--fulcio-url or the signing configuration",
        Service::IdentityProvider => "--oidc-issuer or the signing configuration",
        Service::TokenProvider => "the variables of the CI system",
        Service::TimestampAuthority => "--timestamp-server-url or the signing configuration",
        Service::TransparencyLog => "--rekor-url or the signing configuration",
    }
}

/// What to do about a token that cannot be used.
fn token(error: &TokenError) -> Option<&'static str> {
    Some(match error {
        TokenError::Audience { .. } => {
            "Ask for a token with that audience (GitLab: 'aud: sigstore' below id_tokens), or name the one that the \
             authority expects by --oidc-client-id."
        }
        TokenError::EmailNotVerified { .. } => "Confirm the address at the identity provider.",
        TokenError::Expired { .. } => {
            "Tokens of CI jobs live for minutes: sign early in the job, or ask for a new token. If it is new, the clock of \
             this machine is wrong."
        }
        TokenError::NotYetValid { .. } => "Look at the clock of this machine.",
        TokenError::File { .. } => {
            "--identity-token takes the token itself, or the name of a file with the token."
        }
        TokenError::Malformed { .. } => {
            "A token is three parts of base64 with dots between them, as the identity provider gives it."
        }
        TokenError::NotHere { .. } => {
            "Leave --oidc-provider away to take whatever the CI system offers, or give the token by --identity-token."
        }
        TokenError::Unsupported { .. } | TokenError::UnsupportedCredentials { .. } => {
            "Have the token written to a file, and name that by --identity-token."
        }
        _ => return None,
    })
}

/// A service that keeps keys.
pub(crate) fn key_service(error: &ServiceError) -> String {
    match error {
        ServiceError::Missing { setting } => {
            let (what, variables) = setting_words(*setting);
            format!("{what} is not known\nSet {variables}.")
        }
        ServiceError::Unusable { setting } => {
            let (what, variables) = setting_words(*setting);
            format!("{what} cannot be used\nLook at {variables}.")
        }
        ServiceError::Pkcs11(Pkcs11Error::PinNeeded { .. }) => format!(
            "{error}\nSet COSIGN_PKCS11_PIN, or give pin-source=file:/path or pin-value in the key reference."
        ),
        ServiceError::UnsupportedStore { .. } => format!(
            "{error}\nPut the key into a variable of the job, and name it by --key env://VARIABLE."
        ),
        error => printable(&error.to_string()).into_owned(),
    }
}

/// What it is, and where it comes from.
fn setting_words(setting: Setting) -> (&'static str, &'static str) {
    match setting {
        Setting::AwsCredentials => (
            "the login for AWS",
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN)",
        ),
        Setting::AwsEndpoint => (
            "the address of AWS KMS",
            "the key reference, AWS_ENDPOINT_URL_KMS or AWS_ENDPOINT_URL",
        ),
        Setting::AwsRegion => ("the AWS region", "AWS_REGION"),
        Setting::AzureAuthority => (
            "the address that gives Azure's tokens",
            "AZURE_AUTHORITY_HOST",
        ),
        Setting::AzureCredentials => (
            "the login for Azure",
            "AZURE_TENANT_ID, AZURE_CLIENT_ID, and AZURE_CLIENT_SECRET or AZURE_FEDERATED_TOKEN_FILE",
        ),
        Setting::AzureVault => ("the key vault", "the key reference azurekms://VAULT/KEY"),
        Setting::GitLabAddress => ("the address of GitLab", "GITLAB_HOST"),
        Setting::GitLabToken => (
            "the login for GitLab",
            "GITLAB_TOKEN, an access token that may read and write CI/CD variables (scope api)",
        ),
        Setting::GoogleCredentials => (
            "the login for Google Cloud",
            "GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_OAUTH_ACCESS_TOKEN",
        ),
        Setting::GoogleEndpoint => ("the address of Google Cloud KMS", "the key reference"),
        Setting::Pkcs11Module => (
            "the library of the PKCS#11 token",
            "module-path=/absolute/path in the key reference, or COSIGN_PKCS11_MODULE_PATH",
        ),
        Setting::VaultAddress => ("the address of Vault", "VAULT_ADDR or BAO_ADDR"),
        Setting::VaultEnginePath => (
            "the mount of Vault's transit engine",
            "TRANSIT_SECRET_ENGINE_PATH",
        ),
        Setting::VaultNamespace => ("the namespace in Vault", "VAULT_NAMESPACE or BAO_NAMESPACE"),
        Setting::VaultToken => (
            "the login for Vault",
            "VAULT_TOKEN or BAO_TOKEN, or log in with 'vault login'",
        ),
    }
}
