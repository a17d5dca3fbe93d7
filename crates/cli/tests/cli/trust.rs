//! The commands that need a trust server, up to the use case: what is checked before, what is said after.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use countersign::input::InputError;
use countersign::personas::docker::ops::DockerOps;
use countersign::personas::docker_trust::ops::{
    AddSigner, AddSignerEvent, KeyTrouble, Refusal, RemoveSigner, Revoke, SignEvent, SignRequest,
    SignSource, TrustOps,
};
use countersign::personas::native::doctor::DoctorOps;
use countersign::personas::native::serve::ServeRequest;
use countersign::personas::notary::error::Error as NotaryError;
use countersign::personas::notary::ops::NotaryOps;
use countersign::personas::notary::settings::Settings;
use countersign::process::Process;
use countersign::render::inspect::{RepositoryTrust, TagView};
use countersign::{Failure, Session, UseCases};
use jiff::Timestamp;
use oci::{Digest, Reference, Repository, Tag};

use crate::scene::{NoTrust, Outcome, Scene};
use crate::transcript::{steps, words};

const DEMO: &str = "registry.example.com/admin/demo";
const DIGEST: &str = "sha256:139f462a44274260b03b6402a3835660453fb5e5a989c6c8d7a7d941241483d0";

/// A trust server in memory: knows what it was asked, and `none` and `broken` repositories.
#[derive(Clone, Default)]
struct Memory {
    asked: Rc<RefCell<Vec<String>>>,
    signed_already: bool,
    last_signer: bool,
}

impl Memory {
    fn ask(&self, what: String) {
        self.asked.borrow_mut().push(what);
    }

    fn find(&self, repository: &Repository) -> Result<(), Refusal> {
        let gun = repository.gun();
        if gun.contains("/none") {
            return Err(Refusal::NoTrustData {
                deleted: false,
                server: repository.host().to_owned(),
                gun,
            });
        }
        if gun.contains("/broken") {
            let server = repository.host().to_owned();
            return Err(Refusal::Unreachable {
                server,
                cause: "connection refused".to_owned(),
                authority: None,
            });
        }
        Ok(())
    }
}

impl UseCases for Memory {
    fn trust<'s>(&'s self, _: &'s Session<'_>) -> Result<Box<dyn TrustOps + 's>, Refusal> {
        Ok(Box::new(self.clone()))
    }

    no_sigstore!();

    fn doctor<'s>(&'s self, _: &'s Session<'_>) -> Result<Box<dyn DoctorOps + 's>, Refusal> {
        panic!("this command must not look around")
    }

    fn notary<'s>(
        &'s self,
        _: &'s Process,
        _: &Settings,
    ) -> Result<Box<dyn NotaryOps + 's>, NotaryError> {
        panic!("these commands are docker's")
    }

    fn docker<'s>(&'s self, _: &'s Session<'_>) -> Result<Box<dyn DockerOps + 's>, Refusal> {
        panic!("these commands need no engine")
    }

    fn serve(&self, _: &Session<'_>, request: &ServeRequest) -> Result<(), Failure> {
        self.ask(format!("serve {request:?}"));
        Ok(())
    }

    fn demo(&self, _: &Session<'_>) -> Result<(), Failure> {
        self.ask("demo".to_owned());
        Ok(())
    }
}

impl TrustOps for Memory {
    fn inspect(&mut self, images: &[Reference]) -> Vec<Result<RepositoryTrust, Refusal>> {
        let tag = |tag: &str| TagView {
            tag: tag.to_owned(),
            digest: "ab".repeat(32),
            signers: Vec::new(),
        };
        let look = |image: &Reference| {
            self.find(image.repository())?;
            let mut tags = vec![tag("v1"), tag("v2")];
            tags.retain(|signed| image.tag().is_none_or(|tag| signed.tag == tag.as_str()));
            Ok(RepositoryTrust {
                tags,
                ..RepositoryTrust::default()
            })
        };
        images.iter().map(look).collect()
    }

