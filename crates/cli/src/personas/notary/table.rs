//! The commands and flags of notary 0.7.0, to the byte of its help.

use super::{Action, completion, help, keys, read, version};
use crate::cobra::{Arity, Command, Completes, Flag, Root};

/// `notary …`.
pub(crate) static ROOT: Root<Action> = Root {
    program: "notary",
    path: "notary",
    command: &TABLE,
};

/// `countersign notary …`.
pub(crate) static NATIVE_ROOT: Root<Action> = Root {
    program: "notary",
    path: "countersign notary",
    command: &TABLE,
};

pub(super) const CONFIG_FILE: Flag =
    Flag::text("configFile", "", "Path to the configuration file to use")
        .short('c')
        .completing(Completes::File);
pub(super) const DEBUG: Flag = Flag::switch("debug", "Debug output").short('D');
pub(super) const SERVER: Flag = Flag::text("server", "", "Remote trust server location").short('s');
pub(super) const TLS_CA: Flag =
    Flag::text("tlscacert", "", "Trust certs signed only by this CA").completing(Completes::File);
pub(super) const TLS_CERT: Flag =
    Flag::text("tlscert", "", "Path to TLS certificate file").completing(Completes::File);
pub(super) const TLS_KEY: Flag =
    Flag::text("tlskey", "", "Path to TLS key file").completing(Completes::File);
pub(super) const TRUST_DIR: Flag = Flag::text(
    "trustDir",
    "",
    "Directory where the trust data is persisted to",
)
.short('d')
.completing(Completes::Folder);
const VERBOSE: Flag = Flag::switch("verbose", "Verbose output").short('v');
pub(super) const VERSION: Flag = Flag::switch("version", "Print the version number of notary");

/// Flags that every command takes.
pub(super) static GLOBALS: [Flag; 8] = [
    CONFIG_FILE,
    DEBUG,
    SERVER,
    TLS_CA,
    TLS_CERT,
    TLS_KEY,
    TRUST_DIR,
    VERBOSE,
];

/// A command's own flags and the global ones.
macro_rules! flags {
    ($($own:expr),* $(,)?) => {
        &[$($own,)* CONFIG_FILE, DEBUG, SERVER, TLS_CA, TLS_CERT, TLS_KEY, TRUST_DIR, VERBOSE]
    };
}

pub(super) const LIST_ROLES: Flag = Flag::list(
    "roles",
    "Delegation roles to list targets for (will shadow targets role)",
)
.short('r');
const PUBLISH: Flag = Flag::switch(
    "publish",
    "Automatically attempt to publish after staging the change. Will also publish existing staged changes.",
)
.short('p');
const CUSTOM: Flag = Flag::text(
    "custom",
    "",
    "Path to the file containing custom data for this target",
)
.completing(Completes::File);
const ADD_ROLES: Flag = Flag::list("roles", "Delegation roles to add this target to").short('r');
const NO_DESCRIPTIONS: Flag = Flag::switch("no-descriptions", "disable completion descriptions");

/// A command without sub-commands, which checks its arguments itself.
const fn leaf(
    name: &'static str,
    usage: &'static str,
    short: &'static str,
    long: &'static str,
    flags: &'static [Flag],
    action: Action,
) -> Command<Action> {
    Command {
        usage,
        long,
        flags,
        arity: Arity::AtLeast(0),
        run: Some(action),
        ..Command::new(name, short)
    }
}

/// A command of notary that this version does not have.
const fn missing(what: &'static str, instead: &'static str) -> Action {
    Action::Missing { what, instead }
}

static TABLE: Command<Action> = Command {
    long: "Notary allows the creation and management of collections of signed targets, allowing the signing and \
           validation of arbitrary content.",
    arity: Arity::AtLeast(0),
    flags: flags![VERSION],
    commands: &[
        ADD,
        ADDHASH,
        COMPLETION,
        DELEGATION,
        DELETE,
        HELP,
        INIT,
        KEY,
        LIST,
        LOOKUP,
        PUBLISH_COMMAND,
        REMOVE,
        RESET,
        STATUS,
        VERIFY,
        VERSION_COMMAND,
        WITNESS,
    ],
    run: Some(Action::Run(help::root)),
    ..Command::new(
        "notary",
        "Notary allows the creation of trusted collections.",
    )
};

