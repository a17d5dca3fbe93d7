//! What is demanded, by flags or by a policy, and what has to be looked at for it.

use std::collections::{BTreeMap, BTreeSet};

use oci::Reference;
use pki::digest::Sha256;
use pki::signature::VerifyingKey;
use signing::discover::Kind;
use signing::policy::{Identity, Policy, Requirement, SignedBy};
use signing::verify::{Proofs, Request, Whose};
use sigstore::identity::{Pattern, TextRule};
use sigstore::trust::TrustedRoot;
use sigstore::verify::{Because, Rule, TimestampRule};

use super::super::error::Error;
use super::super::image_ops::Query;
use super::super::policy_file::{Located, PolicyFile};
use crate::cobra::{Completes, Flag, Matches};
use crate::failure::Failure;
use crate::personas::cosign::flags::{ANNOTATIONS, OFFLINE, TRUSTED_ROOT};
use crate::personas::cosign::{Context, annotations, keys, verification};
use crate::session::Session;

pub(super) const CONTENT_TRUST: Flag = Flag::switch(
    "content-trust",
    "Content trust must have the tag for this very image, as a trusted pull takes it",
);
pub(super) const IDENTITY: Flag = Flag::text(
    "identity",
    "",
    "Whom the signer's certificate must name: an address or a URI",
);
pub(super) const IDENTITY_REGEXP: Flag = Flag::text(
    "identity-regexp",
    "",
    "The same as a regular expression (RE2)",
);
pub(super) const ISSUER: Flag = Flag::text(
    "issuer",
    "",
    "Who must vouch for the identity: https://gitlab.com",
);
pub(super) const ISSUER_REGEXP: Flag = Flag::text(
    "issuer-regexp",
    "",
    "The same as a regular expression (RE2)",
);
pub(super) const KEY: Flag = Flag::list(
    "key",
    "Public key of the signer: a file, env://VARIABLE, a web address, or the reference of a key service; of several, \
     one is enough",
)
.completing(Completes::File);
pub(super) const ROLE: Flag = Flag::list(
    "role",
    "Role of content trust that must have signed the tag, such as targets/releases; of several, each",
);

/// The flags that say what is demanded.
pub(super) const DEMANDS: &[Flag] = &[
    ANNOTATIONS,
    CONTENT_TRUST,
    IDENTITY,
    IDENTITY_REGEXP,
    ISSUER,
    ISSUER_REGEXP,
    KEY,
    ROLE,
];

/// What is demanded.
#[derive(Debug)]
pub(super) struct Demands {
    /// The file, if the demands are of one.
    file: Option<PolicyFile>,
    /// The demands of flags, if there is no file.
    flags: Policy,
}

/// What is needed to judge some images.
#[derive(Debug)]
pub(super) struct Means {
    /// The keys that rules name, or why one cannot be had.
    pub(super) keys: BTreeMap<String, Result<VerifyingKey, String>>,
    /// Whom identities are verified against; nobody, if none is demanded.
    pub(super) trust: TrustedRoot,
}

impl Demands {
    pub(super) fn of(session: &Session<'_>, matches: &Matches) -> Result<Self, Failure> {
        let given = DEMANDS
            .iter()
            .find(|flag| matches.on(flag) || !matches.values(flag).is_empty());
        match (given, Located::find(session.process, matches)?) {
            (Some(flag), Some(located)) => Err(located.conflict(flag.name).into()),
            (Some(_), None) => Ok(Self {
                file: None,
                flags: of_flags(matches)?,
            }),
            (None, Some(located)) => Ok(Self {
                file: Some(located.read(session.process)?),
                flags: Policy::default(),
            }),
            (None, None) => Err(Error::NothingDemanded.into()),
        }
    }

    pub(super) fn policy(&self) -> &Policy {
        self.file.as_ref().map_or(&self.flags, |file| &file.policy)
    }

    /// The file as the user named it.
    pub(super) fn path(&self) -> Option<String> {
        self.file
            .as_ref()
            .map(|file| file.path.display().to_string())
    }

