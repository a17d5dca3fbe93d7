//! Programs that keep keys: `sigstore-kms-NAME` (`sigstore/sigstore:pkg/signature/kms/cliplugin`, protocol v1).
//!
//! One call is one run: the protocol's version and a JSON request as arguments, the message on standard input, a JSON
//! answer on standard output. Its exit code means nothing, its standard error is ours.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::signature::{HashAlgorithm, Scheme, VerifyingKey};
use pki::signing::KeyAlgorithm;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use crate::error::{Service, ServiceError};
use crate::http::{ANSWER_LIMIT, plain};
use crate::reference::PluginKey;
use crate::service::{Backend, ServiceKey, algorithm_name};
use crate::settings::Settings;

const PROTOCOL: &str = "v1";
const PREFIX: &str = "sigstore-kms-";

/// How long one run may take; somebody may have to touch a device.
const PATIENCE: Duration = Duration::from_secs(180);

/// Why a plugin gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The plugin says why.
    #[error("{message}")]
    Failed {
        /// In its words, without control characters and at most a line long.
        message: String,
    },
    /// No such program in any folder of `PluginSettings::search_path`.
    #[error("there is no program {program}")]
    NotFound {
        /// Its name.
        program: String,
    },
    /// It cannot be started or listened to.
    #[error("running {}: {source}", program.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// It did not end within three minutes.
    #[error("{} does not end", program.display())]
    TimedOut {
        /// The program.
        program: PathBuf,
    },
}

