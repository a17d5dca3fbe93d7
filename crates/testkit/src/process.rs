//! Starting programs, waiting for them, and making sure that they end.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, mpsc};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// How long a client command may take before it is killed and the test fails.
const COMMAND_LIMIT: Duration = Duration::from_secs(90);
/// How long a server may take to answer, and to stop.
const DAEMON_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(5);

/// What a finished program left.
#[derive(Clone, Debug)]
pub struct Output {
    /// The command line, for messages.
    pub command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output; bytes that are not UTF-8 become U+FFFD.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
}

impl Output {
    /// The exit code; `None` when a signal ended the program.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Returns itself if the exit code is 0.
    ///
    /// # Panics
    ///
    /// With everything the program said, otherwise.
    #[track_caller]
    pub fn success(self) -> Self {
        assert!(self.status.success(), "{self}");
        self
    }

    /// Returns itself if the program ended by itself with an exit code other than 0.
    ///
    /// # Panics
    ///
    /// With everything the program said, otherwise.
    #[track_caller]
    pub fn failure(self) -> Self {
        assert!(self.status.code().is_some_and(|code| code != 0), "{self}");
        self
    }

    /// Returns itself if standard output or standard error contains `text`.
    ///
    /// # Panics
    ///
    /// With everything the program said, otherwise.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text) || self.stderr.contains(text),
            "does not say {text:?}: {self}"
        );
        self
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "$ {}\n[stdout]\n{}\n[stderr]\n{}\n[{}]",
            self.command, self.stdout, self.stderr, self.status
        )
    }
}

/// Runs a program to its end with `stdin` as its input.
///
/// Output goes through files, so that a program can say as much as it likes.
///
/// # Panics
///
/// When the program cannot be started, or takes more than 90 seconds; it is killed then.
#[track_caller]
pub fn run(mut command: Command, stdin: &[u8]) -> Output {
    let text = describe(&command);
    let mut input = tempfile::tempfile().expect("the temporary folder is writable");
    input
        .write_all(stdin)
        .and_then(|()| input.seek(SeekFrom::Start(0)))
        .expect("the temporary folder is writable");
    let (mut out, mut err) = (capture(), capture());
    command
        .stdin(input)
        .stdout(copy_of(&out))
        .stderr(copy_of(&err))
        .process_group(0);
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{text}: {error}"));
    let status = wait_at_most(&mut child, COMMAND_LIMIT);
    if status.is_none() {
        signal_group(&child, Signal::KILL);
    }
    let ended = child.wait().expect("the child is ours");
    let output = Output {
        command: text,
        status: ended,
        stdout: read_all(&mut out),
        stderr: read_all(&mut err),
    };
    assert!(
        status.is_some(),
        "not finished after {COMMAND_LIMIT:?}: {output}"
    );
    output
}

/// Whether this process is root, seen from its entry in `/proc`.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A program in the background. Stopped, with its process group, when dropped.
#[derive(Debug)]
pub(crate) struct Daemon {
    name: &'static str,
    child: Child,
    log: PathBuf,
    stop: Signal,
}

impl Daemon {
    /// Starts a program whose output goes to `log`; `stop` is the signal that asks it to end.
    pub(crate) fn spawn(
        name: &'static str,
        mut command: Command,
        log: &Path,
        stop: Signal,
    ) -> Self {
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("the log is writable");
        command
            .stdin(Stdio::null())
            .stdout(copy_of(&file))
            .stderr(file)
            .process_group(0);
        let text = describe(&command);
        let child =
            spawn_from_lasting_thread(command).unwrap_or_else(|error| panic!("{text}: {error}"));
        Self {
            name,
            child,
            log: log.to_owned(),
            stop,
        }
    }

