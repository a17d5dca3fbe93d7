//! Pulling by digest. There is no pulling by tag here: a tag is resolved first.

use oci::{Digest, Platform, Reference, Repository};

use crate::auth::RegistryAuth;
use crate::engine::Engine;
use crate::error::Error;
use crate::image::{Image, ImageName};
use crate::request::Request;
use crate::stream::{Event, OnEvent};

impl Engine {
    /// Pulls the image with that digest, of a manifest or an index, and describes it as the engine has it then. An
    /// image that the engine has already is not pulled again; the engine still asks the registry.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when the registry does not have it, or has it not for us: registries do not tell these apart;
    /// [`Error::Malformed`] when the engine says that it pulled another digest.
    pub async fn pull(
        &self,
        repository: &Repository,
        digest: &Digest,
        platform: Option<&Platform>,
        auth: &RegistryAuth,
        on_event: OnEvent<'_>,
    ) -> Result<Image, Error> {
        let name = Reference::new(repository.clone(), None, Some(*digest));
        let mut request = Request::post("/images/create")
            .query("fromImage", &repository.familiar())
            .query("tag", &digest.to_string())
            .header("x-registry-auth", auth.header())
            .about(name.familiar())
            .patience(Some(self.config.stream_timeout));
        if let Some(platform) = platform {
            request = request.query("platform", &platform_text(platform));
        }
        let answer = self.send(request).await?;
        let request = answer.request.clone();
        let mut other = None;
        self.follow(answer, Some(self.config.stream_timeout), &mut |event| {
            if let Some(pulled) = pulled_digest(event)
                && pulled != *digest
            {
                other = Some(pulled);
            }
            on_event(event);
        })
        .await?;
        if let Some(other) = other {
            return Err(Error::Malformed {
                request,
                detail: format!("asked for {digest}, the engine pulled {other}"),
            });
        }
        self.image(&ImageName::from(&name)).await
    }
}

/// `os/architecture[/variant]`
pub(crate) fn platform_text(platform: &Platform) -> String {
    let mut text = format!("{}/{}", platform.os, platform.architecture);
    if let Some(variant) = &platform.variant {
        text.push('/');
        text.push_str(variant);
    }
    text
}

/// `Digest: sha256:…`, a line of its own.
fn pulled_digest(event: &Event) -> Option<Digest> {
    match event {
        Event::Status { id: None, text, .. } => Digest::parse(text.strip_prefix("Digest: ")?).ok(),
        _ => None,
    }
}
