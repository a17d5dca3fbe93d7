//! Policies as they are written, and what they say.

use std::collections::{BTreeMap, BTreeSet};

use oci::{Reference, Repository};
use pki::digest::Sha256;

use super::*;

const SIGNERS: &str = r#"
[keys]
release = "release.pub"
backup = "awskms:///alias/backup"
copy = "copy-of-release.pub"

[identities.pipeline]
subject = "https://gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main"
issuer = "https://gitlab.com"

[identities.people]
subject-regexp = '^[a-z]+@acme\.example$'
issuer = "https://login.acme.example"

[identities.alice]
subject = "alice@acme.example"
issuer-regexp = '^https://login\.'
"#;

const APP: &str = "registry.example.com/acme/app";

/// The signers, and one rule for everything.
fn policy(demand: &str) -> Policy {
    let text = format!("{SIGNERS}\n[[rules]]\nrepositories = [\"**\"]\n{demand}\n");
    Policy::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn repository(name: &str) -> Repository {
    Reference::parse(name).unwrap().repository().clone()
}

fn id(name: &str) -> Sha256 {
    Sha256::of(name.as_bytes())
}

/// Two of the three names are for the same key; they all could be had.
fn keys() -> BTreeMap<String, Sha256> {
    [
        ("release", "release"),
        ("backup", "backup"),
        ("copy", "release"),
    ]
    .map(|(name, key)| (name.to_owned(), id(key)))
    .into()
}

fn key(name: &str) -> SignatureFact {
    SignatureFact {
        signer: SignerId::Key(id(name)),
        annotations: BTreeMap::new(),
    }
}

fn person(subject: &str) -> SignatureFact {
    SignatureFact {
        signer: SignerId::Identity {
            subject: subject.to_owned(),
            issuer: "https://login.acme.example".to_owned(),
        },
        annotations: BTreeMap::new(),
    }
}

fn pipeline() -> SignatureFact {
    SignatureFact {
        signer: SignerId::Identity {
            subject: "https://gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main".to_owned(),
            issuer: "https://gitlab.com".to_owned(),
        },
        annotations: BTreeMap::new(),
    }
}

fn with(mut fact: SignatureFact, name: &str, value: &str) -> SignatureFact {
    fact.annotations.insert(name.to_owned(), value.to_owned());
    fact
}

fn signed(signatures: &[SignatureFact]) -> SigstoreFact {
    SigstoreFact::Checked {
        signatures: signatures.to_vec(),
        complete: true,
    }
}

fn roles(roles: &[&str]) -> ContentTrustFact {
    ContentTrustFact::Signed {
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
    }
}

/// Codes of the whole and of its parts.
fn judge(
    policy: &Policy,
    content_trust: &ContentTrustFact,
    sigstore: &SigstoreFact,
) -> (Verdict, String) {
    let facts = Facts {
        content_trust,
        sigstore,
        keys: &keys(),
    };
    let decision = policy.evaluate(&repository(APP), facts);
    let codes = decision.report.as_ref().map(codes).unwrap_or_default();
    assert_eq!(
        decision.verdict == Verdict::Allowed,
        decision
            .report
            .is_some_and(|report| report.outcome.is_satisfied())
    );
    (decision.verdict, codes)
}

fn codes(report: &Report<'_>) -> String {
    let parts: Vec<String> = report.parts.iter().map(codes).collect();
    match parts.as_slice() {
        [] => report.outcome.code().to_owned(),
        parts => format!("{}({})", report.outcome.code(), parts.join(" ")),
    }
}

/// What the policy says to these signatures, without content trust.
fn says(policy: &Policy, signatures: &[SignatureFact]) -> String {
    judge(policy, &ContentTrustFact::NotChecked, &signed(signatures)).1
}

#[test]
fn the_example_of_the_documentation_is_a_policy() {
    let source = include_str!("mod.rs");
    let example = source.split("//! ```").nth(1).unwrap();
    let example = example.strip_prefix("toml\n").unwrap();
    let lines = example.lines().filter_map(|line| line.strip_prefix("//!"));
    let text: Vec<&str> = lines
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    let policy = Policy::parse(&text.join("\n")).unwrap();
    assert_eq!(policy.rules().len(), 2);
    assert_eq!(policy.keys()["backup"], "awskms:///alias/backup");
    let needs = policy.rules()[0].needs();
    assert_eq!(needs.roles, BTreeSet::from(["targets/releases"]));
    assert_eq!(needs.keys, BTreeSet::from(["backup", "release"]));
    assert_eq!(needs.identities, BTreeSet::from(["pipeline"]));
    assert_eq!(policy.rules()[1].needs(), Needs::default());
}

#[test]
fn the_first_rule_decides_and_without_one_nothing_is_allowed() {
    let text = format!(
        "{SIGNERS}
[[rules]]
repositories = ['registry.example.com/acme/secret', 'localhost:5000/**']
deny = true
[[rules]]
repositories = ['registry.example.com/acme/*']
any = [{{ key = 'release' }}]
[[rules]]
repositories = ['registry.example.com/**']
accept-unsigned = true
"
    );
    let policy = Policy::parse(&text).unwrap();
    let nothing = ContentTrustFact::NotChecked;
    let verdict = |name: &str, signatures: &[SignatureFact]| {
        let facts = Facts {
            content_trust: &nothing,
            sigstore: &signed(signatures),
            keys: &keys(),
        };
        policy.evaluate(&repository(name), facts).verdict
    };
    for (name, unsigned, by_release) in [
        (
            "registry.example.com/acme/secret",
            Verdict::DeniedByRule,
            Verdict::DeniedByRule,
        ),
        (APP, Verdict::NotSatisfied, Verdict::Allowed),
        (
            "registry.example.com/acme/app/deeper",
            Verdict::AcceptedUnsigned,
            Verdict::AcceptedUnsigned,
        ),
        (
            "localhost:5000/a",
            Verdict::DeniedByRule,
            Verdict::DeniedByRule,
        ),
        ("alpine", Verdict::NoRule, Verdict::NoRule),
    ] {
        assert_eq!(verdict(name, &[]), unsigned, "{name}");
        assert_eq!(verdict(name, &[key("release")]), by_release, "{name}");
    }
    let lines = policy.rules().iter().map(|rule| rule.line.unwrap());
    let lines: Vec<usize> = lines.collect();
    assert_eq!(
        text.lines().nth(lines[1] - 1),
        Some("[[rules]]"),
        "{lines:?}"
    );
    let empty = Policy::parse("").unwrap();
    assert!(empty.rule_for(&repository(APP)).is_none());
}

#[test]
fn a_signer_has_to_have_signed() {
    let release = policy("all = [{ key = 'release' }]");
    for (signatures, expected) in [
        (vec![], "no-signature"),
        (vec![key("backup")], "not-signed-by"),
        (vec![pipeline()], "not-signed-by"),
        (vec![key("backup"), key("release")], "satisfied"),
    ] {
        let whole = if expected == "satisfied" {
            "satisfied"
        } else {
            "not-all-satisfied"
        };
        assert_eq!(says(&release, &signatures), format!("{whole}({expected})"));
    }
    let people = policy("any = [{ identity = 'people' }]");
    for (signatures, expected) in [
        (vec![person("alice@acme.example")], "satisfied(satisfied)"),
        (
            vec![person("alice@acme.example.org")],
            "none-satisfied(not-signed-by)",
        ),
        (vec![pipeline()], "none-satisfied(not-signed-by)"),
    ] {
        assert_eq!(says(&people, &signatures), expected);
    }
    // The right name from another issuer.
    let mut other = person("alice@acme.example");
    if let SignerId::Identity { issuer, .. } = &mut other.signer {
        *issuer = "https://login.example".to_owned();
    }
    assert_eq!(says(&people, &[other]), "none-satisfied(not-signed-by)");
}

#[test]
fn a_check_that_could_not_run_is_no_success() {
    let both = policy("all = [{ role = 'targets' }, { key = 'release' }]");
    for (trust, sigstore, expected) in [
        (
            ContentTrustFact::NotChecked,
            SigstoreFact::NotChecked,
            "content-trust-not-checked sigstore-not-checked",
        ),
        (
            ContentTrustFact::Failed,
            SigstoreFact::Failed,
            "content-trust-failed sigstore-failed",
        ),
        (
            ContentTrustFact::NoTrustData,
            signed(&[]),
            "no-trust-data no-signature",
        ),
        (roles(&[]), signed(&[]), "role-not-signed no-signature"),
        (
            roles(&["targets/releases"]),
            signed(&[key("release")]),
            "role-not-signed satisfied",
        ),
    ] {
        let (verdict, codes) = judge(&both, &trust, &sigstore);
        assert_eq!(verdict, Verdict::NotSatisfied);
        assert_eq!(codes, format!("not-all-satisfied({expected})"));
    }
    let (verdict, codes) = judge(&both, &roles(&["targets"]), &signed(&[key("release")]));
    assert_eq!(verdict, Verdict::Allowed, "{codes}");
    // What could not be read may be what is demanded; what is there counts.
    let incomplete = |signatures: &[SignatureFact]| SigstoreFact::Checked {
        signatures: signatures.to_vec(),
        complete: false,
    };
    let trust = roles(&["targets"]);
    let (_, codes) = judge(&both, &trust, &incomplete(&[key("backup")]));
    assert_eq!(codes, "not-all-satisfied(satisfied sigstore-failed)");
    let (verdict, _) = judge(&both, &trust, &incomplete(&[key("release")]));
    assert_eq!(verdict, Verdict::Allowed);
    // A key that could not be had is not a key that nobody used.
    let facts = Facts {
        content_trust: &trust,
        sigstore: &signed(&[key("release")]),
        keys: &BTreeMap::new(),
    };
    let decision = both.evaluate(&repository(APP), facts);
    assert_eq!(decision.verdict, Verdict::NotSatisfied);
    assert_eq!(
        codes_of(&decision),
        "not-all-satisfied(satisfied key-unavailable)"
    );
}

fn codes_of(decision: &Decision<'_>) -> String {
    decision.report.as_ref().map(codes).unwrap_or_default()
}

#[test]
fn annotations_have_to_be_in_the_same_signature() {
    let text = "annotations = { stage = 'prod' }
all = [{ key = 'release', annotations = { team = 'a' } }]";
    let policy = policy(text);
    let complete = |fact| with(with(fact, "stage", "prod"), "team", "a");
    for (signatures, expected) in [
        (vec![key("release")], "annotation-absent"),
        (
            vec![with(key("release"), "stage", "prod")],
            "annotation-absent",
        ),
        (
            vec![with(with(key("release"), "stage", "test"), "team", "a")],
            "annotation-differs",
        ),
        // Half here and half there, or signed by another.
        (
            vec![
                with(key("release"), "stage", "prod"),
                with(key("release"), "team", "a"),
            ],
            "annotation-absent",
        ),
        (
            vec![key("release"), complete(key("backup"))],
            "annotation-absent",
        ),
        (vec![complete(key("backup"))], "not-signed-by"),
    ] {
        assert_eq!(
            says(&policy, &signatures),
            format!("not-all-satisfied({expected})"),
            "{signatures:?}"
        );
    }
    let right = [
        key("release"),
        with(complete(key("release")), "more", "is allowed"),
    ];
    assert_eq!(says(&policy, &right), "satisfied(satisfied)");
    let facts = Facts {
        content_trust: &ContentTrustFact::NotChecked,
        sigstore: &signed(&[with(with(key("release"), "stage", "test"), "team", "a")]),
        keys: &keys(),
    };
    let decision = policy.evaluate(&repository(APP), facts);
    assert_eq!(
        decision.report.unwrap().parts[0].outcome,
        Outcome::AnnotationDiffers {
            name: "stage".to_owned(),
            expected: "prod".to_owned(),
            found: "test".to_owned(),
        }
    );
}

#[test]
fn so_many_of_so_many_are_so_many_different_signers() {
    let of = "of = [{ key = 'release' }, { key = 'copy' }, { key = 'backup' }, \
              { identity = 'people' }, { identity = 'alice' }, { role = 'targets/bob' }]";
    let two = policy(&format!("at-least = 2\n{of}"));
    let three = policy(&format!("at-least = 3\n{of}"));
    let alice = || person("alice@acme.example");
    let carol = || person("carol@acme.example");
    let bob = roles(&["targets/bob"]);
    let nobody = ContentTrustFact::NotChecked;
    for (trust, signatures, expected) in [
        (&nobody, vec![], 0),
        (&nobody, vec![key("backup")], 1),
        // One key under two names, and one signature twice.
        (&nobody, vec![key("release")], 1),
        (&nobody, vec![key("backup"), key("backup")], 1),
        // One person whom two requirements are about.
        (&nobody, vec![alice()], 1),
        // Two persons whom one requirement is about count as one; Alice has one of her own.
        (&nobody, vec![carol(), person("dave@acme.example")], 1),
        (&nobody, vec![alice(), carol()], 2),
        (&bob, vec![], 1),
        (&bob, vec![alice()], 2),
        (
            &bob,
            vec![alice(), carol(), key("release"), key("backup")],
            5,
        ),
        (&nobody, vec![key("release"), key("backup"), pipeline()], 2),
    ] {
        for (policy, needed) in [(&two, 2), (&three, 3)] {
            let facts = Facts {
                content_trust: trust,
                sigstore: &signed(&signatures),
                keys: &keys(),
            };
            let report = policy.evaluate(&repository(APP), facts).report.unwrap();
            match &report.outcome {
                Outcome::Satisfied { by } => assert_eq!(by.len(), expected, "{signatures:?}"),
                outcome => assert_eq!(
                    *outcome,
                    Outcome::TooFewSigners {
                        needed,
                        found: expected,
                    },
                    "{signatures:?}"
                ),
            }
            assert_eq!(report.outcome.is_satisfied(), expected >= needed);
        }
    }
}

#[test]
fn requirements_lie_in_each_other() {
    let policy = policy(
        "any = [
  { all = [{ role = 'targets/releases' }, { at-least = 2, of = [{ key = 'release' }, { key = 'backup' }] }] },
  { identity = 'alice' },
]",
    );
    let releases = roles(&["targets/releases"]);
    let two = signed(&[key("release"), key("backup")]);
    let one = signed(&[key("release")]);
    for (trust, sigstore, expected) in [
        (
            &releases,
            &two,
            "satisfied(satisfied(satisfied satisfied(satisfied satisfied)) not-signed-by)",
        ),
        (
            &releases,
            &one,
            "none-satisfied(not-all-satisfied(satisfied too-few-signers(satisfied not-signed-by)) not-signed-by)",
        ),
        (
            &ContentTrustFact::NoTrustData,
            &signed(&[person("alice@acme.example")]),
            "satisfied(not-all-satisfied(no-trust-data too-few-signers(not-signed-by not-signed-by)) satisfied)",
        ),
    ] {
        assert_eq!(judge(&policy, trust, sigstore).1, expected);
    }
}