    /// Starts a server on a free port of 127.0.0.1 and waits until it accepts connections.
    ///
    /// A port can be taken between choosing and using it; then another one is tried.
    pub(crate) fn spawn_on_free_port(
        name: &'static str,
        log: &Path,
        stop: Signal,
        mut command: impl FnMut(u16) -> Command,
    ) -> (Self, SocketAddr) {
        for _ in 0..5 {
            let address = free_address();
            let mut daemon = Self::spawn(name, command(address.port()), log, stop);
            if daemon.wait_until(|| TcpStream::connect(address).is_ok()) {
                return (daemon, address);
            }
            let said = daemon.said();
            assert!(
                said.to_lowercase().contains("address already in use"),
                "{name} ended: {said}"
            );
        }
        panic!("{name}: five free ports were taken by others");
    }

    /// Waits until `ready` holds. False when the program ended before.
    pub(crate) fn wait_until(&mut self, mut ready: impl FnMut() -> bool) -> bool {
        let begin = Instant::now();
        loop {
            let answers = ready();
            // Asked after the answer: another program may have answered on the port that ours did not get.
            if self.exited().is_some() {
                return false;
            }
            if answers {
                return true;
            }
            assert!(
                begin.elapsed() < DAEMON_LIMIT,
                "{} does not answer: {}",
                self.name,
                self.said()
            );
            std::thread::sleep(POLL);
        }
    }

    /// The exit status, if it ended already.
    pub(crate) fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the child is ours")
    }

    /// Everything in the log.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, and kills it when it does not. Returns how it ended.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        if let Some(status) = self.exited() {
            return status;
        }
        signal_group(&self.child, self.stop);
        if wait_at_most(&mut self.child, DAEMON_LIMIT).is_none() {
            self.kill();
        }
        self.child.wait().expect("the child is ours")
    }

    /// Ends it without warning.
    pub(crate) fn kill(&mut self) {
        if self.exited().is_none() {
            signal_group(&self.child, Signal::KILL);
            self.child.wait().expect("the child is ours");
        }
    }
}

impl Drop for Daemon {
    #[expect(
        clippy::print_stderr,
        reason = "the log of a failed test is to be seen"
    )]
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            let said = self.said();
            let lines: Vec<&str> = said.lines().collect();
            let end = lines[lines.len().saturating_sub(20)..].join("\n");
            eprintln!(
                "--- end of the log of {} ({})\n{end}",
                self.name,
                self.log.display()
            );
        }
    }
}

/// An address of 127.0.0.1 with a port nobody uses at this moment.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
    listener
        .local_addr()
        .expect("a bound socket has an address")
}

/// The signal for the end of the parent is sent when the *thread* that started the child ends, and a test's thread
/// may end long before a guard that others share. So one thread starts them all, and stays.
fn spawn_from_lasting_thread(command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::Sender<io::Result<Child>>);
    static SPAWNER: LazyLock<mpsc::Sender<Order>> = LazyLock::new(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in orders {
                // Nobody waits any more: the child ends with us.
                drop(answer.send(command.spawn()));
            }
        });
        sender
    });
    let (answer, child) = mpsc::channel();
    SPAWNER
        .send((command, answer))
        .expect("the spawner runs as long as the process");
    child.recv().expect("the spawner answers every order")
}

fn wait_at_most(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("the child is ours") {
            return Some(status);
        }
        if begin.elapsed() > limit {
            return None;
        }
        std::thread::sleep(POLL);
    }
}

/// The child has not been waited for, so its id cannot mean another process yet.
fn signal_group(child: &Child, signal: Signal) {
    let id = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .expect("process ids are positive");
    // Fails only when it just ended by itself.
    let _ended = kill_process_group(id, signal);
}

fn describe(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(
        command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned()),
    );
    words.join(" ")
}

fn capture() -> File {
    tempfile::tempfile().expect("the temporary folder is writable")
}

fn copy_of(file: &File) -> File {
    file.try_clone().expect("file handles can be copied")
}

fn read_all(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))
        .and_then(|_| io::copy(file, &mut bytes))
        .expect("a temporary file is readable");
    String::from_utf8_lossy(&bytes).into_owned()
}
