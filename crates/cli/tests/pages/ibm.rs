//! IBM's page.

use std::fs;

use bytes::Bytes;
use testkit::{DockerCli, Fault, NotaryCli, Output, Proxy, TestCa};

use crate::page::Page;
use crate::site::{Behind, Person, Site};

#[test]
fn dockerd_ibm_with_20_10() {
    ibm(Behind::V20);
}

#[test]
fn dockerd_ibm_with_28() {
    ibm(Behind::V28);
}

#[test]
fn dockerd_ibm_with_28_5_and_containerd() {
    ibm(Behind::Containerd28);
}

#[test]
fn dockerd_ibm_with_a_stand_in_for_29() {
    ibm(Behind::StandIn29);
}

/// The page, read for one tag of the repository.
struct Reader<'s> {
    site: &'s Site,
    /// Between everybody and the trust server.
    front: Proxy,
    ca: TestCa,
}

fn ibm(behind: Behind) {
    let Some(site) = Site::start(behind) else {
        return;
    };
    let ca = TestCa::new();
    let front = Proxy::to(&site.server.url())
        .trust(&site.server.ca_file())
        .start_https(&ca);
    let site = Reader {
        site: &site,
        front,
        ca,
    };
    let owner = site.person();
    let consumer = site.person();
    first_push(&site, &owner);
    trust_on_first_use(&site, &consumer);
    view_and_back_up(&site, &owner);
    signers(&site, &owner, &consumer);
    revoke(&site, &owner, &consumer);
    taken_over(&site, &consumer);
}

impl Reader<'_> {
    fn page(&self, tag: &str) -> Page {
        self.page_of(tag, "amy")
    }

    /// The same for another signer.
    fn page_of(&self, tag: &str, signer: &str) -> Page {
        let values = [
            ("name", signer.to_owned()),
            ("registry", self.site.server.host()),
            ("trust-server", self.front.url()),
            ("tag", tag.to_owned()),
        ];
        Page::read(
            "ibm-registry",
            &values
                .each_ref()
                .map(|(name, value)| (*name, value.as_str())),
        )
    }

    fn image(&self, tag: &str) -> String {
        self.site.name(&format!("ns/repo:{tag}"))
    }

    /// Somebody with content trust on, and passphrases in the environment.
    fn person(&self) -> Person {
        let person = self.site.person();
        let host = self.front.address().to_string();
        person.stock.add_ca(&host, &self.ca.file());
        person.follows(self.page("1").step("set up"));
        person.types(&format!(
            "export DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE={} DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE={}",
            DockerCli::ROOT_PASSPHRASE,
            DockerCli::REPOSITORY_PASSPHRASE,
        ));
        person
    }

    /// What stock docker sees of a tag.
    #[track_caller]
    fn judged(&self, tag: &str) -> Output {
        let image = self.image(tag);
        self.site.judged(&self.front.url(), &self.ca.file(), &image)
    }

    /// A pull that must be refused, and leave nothing.
    #[track_caller]
    fn refused_pull(&self, person: &Person, tag: &str) -> Output {
        let image = self.image(tag);
        if person.image(&image).is_some() {
            person.forget(&[&image]);
        }
        let refused = person.tries(self.page(tag).step("pull")).failure();
        assert_eq!(person.image(&image), None, "nothing is pulled");
        refused
    }
}

/// The first push makes the keys and signs.
fn first_push(site: &Reader<'_>, owner: &Person) {
    let image = site.image("1");
    owner.stock.import(&image, "one");
    owner.follows(site.page("1").step("push"));
    assert_eq!(owner.keys().len(), 2, "a root key and a repository key");
    site.judged("1").success().says("(Repo Admin)");
    owner.forget(&[&image]);
}

/// The keys seen first are the ones that count: a server that gives something else later is refused.
fn trust_on_first_use(site: &Reader<'_>, consumer: &Person) {
    let image = site.image("1");
    consumer.follows(site.page("1").step("pull"));
    assert!(consumer.image(&image).is_some());
    let pinned = format!("tuf/{}/metadata/root.json", site.site.name("ns/repo"));
    assert!(consumer.stock.trust_dir().join(pinned).is_file());
    for (file, said) in [
        ("timestamp.json", "signature"),
        ("", "potential malicious behavior"),
    ] {
        site.front.on(
            move |_, path| path.contains("/_trust/tuf/") && path.contains(file),
            Fault::rewrite(corrupted),
        );
        site.refused_pull(consumer, "1").says(said);
        site.front.clear();
    }
    consumer.follows(site.page("1").step("pull"));
    consumer.forget(&[&image]);
}

/// The first digit of the signature is another one.
fn corrupted(body: Bytes) -> Bytes {
    let text = String::from_utf8(body.to_vec()).unwrap();
    let at = text.find("\"sig\":\"").expect("signed metadata") + "\"sig\":\"".len();
    let other = if text[at..].starts_with('A') {
        "B"
    } else {
        "A"
    };
    format!("{}{other}{}", &text[..at], &text[at + 1..]).into()
}

