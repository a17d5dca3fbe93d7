//! Flags that exclude each other, for the commands that sign and those that verify.

use super::error::Error;
use super::flags::{
    CA_INTERMEDIATES, CA_ROOTS, CERTIFICATE, CERTIFICATE_CHAIN, FULCIO_AUTH_FLOW, FULCIO_URL,
    IDENTITY, IDENTITY_REGEXP, IDENTITY_TOKEN, IGNORE_SCT, ISSUE_CERTIFICATE, ISSUER,
    ISSUER_REGEXP, KEY, OFFLINE, OIDC_DISABLE_AMBIENT, OIDC_ISSUER, OIDC_PROVIDER, REKOR_URL, SCT,
    SECURITY_KEY, SIGNING_ALGORITHM, SIGNING_CONFIG, TIMESTAMP_CHAIN, TIMESTAMP_SERVER_URL,
    TRUSTED_ROOT, USE_SIGNING_CONFIG, WORKFLOW_NAME, WORKFLOW_REF, WORKFLOW_REPOSITORY,
    WORKFLOW_SHA, WORKFLOW_TRIGGER,
};
use super::not_both;
use crate::cobra::{Flag, Matches};

/// The first flags are to be dropped where the second is there: why, as a clause.
type Rule = (&'static [&'static Flag], &'static Flag, &'static str);

const SERVICES: &[&Flag] = &[&FULCIO_URL, &OIDC_ISSUER, &REKOR_URL, &TIMESTAMP_SERVER_URL];

const SIGNING: &[Rule] = &[
    (&[&SECURITY_KEY], &KEY, "one key signs"),
    (&[&SIGNING_ALGORITHM], &KEY, "the key has its own"),
    (
        &[&CERTIFICATE],
        &ISSUE_CERTIFICATE,
        "a new certificate is asked for",
    ),
    (
        SERVICES,
        &SIGNING_CONFIG,
        "the configuration names the services",
    ),
    (
        SERVICES,
        &USE_SIGNING_CONFIG,
        "the configuration names the services",
    ),
    (&[&OIDC_PROVIDER], &IDENTITY_TOKEN, "the token is given"),
    (
        &[&OIDC_DISABLE_AMBIENT],
        &OIDC_PROVIDER,
        "it asks for the token of a provider that it names",
    ),
];

/// Of a key that is not to be certified.
const KEY_ALONE: Rule = (
    &[&IDENTITY_TOKEN, &OIDC_PROVIDER, &FULCIO_AUTH_FLOW],
    &KEY,
    "a key needs no identity token",
);

const VERIFICATION: &[Rule] = &[
    (&[&SECURITY_KEY], &KEY, "one key decides"),
    (
        &[&IDENTITY, &IDENTITY_REGEXP, &ISSUER, &ISSUER_REGEXP],
        &KEY,
        "a key names nobody",
    ),
    (
        &[
            &WORKFLOW_NAME,
            &WORKFLOW_REF,
            &WORKFLOW_REPOSITORY,
            &WORKFLOW_SHA,
            &WORKFLOW_TRIGGER,
        ],
        &KEY,
        "a key names no workflow",
    ),
    (&[&IDENTITY], &IDENTITY_REGEXP, "one of them decides"),
    (&[&ISSUER], &ISSUER_REGEXP, "one of them decides"),
    (&[&REKOR_URL], &OFFLINE, "no service is contacted"),
    (&[&SCT], &IGNORE_SCT, "no promise of a log is looked at"),
    (
        &[
            &CA_ROOTS,
            &CA_INTERMEDIATES,
            &CERTIFICATE_CHAIN,
            &TIMESTAMP_CHAIN,
        ],
        &TRUSTED_ROOT,
        "the trusted root names the authorities",
    ),
    (
        &[&CERTIFICATE_CHAIN],
        &CA_ROOTS,
        "both name the authorities",
    ),
    (
        &[&CERTIFICATE_CHAIN],
        &CA_INTERMEDIATES,
        "both name the authorities",
    ),
];

/// Of a command that signs.
///
/// # Errors
/// [`Error::Conflict`].
pub(super) fn check_signing(matches: &Matches) -> Result<(), Error> {
    check(matches, SIGNING)?;
    if !matches.on(&ISSUE_CERTIFICATE) {
        check(matches, &[KEY_ALONE])?;
    }
    let declined = matches.given(&USE_SIGNING_CONFIG).is_some() && !matches.on(&USE_SIGNING_CONFIG);
    if declined
        && matches
            .given(&SIGNING_CONFIG)
            .is_some_and(|path| !path.is_empty())
    {
        return Err(Error::Conflict {
            drop: USE_SIGNING_CONFIG.name,
            because: SIGNING_CONFIG.name,
            why: "it says that no configuration is used",
        });
    }
    Ok(())
}

/// Of a command that verifies.
///
/// # Errors
/// [`Error::Conflict`].
pub(super) fn check_verification(matches: &Matches) -> Result<(), Error> {
    check(matches, VERIFICATION)
}

fn check(matches: &Matches, rules: &[Rule]) -> Result<(), Error> {
    for (drop, because, why) in rules {
        for flag in *drop {
            not_both(matches, flag, because, why)?;
        }
    }
    Ok(())
}
