//! The flags of the docker commands that are looked into: only which of them take a value.
//!
//! From the help of docker 20.10.24 and 28.2.2, buildx 0.29 and compose 2.40 (a test compares them), with the hidden
//! spellings of docker/cli and flags of other buildx versions. A flag that is not here is refused while content trust is
//! on, as the word behind it could be taken for the image.

/// The flags of one command.
#[derive(Debug)]
pub struct Table {
    /// Flags may stand behind arguments. Not so where what follows belongs to a container or to another program.
    pub interspersed: bool,
    /// `name[/letter][=]`, separated by white space; `=` for those that take a value.
    rows: &'static [&'static str],
}

/// A flag as the table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The long name.
    pub name: &'static str,
    /// Whether it takes a value; a switch may have one after `=`.
    pub takes_value: bool,
    letter: Option<char>,
}

impl Table {
    /// The flag with this long name.
    pub fn named(&self, name: &str) -> Option<Row> {
        self.rows().find(|row| row.name == name)
    }

    /// The flag with this letter.
    pub fn lettered(&self, letter: char) -> Option<Row> {
        self.rows().find(|row| row.letter == Some(letter))
    }

    fn rows(&self) -> impl Iterator<Item = Row> {
        let words = self.rows.iter().flat_map(|rows| rows.split_whitespace());
        words.map(|word| {
            let (names, takes_value) = match word.strip_suffix('=') {
                Some(names) => (names, true),
                None => (word, false),
            };
            let (name, letter) = match names.split_once('/') {
                Some((name, letter)) => (name, letter.chars().next()),
                None => (names, None),
            };
            Row {
                name,
                takes_value,
                letter,
            }
        })
    }
}

/// The deprecated flag.
pub const DISABLE: &str = "disable-content-trust";

/// Before the command's name.
pub static GLOBALS: Table = Table {
    interspersed: false,
    rows: &[
        "config= context/c= debug/D host/H= log-level/l= tls tlscacert= tlscert= tlskey= tlsverify version/v help/h",
    ],
};

/// `docker push`.
pub static PUSH: Table = Table {
    interspersed: true,
    rows: &["all-tags/a disable-content-trust platform= quiet/q help/h"],
};

/// `docker pull`.
pub static PULL: Table = Table {
    interspersed: true,
    rows: &["all-tags/a disable-content-trust platform= quiet/q help/h"],
};

/// `docker create`.
pub static CREATE: Table = Table {
    interspersed: false,
    rows: &[CONTAINER],
};

/// `docker run`.
pub static RUN: Table = Table {
    interspersed: false,
    rows: &[CONTAINER, "detach/d detach-keys= sig-proxy"],
};

const CONTAINER: &str = "add-host= annotation= attach/a= blkio-weight= blkio-weight-device= cap-add= cap-drop= \
    cgroup-parent= cgroupns= cidfile= cpu-count= cpu-percent= cpu-period= cpu-quota= cpu-rt-period= cpu-rt-runtime= \
    cpu-shares/c= cpus= cpuset-cpus= cpuset-mems= device= device-cgroup-rule= device-read-bps= device-read-iops= \
    device-write-bps= device-write-iops= disable-content-trust dns= dns-opt= dns-option= dns-search= domainname= \
    entrypoint= env/e= env-file= expose= gpus= group-add= health-cmd= health-interval= health-retries= \
    health-start-interval= health-start-period= health-timeout= help hostname/h= init interactive/i io-maxbandwidth= \
    io-maxiops= ip= ip6= ipc= isolation= kernel-memory= label/l= label-file= link= link-local-ip= log-driver= log-opt= \
    mac-address= memory/m= memory-reservation= memory-swap= memory-swappiness= mount= name= net= net-alias= network= \
    network-alias= no-healthcheck oom-kill-disable oom-score-adj= pid= pids-limit= platform= privileged publish/p= \
    publish-all/P pull= quiet/q read-only restart= rm runtime= security-opt= shm-size= stop-signal= stop-timeout= \
    storage-opt= sysctl= tmpfs= tty/t ulimit= use-api-socket user/u= userns= uts= volume/v= volume-driver= \
    volumes-from= workdir/w=";

/// `docker build` with whichever builder, and `docker buildx build`.
pub static BUILD: Table = Table {
    interspersed: true,
    rows: &[
        "add-host= build-arg= cache-from= cgroup-parent= compress cpu-period= cpu-quota= cpu-shares/c= cpuset-cpus= \
         cpuset-mems= disable-content-trust file/f= force-rm help/h iidfile= isolation= label= memory/m= memory-swap= \
         network= no-cache output/o= platform= progress= pull quiet/q rm secret= security-opt= shm-size= squash ssh= \
         stream tag/t= target= ulimit=",
        "allow= annotation= attest= build-context= builder= cache-to= call= check debug/D detach invoke= load \
         metadata-file= no-cache-filter= policy= print= provenance= push root= sbom= server-config=",
    ],
};

/// `docker buildx`, before its own command.
pub static BUILDX: Table = Table {
    interspersed: false,
    rows: &["builder= debug/D help/h"],
};

/// `docker buildx bake`.
pub static BAKE: Table = Table {
    interspersed: true,
    rows: &[
        "allow= builder= call= check debug/D file/f= help/h list= list-targets list-variables load metadata-file= \
         no-cache print progress= provenance= pull push sbom= set= var=",
    ],
};

/// `docker compose`, before its own command.
pub static COMPOSE: Table = Table {
    interspersed: false,
    rows: &[
        "all-resources ansi= compatibility dry-run env-file= file/f= help/h insecure-registry= no-ansi parallel= \
         profile= progress= project-directory= project-name/p= verbose version/v workdir=",
    ],
};