    /// Keys and roots for these images, and for no others.
    pub(super) fn means(
        &self,
        session: &Session<'_>,
        matches: &Matches,
        images: &[Reference],
    ) -> Result<Means, Failure> {
        let (mut names, mut identities, mut roles) = (BTreeSet::new(), false, false);
        let rules = images
            .iter()
            .filter_map(|image| self.policy().rule_for(image.repository()));
        for needs in rules.map(|rule| rule.needs()) {
            names.extend(needs.keys);
            identities |= !needs.identities.is_empty();
            roles |= !needs.roles.is_empty();
        }
        if roles && matches.on(&OFFLINE) {
            return Err(Error::OfflineContentTrust.into());
        }
        let context = Context {
            session,
            timeout: None,
        };
        let mut means = Means {
            keys: BTreeMap::new(),
            trust: TrustedRoot::default(),
        };
        for name in names {
            let known = self.key(&context, name)?;
            means.keys.insert(name.to_owned(), known);
        }
        if identities {
            means.trust = self.trust(&context, matches)?;
        }
        Ok(means)
    }

    /// A key by its name. One of a flag has to be there; without one of a policy, other signers may be enough.
    fn key(
        &self,
        context: &Context<'_>,
        name: &str,
    ) -> Result<Result<VerifyingKey, String>, Failure> {
        let Some(place) = self.policy().keys().get(name) else {
            return Ok(Err(format!("no key {name:?}")));
        };
        let Some(file) = &self.file else {
            return Ok(Ok(keys::public(context, place)?));
        };
        let key = if place.trim_start().starts_with("-----BEGIN") {
            VerifyingKey::from_pem(place.as_bytes()).map_err(|error| error.to_string())
        } else {
            // One line among others.
            keys::public(context, &file.key(place))
                .map_err(|error| error.text().replace('\n', ". "))
        };
        Ok(key)
    }

    fn trust(&self, context: &Context<'_>, matches: &Matches) -> Result<TrustedRoot, Failure> {
        let of_file = self
            .file
            .as_ref()
            .and_then(|file| Some(file.file(file.policy.trusted_root()?)));
        Ok(match of_file {
            Some(path) if matches.given(&TRUSTED_ROOT).is_none() => {
                verification::trusted_root(context, &path)?
            }
            _ => verification::trust(context, matches, true)?,
        })
    }

    /// What to find out about an image.
    pub(super) fn query(&self, image: &Reference, means: &Means) -> Query {
        let policy = self.policy();
        let needs = policy
            .rule_for(image.repository())
            .map(|rule| rule.needs())
            .unwrap_or_default();
        let keys: Vec<VerifyingKey> = needs
            .keys
            .iter()
            .filter_map(|name| means.keys.get(*name)?.as_ref().ok().cloned())
            .collect();
        let identities: Vec<_> = needs
            .identities
            .iter()
            .filter_map(|name| Some(policy.identities().get(*name)?.to_policy()))
            .collect();
        let mut requests = Vec::new();
        if !keys.is_empty() {
            let mut request = Request::new(Whose::Keys(keys), Kind::Signature);
            request.proofs = OF_KEYS;
            requests.push(request);
        }
        if !identities.is_empty() {
            requests.push(Request::new(Whose::Identities(identities), Kind::Signature));
        }
        Query {
            image: image.clone(),
            content_trust: !needs.roles.is_empty(),
            requests,
        }
    }
}

/// The holder of a key is trusted at any time, and nobody else is asked.
const OF_KEYS: Proofs = Proofs {
    log: Rule::Waived(Because::NotDemanded),
    sct: Rule::Waived(Because::NotDemanded),
    timestamp: TimestampRule::IfThere,
    legacy_timestamp: TimestampRule::IfThere,
};

impl Means {
    /// The keys that could be had, as facts have them.
    pub(super) fn key_ids(&self) -> BTreeMap<String, Sha256> {
        let known = self.keys.iter();
        known
            .filter_map(|(name, key)| Some((name.clone(), key.as_ref().ok()?.spki_sha256())))
            .collect()
    }
}

