//! Building with the classic builder.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use futures_util::Stream;
use oci::{Digest, Platform, Reference};
use serde_json::{Value, json};

use crate::auth::{RegistryAuths, config_header};
use crate::engine::Engine;
use crate::error::Error;
use crate::pull::platform_text;
use crate::request::Request;
use crate::stream::{Aux, Event, OnEvent};

/// What `docker build` can say to the classic builder and our callers need; the default is docker's.
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// The Dockerfile's path in the context.
    pub dockerfile: String,
    /// Names for the result.
    pub tags: Vec<Reference>,
    /// `--build-arg`; without a value: the engine's own.
    pub build_args: BTreeMap<String, Option<String>>,
    /// `--label`.
    pub labels: BTreeMap<String, String>,
    /// `--target`.
    pub target: Option<String>,
    /// `--platform`.
    pub platform: Option<Platform>,
    /// `--network`.
    pub network: Option<String>,
    /// `--add-host`, each `name:address`.
    pub extra_hosts: Vec<String>,
    /// `--cache-from`.
    pub cache_from: Vec<String>,
    /// `--no-cache`.
    pub no_cache: bool,
    /// `--pull`. With bases pinned to digests it changes nothing but the time.
    pub pull: bool,
    /// `--quiet`: only the id is reported.
    pub quiet: bool,
    /// `--rm=false` is `true` here: keep the intermediate containers.
    pub keep_containers: bool,
    /// `--force-rm`.
    pub force_remove: bool,
    /// `--squash`.
    pub squash: bool,
    /// `--memory`, in bytes; 0: no bound.
    pub memory: u64,
    /// `--shm-size`, in bytes; 0: the engine's default.
    pub shm_size: u64,
    /// Logins for what the build pulls.
    pub auths: RegistryAuths,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self {
            dockerfile: "Dockerfile".to_owned(),
            tags: Vec::new(),
            build_args: BTreeMap::new(),
            labels: BTreeMap::new(),
            target: None,
            platform: None,
            network: None,
            extra_hosts: Vec::new(),
            cache_from: Vec::new(),
            no_cache: false,
            pull: false,
            quiet: false,
            keep_containers: false,
            force_remove: false,
            squash: false,
            memory: 0,
            shm_size: 0,
            auths: RegistryAuths::new(),
        }
    }
}

/// A finished build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The image's id.
    pub id: Digest,
}

impl Engine {
    /// Builds an image from a tar of its context, as it is or compressed with gzip, bzip2 or xz. It may take for ever;
    /// dropping the future ends it.
    ///
    /// # Errors
    ///
    /// [`Error::Stream`] when a step fails, with the exit code of its command; [`Error::RequestBody`] when `context`
    /// fails.
    pub async fn build(
        &self,
        context: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
        options: &BuildOptions,
        on_event: OnEvent<'_>,
    ) -> Result<Built, Error> {
        let answer = self.send(options.request().tar(context)).await?;
        let request = answer.request.clone();
        let mut id = None;
        self.follow(answer, None, &mut |event| {
            if let Event::Aux(Aux::Built { id: built }) = event {
                id = Some(*built);
            }
            on_event(event);
        })
        .await?;
        let id = id.ok_or_else(|| Error::Malformed {
            request,
            detail: "the build ended without an image".to_owned(),
        })?;
        Ok(Built { id })
    }

    /// Loads images from a tar as `docker save` writes it. Returns the names or ids that the engine reports.
    ///
    /// # Errors
    ///
    /// [`Error::Stream`] when the archive is not one; [`Error::RequestBody`] when `archive` fails.
    pub async fn load(
        &self,
        archive: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
        on_event: OnEvent<'_>,
    ) -> Result<Vec<String>, Error> {
        let request = Request::post("/images/load")
            .query("quiet", "0")
            .tar(archive);
        let answer = self.send(request).await?;
        let mut loaded = Vec::new();
        self.follow(answer, Some(self.config.stream_timeout), &mut |event| {
            if let Event::Output(text) = event {
                loaded.extend(text.lines().filter_map(loaded_name));
            }
            on_event(event);
        })
        .await?;
        Ok(loaded)
    }
}

impl BuildOptions {
    fn request(&self) -> Request {
        let mut request = Request::post("/build")
            .query("version", "1")
            .query("dockerfile", &self.dockerfile)
            .query("rm", if self.keep_containers { "0" } else { "1" })
            .header("x-registry-config", config_header(&self.auths));
        for tag in &self.tags {
            request = request.query("t", &tag.familiar());
        }
        for host in &self.extra_hosts {
            request = request.query("extrahosts", host);
        }
        for (name, value) in self.set_options() {
            request = request.query(name, &value);
        }
        request
    }

    /// The options that differ from the engine's defaults.
    fn set_options(&self) -> impl Iterator<Item = (&'static str, String)> {
        let flag = |is_set: bool| is_set.then(|| "1".to_owned());
        let number = |number: u64| (number > 0).then(|| number.to_string());
        let non_empty = |is_empty: bool, value: Value| (!is_empty).then(|| value.to_string());
        [
            ("nocache", flag(self.no_cache)),
            ("pull", flag(self.pull)),
            ("q", flag(self.quiet)),
            ("forcerm", flag(self.force_remove)),
            ("squash", flag(self.squash)),
            ("memory", number(self.memory)),
            ("shmsize", number(self.shm_size)),
            ("target", self.target.clone()),
            ("networkmode", self.network.clone()),
            ("platform", self.platform.as_ref().map(platform_text)),
            (
                "buildargs",
                non_empty(self.build_args.is_empty(), json!(self.build_args)),
            ),
            (
                "labels",
                non_empty(self.labels.is_empty(), json!(self.labels)),
            ),
            (
                "cachefrom",
                non_empty(self.cache_from.is_empty(), json!(self.cache_from)),
            ),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }
}

/// `Loaded image: name:tag` or `Loaded image ID: sha256:…`
fn loaded_name(line: &str) -> Option<String> {
    line.strip_prefix("Loaded image: ")
        .or_else(|| line.strip_prefix("Loaded image ID: "))
        .map(str::to_owned)
}
