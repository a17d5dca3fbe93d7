//! What GitHub, Azure and GitLab do with a script: they fill in variables, run it with bash, and carry `PATH` over.

use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::{DockerCli, Folder, Output, run};

/// One script and its environment, with every variable filled in.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) env: Vec<(String, String)>,
    pub(crate) script: String,
}

/// A machine of a build service with a checked-out project.
pub(crate) struct Runner {
    docker: DockerCli,
    work: Folder,
    path: Vec<PathBuf>,
    env: Vec<(String, String)>,
}

impl Runner {
    pub(crate) fn new(docker: DockerCli) -> Self {
        let work = Folder::new("work");
        std::fs::write(work.path().join("hello"), "hello").unwrap();
        std::fs::write(
            work.path().join("Dockerfile"),
            "FROM scratch\nCOPY hello /hello\n",
        )
        .unwrap();
        std::fs::create_dir(work.path().join(".temporary")).unwrap();
        Self {
            docker,
            work,
            path: Vec::new(),
            env: Vec::new(),
        }
    }

    /// A folder for files that do not stay.
    pub(crate) fn temporary(&self) -> String {
        self.work.path().join(".temporary").display().to_string()
    }

    /// Puts a folder first on `PATH`.
    pub(crate) fn prepend(&mut self, folder: &Path) {
        self.path.insert(0, folder.to_owned());
    }

    /// `bash -e`, and then the folders that the script wrote to `$GITHUB_PATH`.
    #[track_caller]
    pub(crate) fn github_step(&mut self, step: &Step) -> Output {
        let list = self.work.path().join(".temporary/github-path");
        std::fs::write(&list, "").unwrap();
        let own = [
            ("GITHUB_PATH".to_owned(), list.display().to_string()),
            ("RUNNER_TEMP".to_owned(), self.temporary()),
        ];
        let output = self.bash(
            &["-e", "-c", &step.script],
            &[step.env.as_slice(), &own].concat(),
        );
        for folder in std::fs::read_to_string(&list).unwrap().lines() {
            self.prepend(Path::new(folder));
        }
        output
    }

    /// `bash`, and then what the script asked for with `##vso[…]` lines.
    #[track_caller]
    pub(crate) fn azure_step(&mut self, step: &Step) -> Output {
        let output = self.bash(&["-c", &step.script], &step.env);
        for line in output.stdout.lines() {
            if let Some(folder) = line.strip_prefix("##vso[task.prependpath]") {
                self.prepend(Path::new(folder));
            } else if let Some(set) = line.strip_prefix("##vso[task.setvariable variable=") {
                let (name, value) = set.split_once(']').unwrap();
                self.env.push((name.to_owned(), value.to_owned()));
            }
        }
        output
    }

    /// One shell for all lines, which ends at the first that fails.
    #[track_caller]
    pub(crate) fn gitlab_job(&mut self, step: &Step) -> Output {
        self.bash(&["-e", "-o", "pipefail", "-c", &step.script], &step.env)
    }

    #[track_caller]
    fn bash(&self, words: &[&str], env: &[(String, String)]) -> Output {
        let mut command = self.docker.command_of("/bin/bash", words);
        let known = command
            .get_envs()
            .find_map(|(name, value)| (name == "PATH").then(|| value?.to_str()).flatten());
        let rest = std::env::split_paths(known.expect("there is a PATH")).collect::<Vec<_>>();
        let path = std::env::join_paths(self.path.iter().chain(&rest)).unwrap();
        let given = |pairs: &[(String, String)]| pairs.to_vec();
        command
            .env("PATH", path)
            .envs(given(&self.env))
            .envs(given(env))
            .current_dir(self.work.path());
        run(command, b"")
    }
}

/// Every `run` of the one job, `${{ … }}` filled in.
pub(crate) fn github(file: &Value, values: &[(&str, String)]) -> Vec<Step> {
    let fill = |text: &str| replace(text, "${{ ", " }}", values);
    let jobs = file["jobs"].as_object().unwrap();
    assert_eq!(jobs.len(), 1, "one job on one machine");
    let steps = jobs.values().next().unwrap()["steps"].as_array().unwrap();
    scripts(steps, "run", &file["env"], &fill)
}

/// Every `script`, `$(…)` filled in, also where a variable names others.
pub(crate) fn azure(file: &Value, values: &[(&str, String)]) -> Vec<Step> {
    let own = file["variables"].as_object().unwrap();
    let mut all: Vec<(&str, String)> = values.to_vec();
    for (name, value) in own {
        all.push((name, replace(value.as_str().unwrap(), "$(", ")", values)));
    }
    let fill = |text: &str| replace(text, "$(", ")", &all);
    scripts(
        file["steps"].as_array().unwrap(),
        "script",
        &Value::Null,
        &fill,
    )
}

/// `before_script` and `script` of a job, its variables expanded from those of the project.
pub(crate) fn gitlab(file: &Value, job: &str, values: &[(&str, String)]) -> Step {
    let job = &file[job];
    let mut env: Vec<(String, String)> = values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    // The longest name first: `$CI_REGISTRY` begins `$CI_REGISTRY_IMAGE`.
    let mut longest: Vec<&(&str, String)> = values.iter().collect();
    longest.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    for (name, value) in job["variables"].as_object().unwrap() {
        let mut value = value.as_str().unwrap().to_owned();
        for (known, text) in &longest {
            value = value.replace(&format!("${known}"), text);
        }
        env.push((name.clone(), value));
    }
    let lines = ["before_script", "script"].map(|part| job[part].as_array().unwrap());
    let lines: Vec<&str> = lines
        .into_iter()
        .flatten()
        .map(|line| line.as_str().unwrap())
        .collect();
    Step {
        env,
        script: lines.join("\n"),
    }
}

fn scripts(steps: &[Value], key: &str, shared: &Value, fill: &dyn Fn(&str) -> String) -> Vec<Step> {
    let pairs = |env: &Value| {
        let pairs = env.as_object().into_iter().flatten();
        pairs
            .map(|(name, value)| (name.clone(), fill(value.as_str().unwrap())))
            .collect::<Vec<_>>()
    };
    steps
        .iter()
        .filter_map(|step| {
            Some(Step {
                env: [pairs(shared), pairs(&step["env"])].concat(),
                script: fill(step[key].as_str()?),
            })
        })
        .collect()
}

/// Fills in; a variable that nobody set fails the test.
fn replace(text: &str, open: &str, close: &str, values: &[(&str, String)]) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(open) {
        let (name, after) = after.split_once(close).expect("it is closed");
        let value = values.iter().find(|(known, _)| *known == name);
        let (_, value) = value.unwrap_or_else(|| panic!("{name} is not set"));
        filled.push_str(before);
        filled.push_str(value);
        rest = after;
    }
    filled + rest
}
