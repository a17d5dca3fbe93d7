//! Docker's files: which login is found for which host, and what helpers may do.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![cfg(unix)]

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oci::Reference;
use registry::{
    ConfigError, ConfigSources, CredentialSource, Credentials, DockerConfig, Error, HelperFault,
    HostTls,
};
use tempfile::TempDir;
use zeroize::Zeroizing;

struct Home {
    dir: TempDir,
    auth_config: Option<&'static str>,
}

impl Home {
    fn new(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("config.json"), config).unwrap();
        Self {
            dir,
            auth_config: None,
        }
    }

    fn helper(self, suffix: &str, script: &str) -> Self {
        let path = self.dir.path().join(format!("docker-credential-{suffix}"));
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn read(&self) -> Result<DockerConfig, ConfigError> {
        let search_path = OsString::from(format!(
            "relative:{}:/nonexistent",
            self.dir.path().display()
        ));
        let auth_config = self.auth_config.map(|text| Zeroizing::new(text.to_owned()));
        DockerConfig::read(&ConfigSources {
            dir: self.dir.path().to_owned(),
            auth_config,
            search_path,
        })
    }

    async fn find(&self, key: &str) -> Result<Option<Credentials>, Error> {
        self.read().unwrap().credentials(key).await
    }
}

fn password(username: &str, password: &str) -> Option<Credentials> {
    let password = Zeroizing::new(password.to_owned());
    Some(Credentials::Password {
        username: username.to_owned(),
        password,
    })
}

fn token(token: &str) -> Option<Credentials> {
    Some(Credentials::IdentityToken {
        token: Zeroizing::new(token.to_owned()),
    })
}

/// `me:pw` in base64.
const ME: &str = "bWU6cHc=";

#[tokio::test]
async fn logins_in_the_file() {
    let home = Home::new(
        r#"{"auths": {
            "plain.example": {"auth": "bWU6cHc="},
            "https://url.example/v1/": {"auth": "bWU6cHc="},
            "http://url.example:5000": {"auth": "bWU6cHc="},
            "path.example/some/path": {"auth": "bWU6cHc="},
            "port.example:443": {"auth": "bWU6cHc="},
            "fields.example": {"username": "me", "password": "pw"},
            "token.example": {"auth": "bWU6cHc=", "identitytoken": "tok"},
            "padded.example": {"auth": "bWU6cHcAAA=="},
            "colon.example": {"auth": "bWU6cDp3"},
            "marker.example": {},
            "https://index.docker.io/v1/": {"auth": "bWU6cHc="}
        }, "unknown": 1}"#,
    );
    for key in [
        "plain.example",
        "url.example",
        "url.example:5000",
        "path.example",
        "fields.example",
        "padded.example",
        "https://index.docker.io/v1/",
        "index.docker.io",
    ] {
        assert_eq!(home.find(key).await.unwrap(), password("me", "pw"), "{key}");
    }
    assert_eq!(
        home.find("colon.example").await.unwrap(),
        password("me", "p:w")
    );
    assert_eq!(home.find("token.example").await.unwrap(), token("tok"));
    for key in [
        "marker.example",
        "other.example",
        "port.example",
        "plain.example:443",
        "docker.io",
        "",
    ] {
        assert_eq!(home.find(key).await.unwrap(), None, "{key}");
    }
}

#[tokio::test]
async fn hub_logins_are_under_hubs_url() {
    let home = Home::new(&format!(
        r#"{{"auths":{{"https://index.docker.io/v1/":{{"auth":"{ME}"}}}}}}"#
    ));
    let config = Arc::new(home.read().unwrap());
    for (text, expected) in [
        ("alpine", password("me", "pw")),
        ("host.example/alpine", None),
    ] {
        let reference = Reference::parse(text).unwrap();
        let source = CredentialSource::docker(config.clone(), reference.repository());
        assert_eq!(source.find().await.unwrap(), expected, "{text}");
    }
}

