//! `docker trust inspect`, as JSON and with `--pretty`.

use std::fmt::Write as _;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::natural;
use super::table::table;

/// Shown as signer of a tag that only the repository key has signed.
const REPOSITORY_ADMIN: &str = "Repo Admin";

/// One element of the output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustView {
    /// The name as the user typed it.
    pub name: String,
    /// What is shown under that name.
    pub trust: RepositoryTrust,
}

/// What is known about one repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepositoryTrust {
    /// The signed tags, in any order.
    pub tags: Vec<TagView>,
    /// The delegations except `targets/releases`, in any order.
    pub signers: Vec<SignerView>,
    /// Key ids of the root role (64 hex digits).
    pub root_keys: Vec<String>,
    /// Key ids of the targets role (64 hex digits).
    pub repository_keys: Vec<String>,
}

/// One signed tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagView {
    /// The tag.
    pub tag: String,
    /// 64 hex digits, without `sha256:`.
    pub digest: String,
    /// The signers in walk order; empty means the repository key alone.
    pub signers: Vec<String>,
}

/// One signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerView {
    /// The delegation's name without `targets/`.
    pub name: String,
    /// Canonical key ids (64 hex digits).
    pub keys: Vec<String>,
}

/// The JSON array for `views`, with a final newline.
///
/// # Errors
/// Never for these types; the encoder's signature asks for it.
pub fn json(views: &[TrustView]) -> Result<String, serde_json::Error> {
    let mut text = super::go_json::indented(&views)?;
    text.push('\n');
    Ok(text)
}

/// The text of `--pretty` for one view.
pub fn pretty(view: &TrustView) -> String {
    let mut text = String::new();
    let TrustView { name, trust: view } = view;
    if view.tags.is_empty() {
        let _infallible = write!(text, "\nNo signatures for {name}\n\n");
    } else {
        let _infallible = write!(text, "\nSignatures for {name}\n\n{}", tag_table(view));
    }
    if !view.signers.is_empty() {
        let _infallible = write!(
            text,
            "\nList of signers and their keys for {name}\n\n{}",
            signer_table(view)
        );
    }
    let _infallible = write!(text, "\nAdministrative keys for {name}\n\n");
    for (role, keys) in [
        ("Repository", &view.repository_keys),
        ("Root", &view.root_keys),
    ] {
        let _infallible = writeln!(text, "  {role} Key:\t{}", sorted(keys).join(", "));
    }
    text
}

fn tag_table(view: &RepositoryTrust) -> String {
    let mut rows = vec![["SIGNED TAG", "DIGEST", "SIGNERS"].map(str::to_owned)];
    for tag in sorted_tags(view) {
        let signers = if tag.signers.is_empty() {
            format!("({REPOSITORY_ADMIN})")
        } else {
            sorted(&tag.signers).join(", ")
        };
        rows.push([tag.tag.clone(), tag.digest.clone(), signers]);
    }
    table(&rows)
}

fn signer_table(view: &RepositoryTrust) -> String {
    let mut signers: Vec<_> = view.signers.iter().collect();
    signers.sort_by(|a, b| natural::compare(&a.name, &b.name));
    let mut rows = vec![["SIGNER", "KEYS"].map(str::to_owned)];
    for signer in signers {
        let short: Vec<String> = sorted(&signer.keys)
            .iter()
            .map(|id| id.chars().take(12).collect())
            .collect();
        rows.push([signer.name.clone(), short.join(", ")]);
    }
    table(&rows)
}

fn sorted(texts: &[String]) -> Vec<&str> {
    let mut sorted: Vec<&str> = texts.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    sorted
}

fn sorted_tags(view: &RepositoryTrust) -> Vec<&TagView> {
    let mut tags: Vec<_> = view.tags.iter().collect();
    tags.sort_by(|a, b| natural::compare(&a.tag, &b.tag));
    tags
}

impl Serialize for TrustView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // docker sorts signers downwards here, and upwards in `--pretty`.
        let mut signers: Vec<_> = self.trust.signers.iter().collect();
        signers.sort_by(|a, b| natural::compare(&b.name, &a.name));
        let signers: Vec<KeyHolder<'_>> = signers
            .into_iter()
            .map(|signer| KeyHolder::new(&signer.name, &signer.keys))
            .collect();
        let administrative = [
            KeyHolder::new("Root", &self.trust.root_keys),
            KeyHolder::new("Repository", &self.trust.repository_keys),
        ];
        let mut object = serializer.serialize_struct("TrustView", 4)?;
        object.serialize_field("Name", &self.name)?;
        object.serialize_field("SignedTags", &sorted_tags(&self.trust))?;
        object.serialize_field("Signers", &signers)?;
        object.serialize_field("AdministrativeKeys", &administrative)?;
        object.end()
    }
}

impl Serialize for TagView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("TagView", 3)?;
        object.serialize_field("SignedTag", &self.tag)?;
        object.serialize_field("Digest", &self.digest)?;
        if self.signers.is_empty() {
            object.serialize_field("Signers", &[REPOSITORY_ADMIN])?;
        } else {
            object.serialize_field("Signers", &self.signers)?;
        }
        object.end()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct KeyHolder<'a> {
    name: &'a str,
    keys: Vec<KeyEntry<'a>>,
}

#[derive(Serialize)]
struct KeyEntry<'a> {
    #[serde(rename = "ID")]
    id: &'a str,
}

impl<'a> KeyHolder<'a> {
    fn new(name: &'a str, ids: &'a [String]) -> Self {
        let keys = sorted(ids).into_iter().map(|id| KeyEntry { id }).collect();
        Self { name, keys }
    }
}