/// The error of a file that consists of the signers and this.
fn refused(text: &str) -> (String, PolicyFault) {
    let text = format!("{SIGNERS}{text}");
    let error = Policy::parse(&text).expect_err(&text);
    let line = text.lines().nth(error.line - 1).unwrap_or_default();
    let at: String = line.chars().skip(error.column - 1).collect();
    (at, error.fault)
}

#[test]
fn what_is_not_understood_is_refused_where_it_stands() {
    let rule = |demand: &str| format!("[[rules]]\nrepositories = ['**']\n{demand}\n");
    let exactly = |choices: &str, found| PolicyFault::ExactlyOne {
        choices: choices.to_owned(),
        found,
    };
    let demands = "accept-unsigned, all, any, at-least, deny";
    let kinds = "all, any, at-least, identity, key, role";
    let empty = |what| PolicyFault::Empty { what };
    let misplaced = |member, of| PolicyFault::Misplaced { member, of };
    for (text, at, expected) in [
        (
            rule("all = [{ key = 'other' }]"),
            "'other' }]",
            PolicyFault::Undefined {
                kind: "key",
                name: "other".to_owned(),
                known: ["backup", "copy", "release"].map(str::to_owned).to_vec(),
            },
        ),
        (
            rule("all = [{ identity = 'release' }]"),
            "'release' }]",
            PolicyFault::Undefined {
                kind: "identity",
                name: "release".to_owned(),
                known: ["alice", "people", "pipeline"].map(str::to_owned).to_vec(),
            },
        ),
        (rule("all = []"), "[]", empty("all")),
        (rule("any = []"), "[]", empty("any")),
        (rule(""), "[[rules]]", exactly(demands, 0)),
        (
            rule("deny = true\naccept-unsigned = true"),
            "true",
            exactly(demands, 2),
        ),
        (
            rule("all = [{ key = 'release', role = 'targets' }]"),
            "'targets' }]",
            exactly(kinds, 2),
        ),
        (rule("all = [{}]"), "{}]", exactly(kinds, 0)),
        (
            rule("deny = false"),
            "false",
            PolicyFault::Type {
                member: "deny".to_owned(),
                expected: "true",
                found: "boolean",
            },
        ),
        (
            rule("all = [{ role = 'root' }]"),
            "'root' }]",
            PolicyFault::Role {
                found: "root".to_owned(),
            },
        ),
        (
            rule("all = [{ role = 'targets', annotations = { a = 'b' } }]"),
            "{ a = 'b' } }]",
            PolicyFault::AnnotationsOfNobody,
        ),
        (
            rule("annotations = { a = 'b' }\nall = [{ role = 'targets' }]"),
            "{ a = 'b' }",
            PolicyFault::AnnotationsOfNobody,
        ),
        (
            rule(
                "annotations = { a = 'b' }\nall = [{ key = 'release', annotations = { a = 'c' } }]",
            ),
            "{ a = 'c' } }]",
            PolicyFault::AnnotationContradiction {
                name: "a".to_owned(),
                inner: "c".to_owned(),
                outer: "b".to_owned(),
            },
        ),
        (
            rule("annotations = {}\nall = [{ key = 'release' }]"),
            "{}",
            empty("annotations"),
        ),
        (
            rule("annotations = { a = 'b' }\ndeny = true"),
            "{ a = 'b' }",
            misplaced("annotations", "rules that demand signatures"),
        ),
        (
            rule("all = [{ any = [{ key = 'release' }], annotations = { a = 'b' } }]"),
            "{ a = 'b' } }]",
            misplaced("annotations", "a rule, a key or an identity"),
        ),
        (
            rule("all = [{ key = 'release' }]\nof = [{ key = 'release' }]"),
            "[{ key = 'release' }]",
            misplaced("of", "at-least"),
        ),
        (
            rule("at-least = 2\nof = [{ key = 'release' }]"),
            "2",
            PolicyFault::Count {
                count: "2".to_owned(),
                of: 1,
            },
        ),
        (
            rule("at-least = 0\nof = [{ key = 'release' }]"),
            "0",
            PolicyFault::Count {
                count: "0".to_owned(),
                of: 1,
            },
        ),
        (
            rule("at-least = -1\nof = [{ key = 'release' }]"),
            "-1",
            PolicyFault::Count {
                count: "-1".to_owned(),
                of: 1,
            },
        ),
        (
            rule("at-least = 1"),
            "[[rules]]",
            PolicyFault::Missing { member: "of" },
        ),
        (
            rule("at-least = '1'\nof = [{ key = 'release' }]"),
            "'1'",
            PolicyFault::Type {
                member: "at-least".to_owned(),
                expected: "an integer",
                found: "string",
            },
        ),
        (
            rule(
                "at-least = 1\nof = [{ key = 'release' }, { key = 'release', annotations = { a = 'b' } }]",
            ),
            "{ key = 'release', annotations = { a = 'b' } }]",
            PolicyFault::Repeated {
                signer: "key release".to_owned(),
            },
        ),
        (
            rule("all = 'release'"),
            "'release'",
            PolicyFault::Type {
                member: "all".to_owned(),
                expected: "an array",
                found: "string",
            },
        ),
        (
            "[[rules]]\ndeny = true".to_owned(),
            "[[rules]]",
            PolicyFault::Missing {
                member: "repositories",
            },
        ),
        (
            "[[rules]]\nrepositories = []\ndeny = true".to_owned(),
            "[]",
            empty("repositories"),
        ),
        (
            "[[rules]]\nrepositories = ['acme/app']\ndeny = true".to_owned(),
            "'acme/app']",
            PolicyFault::Pattern {
                text: "acme/app".to_owned(),
                reason: PatternError::NoRegistry,
            },
        ),
        (
            "[keys.more]\nfile = 'a'".to_owned(),
            "[keys.more]",
            PolicyFault::Type {
                member: "key".to_owned(),
                expected: "a text",
                found: "table",
            },
        ),
        (
            "[identities.x]\nsubject = 'a'\n".to_owned(),
            "[identities.x]",
            PolicyFault::Missing { member: "issuer" },
        ),
        (
            "[identities.x]\nissuer = 'a'\nsubject = 'a'\nsubject-regexp = 'a'\n".to_owned(),
            "'a'",
            exactly("subject, subject-regexp", 2),
        ),
        (
            "[identities.x]\nissuer = 'a'\nsubject = ''\n".to_owned(),
            "''",
            empty("subject"),
        ),
        (
            "[[rules".to_owned(),
            "",
            PolicyFault::Syntax {
                reason: String::new(),
            },
        ),
    ] {
        let (found_at, fault) = refused(&text);
        match (&fault, &expected) {
            // The parser's own words.
            (PolicyFault::Syntax { .. }, PolicyFault::Syntax { .. }) => {}
            _ => {
                assert_eq!(fault, expected, "{text}");
                assert_eq!(found_at, at, "{text}");
            }
        }
    }
}

