//! One platform of an index.

use oci::{Content, Digest, Manifest, Platform};

/// `os/arch[/variant][:os version]`, as `--platform` takes it (`google/go-containerregistry:pkg/v1/platform.go`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformFilter {
    os: String,
    architecture: Option<String>,
    variant: Option<String>,
    os_version: Option<String>,
}

/// Why there is no such platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlatformError {
    /// Not of that form.
    #[error("{text:?} is no platform")]
    Malformed {
        /// What was read.
        text: String,
    },
    /// None of the index, or the image is no index.
    #[error("no such platform among {known:?}")]
    None {
        /// Those that there are, as text; empty for an image that is no index.
        known: Vec<String>,
    },
    /// Several.
    #[error("several such platforms: {found:?}")]
    Several {
        /// Which.
        found: Vec<String>,
    },
}

impl PlatformFilter {
    /// Reads one.
    ///
    /// # Errors
    /// [`PlatformError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, PlatformError> {
        let (path, os_version) = match text.split_once(':') {
            Some((path, version)) => (path, Some(version.to_owned())),
            None => (text, None),
        };
        let parts: Vec<&str> = path.split('/').collect();
        let part = |index: usize| parts.get(index).map(|part| (*part).to_owned());
        if parts.len() > 3 || parts.iter().any(|part| part.is_empty()) {
            let text = text.to_owned();
            return Err(PlatformError::Malformed { text });
        }
        Ok(Self {
            os: part(0).unwrap_or_default(),
            architecture: part(1),
            variant: part(2),
            os_version,
        })
    }

    /// Whether a platform is one of these; what is left out fits all.
    #[must_use]
    pub fn fits(&self, platform: &Platform) -> bool {
        let fits = |wanted: &Option<String>, found: Option<&String>| {
            wanted.is_none() || wanted.as_ref() == found
        };
        self.os == platform.os
            && fits(&self.architecture, Some(&platform.architecture))
            && fits(&self.variant, platform.variant.as_ref())
            && fits(&self.os_version, platform.os_version.as_ref())
    }
}

/// The one manifest of an index for a platform.
///
/// # Errors
/// None or several fit.
pub fn choose(index: &Manifest, filter: &PlatformFilter) -> Result<Digest, PlatformError> {
    let entries = match index.content() {
        Content::Index { manifests } => manifests.as_slice(),
        Content::Image { .. } => &[],
    };
    let platforms = entries.iter().filter_map(|entry| {
        let platform = entry.platform.as_ref()?;
        Some((platform, entry.digest))
    });
    let fitting: Vec<_> = platforms
        .clone()
        .filter(|(platform, _)| filter.fits(platform))
        .collect();
    match fitting.as_slice() {
        [(_, digest)] => Ok(*digest),
        [] => Err(PlatformError::None {
            known: platforms.map(|(platform, _)| text(platform)).collect(),
        }),
        several => Err(PlatformError::Several {
            found: several.iter().map(|(platform, _)| text(platform)).collect(),
        }),
    }
}

fn text(platform: &Platform) -> String {
    let mut text = format!("{}/{}", platform.os, platform.architecture);
    if let Some(variant) = &platform.variant {
        text = format!("{text}/{variant}");
    }
    if let Some(version) = &platform.os_version {
        text = format!("{text}:{version}");
    }
    text
}