    fn sign(
        &mut self,
        request: &SignRequest,
        report: &mut dyn FnMut(SignEvent),
    ) -> Result<(), Refusal> {
        self.find(&request.repository)?;
        let tags: Vec<&str> = request.tags.iter().map(Tag::as_str).collect();
        self.ask(format!(
            "sign {} {tags:?} {:?}",
            request.repository.gun(),
            request.source
        ));
        for tag in &request.tags {
            let (tag, digest) = (tag.clone(), Digest::parse(DIGEST).unwrap());
            report(
                if self.signed_already && request.source == SignSource::Usual {
                    SignEvent::Existing {
                        tag,
                        digest,
                        signers: vec!["jeff".to_owned(), "amy".to_owned()],
                    }
                } else {
                    SignEvent::Resolved {
                        tag,
                        digest,
                        size: 523,
                    }
                },
            );
        }
        Ok(())
    }

    fn add_signer(
        &mut self,
        request: &AddSigner,
        report: &mut (dyn FnMut(AddSignerEvent) + Send),
    ) -> Result<(), Refusal> {
        let ids: Vec<String> = request
            .keys
            .iter()
            .map(|key| key.canonical_id().unwrap().to_string())
            .collect();
        self.ask(format!(
            "add {} {} {ids:?}",
            request.name,
            request.repository.gun()
        ));
        match self.find(&request.repository) {
            Err(Refusal::NoTrustData { .. }) => {
                report(AddSignerEvent::Initializing);
                report(AddSignerEvent::Initialized);
                Ok(())
            }
            other => other,
        }
    }

    fn remove_signer(
        &mut self,
        request: &RemoveSigner,
        may_break: &mut dyn FnMut() -> Result<bool, InputError>,
    ) -> Result<(), Refusal> {
        self.find(&request.repository)?;
        if request.name == "nobody" {
            return Err(Refusal::NoSuchSigner {
                name: request.name.clone(),
                repository: request.repository.gun(),
            });
        }
        if self.last_signer && !request.force && !may_break()? {
            return Err(Refusal::Declined);
        }
        self.ask(format!(
            "remove {} {}",
            request.name,
            request.repository.gun()
        ));
        Ok(())
    }

    fn revoke(&mut self, repository: &Repository, what: &Revoke) -> Result<(), Refusal> {
        self.find(repository)?;
        match what {
            Revoke::Tag(tag) if tag.as_str() == "gone" => {
                return Err(Refusal::TagNotSigned {
                    tag: tag.to_string(),
                });
            }
            _ => self.ask(format!("revoke {} {what:?}", repository.gun())),
        }
        Ok(())
    }
}

fn with_data() -> Scene {
    let scene = Scene::new();
    for file in [
        "ec.crt",
        "soon.crt",
        "ec.pub",
        "ecp8.key",
        "ed.pub",
        "future.crt",
        "junk.key",
        "old.crt",
        "rsa.pub",
    ] {
        let data = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data")
            .join(file);
        std::fs::copy(data, scene.project().join(file)).unwrap();
    }
    scene
}

fn ask(scene: &Scene, memory: &Memory, line: &[&str], stdin: &[u8]) -> Outcome {
    let mut words = vec!["docker", "trust"];
    words.extend_from_slice(line);
    scene.run_with(&words, stdin, memory)
}

/// docker's own text for every mistake that needs no server; below it ours may say more.
#[test]
fn mistakes_are_found_before_anything_is_contacted() {
    let mut compared = 0;
    for file in [
        "04-signer-add.txt",
        "05-sign.txt",
        "06-inspect.txt",
        "07-revoke.txt",
    ] {
        for step in steps(&format!("cli-28.2.2/{file}")) {
            let Some(line) = words(&step.command).filter(|line| line[0] == "docker") else {
                continue;
            };
            let local = [
                "reference",
                "must start",
                "reserved",
                "public key",
                "no tag",
                "digest reference",
            ];
            if step.exit != 1
                || !local.iter().any(|word| step.stderr.contains(word))
                || step.stdout.starts_with('[')
            {
                continue;
            }
            let line: Vec<&str> = line.iter().map(String::as_str).collect();
            // A name that is no reference is found when its turn comes.
            let ours = if line[2] == "signer" && step.stderr.contains("reference") {
                with_data().run_with(&line, b"", &Memory::default())
            } else if line[2] == "inspect" {
                continue;
            } else {
                with_data().run_with(&line, b"", &NoTrust)
            };
            let first = step.stderr.lines().next().unwrap();
            assert!(
                ours.stderr.starts_with(first),
                "{}\n{ours:?}\n{step:?}",
                step.command
            );
            assert_eq!(
                (ours.stdout.as_str(), ours.code),
                (step.stdout.as_str(), 1),
                "{}",
                step.command
            );
            compared += 1;
        }
    }
    assert!(compared >= 15, "only {compared} mistakes were compared");
}

