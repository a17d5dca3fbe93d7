//! Rehearsing a signature: everything is tried, nothing is sent, no key is kept, and nobody is asked twice.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod common;

use common::{Fault, Home, Server, now, reference};
use http::Method;
use keystore::{KeyLabel, PassphraseError, Passphrases};
use oci::{Digest, MediaType, Tag};
use pki::keyfile::Passphrase;
use registry::ResolvedImage;
use trust::{FirstSigner, TrustError, Unchanged};

const NAME: &str = "registry.example.com/team/app";

/// Counts the questions.
struct Asked {
    answer: &'static str,
    existing: usize,
    new: usize,
}

impl Asked {
    fn with(answer: &'static str) -> Self {
        Self {
            answer,
            existing: 0,
            new: 0,
        }
    }
}

impl Passphrases for Asked {
    fn existing(&mut self, _: &KeyLabel, attempt: u32) -> Result<Passphrase, PassphraseError> {
        self.existing += 1;
        match attempt {
            0 => Ok(Passphrase::from(self.answer.to_owned())),
            attempts => Err(PassphraseError::GaveUp { attempts }),
        }
    }

    fn new_passphrase(&mut self, _: &KeyLabel) -> Result<Passphrase, PassphraseError> {
        self.new += 1;
        Ok(Passphrase::from(self.answer.to_owned()))
    }
}

fn tags() -> [Tag; 2] {
    ["1", "2"].map(|text| Tag::parse(text).unwrap())
}

fn images(repository: &trust::Repository<'_>) -> Vec<(Tag, ResolvedImage)> {
    let name = reference(repository.gun().as_str()).repository().clone();
    let image = |tag: &Tag| {
        let digest = Digest::sha256(tag.as_str().as_bytes());
        ResolvedImage::assertion(name.clone(), digest, 523, MediaType::DOCKER_MANIFEST)
    };
    tags().iter().map(|tag| (tag.clone(), image(tag))).collect()
}

/// The key files.
fn keys(home: &Home) -> Vec<String> {
    let files = home.files().into_keys();
    files.filter(|name| name.ends_with(".key")).collect()
}

/// Updates sent since the last look.
fn posts(server: &Server) -> usize {
    let requests = server.requests();
    requests
        .iter()
        .filter(|line| line.starts_with("POST"))
        .count()
}

#[tokio::test]
async fn a_first_signature_is_rehearsed_and_its_keys_are_used() {
    let server = Server::start().await;
    let home = Home::new(&server);
    let repository = home.repository(NAME);
    let mut asked = Asked::with("passphrase123");
    let mut observer = ();
    let mut session = home.client.session(&mut asked, &mut observer, now());
    let outlook = repository
        .rehearse_signing(&tags(), FirstSigner::None, &mut session)
        .await
        .unwrap();
    assert!(outlook.initialises);
    assert_eq!(outlook.roles, [tuf::Role::Targets]);
    assert_eq!(posts(&server), 0);
    assert_eq!(keys(&home), [""; 0]);

    let published = repository
        .sign_from(
            &images(&repository),
            Unchanged::Resign,
            FirstSigner::None,
            &mut session,
        )
        .await
        .unwrap();
    assert_eq!(published.initialised.unwrap().signer, None);
    assert_eq!(published.outcome.roles, [tuf::Role::Targets]);
    drop(session);
    assert_eq!((asked.new, asked.existing), (2, 0), "root and repository");
    assert_eq!(keys(&home).len(), 2);
    assert_eq!(posts(&server), 1);
}

#[tokio::test]
async fn what_would_fail_fails_in_the_rehearsal() {
    let server = Server::start().await;
    let home = Home::new(&server);
    let repository = home.repository(NAME);
    let mut observer = ();
    let mut asked = Asked::with("passphrase123");
    let mut session = home.client.session(&mut asked, &mut observer, now());
    let images = images(&repository);
    let first = FirstSigner::None;
    repository
        .sign_from(&images, Unchanged::Resign, first, &mut session)
        .await
        .unwrap();
    drop(session);
    let kept = keys(&home);
    assert_eq!(posts(&server), 1);

    // The right passphrase is asked for once in the whole session.
    let mut asked = Asked::with("passphrase123");
    let mut session = home.client.session(&mut asked, &mut observer, now());
    for _ in 0..2 {
        let outlook = repository
            .rehearse_signing(&tags(), first, &mut session)
            .await
            .unwrap();
        assert!(!outlook.initialises);
    }
    drop(session);
    assert_eq!((asked.new, asked.existing), (0, 1));

    let mut wrong = Asked::with("not this one");
    let mut session = home.client.session(&mut wrong, &mut observer, now());
    let refused = repository
        .rehearse_signing(&tags(), first, &mut session)
        .await;
    assert!(matches!(refused, Err(TrustError::Keys(_))), "{refused:?}");
    drop(session);

    // Who may read and not publish is refused the server's key.
    server.fault(Method::GET, "timestamp.key", Fault::Status(403, ""), 1);
    let mut asked = Asked::with("passphrase123");
    let mut session = home.client.session(&mut asked, &mut observer, now());
    let refused = repository
        .rehearse_signing(&tags(), first, &mut session)
        .await;
    let refused = refused.unwrap_err();
    let forbidden = matches!(refused.remote(), Some(trust::RemoteError::Forbidden { .. }));
    assert!(forbidden, "{refused:?}");
    drop(session);
    assert_eq!(asked.existing, 0, "nobody is asked before");
    assert_eq!((keys(&home), posts(&server)), (kept, 0));
}
