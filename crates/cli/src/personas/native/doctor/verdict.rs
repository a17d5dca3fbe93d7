//! From facts to what is in force.

use super::facts::{Enforced, Report, Verifies};

/// Fills in what is enforced, the warnings that follow, and the verdict.
pub(super) fn give(report: &mut Report) {
    report.enforced = enforced(report);
    let warnings = warnings(report);
    report.warnings.splice(0..0, warnings);
    report.verdict = verdict(report);
}

fn enforced(report: &Report) -> Enforced {
    if !report.content_trust.on {
        return Enforced {
            images: false,
            builds: false,
        };
    }
    let docker = &report.docker;
    // Without a docker behind it the shim refuses everything.
    let shim = docker.shim_first;
    let alias = report
        .builder_alias
        .as_ref()
        .is_some_and(|alias| alias.ours && docker.real.is_some());
    Enforced {
        images: shim || matches!(docker.verifies, Verifies::Yes | Verifies::NotBuilds),
        builds: shim || alias || docker.verifies == Verifies::Yes,
    }
}

fn warnings(report: &Report) -> Vec<String> {
    let mut warnings = Vec::new();
    let docker = &report.docker;
    if let (false, Some(shim)) = (
        docker.shim_first,
        docker.programs.iter().find(|program| program.shim),
    ) {
        let first = docker
            .programs
            .first()
            .map_or("", |first| first.path.as_str());
        warnings.push(format!(
            "the shim {} is hidden by {first}: put its folder first on PATH",
            shim.path
        ));
    }
    if docker.shim_first && docker.real.is_none() {
        warnings.push(
            "there is no docker behind the shim: install one, or name it with COUNTERSIGN_DOCKER"
                .to_owned(),
        );
    }
    if let Some(problem) = &docker.version_problem {
        warnings.push(format!("docker does not say its version: {problem}"));
    }
    for plugin in report
        .plugins
        .iter()
        .filter(|plugin| plugin.ours && !plugin.used)
    {
        let name = &plugin.name;
        let used = report.plugins.iter().find(|known| known.name == *name);
        let used = used.map_or("", |used| used.path.as_str());
        warnings.push(format!("the plugin {} is hidden by {used}", plugin.path));
    }
    let builder = report.builder_alias.as_ref();
    if let Some(alias) = builder.filter(|alias| !alias.ours && alias.plugin != "buildx") {
        warnings.push(format!(
            "docker build runs the plugin {:?}, by aliases.builder in config.json",
            alias.plugin
        ));
    }
    let buildx = report.plugins.iter().any(|plugin| plugin.name == "buildx");
    if report.content_trust.on && buildx && !report.docker.shim_first {
        warnings.push("docker buildx build verifies nothing, whatever is set".to_owned());
    }
    for staged in &report.staged {
        warnings.push(format!(
            "{} changes of {} were staged by docker or notary and not published; their next publish sends them",
            staged.changes, staged.repository
        ));
    }
    warnings
}

fn verdict(report: &Report) -> String {
    let docker = &report.docker;
    let name = match &docker.version {
        Some(version) => format!("Docker {version}"),
        None => "this docker".to_owned(),
    };
    if !report.content_trust.on {
        return match docker.shim_first || docker.verifies == Verifies::Yes {
            _ if report.content_trust.variable.is_some() => {
                "off: DOCKER_CONTENT_TRUST says so, nothing is verified".to_owned()
            }
            true => "off: DOCKER_CONTENT_TRUST is not set; with it everything would be verified"
                .to_owned(),
            false => "off: DOCKER_CONTENT_TRUST is not set, nothing is verified".to_owned(),
        };
    }
    match (report.enforced.images, report.enforced.builds) {
        (true, true) => "in force: images without a good signature are refused".to_owned(),
        (true, false) => format!(
            "in force for push, pull, create and run; builds with BuildKit are not verified by {name}\nTo cover \
             builds: countersign plugin install --builder-alias"
        ),
        (false, builds) => {
            let why = match docker.verifies {
                Verifies::Never => format!("{name} ignores DOCKER_CONTENT_TRUST and says nothing"),
                _ if docker.real.is_none() => "there is no docker on PATH".to_owned(),
                _ => "it is not known whether this docker verifies".to_owned(),
            };
            let only = if builds { ", except for builds" } else { "" };
            format!(
                "NOT IN FORCE{only}: {why}\nTo put it in force: countersign plugin install --docker-shim DIR, with \
                 DIR first on PATH"
            )
        }
    }
}
