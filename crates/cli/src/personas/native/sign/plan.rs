//! What is to be signed how, by flags or by the `[sign]` table of a policy file.

use std::collections::BTreeMap;

use signing::policy::{SignSettings, Signing, parse_formats};
use signing::sign::Format;

use super::super::error::Error;
use super::super::policy_file::{Located, PolicyFile};
use crate::cobra::{Completes, Flag, Matches};
use crate::failure::Failure;
use crate::personas::cosign::annotations;
use crate::personas::cosign::flags::{
    ANNOTATIONS, IDENTITY_TOKEN, KEY, SIGNING_CONFIG, TRUSTED_ROOT, YES,
};
use crate::session::Session;

const CONTENT_TRUST: Flag = Flag::switch(
    "content-trust",
    "Sign by content trust, with the keys of docker's trust folder",
);
const FORMAT: Flag = Flag::text(
    "format",
    "",
    "What to write: tag (cosign 2, read by everybody; the default), referrer, bundle (cosign 3), or both tag and bundle",
)
.completing(Completes::Words(&["tag", "referrer", "bundle", "both"]));
const KEYLESS: Flag = Flag::switch(
    "keyless",
    "Sign with the identity of a token, with the services of --signing-config or of 'cosign initialize'",
);

const RECURSIVE: Flag = Flag::switch(
    "recursive",
    "Sign each manifest of an index by Sigstore, too; content trust signs the tag",
)
.short('r');

/// The flags of [`Plan::of`].
pub(super) const FLAGS: &[Flag] = &[
    ANNOTATIONS,
    CONTENT_TRUST,
    FORMAT,
    IDENTITY_TOKEN,
    KEY,
    KEYLESS,
    RECURSIVE,
    SIGNING_CONFIG,
    TRUSTED_ROOT,
    YES,
];

/// What is to be done for each image.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) content_trust: bool,
    pub(super) sigstore: Option<SigstorePlan>,
}

/// A signature of Sigstore.
#[derive(Debug)]
pub(super) struct SigstorePlan {
    pub(super) formats: Vec<Format>,
    /// Each manifest of an index, too.
    pub(super) recursive: bool,
    pub(super) annotations: BTreeMap<String, String>,
    /// The flags of cosign's signers, with what the file says where the line says nothing.
    pub(super) signer: Matches,
}

impl Plan {
    pub(super) fn of(session: &Session<'_>, matches: &Matches) -> Result<Self, Failure> {
        let process = session.process;
        let given = |flag| matches.given(flag).is_some_and(|text| !text.is_empty());
        if given(&KEY) && matches.on(&KEYLESS) {
            return Err(Error::Conflict {
                drop: KEYLESS.name,
                because: format!("--{}", KEY.name),
                why: "one of them signs",
                way_out: String::new(),
            }
            .into());
        }
        let flag = [&KEY, &KEYLESS, &CONTENT_TRUST]
            .into_iter()
            .find(|flag| matches.on(flag) || (!flag.is_switch() && given(flag)));
        let located = Located::find(process, matches)?;
        let file = match located.clone() {
            Some(located) => Some(located.read(process)?),
            None => None,
        };
        let settings = file.as_ref().and_then(|file| file.policy.sign());
        match (flag, settings, &located, &file) {
            (Some(flag), Some(_), Some(located), _) => Err(located.conflict(flag.name).into()),
            (Some(_), ..) => Self::of_flags(matches),
            (None, Some(settings), _, Some(file)) => Self::of_file(matches, settings, file),
            (None, ..) => Err(Error::NothingToSign {
                file: file.map(|file| file.path),
            }
            .into()),
        }
    }

    fn of_flags(matches: &Matches) -> Result<Self, Failure> {
        let is_signer = matches.given(&KEY).is_some() || matches.on(&KEYLESS);
        let sigstore = is_signer.then(|| SigstorePlan::new(matches, None, matches.clone()));
        let plan = Self {
            content_trust: matches.on(&CONTENT_TRUST),
            sigstore: sigstore.transpose()?,
        };
        plan.check(matches)
    }

    fn of_file(
        matches: &Matches,
        settings: &SignSettings,
        file: &PolicyFile,
    ) -> Result<Self, Failure> {
        let sigstore = settings.sigstore.as_ref().map(|signing| {
            let mut signer = matches.clone();
            let value = |name: &str| match name {
                "key" => signing.key.as_deref().map(|key| file.key(key)),
                "signing-config" => Some(file.file(signing.signing_config.as_deref()?)),
                "trusted-root" => Some(file.file(file.policy.trusted_root()?)),
                _ => None,
            };
            signer
                .fill(FLAGS, value)
                .expect("these flags take any text");
            SigstorePlan::new(matches, Some(signing), signer)
        });
        let plan = Self {
            content_trust: settings.content_trust,
            sigstore: sigstore.transpose()?,
        };
        plan.check(matches)
    }

    /// Flags that are for Sigstore say nothing without it.
    fn check(self, matches: &Matches) -> Result<Self, Failure> {
        let lost = [
            &ANNOTATIONS,
            &FORMAT,
            &IDENTITY_TOKEN,
            &RECURSIVE,
            &SIGNING_CONFIG,
            &TRUSTED_ROOT,
        ];
        match lost.into_iter().find(|flag| matches.given(flag).is_some()) {
            Some(flag) if self.sigstore.is_none() => Err(Error::Conflict {
                drop: flag.name,
                because: "content trust alone".to_owned(),
                why: "it is about signatures of Sigstore",
                way_out: ", or sign by Sigstore, too: with --key or --keyless".to_owned(),
            }
            .into()),
            _ => Ok(self),
        }
    }
}

impl SigstorePlan {
    /// What the line says goes before what the file says; annotations are those of both.
    fn new(matches: &Matches, signing: Option<&Signing>, signer: Matches) -> Result<Self, Failure> {
        let mut annotations =
            signing.map_or_else(BTreeMap::new, |signing| signing.annotations.clone());
        annotations.extend(annotations::parse(matches.values(&ANNOTATIONS))?);
        let formats = match matches.given(&FORMAT).filter(|word| !word.is_empty()) {
            Some(word) => Some(parse_formats(word).ok_or_else(|| Error::Format {
                found: word.to_owned(),
            })?),
            None => signing.and_then(|signing| signing.formats.clone()),
        };
        Ok(Self {
            formats: formats.unwrap_or_else(|| vec![Format::Tag]),
            recursive: matches.on(&RECURSIVE),
            annotations,
            signer,
        })
    }
}