const INIT: Command<Action> = leaf(
    "init",
    "[ GUN ]",
    "Initializes a local trusted collection.",
    "Initializes a local trusted collection identified by the Globally Unique Name. This is an online operation.",
    flags![
        PUBLISH,
        Flag::text(
            "rootcert",
            "",
            "Root certificate must match root key if a root key is supplied, otherwise it must match a key present \
             in keystore"
        )
        .completing(Completes::File),
        Flag::text("rootkey", "", "Root key to initialize the repository with")
            .completing(Completes::File),
    ],
    missing(
        "init",
        "'countersign trust signer add' or 'countersign trust sign' makes the repository with its first signer",
    ),
);

const ADD: Command<Action> = leaf(
    "add",
    "[ GUN ] <target> <file>",
    "Adds the file as a target to the trusted collection.",
    "Adds the file as a target to the local trusted collection identified by the Globally Unique Name. This is an \
     offline operation.  Please then use `publish` to push the changes to the remote trusted collection.",
    flags![CUSTOM, PUBLISH, ADD_ROLES],
    missing(
        "add",
        "'countersign trust sign IMAGE:TAG' signs and publishes an image",
    ),
);

const ADDHASH: Command<Action> = leaf(
    "addhash",
    "[ GUN ] <target> <byte size> <hashes>",
    "Adds the byte size and hash(es) as a target to the trusted collection.",
    "Adds the specified byte size and hash(es) as a target to the local trusted collection identified by the \
     Globally Unique Name. This is an offline operation.  Please then use `publish` to push the changes to the \
     remote trusted collection.",
    flags![
        CUSTOM,
        PUBLISH,
        ADD_ROLES,
        Flag::text("sha256", "", "hex encoded sha256 of the target to add"),
        Flag::text("sha512", "", "hex encoded sha512 of the target to add"),
    ],
    missing(
        "addhash",
        "'countersign trust sign IMAGE:TAG' signs the digest that the registry has, of an index too",
    ),
);

const REMOVE: Command<Action> = leaf(
    "remove",
    "[ GUN ] <target>",
    "Removes a target from a trusted collection.",
    "Removes a target from the local trusted collection identified by the Globally Unique Name. This is an offline \
     operation.  Please then use `publish` to push the changes to the remote trusted collection.",
    flags![
        PUBLISH,
        Flag::list("roles", "Delegation roles to remove this target from").short('r'),
    ],
    missing(
        "remove",
        "'countersign trust revoke IMAGE:TAG' removes a tag and publishes",
    ),
);

const LIST: Command<Action> = leaf(
    "list",
    "[ GUN ]",
    "Lists targets for a remote trusted collection.",
    "Lists all targets for a remote trusted collection identified by the Globally Unique Name. This is an online \
     operation.",
    flags![LIST_ROLES],
    Action::Run(read::list),
);

const LOOKUP: Command<Action> = leaf(
    "lookup",
    "[ GUN ] <target>",
    "Looks up a specific target in a remote trusted collection.",
    "Looks up a specific target in a remote trusted collection identified by the Globally Unique Name.",
    flags![],
    Action::Run(read::lookup),
);

const VERIFY: Command<Action> = leaf(
    "verify",
    "[ GUN ] <target>",
    "Verifies if the content is included in the remote trusted collection",
    "Verifies if the data passed in STDIN is included in the remote trusted collection identified by the Globally \
     Unique Name.",
    flags![
        Flag::text("input", "", "Read from a file, instead of STDIN")
            .short('i')
            .completing(Completes::File),
        Flag::text("output", "", "Write to a file, instead of STDOUT")
            .short('o')
            .completing(Completes::File),
        Flag::switch("quiet", "No output except for errors").short('q'),
    ],
    missing(
        "verify",
        "compare 'countersign notary lookup GUN NAME' with sha256sum of the file",
    ),
);