#[test]
fn inspect_shows_what_it_can_and_says_why_not_the_rest() {
    let outcome = ask(
        &Scene::new(),
        &Memory::default(),
        &[
            "inspect",
            "r.example.com/none",
            &format!("{DEMO}:v1"),
            "R.example.com/Up",
        ],
        b"",
    );
    assert_eq!(
        outcome.failure(),
        "no signatures or cannot access r.example.com/none: r.example.com does not have trust data for \
         r.example.com/none\nr.example.com was asked; DOCKER_CONTENT_TRUST_SERVER names another trust server. A new \
         repository is set up by docker trust signer add or docker trust sign.\ninvalid reference format: repository \
         name (Up) must be lowercase\nAn image is named [HOST[:PORT]/]PATH[:TAG], for example \
         registry.example.com/team/app:1.0.\n"
    );
    assert!(
        outcome.stdout.contains("\"SignedTag\": \"v1\"") && !outcome.stdout.contains("\"v2\""),
        "{outcome:?}"
    );
    let nothing = ask(
        &Scene::new(),
        &Memory::default(),
        &["inspect", "r.example.com/none"],
        b"",
    );
    assert_eq!(nothing.stdout, "[]\n");
    let digest = format!("{DEMO}:v1@{DIGEST}");
    let all = ask(
        &Scene::new(),
        &Memory::default(),
        &["inspect", &digest],
        b"",
    );
    assert!(all.success().contains("\"v2\""), "a digest shows every tag");
}

#[test]
fn pretty_inspect_stops_at_the_first_problem_and_view_is_the_same() {
    let outcome = ask(
        &Scene::new(),
        &Memory::default(),
        &["inspect", "--pretty", DEMO, "r.example.com/broken", DEMO],
        b"",
    );
    assert!(outcome.failure().starts_with(
        "no signatures or cannot access r.example.com/broken: connection refused\nThe trust server asked was r.example.com;"
    ));
    assert!(
        outcome.stdout.ends_with("  Root Key:\t\n\n\n"),
        "{outcome:?}"
    );
    let pretty = ask(
        &Scene::new(),
        &Memory::default(),
        &["inspect", "--pretty", DEMO],
        b"",
    );
    let view = ask(&Scene::new(), &Memory::default(), &["view", DEMO], b"");
    assert_eq!(pretty.success(), view.success());
}

#[test]
fn many_tags_of_a_repository_are_one_request() {
    let memory = Memory::default();
    let tags = [
        "r.example.com/a:2",
        "r.example.com/b:1",
        "r.example.com/a:1",
        "r.example.com/a:2",
    ];
    let mut line = vec!["sign"];
    line.extend_from_slice(&tags);
    let outcome = ask(&Scene::new(), &memory, &line, b"");
    let lines = |tag: &str| {
        format!("{tag}: digest: {DIGEST} size: 523\nSigning and pushing trust metadata\n")
    };
    assert_eq!(
        outcome.success(),
        format!(
            "{}{}Successfully signed r.example.com/a:2\nSuccessfully signed r.example.com/a:1\n{}Successfully signed \
             r.example.com/b:1\n",
            lines("2"),
            lines("1"),
            lines("1")
        )
    );
    assert_eq!(
        *memory.asked.borrow(),
        [
            "sign r.example.com/a [\"2\", \"1\"] Usual",
            "sign r.example.com/b [\"1\"] Usual"
        ]
    );
}

