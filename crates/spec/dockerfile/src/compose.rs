//! The images and builds of compose files.
//!
//! Source: the compose specification (services, build, extends, merge, interpolation).

use std::collections::BTreeMap;

use oci::Reference;

use crate::build::{Build, FileError, Value, Why, shape, text_of, undecided};
use crate::interpolate::interpolate;
use crate::yaml;

/// `extends` in a row.
const EXTENDS_MAX: usize = 32;

/// One service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// `image`, with `latest` if it has neither tag nor digest. With a `build` beside it this is the name the built
    /// image gets; compose pulls it only when told to.
    pub image: Option<Reference>,
    /// `platform`
    pub platform: Option<String>,
    /// `build`
    pub build: Option<Build>,
    /// Volumes of the type `image`.
    pub volumes: Vec<Reference>,
}

/// The services of compose files, later files over earlier ones, as `docker compose -f A -f B` merges them. Services
/// of all profiles are there.
///
/// `environment` is what variables are replaced from: the process's, over that of `.env`.
pub fn services(
    files: &[&[u8]],
    environment: &BTreeMap<String, String>,
) -> Result<Vec<Service>, FileError> {
    let mut drafts: BTreeMap<String, Draft> = BTreeMap::new();
    for file in files {
        for document in yaml::parse(text_of(file)?)? {
            check_top(&document)?;
            let Some(services) = document.get("services") else {
                continue;
            };
            for (name, service) in services.entries("services")? {
                let path = format!("services.{name}");
                let service = interpolated(service, &path, environment)?;
                let draft = Draft::read(&service, &path, environment)?;
                drafts.entry(name.clone()).or_default().put_over(draft);
            }
        }
    }
    let names: Vec<&String> = drafts.keys().collect();
    names
        .into_iter()
        .map(|name| extended(&drafts, name, 0)?.finish(name))
        .filter(|service| !matches!(service, Ok(None)))
        .map(|service| service.and_then(|found| found.ok_or(FileError::TooLarge)))
        .collect()
}

fn check_top(document: &Value) -> Result<(), FileError> {
    document.entries("the file")?;
    match document.get("include") {
        None | Some(Value::Null) => Ok(()),
        Some(_) => Err(undecided("include", Why::Include)),
    }
}

/// What one file says of a service.
#[derive(Clone, Debug, Default)]
struct Draft {
    image: Option<String>,
    platform: Option<String>,
    build: Option<BuildDraft>,
    extends: Option<String>,
    volumes: Vec<String>,
    provided: bool,
}

#[derive(Clone, Debug, Default)]
struct BuildDraft {
    context: Option<String>,
    dockerfile: Option<String>,
    inline: Option<String>,
    target: Option<String>,
    args: BTreeMap<String, String>,
    contexts: BTreeMap<String, String>,
    platforms: Vec<String>,
}

fn put<T>(under: &mut Option<T>, over: Option<T>) {
    if over.is_some() {
        *under = over;
    }
}

