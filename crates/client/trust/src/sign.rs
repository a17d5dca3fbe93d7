//! Signing tags, and taking signatures back.

use std::collections::BTreeMap;

use oci::{Digest, Tag};
use pki::digest::Sha256;
use pki::key::CanonicalKeyId;
use registry::ResolvedImage;
use tuf::edit::Editor;
use tuf::metadata::{FileMeta, Hashes};
use tuf::{DelegationName, Refusal, Role};

use crate::client::Repository;
use crate::error::TrustError;
use crate::inspect::{canonical, released_roles, signed_tags};
use crate::publish::{Change, Draft, Missing, Published};
use crate::session::{Event, Session};
use crate::signer::{delegate, delegations};

/// What to do about a tag that is signed already, just so, by every key at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "the two answers there are")]
pub enum Unchanged {
    /// Sign it anew: the keys are proved, and the signature lasts three more years.
    Resign,
    /// Leave it, unless it expires within six months.
    Keep,
}

/// Who signs in a repository that the server does not know yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "the two commands of docker")]
pub enum FirstSigner {
    /// Nobody but the repository key, as after a trusted `docker push`.
    None,
    /// A signer named after the registry's user, as after `docker trust sign`.
    User,
}

/// What [`Repository::sign`] did.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Signed {
    /// Each tag, in the order given.
    pub tags: Vec<TagSigned>,
    /// The roles that the keys at hand signed; empty if everything was left as it was.
    pub roles: Vec<Role>,
    /// Of those, the ones whose former content nobody could verify any more and that begin anew.
    pub reset: Vec<Role>,
}

/// What became of one tag.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TagSigned {
    /// The tag.
    pub tag: String,
    /// The digest that it stands for now.
    pub digest: Sha256,
    /// Who had signed this very digest before.
    pub before: Vec<String>,
    /// The digest that the tag stood for before, if it was another one.
    pub replaced: Option<Sha256>,
    /// Whether it is signed anew by this publish.
    pub signed: bool,
}

/// What [`Repository::revoke`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revoked {
    /// The tags that are no longer released.
    pub tags: Vec<String>,
    /// The roles that they were taken out of.
    pub roles: Vec<Role>,
    /// Delegated roles that still name one of the tags, because their keys are not at hand; they do not release.
    pub remaining: Vec<Role>,
}

impl Repository<'_> {
    /// Signs tags of this repository, all with one publish: in every delegation of `targets` that a key at hand may
    /// sign and whose paths allow the tag; in `targets` itself only if there are no delegations.
    ///
    /// A repository that the server does not know is initialised, with a first signer named after the registry's
    /// user, whose key is the first of that name in the key store, or new.
    ///
    /// # Errors
    /// [`TrustError::ImageRepository`], [`TrustError::ImageDigest`], [`TrustError::NoUserName`],
    /// [`TrustError::SignerName`] before anything happens; [`TrustError::NoDelegationKeys`]; else as every publishing
    /// use case.
    pub async fn sign(
        &self,
        images: &[(Tag, ResolvedImage)],
        unchanged: Unchanged,
        session: &mut Session<'_>,
    ) -> Result<Published<Signed>, TrustError> {
        self.sign_from(images, unchanged, FirstSigner::User, session)
            .await
    }

    /// As [`Repository::sign`], with the first signer of a new repository to be chosen.
    ///
    /// # Errors
    /// Those of [`Repository::sign`].
    pub async fn sign_from(
        &self,
        images: &[(Tag, ResolvedImage)],
        unchanged: Unchanged,
        first_signer: FirstSigner,
        session: &mut Session<'_>,
    ) -> Result<Published<Signed>, TrustError> {
        let mut targets = Vec::with_capacity(images.len());
        for (tag, image) in images {
            let tag = tag.to_string();
            if Some(image.repository()) != self.name.as_ref() {
                return Err(TrustError::ImageRepository {
                    tag,
                    gun: self.gun.clone(),
                });
            }
            let Digest::Sha256(digest) = image.manifest_digest() else {
                return Err(TrustError::ImageDigest { tag });
            };
            let meta = FileMeta::new(image.size(), Hashes::new(Some(digest), None), None);
            targets.push((
                tag.clone(),
                digest,
                meta.ok_or(TrustError::ImageDigest { tag })?,
            ));
        }
        let change = Sign {
            targets,
            unchanged,
            first_signer,
        };
        self.publish(&change, session).await
    }

    /// Takes back one tag, or all: out of every role that has it and that a key at hand may sign.
    ///
    /// # Errors
    /// [`TrustError::NotSigned`] for a tag, [`TrustError::NoSignedTags`] for all; [`TrustError::MissingKeys`] if a tag
    /// would stay released, because the keys of the role that releases it are not at hand; else as every publishing
    /// use case.
    pub async fn revoke(
        &self,
        tag: Option<&Tag>,
        session: &mut Session<'_>,
    ) -> Result<Published<Revoked>, TrustError> {
        self.publish(
            &Revoke {
                tag: tag.map(Tag::as_str),
            },
            session,
        )
        .await
    }
}