const PUBLISH_COMMAND: Command<Action> = leaf(
    "publish",
    "[ GUN ]",
    "Publishes the local trusted collection.",
    "Publishes the local trusted collection identified by the Globally Unique Name, sending the local changes to a \
     remote trusted server.",
    flags![],
    missing(
        "publish",
        "'countersign trust …' publishes by itself; what notary staged, notary 0.7.0 publishes",
    ),
);

const STATUS: Command<Action> = leaf(
    "status",
    "[ GUN ]",
    "Displays status of unpublished changes to the local trusted collection.",
    "Displays status of unpublished changes to the local trusted collection identified by the Globally Unique Name.",
    flags![],
    missing(
        "status",
        "'countersign doctor' counts the changes that notary or docker staged and did not publish",
    ),
);

const RESET: Command<Action> = leaf(
    "reset",
    "[ GUN ]",
    "Resets unpublished changes for the local trusted collection.",
    "Resets unpublished changes for the local trusted collection identified by the Globally Unique Name.",
    flags![
        Flag::switch("all", "Reset all changes shown in the status list"),
        Flag::list(
            "number",
            "Numbers of specific changes to exclusively reset, as shown in status list"
        )
        .short('n'),
    ],
    missing(
        "reset",
        "staged changes are the files in <trust folder>/tuf/<GUN>/changelist; remove them",
    ),
);

const WITNESS: Command<Action> = leaf(
    "witness",
    "[ GUN ] <role> ...",
    "Marks roles to be re-signed the next time they're published",
    "Marks roles to be re-signed the next time they're published. Currently will always bump version and expiry for \
     role. N.B. behaviour may change when thresholding is introduced.",
    flags![PUBLISH],
    missing(
        "witness",
        "'countersign trust sign IMAGE:TAG' signs the roles of that tag anew, for three more years",
    ),
);

const DELETE: Command<Action> = leaf(
    "delete",
    "[ GUN ]",
    "Deletes all content for a trusted collection",
    "Deletes all local content for a trusted collection identified by the Globally Unique Name. Remote data can also \
     be deleted with an additional flag.",
    flags![Flag::switch(
        "remote",
        "Delete remote data for GUN in addition to local cache"
    )],
    missing(
        "delete",
        "'countersign trust revoke IMAGE' removes all tags; notary 0.7.0 deletes",
    ),
);

const VERSION_COMMAND: Command<Action> = leaf(
    "version",
    "",
    "Print the version number of notary",
    "",
    flags![],
    Action::Run(version::show),
);

const HELP: Command<Action> = leaf(
    "help",
    "[command]",
    "Help about any command",
    "Help provides help for any command in the application.\nSimply type notary help [path to command] for full \
     details.",
    flags![],
    Action::Run(help::topic),
);

const COMPLETION: Command<Action> = Command {
    long: "Generate the autocompletion script for notary for the specified shell.\nSee each sub-command's help for \
           details on how to use the generated script.",
    arity: Arity::AtLeast(0),
    flags: flags![],
    commands: &[
        shell(
            "bash",
            "Generate the autocompletion script for bash",
            Action::Run(completion::bash),
        ),
        shell(
            "fish",
            "Generate the autocompletion script for fish",
            Action::Run(completion::fish),
        ),
        shell(
            "powershell",
            "Generate the autocompletion script for powershell",
            missing(
                "completion powershell",
                "there are scripts for bash, fish and zsh",
            ),
        ),
        shell(
            "zsh",
            "Generate the autocompletion script for zsh",
            Action::Run(completion::zsh),
        ),
    ],
    ..Command::new(
        "completion",
        "Generate the autocompletion script for the specified shell",
    )
};

