//! A stand-in for docker 29: the client 28.5 with content trust taken away, answering as 29.7.2 does.

use std::path::Path;

use testkit::{DockerCli, DockerVersion, Peers};

use crate::transcript;

/// What 29 says of the flag, on standard output.
pub(crate) const DEPRECATED: &str = "Flag --disable-content-trust has been deprecated, support for docker content trust was removed\n";

const SCRIPT: &str = r#"#!/bin/bash
real=REAL
unset "${!DOCKER_CONTENT_TRUST@}"
hint="Run 'docker --help' for more information"
case $1 in
  --version)
    echo 'Docker version 29.7.2, build 0000000'
    exit ;;
  trust)
    for word in "${@:2}"; do
      case $word in -*)
        printf 'unknown flag: %s\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\n%s\n' "${word%%=*}" "$hint" >&2
        exit 125 ;;
      esac
    done
    printf 'docker: unknown command: docker trust\n\n%s\n' "$hint" >&2
    exit 1 ;;
esac
words=() deprecated=
for word in "$@"; do
  case $word in
    --disable-content-trust|--disable-content-trust=*) deprecated=1 ;;
    *) words+=("$word") ;;
  esac
done
if [[ $deprecated ]]; then
  echo 'Flag --disable-content-trust has been deprecated, support for docker content trust was removed'
fi
exec "$real" "${words[@]}"
"#;

/// Writes the stand-in in front of the real client 28.5 at `real`.
pub(crate) fn write(path: &Path, real: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let script = SCRIPT.replace("real=REAL", &format!("real='{}'", real.display()));
    std::fs::write(path, script).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// The stand-in says, to each command of the pages that needs no engine, what 29.7.2 said.
#[test]
fn the_stand_in_answers_as_docker_29() {
    let Some(peers) = Peers::locate() else { return };
    let client = DockerCli::new(&peers, DockerVersion::V28);
    let docker = client.home().join("docker");
    write(&docker, Path::new("/nonexistent"));
    let mut compared = 0;
    for file in [
        "20-seed-docker-docs.txt",
        "21-seed-azure.txt",
        "22-seed-ibm.txt",
    ] {
        for step in transcript::steps(&format!("cli-29.7.2/{file}")) {
            if step.stdout.starts_with("Flag ") {
                assert!(step.stdout.starts_with("Flag --disable-content-trust "));
                let shown = step.stdout.lines().next().unwrap();
                // `docker create … | cut -c1-4`
                assert!(DEPRECATED.starts_with(shown), "{shown}");
            }
            let Some(words) = step
                .command
                .strip_prefix("docker ")
                .filter(|rest| rest.starts_with("trust "))
            else {
                continue;
            };
            let said = client.run_program(&docker, words.split(' '));
            assert_eq!(
                (said.stdout.as_str(), said.stderr.as_str(), said.code()),
                (step.stdout.as_str(), step.stderr.as_str(), Some(step.exit)),
                "{said}"
            );
            compared += 1;
        }
    }
    assert!(compared >= 10, "{compared} commands compared");
}
