//! A small image: one file that says hello.

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use oci::{Digest, Format, ImageSpec, Layer, Platform, Reference};
use registry::{BlobSource, Registry, UploadMode};

use super::DemoError;

/// Builds an image that holds `text` and pushes it; the manifest's digest.
pub(super) async fn push(
    registry: &Registry,
    reference: &Reference,
    text: &str,
) -> Result<Digest, DemoError> {
    let tar = archive(text)?;
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    std::io::Write::write_all(&mut packed, &tar)?;
    let layer = Bytes::from(packed.finish()?);
    let spec = ImageSpec {
        format: Format::Oci,
        platform: Platform {
            architecture: "amd64".to_owned(),
            os: "linux".to_owned(),
            variant: None,
            os_version: None,
        },
        created: "2026-01-01T00:00:00Z".to_owned(),
        command: vec!["/hello".to_owned()],
        labels: Default::default(),
        layers: vec![Layer {
            digest: Digest::sha256(&layer),
            size: layer.len().try_into().unwrap_or(u64::MAX),
            diff_id: Digest::sha256(&tar),
        }],
    };
    let image = spec.build();
    let path = reference.path();
    for blob in [layer, image.config.into()] {
        registry
            .push_blob(path, BlobSource::Bytes(blob), UploadMode::Monolithic)
            .await?;
    }
    let pushed = registry
        .push_manifest(path, reference.tag(), &image.manifest)
        .await?;
    Ok(pushed.digest)
}

fn archive(text: &str) -> Result<Vec<u8>, DemoError> {
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len().try_into().unwrap_or(u64::MAX));
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_cksum();
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, "hello", text.as_bytes())?;
    Ok(archive.into_inner()?)
}
