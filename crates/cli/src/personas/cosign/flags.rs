//! Flags that several commands share: those of cosign 2.5 and 3.1 together.
//!
//! Every command's list is [`flags!`] of its own flags and of groups here; the global flags come with it.

use crate::cobra::{Completes, Flag};

/// A command's flags: the groups named, and the global ones.
macro_rules! flags {
    ($($group:expr),* $(,)?) => {{
        const GROUPS: &[&[$crate::cobra::Flag]] =
            &[$($group,)* $crate::personas::cosign::flags::GLOBAL];
        const ALL: [$crate::cobra::Flag; $crate::cobra::count_flags(GROUPS)] =
            $crate::cobra::join_flags(GROUPS);
        &ALL
    }};
}
pub(crate) use flags;

/// A flag that names a file.
pub(super) const fn file(name: &'static str, help: &'static str) -> Flag {
    Flag::text(name, "", help).completing(Completes::File)
}

pub(crate) const OUTPUT_FILE: Flag = file("output-file", "Write standard output to this file");
pub(crate) const TIMEOUT: Flag =
    Flag::text("timeout", "3m0s", "How long the command may take").short('t');
pub(crate) const VERBOSE: Flag =
    Flag::switch("verbose", "Say on standard error what is being done").short('d');

/// Flags that every command takes.
pub(crate) const GLOBAL: &[Flag] = &[OUTPUT_FILE, TIMEOUT, VERBOSE];

pub(crate) const YES: Flag = Flag::switch("yes", "Answer questions with yes").short('y');

// Registries.

pub(crate) const ALLOW_HTTP: Flag = Flag::switch(
    "allow-http-registry",
    "Speak plain HTTP with a registry that has no HTTPS",
);
pub(crate) const ALLOW_INSECURE: Flag = Flag::switch(
    "allow-insecure-registry",
    "Speak with registries without TLS, or with TLS of an unknown issuer",
);
pub(crate) const ATTACHMENT_TAG_PREFIX: Flag = Flag::text(
    "attachment-tag-prefix",
    "",
    "Put this before the tags of signatures, attestations and SBOMs: [AttachmentTagPrefix]sha256-[digest].[kind]",
);
pub(crate) const K8S_KEYCHAIN: Flag = Flag::switch(
    "k8s-keychain",
    "Taken for cosign's sake; logins come from docker's configuration and its credential helpers",
);
pub(crate) const REGISTRY_CACERT: Flag =
    file("registry-cacert", "Authority of the registry's certificate");
pub(crate) const REGISTRY_CLIENT_CERT: Flag = file(
    "registry-client-cert",
    "Client certificate for the registry",
);
pub(crate) const REGISTRY_CLIENT_KEY: Flag =
    file("registry-client-key", "Key of the client certificate");
pub(crate) const REGISTRY_PASSWORD: Flag =
    Flag::text("registry-password", "", "Password for the registry");
pub(crate) const REGISTRY_SERVER_NAME: Flag = Flag::text(
    "registry-server-name",
    "",
    "Name in the registry's certificate where it is not its host name",
);
pub(crate) const REGISTRY_TOKEN: Flag =
    Flag::text("registry-token", "", "Bearer token for the registry");
pub(crate) const REGISTRY_USERNAME: Flag =
    Flag::text("registry-username", "", "User name for the registry");

/// Flags of every command that contacts a registry.
pub(crate) const REGISTRY: &[Flag] = &[
    ALLOW_HTTP,
    ALLOW_INSECURE,
    ATTACHMENT_TAG_PREFIX,
    K8S_KEYCHAIN,
    REGISTRY_CACERT,
    REGISTRY_CLIENT_CERT,
    REGISTRY_CLIENT_KEY,
    REGISTRY_PASSWORD,
    REGISTRY_SERVER_NAME,
    REGISTRY_TOKEN,
    REGISTRY_USERNAME,
];

