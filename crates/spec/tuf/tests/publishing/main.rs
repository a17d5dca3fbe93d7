//! The editor, and the server's rules, against each other and against what `notary` made.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "../common/mod.rs"]
mod common;
mod editing;
mod uploads;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use common::forge::{Files, Key};
use common::now;
use jiff::Timestamp;
use pki::key::TufKeyId;
use tuf::edit::{
    EditError, Editor, InitialKeys, Lifetimes, Publication, SigningJob, SnapshotHolder,
};
use tuf::metadata::{FileMeta, Signature};
use tuf::pins::Pins;
use tuf::server::{RenewRefusal, Signer, Stored, UploadRefusal, check_upload, renew};
use tuf::trusted::{Need, RootWanted, TargetsTrusted, Update};
use tuf::{DelegationName, Refusal, Role};

/// Private keys at hand.
#[derive(Clone, Default)]
struct Ring(Vec<Rc<Key>>);

impl Ring {
    fn of(keys: &[&Rc<Key>]) -> Self {
        Self(keys.iter().map(|key| (*key).clone()).collect())
    }

    fn sign(&self, job: &SigningJob) -> Vec<Signature> {
        self.0
            .iter()
            .flat_map(|key| job.sign_with(&key.secret).unwrap())
            .collect()
    }

    fn publish(
        &self,
        editor: Editor,
        holder: SnapshotHolder,
        now: Timestamp,
    ) -> Result<Publication, EditError> {
        let signing = editor.sign(holder, &Lifetimes::default(), now)?;
        let signatures = signing
            .jobs()
            .iter()
            .map(|job| (job.role().clone(), self.sign(job)))
            .collect();
        let snapshot = signing.finish(&signatures)?;
        let signatures = snapshot.job().map(|job| self.sign(job)).unwrap_or_default();
        snapshot.finish(&signatures)
    }
}

/// A trust server with its keys and everything it ever stored.
struct Server {
    ring: Ring,
    all: Vec<(Role, u64, Vec<u8>)>,
}

impl Server {
    fn new(keys: &[&Rc<Key>]) -> Self {
        Self {
            ring: Ring::of(keys),
            all: Vec::new(),
        }
    }

    fn held(&self) -> BTreeSet<TufKeyId> {
        self.ring.0.iter().map(|key| key.public.tuf_id()).collect()
    }

    fn newest(&self, role: &Role) -> Option<Vec<u8>> {
        self.all
            .iter()
            .filter(|(r, _, _)| r == role)
            .max_by_key(|(_, v, _)| *v)
            .map(|(_, _, bytes)| bytes.clone())
    }

    fn stored(&self) -> Stored {
        let targets = self.all.iter().filter(|(role, _, _)| role.holds_targets());
        let mut newest = BTreeMap::new();
        for (role, version, _) in &self.all {
            let entry = newest.entry(role.clone()).or_insert(*version);
            *entry = (*entry).max(*version);
        }
        Stored {
            root: self.newest(&Role::Root),
            targets: targets
                .map(|(role, _, _)| (role.clone(), self.newest(role).unwrap()))
                .collect(),
            snapshot: self.newest(&Role::Snapshot),
            timestamp: self.newest(&Role::Timestamp),
            newest,
        }
    }

    fn upload(
        &mut self,
        parts: &BTreeMap<Role, Vec<u8>>,
        now: Timestamp,
    ) -> Result<(), UploadRefusal> {
        let (held, lifetimes) = (self.held(), Lifetimes::default());
        let signer = Signer {
            held: &held,
            lifetimes: &lifetimes,
        };
        let pending = check_upload(&Files::gun(), &self.stored(), parts, &signer, now)?;
        self.store(pending);
        Ok(())
    }

    fn renew(&mut self, now: Timestamp) -> Result<bool, RenewRefusal> {
        let (held, lifetimes) = (self.held(), Lifetimes::default());
        let signer = Signer {
            held: &held,
            lifetimes: &lifetimes,
        };
        let Some(pending) = renew(&Files::gun(), &self.stored(), &signer, now)? else {
            return Ok(false);
        };
        self.store(pending);
        Ok(true)
    }