#[test]
fn unknown_members_are_refused_by_name() {
    for (text, unknown) in [
        ("[rule]\n", "rule"),
        ("[[rules]]\nrepository = ['**']\ndeny = true", "repository"),
        (
            "[[rules]]\nrepositories = ['**']\nall = [{ key = 'release', annotation = {} }]",
            "annotation",
        ),
        (
            "[[rules]]\nrepositories = ['**']\nat-least = 1\nof = [{ all = [] }]",
            "all",
        ),
        (
            "[identities.x]\nsubject = 'a'\nissuer = 'b'\nsubject-regex = 'c'",
            "subject-regex",
        ),
    ] {
        let (at, fault) = refused(text);
        assert!(at.starts_with(unknown) || at.contains(unknown), "{at}");
        let PolicyFault::Unknown { found, known } = fault else {
            panic!("{text}: {fault:?}");
        };
        assert_eq!(found, unknown);
        assert!(!known.is_empty());
    }
    let expression = refused("[identities.x]\nissuer = 'a'\nsubject-regexp = '('").1;
    assert!(
        matches!(expression, PolicyFault::Expression { .. }),
        "{expression:?}"
    );
}

#[test]
fn a_rule_that_never_decides_is_refused() {
    let text = "[[rules]]
repositories = ['registry.example.com/acme/**']
deny = true
[[rules]]
repositories = ['docker.io/**', 'registry.example.com/acme/app']
accept-unsigned = true
";
    let (at, fault) = refused(text);
    assert_eq!(at, "'registry.example.com/acme/app']");
    let PolicyFault::Unreachable { text, by, line } = fault else {
        panic!("{fault:?}");
    };
    assert_eq!(text, "registry.example.com/acme/app");
    assert_eq!(by, "registry.example.com/acme/**");
    assert_eq!(line, SIGNERS.lines().count() + 1);
    let twice = "[[rules]]\nrepositories = ['a.example/b', 'a.example/b']\ndeny = true";
    let fault = refused(twice).1;
    assert!(
        matches!(fault, PolicyFault::Unreachable { .. }),
        "{fault:?}"
    );
    // The other way round it is an exception.
    let exception = "[[rules]]
repositories = ['a.example/b']
deny = true
[[rules]]
repositories = ['a.example/*']
accept-unsigned = true
";
    assert!(Policy::parse(exception).is_ok());
}

