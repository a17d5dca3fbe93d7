//! What was found, as `--json` shows it. Names of fields are a contract: they are added to, never changed.

use serde::Serialize;

/// Everything.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether content trust is asked for.
    pub content_trust: ContentTrust,
    /// Which docker runs, and what it makes of that.
    pub docker: Docker,
    /// docker's plugins, in docker's order of search; what is first of a name counts.
    pub plugins: Vec<Plugin>,
    /// What `docker build` runs by `aliases.builder` of `config.json`.
    pub builder_alias: Option<BuilderAlias>,
    /// Trust servers of registries that somebody is logged in to; not asked.
    pub registries: Vec<Registry>,
    /// The server named with `--server`, asked.
    pub server: Option<Server>,
    /// The images named, asked for.
    pub images: Vec<Image>,
    /// Private keys in the trust folder.
    pub keys: Vec<Key>,
    /// Changes that stock clients staged and did not publish.
    pub staged: Vec<Staged>,
    /// Things to look at, one sentence each.
    pub warnings: Vec<String>,
    /// Which commands verify or sign.
    pub enforced: Enforced,
    /// One sentence.
    pub verdict: String,
}

/// `DOCKER_CONTENT_TRUST`.
#[derive(Debug, Serialize)]
pub struct ContentTrust {
    /// Its value; `null` where it is not set.
    pub variable: Option<String>,
    /// Whether docker up to 28 takes that as on.
    pub on: bool,
}

/// The docker that a shell would run.
#[derive(Debug, Serialize)]
pub struct Docker {
    /// Every program named docker on `PATH`, in order; `COUNTERSIGN_DOCKER` is not one of them.
    pub programs: Vec<Program>,
    /// The shim is the first of them.
    pub shim_first: bool,
    /// The real docker: the one that runs, or that runs behind the shim.
    pub real: Option<String>,
    /// Its version; `null` where it did not say.
    pub version: Option<String>,
    /// Why it did not.
    pub version_problem: Option<String>,
    /// What the real docker itself does about content trust.
    pub verifies: Verifies,
}

/// One program named docker.
#[derive(Debug, Serialize)]
pub struct Program {
    /// The file.
    pub path: String,
    /// It is this program.
    pub shim: bool,
}

/// What a docker does about content trust when asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verifies {
    /// Docker up to 22: everything. Its buildx plugin, where installed, verifies nothing.
    Yes,
    /// Docker 23 to 28: not what BuildKit builds.
    NotBuilds,
    /// Docker 29 and later: nothing, and it says nothing.
    Never,
    /// There is no docker, or it does not say its version.
    Unknown,
}

/// One plugin file.
#[derive(Debug, Serialize)]
pub struct Plugin {
    /// The word after docker.
    pub name: String,
    /// The file.
    pub path: String,
    /// It is this program.
    pub ours: bool,
    /// docker finds this one first.
    pub used: bool,
}

/// `aliases.builder`.
#[derive(Debug, Serialize)]
pub struct BuilderAlias {
    /// The plugin's name.
    pub plugin: String,
    /// That plugin is found and is this program.
    pub ours: bool,
}

/// A registry with a login.
#[derive(Debug, Serialize)]
pub struct Registry {
    /// Its key in `config.json`.
    pub registry: String,
    /// The trust server for its images; `null` where `DOCKER_CONTENT_TRUST_SERVER` is none.
    pub server: Option<String>,
}

/// A trust server that was asked.
#[derive(Debug, Serialize)]
pub struct Server {
    /// Its address.
    pub address: String,
    /// It answered as a trust server does.
    pub answers: bool,
    /// What is wrong.
    pub problem: Option<String>,
}

/// An image that was asked for.
#[derive(Debug, Serialize)]
pub struct Image {
    /// As typed.
    pub image: String,
    /// The name that trust data is kept under.
    pub repository: String,
    /// Who was asked.
    pub server: Option<String>,
    /// The trust server gave valid, current metadata.
    pub trusted: bool,
    /// What is wrong.
    pub problem: Option<String>,
    /// The digest that the tag is signed with; `null` without a tag, or where it is not signed.
    pub digest: Option<String>,
    /// The roles, their keys and their ends.
    pub roles: Vec<Role>,
}

/// One role of a repository.
#[derive(Clone, Debug, Serialize)]
pub struct Role {
    /// Its name.
    pub role: String,
    /// When its file expires; `null` where there is none.
    pub expires: Option<String>,
    /// Its keys.
    pub keys: Vec<RoleKey>,
}

/// A key that may sign a role.
#[derive(Clone, Debug, Serialize)]
pub struct RoleKey {
    /// The id that key files have.
    pub id: String,
    /// Its private key is in the trust folder.
    pub held: bool,
    /// When its certificate ends; `null` for a key without one.
    pub certificate_ends: Option<String>,
}

/// A private key.
#[derive(Debug, Serialize)]
pub struct Key {
    /// Its id.
    pub id: String,
    /// The role that its file names.
    pub role: String,
    /// The repository that its file names.
    pub repository: Option<String>,
    /// The file.
    pub path: String,
    /// Its permission bits, in octal.
    pub mode: String,
}

/// Changes left over.
#[derive(Debug, Serialize)]
pub struct Staged {
    /// The repository.
    pub repository: String,
    /// How many.
    pub changes: usize,
}

/// Which commands fail without a good signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Enforced {
    /// push, pull, create and run.
    pub images: bool,
    /// build.
    pub builds: bool,
}
