//! GitLab's page on annotating images (`pages/gitlab.txt`), line by line as a runner does it: with the real docker, with
//! this program in cosign's place, and with tokens shaped like those of gitlab.com and of an instance.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod job;
#[path = "../pages/page.rs"]
mod page;

use serde_json::Value;
use testkit::sigstack::{COMMIT, Ref};
use testkit::{DockerVersion, Dockerd, Peers};

use crate::job::{GITLAB_COM, INSTANCE, Job, Site};

#[test]
fn dockerd_gitlab_com_with_20_10() {
    let Some(peers) = Peers::locate_with_dockerd() else {
        return;
    };
    let site = Site::start(&peers, Dockerd::start(&peers), DockerVersion::V20);
    on_a_branch(&site, GITLAB_COM);
    on_a_tag(&site, GITLAB_COM);
}

#[test]
fn dockerd_instance_with_28_5_and_containerd() {
    let Some(peers) = Peers::locate_with_dockerd_28() else {
        return;
    };
    let dockerd = Dockerd::start_28_containerd(&peers);
    let site = Site::start(&peers, dockerd, DockerVersion::V28_5);
    on_a_branch(&site, INSTANCE);
    on_a_tag(&site, INSTANCE);
}

fn on_a_branch(site: &Site, server: &str) {
    let job = site.job(server, Ref::Branch("main"));
    job.builds_and_signs();
    let verified = job.step("verify").success();
    shows_all(&job, server, &verified.stdout, "refs/heads/main");
    assert_eq!(site.certificates(), 1, "one for the signature");
    job.judged_by_cosign_2("refs/heads/main");
}

/// The page asks for `refs/heads/…`, which the certificate of a tag's pipeline does not say.
fn on_a_tag(site: &Site, server: &str) {
    let job = site.job(server, Ref::Tag("v1.0"));
    job.builds_and_signs();
    let identity = |path: &str| format!("{server}/acme/app//.gitlab-ci.yml@{path}");
    let refused = job.step("verify");
    assert_eq!(refused.code(), Some(12), "{refused}");
    refused
        .says(&identity("refs/heads/v1.0"))
        .says(&identity("refs/tags/v1.0"));
    let corrected = job
        .page
        .step("verify")
        .lines
        .replace("refs/heads", "refs/tags");
    let verified = job.runs(&corrected).success();
    shows_all(&job, server, &verified.stdout, "refs/tags/v1.0");
    job.judged_by_cosign_2("refs/tags/v1.0");
}

/// Every annotation of the page is in what `jq` got.
fn shows_all(job: &Job<'_>, server: &str, stdout: &str, path: &str) {
    let shown: Value = serde_json::from_str(stdout).unwrap();
    let (_, reference) = path.rsplit_once('/').unwrap();
    let project = format!("{server}/acme/app");
    let expected = [
        ("com.gitlab.ci.user.name", job::USER.to_owned()),
        ("com.gitlab.ci.pipeline.id", "574".to_owned()),
        (
            "com.gitlab.ci.pipeline.url",
            format!("{project}/-/pipelines/574"),
        ),
        ("com.gitlab.ci.job.id", "302".to_owned()),
        ("com.gitlab.ci.job.url", format!("{project}/-/jobs/302")),
        ("com.gitlab.ci.commit.sha", COMMIT.to_owned()),
        ("com.gitlab.ci.commit.ref.name", reference.to_owned()),
        ("com.gitlab.ci.project.path", "acme/app".to_owned()),
        ("org.opencontainers.image.source", project.clone()),
        ("org.opencontainers.image.revision", COMMIT.to_owned()),
        ("tag", COMMIT[..8].to_owned()),
        ("Issuer", server.to_owned()),
        ("Subject", format!("{project}//.gitlab-ci.yml@{path}")),
    ];
    for (name, value) in expected {
        assert_eq!(shown[0]["optional"][name], value, "{name} in {stdout}");
    }
    let digest = &shown[0]["critical"]["image"]["docker-manifest-digest"];
    assert!(job.digest().ends_with(digest.as_str().unwrap()), "{stdout}");
}