#[tokio::test]
async fn a_broken_login_is_an_error_for_its_host_only() {
    let home = Home::new(
        r#"{"auths":{"a.example":{"auth":"%%%"},"b.example":{"auth":"bWU="},"c.example":{"auth":"bWU6cHc="}}}"#,
    );
    for key in ["a.example", "b.example"] {
        let error = home.find(key).await.unwrap_err();
        assert!(
            matches!(&error, Error::Config(ConfigError::BadAuth { key: bad }) if bad == key),
            "{error:?}"
        );
    }
    assert_eq!(home.find("c.example").await.unwrap(), password("me", "pw"));
}

#[test]
fn files_that_cannot_be_used_are_errors() {
    assert!(matches!(
        Home::new("{").read(),
        Err(ConfigError::Malformed { .. })
    ));
    assert!(matches!(
        Home::new("{\"auths\":[]}").read(),
        Err(ConfigError::Malformed { .. })
    ));
    let big = " ".repeat(5 * 1024 * 1024);
    assert!(matches!(
        Home::new(&big).read(),
        Err(ConfigError::TooLarge { .. })
    ));
    assert!(Home::new("").read().is_ok());
    assert!(
        Home::new("{\"auths\":null,\"credHelpers\":null,\"credsStore\":null}")
            .read()
            .is_ok()
    );
    let empty = tempfile::tempdir().unwrap();
    assert!(
        DockerConfig::read(&ConfigSources {
            dir: empty.path().to_owned(),
            ..Default::default()
        })
        .is_ok()
    );
    fs::create_dir(empty.path().join("config.json")).unwrap();
    let unreadable = DockerConfig::read(&ConfigSources {
        dir: empty.path().to_owned(),
        ..Default::default()
    });
    assert!(matches!(unreadable, Err(ConfigError::Read { .. })));
}

