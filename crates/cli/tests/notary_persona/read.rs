//! `list` and `lookup`: what stock notary publishes, on its server and on ours.

use testkit::{Fault, NotaryCli, NotaryServer, Peers, Terminal, TestCa, TokenServer, run};

use crate::support::{Ours, Server};

const GUN: &str = "example.com/Team/app";

/// Publishes some names with stock notary: in `targets`, in a delegation, and in one below it.
fn publish(peers: &Peers, owner: &NotaryCli) {
    let files = testkit::Folder::new("files");
    let file = |name: &str, text: &str| {
        let path = files.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (one, two) = (file("one", "first"), file("two", "second content"));
    let mut openssl = peers.openssl();
    let pem = files.path().join("alice");
    openssl
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "3000", "-subj", "/CN=alice", "-keyout"])
        .arg(pem.with_extension("key"))
        .arg("-out")
        .arg(pem.with_extension("crt"));
    run(openssl, b"").success();
    let (key, certificate) = (pem.with_extension("key"), pem.with_extension("crt"));
    let (key, certificate) = (key.display().to_string(), certificate.display().to_string());
    owner.run(["init", "-p", GUN]).success();
    owner
        .run(["key", "rotate", GUN, "snapshot", "-r"])
        .success();
    owner
        .run(["key", "import", "--role", "alice", &key])
        .success();
    for role in ["targets/releases", "targets/releases/beta"] {
        owner
            .run([
                "delegation",
                "add",
                "-p",
                GUN,
                role,
                &certificate,
                "--all-paths",
            ])
            .success();
    }
    owner.run(["add", GUN, "base", &one]).success();
    owner.run(["add", GUN, "a<b>&c ü", &two]).success();
    owner
        .run(["add", GUN, "v2", &two, "-r", "targets/releases"])
        .success();
    owner
        .run(["add", GUN, "base", &two, "-r", "targets/releases"])
        .success();
    owner
        .run([
            "add",
            GUN,
            "next",
            &one,
            "-r",
            "targets/releases/beta",
            "-p",
        ])
        .success();
}

#[test]
fn both_programs_print_the_same_bytes_on_both_servers() {
    let Some(peers) = Peers::locate() else { return };
    let ours = Ours::new();
    for server in Server::all(&peers) {
        publish(&peers, &server.client(&peers));
        // Fresh folders: each meets the server first once, and they take turns on one.
        let notary = server.client(&peers);
        let first = ours.run(&notary, ["list", GUN]).success();
        assert_eq!(first.stdout.lines().count(), 2 + 4, "{first}");
        assert!(first.stderr.is_empty(), "{first}");
        for args in [
            &["list", GUN][..],
            &["list", GUN, "-r", "targets/releases"],
            &["list", "--roles", "targets/releases/beta,targets", GUN],
            &[
                "list",
                GUN,
                "-r",
                "targets/releases,targets/releases/beta",
                "-r",
                "targets",
            ],
            &["list", GUN, "-r", "targets/unknown"],
            &["list", GUN, "-r", "bogus"],
            &["lookup", GUN, "base"],
            &["lookup", GUN, "next"],
            &["lookup", GUN, "a<b>&c ü"],
            &["lookup", GUN, "missing"],
            &["list", "example.com/unknown"],
            &["lookup", "example.com/unknown", "x"],
        ] {
            ours.alike(&notary, args);
        }
        let output = ours
            .run(&notary, ["lookup", "example.com/unknown", "x"])
            .failure();
        assert!(
            output
                .stdout
                .ends_with("does not have trust data for example.com/unknown\n"),
            "{output}"
        );
    }
}

#[test]
fn an_empty_collection_is_listed_as_notary_does() {
    let Some(peers) = Peers::locate() else { return };
    let ours = Ours::new();
    for server in Server::all(&peers) {
        let notary = server.client(&peers);
        notary.run(["init", "-p", "example.com/empty"]).success();
        ours.alike(&notary, &["list", "example.com/empty"]);
    }
}