#[test]
fn signing_a_signed_tag_again_says_who_signed_before() {
    let memory = Memory {
        signed_already: true,
        ..Memory::default()
    };
    let image = format!("{DEMO}:1");
    let outcome = ask(&Scene::new(), &memory, &["sign", &image], b"");
    let golden = steps("cli-28.2.2/05-sign.txt");
    let golden = golden
        .iter()
        .find(|step| step.stdout.contains("from:\namy, jeff"))
        .unwrap();
    let normal = |text: &str| {
        let (before, after) = text.split_once(" digest ").unwrap();
        format!("{before}{}", &after[64..])
    };
    assert_eq!(normal(outcome.success()), normal(&golden.stdout));
    let local = ask(&Scene::new(), &memory, &["sign", "--local", &image], b"");
    assert!(
        local.success().starts_with("1: digest: sha256:139f"),
        "{local:?}"
    );
}

#[test]
fn one_repository_that_fails_does_not_hide_the_others() {
    let memory = Memory::default();
    let outcome = ask(
        &Scene::new(),
        &memory,
        &["sign", "r.example.com/broken:1", "r.example.com/a:1"],
        b"",
    );
    assert!(
        outcome
            .failure()
            .starts_with("Error: error contacting notary server: connection refused\n"),
        "{outcome:?}"
    );
    assert!(
        outcome
            .stdout
            .ends_with("Successfully signed r.example.com/a:1\n")
    );
    assert!(!outcome.stdout.contains("broken"));
}

#[test]
fn adding_a_signer_speaks_as_docker_does() {
    let memory = Memory::default();
    let line = [
        "signer",
        "add",
        "--key",
        "ec.crt",
        "--key=rsa.pub",
        "jeff",
        DEMO,
        "r.example.com/none",
    ];
    let outcome = ask(&with_data(), &memory, &line, b"");
    assert_eq!(
        outcome.success(),
        format!(
            "Adding signer \"jeff\" to {DEMO}...\nSuccessfully added signer: jeff to {DEMO}\n\nAdding signer \"jeff\" to \
             r.example.com/none...\nInitializing signed repository for r.example.com/none...\nSuccessfully initialized \
             \"r.example.com/none\"\nSuccessfully added signer: jeff to r.example.com/none\n\n"
        )
    );
    let bare = ask(
        &with_data(),
        &memory,
        &["signer", "add", "--key", "ec.pub", "jeff", DEMO],
        b"",
    );
    assert_eq!(bare.code, 0);
    let asked = memory.asked.borrow();
    let first_id = |text: &str| text.split('"').nth(1).unwrap().to_owned();
    assert_eq!(
        first_id(&asked[0]),
        first_id(&asked[2]),
        "a certificate counts as its bare key"
    );
}

#[test]
fn a_certificate_that_ends_soon_is_accepted_with_a_warning() {
    let line = ["signer", "add", "--key", "soon.crt", "jeff", DEMO];
    let outcome = ask(&with_data(), &Memory::default(), &line, b"");
    assert_eq!(
        (outcome.code, outcome.stderr.as_str()),
        (0, "warning: certificate with CN jeff is near expiry\n")
    );
}

#[test]
fn a_repository_that_fails_does_not_stop_the_next() {
    let memory = Memory::default();
    let line = [
        "signer",
        "add",
        "--key",
        "ec.pub",
        "jeff",
        "r.example.com/broken",
        DEMO,
    ];
    let outcome = ask(&with_data(), &memory, &line, b"");
    assert!(
        outcome
            .failure()
            .starts_with("Error: error contacting notary server: connection refused\n")
    );
    assert!(
        outcome
            .stderr
            .ends_with("\n\nfailed to add signer to: r.example.com/broken\n"),
        "{outcome:?}"
    );
    assert!(
        outcome
            .stdout
            .ends_with(&format!("Successfully added signer: jeff to {DEMO}\n\n"))
    );
    let line = [
        "signer",
        "remove",
        "nobody",
        "r.example.com/none",
        "r.example.com/a",
    ];
    let outcome = ask(&Scene::new(), &memory, &line, b"");
    assert_eq!(
        outcome.failure(),
        "error retrieving signers for r.example.com/none: r.example.com does not have trust data for \
         r.example.com/none\nr.example.com was asked; DOCKER_CONTENT_TRUST_SERVER names another trust server. A new \
         repository is set up by docker trust signer add or docker trust sign.\n\nno signer nobody for repository \
         r.example.com/a\ndocker trust inspect --pretty shows the signers there are.\n\nerror removing signer from: \
         r.example.com/none, r.example.com/a\n"
    );
}

