//! Both systems of signatures for `verify` and `sign`.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, future, stream};
use jiff::Timestamp;
use oci::{Reference, Repository, Tag};
use registry::ResolvedImage;
use signing::Place;
use signing::verify::{VerifyError, verify_image_for};
use trust::{FirstSigner, TagRoles, TrustError, Unchanged};
use tuf::Role;

use super::{cosign, trust as content_trust};
use crate::personas::cosign::error::Error as CosignError;
use crate::personas::cosign::ops::CosignOps;
use crate::personas::cosign::registry::RegistryOptions;
use crate::personas::docker_trust::ops::Refusal;
use crate::personas::docker_trust::passphrases::UserPassphrases;
use crate::personas::native::image_ops::{
    ImageOps, Look, LookError, Query, Sighting, Sightings, TagBatch,
};
use crate::session::Session;

/// Images looked at, and repositories asked, at the same time.
const AT_ONCE: usize = 16;

/// Registries, and trust servers when they are needed.
pub(super) struct Client<'s> {
    session: &'s Session<'s>,
    cosign: cosign::Client<'s>,
}

impl<'s> Client<'s> {
    /// Reads docker's configuration; contacts nobody.
    pub(super) fn new(
        session: &'s Session<'_>,
        options: &RegistryOptions,
    ) -> Result<Self, CosignError> {
        Ok(Self {
            session,
            cosign: cosign::Client::new(session, options, None)?,
        })
    }
}

impl ImageOps for Client<'_> {
    fn cosign(&mut self) -> &mut dyn CosignOps {
        &mut self.cosign
    }

    fn look(&mut self, look: &Look<'_>, done: &mut dyn FnMut()) -> Sightings {
        let now = self.session.process.now();
        let places: Vec<_> = look
            .images
            .iter()
            .map(|&query| (query, self.cosign.place(&query.image)))
            .collect();
        let trust = TagQueries::of(look.images);
        let client = match trust.0.is_empty() {
            true => None,
            false => Some(content_trust::Client::new(self.session)),
        };
        let images = async {
            let mut images = Vec::with_capacity(places.len());
            let work = stream::iter(places)
                .map(|(query, place)| async move { see(query, place, look, now).await });
            let mut work = work.buffered(AT_ONCE);
            while let Some(image) = work.next().await {
                images.push(image);
                done();
            }
            images
        };
        let asked = async {
            match &client {
                Some(Ok(client)) => trust.ask(client, now).await,
                Some(Err(_)) | None => Vec::new(),
            }
        };
        let (images, asked) = self.cosign.run(future::join(images, asked));
        let content_trust = match client {
            Some(Err(refusal)) => trust.all_refused(refusal),
            Some(Ok(client)) => asked
                .into_iter()
                .map(|(repository, answer)| {
                    let answer = answer.map_err(|error| client.refusal(repository, error));
                    (repository.gun(), answer)
                })
                .collect(),
            None => BTreeMap::new(),
        };
        Sightings {
            images,
            content_trust,
        }
    }

    fn resolve(
        &mut self,
        images: &[Reference],
        done: &mut dyn FnMut(),
    ) -> Vec<Result<ResolvedImage, CosignError>> {
        let registries: Vec<_> = images
            .iter()
            .map(|image| (image, self.cosign.registry(image.repository())))
            .collect();
        self.cosign.run(async {
            let work = stream::iter(registries).map(|(image, registry)| async move {
                let found = registry?.resolve(image).await;
                found.map_err(|error| cosign::unplaced(image, error.into()))
            });
            let mut work = work.buffered(AT_ONCE);
            let mut resolved = Vec::with_capacity(images.len());
            while let Some(image) = work.next().await {
                resolved.push(image);
                done();
            }
            resolved
        })
    }

    fn sign_tags(
        &mut self,
        batches: &[TagBatch],
        go_on: &mut dyn FnMut(&mut dyn CosignOps),
        report: &mut dyn FnMut(usize, Result<Vec<Role>, Refusal>),
    ) -> Result<(), Vec<(usize, Refusal)>> {
        let everywhere = |refusal| vec![(0, refusal)];
        let client = content_trust::Client::new(self.session).map_err(everywhere)?;
        let process = self.session.process;
        let mut passphrases = UserPassphrases::new(process);
        let mut observer = ();
        let mut session = client
            .trust
            .session(&mut passphrases, &mut observer, process.now());
        let mut repositories = Vec::with_capacity(batches.len());
        let mut refused = Vec::new();
        for (index, batch) in batches.iter().enumerate() {
            let name = &batch.repository;
            let rehearsed = client.trust.repository(name).and_then(|repository| {
                let tags: Vec<Tag> = batch.images.iter().map(|(tag, _)| tag.clone()).collect();
                let first = FirstSigner::User;
                let work = repository.rehearse_signing(&tags, first, &mut session);
                client.runtime.block_on(work)?;
                Ok(repository)
            });
            match rehearsed {
                Ok(repository) => repositories.push(repository),
                Err(error) => refused.push((index, client.refusal(name, error))),
            }
        }
        if !refused.is_empty() {
            return Err(refused);
        }
        go_on(&mut self.cosign);
        session.set_now(process.now());
        for (index, (batch, repository)) in batches.iter().zip(repositories).enumerate() {
            let work = repository.sign(&batch.images, Unchanged::Resign, &mut session);
            let outcome = client.runtime.block_on(work);
            report(
                index,
                match outcome {
                    Ok(published) => {
                        let gun = batch.repository.gun();
                        client.warn_expiring(&gun, &published.expiring);
                        if published.initialised.is_some() {
                            process.err(format_args!(
                                "note: content trust begins for {gun}; its root key is in docker's trust folder: back it up\n"
                            ));
                        }
                        Ok(published.outcome.roles)
                    }
                    Err(error) => Err(client.refusal(&batch.repository, error)),
                },
            );
        }
        Ok(())
    }
}

