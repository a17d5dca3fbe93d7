//! `countersign doctor`: with stand-ins for docker of several versions, real trust servers, and this program in front.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::Value;
use testkit::{Countersign, Folder, NotaryServer, Output, Peers, Proxy, TestCa, run};

const COUNTERSIGN: &str = env!("CARGO_BIN_EXE_countersign");

/// A user's machine: a home folder, and folders of programs.
struct Machine {
    folder: Folder,
    path: Vec<PathBuf>,
    env: Vec<(String, String)>,
}

impl Machine {
    fn new() -> Self {
        let folder = Folder::new("doctor");
        std::fs::create_dir_all(folder.path().join("home/.docker")).unwrap();
        Self {
            folder,
            path: Vec::new(),
            env: Vec::new(),
        }
    }

    /// One more folder at the end of `PATH`.
    fn programs(&mut self) -> PathBuf {
        let folder = self.folder.path().join(format!("bin{}", self.path.len()));
        std::fs::create_dir(&folder).unwrap();
        self.path.push(folder.clone());
        folder
    }

    /// A docker that says its version, and then that it has no engine.
    fn docker(self, version: &str) -> Self {
        self.script(&format!(
            "[ \"$1 $2 $3\" = 'version --format {{{{.Client.Version}}}}' ] || exit 9\necho {version}\necho 'Cannot \
             connect to the Docker daemon' >&2\nexit 1\n"
        ))
    }

