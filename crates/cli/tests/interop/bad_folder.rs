//! Trust folders that cannot be written, and several processes in one: no key, no signature and no metadata is lost.

use std::path::Path;
use std::time::Duration;

use http::Method;
use testkit::{Disk, DockerCli, Fault, Peers};

use crate::signed::{Signed, keys_and_metadata, refused, still_works};
use crate::support::{COUNTERSIGN, copy_folder, json_of, trust};

/// Puts the trust folder of a user on a small disk.
fn move_to(disk: &Disk, docker: &DockerCli) {
    let folder = docker.trust_dir();
    copy_folder(&folder, &disk.path().join("trust"));
    std::fs::remove_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(disk.path().join("trust"), &folder).unwrap();
}

/// What cannot be kept is not begun: no key, no signature.
#[track_caller]
fn unusable_folder(scene: &Signed, problem: &str) {
    let owner = &scene.owner;
    let folder = owner.trust_dir();
    let folder = folder.to_str().unwrap();
    let new = format!("{}/new", scene.server.host());
    let out = refused(
        owner,
        &["key", "generate", "zoe"],
        "failed to generate key for zoe: ",
        problem,
    );
    assert!(out.stderr.contains(folder), "{out}");
    assert!(!owner.home().join("zoe.pub").exists(), "{out}");
    for words in [
        &["sign", &scene.image("2")] as &[&str],
        &["revoke", &scene.image("1")],
        &[
            "signer",
            "add",
            "--key",
            "jeff.pub",
            "bob",
            &scene.repository,
        ],
        &["signer", "add", "--key", "jeff.pub", "bob", &new],
    ] {
        let out = refused(owner, words, "", problem);
        assert!(out.stderr.contains(folder), "{out}");
        let requests = scene.front.requests();
        let posted = requests.iter().any(|request| request.starts_with("POST"));
        assert!(!posted, "published all the same: {out}");
    }
}

#[test]
fn read_only_trust_folder() {
    let Some(peers) = Peers::locate() else { return };
    let Some(disk) = Disk::mount(2048) else {
        return;
    };
    let scene = Signed::new(&peers);
    move_to(&disk, &scene.owner);
    disk.make_read_only();
    unusable_folder(&scene, "read-only file system");
    disk.make_writable();
    still_works(&scene);
}

#[test]
fn full_trust_folder() {
    let Some(peers) = Peers::locate() else { return };
    let Some(disk) = Disk::mount(2048) else {
        return;
    };
    let scene = Signed::new(&peers);
    move_to(&disk, &scene.owner);
    disk.fill();
    unusable_folder(&scene, "no space left on device");
    std::fs::remove_file(disk.path().join("filler")).unwrap();
    still_works(&scene);
}

/// Two processes in one trust folder: the second one waits, and both have signed.
#[test]
fn two_processes_in_one_trust_folder() {
    let Some(peers) = Peers::locate() else { return };
    let scene = Signed::new(&peers);
    let tags: Vec<String> = (10..14).map(|number| number.to_string()).collect();
    for tag in &tags {
        scene.push(tag, tag);
    }
    scene.front.on_next(
        1,
        |method, _| method == Method::POST,
        Fault::Delay(Duration::from_millis(500)),
    );
    std::thread::scope(|scope| {
        for tag in &tags {
            let (scene, image) = (&scene, scene.image(tag));
            scope.spawn(move || trust(&scene.owner, &["sign", &image]).success());
        }
    });
    let seen = json_of(&trust(&scene.user(), &["inspect", &scene.repository]).success());
    let signed: Vec<_> = seen[0]["SignedTags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["SignedTag"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(signed, ["1", "10", "11", "12", "13"]);
}

/// A process that holds the folder and does not end: the other one gives up, and says who is there.
#[test]
fn trust_folder_held_by_another_process() {
    let Some(peers) = Peers::locate() else { return };
    let scene = Signed::new(&peers);
    scene.push("3", "3");
    scene
        .front
        .on_next(1, |method, _| method == Method::POST, Fault::Hang);
    let mut holder = scene
        .owner
        .command_of(COUNTERSIGN, ["trust", "sign", &scene.image("2")])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let lock = scene.owner.trust_dir().join(".countersign.lock");
    wait_until_held(&lock, holder.id());
    wait_until_quiet(&scene.owner);
    let out = refused(
        &scene.owner,
        &["sign", &scene.image("3")],
        "another process (process ",
        "Wait until it has ended",
    );
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(
        out.stderr
            .contains(scene.owner.trust_dir().to_str().unwrap())
    );
    // The lock of a process that was killed holds nobody up.
    trust(&scene.owner, &["sign", &scene.image("3")]).success();
}

/// The lock names the process that holds it.
#[track_caller]
fn wait_until_held(lock: &Path, process: u32) {
    for _ in 0..1000 {
        let holder = std::fs::read_to_string(lock).unwrap_or_default();
        if holder.trim() == process.to_string() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{} does not name {process}", lock.display());
}

/// Nothing is written any more.
fn wait_until_quiet(docker: &DockerCli) {
    let mut before = keys_and_metadata(docker);
    loop {
        std::thread::sleep(Duration::from_millis(300));
        let after = keys_and_metadata(docker);
        if before == after {
            return;
        }
        before = after;
    }
}