const fn shell(name: &'static str, short: &'static str, action: Action) -> Command<Action> {
    leaf(name, "", short, "", flags![NO_DESCRIPTIONS], action)
}

const KEY: Command<Action> = Command {
    long: "Operations on private keys.",
    arity: Arity::AtLeast(0),
    flags: flags![],
    commands: &[
        KEY_EXPORT,
        KEY_GENERATE,
        KEY_IMPORT,
        KEY_LIST,
        KEY_PASSWD,
        KEY_REMOVE,
        KEY_ROTATE,
    ],
    ..Command::new("key", "Operates on keys.")
};

const KEY_LIST: Command<Action> = leaf(
    "list",
    "",
    "Lists keys.",
    "Lists all keys known to notary.",
    flags![],
    Action::Run(keys::list),
);

const KEY_GENERATE: Command<Action> = leaf(
    "generate",
    "[ algorithm ]",
    "Generates a new key with a given algorithm.",
    "Generates a new key with a given algorithm. If hardware key storage (e.g. a Yubikey) is available, generated \
     root keys will be stored both on hardware and on disk (so that it can be backed up).  Please make sure to back \
     up and then remove this on-key disk immediatelyafterwards. If a `--output` file name is provided, two files \
     will be written, <output>.pem and <output>-key.pem, containing the publicand private keys respectively (the key \
     will not be stored in Notary's key storage, including any connected hardware storage). If no `--role` is \
     provided, \"root\" will be assumed.",
    flags![
        Flag::text("output", "", "Filepath to write export output to")
            .short('o')
            .completing(Completes::File),
        Flag::text(
            "role",
            "root",
            "Role to generate key with, defaulting to \"root\"."
        )
        .short('r'),
    ],
    missing(
        "key generate",
        "'countersign trust key generate NAME' makes a signer's key",
    ),
);

const KEY_ROTATE: Command<Action> = leaf(
    "rotate",
    "[ GUN ] [ key role ]",
    "Rotate a signing (non-root) key of the given type for the given Globally Unique Name and role.",
    "Generates a new key for the given Globally Unique Name and role (one of \"snapshot\", \"targets\", \"root\", or \
     \"timestamp\").  If rotating to a server-managed key, a new key is requested from the server rather than \
     generated.  If the generation or key request is successful, the key rotation is immediately published.  No \
     other changes, even if they are staged, will be published.",
    flags![
        Flag::list(
            "key",
            "New key(s) to rotate to. If not specified, one will be generated."
        )
        .short('k'),
        Flag::text(
            "legacy",
            "",
            "Number of old version's root roles to sign with to support old clients"
        )
        .short('l'),
        Flag::switch(
            "server-managed",
            "Signing and key management will be handled by the remote server (no key will be generated or stored \
             locally). Required for timestamp role, optional for snapshot role"
        )
        .short('r'),
    ],
    missing("key rotate", "notary 0.7.0 rotates keys, in the same trust folder and on the same server"),
);

const KEY_REMOVE: Command<Action> = leaf(
    "remove",
    "[ keyID ]",
    "Removes the key with the given keyID.",
    "Removes the key with the given keyID.  If the key is stored in more than one location, you will be asked which \
     one to remove.",
    flags![],
    missing(
        "key remove",
        "a key is the file <trust folder>/private/<key ID>.key",
    ),
);

const KEY_PASSWD: Command<Action> = leaf(
    "passwd",
    "[ keyID ]",
    "Changes the passphrase for the key with the given keyID.",
    "Changes the passphrase for the key with the given keyID.  Will require validation of the old passphrase.",
    flags![],
    missing(
        "key passwd",
        "notary 0.7.0 changes passphrases, in the same trust folder",
    ),
);