/// A role that keys at hand may sign, and the names that it may hold.
struct Signable {
    role: Role,
    paths: Vec<String>,
    /// To be signed anew even if nothing changes.
    renew: bool,
    changed: bool,
}

impl Signable {
    fn new(role: Role, paths: Vec<String>) -> Self {
        Self {
            role,
            paths,
            renew: false,
            changed: false,
        }
    }

    fn allows(&self, name: &str) -> bool {
        self.paths.iter().any(|path| name.starts_with(path))
    }
}

/// A role with the keys that may sign it.
type RoleWithKeys = (Role, Vec<CanonicalKeyId>);

/// The delegations of `targets` that keys at hand may sign, or `targets` if there are none; and what they all need
/// (`docker/cli:cli/trust/trust.go:GetSignableRoles`).
fn signable(draft: &Draft<'_>) -> Result<(Vec<Signable>, Vec<RoleWithKeys>), TrustError> {
    let all = delegations(&draft.editor).filter(|all| !all.roles.is_empty());
    let Some(all) = all else {
        let root = draft.editor.root();
        let ids = root
            .role_keys(&Role::Targets)
            .map_or(&[][..], |keys| keys.keyids.as_slice());
        let keys: Vec<_> = ids.iter().filter_map(|id| root.keys.get(id)).collect();
        let at_hand = draft.keys_at_hand(keys.iter().copied())?;
        let acceptable = keys.into_iter().map(canonical).collect();
        if at_hand.is_empty() {
            return Err(TrustError::MissingKeys {
                role: Role::Targets,
                acceptable,
                needed: 1,
            });
        }
        let targets = Signable::new(Role::Targets, vec![String::new()]);
        return Ok((vec![targets], vec![(Role::Targets, acceptable)]));
    };
    let mut found = Vec::new();
    let mut needed = Vec::new();
    for delegation in all.roles.iter() {
        let role = Role::Delegation(delegation.name.clone());
        let keys: Vec<_> = all.keys_of(delegation).map(|(_, key)| key).collect();
        if !draft.keys_at_hand(keys.iter().copied())?.is_empty() {
            found.push(Signable::new(role.clone(), delegation.paths.clone()));
        }
        needed.push((role, keys.into_iter().map(canonical).collect()));
    }
    Ok((found, needed))
}