/// Stock notary answers from its cache; we do not.
#[test]
fn a_server_that_is_gone_is_an_error_whatever_is_cached() {
    let Some(peers) = Peers::locate() else { return };
    let (ours, ca) = (Ours::new(), TestCa::new());
    let server = NotaryServer::memory(&peers, &ca);
    let notary = NotaryCli::new(&peers, &server.url(), server.ca_file());
    notary.run(["init", "-p", GUN]).success();
    ours.alike(&notary, &["list", GUN]);
    let url = server.url();
    drop(server);
    notary.run(["list", GUN]).success();
    for args in [&["list", GUN][..], &["lookup", GUN, "x"]] {
        let output = ours.run(&notary, args);
        assert_eq!(
            (output.stdout.as_str(), output.code()),
            ("\n* fatal: client is offline\n", Some(1))
        );
        let reason = format!("level=error msg=\"could not reach {url}: connection to ");
        assert!(output.stderr.contains(&reason), "{output}");
    }
}

#[test]
fn the_servers_authority_is_the_only_one_believed() {
    let Some(peers) = Peers::locate() else { return };
    let (ours, ca, other) = (Ours::new(), TestCa::new(), TestCa::new());
    let server = NotaryServer::memory(&peers, &ca);
    let stranger = NotaryCli::new(&peers, &server.url(), &other.file());
    let output = ours.run(&stranger, ["list", GUN]);
    assert_eq!(
        (output.stdout.as_str(), output.code()),
        ("\n* fatal: client is offline\n", Some(1))
    );
    assert!(
        output.stderr.contains("certificate of an unknown issuer"),
        "{output}"
    );
    let http = NotaryCli::new(&peers, "http://127.0.0.1:1", ca.file().as_path());
    ours.run(&http, ["list", GUN])
        .failure()
        .says("* fatal: http://127.0.0.1:1 is not https\n");
}

/// Collections of a server that wants a token for everything; everybody may pull.
#[test]
fn logins_come_from_the_variable_or_from_a_question() {
    let Some(peers) = Peers::locate() else { return };
    let (ours, ca) = (Ours::new(), TestCa::new());
    let tokens = TokenServer::start(&ca);
    let server = NotaryServer::with_tokens(&peers, &ca, &tokens);
    let anonymous = NotaryCli::new(&peers, &server.url(), server.ca_file());
    // base64 of alice:wonderland and of alice:wrong
    let owner = anonymous
        .clone()
        .env("NOTARY_AUTH", "YWxpY2U6d29uZGVybGFuZA==");
    owner.run(["init", "-p", GUN]).success();
    ours.alike(&owner, &["list", GUN]);
    // Reading asks as nobody first: a token for pulling is enough, and no secret is sent.
    ours.run(&anonymous, ["list", GUN]).success();
    let wanted = format!("repository:{GUN}:pull");
    assert!(tokens.scopes().contains(&wanted), "{:?}", tokens.scopes());
}

/// A server that refuses whoever does not log in, as most do.
#[test]
fn who_asks_is_told_when_the_server_wants_to_know() {
    let Some(peers) = Peers::locate() else { return };
    let (ours, ca) = (Ours::new(), TestCa::new());
    let front = testkit::Proxy::to("http://127.0.0.1:1").start_https(&ca);
    let notary = NotaryCli::new(&peers, &front.url(), &ca.file());
    let challenge = Fault::Answer {
        status: 401,
        headers: vec![(
            "www-authenticate".to_owned(),
            "Basic realm=\"trust\"".to_owned(),
        )],
        body: Default::default(),
    };
    front.on_path(".json", challenge);
    for (auth, logged) in [
        (
            "bm9jb2xvbg==",
            "Malformatted authentication string; format must be <username>:<password>",
        ),
        ("***", "Could not base64-decode authentication string"),
        (
            "OnNlY3JldA==",
            "Authentication string with zero-length username",
        ),
    ] {
        let output = ours
            .run(&notary.clone().env("NOTARY_AUTH", auth), ["list", GUN])
            .failure();
        assert!(output.stderr.contains(logged), "{output}");
    }
    let mut terminal = Terminal::spawn(ours.instead_of(&notary.command(["list", GUN])));
    terminal.expect("Enter username: ").type_line("alice");
    terminal.expect("Enter password: ").type_line("secret");
    let (said, code) = terminal.finish();
    assert!(!said.contains("secret") && code == Some(1), "{said}");
    assert!(
        said.contains(
            "* fatal: you are not authorized to perform this operation: server returned 401."
        ),
        "{said}"
    );
    let sent: Vec<_> = front
        .exchanges()
        .iter()
        .filter_map(|exchange| exchange.request_headers.get("authorization").cloned())
        .collect();
    // alice:secret, and nothing of what could not be read before.
    assert!(
        !sent.is_empty() && sent.iter().all(|value| value == "Basic YWxpY2U6c2VjcmV0"),
        "{sent:?}"
    );
}