    fn script(mut self, text: &str) -> Self {
        let path = self.programs().join("docker");
        std::fs::write(&path, format!("#!/bin/sh\n{text}")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// Our program as docker.
    fn shim(mut self) -> Self {
        symlink(COUNTERSIGN, self.programs().join("docker")).unwrap();
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    fn trusting(self) -> Self {
        self.env("DOCKER_CONTENT_TRUST", "1")
    }

    /// `~/.docker/<name>`
    fn file(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join("home/.docker").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn config(self, config: &Value) -> Self {
        std::fs::write(self.file("config.json"), config.to_string()).unwrap();
        self
    }

    /// Believes the authority for `host`.
    fn believes(self, host: &str, ca_file: &Path) -> Self {
        std::fs::copy(ca_file, self.file(&format!("tls/{host}/ca.crt"))).unwrap();
        self
    }

    #[track_caller]
    fn countersign(&self, args: &[&str]) -> Output {
        let mut path = self.path.clone();
        path.extend(["/usr/bin", "/bin"].map(PathBuf::from));
        let mut command = Command::new(COUNTERSIGN);
        command
            .env_clear()
            .env("PATH", std::env::join_paths(self.isolated(path)).unwrap())
            .env("HOME", self.folder.path().join("home"))
            .current_dir(self.folder.path())
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .args(args);
        run(command, b"")
    }

    /// Without folders of the machine that have a docker of their own.
    fn isolated(&self, path: Vec<PathBuf>) -> Vec<PathBuf> {
        let ours = |folder: &PathBuf| folder.starts_with(self.folder.path());
        path.into_iter()
            .filter(|folder| ours(folder) || !folder.join("docker").exists())
            .collect()
    }

    #[track_caller]
    fn doctor(&self, args: &[&str]) -> Output {
        let output = self.countersign(&[&["doctor"], args].concat());
        assert!(output.stderr.is_empty(), "{output}");
        for line in output
            .stdout
            .lines()
            .filter(|line| line.chars().count() > 80)
        {
            let words = line.split_whitespace().count();
            assert!(
                args.contains(&"--json") || words <= 3,
                "{line:?} is too long"
            );
        }
        output
    }

    /// What `--json` says, and the exit code.
    #[track_caller]
    fn facts(&self, args: &[&str]) -> (Value, Option<i32>) {
        let output = self.doctor(&[&["--json"], args].concat());
        let facts = serde_json::from_str(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {output}"));
        (facts, output.code())
    }
}

/// `[images, builds]`
fn enforced(facts: &Value) -> [bool; 2] {
    ["images", "builds"].map(|what| facts["enforced"][what].as_bool().unwrap())
}

fn warnings(facts: &Value) -> String {
    let warnings = facts["warnings"].as_array().unwrap();
    let texts: Vec<&str> = warnings.iter().map(|text| text.as_str().unwrap()).collect();
    texts.join("\n")
}

#[test]
fn each_docker_enforces_what_it_does() {
    for (version, verifies, expected, code) in [
        ("20.10.24+dfsg1", "yes", [true, true], 0),
        ("22.06.0", "yes", [true, true], 0),
        ("23.0.6", "not_builds", [true, false], 0),
        ("28.5.2", "not_builds", [true, false], 0),
        ("29.7.2", "never", [false, false], 1),
        ("30.0.0", "never", [false, false], 1),
    ] {
        let machine = Machine::new().docker(version).trusting();
        let (facts, exit) = machine.facts(&[]);
        assert_eq!(facts["docker"]["version"], version);
        assert_eq!(facts["docker"]["verifies"], verifies, "{version}");
        assert_eq!(
            (enforced(&facts), exit),
            (expected, Some(code)),
            "{version}"
        );
        let page = machine.doctor(&[]);
        assert_eq!(page.code(), Some(code), "{page}");
        let start = if code == 0 {
            "\nverdict             in force"
        } else {
            "\nverdict             NOT IN FORCE: "
        };
        assert!(page.stdout.contains(start), "{page}");
        assert!(page.stdout.contains("nobody was asked"), "{page}");
    }
}

#[test]
fn the_shim_enforces_with_any_docker_if_it_is_first() {
    let first = Machine::new().shim().docker("29.7.2").trusting();
    let (facts, code) = first.facts(&[]);
    assert_eq!((enforced(&facts), code), ([true, true], Some(0)));
    assert_eq!(facts["docker"]["shim_first"], true);
    assert!(
        facts["docker"]["real"]
            .as_str()
            .unwrap()
            .ends_with("/bin1/docker")
    );
    first
        .doctor(&[])
        .says("found first")
        .says("behind the shim");

    let hidden = Machine::new().docker("29.7.2").shim().trusting();
    let (facts, code) = hidden.facts(&[]);
    assert_eq!((enforced(&facts), code), ([false, false], Some(1)));
    assert!(
        warnings(&facts).contains("/bin1/docker is hidden by "),
        "{facts}"
    );

    let alone = Machine::new().shim().trusting();
    let (facts, _) = alone.facts(&[]);
    assert!(
        warnings(&facts).contains("there is no docker behind the shim"),
        "{facts}"
    );

    // A copy is as good as a link, and COUNTERSIGN_DOCKER says what is behind it.
    let mut copied = Machine::new().trusting();
    std::fs::copy(COUNTERSIGN, copied.programs().join("docker")).unwrap();
    let other = Machine::new().docker("29.1.0");
    let real = other.path[0].join("docker").display().to_string();
    let (facts, code) = copied.env("COUNTERSIGN_DOCKER", &real).facts(&[]);
    assert_eq!(
        (&facts["docker"]["version"], code),
        (&Value::from("29.1.0"), Some(0))
    );
}

#[test]
fn the_variable_counts_as_docker_counts_it() {
    for (value, on) in [
        (None, false),
        (Some(""), false),
        (Some("0"), false),
        (Some("False"), false),
        (Some("1"), true),
        (Some("no"), true),
    ] {
        let mut machine = Machine::new().docker("29.7.2");
        if let Some(value) = value {
            machine = machine.env("DOCKER_CONTENT_TRUST", value);
        }
        let (facts, code) = machine.facts(&[]);
        assert_eq!(facts["content_trust"]["on"], on, "{value:?}");
        assert_eq!(code, Some(i32::from(on)), "{value:?}");
        assert_eq!(
            machine
                .doctor(&[])
                .stdout
                .contains("\nverdict             off: "),
            !on,
            "{value:?}"
        );
    }
}

#[test]
fn a_docker_that_does_not_say_its_version_enforces_nothing() {
    let hanging = Machine::new().script("exec sleep 60\n").trusting();
    let begin = Instant::now();
    let (facts, code) = hanging.facts(&[]);
    assert!(begin.elapsed().as_secs() < 20, "it is not waited for");
    assert_eq!(code, Some(1));
    assert!(
        warnings(&facts).contains("no answer within 5 seconds"),
        "{facts}"
    );
    let odd = Machine::new().script("echo podman\n").trusting();
    let (facts, code) = odd.facts(&[]);
    assert_eq!(
        (facts["docker"]["version_problem"].as_str().unwrap(), code),
        ("it said \"podman\"", Some(1))
    );
    let none = Machine::new().trusting();
    let page = none.doctor(&[]);
    assert_eq!(page.code(), Some(1));
    page.says("there is no docker on PATH");
}

#[test]
fn plugins_are_found_in_dockers_order() {
    let machine = Machine::new().docker("29.7.2").trusting();
    let (facts, _) = machine.facts(&[]);
    let ours = |facts: &Value, name: &str| {
        let plugins = facts["plugins"].as_array().unwrap();
        let of = plugins.iter().filter(|plugin| plugin["name"] == name);
        of.map(|plugin| [&plugin["ours"], &plugin["used"]].map(|flag| flag.as_bool().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(ours(&facts, "trust"), Vec::<[bool; 2]>::new());
    machine.countersign(&["plugin", "install"]).success();
    let (facts, _) = machine.facts(&[]);
    assert_eq!(ours(&facts, "trust"), [[true, true]]);
    // A folder that config.json names comes before the user's own.
    let extra = machine.folder.path().join("extra");
    std::fs::create_dir(&extra).unwrap();
    std::fs::write(extra.join("docker-trust"), "#!/bin/sh\n").unwrap();
    std::fs::write(extra.join("docker-buildx"), "#!/bin/sh\n").unwrap();
    let config =
        serde_json::json!({"cliPluginsExtraDirs": [extra], "aliases": {"builder": "countersign"}});
    let machine = machine.config(&config);
    let (facts, code) = machine.facts(&[]);
    assert_eq!(ours(&facts, "trust"), [[false, true], [true, false]]);
    assert!(warnings(&facts).contains("is hidden by "), "{facts}");
    assert!(
        warnings(&facts).contains("docker buildx build verifies nothing"),
        "{facts}"
    );
    // Builds are covered by the alias; pulls are not, so it is not in force.
    assert_eq!((enforced(&facts), code), ([false, true], Some(1)));
    assert_eq!(
        facts["builder_alias"],
        serde_json::json!({"plugin": "countersign", "ours": true})
    );
    machine.doctor(&[]).says("NOT IN FORCE, except for builds");
    let machine = machine.config(&serde_json::json!({"aliases": {"builder": "buildx"}}));
    assert_eq!(enforced(&machine.facts(&[]).0), [false, false]);
}

/// Who is logged in somewhere learns whom we would ask; nobody is asked.
#[test]
fn nobody_is_contacted_unless_named() {
    let ca = TestCa::new();
    let registry = Proxy::to("http://127.0.0.1:1").start_https(&ca);
    let host = registry.host();
    let config = serde_json::json!({"auths": {&host: {}, "https://index.docker.io/v1/": {}}});
    let machine = Machine::new()
        .docker("28.5.2")
        .config(&config)
        .believes(&host, &ca.file());
    let (facts, _) = machine.facts(&[]);
    let registries = serde_json::json!([
        {"registry": "https://index.docker.io/v1/", "server": "https://notary.docker.io"},
        {"registry": host, "server": format!("https://{host}")},
    ]);
    assert_eq!(facts["registries"], registries);
    assert!(registry.exchanges().is_empty(), "{:?}", registry.requests());
    machine.facts(&[&format!("{host}/a:1")]);
    assert!(!registry.exchanges().is_empty(), "named, it is asked");
}

#[test]
fn a_server_answers_or_it_is_said_why_not() {
    let Some(peers) = Peers::locate() else { return };
    let (ca, stranger) = (TestCa::new(), TestCa::new());
    let stock = NotaryServer::memory(&peers, &ca);
    let ours = Countersign::start(COUNTERSIGN);
    let problem = |machine: &Machine, url: &str| {
        let (facts, _) = machine.facts(&["--server", url]);
        let server = &facts["server"];
        assert_eq!(server["answers"], server["problem"].is_null(), "{facts}");
        server["problem"].as_str().map(str::to_owned)
    };
    for (url, host, ca_file) in [
        (
            stock.url(),
            stock.address().to_string(),
            stock.ca_file().to_owned(),
        ),
        (ours.url(), ours.address().to_string(), ours.ca_file()),
    ] {
        let machine = Machine::new().docker("28.5.2").believes(&host, &ca_file);
        assert_eq!(problem(&machine, &url), None);
        machine.doctor(&["--server", &url]).says(": answers");
        let wrong = Machine::new()
            .docker("28.5.2")
            .believes(&host, &stranger.file());
        let why = problem(&wrong, &url).expect("it is not believed");
        assert!(
            why.contains("certificate of an unknown issuer") && why.contains("ca.crt"),
            "{why}"
        );
    }
    let machine = Machine::new().docker("28.5.2");
    let why = problem(&machine, "https://127.0.0.1:1").expect("nobody is there");
    assert!(why.contains("refused"), "{why}");
    let why = problem(&machine, "http://127.0.0.1:1").expect("it is no https address");
    assert!(why.contains("https"), "{why}");
}

/// A repository with two signers: whose keys are here, what ends when.
#[test]
fn an_images_roles_and_keys_are_shown() {
    let Some(peers) = Peers::locate() else { return };
    let server = Countersign::start(COUNTERSIGN);
    let owner = Machine::new()
        .docker("20.10.24")
        .trusting()
        .believes(&server.host(), &server.ca_file())
        .env("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", "root-passphrase")
        .env(
            "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE",
            "other-passphrase",
        );
    let repository = format!("{}/team/app", server.host());
    let image = format!("{repository}:1");
    let (facts, code) = owner.facts(&[&image]);
    let problem = facts["images"][0]["problem"].as_str().unwrap();
    assert!(
        problem.contains("does not have trust data for") && code == Some(0),
        "{facts}"
    );

    owner
        .countersign(&["trust", "key", "generate", "amy"])
        .success();
    owner
        .countersign(&[
            "trust",
            "signer",
            "add",
            "--key",
            "amy.pub",
            "amy",
            &repository,
        ])
        .success();
    let mut openssl = peers.openssl();
    let file = |name: &str| owner.folder.path().join(name);
    openssl
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ])
        .args(["-days", "31", "-subj", "/CN=bob", "-keyout"])
        .arg(file("bob.key"))
        .arg("-out")
        .arg(file("bob.crt"));
    run(openssl, b"").success();
    owner
        .countersign(&[
            "trust",
            "signer",
            "add",
            "--key",
            "bob.crt",
            "bob",
            &repository,
        ])
        .success();

    let (facts, code) = owner.facts(&[&image]);
    let found = &facts["images"][0];
    assert_eq!(
        (&found["trusted"], &found["problem"], code),
        (&Value::from(true), &Value::from("1 is not signed"), Some(0))
    );
    assert_eq!(found["server"], format!("https://{}", server.host()));
    let held = |role: &str| {
        let roles = found["roles"].as_array().unwrap();
        let role = roles
            .iter()
            .find(|known| known["role"] == role)
            .expect("the role is there");
        let keys = role["keys"].as_array().unwrap();
        keys.iter()
            .map(|key| key["held"].as_bool().unwrap())
            .collect::<Vec<_>>()
    };
    for role in ["root", "targets", "targets/amy"] {
        assert_eq!(held(role), [true], "{role}");
    }
    for role in ["timestamp", "snapshot", "targets/bob"] {
        assert_eq!(held(role), [false], "{role}");
    }
    let said = warnings(&facts);
    assert!(
        said.contains("of targets/bob in ") && said.contains("ends in 30 days"),
        "{said}"
    );
    assert!(!said.contains("root of"), "ten years are long: {said}");
    owner
        .doctor(&[&image])
        .says("targets/amy, nothing signed; held here: ")
        .says("targets/bob, nothing signed; no key");

    // The server goes; nothing cached is taken for an answer.
    let (host, ca) = (server.host(), Folder::new("ca"));
    std::fs::copy(server.ca_file(), ca.path().join("ca.crt")).unwrap();
    drop(server);
    let (facts, _) = owner.facts(&[&format!("{host}/team/app:1")]);
    assert_eq!(facts["images"][0]["trusted"], false);
    assert!(
        facts["images"][0]["problem"]
            .as_str()
            .unwrap()
            .contains("refused"),
        "{facts}"
    );
}

#[test]
fn key_files_open_to_others_and_changes_left_over_are_named() {
    let machine = Machine::new().docker("20.10.24").env(
        "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE",
        "other-passphrase",
    );
    machine
        .countersign(&["trust", "key", "generate", "amy"])
        .success();
    let (facts, _) = machine.facts(&[]);
    let key = &facts["keys"][0];
    assert_eq!(
        (&key["role"], &key["mode"]),
        (&Value::from("amy"), &Value::from("600"))
    );
    assert_eq!(warnings(&facts), "");
    let path = key["path"].as_str().unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(machine.file("trust/private/junk.key"), "junk").unwrap();
    for name in ["1_a.change", "2_b.change"] {
        std::fs::write(
            machine.file(&format!("trust/tuf/r.example/app/changelist/{name}")),
            "{}",
        )
        .unwrap();
    }
    let (facts, _) = machine.facts(&[]);
    let said = warnings(&facts);
    assert!(
        said.contains("has mode 644") && said.contains("junk.key is not usable"),
        "{said}"
    );
    assert_eq!(
        facts["staged"],
        serde_json::json!([{"repository": "r.example/app", "changes": 2}])
    );
    assert!(
        said.contains("2 changes of r.example/app were staged"),
        "{said}"
    );
}

#[test]
fn the_names_in_the_json_are_stable() {
    let (facts, _) = Machine::new().docker("29.7.2").facts(&[]);
    let mut names: Vec<&String> = facts.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(
        names,
        [
            "builder_alias",
            "content_trust",
            "docker",
            "enforced",
            "images",
            "keys",
            "plugins",
            "registries",
            "server",
            "staged",
            "verdict",
            "warnings",
        ]
    );
}

#[test]
fn what_is_no_image_is_refused() {
    let output = Machine::new()
        .docker("29.7.2")
        .countersign(&["doctor", "Not An Image"]);
    assert_eq!(output.code(), Some(1));
    assert!(
        output.stderr.starts_with("\"Not An Image\" is no image: "),
        "{output}"
    );
    let broken = Machine::new().docker("29.7.2");
    std::fs::write(broken.file("config.json"), "{").unwrap();
    broken
        .countersign(&["doctor"])
        .failure()
        .says("docker's configuration cannot be used");
}
