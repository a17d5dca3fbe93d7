//! Tiny images.

use std::io::Write;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::json;

/// A blob of an OCI layout.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Blob {
    /// `sha256:<64 hex digits>`.
    pub digest: String,
    /// Length in bytes.
    pub size: usize,
}

/// An uncompressed root file system with one file, `/hello`, that contains `text`: input for `docker import`, or a
/// layer. Equal texts give equal bytes.
pub fn rootfs_tar(text: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(u64::try_from(text.len()).expect("lengths fit 64 bits"));
    header.set_mode(0o644);
    header.set_mtime(0);
    archive
        .append_data(&mut header, "hello", text.as_bytes())
        .expect("memory is writable");
    archive.into_inner().expect("memory is writable")
}

/// Writes an OCI image layout with one Linux image tagged `tag` into an empty folder, for
/// `skopeo copy oci:<folder>:<tag> …`. Returns its manifest. Equal texts give equal images.
pub fn write_oci_layout(folder: &Path, tag: &str, text: &str) -> Blob {
    let tar = rootfs_tar(text);
    let diff_id = sha256(&tar);
    // Compressed, because skopeo compresses what is not, and that changes the manifest.
    let layer = write_blob(folder, &gzip(&tar));
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": ["/hello"]},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
    });
    let config = write_blob(folder, config.to_string().as_bytes());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", &layer)],
    });
    let manifest = write_blob(folder, manifest.to_string().as_bytes());
    let entry = descriptor("application/vnd.oci.image.manifest.v1+json", &manifest);
    write_tag(folder, tag, entry);
    write(
        &folder.join("oci-layout"),
        br#"{"imageLayoutVersion":"1.0.0"}"#,
    );
    manifest
}

/// Writes an OCI image layout with an index tagged `tag` of two Linux images, for amd64 and arm64, into an empty
/// folder. Returns the index and the manifests. Equal texts give equal images.
pub fn write_oci_index(folder: &Path, tag: &str, texts: [&str; 2]) -> (Blob, [Blob; 2]) {
    let manifests = texts.map(|text| write_oci_layout(folder, tag, text));
    let entries: Vec<_> = manifests
        .iter()
        .zip(["amd64", "arm64"])
        .map(|(manifest, architecture)| {
            let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", manifest);
            entry["platform"] = json!({"os": "linux", "architecture": architecture});
            entry
        })
        .collect();
    let media_type = "application/vnd.oci.image.index.v1+json";
    let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": entries});
    let index = write_blob(folder, index.to_string().as_bytes());
    write_tag(folder, tag, descriptor(media_type, &index));
    (index, manifests)
}

/// `sha256:<64 hex digits>` of `bytes`.
pub fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(digest(&SHA256, bytes)))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("memory is writable")
}

/// The layout's own index, with one entry.
fn write_tag(folder: &Path, tag: &str, mut entry: serde_json::Value) {
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
    let index = json!({"schemaVersion": 2, "manifests": [entry]});
    write(&folder.join("index.json"), index.to_string().as_bytes());
}

fn write_blob(folder: &Path, bytes: &[u8]) -> Blob {
    let digest = sha256(bytes);
    let blobs = folder.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).expect("the folder is writable");
    write(&blobs.join(digest.trim_start_matches("sha256:")), bytes);
    Blob {
        digest,
        size: bytes.len(),
    }
}

fn descriptor(media_type: &str, blob: &Blob) -> serde_json::Value {
    json!({"mediaType": media_type, "digest": blob.digest, "size": blob.size})
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("the folder is writable");
}
