//! `docker build` with content trust, by the classic builder and BuildKit.

use std::fs;
use std::path::PathBuf;

use testkit::{DockerCli, DockerVersion, Output, run};

use crate::bench::{Bench, before_real, digest_after, ours, shim, untrusted};

struct Site {
    bench: Bench,
    /// Signed as `1` and `latest`; `unsigned` is not.
    base: String,
    digest: String,
}

impl Site {
    fn start() -> Option<Self> {
        Bench::start().map(Self::on)
    }

    fn on(bench: Bench) -> Self {
        let base = bench.name("base");
        let tags = ["1", "latest", "unsigned"].map(|tag| format!("{base}:{tag}"));
        bench.import(&tags[0], "base");
        for tag in &tags[1..] {
            let docker = untrusted(&bench.docker);
            docker.run(["tag", &tags[0], tag]).success();
        }
        let pushed = ours(&bench.docker, ["push", &tags[0]]).success();
        ours(&bench.docker, ["push", &tags[1]]).success();
        untrusted(&bench.docker).run(["push", &tags[2]]).success();
        let digest = digest_after(&pushed.stdout, "1: digest: ");
        bench.forget(&tags.each_ref().map(String::as_str));
        Self {
            bench,
            base,
            digest,
        }
    }

    /// A folder with a Dockerfile and a file to copy; `BASE` is the base's name.
    fn context(&self, name: &str, dockerfile: &str) -> PathBuf {
        let folder = self.bench.docker.home().join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("file"), name).unwrap();
        let text = dockerfile.replace("BASE", &self.base);
        fs::write(folder.join("Dockerfile"), text).unwrap();
        folder
    }

    fn build(&self, docker: &DockerCli, words: &[&str]) -> Output {
        let words: Vec<_> = ["build"].iter().chain(words).collect();
        before_real(docker).run_program(shim(docker), words)
    }

    /// Builds `dockerfile` into the image `name`.
    fn built(&self, docker: &DockerCli, name: &str, dockerfile: &str) -> Output {
        let context = self.context(name, dockerfile);
        self.build(docker, &["-t", name, context.to_str().unwrap()])
    }
}

/// The same Dockerfiles by each builder; what names an image in any way is pinned.
fn pins(docker: &DockerCli, site: &Site, is_classic: bool) {
    for (name, dockerfile) in [
        ("plain", "FROM BASE:1\nCOPY file /\n"),
        ("latest", "FROM BASE\nCOPY file /\n"),
        (
            "stages",
            "FROM BASE:1 AS one\nCOPY file /\nFROM one\nCOPY file /y\n",
        ),
        (
            "arguments",
            "ARG TAG=1\nFROM \\\n  BASE:${TAG}\nCOPY --from=BASE:1 /hello /again\n",
        ),
        ("scratch", "FROM scratch\nCOPY file /\n"),
    ] {
        let built = site.built(docker, name, dockerfile).success();
        if name != "scratch" && is_classic {
            let pinned = format!("{}@{}", site.base, site.digest);
            built.says(&pinned);
        }
        site.bench.inspect(name).success();
    }
}

/// What is not signed is named, and nothing is built.
fn refuses(docker: &DockerCli, site: &Site) {
    for (name, dockerfile, place) in [
        ("from", "FROM BASE:unsigned\n", "Dockerfile:1: FROM"),
        (
            "copyfrom",
            "FROM BASE:1\n\nCOPY --from=BASE:unsigned /hello /x\n",
            "Dockerfile:3: COPY --from",
        ),
        (
            "argument",
            "ARG TAG=unsigned\nFROM BASE:$TAG\n",
            "Dockerfile:2: FROM",
        ),
    ] {
        let refused = site.built(docker, name, dockerfile).failure();
        assert_eq!(
            (refused.code(), refused.stdout.as_str()),
            (Some(1), ""),
            "{refused}"
        );
        let head = "unable to process Dockerfile: ";
        assert!(refused.stderr.starts_with(head), "{refused}");
        refused
            .says(&format!("{place} {}:unsigned: ", site.base))
            .says("No valid trust data for unsigned")
            .says("Nothing was built");
        site.bench.inspect(name).failure();
    }
}

#[test]
fn dockerd_the_classic_builder_of_20_builds_what_is_signed() {
    let Some(site) = Site::start() else { return };
    let docker = site.bench.docker.clone();
    pins(&docker, &site, true);
    refuses(&docker, &site);
    // Stock docker of the same version agrees about what is signed.
    let context = site.context("stock", "FROM BASE:1\nCOPY file /\n");
    docker
        .run([std::ffi::OsStr::new("build"), context.as_os_str()])
        .success();
}

#[test]
fn dockerd_the_classic_builder_of_28_builds_what_is_signed() {
    let Some(site) = Site::start() else { return };
    let docker = site.bench.docker.version(DockerVersion::V28);
    pins(&docker, &site, true);
    refuses(&docker, &site);
    let docker = docker.env("DOCKER_BUILDKIT", "0");
    pins(&docker, &site, true);
}