#[test]
fn nothing_is_without_bounds() {
    let too_many = |text: &str, what: &str| {
        let error = Policy::parse(text).unwrap_err();
        assert!(
            matches!(error.fault, PolicyFault::TooMany { what: found, .. } if found == what),
            "{error}"
        );
    };
    too_many(&"#".repeat(POLICY_BYTES + 1), "bytes");
    let patterns: Vec<String> = (0..1025).map(|n| format!("'a.example/{n}'")).collect();
    let text = format!(
        "[[rules]]\nrepositories = [{}]\ndeny = true",
        patterns.join(", ")
    );
    too_many(&text, "repositories");
    let deep = format!(
        "[[rules]]\nrepositories = ['**']\nall = {}{}",
        "[{ all = ".repeat(8) + "[]",
        "}]".repeat(8)
    );
    let error = Policy::parse(&deep).unwrap_err();
    assert_eq!(error.fault, PolicyFault::Depth);
    let deeper = format!("a = {}{}", "[".repeat(5000), "]".repeat(5000));
    assert!(Policy::parse(&deeper).is_err());
}

#[test]
fn a_tag_that_is_released_for_another_image_is_signed_by_nobody() {
    let other = ContentTrustFact::OtherDigest {
        signed: id("another image"),
    };
    let by_role = policy("any = [{ role = 'targets' }, { role = 'targets/releases' }]");
    let (verdict, codes) = judge(&by_role, &other, &SigstoreFact::NotChecked);
    assert_eq!(verdict, Verdict::NotSatisfied);
    assert_eq!(codes, "none-satisfied(other-digest other-digest)");
    let either = policy("any = [{ role = 'targets' }, { key = 'release' }]");
    let by_key = judge(&either, &other, &signed(&[key("release")]));
    assert_eq!(by_key.0, Verdict::Allowed);
}

#[test]
fn one_demand_for_every_repository() {
    let by_key = |name: &str| {
        Requirement::SignedBy(SignedBy::Key {
            name: name.to_owned(),
            annotations: BTreeMap::new(),
        })
    };
    let places = BTreeMap::from([("release".to_owned(), "release.pub".to_owned())]);
    let policy = Policy::everywhere(places, BTreeMap::new(), by_key("release"));
    assert_eq!(policy.rules()[0].line, None);
    for name in [APP, "docker.io/library/alpine", "localhost:5000/a/b/c"] {
        assert!(policy.rule_for(&repository(name)).is_some(), "{name}");
    }
    assert_eq!(says(&policy, &[key("release")]), "satisfied");
    assert_eq!(says(&policy, &[key("backup")]), "not-signed-by");
    // A key that nobody has is not waived.
    let unknown = Policy::everywhere(BTreeMap::new(), BTreeMap::new(), by_key("nobody"));
    assert_eq!(says(&unknown, &[key("release")]), "key-unavailable");
    assert_eq!(SignedBy::role("root"), None);
    assert!(SignedBy::role("targets/releases").is_some());
}
