//! Docker contexts: named endpoints below the folder of `config.json` (`docker/cli:cli/context/store`).

use std::collections::HashMap;
use std::path::Path;

use net::Tls;
use oci::Digest;
use serde::Deserialize;

use crate::endpoint::{identity, unverified};
use crate::error::EndpointFault;
use crate::files::read_optional;

/// A context's docker endpoint.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) host: String,
    /// With files of its own, or with `SkipTLSVerify`.
    pub(crate) tls: Option<Tls>,
}

#[derive(Deserialize)]
struct ConfigFile {
    #[serde(default, rename = "currentContext")]
    current_context: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    name: String,
    #[serde(default)]
    endpoints: HashMap<String, MetaEndpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetaEndpoint {
    #[serde(default)]
    host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

/// `currentContext` of config.json.
pub(crate) fn current(config_dir: Option<&Path>) -> Result<Option<String>, EndpointFault> {
    let Some(folder) = config_dir else {
        return Ok(None);
    };
    let path = folder.join("config.json");
    let Some(bytes) = read_optional(&path)? else {
        return Ok(None);
    };
    let config: ConfigFile = from_json(&path, &bytes)?;
    Ok(config.current_context.filter(|name| !name.is_empty()))
}

/// `contexts/meta/<sha256 of the name>/meta.json`, and the PEM files in `contexts/tls/<sha256>/docker`.
pub(crate) fn read(config_dir: Option<&Path>, name: &str) -> Result<Context, EndpointFault> {
    let folder = config_dir.ok_or(EndpointFault::NoConfigDir)?;
    let hash = Digest::sha256(name.as_bytes()).hex();
    let path = folder.join("contexts/meta").join(&hash).join("meta.json");
    let bytes = read_optional(&path)?.ok_or_else(|| EndpointFault::NoContext {
        name: name.to_owned(),
        path: path.clone(),
    })?;
    let mut meta: Meta = from_json(&path, &bytes)?;
    if meta.name != name {
        return Err(EndpointFault::BadFile {
            path,
            detail: format!("describes the context {:?}, not {name:?}", meta.name),
        });
    }
    let endpoint = meta
        .endpoints
        .remove("docker")
        .filter(|endpoint| !endpoint.host.is_empty())
        .ok_or_else(|| EndpointFault::NoDockerEndpoint {
            name: name.to_owned(),
        })?;
    let tls = read_tls(
        &folder.join("contexts/tls").join(hash).join("docker"),
        endpoint.skip_tls_verify,
    )?;
    Ok(Context {
        host: endpoint.host,
        tls,
    })
}

/// Without a `ca.pem` the system's roots count, with one it alone.
fn read_tls(folder: &Path, skip_verify: bool) -> Result<Option<Tls>, EndpointFault> {
    let ca = read_optional(&folder.join("ca.pem"))?;
    let identity = identity(
        folder.join("cert.pem"),
        folder.join("key.pem"),
        false,
        false,
    )?;
    if skip_verify {
        return Ok(Some(unverified(identity)));
    }
    if ca.is_none() && identity.is_none() {
        return Ok(None);
    }
    Ok(Some(Tls {
        system_roots: ca.is_none(),
        extra_roots_pem: ca.into_iter().collect(),
        client_identity: identity,
        insecure: None,
    }))
}

fn from_json<'a, T: Deserialize<'a>>(path: &Path, bytes: &'a [u8]) -> Result<T, EndpointFault> {
    serde_json::from_slice(bytes).map_err(|error| EndpointFault::BadFile {
        path: path.to_owned(),
        detail: error.to_string(),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Writes a context whose docker endpoint is `endpoint` in JSON.
    pub(crate) fn write(config_dir: &Path, name: &str, endpoint: &str) {
        let folder = config_dir
            .join("contexts/meta")
            .join(Digest::sha256(name.as_bytes()).hex());
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(
            folder.join("meta.json"),
            format!(r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{endpoint}}}}}"#),
        )
        .unwrap();
    }

    #[test]
    fn a_context_brings_its_address_and_its_tls_files() {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path(),
            "far",
            r#"{"Host":"tcp://far:1","SkipTLSVerify":false}"#,
        );
        let context = read(Some(folder.path()), "far").unwrap();
        assert_eq!(context.host, "tcp://far:1");
        assert!(context.tls.is_none());
        let tls = folder
            .path()
            .join("contexts/tls")
            .join(Digest::sha256(b"far").hex())
            .join("docker");
        std::fs::create_dir_all(&tls).unwrap();
        std::fs::write(tls.join("ca.pem"), "ca").unwrap();
        let context = read(Some(folder.path()), "far").unwrap().tls.unwrap();
        assert!(!context.system_roots && context.client_identity.is_none());
        assert_eq!(context.extra_roots_pem, [b"ca"]);
        std::fs::write(tls.join("cert.pem"), "cert").unwrap();
        assert!(matches!(
            read(Some(folder.path()), "far"),
            Err(EndpointFault::HalfIdentity { .. })
        ));
        std::fs::write(tls.join("key.pem"), "key").unwrap();
        std::fs::remove_file(tls.join("ca.pem")).unwrap();
        let context = read(Some(folder.path()), "far").unwrap().tls.unwrap();
        assert!(context.system_roots && context.client_identity.is_some());
        assert!(context.insecure.is_none());
        write(
            folder.path(),
            "far",
            r#"{"Host":"tcp://far:1","SkipTLSVerify":true}"#,
        );
        let context = read(Some(folder.path()), "far").unwrap().tls.unwrap();
        assert!(context.insecure.is_some());
    }

    #[test]
    fn a_context_that_is_not_there_or_not_right_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let read = |name| read(Some(folder.path()), name);
        assert!(matches!(
            read("none"),
            Err(EndpointFault::NoContext { name, .. }) if name == "none"
        ));
        write(folder.path(), "empty", "{}");
        assert!(matches!(
            read("empty"),
            Err(EndpointFault::NoDockerEndpoint { .. })
        ));
        write(folder.path(), "broken", "[");
        assert!(matches!(read("broken"), Err(EndpointFault::BadFile { .. })));
        let meta = folder.path().join("contexts/meta");
        std::fs::rename(
            meta.join(Digest::sha256(b"empty").hex()),
            meta.join(Digest::sha256(b"other").hex()),
        )
        .unwrap();
        assert!(matches!(read("other"), Err(EndpointFault::BadFile { .. })));
        assert!(matches!(
            super::read(None, "x"),
            Err(EndpointFault::NoConfigDir)
        ));
        std::fs::write(folder.path().join("config.json"), "{").unwrap();
        assert!(matches!(
            current(Some(folder.path())),
            Err(EndpointFault::BadFile { .. })
        ));
    }

    #[test]
    fn the_folder_name_is_the_one_docker_makes() {
        // `docker context create remote`, docker 28.2.2.
        assert_eq!(
            Digest::sha256(b"remote").hex(),
            "b71199ebd070b36beab7317920c2c2f1d777df8d05e5527d8458fda57cb17a7a"
        );
    }
}
