//! Trusted roots of the targets that repositories have had since before `trusted_root.json`
//! (`sigstore/sigstore:pkg/tuf/client.go`, `GetTargetsByMeta`).

use pki::signature::VerifyingKey;
use serde::Deserialize;
use sigstore::chain::Window;
use sigstore::fulcio::chain_from_pem;
use sigstore::trust::{
    LooseError, TransparencyLog, TrustedRoot, certificate_authorities, timestamp_authority,
};
use sigstore_tuf::{TargetFile, Targets};

use crate::error::TargetError;
use crate::{Error, Trusted, limits};

/// What a target is for, as its own metadata says; and the names that say it where no target of a kind has any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Usage {
    Fulcio,
    Rekor,
    #[serde(rename = "CTFE")]
    Ctfe,
    #[serde(rename = "TSA")]
    Tsa,
}

#[derive(Deserialize)]
struct Custom {
    sigstore: CustomSigstore,
}

#[derive(Deserialize)]
struct CustomSigstore {
    usage: Usage,
    #[serde(default)]
    uri: String,
}

impl Usage {
    fn has_name(self, name: &str) -> bool {
        match self {
            Self::Fulcio => matches!(
                name,
                "fulcio.crt.pem" | "fulcio_v1.crt.pem" | "fulcio_intermediate_v1.crt.pem"
            ),
            Self::Rekor => name == "rekor.pub",
            Self::Ctfe => name == "ctfe.pub",
            Self::Tsa => name.starts_with("tsa_") && name.ends_with(".crt.pem"),
        }
    }
}

/// A trusted root without windows: these targets have none.
///
/// # Errors
/// No certificate authority, log or timestamping authority at all; targets that do not parse or fit together.
pub(crate) async fn trusted_root(trusted: &mut Trusted<'_>) -> Result<TrustedRoot, Error> {
    let mut root = TrustedRoot::default();
    let (uri, certificates) = certificates(trusted, Usage::Fulcio).await?;
    if !certificates.is_empty() {
        root.certificate_authorities =
            certificate_authorities(&uri, &certificates, Window::default())
                .map_err(|error| target("Fulcio", error))?;
    }
    let (uri, certificates) = self::certificates(trusted, Usage::Tsa).await?;
    if !certificates.is_empty() {
        let authority = timestamp_authority(&uri, &certificates, Window::default())
            .map_err(|error| target("TSA", error))?;
        root.timestamp_authorities = vec![authority];
    }
    root.logs = logs(trusted, Usage::Rekor).await?;
    root.ct_logs = logs(trusted, Usage::Ctfe).await?;
    let none = root.certificate_authorities.is_empty()
        && root.timestamp_authorities.is_empty()
        && root.logs.is_empty();
    match none {
        true => Err(Error::NoTrustedRoot),
        false => Ok(root),
    }
}

/// The URI of the first that has one, and all their certificates.
async fn certificates(
    trusted: &mut Trusted<'_>,
    usage: Usage,
) -> Result<(String, Vec<Vec<u8>>), Error> {
    let mut uri = String::new();
    let mut certificates = Vec::new();
    for (name, its_uri, content) in contents(trusted, usage).await? {
        let chain = String::from_utf8(content)
            .ok()
            .and_then(|text| chain_from_pem(&text).ok())
            .ok_or_else(|| {
                let source = sigstore::fulcio::CertificateError::Malformed;
                target(&name, LooseError::Certificate { index: 0, source })
            })?;
        certificates.extend(chain);
        if uri.is_empty() {
            uri = its_uri;
        }
    }
    Ok((uri, certificates))
}

async fn logs(trusted: &mut Trusted<'_>, usage: Usage) -> Result<Vec<TransparencyLog>, Error> {
    let contents = contents(trusted, usage).await?.into_iter();
    let logs = contents.map(|(name, uri, content)| {
        let key = VerifyingKey::from_pem(&content).map_err(|_| target(&name, LooseError::Key))?;
        Ok(TransparencyLog::of_key(uri, key, Window::default()))
    });
    logs.collect()
}

/// Name, URI and content of the targets for one use.
async fn contents(
    trusted: &mut Trusted<'_>,
    usage: Usage,
) -> Result<Vec<(String, String, Vec<u8>)>, Error> {
    let names = trusted.top().map_or_else(Vec::new, |top| names(top, usage));
    if names.len() > limits::LEGACY_TARGETS {
        return Err(Error::TooMany {
            what: "targets for one use",
            found: u64::try_from(names.len()).unwrap_or(u64::MAX),
            limit: u64::try_from(limits::LEGACY_TARGETS).unwrap_or(u64::MAX),
        });
    }
    let mut contents = Vec::with_capacity(names.len());
    for (name, uri) in names {
        if let Some(content) = trusted.target(&name).await? {
            contents.push((name, uri, content));
        }
    }
    Ok(contents)
}

fn names(top: &Targets, usage: Usage) -> Vec<(String, String)> {
    let marked = top.targets.iter().filter_map(|(name, target)| {
        let custom = custom(target)?;
        (custom.usage == usage).then(|| (name.clone(), custom.uri))
    });
    let marked: Vec<_> = marked.collect();
    if !marked.is_empty() {
        return marked;
    }
    let named = top.targets.keys().filter(|name| usage.has_name(name));
    named.map(|name| (name.clone(), String::new())).collect()
}

fn custom(target: &TargetFile) -> Option<CustomSigstore> {
    let custom = Custom::deserialize(target.custom.as_ref()?).ok()?;
    Some(custom.sigstore)
}

fn target(name: &str, source: LooseError) -> Error {
    Error::Target {
        name: name.to_owned(),
        source: TargetError::Loose(source),
    }
}
