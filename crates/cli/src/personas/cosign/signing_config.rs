//! `signing-config create`.

use sigstore::trust::{Selector, Service, SigningConfig};

use super::error::Error;
use super::flags::file;
use super::flags::flags;
use super::service_spec::Spec;
use super::trusted_root::print_or_write;
use super::{Action, Context, given, trust_ops};
use crate::cobra::{Command, Completes, Flag, Matches};
use crate::failure::Failure;

const FULCIO: Flag = service("fulcio", "Certificate authority");
const OIDC: Flag = service("oidc-provider", "Identity provider");
const REKOR: Flag = service("rekor", "Transparency log");
const TSA: Flag = service("tsa", "Timestamp authority");
const REKOR_CONFIG: Flag = selector(
    "rekor-config",
    "How many of the logs to use: ANY, ALL or EXACT:count",
);
const TSA_CONFIG: Flag = selector(
    "tsa-config",
    "How many of the timestamp authorities to use: ANY, ALL or EXACT:count",
);
const NO_DEFAULT_FULCIO: Flag =
    Flag::switch("no-default-fulcio", "Leave its certificate authorities out");
const NO_DEFAULT_OIDC: Flag = Flag::switch("no-default-oidc", "Leave its identity providers out");
const NO_DEFAULT_REKOR: Flag = Flag::switch("no-default-rekor", "Leave its transparency logs out");
const NO_DEFAULT_TSA: Flag = Flag::switch("no-default-tsa", "Leave its timestamp authorities out");
const OUT: Flag = file("out", "Write to this file in place of standard output");
const WITH_DEFAULTS: Flag = Flag::switch(
    "with-default-services",
    "Begin with the signing configuration of the repository that was initialised",
);
const WITH_REKOR_V2: Flag = Flag::switch(
    "with-default-rekor-v2",
    "The same with the repository's logs of Rekor v2",
);

/// The help of each says the members: url, api-version, start-time, operator, end-time.
const fn service(name: &'static str, help: &'static str) -> Flag {
    Flag::list(name, help)
}

const fn selector(name: &'static str, help: &'static str) -> Flag {
    Flag::text(name, "", help).completing(Completes::Words(&["ANY", "ALL"]))
}

pub(super) const COMMAND: Command<Action> = Command {
    usage: "COMMAND",
    long: "Make signing configurations: the files that say which services a signer asks",
    flags: flags!(),
    commands: &[CREATE],
    ..Command::new("signing-config", "Make signing configurations")
};

const CREATE: Command<Action> = Command {
    usage: "[OPTIONS]",
    long: "Make a signing configuration, as it is given to --signing-config. Each service is \
           url=URL,api-version=NUMBER,start-time=TIME,operator=NAME and if wanted end-time=TIME; TIME is such as \
           2024-01-31T00:00:00Z. Without any, the configuration says that nobody is asked.",
    flags: flags!(&[
        FULCIO,
        NO_DEFAULT_FULCIO,
        NO_DEFAULT_OIDC,
        NO_DEFAULT_REKOR,
        NO_DEFAULT_TSA,
        OIDC,
        OUT,
        REKOR,
        REKOR_CONFIG,
        TSA,
        TSA_CONFIG,
        WITH_DEFAULTS,
        WITH_REKOR_V2,
    ]),
    run: Some(run),
    ..Command::new("create", "Make a signing configuration")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    for (list, config) in [(&REKOR, &REKOR_CONFIG), (&TSA, &TSA_CONFIG)] {
        if !matches.values(list).is_empty() && given(matches, config).is_none() {
            return Err(Error::Usage {
                problem: format!(
                    "--{} must be provided when --{} is specified",
                    config.name, list.name
                ),
            }
            .into());
        }
    }
    let mut config = defaults(context, matches)?;
    add(matches, &FULCIO, &mut config.certificate_authorities)?;
    add(matches, &OIDC, &mut config.identity_providers)?;
    add(matches, &REKOR, &mut config.logs.services)?;
    add(matches, &TSA, &mut config.timestamp_authorities.services)?;
    if let Some(selector) = chosen(matches, &REKOR_CONFIG)? {
        config.logs.selector = Some(selector);
    }
    if let Some(selector) = chosen(matches, &TSA_CONFIG)? {
        config.timestamp_authorities.selector = Some(selector);
    }
    print_or_write(context, given(matches, &OUT), &config.to_json())
}

/// The repository's configuration without what is not wanted of it; empty unless asked for.
fn defaults(context: &Context<'_>, matches: &Matches) -> Result<SigningConfig, Error> {
    let rekor_v2 = matches.on(&WITH_REKOR_V2);
    if !rekor_v2 && !matches.on(&WITH_DEFAULTS) {
        return Ok(SigningConfig::default());
    }
    let material = trust_ops::initialised(context, false)?;
    let config = if rekor_v2 {
        material.signing_config_rekor_v2()
    } else {
        material.signing_config()
    };
    let mut config = config?.ok_or_else(|| Error::TrustSource {
        problem: "it distributes no signing configuration".to_owned(),
    })?;
    if matches.on(&NO_DEFAULT_FULCIO) {
        config.certificate_authorities.clear();
    }
    if matches.on(&NO_DEFAULT_OIDC) {
        config.identity_providers.clear();
    }
    if matches.on(&NO_DEFAULT_REKOR) {
        config.logs = Default::default();
    }
    if matches.on(&NO_DEFAULT_TSA) {
        config.timestamp_authorities = Default::default();
    }
    Ok(config)
}

fn add(matches: &Matches, flag: &'static Flag, to: &mut Vec<Service>) -> Result<(), Error> {
    const KNOWN: &[&str] = &["url", "api-version", "start-time", "end-time", "operator"];
    let name = flag.name;
    for text in matches.values(flag) {
        let spec = Spec::parse(name, text, KNOWN)?;
        to.push(Service {
            url: spec.required("url")?.to_owned(),
            major_api_version: spec.number("api-version")?,
            window: spec.window_with_start()?,
            operator: spec.required("operator")?.to_owned(),
        });
    }
    Ok(())
}

fn chosen(matches: &Matches, flag: &'static Flag) -> Result<Option<Selector>, Error> {
    given(matches, flag)
        .map(|text| {
            let selector = Selector::parse(text).map_err(|error| error.to_string());
            let selector = match selector {
                Ok(Selector::Exact(0)) => Err("EXACT:0 selects nothing".to_owned()),
                selector => selector,
            };
            selector.map_err(|problem| Error::Usage {
                problem: format!("parsing {}: {problem}", flag.name),
            })
        })
        .transpose()
}
