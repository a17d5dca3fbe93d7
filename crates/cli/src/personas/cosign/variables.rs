//! The environment variables that the persona's `env` lists.

/// One variable.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it is: a sentence whose subject is the name.
    pub meaning: &'static str,
    /// The form of its value.
    pub expects: &'static str,
    /// Not to be shown unless asked.
    pub secret: bool,
}

/// Whether the older form has docker's media types.
pub(crate) const DOCKER_MEDIA_TYPES: &str = "COSIGN_DOCKER_MEDIA_TYPES";
/// The largest attachment that is read.
pub(crate) const MAX_ATTACHMENT_SIZE: &str = "COSIGN_MAX_ATTACHMENT_SIZE";
/// The repository of everything attached.
pub(crate) const REPOSITORY: &str = "COSIGN_REPOSITORY";
/// The password of private keys.
pub(crate) const PASSWORD: &str = "COSIGN_PASSWORD";

/// All of them, by name.
pub const ALL: &[Variable] = &[
    secret(
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "is the token for the request for an identity token on GitHub",
        "string with a bearer token",
    ),
    open(
        "ACTIONS_ID_TOKEN_REQUEST_URL",
        "is where GitHub gives identity tokens to a job",
        "URL",
    ),
    secret(
        "BUILDKITE_AGENT_ACCESS_TOKEN",
        "identifies the Buildkite agent",
        "string with an access token",
    ),
    open(
        "BUILDKITE_AGENT_ENDPOINT",
        "is the Buildkite agent's API",
        "URL",
    ),
    open(
        "BUILDKITE_AGENT_LOG_LEVEL",
        "is how much the Buildkite agent says",
        "debug, notice, info, error, warn or fatal",
    ),
    open(
        "BUILDKITE_JOB_ID",
        "is the Buildkite job that the identity token is for",
        "string with a job id",
    ),
    open(
        "COSIGN_DOCKER_MEDIA_TYPES",
        "writes signatures in the old format with docker's media types, for registries without OCI's",
        "1",
    ),
    open(
        "COSIGN_EXPERIMENTAL",
        "unlocks oci-1-1 in cosign; not needed here",
        "1",
    ),
    open(
        "COSIGN_MAX_ATTACHMENT_SIZE",
        "is the largest signature, attestation or SBOM that is read; default 128MiB",
        "size, e.g. 5120, 20K, 3M, 45MiB, 1GB",
    ),
    secret(
        "COSIGN_PASSWORD",
        "is the password of private keys; set but empty is a password too",
        "string with a password",
    ),
    open(
        "COSIGN_PKCS11_IGNORE_CERTIFICATE",
        "leaves certificates in PKCS#11 tokens alone",
        "1",
    ),
    open(
        "COSIGN_PKCS11_MODULE_PATH",
        "is the library that speaks with the PKCS#11 token",
        "path",
    ),
    secret(
        "COSIGN_PKCS11_PIN",
        "is the PIN of the PKCS#11 token where the key reference has none",
        "string with a PIN",
    ),
    open(
        "COSIGN_REPOSITORY",
        "holds the signatures and attestations of all images in place of their own repositories",
        "repository",
    ),
    open("GITHUB_HOST", "is the GitHub of key references", "URL"),
    secret(
        "GITHUB_TOKEN",
        "is the login for GitHub's API",
        "string with a token",
    ),
    open("GITLAB_HOST", "is the GitLab of key references", "URL"),
    secret(
        "GITLAB_TOKEN",
        "is the login for GitLab's API",
        "string with a token",
    ),
    open(
        "GOOGLE_SERVICE_ACCOUNT_NAME",
        "is the service account to sign as on Google Cloud",
        "string with an account's name",
    ),
    open(
        "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE",
        "has the keys of certificate transparency logs, in place of the trusted root's",
        "path",
    ),
    secret(
        "SIGSTORE_ID_TOKEN",
        "is the identity token for a signing certificate",
        "string with an OIDC token",
    ),
    open(
        "SIGSTORE_REKOR_PUBLIC_KEY",
        "has the keys of transparency logs, in place of the trusted root's",
        "path",
    ),
    open(
        "SIGSTORE_ROOT_FILE",
        "has the certificate authorities of signers, in place of the trusted root's",
        "path",
    ),
    open(
        "SIGSTORE_TSA_CERTIFICATE_FILE",
        "has the certificate chain of a timestamp authority, leaf first, in place of the trusted root's",
        "path",
    ),
    open(
        "SOURCE_DATE_EPOCH",
        "is the creation time to record",
        "seconds since 1970",
    ),
    open(
        "SPIFFE_ENDPOINT_SOCKET",
        "is the socket of the SPIFFE workload API",
        "path",
    ),
    open(
        "TUF_MIRROR",
        "is where trusted roots come from, with TUF_ROOT_JSON as the first root",
        "URL",
    ),
    open(
        "TUF_ROOT",
        "is the folder of trusted roots; default ~/.sigstore/root",
        "path",
    ),
    open("TUF_ROOT_JSON", "is the first root of TUF_MIRROR", "path"),
];

const fn open(name: &'static str, meaning: &'static str, expects: &'static str) -> Variable {
    Variable {
        name,
        meaning,
        expects,
        secret: false,
    }
}

const fn secret(name: &'static str, meaning: &'static str, expects: &'static str) -> Variable {
    Variable {
        name,
        meaning,
        expects,
        secret: true,
    }
}