impl Draft {
    fn read(
        service: &Value,
        path: &str,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, FileError> {
        service.entries(path)?;
        let build = service.get("build").filter(|build| **build != Value::Null);
        Ok(Self {
            image: text(service, path, "image")?,
            platform: text(service, path, "platform")?,
            build: build
                .map(|build| BuildDraft::read(build, &format!("{path}.build"), environment))
                .transpose()?,
            extends: extends(service, path)?,
            volumes: image_volumes(service, path)?,
            provided: service.get("provider").is_some(),
        })
    }

    fn put_over(&mut self, over: Self) {
        put(&mut self.image, over.image);
        put(&mut self.platform, over.platform);
        put(&mut self.extends, over.extends);
        match (&mut self.build, over.build) {
            (Some(under), Some(over)) => under.put_over(over),
            (under, over) => put(under, over),
        }
        self.volumes.extend(over.volumes);
        self.provided |= over.provided;
    }

    /// The service, or none if something other than an image provides it.
    fn finish(self, name: &str) -> Result<Option<Service>, FileError> {
        let path = format!("services.{name}");
        if self.image.is_none() && self.build.is_none() {
            return match self.provided {
                true => Ok(None),
                false => Err(shape(&path, "a service with an image or a build")),
            };
        }
        let reference = |field: &str, text: &str| {
            let parsed = Reference::parse(text).map_err(|source| FileError::Reference {
                path: format!("{path}.{field}"),
                text: text.to_owned(),
                source,
            });
            parsed.map(Reference::or_latest)
        };
        let image = self.image.as_deref().map(|text| reference("image", text));
        let volumes = self.volumes.iter().map(|text| reference("volumes", text));
        let platform = self.platform.clone();
        let build = self.build.map(|build| build.finish(name, platform));
        Ok(Some(Service {
            name: name.to_owned(),
            image: image.transpose()?,
            platform: self.platform,
            build: build.transpose()?,
            volumes: volumes.collect::<Result<_, _>>()?,
        }))
    }
}

impl BuildDraft {
    fn read(
        build: &Value,
        path: &str,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, FileError> {
        if let Value::Text(context) = build {
            return Ok(Self {
                context: Some(context.clone()),
                ..Self::default()
            });
        }
        build.entries(path)?;
        for key in ["sbom", "provenance"] {
            let value = text(build, path, key)?;
            if value.is_some_and(|value| value.contains("generator")) {
                return Err(undecided(&format!("{path}.{key}"), Why::Generator));
            }
        }
        let null = Value::Null;
        let at = |key: &str| (build.get(key).unwrap_or(&null), format!("{path}.{key}"));
        let (args, args_path) = at("args");
        let (contexts, contexts_path) = at("additional_contexts");
        let (platforms, platforms_path) = at("platforms");
        let mut all_args = BTreeMap::new();
        for (name, value) in args.pairs(&args_path)? {
            // An argument without a value takes it from the environment, and is none if that has none.
            if let Some(value) = value.or_else(|| environment.get(&name).cloned()) {
                all_args.insert(name, value);
            }
        }
        let mut all_contexts = BTreeMap::new();
        for (name, value) in contexts.pairs(&contexts_path)? {
            let value = value.ok_or_else(|| shape(&contexts_path, "names with values"))?;
            all_contexts.insert(name, value);
        }
        Ok(Self {
            context: text(build, path, "context")?,
            dockerfile: text(build, path, "dockerfile")?,
            inline: text(build, path, "dockerfile_inline")?,
            target: text(build, path, "target")?,
            args: all_args,
            contexts: all_contexts,
            platforms: platforms.texts(&platforms_path)?,
        })
    }

    fn put_over(&mut self, over: Self) {
        put(&mut self.context, over.context);
        put(&mut self.dockerfile, over.dockerfile);
        put(&mut self.inline, over.inline);
        put(&mut self.target, over.target);
        self.args.extend(over.args);
        self.contexts.extend(over.contexts);
        self.platforms.extend(over.platforms);
    }

    fn finish(self, name: &str, platform: Option<String>) -> Result<Build, FileError> {
        if self.dockerfile.is_some() && self.inline.is_some() {
            let path = format!("services.{name}.build");
            return Err(shape(&path, "a Dockerfile either by path or inline"));
        }
        let mut platforms = self.platforms;
        if platforms.is_empty() {
            platforms.extend(platform);
        }
        Ok(Build {
            name: name.to_owned(),
            context: self.context.unwrap_or_else(|| ".".to_owned()),
            dockerfile: self.dockerfile.unwrap_or_else(|| "Dockerfile".to_owned()),
            inline: self.inline,
            target: self.target,
            args: self.args,
            contexts: self.contexts,
            platforms,
        })
    }
}

/// A service over the one it extends.
fn extended(
    drafts: &BTreeMap<String, Draft>,
    name: &str,
    depth: usize,
) -> Result<Draft, FileError> {
    let missing = || FileError::Missing {
        name: name.to_owned(),
    };
    let draft = drafts.get(name).ok_or_else(missing)?;
    let Some(base) = &draft.extends else {
        return Ok(draft.clone());
    };
    if depth == EXTENDS_MAX {
        return Err(FileError::Circle {
            name: name.to_owned(),
        });
    }
    let mut all = extended(drafts, base, depth + 1)?;
    all.put_over(draft.clone());
    Ok(all)
}

/// The service that is extended; one in another file cannot be followed.
fn extends(service: &Value, path: &str) -> Result<Option<String>, FileError> {
    let path = format!("{path}.extends");
    match service.get("extends") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Text(name)) => Ok(Some(name.clone())),
        Some(from) => {
            if from.get("file").is_some_and(|file| *file != Value::Null) {
                return Err(undecided(&path, Why::ExtendsFile));
            }
            let name = text(from, &path, "service")?;
            name.map(Some).ok_or_else(|| shape(&path, "a service"))
        }
    }
}

/// The sources of volumes `{type: image}`.
fn image_volumes(service: &Value, path: &str) -> Result<Vec<String>, FileError> {
    let Some(Value::List(volumes)) = service.get("volumes") else {
        return Ok(Vec::new());
    };
    let path = format!("{path}.volumes");
    let mut images = Vec::new();
    for volume in volumes
        .iter()
        .filter(|volume| matches!(volume, Value::Map(_)))
    {
        if text(volume, &path, "type")?.as_deref() == Some("image") {
            let image = text(volume, &path, "source")?;
            images.push(image.ok_or_else(|| shape(&path, "an image with a source"))?);
        }
    }
    Ok(images)
}

fn text(value: &Value, path: &str, key: &str) -> Result<Option<String>, FileError> {
    let Some(value) = value.get(key) else {
        return Ok(None);
    };
    let text = value.text(&format!("{path}.{key}"))?;
    Ok(text.map(str::to_owned))
}

/// The same tree with its variables replaced; keys are not.
fn interpolated(
    value: &Value,
    path: &str,
    environment: &BTreeMap<String, String>,
) -> Result<Value, FileError> {
    Ok(match value {
        Value::Null => Value::Null,
        Value::Text(text) => {
            let text = interpolate(text, environment).map_err(|source| FileError::Variable {
                path: path.to_owned(),
                source,
            })?;
            Value::Text(text)
        }
        Value::List(items) => {
            let items = items.iter();
            let items = items.map(|item| interpolated(item, path, environment));
            Value::List(items.collect::<Result<_, _>>()?)
        }
        Value::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| {
                let value = interpolated(value, &format!("{path}.{key}"), environment)?;
                Ok((key.clone(), value))
            });
            Value::Map(entries.collect::<Result<_, FileError>>()?)
        }
    })
}