#[derive(Debug)]
pub(crate) struct Plugin {
    program: PathBuf,
    resource: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    error_message: String,
    default_algorithm: Option<DefaultAlgorithm>,
    supported_algorithms: Option<SupportedAlgorithms>,
    public_key: Option<PublicKey>,
    sign_message: Option<SignMessage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DefaultAlgorithm {
    default_algorithm: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SupportedAlgorithms {
    supported_algorithms: Vec<String>,
}

#[derive(Deserialize)]
struct PublicKey {
    #[serde(rename = "publicKeyPEM")]
    pem: String,
}

#[derive(Deserialize)]
struct SignMessage {
    signature: String,
}

impl Plugin {
    pub(crate) fn new(key: &PluginKey, settings: &Settings) -> Result<Self, ServiceError> {
        let name = format!("{PREFIX}{}", key.name);
        let program = settings
            .plugins
            .search_path
            .iter()
            // As in Go, whoever can write to the working folder does not choose the program.
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(&name))
            .find(|file| is_program(file))
            .ok_or(PluginError::NotFound { program: name })?;
        Ok(Self {
            program,
            resource: key.resource.clone(),
        })
    }

    async fn call(
        &self,
        method: &str,
        arguments: Value,
        hash: Option<HashAlgorithm>,
        message: &[u8],
    ) -> Result<Answer, ServiceError> {
        let request = json!({
            "initOptions": {
                "protocolVersion": PROTOCOL,
                "keyResourceID": self.resource,
                "hashFunc": go_number(hash),
                "rpcOptions": rpc_options(),
            },
            "methodName": method,
            method: arguments,
        });
        let answer = match tokio::time::timeout(PATIENCE, self.run(&request, message)).await {
            Ok(outcome) => outcome.map_err(|source| PluginError::Run {
                program: self.program.clone(),
                source,
            })?,
            Err(_elapsed) => {
                let program = self.program.clone();
                return Err(PluginError::TimedOut { program }.into());
            }
        };
        let answer: Answer =
            serde_json::from_slice(&answer).map_err(|_| Service::Plugin.malformed("answer"))?;
        if answer.error_message.is_empty() {
            return Ok(answer);
        }
        let message = plain(&answer.error_message);
        Err(PluginError::Failed { message }.into())
    }

    async fn run(&self, request: &Value, message: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut child = Command::new(&self.program)
            .arg(PROTOCOL)
            .arg(request.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let write = async {
            if let Some(mut stdin) = stdin {
                // A plugin that does not want the message ends before it has it all.
                stdin.write_all(message).await.ok();
            }
        };
        let mut answer = Vec::new();
        let read = async {
            match stdout {
                Some(stdout) => stdout.take(ANSWER_LIMIT + 1).read_to_end(&mut answer).await,
                None => Ok(0),
            }
        };
        let ((), read) = tokio::join!(write, read);
        if read? as u64 > ANSWER_LIMIT {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        child.wait().await?;
        Ok(answer)
    }
}

impl Backend for Plugin {
    const SERVICE: Service = Service::Plugin;
    /// The protocol has only words for a failure.
    const TELLS_MISSING: bool = false;
    type Pin = ();

    async fn fetch(&self) -> Result<(ServiceKey, ()), ServiceError> {
        let arguments = json!({ "publicKeyOptions": { "rpcOptions": rpc_options() } });
        let answer = self
            .call("publicKey", arguments, Some(HashAlgorithm::Sha256), b"")
            .await?;
        let key = answer
            .public_key
            .and_then(|key| STANDARD.decode(key.pem).ok())
            .and_then(|pem| VerifyingKey::from_pem(&pem).ok())
            .ok_or(Service::Plugin.malformed("public key"))?;
        Ok((ServiceKey::any_hash(key), ()))
    }

    async fn sign(
        &self,
        _key: &ServiceKey,
        (): &(),
        scheme: Scheme,
        message: &[u8],
    ) -> Result<Vec<u8>, ServiceError> {
        let hash = scheme.hash();
        let arguments = json!({ "signOptions": {
            "rpcOptions": rpc_options(),
            "messageOptions": { "digest": null, "hashFunc": go_number(hash) },
        } });
        self.call("signMessage", arguments, hash, message)
            .await?
            .sign_message
            .and_then(|answer| STANDARD.decode(answer.signature).ok())
            .ok_or(Service::Plugin.malformed("signature"))
    }

    /// Plugins name their algorithms as they like; where the name is not among them, P-256, which cosign would not
    /// ask for but take whatever is the plugin's own default, means that default.
    async fn create(&self, algorithm: KeyAlgorithm) -> Result<(), ServiceError> {
        let wanted = algorithm_name(algorithm);
        let hash = Some(HashAlgorithm::Sha256);
        let supported = self
            .call("supportedAlgorithms", json!({}), hash, b"")
            .await?
            .supported_algorithms
            .ok_or(Service::Plugin.malformed("list of algorithms"))?
            .supported_algorithms;
        let name = if supported.iter().any(|name| name == wanted) {
            wanted.to_owned()
        } else if algorithm == KeyAlgorithm::EcdsaP256 {
            self.call("defaultAlgorithm", json!({}), hash, b"")
                .await?
                .default_algorithm
                .ok_or(Service::Plugin.malformed("default algorithm"))?
                .default_algorithm
        } else {
            return Err(ServiceError::UnsupportedAlgorithm {
                service: Service::Plugin,
                algorithm,
            });
        };
        self.call("createKey", json!({ "algorithm": name }), hash, b"")
            .await?;
        Ok(())
    }
}

/// What cosign sends.
fn rpc_options() -> Value {
    json!({ "keyVersion": "", "remoteVerification": false })
}

/// The number that Go's `crypto.Hash` has; 0 is none.
fn go_number(hash: Option<HashAlgorithm>) -> u8 {
    match hash {
        None => 0,
        Some(HashAlgorithm::Sha256) => 5,
        Some(HashAlgorithm::Sha384) => 6,
        Some(HashAlgorithm::Sha512) => 7,
    }
}

fn is_program(file: &Path) -> bool {
    #[cfg(unix)]
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(metadata) = file.metadata() else {
        return false;
    };
    #[cfg(unix)]
    let runs = metadata.permissions().mode() & 0o111 != 0;
    #[cfg(not(unix))]
    let runs = true;
    metadata.is_file() && runs
}