    fn store(&mut self, pending: tuf::server::PendingUpdate) {
        let signatures = pending
            .snapshot_job()
            .map(|job| self.ring.sign(job))
            .unwrap_or_default();
        let timestamp = pending.finish_snapshot(&signatures).unwrap();
        let signatures = self.ring.sign(timestamp.job());
        for file in timestamp.finish(&signatures).unwrap().into_files() {
            self.all.push((file.role, file.version, file.bytes));
        }
    }

    fn publish(&mut self, publication: Publication) -> Result<(), UploadRefusal> {
        self.upload(&parts(publication), now())
    }

    fn read(&self, now: Timestamp) -> Result<TargetsTrusted, Refusal> {
        let mut update = Update::start(&Files::gun(), Pins::none(), None, now)?;
        while let Some(need) = update.need() {
            let bytes = match &need {
                Need::Root(RootWanted::Version(n)) => self
                    .all
                    .iter()
                    .find(|(r, v, _)| *r == Role::Root && v == n)
                    .unwrap()
                    .2
                    .clone(),
                Need::File(wanted) => {
                    let found = self.all.iter().find(|(_, _, bytes)| wanted.is(bytes));
                    found.unwrap_or_else(|| panic!("{wanted:?}")).2.clone()
                }
                need => self.newest(&need.role()).unwrap(),
            };
            update.feed(&bytes)?;
        }
        Ok(update.finish().unwrap())
    }

    fn editor(&self) -> Editor {
        Editor::from_trusted(&self.read(now()).unwrap())
    }
}

fn parts(publication: Publication) -> BTreeMap<Role, Vec<u8>> {
    publication
        .into_files()
        .into_iter()
        .map(|file| (file.role, file.bytes))
        .collect()
}

fn meta(content: &str) -> FileMeta {
    FileMeta::of(content.as_bytes())
}

fn role(name: &str) -> Role {
    Role::parse(name).unwrap()
}

fn delegation(name: &str) -> DelegationName {
    DelegationName::parse(name).unwrap()
}

struct Repo {
    root: Rc<Key>,
    targets: Rc<Key>,
    snapshot: Rc<Key>,
    server: Server,
}

impl Repo {
    /// Published with one target `v1`; the server holds the snapshot key if `holder` says so.
    fn new(holder: SnapshotHolder) -> Self {
        let (root, targets, snapshot, timestamp) =
            (Key::root(), Key::new(), Key::new(), Key::new());
        let keys = InitialKeys {
            root: vec![root.public.clone()],
            targets: vec![targets.public.clone()],
            snapshot: vec![snapshot.public.clone()],
            timestamp: vec![timestamp.public.clone()],
        };
        let mut editor = Editor::first_publication(&Files::gun(), keys).unwrap();
        assert_eq!(
            editor.add_target(&Role::Targets, "v1", meta("v1")),
            Ok(true)
        );
        let mut server = match holder {
            SnapshotHolder::Server => Server::new(&[&timestamp, &snapshot]),
            SnapshotHolder::Publisher => Server::new(&[&timestamp]),
        };
        let ring = Ring::of(&[&root, &targets, &snapshot]);
        server
            .publish(ring.publish(editor, holder, now()).unwrap())
            .unwrap();
        Self {
            root,
            targets,
            snapshot,
            server,
        }
    }

    fn ring(&self) -> Ring {
        Ring::of(&[&self.root, &self.targets, &self.snapshot])
    }

    fn publish(&mut self, editor: Editor) -> Result<(), UploadRefusal> {
        let publication = self
            .ring()
            .publish(editor, SnapshotHolder::Server, now())
            .unwrap();
        self.server.publish(publication)
    }

    fn names(&self) -> Vec<String> {
        let trusted = self.server.read(now()).unwrap();
        trusted
            .list(&[])
            .iter()
            .map(|t| format!("{}@{}", t.name(), t.role()))
            .collect()
    }
}