/// Who signed; and keys that come back from a backup sign again.
fn view_and_back_up(site: &Reader<'_>, owner: &Person) {
    let viewed = owner.follows(site.page("1").step("view"));
    assert_eq!(viewed.stdout, site.judged("1").success().stdout);
    owner.follows(site.page("1").step("back up the keys"));
    let keys = owner.keys();
    let private = owner.stock.trust_dir().join("private");
    fs::remove_dir_all(&private).unwrap();
    owner.stock.import(&site.image("2"), "two");
    owner
        .tries(site.page("2").step("push"))
        .failure()
        .says("Nothing was pushed");
    // The archive has the path without its first stroke.
    owner.types("tar -xzf private_keys_backup.tar.gz -C /");
    assert_eq!(owner.keys(), keys);
    owner.follows(site.page("2").step("push"));
    site.judged("2").success().says("(Repo Admin)");
}

/// A signer comes, signs the newest tag, and goes.
fn signers(site: &Reader<'_>, owner: &Person, consumer: &Person) {
    let three = site.page("3");
    let amy = site.person();
    amy.follows(three.step("generate a signer's key"));
    fs::copy(amy.home().join("amy.pub"), owner.home().join("amy.pub")).unwrap();
    owner.follows(three.step("add a signer"));
    amy.stock.import(&site.image("3"), "three");
    amy.follows(three.step("sign"));
    site.judged("3").success().says("amy");
    consumer.follows(three.step("pull"));
    // The page: the owner's own key signs no more.
    owner.stock.import(&site.image("4"), "four");
    owner
        .tries(site.page("4").step("push"))
        .failure()
        .says("no valid signing keys for delegation roles");

    // Nothing but her signature stands for the tags. This is said before, and no is an answer.
    let remove = three.step("remove a signer");
    let asked = "The signer \"amy\" signed the last released version of";
    owner.tries_typing(remove, "n\n").failure().says(asked);
    site.judged("3").success().says("amy");
    consumer.follows(three.step("pull"));

    // The page: who becomes a signer and signs a newer version first can let her go.
    let four = site.page_of("4", "owner");
    owner.follows(four.step("generate a signer's key"));
    owner.follows(four.step("add a signer"));
    owner.follows(four.step("sign"));
    let removed = owner.follows(remove);
    assert!(!removed.stdout.contains(asked), "{removed}");
    let viewed = owner.follows(three.step("view"));
    assert!(!viewed.stdout.contains("amy"), "{viewed}");
    for page in [&three, &four] {
        consumer.follows(page.step("pull"));
    }

    // The last one, with yes.
    owner
        .tries_typing(four.step("remove a signer"), "y\n")
        .success()
        .says("The signer \"owner\" signed the last released version of");
    for tag in ["3", "4"] {
        site.refused_pull(consumer, tag);
    }
}

/// One tag is revoked, then everything.
fn revoke(site: &Reader<'_>, owner: &Person, consumer: &Person) {
    consumer.follows(site.page("2").step("pull"));
    let one = site.page("1");
    owner.follows(one.step("revoke"));
    owner.follows(one.step("view what is revoked"));
    site.refused_pull(consumer, "1");
    let pulled = consumer.follows(one.step("pull what is not signed"));
    assert!(pulled.stdout.ends_with(&format!("\n{}\n", site.image("1"))));
    // Docker 29 would say first that it does not know the flag.
    assert!(!pulled.stdout.contains("deprecated"), "{pulled}");
    consumer.follows(site.page("2").step("pull"));
    let all = site.page("2").step("revoke everything").lines.clone();
    assert!(!all.contains(":2"), "{all}");
    owner
        .tries_typing(site.page("2").step("revoke everything"), "y\n")
        .success();
    owner.follows(site.page("2").step("view what is revoked"));
    site.refused_pull(consumer, "2");
}

/// Somebody who rules the server makes the repository anew: who pulled before is not deceived. Who never did is, as the
/// page says.
fn taken_over(site: &Reader<'_>, consumer: &Person) {
    let gun = site.site.name("ns/repo");
    NotaryCli::new(&site.site.peers, &site.front.url(), &site.ca.file())
        .run(["delete", "--remote", &gun])
        .success();
    let attacker = site.person();
    let image = site.image("2");
    attacker.stock.import(&image, "another");
    let push = site.page("2");
    attacker.follows(push.step("push"));
    site.judged("2").success().says("(Repo Admin)");
    let refused = site.refused_pull(consumer, "2");
    assert!(refused.stderr.contains("root"), "{refused}");
    let newcomer = site.person();
    newcomer.follows(push.step("pull"));
    assert!(newcomer.image(&image).is_some());
}