/// Makes a role editable whose file is not trusted any more. One that merely expired goes on; of one that lost its
/// signatures nothing is taken over, as nobody answers for it. Returns whether it began anew.
fn revive(draft: &mut Draft<'_>, role: &Role) -> Result<bool, TrustError> {
    let Some(skipped) = draft
        .trusted
        .and_then(|trusted| trusted.skipped().get(role))
    else {
        return Ok(false);
    };
    draft.editor.witness(role)?;
    if matches!(skipped.refusal, Refusal::Expired { .. }) {
        return Ok(false);
    }
    let held = draft.editor.targets(role);
    let names: Vec<String> = held
        .iter()
        .flat_map(|file| file.targets.keys().cloned())
        .collect();
    let below: Vec<DelegationName> = held
        .iter()
        .flat_map(|file| file.delegations.roles.iter())
        .map(|child| child.name.clone())
        .collect();
    for name in names {
        draft.editor.remove_target(role, &name)?;
    }
    for name in below {
        draft.editor.remove_delegation(&name)?;
    }
    Ok(true)
}

pub(crate) struct Sign {
    pub(crate) targets: Vec<(String, Sha256, FileMeta)>,
    pub(crate) unchanged: Unchanged,
    pub(crate) first_signer: FirstSigner,
}

impl Sign {
    /// Adds the first signer to a new repository, with a key of its name from the key store, or a new one.
    fn add_first_signer(
        draft: &mut Draft<'_>,
        session: &mut Session<'_>,
    ) -> Result<(), TrustError> {
        let Some(name) = draft.first_signer.clone() else {
            return Ok(());
        };
        let stored = draft.repository.client.keys().find_by_role(name.as_str())?;
        let key = match stored.first() {
            Some(stored) => session.unlock(&stored.id)?,
            None => draft.new_keys.generate(session, name.as_str(), None)?,
        };
        delegate(&mut draft.editor, &name, &[key.public_key().clone()])
    }

    /// What is known about the tags before the change.
    fn before(&self, draft: &Draft<'_>, session: &mut Session<'_>) -> Vec<TagSigned> {
        let mut released = BTreeMap::new();
        if let Some(trusted) = draft.trusted {
            let tags: Vec<&str> = self.targets.iter().map(|(tag, ..)| tag.as_str()).collect();
            for signed in signed_tags(trusted, Some(&tags)) {
                released
                    .entry(signed.tag.clone())
                    .or_insert_with(Vec::new)
                    .push(signed);
            }
        }
        let mut tags = Vec::with_capacity(self.targets.len());
        for (tag, digest, _) in &self.targets {
            let known = released.get(tag).map_or(&[][..], Vec::as_slice);
            let same = known.iter().find(|signed| signed.digest == Some(*digest));
            let other = known
                .iter()
                .find_map(|signed| signed.digest.filter(|known| known != digest));
            if let Some(same) = same {
                session.tell(Event::AlreadySigned {
                    tag,
                    digest: *digest,
                    signers: &same.signers,
                });
            }
            tags.push(TagSigned {
                tag: tag.clone(),
                digest: *digest,
                before: same.map(|same| same.signers.clone()).unwrap_or_default(),
                replaced: other.filter(|_| same.is_none()),
                signed: false,
            });
        }
        tags
    }
}

impl Change for Sign {
    type Outcome = Signed;

    fn missing(&self) -> Missing {
        match self.first_signer {
            FirstSigner::None => Missing::Initialise,
            FirstSigner::User => Missing::InitialiseWithUser,
        }
    }

    fn stage(
        &self,
        draft: &mut Draft<'_>,
        session: &mut Session<'_>,
    ) -> Result<Signed, TrustError> {
        Self::add_first_signer(draft, session)?;
        let mut tags = self.before(draft, session);
        let (mut signable, needed) = signable(draft)?;
        let mut reset = Vec::new();
        for each in &mut signable {
            if self.targets.iter().any(|(tag, ..)| each.allows(tag)) && revive(draft, &each.role)? {
                reset.push(each.role.clone());
            }
            each.renew = self.unchanged == Unchanged::Resign
                || nears_expiry(&draft.editor, &each.role, session);
        }
        let total = tags.len();
        for (done, ((name, _, meta), outcome)) in self.targets.iter().zip(&mut tags).enumerate() {
            if !signable.iter().any(|each| each.allows(name)) {
                let gun = draft.editor.gun().clone();
                return Err(TrustError::NoDelegationKeys {
                    gun,
                    tag: name.clone(),
                    roles: needed,
                });
            }
            for each in signable.iter_mut().filter(|each| each.allows(name)) {
                if draft.editor.add_target(&each.role, name, meta.clone())? || each.renew {
                    each.changed = true;
                    outcome.signed = true;
                }
            }
            session.tell(Event::Staged {
                done: done + 1,
                total,
            });
        }
        let roles: Vec<_> = signable
            .into_iter()
            .filter(|each| each.changed)
            .map(|each| each.role)
            .collect();
        for role in &roles {
            draft.editor.witness(role)?;
        }
        Ok(Signed { tags, roles, reset })
    }
}

