//! Every environment variable the program reads, with what it means.

/// One variable.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub meaning: &'static str,
    /// Never to be shown.
    pub secret: bool,
}

/// Whether content trust is on.
pub const CONTENT_TRUST: Variable = open(
    "DOCKER_CONTENT_TRUST",
    "Turns content trust on for docker push, pull, build, create and run: anything but empty, 0, f, F, FALSE, false, \
     False",
);
/// The docker to run when this program stands in front of it.
pub const REAL_DOCKER: Variable = open(
    "COUNTERSIGN_DOCKER",
    "Path of the real docker behind the shim; default the next docker on PATH",
);
/// Which shims a command came through, so that two of them cannot call each other for ever.
pub const SHIMS: Variable = open(
    "COUNTERSIGN_SHIMS",
    "Set by the shim for the docker that it runs: which files are shims",
);
/// The engine.
pub const DOCKER_HOST: Variable = open(
    "DOCKER_HOST",
    "Address of the Docker engine: unix:///path or tcp://host:port",
);
/// The engine, by name.
pub const DOCKER_CONTEXT: Variable = open(
    "DOCKER_CONTEXT",
    "Docker context whose engine to use; DOCKER_HOST goes before it",
);
/// The version spoken with the engine.
pub const DOCKER_API_VERSION: Variable =
    open("DOCKER_API_VERSION", "Version of the Engine API to speak");
/// TLS with the engine.
pub const DOCKER_TLS: Variable = open(
    "DOCKER_TLS",
    "Set to anything: speak TLS with the engine without verifying it",
);
/// TLS with the engine.
pub const DOCKER_TLS_VERIFY: Variable = open(
    "DOCKER_TLS_VERIFY",
    "Set to anything: speak TLS with the engine and verify it",
);
/// Files for TLS with the engine.
pub const DOCKER_CERT_PATH: Variable = open(
    "DOCKER_CERT_PATH",
    "Folder of ca.pem, cert.pem and key.pem for TLS with the engine",
);
/// Which builder docker takes.
pub const DOCKER_BUILDKIT: Variable = open(
    "DOCKER_BUILDKIT",
    "0: docker build uses the older builder; its reading of the Dockerfile is then checked too",
);
/// The platform of images.
pub const DOCKER_DEFAULT_PLATFORM: Variable = open(
    "DOCKER_DEFAULT_PLATFORM",
    "Platform of images where --platform is not given: os/arch[/variant]",
);
/// Which of buildx's builders builds.
pub const BUILDX_BUILDER: Variable = open(
    "BUILDX_BUILDER",
    "Builder of docker buildx; where one is named, bases that depend on its platform cannot be told",
);
/// Where `config.json`, `trust/`, `tls/` and `cli-plugins/` are.
pub const DOCKER_CONFIG: Variable = open(
    "DOCKER_CONFIG",
    "Folder of config.json, trust/, tls/ and cli-plugins/; default ~/.docker",
);
/// Logins that go before those of `config.json`.
pub const AUTH_CONFIG: Variable = secret(
    "DOCKER_AUTH_CONFIG",
    "Logins as JSON, used before those of config.json: {\"auths\":{\"host\":{\"auth\":\"base64 of user:password\"}}}",
);
/// The trust server.
pub const CONTENT_TRUST_SERVER: Variable = open(
    "DOCKER_CONTENT_TRUST_SERVER",
    "https:// address of the trust server for every registry; default https://<registry host>",
);
/// Passphrase of root keys.
pub const ROOT_PASSPHRASE: Variable = secret(
    "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE",
    "Passphrase of root keys; no prompt when set",
);
/// Passphrase of all other keys.
pub const REPOSITORY_PASSPHRASE: Variable = secret(
    "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE",
    "Passphrase of repository and signer keys and of encrypted key files; no prompt when set",
);
/// The login of notary's commands.
pub const NOTARY_AUTH: Variable = secret(
    "NOTARY_AUTH",
    "Login of notary's commands for the trust server: base64 of user:password",
);
/// The policy of `verify` and `sign`.
pub const POLICY: Variable = open(
    "COUNTERSIGN_POLICY",
    "Policy file of verify and sign; default countersign.toml in the working folder",
);
/// Set by docker when it runs us as a plugin.
pub const PLUGIN_ORIGINAL_COMMAND: Variable = open(
    "DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND",
    "Set by docker when it runs this program as its plugin",
);
/// Set by docker when it runs us as a plugin.
pub const PLUGIN_SOCKET: Variable = open(
    "DOCKER_CLI_PLUGIN_SOCKET",
    "Set by docker: a socket whose end means that the plugin is to stop",
);
/// No colours, as <https://no-color.org> has it.
pub const NO_COLOR: Variable = open("NO_COLOR", "Set to anything: no colours");
/// The home folder.
pub const HOME: Variable = open("HOME", "Home folder");

/// All of them, for the reference page.
pub const ALL: &[Variable] = &[
    AUTH_CONFIG,
    BUILDX_BUILDER,
    CONTENT_TRUST,
    CONTENT_TRUST_SERVER,
    DOCKER_API_VERSION,
    DOCKER_BUILDKIT,
    DOCKER_CERT_PATH,
    DOCKER_CONFIG,
    DOCKER_CONTEXT,
    DOCKER_DEFAULT_PLATFORM,
    DOCKER_HOST,
    DOCKER_TLS,
    DOCKER_TLS_VERIFY,
    HOME,
    NO_COLOR,
    NOTARY_AUTH,
    PLUGIN_ORIGINAL_COMMAND,
    PLUGIN_SOCKET,
    POLICY,
    REAL_DOCKER,
    REPOSITORY_PASSPHRASE,
    ROOT_PASSPHRASE,
    SHIMS,
];

const fn open(name: &'static str, meaning: &'static str) -> Variable {
    Variable {
        name,
        meaning,
        secret: false,
    }
}

const fn secret(name: &'static str, meaning: &'static str) -> Variable {
    Variable {
        name,
        meaning,
        secret: true,
    }
}
