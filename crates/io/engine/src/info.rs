//! What kind of engine it is.

use serde::Deserialize;

use crate::engine::Engine;
use crate::error::Error;
use crate::image::null_as_default;
use crate::request::Request;

/// How containerd's image store names itself among the lines of `DriverStatus`.
const CONTAINERD_STORE: [&str; 2] = ["driver-type", "io.containerd.snapshotter.v1"];

/// `GET /version`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EngineVersion {
    /// Of the engine, such as `28.5.2`.
    pub version: String,
    /// The newest API it speaks.
    pub api_version: String,
    /// The oldest.
    #[serde(default, rename = "MinAPIVersion")]
    pub min_api_version: String,
    /// Such as `linux`.
    #[serde(default)]
    pub os: String,
    /// Such as `amd64`.
    #[serde(default)]
    pub arch: String,
}

/// What `GET /info` says that matters to content trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// Of the engine, such as `28.5.2`.
    pub server_version: String,
    /// Where images are.
    pub image_store: ImageStore,
}

/// Where an engine keeps images; it decides what ids and digests mean, and what a push reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageStore {
    /// Docker's own, one platform per image.
    GraphDriver {
        /// Such as `overlay2`.
        driver: String,
    },
    /// containerd's, with whole indexes; the default of Docker 29.
    Containerd {
        /// Such as `overlayfs`.
        snapshotter: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawInfo {
    #[serde(default)]
    server_version: String,
    driver: String,
    #[serde(default, deserialize_with = "null_as_default")]
    driver_status: Vec<Vec<String>>,
}

impl Engine {
    /// The versions of the engine.
    pub async fn version(&self) -> Result<EngineVersion, Error> {
        let request = Request::get("/version").patience(Some(self.config.answer_timeout));
        let answer = self.send(request).await?;
        self.read_json(answer).await
    }

    /// What kind of engine it is.
    pub async fn info(&self) -> Result<Info, Error> {
        let request = Request::get("/info").patience(Some(self.config.answer_timeout));
        let answer = self.send(request).await?;
        let raw: RawInfo = self.read_json(answer).await?;
        let is_containerd = raw
            .driver_status
            .iter()
            .any(|line| line.as_slice() == CONTAINERD_STORE);
        Ok(Info {
            server_version: raw.server_version,
            image_store: if is_containerd {
                ImageStore::Containerd {
                    snapshotter: raw.driver,
                }
            } else {
                ImageStore::GraphDriver { driver: raw.driver }
            },
        })
    }
}