#[test]
fn dockerd_buildkit_builds_what_is_signed() {
    let Some(bench) = Bench::start() else { return };
    let site = Site::on(bench.with_plain_registry());
    let docker = site.bench.docker.clone().env("DOCKER_BUILDKIT", "1");
    pins(&docker, &site, false);
    refuses(&docker, &site);
    let refused = site
        .built(&docker, "syntax", "# syntax=BASE:unsigned\nFROM BASE:1\n")
        .failure();
    refused
        .says("Dockerfile:1: syntax")
        .says("Remove the syntax line");
    let refused = site
        .built(
            &docker,
            "mount",
            "FROM BASE:1\nRUN --mount=type=bind,from=BASE:unsigned,target=/m true\n",
        )
        .failure();
    refused.says("RUN --mount from");
    // The builder of 20.10 knows no here-documents: it would take the second line for an instruction.
    let hidden = "FROM BASE:1\nRUN <<EOF\nFROM BASE:unsigned\nEOF\n";
    site.built(&docker, "hidden", hidden)
        .failure()
        .says("unable to process Dockerfile");
    // The ignore file of the Dockerfile itself still counts.
    let context = site.context("ignoring", "FROM BASE:1\nCOPY . /all/\n");
    fs::write(context.join("Dockerfile.dockerignore"), "file\n").unwrap();
    site.build(&docker, &["-t", "ignoring", context.to_str().unwrap()])
        .success();
    let id = untrusted(&docker)
        .run(["create", "--network=none", "ignoring", "x"])
        .success()
        .stdout;
    untrusted(&docker)
        .run(["cp", &format!("{}:/all/file", id.trim()), "-"])
        .failure();
    untrusted(&docker)
        .run(["cp", &format!("{}:/all/Dockerfile", id.trim()), "-"])
        .success();
}

/// Wherever the Dockerfile comes from, and what cannot be looked into.
#[test]
fn dockerd_dockerfiles_from_elsewhere() {
    let Some(site) = Site::start() else { return };
    let docker = before_real(&site.bench.docker);
    let context = site.context("elsewhere", "FROM BASE:unsigned\n");
    let context = context.to_str().unwrap();
    let signed = format!("FROM {}:1\nCOPY file /\n", site.base);
    let program = shim(&docker);
    let piped = |words: &[&str], input: &[u8]| {
        let words: Vec<_> = ["build"].iter().chain(words).collect();
        run(docker.command_of(&program, words), input)
    };
    piped(&["-t", "piped", "-f", "-", context], signed.as_bytes()).success();
    site.bench.inspect("piped").success();
    let alone = format!("FROM {}:1\nLABEL a=b\n", site.base);
    piped(&["-t", "alone", "-"], alone.as_bytes()).success();
    site.bench.inspect("alone").success();
    let unsigned = format!("FROM {}:unsigned\n", site.base);
    piped(&["-"], unsigned.as_bytes())
        .failure()
        .says("standard input:1: FROM");
    let file = docker.home().join("other.Dockerfile");
    fs::write(&file, &signed).unwrap();
    site.build(
        &site.bench.docker,
        &[
            "--file=other.Dockerfile",
            "-t=named",
            context,
            "--disable-content-trust=false",
        ],
    )
    .success();
    site.bench.inspect("named").success();

    let archive = testkit::image::rootfs_tar("FROM scratch");
    for (words, input, said) in [
        (
            &["-"][..],
            archive.as_slice(),
            "Unpack it and name the folder",
        ),
        (&["-"], b"\x1f\x8b\x08".as_slice(), "Unpack it"),
        (&["-f", "-", "-"], b"", "can't use stdin for both"),
        (&["-f", "x", "-"], b"", "Unpack it"),
        (
            &["https://example.com/x.tar"],
            b"",
            "build context https://example.com/x.tar",
        ),
        (&["git@example.com:x.git"], b"", "is fetched by the builder"),
        (&["github.com/x/y"], b"", "is fetched by the builder"),
        (
            &["-f", "https://example.com/Dockerfile", "."],
            b"",
            "Dockerfile https://",
        ),
        (
            &["/no/such/folder"],
            b"",
            "/no/such/folder/Dockerfile: No such file",
        ),
        (&["-f", "-", "."], b"FROM $X\n", "cannot be told"),
        (
            &["-f", "-", "."],
            b"not a Dockerfile\n",
            "unknown instruction",
        ),
        (&["-f", "-", "."], b"", "there is no FROM"),
        (&["-f", "-", "."], b"FROM Upper/Case\n", "repository name"),
    ] {
        let refused = piped(words, input).failure();
        assert_eq!(
            (refused.code(), refused.stdout.as_str()),
            (Some(1), ""),
            "{refused}"
        );
        refused.says(said);
    }
}

/// What a build takes besides signed images is said, a line for each, and before the builder says anything.
#[test]
fn dockerd_a_build_says_what_else_it_takes() {
    let Some(site) = Site::start() else { return };
    let docker = &site.bench.docker;
    let dockerfile =
        "FROM BASE:1\nCOPY file /\n# nothing listens there\nADD http://127.0.0.1:1/x /x\n";
    let context = site.context("notes", dockerfile);
    let built = site.build(docker, &[context.to_str().unwrap()]).failure();
    let file = context.join("Dockerfile");
    let notes = format!(
        "note: {0}:1: images that ONBUILD triggers of {1}:1 name are not checked\n\
         note: {0}:4: ADD http://127.0.0.1:1/x is fetched by the builder, and nobody signed it\n",
        file.display(),
        site.base
    );
    assert!(built.stderr.starts_with(&notes), "{built}");
    // A refused build has nothing else to say.
    let refused = site
        .built(
            docker,
            "notes",
            "FROM BASE:unsigned\nADD http://127.0.0.1:1/x /x\n",
        )
        .failure();
    assert!(!refused.stderr.contains("note: "), "{refused}");
}
