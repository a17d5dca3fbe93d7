#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
//! Several processes, and disks that refuse. The other process is this test binary, run again with one of the ignored
//! tests at the end of this file; it reads its folder from its input, and does nothing without one.

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::{
        fs::PermissionsExt,
        process::{CommandExt, ExitStatusExt},
    },
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use common::{BOB, CAROL, CAROL_DEK_INFO, WAIT, empty, golden, id, names};
use keystore::{Error, Replace, TrustDir};
use pki::keyfile::KeyBlock;

/// `signal(7)` on Linux.
const SIGXFSZ: i32 = 25;

/// This binary, to be run with one ignored test.
fn child(program: &str, test: &str) -> Command {
    let mut command = Command::new(program);
    command.args([
        "--ignored",
        "--exact",
        "--nocapture",
        "--test-threads=1",
        test,
    ]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

fn this_program() -> String {
    std::env::current_exe()
        .unwrap()
        .into_os_string()
        .into_string()
        .unwrap()
}

fn start(mut command: Command, folder: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut child = command.spawn().unwrap();
    writeln!(child.stdin.as_mut().unwrap(), "{}", folder.display()).unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

/// What the child says after this word.
fn wait_for(output: &mut BufReader<ChildStdout>, word: &str) -> String {
    let mut line = String::new();
    while output.read_line(&mut line).unwrap() > 0 {
        if let Some((_, rest)) = line.split_once(word) {
            return rest.trim().to_owned();
        }
        line.clear();
    }
    panic!("the other process ended without saying {word}");
}

fn outcome_of(command: Command, folder: &Path) -> String {
    let (mut child, mut output) = start(command, folder);
    let outcome = wait_for(&mut output, "outcome: ");
    child.wait().unwrap();
    outcome
}

/// Runs the shell line with this program as `$0`, the ignored test as `$1` and a folder as `$2`.
fn shell(wrapper: &[&str], line: &str, test: &str, folder: &Path) -> Command {
    let run = format!("{line}; exec \"$0\" --ignored --exact --nocapture --test-threads=1 \"$1\"");
    let mut words = wrapper.to_vec();
    words.extend(["sh", "-c", &run]);
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .arg(this_program())
        .arg(test)
        .arg(folder);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

#[test]
fn another_process_is_waited_for_and_named() {
    let (_folder, keys) = empty();
    let (mut other, mut output) =
        start(child(&this_program(), "child_holds_the_lock"), keys.root());
    wait_for(&mut output, "locked");
    match keys.lock(Duration::from_millis(50)) {
        Err(Error::Locked { pid, .. }) => assert_eq!(pid, Some(other.id())),
        other => panic!("{other:?}"),
    }
    let waiting = keys.clone();
    let waiter = thread::spawn(move || waiting.lock(WAIT).map(drop));
    thread::sleep(Duration::from_millis(50));
    drop(other.stdin.take());
    waiter.join().unwrap().unwrap();
    other.wait().unwrap();
}

#[test]
fn a_killed_process_leaves_no_lock() {
    let (_folder, keys) = empty();
    let (mut other, mut output) =
        start(child(&this_program(), "child_holds_the_lock"), keys.root());
    wait_for(&mut output, "locked");
    other.kill().unwrap();
    other.wait().unwrap();
    drop(keys.lock(Duration::from_millis(500)).unwrap());
}

/// The file changes between two contents as fast as it can while its writer is killed: it always has one of them.
#[test]
fn a_killed_writer_leaves_no_half_key() {
    let (_folder, keys) = empty();
    let contents = [block("one").to_pem(), block("two").to_pem()];
    for round in 0..10 {
        let (mut other, mut output) =
            start(child(&this_program(), "child_keeps_saving"), keys.root());
        wait_for(&mut output, "saving");
        thread::sleep(Duration::from_millis(3 + 7 * round));
        other.kill().unwrap();
        other.wait().unwrap();
        let found = fs::read_to_string(keys.key_path(&id(CAROL))).unwrap();
        assert!(contents.iter().any(|content| **content == found), "{found}");
        let listing = keys.list().unwrap();
        assert_eq!((listing.keys.len(), listing.unusable.len()), (1, 0));
        drop(keys.lock(WAIT).unwrap());
        assert_eq!(names(&keys.private()).len(), 1, "leftovers are swept");
    }
}

#[test]
fn a_folder_without_permission_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    // Permissions do not bind root, so root runs the other process as somebody else, from where that one may read.
    let program = folder.path().join("program");
    fs::copy(this_program(), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let private = folder.path().join("private");
    fs::create_dir(&private).unwrap();
    for path in [folder.path(), &private] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o555)).unwrap();
    }
    let mut command = child(program.to_str().unwrap(), "child_saves_once");
    command.current_dir("/");
    if is_root() {
        command.uid(65534).gid(65534);
    }
    assert_eq!(outcome_of(command, folder.path()), "Permission");
    assert!(names(&private).is_empty());
    for path in [folder.path(), &private] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// A limit on the size of files fails as a full disk does, in the middle of the key, and can be had everywhere.
#[test]
fn a_file_that_cannot_grow_is_no_space() {
    let (_folder, keys) = empty();
    let limit = "trap '' XFSZ; ulimit -f 1";
    assert_eq!(
        outcome_of(
            shell(&[], limit, "child_saves_once", keys.root()),
            keys.root()
        ),
        "NoSpace"
    );
    assert!(names(&keys.private()).is_empty());
}

/// Without the trap the same limit kills the process where it stands: with half of the new key written.
#[test]
fn a_writer_that_dies_half_way_leaves_the_old_key() {
    let (_folder, keys) = empty();
    let before = CAROL_DEK_INFO;
    fs::create_dir_all(keys.private()).unwrap();
    fs::write(keys.key_path(&id(BOB)), before).unwrap();
    let command = shell(
        &[],
        "ulimit -c 0; ulimit -f 1",
        "child_saves_once",
        keys.root(),
    );
    let (mut other, _output) = start(command, keys.root());
    assert_eq!(other.wait().unwrap().signal(), Some(SIGXFSZ));
    assert_eq!(fs::read_to_string(keys.key_path(&id(BOB))).unwrap(), before);
    let listing = keys.list().unwrap();
    assert_eq!((listing.keys.len(), listing.unusable.len()), (1, 0));
    assert_eq!(
        names(&keys.private()).len(),
        2,
        "the half that was written has a name of its own"
    );
    drop(keys.lock(WAIT).unwrap());
    assert_eq!(
        names(&keys.private()).len(),
        1,
        "and is swept by the next writer"
    );
}

#[test]
fn a_full_or_read_only_disk_is_named() {
    let Some(wrapper) = mount_namespace() else {
        eprintln!("SKIPPED: this machine lets nobody mount a small disk");
        return;
    };
    let (_folder, keys) = empty();
    fs::create_dir_all(keys.private()).unwrap();
    let full = "mount -t tmpfs -o size=16k tmpfs \"$2\" && mkdir \"$2/private\"; cat /dev/zero > \"$2/rest\" 2>/dev/null";
    assert_eq!(
        outcome_of(
            shell(wrapper, full, "child_saves_once", keys.root()),
            keys.root()
        ),
        "NoSpace"
    );
    let read_only = "mount -t tmpfs -o ro tmpfs \"$2\"";
    assert_eq!(
        outcome_of(
            shell(wrapper, read_only, "child_saves_once", keys.root()),
            keys.root()
        ),
        "ReadOnly"
    );
}

fn mount_namespace() -> Option<&'static [&'static str]> {
    const WAYS: [&[&str]; 2] = [
        &["unshare", "--user", "--map-root-user", "--mount"],
        &["unshare", "--mount"],
    ];
    WAYS.into_iter().find(|way| {
        let probe = Command::new(way[0])
            .args(&way[1..])
            .args(["mount", "-t", "tmpfs", "tmpfs", "/mnt"])
            .output();
        probe.is_ok_and(|output| output.status.success())
    })
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout.trim_ascii() == b"0"
}

fn block(role: &str) -> KeyBlock {
    let text = fs::read(golden("notary/repos/delegations/input-keys/carol.key")).unwrap();
    let mut block = KeyBlock::parse_file(&text).unwrap().remove(0);
    block.set_role(Some(role)).unwrap();
    block
}

fn folder_from_input() -> Option<TrustDir> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let folder = line.trim();
    (!folder.is_empty()).then(|| TrustDir::new(folder))
}

