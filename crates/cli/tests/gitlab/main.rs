//! GitLab's page on annotating images (`pages/gitlab.txt`), line by line as a runner does it: with the real docker, with
//! this program in cosign's place, and with tokens shaped like those of gitlab.com and of an instance.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod job;
#[path = "../pages/page.rs"]
mod page;

use serde_json::Value;
use testkit::sigstack::{COMMIT, Ref};
use testkit::{CosignVersion, DockerVersion, Dockerd, Peers};

use crate::job::{GITLAB_COM, INSTANCE, Job, Site};

#[test]
fn dockerd_gitlab_com_with_20_10() {
    let Some(peers) = Peers::locate_with_dockerd().filter(|peers| peers.has("jq")) else {
        return;
    };
    let site = Site::start(&peers, Dockerd::start(&peers), DockerVersion::V20);
    on_a_branch(&site, GITLAB_COM);
    on_a_tag(&site, GITLAB_COM);
    with_both_forms(&site, GITLAB_COM);
    nobody_else_was_asked(&site);
}

#[test]
fn dockerd_instance_with_28_5_and_containerd() {
    let Some(peers) = Peers::locate_with_dockerd_28().filter(|peers| peers.has("jq")) else {
        return;
    };
    let dockerd = Dockerd::start_28_containerd(&peers);
    let site = Site::start(&peers, dockerd, DockerVersion::V28_5);
    on_a_branch(&site, INSTANCE);
    on_a_tag(&site, INSTANCE);
    nobody_else_was_asked(&site);
}

fn on_a_branch(site: &Site, server: &str) {
    let job = site.job(server, Ref::Branch("main"));
    job.builds_and_signs();
    let verified = job.step("verify").success();
    shows_all(&job, server, &verified.stdout, "refs/heads/main");
    assert_eq!(site.certificates(), 1, "one for the signature");
    judged_by_both(&job, "refs/heads/main");
}

/// Both cosigns find the form that the page's flag asks for when they are told where; see `with_both_forms`.
fn judged_by_both(job: &Job<'_>, path: &str) {
    for version in [CosignVersion::V2, CosignVersion::V3] {
        let judge = |flags: &[&str]| job.judged_by(version, flags, path);
        let tag = format!("tag={}", &COMMIT[..8]);
        judge(&["--experimental-oci11", "--annotations", &tag])
            .success()
            .says("code-signing certificate was verified");
        let wrong = ["--experimental-oci11", "--annotations", "tag=other"];
        judge(&wrong).failure();
        assert_eq!(judge(&[]).code(), Some(10), "it looks only at tags");
    }
}

/// The page as it stands and one variable: cosign 3.1 verifies without being told where the signature is.
fn with_both_forms(site: &Site, server: &str) {
    let job = site
        .job(server, Ref::Branch("both"))
        .with("COSIGN_FORMAT", "both");
    job.builds_and_signs();
    let verified = job.step("verify").success();
    shows_all(&job, server, &verified.stdout, "refs/heads/both");
    let root = job.trusted_root();
    let flags = ["--trusted-root", &root];
    job.judged_by(CosignVersion::V3, &flags, "refs/heads/both")
        .success();
    job.judged_by(
        CosignVersion::V2,
        &["--experimental-oci11"],
        "refs/heads/both",
    )
    .success();
}

/// Nobody but the site's services, and of those no login and no second log.
fn nobody_else_was_asked(site: &Site) {
    assert_eq!(site.elsewhere(), [""; 0]);
    assert!(!site.services().contains("oidc"), "{:?}", site.services());
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
    judged_by_both(&job, "refs/tags/v1.0");
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