/// docker's `signer remove` has done nothing since 26.0 and says so with exit 0.
#[test]
fn removing_a_signer_removes_it() {
    let memory = Memory::default();
    let outcome = ask(
        &Scene::new(),
        &memory,
        &["signer", "remove", "amy", DEMO],
        b"",
    );
    assert_eq!(
        outcome.success(),
        format!("Removing signer \"amy\" from {DEMO}...\nSuccessfully removed amy from {DEMO}\n\n")
    );
    assert_eq!(memory.asked.borrow().len(), 1);
}

#[test]
fn removing_the_last_signer_asks_and_no_is_a_failure() {
    let memory = Memory {
        last_signer: true,
        ..Memory::default()
    };
    let question = format!(
        "The signer \"jeff\" signed the last released version of {DEMO}. Removing this signer will make {DEMO} \
         unpullable. Are you sure you want to continue? [y/N] "
    );
    for (answer, agreed) in [
        ("y\n", true),
        ("yes\n", true),
        ("Y\n", true),
        ("n\n", false),
        ("", false),
        ("\n", false),
    ] {
        memory.asked.borrow_mut().clear();
        let outcome = ask(
            &Scene::new(),
            &memory,
            &["signer", "remove", "jeff", DEMO],
            answer.as_bytes(),
        );
        assert!(outcome.stdout.contains(&question), "{outcome:?}");
        assert_eq!(
            (outcome.code == 0, memory.asked.borrow().len()),
            (agreed, usize::from(agreed)),
            "{answer:?}"
        );
    }
    let outcome = ask(
        &Scene::new(),
        &memory,
        &["signer", "remove", "-f", "jeff", DEMO],
        b"",
    );
    assert!(!outcome.success().contains("sure"));
}

#[test]
fn revoking_everything_asks_and_one_tag_does_not() {
    let memory = Memory::default();
    let question =
        format!("Confirm you would like to delete all signature data for {DEMO}? [y/N] ");
    let no = ask(&Scene::new(), &memory, &["revoke", DEMO], b"n\n");
    assert_eq!(
        (no.stdout.as_str(), no.failure()),
        (
            format!("{question}\n").as_str(),
            "cancelled: nothing was changed\n"
        )
    );
    assert!(memory.asked.borrow().is_empty());
    let yes = ask(&Scene::new(), &memory, &["revoke", DEMO], b"y\n");
    assert_eq!(
        yes.success(),
        format!("{question}Successfully deleted signature for {DEMO}\n")
    );
    let tag = ask(
        &Scene::new(),
        &memory,
        &["revoke", &format!("{DEMO}:1")],
        b"",
    );
    assert_eq!(
        tag.success(),
        format!("Successfully deleted signature for {DEMO}:1\n")
    );
    let gone = ask(
        &Scene::new(),
        &memory,
        &["revoke", &format!("{DEMO}:gone")],
        b"",
    );
    assert_eq!(
        gone.failure(),
        format!(
            "could not remove signature for {DEMO}:gone: No valid trust data for gone\n\
             docker trust inspect --pretty shows the tags that are signed.\n"
        )
    );
    let flag = ask(&Scene::new(), &memory, &["revoke", "-y", DEMO], b"");
    assert_eq!(
        flag.success(),
        format!("Successfully deleted signature for {DEMO}\n")
    );
}

#[test]
fn serve_and_demo_reach_their_use_cases() {
    let memory = Memory::default();
    let scene = Scene::new();
    scene
        .run_with(
            &[
                "countersign",
                "serve",
                "--data",
                "d",
                "--listen",
                "[::1]:0",
                "--name",
                "a.example",
            ],
            b"",
            &memory,
        )
        .success();
    scene
        .run_with(&["countersign", "demo"], b"", &memory)
        .success();
    assert!(
        memory.asked.borrow()[0].contains("listen: [[::1]:0], names: [\"a.example\"]"),
        "{:?}",
        memory.asked
    );
    let refused = scene.run(&["countersign", "serve", "--name", "bad name"]);
    assert!(
        refused
            .failure()
            .starts_with("--name \"bad name\" is not a host name"),
        "{refused:?}"
    );
    let refused = scene.run(&["countersign", "serve", "--listen", "here"]);
    assert!(
        refused
            .failure()
            .starts_with("--listen \"here\" is not an address with a port")
    );
}