#[test]
#[ignore = "run by the tests above in another process"]
fn child_holds_the_lock() {
    let Some(keys) = folder_from_input() else {
        return;
    };
    let _lock = keys.lock(WAIT).unwrap();
    println!("locked");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[test]
#[ignore = "run by the tests above in another process"]
fn child_keeps_saving() {
    let Some(keys) = folder_from_input() else {
        return;
    };
    let lock = keys.lock(WAIT).unwrap();
    let blocks = [block("one"), block("two")];
    for turn in 0_usize.. {
        keys.save_block(&lock, &id(CAROL), &blocks[turn % 2], Replace::Yes)
            .unwrap();
        if turn == 0 {
            println!("saving");
        }
    }
}

#[test]
#[ignore = "run by the tests above in another process"]
fn child_saves_once() {
    let Some(keys) = folder_from_input() else {
        return;
    };
    let text = fs::read(golden("notary/repos/delegations/input-keys/bob.key")).unwrap();
    let block = KeyBlock::parse_file(&text).unwrap().remove(0);
    let saved = keys
        .lock(WAIT)
        .and_then(|lock| keys.save_block(&lock, &id(BOB), &block, Replace::Yes));
    let outcome = match saved {
        Ok(_) => "saved".to_owned(),
        Err(error) => format!("{error:?}")
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_owned(),
    };
    println!("outcome: {outcome}");
}