/// The policy that flags make: every kind of demand has to be satisfied.
fn of_flags(matches: &Matches) -> Result<Policy, Failure> {
    let is_empty = |flag: &&'static Flag| matches.values(flag).iter().any(String::is_empty);
    if let Some(Flag { name: flag, .. }) = DEMANDS.iter().find(is_empty) {
        return Err(Error::Empty { flag }.into());
    }
    let annotations = annotations::parse(matches.values(&ANNOTATIONS))?;
    let mut parts = Vec::new();
    let mut keys = BTreeMap::new();
    let mut of_keys: Vec<Requirement> = Vec::new();
    for place in matches.values(&KEY) {
        if keys.insert(place.clone(), place.clone()).is_none() {
            of_keys.push(Requirement::SignedBy(SignedBy::Key {
                name: place.clone(),
                annotations: annotations.clone(),
            }));
        }
    }
    parts.extend(one_of(of_keys));
    let mut identities = BTreeMap::new();
    if let Some((name, identity)) = identity(matches)? {
        if !keys.is_empty() {
            return Err(Error::KeyOrIdentity.into());
        }
        parts.push(Requirement::SignedBy(SignedBy::Identity {
            name: name.clone(),
            annotations: annotations.clone(),
        }));
        identities.insert(name, identity);
    }
    if parts.is_empty() && !annotations.is_empty() {
        return Err(Error::AnnotationsOfNobody.into());
    }
    let roles = matches.values(&ROLE);
    if matches.on(&CONTENT_TRUST) {
        // What a trusted pull looks at.
        let released = ["targets/releases", "targets"];
        let released = released.map(|role| Requirement::SignedBy(SignedBy::Role(role.to_owned())));
        parts.push(Requirement::Any(released.into()));
    }
    for role in roles {
        let signed_by = SignedBy::role(role).ok_or_else(|| Error::Role {
            found: role.clone(),
        })?;
        parts.push(Requirement::SignedBy(signed_by));
    }
    let requirement = match <[Requirement; 1]>::try_from(parts) {
        Ok([part]) => part,
        Err(parts) if parts.is_empty() => return Err(Error::NothingDemanded.into()),
        Err(parts) => Requirement::All(parts),
    };
    Ok(Policy::everywhere(keys, identities, requirement))
}

fn one_of(mut each: Vec<Requirement>) -> Option<Requirement> {
    match each.len() {
        0 | 1 => each.pop(),
        _ => Some(Requirement::Any(each)),
    }
}

/// The identity that flags demand, named by its subject.
fn identity(matches: &Matches) -> Result<Option<(String, Identity)>, Error> {
    let subject = rule(matches, &IDENTITY, &IDENTITY_REGEXP)?;
    let issuer = rule(matches, &ISSUER, &ISSUER_REGEXP)?;
    match (subject, issuer) {
        (None, None) => Ok(None),
        (Some((name, subject)), Some((_, issuer))) => {
            Ok(Some((name, Identity { subject, issuer })))
        }
        (Some(_), None) => Err(Error::Needed {
            flag: ISSUER.name,
            why: "an identity is worth what the one who vouches for it is worth",
        }),
        (None, Some(_)) => Err(Error::Needed {
            flag: IDENTITY.name,
            why: "an issuer vouches for everybody who has an account there",
        }),
    }
}

fn rule(
    matches: &Matches,
    exact: &'static Flag,
    regexp: &'static Flag,
) -> Result<Option<(String, TextRule)>, Error> {
    match (matches.given(exact), matches.given(regexp)) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(Error::Conflict {
            drop: regexp.name,
            because: format!("--{}", exact.name),
            why: "one of them decides",
            way_out: String::new(),
        }),
        (Some(text), None) => Ok(Some((text.to_owned(), TextRule::Exact(text.to_owned())))),
        (None, Some(text)) => {
            let pattern = Pattern::new(text).map_err(|error| Error::Expression {
                flag: regexp.name,
                reason: error.to_string(),
            })?;
            Ok(Some((text.to_owned(), TextRule::Matching(pattern))))
        }
    }
}
