//! Which of our crates may know which, and the manners of every manifest.

use crate::workspace::{Package, Problem, Workspace};

/// Who may depend on whom; what is absent is forbidden. Tests may use any of ours.
const ARROWS: &[(&str, &[&str])] = &[
    // spec
    ("pki", &[]),
    ("oci", &["pki"]),
    ("tlog", &["pki"]),
    ("tuf", &["pki"]),
    ("sigstore", &["pki", "tlog"]),
    ("dockerfile", &["oci"]),
    // io
    ("net", &[]),
    ("store", &[]),
    ("keystore", &["pki"]),
    // Names and digests are `oci`'s; TLS is set up in one place, `net`.
    ("engine", &["oci", "net"]),
    // A remote key is asked over HTTP, which is `net`'s.
    ("kms", &["pki", "net"]),
    ("layout", &["oci", "pki"]),
    // client
    ("registry", &["oci", "pki", "net"]),
    (
        "trust",
        &["tuf", "pki", "oci", "keystore", "net", "registry"],
    ),
    ("keyless", &["pki", "tlog", "sigstore", "net"]),
    ("trustroot", &["pki", "sigstore", "net"]),
    (
        "signing",
        &[
            "pki",
            "oci",
            "tlog",
            "sigstore",
            "net",
            "keystore",
            "kms",
            "layout",
            "registry",
            "keyless",
            "trustroot",
        ],
    ),
    // server
    ("chassis", &[]),
    ("trustd", &["tuf", "pki", "keystore", "store", "chassis"]),
    ("registryd", &["oci", "pki", "store", "chassis"]),
    // the programs
    (
        "countersign",
        &[
            "pki",
            "oci",
            "tlog",
            "tuf",
            "sigstore",
            "dockerfile",
            "net",
            "store",
            "keystore",
            "engine",
            "kms",
            "layout",
            "registry",
            "trust",
            "keyless",
            "trustroot",
            "signing",
            "chassis",
            "trustd",
            "registryd",
        ],
    ),
    // The peers and the attacker of our programs: it knows none of them.
    ("testkit", &[]),
    // It measures programs, not libraries.
    ("bench", &["testkit"]),
    // A suite's protocol on one side, a use case of ours on the other.
    ("conformance", &["net", "trustroot"]),
    ("xtask", &[]),
];

/// Libraries that only these crates of ours may name: one HTTP client, one door to SQL, one place for cryptography.
/// `deny.toml` says the same for the whole tree.
const DOORS: &[(&str, &[&str])] = &[
    ("aws-lc-rs", &["pki", "registryd", "trustd", "testkit"]),
    ("reqwest", &["net"]),
    ("rusqlite", &["store", "registryd", "trustd"]),
];

pub(crate) fn check(workspace: &Workspace) -> Result<Vec<String>, Problem> {
    let mut findings = Vec::new();
    for package in &workspace.packages {
        findings.extend(check_arrows(&workspace.packages, package));
        findings.extend(check_doors(package));
        findings.extend(check_manners(package)?);
    }
    Ok(findings)
}

fn check_arrows(all: &[Package], package: &Package) -> Vec<String> {
    let name = package.short_name();
    let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
        return vec![format!("{name} is not in the table of xtask/src/arrows.rs")];
    };
    package
        .dependencies
        .iter()
        .filter(|dependency| !dependency.is_dev())
        .filter_map(|dependency| all.iter().find(|other| other.name == dependency.name))
        .filter(|other| !allowed.contains(&other.short_name()))
        .map(|other| format!("{name} must not depend on {}", other.short_name()))
        .collect()
}

fn check_doors(package: &Package) -> Vec<String> {
    let name = package.short_name();
    DOORS
        .iter()
        .filter(|(library, owners)| {
            !owners.contains(&name)
                && package
                    .dependencies
                    .iter()
                    .any(|dependency| !dependency.is_dev() && dependency.name == *library)
        })
        .map(|(library, owners)| {
            format!(
                "{name} must not use {library} itself, only {} may",
                owners.join(", ")
            )
        })
        .collect()
}

fn check_manners(package: &Package) -> Result<Vec<String>, Problem> {
    let name = package.short_name();
    let mut findings = Vec::new();
    let manifest = package.manifest()?;
    let lints = manifest
        .get("lints")
        .and_then(|lints| lints.get("workspace"))
        .and_then(toml::Value::as_bool);
    if lints != Some(true) {
        findings.push(format!(
            "{name}: its manifest lacks `[lints] workspace = true`"
        ));
    }
    match package.description.as_deref().map(str::trim) {
        None | Some("") => findings.push(format!("{name}: its manifest lacks a description")),
        Some(text) if text.contains('\n') => {
            findings.push(format!("{name}: its description is longer than a line"))
        }
        Some(_) => {}
    }
    if package
        .publish
        .as_ref()
        .is_none_or(|registries| !registries.is_empty())
    {
        findings.push(format!("{name}: its manifest lacks `publish = false`"));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn package(name: &str, dependencies: &[(&str, Option<&str>)]) -> Package {
        Package {
            name: name.to_owned(),
            description: Some("Something.".to_owned()),
            publish: Some(Vec::new()),
            manifest_path: "Cargo.toml".into(),
            dependencies: dependencies
                .iter()
                .map(|(name, kind)| Dependency {
                    name: (*name).to_owned(),
                    kind: kind.map(str::to_owned),
                })
                .collect(),
        }
    }

    #[test]
    fn a_wrong_arrow_is_found() {
        let tuf = package(
            "countersign-tuf",
            &[("countersign-pki", None), ("countersign-net", None)],
        );
        let all = [
            tuf.clone(),
            package("countersign-pki", &[]),
            package("countersign-net", &[]),
        ];
        assert_eq!(check_arrows(&all, &tuf), ["tuf must not depend on net"]);
    }

    #[test]
    fn testkit_is_for_tests_only() {
        let testkit = package("countersign-testkit", &[]);
        let in_tests = package("countersign-net", &[("countersign-testkit", Some("dev"))]);
        let in_earnest = package("countersign-net", &[("countersign-testkit", None)]);
        assert_eq!(
            check_arrows(&[testkit.clone(), in_tests.clone()], &in_tests),
            Vec::<String>::new()
        );
        assert_eq!(
            check_arrows(&[testkit, in_earnest.clone()], &in_earnest),
            ["net must not depend on testkit"]
        );
    }

    #[test]
    fn an_unknown_crate_and_a_second_http_client_are_found() {
        let stranger = package("countersign-util", &[("reqwest", None)]);
        assert_eq!(check_arrows(&[], &stranger).len(), 1);
        assert_eq!(
            check_doors(&stranger),
            ["util must not use reqwest itself, only net may"]
        );
    }
}
