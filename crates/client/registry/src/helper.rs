//! Credential helpers: programs `docker-credential-<suffix>` that keep logins in a key ring.
//!
//! Protocol: `docker/docker-credential-helpers:credentials`; action as argument, key on standard input, JSON back.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use zeroize::Zeroizing;

use crate::credentials::Credentials;
use crate::error::{HelperError, HelperFault};

/// Longest wait for a helper; some ask the user to unlock a key ring.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Largest output read, bytes.
const OUTPUT_MAX: u64 = 1024 * 1024;
/// How a helper says that it has no login for the key; every helper uses these words.
const NOT_FOUND: &str = "credentials not found in native keychain";
/// User name under which a helper keeps an identity token.
const TOKEN_USER: &str = "<token>";

/// A helper program that exists.
#[derive(Clone, Debug)]
pub(crate) struct Helper {
    name: String,
    program: PathBuf,
    timeout: Duration,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

/// What `store` is told.
#[derive(Serialize)]
struct NewLogin<'a> {
    #[serde(rename = "ServerURL")]
    server_url: &'a str,
    #[serde(rename = "Username")]
    username: &'a str,
    #[serde(rename = "Secret")]
    secret: &'a str,
}

impl Helper {
    /// Looks for the program in the folders of `search_path`.
    pub(crate) fn find(suffix: &str, search_path: &OsStr) -> Result<Self, HelperError> {
        let name = format!("docker-credential-{suffix}");
        // A path separator would start a program from outside the search path.
        let plain = suffix
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if !plain || suffix.is_empty() {
            return Err(HelperError {
                helper: name,
                fault: HelperFault::BadName,
            });
        }
        let program = std::env::split_paths(search_path)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
            .find(|candidate| is_program(candidate));
        match program {
            Some(program) => Ok(Self {
                name,
                program,
                timeout: TIMEOUT,
            }),
            None => Err(HelperError {
                helper: name,
                fault: HelperFault::NotInstalled,
            }),
        }
    }

    /// Asks for the login kept under `key`; `None` when the helper has none.
    pub(crate) async fn credentials(&self, key: &str) -> Result<Option<Credentials>, HelperError> {
        let asked = async {
            match self.run("get", key.as_bytes()).await? {
                Ended::Well(output) => read_answer(&output),
                Ended::Badly { message, .. } if message == NOT_FOUND => Ok(None),
                Ended::Badly { status, message } => Err(HelperFault::Failed { status, message }),
            }
        };
        self.in_time(asked).await
    }

    /// Gives it a login to keep under `key`.
    pub(crate) async fn store(
        &self,
        key: &str,
        username: &str,
        password: &Zeroizing<String>,
    ) -> Result<(), HelperError> {
        let told = async {
            let login = NewLogin {
                server_url: key,
                username,
                secret: password,
            };
            let text = serde_json::to_vec(&login).expect("text is JSON");
            match self.run("store", &Zeroizing::new(text)).await? {
                Ended::Well(_) => Ok(()),
                Ended::Badly { status, message } => Err(HelperFault::Failed { status, message }),
            }
        };
        self.in_time(told).await
    }

    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, HelperFault>>,
    ) -> Result<T, HelperError> {
        let done = tokio::time::timeout(self.timeout, work).await;
        done.unwrap_or(Err(HelperFault::Timeout {
            limit: self.timeout,
        }))
        .map_err(|fault| HelperError {
            helper: self.name.clone(),
            fault,
        })
    }

    async fn run(&self, action: &str, input: &[u8]) -> Result<Ended, HelperFault> {
        let mut child = Command::new(&self.program)
            .arg(action)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(HelperFault::BadAnswer);
        };
        let tell = async move {
            // A helper that needs no input may close it or end first; its answer decides.
            drop(stdin.write_all(input).await);
        };
        let (_, output, complaint) = tokio::join!(tell, read_all(stdout), read_all(stderr));
        let (output, complaint) = (output?, complaint?);
        let status = child.wait().await?;
        if status.success() {
            return Ok(Ended::Well(output));
        }
        let said = String::from_utf8_lossy(&output);
        let said = if said.trim().is_empty() {
            String::from_utf8_lossy(&complaint)
        } else {
            said
        };
        Ok(Ended::Badly {
            status: status.code(),
            message: crate::server_error::shown(said.trim()),
        })
    }
}

/// How a helper ended, and what it wrote.
enum Ended {
    Well(Zeroizing<Vec<u8>>),
    Badly {
        status: Option<i32>,
        message: String,
    },
}

fn read_answer(output: &[u8]) -> Result<Option<Credentials>, HelperFault> {
    let Answer { username, secret } =
        serde_json::from_slice(output).map_err(|_| HelperFault::BadAnswer)?;
    let secret = Zeroizing::new(secret);
    match (username.as_str(), secret.as_str()) {
        ("", "") => Ok(None),
        ("", _) | (TOKEN_USER, "") => Err(HelperFault::BadAnswer),
        (TOKEN_USER, _) => Ok(Some(Credentials::IdentityToken { token: secret })),
        _ => Ok(Some(Credentials::Password {
            username,
            password: secret,
        })),
    }
}

async fn read_all(stream: impl AsyncRead + Unpin) -> Result<Zeroizing<Vec<u8>>, HelperFault> {
    let mut bytes = Zeroizing::new(Vec::new());
    stream.take(OUTPUT_MAX + 1).read_to_end(&mut bytes).await?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > OUTPUT_MAX {
        return Err(HelperFault::TooLong { limit: OUTPUT_MAX });
    }
    Ok(bytes)
}

#[cfg(unix)]
fn is_program(path: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &std::path::Path) -> bool {
    path.is_file()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[tokio::test]
    async fn a_helper_that_hangs_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("docker-credential-slow");
        std::fs::write(
            &program,
            "#!/bin/sh\necho $$ > \"$0.pid\"\nexec sleep 600\n",
        )
        .unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let limit = Duration::from_millis(500);
        let found = Helper::find("slow", folder.path().as_os_str()).unwrap();
        let error = Helper {
            timeout: limit,
            ..found
        }
        .credentials("a.example")
        .await
        .unwrap_err();
        assert!(
            matches!(error.fault, HelperFault::Timeout { limit: waited } if waited == limit),
            "{error:?}"
        );
        let pid = std::fs::read_to_string(program.with_extension("pid")).unwrap();
        let process = std::path::Path::new("/proc").join(pid.trim());
        for _ in 0..100 {
            let state = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
            if state.is_empty() || state.contains(") Z ") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the helper still runs");
    }
}
