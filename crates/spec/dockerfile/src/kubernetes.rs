//! The images of Kubernetes manifests.
//!
//! Source: the API reference of Kubernetes (`PodSpec`, `Container`, `ImageVolumeSource`).

use crate::build::{FileError, Value, shape, text_of};
use crate::yaml;

/// The lists of a pod whose members run an image.
const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// An image that a manifest runs or mounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestImage {
    /// The name as written.
    pub text: String,
    /// Where it stands, the document's number from zero first: `1.spec.template.spec.containers[0].image`.
    pub path: String,
}

/// Every image of all documents of a file, in its order; one entry for each place. Pods are found wherever they are:
/// in templates, lists and resources of any kind.
///
/// # Errors
/// No YAML, too large, or a container that does not say its image: what runs there cannot be told.
pub fn images(file: &[u8]) -> Result<Vec<ManifestImage>, FileError> {
    let mut images = Vec::new();
    for (index, document) in yaml::parse(text_of(file)?)?.iter().enumerate() {
        collect(document, &index.to_string(), &mut images)?;
    }
    Ok(images)
}

fn collect(value: &Value, path: &str, images: &mut Vec<ManifestImage>) -> Result<(), FileError> {
    match value {
        Value::Null | Value::Text(_) => Ok(()),
        Value::List(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| collect(item, &format!("{path}[{index}]"), images)),
        Value::Map(entries) => {
            for (key, member) in entries {
                let path = format!("{path}.{key}");
                match (key.as_str(), member) {
                    (key, Value::List(items)) if CONTAINERS.contains(&key) => {
                        for (index, container) in items.iter().enumerate() {
                            let path = format!("{path}[{index}].image");
                            images.extend(named(container, "image", &path)?);
                        }
                    }
                    ("volumes", Value::List(items)) => {
                        for (index, volume) in items.iter().enumerate() {
                            let path = format!("{path}[{index}].image.reference");
                            if let Some(image @ Value::Map(_)) = volume.get("image") {
                                images.extend(named(image, "reference", &path)?);
                            }
                        }
                    }
                    _ => {}
                }
                collect(member, &path, images)?;
            }
            Ok(())
        }
    }
}

/// The image that a container or volume names; none where it is something else by the same name.
fn named(value: &Value, key: &str, path: &str) -> Result<Option<ManifestImage>, FileError> {
    if !matches!(value, Value::Map(_)) {
        return Ok(None);
    }
    let text = match value.get(key) {
        Some(value) => value.text(path)?,
        None => None,
    };
    match text {
        Some(text) if !text.is_empty() => Ok(Some(ManifestImage {
            text: text.to_owned(),
            path: path.to_owned(),
        })),
        _ => Err(shape(path, "an image")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(file: &str) -> Vec<String> {
        let images = images(file.as_bytes()).expect("a manifest");
        images.into_iter().map(|image| image.text).collect()
    }

    #[test]
    fn images_of_pods_wherever_they_are() {
        let file = "
apiVersion: v1
kind: ConfigMap
data: {image: not-this, containers: 'image: nor-this'}
---
apiVersion: apps/v1
kind: Deployment
spec:
  template:
    spec:
      initContainers: [{name: i, image: init:1}]
      containers:
      - name: a
        image: main@sha256:1
      - {name: b, image: main@sha256:1}
      ephemeralContainers: [{name: e, image: debug}]
      volumes:
      - {name: v, image: {reference: data:2}}
      - {name: w, emptyDir: {}}
---
apiVersion: batch/v1
kind: CronJob
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: a, image: cron}]}}}}}
---
apiVersion: v1
kind: List
items:
- {kind: Pod, spec: {containers: [{name: a, image: listed}]}}
";
        assert_eq!(
            texts(file),
            [
                "init:1",
                "main@sha256:1",
                "main@sha256:1",
                "debug",
                "data:2",
                "cron",
                "listed"
            ]
        );
        let found = images(file.as_bytes()).expect("a manifest");
        assert_eq!(found[1].path, "1.spec.template.spec.containers[0].image");
        assert_eq!(
            found[4].path,
            "1.spec.template.spec.volumes[0].image.reference"
        );
    }

    #[test]
    fn the_schema_of_a_resource_is_no_pod() {
        let file =
            "{spec: {required: [containers], properties: {containers: {type: array, items: {}}}}}";
        assert_eq!(texts(file), [""; 0]);
    }

    #[test]
    fn a_container_without_an_image_is_refused() {
        for container in [
            "{name: a}",
            "{name: a, image: ''}",
            "{name: a, image: null}",
        ] {
            let file = format!("spec: {{containers: [{container}]}}");
            assert_eq!(
                images(file.as_bytes()),
                Err(FileError::Shape {
                    path: "0.spec.containers[0].image".to_owned(),
                    wanted: "an image"
                })
            );
        }
        assert!(matches!(
            images(b"spec: {containers: [{image: [a]}]}"),
            Err(FileError::Shape { .. })
        ));
    }

    #[test]
    fn aliases_are_followed() {
        let file = "
- &pod {containers: [{name: a, image: shared}]}
- {spec: *pod}
- {spec: {<<: *pod}}
";
        assert_eq!(texts(file), ["shared"; 3]);
    }
}