pub(crate) const REFERRERS_MODE: Flag = Flag::text(
    "registry-referrers-mode",
    "",
    "Where to write: legacy (a tag) or oci-1-1 (a referrer of the image)",
)
.completing(Completes::Words(&["legacy", "oci-1-1"]));

/// Our own: what is written.
pub(crate) const FORMAT: Flag = Flag::text(
    "format",
    "",
    "What to write: legacy (cosign 2, read by everybody), bundle (cosign 3) or both",
)
.completing(Completes::Words(&["legacy", "bundle", "both"]));
pub(crate) const NEW_BUNDLE_FORMAT: Flag = Flag::switch(
    "new-bundle-format",
    "The same as --format bundle; =false as --format legacy",
);

// Keys.

pub(crate) const KEY: Flag = Flag::text(
    "key",
    "",
    "Key: a file, env://VARIABLE, or the reference of a key service",
)
.completing(Completes::File);
pub(crate) const SECURITY_KEY: Flag =
    Flag::switch("sk", "Use a PIV security key; name it by pkcs11: in --key").hidden();
pub(crate) const SLOT: Flag = Flag::text("slot", "", "Slot of the security key").hidden();
pub(crate) const CERTIFICATE: Flag = file("certificate", "Certificate of the key, in PEM");
pub(crate) const CERTIFICATE_CHAIN: Flag = file(
    "certificate-chain",
    "Certificates from the issuer of --certificate to the root, in PEM",
);

// Signing.

pub(crate) const IDENTITY_TOKEN: Flag = Flag::text(
    "identity-token",
    "",
    "Identity token for the certificate, or a file that holds it",
)
.completing(Completes::File);
pub(crate) const FULCIO_AUTH_FLOW: Flag = Flag::text(
    "fulcio-auth-flow",
    "",
    "How to log in: normal, device, token or client_credentials",
)
.completing(Completes::Words(&[
    "normal",
    "device",
    "token",
    "client_credentials",
]));
pub(crate) const FULCIO_URL: Flag = Flag::text(
    "fulcio-url",
    "",
    "Certificate authority to ask for a certificate; with --key alone nobody is asked for one",
);
pub(crate) const INSECURE_SKIP_VERIFY: Flag = Flag::switch(
    "insecure-skip-verify",
    "Do not check the certificate's promise of a log before signing",
)
.hidden();
pub(crate) const ISSUE_CERTIFICATE: Flag = Flag::switch(
    "issue-certificate",
    "Ask for a certificate for the key given by --key",
);
pub(crate) const OIDC_CLIENT_ID: Flag = Flag::text(
    "oidc-client-id",
    "sigstore",
    "Client id at the identity provider",
);
pub(crate) const OIDC_CLIENT_SECRET_FILE: Flag = file(
    "oidc-client-secret-file",
    "File of the client's secret at the identity provider",
);
pub(crate) const OIDC_DISABLE_AMBIENT: Flag = Flag::switch(
    "oidc-disable-ambient-providers",
    "Take no token that the CI system offers",
);
pub(crate) const OIDC_ISSUER: Flag =
    Flag::text("oidc-issuer", "", "Identity provider to log in at");
pub(crate) const OIDC_PROVIDER: Flag = Flag::text(
    "oidc-provider",
    "",
    "Take the token of this CI system: github-actions, envvar, filesystem, buildkite-agent, google or spiffe",
);
pub(crate) const OIDC_REDIRECT_URL: Flag = Flag::text(
    "oidc-redirect-url",
    "",
    "Where the browser leads back to after the login",
);
pub(crate) const REKOR_URL: Flag = Flag::text("rekor-url", "", "Transparency log");
pub(crate) const SIGNING_ALGORITHMS: &[&str] = &[
    "ecdsa-sha2-256-nistp256",
    "ecdsa-sha2-384-nistp384",
    "ecdsa-sha2-512-nistp521",
    "rsa-sign-pkcs1-2048-sha256",
    "rsa-sign-pkcs1-3072-sha256",
    "rsa-sign-pkcs1-4096-sha256",
];
pub(crate) const SIGNING_ALGORITHM: Flag = Flag::text(
    "signing-algorithm",
    "",
    "Kind of the key that is made for one signing: ecdsa-sha2-256-nistp256 unless given",
)
.completing(Completes::Words(SIGNING_ALGORITHMS));
pub(crate) const SIGNING_CONFIG: Flag = file(
    "signing-config",
    "Signing configuration: which services to use",
);
pub(crate) const TIMESTAMP_CLIENT_CACERT: Flag = file(
    "timestamp-client-cacert",
    "Authority of the timestamp server's certificate",
);
pub(crate) const TIMESTAMP_CLIENT_CERT: Flag = file(
    "timestamp-client-cert",
    "Client certificate for the timestamp server",
);
pub(crate) const TIMESTAMP_CLIENT_KEY: Flag =
    file("timestamp-client-key", "Key of the client certificate");
