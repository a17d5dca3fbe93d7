//! What identity tokens say.

use serde_json::{Map, Value, json};

use super::clock;

/// The claims of an identity token, shaped as those of a real issuer. Made by the constructors, changed by
/// [`Claims::with`] and [`Claims::without`].
#[derive(Clone, Debug)]
pub struct Claims(Map<String, Value>);

/// What a pipeline runs for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ref<'a> {
    /// A branch, by its short name.
    Branch(&'a str),
    /// A tag, by its short name.
    Tag(&'a str),
}

impl<'a> Ref<'a> {
    fn kind(self) -> &'static str {
        match self {
            Self::Branch(_) => "branch",
            Self::Tag(_) => "tag",
        }
    }

    /// The short name.
    pub fn name(self) -> &'a str {
        match self {
            Self::Branch(name) | Self::Tag(name) => name,
        }
    }

    /// `refs/heads/…` or `refs/tags/…`.
    pub fn path(self) -> String {
        match self {
            Self::Branch(name) => format!("refs/heads/{name}"),
            Self::Tag(name) => format!("refs/tags/{name}"),
        }
    }
}

/// The commit that [`Claims::gitlab`] and [`Claims::github`] name.
pub const COMMIT: &str = "714a629c0b401fdce83e847fc9589983fc6f46bc";

impl Claims {
    /// An identity token of a GitLab job. `server` is `https://gitlab.com` or where an instance lives, `project` is
    /// `group/project`. Runners of gitlab.com are GitLab's, those of an instance are its own.
    ///
    /// Source: GitLab's documentation, "OpenID Connect (OIDC) authentication using ID tokens", the token's payload.
    pub fn gitlab(server: &str, project: &str, reference: Ref<'_>) -> Self {
        let host = server.split_once("://").map_or(server, |(_, host)| host);
        let (namespace, _) = project.rsplit_once('/').expect("a project lies in a group");
        let hosted = host == "gitlab.com";
        let (kind, name, path) = (reference.kind(), reference.name(), reference.path());
        Self::of(json!({
            "iss": server,
            "sub": format!("project_path:{project}:ref_type:{kind}:ref:{name}"),
            "namespace_id": "72", "namespace_path": namespace,
            "project_id": "20", "project_path": project,
            "user_id": "1", "user_login": "alice", "user_email": "alice@example.com",
            "user_access_level": "developer",
            "pipeline_id": "574", "pipeline_source": "push", "job_id": "302",
            "ref": name, "ref_type": kind, "ref_path": path, "ref_protected": "true",
            "runner_id": 1,
            "runner_environment": if hosted { "gitlab-hosted" } else { "self-hosted" },
            "sha": COMMIT, "project_visibility": if hosted { "public" } else { "private" },
            "ci_config_ref_uri": format!("{host}/{project}//.gitlab-ci.yml@{path}"),
            "ci_config_sha": COMMIT,
            "jti": "235b3a54-b797-45c7-ae9a-f72d7bc6ef5b",
        }))
    }

    /// An identity token of a GitHub workflow, `.github/workflows/release.yml` of `repository`.
    ///
    /// Source: GitHub's documentation, "OpenID Connect reference".
    pub fn github(repository: &str, reference: Ref<'_>) -> Self {
        let (owner, _) = repository
            .split_once('/')
            .expect("a repository has an owner");
        let path = reference.path();
        let workflow = format!("{repository}/.github/workflows/release.yml@{path}");
        Self::of(json!({
            "iss": "https://token.actions.githubusercontent.com",
            "sub": format!("repo:{repository}:ref:{path}"),
            "ref": path, "ref_type": reference.kind(), "sha": COMMIT,
            "repository": repository, "repository_id": "456405140",
            "repository_owner": owner, "repository_owner_id": "71096353",
            "repository_visibility": "public",
            "run_id": "2090", "run_number": "7", "run_attempt": "1",
            "workflow": "release", "workflow_ref": workflow, "workflow_sha": COMMIT,
            "job_workflow_ref": workflow, "job_workflow_sha": COMMIT,
            "event_name": "push", "runner_environment": "github-hosted", "actor": "alice",
        }))
    }

    /// An identity token of a Buildkite job.
    pub fn buildkite(organisation: &str, pipeline: &str) -> Self {
        Self::of(json!({
            "iss": "https://agent.buildkite.com",
            "sub": format!("organization:{organisation}:pipeline:{pipeline}:ref:refs/heads/main"),
            "organization_slug": organisation, "pipeline_slug": pipeline,
            "build_number": 9, "build_branch": "main", "build_commit": COMMIT,
            "build_source": "ui", "runner_environment": "self-hosted",
            "job_id": "0184990a-477b-4fa8-9968-496074483cee",
        }))
    }

    /// An identity token for a person, from the issuer at `issuer`.
    pub fn email(issuer: &str, address: &str) -> Self {
        Self::of(json!({
            "iss": issuer, "sub": format!("id-of-{address}"),
            "email": address, "email_verified": true,
        }))
    }

    /// `iat` and `nbf` are now, the audience is `sigstore` and the token lives for an hour.
    fn of(claims: Value) -> Self {
        let Value::Object(claims) = claims else {
            unreachable!("claims are an object")
        };
        let now = clock::seconds();
        Self(claims)
            .with("aud", "sigstore")
            .with("iat", now)
            .with("nbf", now - 5)
            .with("exp", now + 3600)
    }

    /// With another value of a claim.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Without a claim.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// Expires in so many seconds; a negative number is a token that has expired.
    #[must_use]
    pub fn expires_in(self, seconds: i64) -> Self {
        let now = clock::seconds();
        self.with("exp", now + seconds)
            .with("iat", now.min(now + seconds) - 60)
            .with("nbf", now.min(now + seconds) - 60)
    }

    /// The claim as text; numbers in decimal, booleans as `true` and `false`. Empty when it is absent or null.
    pub fn text(&self, name: &str) -> String {
        match self.0.get(name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }

    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.as_i64()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(super) fn parse(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok().map(Self)
    }

    pub(super) fn to_json(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }
}
