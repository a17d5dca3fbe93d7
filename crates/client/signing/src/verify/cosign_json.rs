//! A verified signature as cosign prints it: one object of the array on standard output
//! (`sigstore/cosign:cmd/cosign/cli/verify/verify.go`).

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use sigstore::fulcio::FulcioExtensions;
use sigstore::legacy::{LegacySignature, timestamp_json};
use sigstore::verify::{TimeSource, VerifiedSigner};

use super::{Document, Signed, VerifiedImage};

/// Members of cosign's object that the signature of a bundle does not cover.
const UNSIGNED: &[&str] = &["critical.identity.docker-reference"];

#[derive(Serialize)]
struct Payload<'a> {
    critical: Critical<'a>,
    optional: Option<BTreeMap<String, Box<RawValue>>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unsigned: &'a [&'a str],
}

#[derive(Serialize)]
struct Critical<'a> {
    identity: Identity<'a>,
    image: Image,
    #[serde(rename = "type")]
    kind: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Identity<'a> {
    docker_reference: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Image {
    docker_manifest_digest: String,
}

/// Writes compact JSON, members in cosign's order, without Go's escapes for HTML.
///
/// `reference` is what the user named; a signature in the older form has its own, in a bundle there is none that is
/// signed: cosign prints the user's, which the member `unsigned` (not cosign's) then names. The identity is added in both
/// forms, cosign 3 leaves it out of bundles. A log entry or a timestamp is printed only if it was verified.
#[must_use]
pub fn payload_json(verified: &VerifiedImage, reference: &str) -> String {
    let payload = match verified.signed() {
        Signed::SimpleSigning(payload) => Payload {
            critical: Critical {
                identity: Identity {
                    docker_reference: payload.reference(),
                },
                image: Image {
                    docker_manifest_digest: format!("sha256:{}", payload.manifest()),
                },
                kind: payload.signature_type(),
            },
            optional: {
                let facts = facts(verified);
                (payload.optional().is_some() || !facts.is_empty()).then(|| {
                    let optional = payload.optional().into_iter().flatten();
                    optional
                        .map(|(key, value)| (key.clone(), raw(value)))
                        .chain(facts)
                        .collect()
                })
            },
            unsigned: &[],
        },
        Signed::Statement { statement, .. } => {
            unnamed(verified, reference, &statement.predicate_type)
        }
        Signed::Bytes => unnamed(verified, reference, ""),
    };
    serde_json::to_string(&payload).expect("maps of text and JSON cannot fail to be written")
}

fn unnamed<'a>(verified: &VerifiedImage, reference: &'a str, kind: &'a str) -> Payload<'a> {
    let annotations = verified.annotations().into_iter();
    Payload {
        critical: Critical {
            identity: Identity {
                docker_reference: reference,
            },
            image: Image {
                docker_manifest_digest: verified.image().to_string(),
            },
            kind,
        },
        optional: Some(
            annotations
                .map(|(key, value)| (key, raw(&value)))
                .chain(facts(verified))
                .collect(),
        ),
        unsigned: UNSIGNED,
    }
}

/// What is not in the payload but was verified. As in cosign, it goes before annotations of the same name.
fn facts(verified: &VerifiedImage) -> BTreeMap<String, Box<RawValue>> {
    let mut facts = BTreeMap::new();
    let mut put = |name: &str, value: Box<RawValue>| {
        facts.insert(name.to_owned(), value);
    };
    if let VerifiedSigner::Certified { chain, .. } = verified.signature().signer() {
        let leaf = chain.leaf();
        let subject = leaf.names().first().map_or("", |name| name.as_str());
        put("Subject", raw(subject));
        if let Some(issuer) = leaf.issuer() {
            put("Issuer", raw(issuer));
        }
        if let Document::Legacy(_) = verified.document() {
            for (name, value) in extensions(leaf.issuer(), leaf.extensions()) {
                put(name, raw(value));
            }
        }
    }
    if let Document::Legacy(legacy) = verified.document() {
        let LegacySignature {
            log_promise,
            timestamp,
            ..
        } = &**legacy;
        let signature = verified.signature();
        let is_logged = signature.logged().iter().any(|log| log.is_promised());
        if let Some(promise) = log_promise.as_ref().filter(|_| is_logged) {
            put("Bundle", json(promise.to_json()));
        }
        let is_stamped = |time: &sigstore::verify::TimeProven| {
            matches!(time.source(), TimeSource::Authority { .. })
        };
        if let Some(der) = timestamp.as_ref()
            && signature.times().iter().any(is_stamped)
        {
            put("RFC3161Timestamp", json(timestamp_json(der)));
        }
    }
    facts
}

/// cosign's names for extensions, under each of which it prints them.
fn extensions<'a>(
    issuer: Option<&'a str>,
    extensions: &'a FulcioExtensions,
) -> impl Iterator<Item = (&'static str, &'a str)> {
    let github = [
        (
            "githubWorkflowTrigger",
            "1.3.6.1.4.1.57264.1.2",
            &extensions.github_workflow_trigger,
        ),
        (
            "githubWorkflowSha",
            "1.3.6.1.4.1.57264.1.3",
            &extensions.github_workflow_sha,
        ),
        (
            "githubWorkflowName",
            "1.3.6.1.4.1.57264.1.4",
            &extensions.github_workflow_name,
        ),
        (
            "githubWorkflowRepository",
            "1.3.6.1.4.1.57264.1.5",
            &extensions.github_workflow_repository,
        ),
        (
            "githubWorkflowRef",
            "1.3.6.1.4.1.57264.1.6",
            &extensions.github_workflow_ref,
        ),
    ];
    let github = github.into_iter().filter_map(|(name, oid, value)| {
        let value = value.as_deref().filter(|value| !value.is_empty())?;
        Some([(name, value), (oid, value)])
    });
    let issuer = issuer.map(|issuer| ("1.3.6.1.4.1.57264.1.1", issuer));
    issuer.into_iter().chain(github.flatten())
}

fn raw(value: &(impl Serialize + ?Sized)) -> Box<RawValue> {
    to_raw_value(value).expect("text and JSON cannot fail to be written")
}

fn json(text: String) -> Box<RawValue> {
    RawValue::from_string(text).expect("it was written as JSON")
}
