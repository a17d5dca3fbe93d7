//! What services refuse, in words.

use keyless::Error as KeylessError;
use kms::{Pkcs11Error, ServiceError, Setting};

use crate::render::printable::printable;

/// An identity token, a certificate authority, a log or a timestamp authority.
pub(crate) fn keyless(error: &KeylessError) -> String {
    let mut text = printable(&error.to_string()).into_owned();
    if let KeylessError::Refused {
        message: Some(message),
        ..
    } = error
    {
        text.push_str(": ");
        text.push_str(&printable(message));
    }
    text
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