/// Reference 2.10, docker's words; the advice comes below.
#[test]
fn refusals_are_translated_as_docker_translates_them() {
    let gun = || "r.example.com/a".to_owned();
    let role = || "targets".to_owned();
    let server = || "r.example.com".to_owned();
    let cases = [
        (
            Refusal::NoTrustData {
                deleted: false,
                server: server(),
                gun: gun(),
            },
            "Error: remote trust data does not exist for r.example.com/a: r.example.com does not have trust data for \
             r.example.com/a",
        ),
        (
            Refusal::Expired {
                gun: gun(),
                role: role(),
                at: Timestamp::constant(1_722_027_645, 0),
            },
            "Error: remote repository r.example.com/a out-of-date: targets expired at Fri Jul 26 21:00:45 UTC 2024",
        ),
        (
            Refusal::OlderVersion {
                gun: gun(),
                role: role(),
                found: 1,
                known: 2,
            },
            "Warning: potential malicious behavior - trust data version is lower than expected for remote repository \
             r.example.com/a: version 1 is lower than current version 2",
        ),
        (
            Refusal::BadSignatures {
                gun: gun(),
                role: role(),
                have: 0,
                need: 1,
            },
            "Warning: potential malicious behavior - trust data has insufficient signatures for remote repository \
             r.example.com/a: valid signatures did not meet threshold for targets (0 of 1)",
        ),
        (
            Refusal::NotAuthorized {
                server: server(),
                status: 401,
                user: None,
                scope: "s".to_owned(),
            },
            "you are not authorized to perform this operation: server returned 401.",
        ),
        (
            Refusal::ServerStatus {
                server: server(),
                status: 503,
                message: String::new(),
                retry_after: None,
            },
            "unable to reach trust server at this time: 503.",
        ),
        (
            Refusal::KeyUnusable {
                key_ids: vec!["ab".to_owned()],
                why: KeyTrouble::WrongPassphrase { variable: None },
            },
            "could not find necessary signing keys, at least one of these keys must be available: ab",
        ),
        (
            Refusal::UserName {
                user: Some("John.Doe".to_owned()),
            },
            "could not add signer to repo: John.Doe: tuf: invalid role targets/John.Doe. invalid delegation role name",
        ),
        (
            Refusal::ServerAddress {
                found: "http://x".to_owned(),
            },
            "valid https URL required for trust server, got http://x",
        ),
    ];
    for (refusal, text) in cases {
        assert_eq!(refusal.translated(), text);
    }
}

/// A digest is for one image, and in one form.
#[test]
fn a_digest_to_sign_is_checked_before_anything_is_asked() {
    let memory = Memory::default();
    let digest = format!("--digest={DIGEST}");
    for (words, why) in [
        (
            vec!["sign", &digest, "r.example.com/a:1", "r.example.com/a:2"],
            "--digest: one image at a time\n",
        ),
        (
            vec!["sign", "--digest=sha256:12", "r.example.com/a:1"],
            "--digest: expected sha256: and 64 hexadecimal digits",
        ),
        (
            vec!["sign", "--local", &digest, "r.example.com/a:1"],
            "--digest: not together with --local",
        ),
    ] {
        let mut native = vec!["countersign", "trust"];
        native.extend(words.iter().copied());
        let outcome = Scene::new().run_with(&native, b"", &memory);
        let text = outcome.failure();
        assert!(text.starts_with(why), "{text}");
    }
    assert!(memory.asked.borrow().is_empty());
    // docker's own table has no such flag.
    let unknown = ask(
        &Scene::new(),
        &memory,
        &["sign", &digest, "r.example.com/a:1"],
        b"",
    );
    assert!(
        unknown.stderr.starts_with("unknown flag: --digest"),
        "{unknown:?}"
    );
}