pub(crate) const TIMESTAMP_SERVER_NAME: Flag = Flag::text(
    "timestamp-server-name",
    "",
    "Name in the timestamp server's certificate where it is not its host name",
);
pub(crate) const TIMESTAMP_SERVER_URL: Flag = Flag::text(
    "timestamp-server-url",
    "",
    "Timestamp server, with the path of its API",
);
pub(crate) const TLOG_UPLOAD: Flag = Flag::switch(
    "tlog-upload",
    "Record the signature in the transparency log that is named",
)
.on_by_default();
pub(crate) const TRUSTED_ROOT: Flag = file(
    "trusted-root",
    "Trusted root: keys and certificates of authorities and logs",
);
pub(crate) const USE_SIGNING_CONFIG: Flag = Flag::switch(
    "use-signing-config",
    "Take the services of the initialised root's signing configuration",
);

/// Flags of every command that signs: key or identity, and services.
pub(crate) const SIGNING: &[Flag] = &[
    CERTIFICATE,
    CERTIFICATE_CHAIN,
    FULCIO_AUTH_FLOW,
    FULCIO_URL,
    IDENTITY_TOKEN,
    INSECURE_SKIP_VERIFY,
    ISSUE_CERTIFICATE,
    KEY,
    NEW_BUNDLE_FORMAT,
    OIDC_CLIENT_ID,
    OIDC_CLIENT_SECRET_FILE,
    OIDC_DISABLE_AMBIENT,
    OIDC_ISSUER,
    OIDC_PROVIDER,
    OIDC_REDIRECT_URL,
    REKOR_URL,
    SECURITY_KEY,
    SIGNING_ALGORITHM,
    SIGNING_CONFIG,
    SLOT,
    TIMESTAMP_CLIENT_CACERT,
    TIMESTAMP_CLIENT_CERT,
    TIMESTAMP_CLIENT_KEY,
    TIMESTAMP_SERVER_NAME,
    TIMESTAMP_SERVER_URL,
    TLOG_UPLOAD,
    TRUSTED_ROOT,
    USE_SIGNING_CONFIG,
    YES,
];

// Verification.

