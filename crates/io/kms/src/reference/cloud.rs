//! References to the keys of cloud services.

/// A key of AWS KMS (`sigstore/sigstore:pkg/signature/kms/aws/client.go`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsKey {
    /// `HOST[:PORT]` to ask instead of the region's.
    pub endpoint: Option<String>,
    /// A key id, `alias/NAME`, or the ARN of either, as the service takes it.
    pub id: String,
}

impl AwsKey {
    pub(super) const FORM: &'static str =
        "awskms://[ENDPOINT]/ID, with a key id, alias/NAME or the ARN of one";

    pub(super) fn parse(rest: &str) -> Option<Self> {
        let (endpoint, id) = rest.split_once('/')?;
        let valid = match id.strip_prefix("arn:") {
            Some(arn) => {
                let parts: Vec<&str> = arn.splitn(5, ':').collect();
                matches!(parts.as_slice(), [partition, "kms", region, account, resource]
                    if matches!(*partition, "aws" | "aws-us-gov" | "aws-cn")
                        && is_region(region)
                        && account.len() == 12
                        && account.bytes().all(|byte| byte.is_ascii_digit())
                        && (is_alias(resource)
                            || resource.strip_prefix("key/").is_some_and(is_key_id)))
            }
            None => is_alias(id) || is_key_id(id),
        };
        valid.then(|| Self {
            endpoint: (!endpoint.is_empty()).then(|| endpoint.to_owned()),
            id: id.to_owned(),
        })
    }

    /// The region, if the reference is an ARN.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.id.strip_prefix("arn:")?.split(':').nth(2)
    }

    /// `alias/NAME`, if the reference is an alias or the ARN of one: the only ones that a key can be made for.
    #[must_use]
    pub fn alias(&self) -> Option<&str> {
        let name = match self.id.strip_prefix("arn:") {
            Some(arn) => arn.splitn(5, ':').nth(4)?,
            None => &self.id,
        };
        is_alias(name).then_some(name)
    }
}

fn is_alias(text: &str) -> bool {
    text.strip_prefix("alias/")
        .is_some_and(|name| !name.is_empty())
}

pub(crate) fn is_region(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// A UUID with or without hyphens, or a multi-region id: `mrk-` and 32 digits.
fn is_key_id(text: &str) -> bool {
    let digits: String = text
        .strip_prefix("mrk-")
        .unwrap_or(text)
        .split('-')
        .collect();
    digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A key of Google Cloud KMS (`sigstore/sigstore:pkg/signature/kms/gcp/client.go`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoogleKey {
    /// The project's id.
    pub project: String,
    /// The location's id.
    pub location: String,
    /// The key ring's name.
    pub key_ring: String,
    /// The key's name.
    pub key: String,
    /// Its version; without one, the newest enabled.
    pub version: Option<u64>,
}

impl GoogleKey {
    pub(super) const FORM: &'static str = "gcpkms://projects/PROJECT/locations/LOCATION/keyRings/KEY_RING/cryptoKeys/KEY[/cryptoKeyVersions/VERSION]";

    pub(super) fn parse(rest: &str) -> Option<Self> {
        let parts: Vec<&str> = rest.split('/').collect();
        let (fixed, version) = match parts.as_slice() {
            [fixed @ .., "cryptoKeyVersions" | "versions", version] if fixed.len() == 8 => {
                (fixed, Some(version.parse().ok()?))
            }
            fixed => (fixed, None),
        };
        let [
            "projects",
            project,
            "locations",
            location,
            "keyRings",
            key_ring,
            "cryptoKeys",
            key,
        ] = fixed
        else {
            return None;
        };
        // A project's id may have a domain in front: `example.com:project`.
        let is_name = |text: &&str| {
            !text.is_empty()
                && !text.chars().all(|c| c == '.')
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'))
        };
        [project, location, key_ring, key]
            .into_iter()
            .all(is_name)
            .then(|| Self {
                project: (*project).to_owned(),
                location: (*location).to_owned(),
                key_ring: (*key_ring).to_owned(),
                key: (*key).to_owned(),
                version,
            })
    }
}

/// A key of Azure Key Vault (`sigstore/sigstore:pkg/signature/kms/azure/client.go`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AzureKey {
    /// The vault's host name.
    pub vault: String,
    /// The key's name.
    pub name: String,
    /// Its version; without one, the newest.
    pub version: Option<String>,
}

impl AzureKey {
    pub(super) const FORM: &'static str = "azurekms://VAULT_HOST/KEY[/VERSION]";

    pub(super) fn parse(rest: &str) -> Option<Self> {
        let mut parts = rest.split('/');
        let (vault, name, version) = (parts.next()?, parts.next()?, parts.next());
        let is_host = !vault.is_empty()
            && vault
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':'));
        let is_name =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let version = version.filter(|version| !version.is_empty());
        (is_host && is_name && version.is_none_or(is_azure_version) && parts.next().is_none()).then(
            || Self {
                vault: vault.to_owned(),
                name: name.to_owned(),
                version: version.map(str::to_owned),
            },
        )
    }
}

