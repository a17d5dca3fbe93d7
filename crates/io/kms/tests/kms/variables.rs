//! Settings from variables and files.

use kms::{AzureCredentials, GitLabSettings, GoogleCredentials, Settings, VariablesError};
use testkit::Folder;

use crate::reference;

const AWS: &str = "awskms:///alias/a";
const AZURE: &str = "azurekms://v.vault.azure.net/k";
const GOOGLE: &str = "gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k";
const VAULT: &str = "hashivault://k";

fn read(text: &str, variables: &[(&str, &str)]) -> Result<Settings, VariablesError> {
    let blank = crate::settings();
    let variable = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    Settings::from_variables(&reference(text), blank.http, blank.now, &variable)
}

/// A home folder with these files.
fn home(files: &[(&str, &str)]) -> Folder {
    let home = Folder::new("home");
    for (name, text) in files {
        let file = home.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    home
}

#[test]
fn vault() {
    let home = home(&[(".vault-token", "from the file\n")]);
    let home = home.path().to_str().unwrap();
    let found = read(
        VAULT,
        &[
            ("HOME", home),
            ("VAULT_ADDR", ""),
            ("BAO_ADDR", "https://bao"),
            ("VAULT_NAMESPACE", "ns"),
            ("TRANSIT_SECRET_ENGINE_PATH", "team"),
        ],
    )
    .unwrap()
    .vault;
    assert_eq!(found.address.as_deref(), Some("https://bao"));
    assert_eq!(found.namespace.as_deref(), Some("ns"));
    assert_eq!(found.engine_path.as_deref(), Some("team"));
    assert_eq!(found.token.unwrap().trim(), "from the file");
    let token = |variables: &[(&str, &str)]| read(VAULT, variables).unwrap().vault.token;
    let both = token(&[("HOME", home), ("VAULT_TOKEN", "v"), ("BAO_TOKEN", "b")]);
    assert_eq!(both.unwrap().as_str(), "v");
    assert!(token(&[("HOME", "/no/such")]).is_none());
    assert!(token(&[]).is_none());
}

#[test]
fn aws() {
    let home = home(&[
        (
            ".aws/credentials",
            "[other]\naws_access_key_id=no\n[ team ]\n# aws_access_key_id = no\naws_access_key_id = id\n\
             aws_secret_access_key = a=b\n[default]\naws_access_key_id=d\naws_secret_access_key=e\naws_session_token=f\n",
        ),
        (
            ".aws/config",
            "[default]\nregion = eu-west-1\n[profile team]\nregion=us-east-2\n",
        ),
    ]);
    let path = home.path().to_str().unwrap();
    let credentials = |settings: &Settings| {
        let found = settings.aws.credentials.clone().unwrap();
        (
            found.access_key_id,
            found.secret_access_key.to_string(),
            found.session_token.map(|token| token.to_string()),
        )
    };
    let found = read(AWS, &[("HOME", path)]).unwrap();
    assert_eq!(found.aws.region.as_deref(), Some("eu-west-1"));
    let expected = ("d".to_owned(), "e".to_owned(), Some("f".to_owned()));
    assert_eq!(credentials(&found), expected);
    let found = read(AWS, &[("HOME", path), ("AWS_PROFILE", "team")]).unwrap();
    assert_eq!(found.aws.region.as_deref(), Some("us-east-2"));
    assert_eq!(
        credentials(&found),
        ("id".to_owned(), "a=b".to_owned(), None)
    );
    let found = read(
        AWS,
        &[
            ("HOME", path),
            ("AWS_ACCESS_KEY_ID", "x"),
            ("AWS_SECRET_ACCESS_KEY", "y"),
            ("AWS_SESSION_TOKEN", "z"),
            ("AWS_DEFAULT_REGION", "cn-north-1"),
            ("AWS_ENDPOINT_URL", "http://localhost:4566"),
        ],
    )
    .unwrap();
    let expected = ("x".to_owned(), "y".to_owned(), Some("z".to_owned()));
    assert_eq!(credentials(&found), expected);
    assert_eq!(found.aws.region.as_deref(), Some("cn-north-1"));
    assert_eq!(found.aws.endpoint.as_deref(), Some("http://localhost:4566"));
    let none = read(AWS, &[("HOME", path), ("AWS_PROFILE", "nobody")]).unwrap();
    assert!(none.aws.credentials.is_none() && none.aws.region.is_none());
    let named = read(AWS, &[("AWS_SHARED_CREDENTIALS_FILE", "/no/such")]);
    assert_eq!(named.err().unwrap().path.to_str(), Some("/no/such"));
}

#[test]
fn google() {
    let home = home(&[
        (".config/gcloud/application_default_credentials.json", "{1}"),
        ("named.json", "{2}"),
    ]);
    let path = home.path().to_str().unwrap();
    let named = format!("{path}/named.json");
    let file =
        |variables: &[(&str, &str)]| match read(GOOGLE, variables).unwrap().google.credentials {
            Some(GoogleCredentials::File(bytes)) => String::from_utf8(bytes.to_vec()).unwrap(),
            Some(GoogleCredentials::AccessToken(token)) => token.to_string(),
            None => String::new(),
        };
    let token = ("GOOGLE_OAUTH_ACCESS_TOKEN", "token");
    let application = ("GOOGLE_APPLICATION_CREDENTIALS", named.as_str());
    assert_eq!(file(&[("HOME", path)]), "{1}");
    assert_eq!(file(&[("HOME", path), token]), "token");
    assert_eq!(file(&[("HOME", path), token, application]), "{2}");
    assert_eq!(file(&[("HOME", "/no/such")]), "");
    assert!(read(GOOGLE, &[("GOOGLE_APPLICATION_CREDENTIALS", "/no/such")]).is_err());
    // A folder is no file, and so is not read.
    assert!(read(GOOGLE, &[("GOOGLE_APPLICATION_CREDENTIALS", path)]).is_err());
}

#[test]
fn azure() {
    let home = home(&[("token", "a.b.c\n")]);
    let file = home.path().join("token");
    let file = ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap());
    let (tenant, client) = (("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c"));
    let credentials =
        |variables: &[(&str, &str)]| read(AZURE, variables).unwrap().azure.credentials;
    assert!(credentials(&[tenant, ("AZURE_CLIENT_SECRET", "s")]).is_none());
    assert!(credentials(&[tenant, client]).is_none());
    assert!(matches!(
        credentials(&[tenant, client, file, ("AZURE_CLIENT_SECRET", "s")]),
        Some(AzureCredentials::ClientSecret { client_secret, .. }) if client_secret.as_str() == "s"
    ));
    assert!(matches!(
        credentials(&[tenant, client, file]),
        Some(AzureCredentials::FederatedToken { tenant, client_id, token })
            if tenant == "t" && client_id == "c" && token.trim() == "a.b.c"
    ));
    for (variables, authority) in [
        (vec![], None),
        (vec![("AZURE_ENVIRONMENT", "AZUREPUBLICCLOUD")], None),
        (
            vec![("AZURE_ENVIRONMENT", "AZURECHINACLOUD")],
            Some("https://login.chinacloudapi.cn/"),
        ),
        (
            vec![
                ("AZURE_ENVIRONMENT", "AZURECHINACLOUD"),
                ("AZURE_AUTHORITY_HOST", "https://a/"),
            ],
            Some("https://a/"),
        ),
    ] {
        let found = read(AZURE, &variables).unwrap().azure.authority;
        assert_eq!(found.as_deref(), authority);
    }
}