const KEY_IMPORT: Command<Action> = leaf(
    "import",
    "pemfile [ pemfile ... ]",
    "Imports all keys from all provided .pem files",
    "Imports all keys from all provided .pem files by reading each PEM block from the file and writing that block to \
     a unique object in the local keystore. A Yubikey will be the preferred import location for root keys if \
     present.",
    flags![
        Flag::text(
            "gun",
            "",
            "Gun to import key with, if a gun is not already given in a PEM header"
        )
        .short('g'),
        Flag::text(
            "role",
            "",
            "Role to import key with, if a role is not already given in a PEM header"
        )
        .short('r'),
    ],
    missing(
        "key import",
        "'countersign trust key load FILE' imports a signer's key",
    ),
);

const KEY_EXPORT: Command<Action> = leaf(
    "export",
    "",
    "Exports all keys from all local keystores. Can be filtered using the --key and --gun flags.",
    "Exports all keys from all local keystores. Which keys are exported can be restricted by using the --key or \
     --gun flags. By default the result is sent to stdout, it can be directed to a file with the -o flag. Keys \
     stored in a Yubikey cannot be exported.",
    flags![
        Flag::list("gun", "GUNs for which to export keys"),
        Flag::list("key", "Key IDs to export"),
        Flag::text("output", "", "Filepath to write export output to")
            .short('o')
            .completing(Completes::File),
    ],
    missing(
        "key export",
        "the files in <trust folder>/private are a backup as they are",
    ),
);

const DELEGATION: Command<Action> = Command {
    long: "Operations on TUF delegations.",
    arity: Arity::AtLeast(0),
    flags: flags![],
    commands: &[
        DELEGATION_ADD,
        DELEGATION_LIST,
        DELEGATION_PURGE,
        DELEGATION_REMOVE,
    ],
    ..Command::new("delegation", "Operates on delegations.")
};

const DELEGATION_LIST: Command<Action> = leaf(
    "list",
    "[ GUN ]",
    "Lists delegations for the Global Unique Name.",
    "Lists all delegations known to notary for a specific Global Unique Name.",
    flags![],
    missing(
        "delegation list",
        "'countersign trust inspect IMAGE' shows who may sign",
    ),
);

const DELEGATION_ADD: Command<Action> = leaf(
    "add",
    "[ GUN ] [ Role ] <X509 file path 1> ...",
    "Add a keys to delegation using the provided public key X509 certificates.",
    "Add a keys to delegation using the provided public key PEM encoded X509 certificates in a specific Global \
     Unique Name.",
    flags![
        Flag::switch("all-paths", "Add all paths to this delegation"),
        Flag::list("paths", "List of paths to add"),
        PUBLISH,
    ],
    missing(
        "delegation add",
        "'countersign trust signer add --key FILE NAME REPOSITORY' lets a key sign and publishes",
    ),
);

const DELEGATION_REMOVE: Command<Action> = leaf(
    "remove",
    "[ GUN ] [ Role ] <KeyID 1> ...",
    "Remove KeyID(s) from the specified Role delegation.",
    "Remove KeyID(s) from the specified Role delegation in a specific Global Unique Name.",
    flags![
        Flag::switch("all-paths", "Remove all paths from this delegation"),
        Flag::list("paths", "List of paths to remove"),
        PUBLISH,
        Flag::switch(
            "yes",
            "Answer yes to the removal question (no confirmation)"
        )
        .short('y'),
    ],
    missing(
        "delegation remove",
        "'countersign trust signer remove NAME REPOSITORY' takes a signer away and publishes",
    ),
);

const DELEGATION_PURGE: Command<Action> = leaf(
    "purge",
    "[ GUN ]",
    "Remove KeyID(s) from all delegation roles in the given GUN.",
    "Remove KeyID(s) from all delegation roles in the given GUN, for which the signing keys are available. Warnings \
     will be printed for delegations that cannot be updated.",
    flags![
        Flag::list("key", "Delegation key IDs to be removed from the GUN"),
        PUBLISH,
    ],
    missing(
        "delegation purge",
        "'countersign trust signer remove NAME REPOSITORY', once for each signer with that key",
    ),
);
