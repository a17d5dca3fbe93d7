//! `inspect`: the golden JSON files and tables, read back into values and rendered to the same bytes.

use countersign::render::inspect::{RepositoryTrust, SignerView, TagView, TrustView, json, pretty};
use serde_json::Value;

use crate::transcript::{read, steps};

#[test]
fn every_golden_json_renders_to_the_same_bytes() {
    for file in [
        "trust-inspect-demo.json",
        "trust-inspect-demo-latest.json",
        "trust-inspect-demo-v2.json",
        "trust-inspect-none.json",
        "trust-inspect-plain.json",
        "trust-inspect-plain-none-demo-v1-none2.json",
        "trust-inspect-two-repos.json",
    ] {
        let text = read(&format!("json/{file}"));
        let mut views = views(&text);
        // The order of tags and signers is the renderer's task.
        for view in &mut views {
            view.trust.tags.reverse();
            view.trust.signers.reverse();
        }
        assert_eq!(json(&views).unwrap(), text, "{file}");
    }
}

#[test]
fn every_golden_table_renders_to_the_same_bytes() {
    let steps: Vec<_> = [
        "cli-28.2.2/04-signer-add.txt",
        "cli-28.2.2/05-sign.txt",
        "cli-28.2.2/06-inspect.txt",
    ]
    .into_iter()
    .flat_map(steps)
    .collect();
    let mut compared = 0;
    for step in steps
        .iter()
        .filter(|step| step.command.starts_with("docker trust inspect --pretty "))
    {
        let names = step.command.split(' ').skip(4);
        let views: Vec<TrustView> = names.map(|name| parse_pretty(name, &step.stdout)).collect();
        if step.exit == 0 {
            let text: Vec<String> = views.iter().map(pretty).collect();
            assert_eq!(text.join("\n\n"), step.stdout, "{}", step.command);
            compared += 1;
        }
    }
    assert!(compared >= 8, "only {compared} tables were compared");
    let text = read("json/trust-inspect-pretty.txt");
    assert_eq!(
        pretty(&parse_pretty("registry.example.com/admin/demo", &text)),
        text
    );
}

#[test]
fn the_json_and_the_table_of_one_repository_agree() {
    let steps = steps("cli-28.2.2/06-inspect.txt");
    let find = |command: &str| {
        steps
            .iter()
            .find(|step| step.command == command)
            .expect("a step")
    };
    let from_json = &views(&find("docker trust inspect registry.example.com/admin/demo").stdout)[0];
    let table = &find("docker trust inspect --pretty registry.example.com/admin/demo").stdout;
    assert_eq!(&pretty(from_json), table);
}

#[test]
fn an_unsigned_name_and_odd_letters() {
    let view = TrustView {
        name: "a<b".to_owned(),
        trust: RepositoryTrust::default(),
    };
    assert_eq!(
        pretty(&view),
        "\nNo signatures for a<b\n\n\nAdministrative keys for a<b\n\n  Repository Key:\t\n  Root Key:\t\n"
    );
    assert!(json(&[view]).unwrap().contains(r#""Name": "a\u003cb""#));
}

fn views(text: &str) -> Vec<TrustView> {
    let value: Value = serde_json::from_str(text).expect("JSON");
    value
        .as_array()
        .expect("an array")
        .iter()
        .map(view)
        .collect()
}

fn view(value: &Value) -> TrustView {
    let keys_of = |holder: &Value| -> Vec<String> {
        list(&holder["Keys"]).map(|key| text(&key["ID"])).collect()
    };
    let administrative = |name: &str| {
        let holder = list(&value["AdministrativeKeys"]).find(|holder| holder["Name"] == name);
        holder.map(keys_of).unwrap_or_default()
    };
    TrustView {
        name: text(&value["Name"]),
        trust: RepositoryTrust {
            tags: list(&value["SignedTags"]).map(tag).collect(),
            signers: list(&value["Signers"])
                .map(|signer| SignerView {
                    name: text(&signer["Name"]),
                    keys: keys_of(signer),
                })
                .collect(),
            root_keys: administrative("Root"),
            repository_keys: administrative("Repository"),
        },
    }
}

fn tag(value: &Value) -> TagView {
    let signers: Vec<String> = list(&value["Signers"]).map(text).collect();
    TagView {
        tag: text(&value["SignedTag"]),
        digest: text(&value["Digest"]),
        signers: if signers == ["Repo Admin"] {
            Vec::new()
        } else {
            signers
        },
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("an array").iter()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The values of one repository in a `--pretty` output. Only used to render them again.
fn parse_pretty(name: &str, output: &str) -> TrustView {
    let mut trust = RepositoryTrust::default();
    let mut table = "";
    let mut ours = false;
    for line in output.lines() {
        if let Some(title) = line
            .strip_prefix("Signatures for ")
            .or_else(|| line.strip_prefix("No signatures for "))
        {
            ours = title == name;
        }
        if !ours {
            continue;
        }
        let cells: Vec<&str> = line
            .split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .collect();
        match (table, cells.as_slice()) {
            (_, ["SIGNED TAG", ..]) => table = "tags",
            (_, ["SIGNER", ..]) => table = "signers",
            (_, []) => table = "",
            (_, [key]) if key.starts_with("Repository Key:\t") => {
                trust.repository_keys = split(&key[16..])
            }
            (_, [key]) if key.starts_with("Root Key:\t") => trust.root_keys = split(&key[10..]),
            ("tags", [tag, digest, signers]) => trust.tags.push(TagView {
                tag: (*tag).to_owned(),
                digest: (*digest).to_owned(),
                signers: if *signers == "(Repo Admin)" {
                    Vec::new()
                } else {
                    split(signers)
                },
            }),
            ("signers", [signer, keys]) => {
                trust.signers.push(SignerView {
                    name: (*signer).to_owned(),
                    keys: split(keys),
                });
            }
            _ => {}
        }
    }
    TrustView {
        name: name.to_owned(),
        trust,
    }
}

fn split(text: &str) -> Vec<String> {
    text.split(", ").map(str::to_owned).collect()
}