#[test]
fn tokens_plugins_and_gitlab() {
    let found = read(
        "pkcs11:token=t;object=o",
        &[
            ("COSIGN_PKCS11_MODULE_PATH", "/m.so"),
            ("COSIGN_PKCS11_PIN", "1"),
        ],
    )
    .unwrap()
    .pkcs11;
    assert_eq!(found.module_path.unwrap().to_str(), Some("/m.so"));
    assert_eq!(found.pin.unwrap().as_str(), "1");
    let found = read("demo://k", &[("PATH", "/a:/b")]).unwrap().plugins;
    assert_eq!(
        found.search_path,
        ["/a", "/b"].map(std::path::PathBuf::from)
    );
    // Of another service nothing is read.
    let missing = ("GOOGLE_APPLICATION_CREDENTIALS", "/no/such");
    assert!(read("demo://k", &[missing]).is_ok());
    for (host, address) in [
        (None, "https://gitlab.com"),
        (
            Some("https://git.example.com/x"),
            "https://git.example.com/x",
        ),
        (Some("git.example.com"), "https://git.example.com"),
    ] {
        let found = GitLabSettings::from_variables(&|name| match name {
            "GITLAB_HOST" => host.map(str::to_owned),
            "GITLAB_TOKEN" => Some("t".to_owned()),
            _ => None,
        });
        assert_eq!(found.address.as_deref(), Some(address));
        assert_eq!(found.token.unwrap().as_str(), "t");
    }
}