/// Looks at one image: its signatures if they are to be judged, else only what it is.
async fn see(
    query: &Query,
    place: Result<Place, CosignError>,
    look: &Look<'_>,
    now: Timestamp,
) -> Result<Sighting, LookError> {
    let place = place.map_err(LookError::Client)?;
    if query.requests.is_empty() {
        let image = place.resolve().await.map_err(|error| {
            LookError::Verify(if error.is_absent() {
                VerifyError::NoSuchImage(error)
            } else {
                VerifyError::Place(error)
            })
        })?;
        return Ok(Sighting {
            digest: image.digest(),
            outcomes: Vec::new(),
        });
    }
    let outcomes = verify_image_for(&place, &query.requests, look.trust, now)
        .await
        .map_err(LookError::Verify)?;
    let first = outcomes.first().expect("an outcome for each request");
    Ok(Sighting {
        digest: first.image().digest(),
        outcomes,
    })
}

/// Each repository that content trust is asked about: some of its tags, or all.
struct TagQueries<'q>(BTreeMap<&'q Repository, Option<Vec<&'q str>>>);

impl<'q> TagQueries<'q> {
    fn of(queries: &[&'q Query]) -> Self {
        let mut repositories: BTreeMap<&Repository, Option<Vec<&str>>> = BTreeMap::new();
        for query in queries.iter().filter(|query| query.content_trust) {
            let tags = repositories
                .entry(query.image.repository())
                .or_insert_with(|| Some(Vec::new()));
            match (query.image.tag(), tags) {
                (Some(tag), Some(tags)) if !tags.contains(&tag.as_str()) => tags.push(tag.as_str()),
                (Some(_), _) => {}
                (None, tags) => *tags = None,
            }
        }
        Self(repositories)
    }

    async fn ask(
        &self,
        client: &content_trust::Client<'_>,
        now: Timestamp,
    ) -> Vec<(&'q Repository, Result<Vec<TagRoles>, TrustError>)> {
        let answers = stream::iter(&self.0).map(|(repository, tags)| async move {
            let answer = async {
                let known = client.trust.repository(repository)?;
                known.roles(tags.as_deref(), now).await
            };
            (*repository, answer.await)
        });
        answers.buffered(AT_ONCE).collect().await
    }

    /// The same refusal for all; its text for all but the first.
    fn all_refused(&self, refusal: Refusal) -> BTreeMap<String, Result<Vec<TagRoles>, Refusal>> {
        let problem = refusal.bare();
        let mut first = Some(refusal);
        let refusals = self.0.keys().map(|repository| {
            let refusal = first.take().unwrap_or_else(|| Refusal::Configuration {
                problem: problem.clone(),
            });
            (repository.gun(), Err(refusal))
        });
        refusals.collect()
    }
}