pub(crate) fn is_azure_version(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn aws_keys() {
        let arn = format!("arn:aws:kms:us-east-2:111122223333:key/{ID}");
        let alias_arn = "arn:aws-cn:kms:cn-north-1:111122223333:alias/a/b:c";
        for (rest, endpoint, region, alias) in [
            (format!("/{ID}"), None, None, None),
            (
                "/mrk-1234abcd12ab34cd56ef1234567890ab".to_owned(),
                None,
                None,
                None,
            ),
            (
                format!("localhost:4566/{ID}"),
                Some("localhost:4566"),
                None,
                None,
            ),
            (format!("/{arn}"), None, Some("us-east-2"), None),
            (
                "/alias/ExampleAlias".to_owned(),
                None,
                None,
                Some("alias/ExampleAlias"),
            ),
            (
                format!("host/{alias_arn}"),
                Some("host"),
                Some("cn-north-1"),
                Some("alias/a/b:c"),
            ),
        ] {
            let key = AwsKey::parse(&rest).unwrap_or_else(|| panic!("{rest}"));
            assert_eq!(key.endpoint.as_deref(), endpoint, "{rest}");
            assert_eq!(key.region(), region, "{rest}");
            assert_eq!(key.alias(), alias, "{rest}");
        }
        for broken in [
            "",
            "alias/x",
            "/",
            "/alias/",
            "/1234",
            "/arn:aws:s3:us-east-2:111122223333:key/x",
            "/arn:aws:kms:us-east-2:1:alias/x",
            "/arn:aws:kms:US.EAST:111122223333:alias/x",
            "/arn:aws:kms:us-east-2:111122223333:alias/",
        ] {
            assert_eq!(AwsKey::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn google_keys() {
        let key = "projects/p/locations/global/keyRings/r/cryptoKeys/k";
        assert_eq!(GoogleKey::parse(key).map(|key| key.version), Some(None));
        for version in ["cryptoKeyVersions", "versions"] {
            let text = format!("{key}/{version}/12");
            assert_eq!(
                GoogleKey::parse(&text).map(|key| key.version),
                Some(Some(12))
            );
        }
        for broken in [
            "",
            "projects/p",
            &format!("{key}/"),
            &format!("{key}/cryptoKeyVersions/x"),
            &format!("{key}/other/1"),
            "projects/../locations/global/keyRings/r/cryptoKeys/k",
            "projects/p/locations/global/keyRings/r?x/cryptoKeys/k",
        ] {
            assert_eq!(GoogleKey::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn azure_keys() {
        let key = AzureKey::parse("v.vault.azure.net/k/0123abc").unwrap();
        assert_eq!(
            (key.vault.as_str(), key.name.as_str()),
            ("v.vault.azure.net", "k")
        );
        assert_eq!(key.version.as_deref(), Some("0123abc"));
        assert_eq!(AzureKey::parse("v/k/").map(|key| key.version), Some(None));
        for broken in ["", "v", "v/", "/k", "v/k/V", "v/k/1/2", "u@v/k", "v/k?x"] {
            assert_eq!(AzureKey::parse(broken), None, "{broken}");
        }
    }
}
