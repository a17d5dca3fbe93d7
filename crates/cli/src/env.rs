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
    CONTENT_TRUST_SERVER,
    DOCKER_CONFIG,
    HOME,
    NO_COLOR,
    PLUGIN_ORIGINAL_COMMAND,
    PLUGIN_SOCKET,
    REPOSITORY_PASSPHRASE,
    ROOT_PASSPHRASE,
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
