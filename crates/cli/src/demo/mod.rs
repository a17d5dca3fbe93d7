//! `countersign demo`: a real image is pushed, signed and verified on a private server; then everything that content
//! trust protects against is done to it, and each refusal is shown with its reason. The same with signatures of cosign's
//! kind.
//!
//! The server, the registry client and the trust client are those of every other command. Only what lies (`lies.rs`) is made for
//! the demo: it stands between clients and server, as somebody who owns the network or the server's disk would.

mod cosign;
mod image;
mod lies;
mod people;
mod stage;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use chassis::SystemClock;
use jiff::{SignedDuration, Timestamp};
use oci::{Reference, Repository, Tag};
use thiserror::Error;
use tokio::sync::oneshot;
use trust::{RemoteError, TrustError};
use tuf::{Refusal, Role};

use self::cosign::{Annotations, Pen, copy_signatures};
use self::lies::Lies;
use self::people::{NotVerified, Person};
use self::stage::Stage;
use crate::failure::Failure;
use crate::personas::native::error::Error;
use crate::process::Process;
use crate::services::{DataFolder, DataFolderError, Services, ServicesError};

/// The released tags of a repository, which signers sign.
const RELEASES: &str = "targets/releases";

/// How much later the frozen metadata is looked at: timestamps live for two weeks.
const LATER: SignedDuration = SignedDuration::from_hours(24 * 21);