#[test]
fn plug_in_folders_are_kept() {
    let config = Home::new(r#"{"cliPluginsExtraDirs":["/opt/plugins"]}"#)
        .read()
        .unwrap();
    assert_eq!(
        config.cli_plugins_extra_dirs(),
        [PathBuf::from("/opt/plugins")]
    );
}

#[tokio::test]
async fn docker_auth_config_comes_first() {
    let mut home =
        Home::new(r#"{"auths":{"a.example":{"auth":"eDp5"},"b.example":{"auth":"eDp5"}}}"#);
    home.auth_config = Some(r#"{"auths":{"a.example":{"auth":"bWU6cHc="}}}"#);
    assert_eq!(home.find("a.example").await.unwrap(), password("me", "pw"));
    assert_eq!(home.find("b.example").await.unwrap(), password("x", "y"));
    for text in [
        r#"{"auths":{},"credsStore":"x"}"#,
        r#"{"auths":{"a":{"auth":"","email":"x"}}}"#,
        "{}",
        "x",
    ] {
        home.auth_config = Some(text);
        assert!(
            matches!(home.read(), Err(ConfigError::MalformedAuthConfig { .. })),
            "{text}"
        );
    }
    home.auth_config = Some("");
    assert!(home.read().is_ok());
}

#[tokio::test]
async fn helpers_are_asked_in_dockers_order() {
    let home = Home::new(
        r#"{"credsStore":"all","credHelpers":{"one.example":"one"},"auths":{"one.example":{"auth":"bWU6cHc="},"two.example":{"auth":"bWU6cHc="}}}"#,
    )
    .helper("one", r#"printf '{"ServerURL":"x","Username":"%s","Secret":"one-%s"}' "$1" "$(cat)""#)
    .helper("all", r#"printf '{"Username":"<token>","Secret":"all-%s"}' "$(cat)""#);
    assert_eq!(
        home.find("one.example").await.unwrap(),
        password("get", "one-one.example")
    );
    assert_eq!(
        home.find("two.example").await.unwrap(),
        token("all-two.example")
    );
}

#[tokio::test]
async fn a_helper_without_the_login_means_nobody() {
    let home = Home::new(r#"{"credsStore":"x","auths":{"a.example":{"auth":"bWU6cHc="}}}"#)
        .helper("x", "echo credentials not found in native keychain; exit 1");
    assert_eq!(home.find("a.example").await.unwrap(), None);
    let home =
        Home::new(r#"{"credsStore":"x"}"#).helper("x", r#"echo '{"Username":"","Secret":""}'"#);
    assert_eq!(home.find("a.example").await.unwrap(), None);
}

#[tokio::test]
async fn a_failing_helper_is_an_error_never_nobody() {
    type Fits = fn(&HelperFault) -> bool;
    let cases: [(&str, Fits); 7] = [
        (
            "echo the key ring is locked; exit 2",
            |fault| matches!(fault, HelperFault::Failed { status: Some(2), message } if message == "the key ring is locked"),
        ),
        (
            "printf 'no\\033 display' >&2; exit 1",
            |fault| matches!(fault, HelperFault::Failed { status: Some(1), message } if message == "no  display"),
        ),
        ("kill -9 $$", |fault| {
            matches!(fault, HelperFault::Failed { status: None, .. })
        }),
        ("echo not json", |fault| {
            matches!(fault, HelperFault::BadAnswer)
        }),
        ("echo '{\"Username\":\"\",\"Secret\":\"s\"}'", |fault| {
            matches!(fault, HelperFault::BadAnswer)
        }),
        (
            "echo '{\"Username\":\"<token>\",\"Secret\":\"\"}'",
            |fault| matches!(fault, HelperFault::BadAnswer),
        ),
        ("head -c 2000000 /dev/zero", |fault| {
            matches!(fault, HelperFault::TooLong { .. })
        }),
    ];
    for (script, fits) in cases {
        let home = Home::new(r#"{"credsStore":"x"}"#).helper("x", script);
        match home.find("a.example").await {
            Err(Error::Helper(error)) => {
                assert!(fits(&error.fault), "{script}: {:?}", error.fault);
                assert_eq!(error.helper, "docker-credential-x");
            }
            other => panic!("{script}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn helpers_come_from_the_search_path_only() {
    for (suffix, installed) in [
        ("../x", false),
        ("a/b", false),
        ("absent", true),
        ("not-executable", true),
    ] {
        let home = Home::new(&format!(r#"{{"credsStore":"{suffix}"}}"#));
        fs::write(
            home.dir.path().join("docker-credential-not-executable"),
            "#!/bin/sh\n",
        )
        .unwrap();
        let Err(Error::Helper(error)) = home.find("a.example").await else {
            panic!("{suffix}")
        };
        match error.fault {
            HelperFault::NotInstalled => assert!(installed, "{suffix}"),
            HelperFault::BadName => assert!(!installed, "{suffix}"),
            other => panic!("{suffix}: {other:?}"),
        }
    }
}

fn write(dir: &Path, names: &[&str]) {
    fs::create_dir_all(dir).unwrap();
    for name in names {
        fs::write(dir.join(name), name).unwrap();
    }
}

#[test]
fn tls_folders() {
    let base = tempfile::tempdir().unwrap();
    write(
        &base.path().join("a.example:5000"),
        &["b.crt", "a.crt", "me.cert", "me.key", "notes.txt"],
    );
    let tls = HostTls::read(base.path(), "a.example:5000").unwrap();
    assert_eq!(tls.roots_pem, [b"a.crt".to_vec(), b"b.crt".to_vec()]);
    let identity = tls.client_identity.as_ref().unwrap();
    assert_eq!(
        (identity.cert_pem.as_slice(), identity.key_pem.as_slice()),
        (&b"me.cert"[..], &b"me.key"[..])
    );
    let tls = tls.into_tls(true);
    assert!(tls.system_roots && tls.insecure.is_none());
    for host in ["a.example", "", "..", "../a.example:5000"] {
        let tls = HostTls::read(base.path(), host).unwrap();
        assert!(
            tls.roots_pem.is_empty() && tls.client_identity.is_none(),
            "{host}"
        );
    }
}

#[test]
fn half_a_client_pair_is_an_error() {
    let base = tempfile::tempdir().unwrap();
    write(&base.path().join("cert"), &["me.cert"]);
    write(
        &base.path().join("key"),
        &["me.key", "other.cert", "other.key"],
    );
    let error = HostTls::read(base.path(), "cert").unwrap_err();
    assert!(
        matches!(error, ConfigError::MissingClientKey { certificate, key } if certificate == "me.cert" && key == "me.key")
    );
    let error = HostTls::read(base.path(), "key").unwrap_err();
    assert!(
        matches!(error, ConfigError::MissingClientCertificate { key, certificate } if key == "me.key" && certificate == "me.cert")
    );
}