fn nears_expiry(editor: &Editor, role: &Role, session: &Session<'_>) -> bool {
    editor
        .targets(role)
        .is_some_and(|file| file.expires.is_near(session.now))
}

struct Revoke<'a> {
    tag: Option<&'a str>,
}

impl Revoke<'_> {
    /// The released tags that are to go.
    fn tags(&self, draft: &Draft<'_>) -> Result<Vec<String>, TrustError> {
        let gun = draft.editor.gun().clone();
        let released = draft
            .trusted
            .map(|trusted| signed_tags(trusted, self.tag.as_ref().map(std::slice::from_ref)))
            .unwrap_or_default();
        let mut tags: Vec<_> = released.into_iter().map(|signed| signed.tag).collect();
        tags.dedup();
        match self.tag {
            Some(tag) if tags.is_empty() => Err(TrustError::NotSigned {
                gun,
                tag: tag.to_owned(),
            }),
            None if tags.is_empty() => Err(TrustError::NoSignedTags { gun }),
            _ => Ok(tags),
        }
    }
}

impl Change for Revoke<'_> {
    type Outcome = Revoked;

    fn missing(&self) -> Missing {
        Missing::Fail
    }

    fn stage(&self, draft: &mut Draft<'_>, _: &mut Session<'_>) -> Result<Revoked, TrustError> {
        let tags = self.tags(draft)?;
        let holding: Vec<Role> = draft
            .trusted
            .iter()
            .flat_map(|trusted| trusted.files())
            .filter(|(_, file)| {
                tags.iter()
                    .any(|tag| file.signed().targets.contains_key(tag))
            })
            .map(|(role, _)| role.clone())
            .collect();
        let (mut roles, mut remaining) = (Vec::new(), Vec::new());
        for role in holding {
            let keys = role_keys(&draft.editor, &role);
            if draft.keys_at_hand(keys.iter())?.is_empty() {
                // A tag that stays released is not revoked, whatever else was taken back.
                if released_roles().contains(&role) {
                    let acceptable = keys.iter().map(canonical).collect();
                    return Err(TrustError::MissingKeys {
                        role,
                        acceptable,
                        needed: 1,
                    });
                }
                remaining.push(role);
                continue;
            }
            for tag in &tags {
                draft.editor.remove_target(&role, tag)?;
            }
            roles.push(role);
        }
        Ok(Revoked {
            tags,
            roles,
            remaining,
        })
    }
}

/// The keys of `targets` or a delegated role, as staged.
fn role_keys(editor: &Editor, role: &Role) -> Vec<pki::key::PublicKey> {
    match role {
        Role::Delegation(name) => {
            let all = editor
                .targets(&name.delegator())
                .map(|file| &file.delegations);
            let listed = all.and_then(|all| Some((all, all.role(name)?)));
            listed
                .map(|(all, role)| all.keys_of(role).map(|(_, key)| key.clone()).collect())
                .unwrap_or_default()
        }
        _ => {
            let root = editor.root();
            let ids = root
                .role_keys(role)
                .map_or(&[][..], |keys| keys.keyids.as_slice());
            ids.iter()
                .filter_map(|id| root.keys.get(id).cloned())
                .collect()
        }
    }
}
