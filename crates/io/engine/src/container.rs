//! Creating containers.

use oci::Platform;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::engine::Engine;
use crate::error::Error;
use crate::image::{ImageName, null_as_default};
use crate::pull::platform_text;
use crate::request::Request;

/// What a container is made with, besides its image.
#[derive(Clone, Debug, Default)]
pub struct ContainerSpec {
    /// `--name`.
    pub name: Option<String>,
    /// `--platform`.
    pub platform: Option<Platform>,
    /// The rest in the engine's own form (`ContainerConfig` with `HostConfig` and `NetworkingConfig`): `Cmd`, `Env`…
    /// `Image` in it is overwritten.
    pub config: Map<String, Value>,
}

/// A container that exists and does not run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Created {
    /// 64 hexadecimal digits.
    pub id: String,
    /// For the user.
    #[serde(default, deserialize_with = "null_as_default")]
    pub warnings: Vec<String>,
}

impl Engine {
    /// Creates a container of an image that the engine has; it pulls nothing. Under an image named by digest, the
    /// container shows that digest as its image.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when the engine does not have the image; [`Error::Conflict`] when the name is taken.
    pub async fn create(&self, image: &ImageName, spec: &ContainerSpec) -> Result<Created, Error> {
        let mut config = spec.config.clone();
        config.insert("Image".to_owned(), Value::String(image.to_string()));
        let mut request = Request::post("/containers/create")
            .json(Value::Object(config).to_string().into_bytes())
            .about(image)
            .patience(Some(self.config.answer_timeout));
        if let Some(name) = &spec.name {
            request = request.query("name", name);
        }
        if let Some(platform) = &spec.platform {
            request = request.query("platform", &platform_text(platform));
        }
        let answer = self.send(request).await?;
        self.read_json(answer).await
    }
}
