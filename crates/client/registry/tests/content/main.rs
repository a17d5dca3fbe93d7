//! Manifests, blobs and lists: what is asked, what is checked, what is refused.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod blobs;
mod lists;
mod manifests;
#[path = "../support/mod.rs"]
mod support;

use oci::{Descriptor, Manifest, MediaType, RepositoryName, Tag};
use registry::ManifestName;
use support::{Reply, reply};

fn name() -> RepositoryName {
    RepositoryName::parse("team/app").unwrap()
}

fn tag(text: &str) -> ManifestName {
    ManifestName::Tag(Tag::parse(text).unwrap())
}

fn index() -> Manifest {
    Manifest::index(vec![Descriptor::of(MediaType::OCI_MANIFEST, b"one")])
}

fn manifest_reply(manifest: &Manifest) -> Reply {
    reply(200)
        .header("content-type", manifest.media_type().as_str())
        .header("docker-content-digest", manifest.digest().to_string())
        .body(manifest.bytes())
}