pub(crate) const CA_INTERMEDIATES: Flag = file(
    "ca-intermediates",
    "Intermediate certificates of the authorities, in PEM",
);
pub(crate) const CA_ROOTS: Flag = file("ca-roots", "Roots of the authorities, in PEM");
pub(crate) const WORKFLOW_NAME: Flag = Flag::text(
    "certificate-github-workflow-name",
    "",
    "Name of the GitHub workflow",
);
pub(crate) const WORKFLOW_REF: Flag = Flag::text(
    "certificate-github-workflow-ref",
    "",
    "Git reference that the GitHub workflow ran for",
);
pub(crate) const WORKFLOW_REPOSITORY: Flag = Flag::text(
    "certificate-github-workflow-repository",
    "",
    "Repository of the GitHub workflow",
);
pub(crate) const WORKFLOW_SHA: Flag = Flag::text(
    "certificate-github-workflow-sha",
    "",
    "Commit that the GitHub workflow ran for",
);
pub(crate) const WORKFLOW_TRIGGER: Flag = Flag::text(
    "certificate-github-workflow-trigger",
    "",
    "Event that the GitHub workflow ran for",
);
pub(crate) const IDENTITY: Flag = Flag::text(
    "certificate-identity",
    "",
    "Whom the certificate must name: an address or a URI",
);
pub(crate) const IDENTITY_REGEXP: Flag = Flag::text(
    "certificate-identity-regexp",
    "",
    "Regular expression for --certificate-identity; it matches anywhere unless anchored",
);
pub(crate) const ISSUER: Flag = Flag::text(
    "certificate-oidc-issuer",
    "",
    "Which identity provider must have vouched for the signer",
);
pub(crate) const ISSUER_REGEXP: Flag = Flag::text(
    "certificate-oidc-issuer-regexp",
    "",
    "Regular expression for --certificate-oidc-issuer",
);
pub(crate) const EXPERIMENTAL_OCI11: Flag = Flag::switch(
    "experimental-oci11",
    "Taken for cosign's sake; referrers are always looked at",
);
pub(crate) const IGNORE_SCT: Flag = Flag::switch(
    "insecure-ignore-sct",
    "Do not ask for the promise of a certificate log",
);
pub(crate) const IGNORE_TLOG: Flag = Flag::switch(
    "insecure-ignore-tlog",
    "Do not ask for an entry in a transparency log",
);
pub(crate) const MAX_WORKERS: Flag = Flag::text(
    "max-workers",
    "10",
    "How many signatures and images to handle at once; of a file there is one",
);
const NEW_BUNDLE_FORMAT_IS_READ: Flag = Flag::switch(
    NEW_BUNDLE_FORMAT.name,
    "Taken for cosign's sake; both formats are always looked at",
);
pub(crate) const OFFLINE: Flag = Flag::switch("offline", "Contact nothing but the registry");
pub(crate) const PRIVATE_INFRASTRUCTURE: Flag = Flag::switch(
    "private-infrastructure",
    "The same as --insecure-ignore-tlog",
)
.hidden();
pub(crate) const SCT: Flag = file(
    "sct",
    "Promise of a certificate log that the certificate lacks",
);
pub(crate) const SIGNATURE_DIGEST_ALGORITHM: Flag = Flag::text(
    "signature-digest-algorithm",
    "",
    "Taken for cosign's sake; the digest follows from the key",
);
pub(crate) const TIMESTAMP_CHAIN: Flag = file(
    "timestamp-certificate-chain",
    "Certificates of the timestamp authority, leaf first, in PEM",
);
pub(crate) const USE_SIGNED_TIMESTAMPS: Flag =
    Flag::switch("use-signed-timestamps", "Ask for a signed timestamp");

/// Flags of every command that verifies: whom and what to trust.
pub(crate) const VERIFICATION: &[Flag] = &[
    CA_INTERMEDIATES,
    CA_ROOTS,
    CERTIFICATE,
    CERTIFICATE_CHAIN,
    WORKFLOW_NAME,
    WORKFLOW_REF,
    WORKFLOW_REPOSITORY,
    WORKFLOW_SHA,
    WORKFLOW_TRIGGER,
    IDENTITY,
    IDENTITY_REGEXP,
    ISSUER,
    ISSUER_REGEXP,
    EXPERIMENTAL_OCI11,
    IGNORE_SCT,
    IGNORE_TLOG,
    KEY,
    MAX_WORKERS,
    NEW_BUNDLE_FORMAT_IS_READ,
    OFFLINE,
    PRIVATE_INFRASTRUCTURE,
    REKOR_URL,
    SCT,
    SECURITY_KEY,
    SIGNATURE_DIGEST_ALGORITHM,
    SLOT,
    TIMESTAMP_CHAIN,
    TRUSTED_ROOT,
    USE_SIGNED_TIMESTAMPS,
];

/// Names and values that a signature carries or must carry.
pub(crate) const ANNOTATIONS: Flag = Flag::list(
    "annotations",
    "Name and value, as name=value; may be given several times",
)
.short('a');