/// Why the demo could not show what it is for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The server's data folder.
    #[error("the data folder")]
    Data(#[from] DataFolderError),
    /// A person's files.
    #[error("the temporary folder")]
    Folder(#[from] std::io::Error),
    /// The HTTP client.
    #[error("the HTTP client")]
    Http(#[from] net::Error),
    /// A key.
    #[error("a key")]
    Keys(#[from] keystore::Error),
    /// The registry did not take or give what it must.
    #[error("the registry")]
    Registry(#[from] registry::Error),
    /// The server.
    #[error("the server")]
    Services(#[from] ServicesError),
    /// The trust server did not take or give what it must.
    #[error("content trust")]
    Trust(#[from] TrustError),
    /// A key or a signature could not be made.
    #[error(transparent)]
    Provider(#[from] pki::signing::ProviderError),
    /// A signature of cosign's kind could not be made.
    #[error("cosign's signatures")]
    Sign(#[from] signing::sign::SignError),
    /// The image, or what is attached to it, cannot be had.
    #[error("the image")]
    Place(#[from] signing::PlaceError),
    /// Metadata could not be edited.
    #[error(transparent)]
    Edit(#[from] tuf::edit::EditError),
}

/// Runs the demo in a temporary folder of its own.
///
/// # Errors
/// [`Error::Demo`] if it could not be prepared, [`Error::DemoFailed`] if an expectation did not hold.
pub async fn run(process: &Process) -> Result<(), Failure> {
    let mut stage = Stage::open(process)?;
    play(&mut stage).await.map_err(Error::Demo)?;
    match stage.close()? {
        0 => Ok(()),
        failed => Err(Error::DemoFailed { failed }.into()),
    }
}

async fn play(stage: &mut Stage<'_>) -> Result<(), DemoError> {
    let folder = tempfile::Builder::new()
        .prefix("countersign-demo-")
        .tempdir()?;
    let now = stage.now();
    let data = DataFolder::open(&folder.path().join("server"), &[], now)?;
    let authority = data.authority_pem();
    let lies = Lies::default();
    let between = lies.clone();
    let services = Services::open(data, Arc::new(SystemClock))
        .await?
        .behind(|origin| between.before(origin));
    let listener = services
        .listen(&[SocketAddr::from((Ipv4Addr::LOCALHOST, 0))])
        .await?;
    let port = listener.addresses().first().map_or(0, SocketAddr::port);
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(services.run(listener, async {
        // Either way it is time to end.
        let _told = stopped.await;
    }));
    let host = format!("localhost:{port}");
    let person = |name: &'static str| Person::new(name, folder.path(), &host, &authority);
    let scene = Scene {
        owner: person("owner")?,
        alice: person("alice")?,
        user: person("user")?,
        stranger: person("stranger")?,
        name: Repository::new(
            &host,
            oci::RepositoryName::parse("hello").expect("a constant"),
        )
        .expect("a loopback host"),
        lies,
        now,
    };
    stage.note(&format!(
        "A private registry and trust server: https://{host}"
    ));
    stage.note("With its own certificate authority and keys, in a temporary folder.");
    let outcome = scene.play(stage).await;
    drop(stop);
    // The server ends by itself; what it was asked is over.
    let _ended = server.await;
    outcome
}

/// Everybody, and the repository that it is about.
struct Scene {
    owner: Person,
    alice: Person,
    user: Person,
    stranger: Person,
    name: Repository,
    lies: Lies,
    now: Timestamp,
}

impl Scene {
    async fn play(&self, stage: &mut Stage<'_>) -> Result<(), DemoError> {
        self.sign(stage).await?;
        self.moved_tag(stage).await?;
        self.strangers_key(stage).await?;
        self.replay(stage).await?;
        self.freeze(stage).await?;
        self.cosign(stage).await
    }

    fn image(&self, tag: &str) -> Reference {
        Reference::new(
            self.name.clone(),
            Some(Tag::parse(tag).expect("a constant")),
            None,
        )
    }

    async fn sign(&self, stage: &mut Stage<'_>) -> Result<(), DemoError> {
        let one = self.image("1");
        stage.heading("Push, sign, verify");
        let pushed = image::push(&self.alice.registry, &one, "Hello, signed world.\n").await?;
        stage.did(
            &format!("alice pushes {}", one.familiar()),
            &pushed.to_string(),
        );

        stage.refused(
            "the user verifies it before anybody has signed",
            self.user.verify(&one, self.now).await,
            |refused| {
                matches!(
                    refused,
                    NotVerified::Trust(TrustError::NotInitialised { .. })
                )
            },
        );
        let key = self.alice.make_key("alice")?;
        let made = self
            .owner
            .add_signer(&self.name, "alice", &key, self.now)
            .await?;
        stage.did(
            "the owner initialises the repository, with alice as signer",
            &format!(
                "root key {}, repository key {}",
                made.root_key.short(),
                made.repository_key.short()
            ),
        );
        self.alice.sign(&one, self.now).await?;
        stage.did(
            &format!("alice signs {}", one.familiar()),
            &format!("with her key {}", key.canonical_id().short()),
        );
        stage.accepted(
            "the user verifies it, having seen nothing before",
            self.user.verify(&one, self.now).await,
        );
        Ok(())
    }

    async fn moved_tag(&self, stage: &mut Stage<'_>) -> Result<(), DemoError> {
        let one = self.image("1");
        stage.heading("Somebody with push rights moves the tag to another image");
        let signed = self.user.registry.resolve(&one).await?.manifest_digest();
        let other = image::push(&self.stranger.registry, &one, "Hello, mined world.\n").await?;
        stage.did(
            &format!("the stranger pushes another {}", one.familiar()),
            &other.to_string(),
        );
        stage.refused(
            "the user verifies the tag",
            self.user.verify(&one, self.now).await,
            |refused| matches!(refused, NotVerified::TagMoved { found, .. } if *found == other),
        );
        image::push(&self.alice.registry, &one, "Hello, signed world.\n").await?;
        stage.accepted_as(
            "alice pushes hers again, and the user verifies",
            self.user.verify(&one, self.now).await,
            signed,
        );
        Ok(())
    }

    async fn strangers_key(&self, stage: &mut Stage<'_>) -> Result<(), DemoError> {
        stage.heading("A stranger signs another image for the tag");
        let one = self.image("1");
        self.stranger.make_key("stranger")?;
        let attempt = match self.stranger.sign(&one, self.now).await {
            Err(DemoError::Trust(error)) => Err(NotVerified::Trust(error)),
            other => Ok(other.map(|()| None)?),
        };
        stage.refused(
            "the stranger signs with a key of their own",
            attempt,
            |refused| {
                matches!(
                    refused,
                    NotVerified::Trust(TrustError::NoDelegationKeys { .. })
                )
            },
        );
        let role = Role::parse(RELEASES).expect("a constant");
        let forged = self
            .stranger
            .forge(&self.name, &role, "1", self.now)
            .await?;
        let upload = self.stranger.upload(&self.name, &role, &forged).await;
        stage.refused(
            "they upload the forged signature all the same",
            upload.map(|()| None),
            |refused| matches!(refused, NotVerified::Remote(RemoteError::Refused { .. })),
        );
        self.lies.tell(RELEASES, forged);
        let newcomer = self.user.newcomer()?;
        stage.refused(
            "a server that takes it serves it to a new user",
            newcomer.verify(&one, self.now).await,
            |refused| {
                matches!(
                    refused.refusal(),
                    Some(Refusal::HashMismatch { .. } | Refusal::LengthMismatch { .. })
                )
            },
        );
        self.lies.stop();
        Ok(())
    }

    async fn replay(&self, stage: &mut Stage<'_>) -> Result<(), DemoError> {
        stage.heading("The server replays old metadata, from before a signature was taken back");
        let two = self.image("2");
        image::push(&self.alice.registry, &two, "Hello again.\n").await?;
        self.alice.sign(&two, self.now).await?;
        stage.accepted(
            "alice signs a second tag, and the user verifies it",
            self.user.verify(&two, self.now).await,
        );
        let old = self.user.cached(&self.name, &Role::Timestamp)?;
        self.alice.revoke(&two, self.now).await?;
        stage.refused(
            "alice takes it back, and the user verifies",
            self.user.verify(&two, self.now).await,
            |refused| matches!(refused, NotVerified::Trust(TrustError::NotSigned { .. })),
        );
        self.lies.tell("timestamp", old);
        stage.refused(
            "the server answers as before",
            self.user.verify(&two, self.now).await,
            |refused| matches!(refused.refusal(), Some(Refusal::VersionRollback { .. })),
        );
        self.lies.stop();
        Ok(())
    }

    async fn freeze(&self, stage: &mut Stage<'_>) -> Result<(), DemoError> {
        stage.heading("The server keeps answering with what is true today");
        let one = self.image("1");
        stage.accepted("today it is", self.user.verify(&one, self.now).await);
        self.lies
            .tell("timestamp", self.user.cached(&self.name, &Role::Timestamp)?);
        let later = self.now + LATER;
        stage.refused(
            "three weeks later it is not",
            self.user.verify(&one, later).await,
            |refused| {
                matches!(
                    refused.refusal(),
                    Some(Refusal::Expired {
                        role: Role::Timestamp,
                        ..
                    })
                )
            },
        );
        self.lies.stop();
        Ok(())
    }

    async fn cosign(&self, stage: &mut Stage<'_>) -> Result<(), DemoError> {
        stage.heading("The same registry, with signatures as cosign makes them");
        let (one, two) = (self.image("1"), self.image("mined"));
        let (alice, scanner) = (Pen::new("alice")?, Pen::new("the scanner")?);
        let production: Annotations = [("for".to_owned(), "production".to_owned())].into();
        let anything = Annotations::new();
        alice.sign(&self.alice, &one, &production, self.now).await?;
        stage.did(
            &format!("alice signs {}, for production", one.familiar()),
            "with a key pair of cosign's kind; no log is named, and none is asked",
        );
        stage.accepted(
            "the user verifies it with her public key",
            alice.verify(&self.user, &one, &production, self.now).await,
        );
        image::push(&self.stranger.registry, &two, "Hello, mined world.\n").await?;
        copy_signatures(&self.stranger, &one, &two).await?;
        stage.refused(
            "the stranger copies her signature to another image",
            alice.verify(&self.user, &two, &anything, self.now).await,
            |refused| refused.code() == Some("other-image"),
        );
        let tests: Annotations = [("for".to_owned(), "tests".to_owned())].into();
        stage.refused(
            "what she signed for production is demanded for tests",
            alice.verify(&self.user, &one, &tests, self.now).await,
            |refused| refused.code() == Some("annotation-differs"),
        );
        let three = self.image("scanned");
        image::push(&self.alice.registry, &three, "Hello, holed world.\n").await?;
        scanner
            .attest(&self.owner, &three, r#"{"verdict": "failed"}"#, self.now)
            .await?;
        stage.refused(
            "another image has nothing but the scanner's report: it failed",
            scanner
                .verify(&self.user, &three, &anything, self.now)
                .await,
            |refused| refused.code() == Some("no-signature"),
        );
        Ok(())
    }
}
