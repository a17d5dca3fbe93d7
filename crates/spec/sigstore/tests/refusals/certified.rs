//! Certificates that another authority's could not be told from, but for the one thing that is wrong with them.

use der::Encode as _;
use der::asn1::OctetStringRef;
use pki::digest::Sha256;
use rcgen::{CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, OtherNameValue, SanType};
use sigstore::bundle::{Content, SignerMaterial};
use sigstore::chain::{Authority, ChainError, VerifiedChain, Window};
use sigstore::entry::{EntryBody, EntrySignature, EntryVerifier};
use sigstore::fulcio::{CertificateError, SigningCertificate, SubjectAltIdentity};
use sigstore::identity::IdentityPolicy;
use sigstore::trust::TransparencyLog;
use sigstore::verify::{LogError, Refusal, Rule, SctRefusal};
use tlog::log_id::LogId;
use tlog::precert::{PrecertEntry, PrecertError};
use tlog::sct::{Sct, SctEntry, SctError};
use tlog::set::IntegratedTimeError;

use crate::authority::{Pair, Root, code_signing, issue_by_leaf};
use crate::common::{WAIVED, bundle};
use crate::{REKOR1, Scene, at};

const SCT_LIST: &[u64] = &[1, 3, 6, 1, 4, 1, 11129, 2, 4, 2];
/// 2026-11-20T22:22:58Z
const ISSUED: u64 = 1_795_213_378_000;

/// Everything that makes a signature good, without a log's entry: it is judged now.
struct World {
    root: Root,
    ct_log: Pair,
    signer: Pair,
}

impl World {
    fn new() -> Self {
        Self {
            root: Root::new(),
            ct_log: Pair::new(),
            signer: Pair::new(),
        }
    }

    /// A good signature by the holder of this certificate.
    fn scene(&self, leaf: &[u8]) -> Scene {
        let mut scene = Scene::new(REKOR1);
        let Content::Message(message) = &mut scene.bundle.content else {
            panic!("a blob's signature");
        };
        message.signature = self.signer.sign(&scene.blob);
        scene.bundle.signer = certified(leaf, Vec::new());
        scene.bundle.log_entries.clear();
        scene.log = WAIVED;
        scene.identities = vec![IdentityPolicy::dangerous_any_identity()];
        let root = vec![self.root.certificate.clone()];
        scene.trust.certificate_authorities =
            vec![Authority::new(String::new(), root, Window::default()).unwrap()];
        let ct_log = self.ct_log.public();
        scene.trust.ct_logs = vec![TransparencyLog::of_key(
            String::new(),
            ct_log,
            Window::default(),
        )];
        scene
    }

    /// The same, of whom no promise of a CT log is demanded.
    fn unlisted(&self, params: &CertificateParams) -> Scene {
        let mut scene = self.scene(&self.root.issue(&self.signer, params));
        scene.sct = Rule::Waived(sigstore::verify::Because::FlagInsecureIgnoreSct);
        scene
    }

    /// A certificate with an extension for the promises of CT logs, whatever is in it.
    fn with_extension(&self, value: Vec<u8>) -> Vec<u8> {
        let extension = CustomExtension::from_oid_content(SCT_LIST, value);
        self.root
            .issue(&self.signer, &code_signing(vec![extension]))
    }

    fn with_list(&self, list: &[u8]) -> Vec<u8> {
        let octets = OctetStringRef::new(list).unwrap();
        self.with_extension(octets.to_der().unwrap())
    }

    /// A log's promise for the certificate of [`Self::with_list`].
    fn promise(&self, log: &Pair, milliseconds: u64) -> Sct {
        let certificate = self.with_list(&[0; 300]);
        let entry = PrecertEntry::of_certificate(&certificate, &self.root.certificate).unwrap();
        let mut sct = Sct {
            log_id: LogId::of(&log.public()),
            milliseconds,
            extensions: Vec::new(),
            hash: 4,
            algorithm: 3,
            signature: Vec::new(),
        };
        sct.signature = log.sign(&sct.signed_data(SctEntry::Precertificate(&entry)).unwrap());
        sct
    }

    fn with_promises(&self, promises: &[Sct]) -> Scene {
        self.scene(&self.with_list(&Sct::write_list(promises).unwrap()))
    }
}

fn certified(leaf: &[u8], intermediates: Vec<Vec<u8>>) -> SignerMaterial {
    SignerMaterial::Certificate {
        leaf: Box::new(SigningCertificate::from_der(leaf).unwrap()),
        intermediates,
    }
}

fn sct_refusal(scene: &Scene) -> SctRefusal {
    match scene.refusal() {
        Refusal::Sct(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn promises_of_ct_logs() {
    let world = World::new();
    let stranger = Pair::new();
    let good = world.promise(&world.ct_log, ISSUED);
    let foreign = world.promise(&stranger, ISSUED);
    // The log promised another certificate, whose time differs.
    let mut false_one = good.clone();
    false_one.milliseconds += 1;
    let log_id = LogId::of(&stranger.public());

    for accepted in [
        &[good.clone()][..],
        &[foreign.clone(), good.clone()],
        &[good.clone(), foreign.clone()],
    ] {
        let result = world.with_promises(accepted).verdict().result;
        assert!(result.is_ok(), "{result:?}");
    }
    assert_eq!(
        sct_refusal(&world.with_promises(&[foreign])),
        SctRefusal::Sct(SctError::UnknownLog { log_id })
    );
    // Not even beside a good one.
    for refused in [&[false_one.clone()][..], &[good, false_one]] {
        assert!(matches!(
            sct_refusal(&world.with_promises(refused)),
            SctRefusal::Sct(SctError::Signature { .. })
        ));
    }
    let milliseconds = u64::MAX;
    let timeless = world.promise(&world.ct_log, milliseconds);
    assert_eq!(
        sct_refusal(&world.with_promises(&[timeless])),
        SctRefusal::Sct(SctError::Time { milliseconds })
    );
}

#[test]
fn certificates_without_a_promise() {
    let world = World::new();
    let bare = world.root.issue(&world.signer, &code_signing(Vec::new()));
    assert_eq!(sct_refusal(&world.scene(&bare)), SctRefusal::Absent);
    let no_octets = world.with_extension(vec![5, 0]);
    assert_eq!(
        sct_refusal(&world.scene(&no_octets)),
        SctRefusal::Precertificate(PrecertError::Malformed)
    );
    let empty = world.with_extension(vec![4, 2, 0, 0]);
    assert_eq!(
        sct_refusal(&world.scene(&empty)),
        SctRefusal::Sct(SctError::ListLength { found: 0 })
    );
}

#[test]
fn certificates_that_are_not_valid_now() {
    let world = World::new();
    let mut scene = world.unlisted(&code_signing(Vec::new()));
    assert!(scene.verdict().result.is_ok());
    let (begins, ended) = (at("2026-11-20T00:00:00Z"), at("2026-11-22T00:00:00Z"));
    scene.now = at("2026-11-19T23:59:59Z");
    assert_eq!(
        scene.refusal(),
        Refusal::Chain(ChainError::NotYetValid {
            at: scene.now,
            begins
        })
    );
    scene.now = at("2026-11-22T00:00:01Z");
    assert_eq!(
        scene.refusal(),
        Refusal::Chain(ChainError::Expired {
            at: scene.now,
            ended
        })
    );
}

#[test]
fn a_path_holds_at_every_time_and_under_a_root_that_is_valid() {
    let world = World::new();
    let mut params = code_signing(Vec::new());
    params.not_after = rcgen::date_time_ymd(2027, 1, 1);
    let leaf = world.root.issue(&world.signer, &params);
    let leaf = SigningCertificate::from_der(&leaf).unwrap();
    let authority = Authority::new(
        String::new(),
        vec![world.root.certificate.clone()],
        Window::default(),
    );
    let authorities = [authority.unwrap()];
    let judge = |times: &[jiff::Timestamp]| {
        VerifiedChain::verify(&leaf, &[], &authorities, times).map(drop)
    };
    let good = at("2026-11-21T00:00:00Z");
    assert_eq!(judge(&[good]), Ok(()));
    assert_eq!(judge(&[]), Err(ChainError::NoTime));
    let early = at("2026-11-19T00:00:00Z");
    for times in [[good, early], [early, good]] {
        assert!(matches!(
            judge(&times),
            Err(ChainError::NotYetValid { at, .. }) if at == early
        ));
    }
    // The root has ended, the certificate has not.
    let late = at("2026-12-02T00:00:00Z");
    assert_eq!(
        judge(&[late]),
        Err(ChainError::Path {
            at: late,
            reason: webpki::Error::UnknownIssuer
        })
    );
}

/// Names of kinds that say nothing are none, and there is one list of names.
#[test]
fn names_in_certificates() {
    const USERNAME: &[u64] = &[1, 3, 6, 1, 4, 1, 57264, 1, 7];
    const UPN: &[u64] = &[1, 3, 6, 1, 4, 1, 311, 20, 2, 3];
    let world = World::new();
    let other = |kind: &[u64]| {
        let name = OtherNameValue::Utf8String("alice!golden.test".to_owned());
        SanType::OtherName((kind.to_vec(), name))
    };
    let mut params = code_signing(Vec::new());
    params.subject_alt_names = vec![other(UPN), other(USERNAME)];
    let certificate = world.root.issue(&world.signer, &params);
    assert_eq!(
        SigningCertificate::from_der(&certificate).unwrap().names(),
        [SubjectAltIdentity::Other("alice!golden.test".to_owned())]
    );
    // [2] is a DNS name.
    let again = vec![0x30, 3, 0x82, 1, b'a'];
    params.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 17], again)];
    let certificate = world.root.issue(&world.signer, &params);
    assert!(matches!(
        SigningCertificate::from_der(&certificate),
        Err(CertificateError::Repeated { .. })
    ));
}

/// That the authority issued a certificate is not enough: for what, and to whom, it did.
#[test]
fn certificates_that_were_not_issued_for_signing() {
    let reason = |scene: &Scene| match scene.refusal() {
        Refusal::Chain(ChainError::Path { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    let world = World::new();
    let mut server = code_signing(Vec::new());
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    assert!(matches!(
        reason(&world.unlisted(&server)),
        webpki::Error::RequiredEkuNotFoundContext(_)
    ));

    // Somebody with a certificate makes one for somebody else, and sends both.
    let leaf = code_signing(Vec::new());
    let holder = Pair::new();
    let certificate = world.root.issue(&holder, &leaf);
    let mut scene = world.unlisted(&leaf);
    let made = issue_by_leaf(&leaf, holder, &world.signer, &leaf);
    scene.bundle.signer = certified(&made, vec![certificate]);
    assert_eq!(reason(&scene), webpki::Error::EndEntityUsedAsCa);
}

/// The log's entry holds, and is about the signature, but was not made while the certificate was valid, or is about
/// another one.
#[test]
fn certificates_that_the_entry_does_not_fit() {
    let world = World::new();
    let entry = bundle(REKOR1).log_entries.remove(0);
    let logged = |scene: &mut Scene, verifier: EntryVerifier| {
        let signature = scene.bundle.content.signature().to_vec();
        let digest = Sha256::of(&scene.blob).as_bytes().to_vec();
        let mut entry = entry.clone();
        entry.body = EntryBody::HashedRekordV1 {
            digest: sigstore::bundle::MessageDigest::new(
                pki::signature::HashAlgorithm::Sha256,
                digest,
            )
            .unwrap(),
            signature: EntrySignature {
                signature,
                verifier,
            },
        };
        scene.bundle.log_entries = vec![entry];
        scene.log = Rule::Required;
    };
    let valid = |from: u8, to: u8| {
        let mut params = code_signing(Vec::new());
        params.not_before = rcgen::date_time_ymd(2026, 11, from);
        params.not_after = rcgen::date_time_ymd(2026, 11, to);
        let mut scene = world.unlisted(&params);
        let SignerMaterial::Certificate { leaf, .. } = &scene.bundle.signer else {
            panic!("it has a certificate");
        };
        let own = EntryVerifier::Certificate(leaf.der().to_vec());
        logged(&mut scene, own);
        scene
    };
    let mut scene = valid(20, 22);
    assert!(scene.verdict().result.is_ok());
    for (scene, early) in [(valid(21, 22), true), (valid(19, 20), false)] {
        match (scene.log_error(), early) {
            (LogError::IntegratedTime(IntegratedTimeError::BeforeCertificate { .. }), true)
            | (LogError::IntegratedTime(IntegratedTimeError::AfterCertificate { .. }), false) => {}
            (other, _) => panic!("{other:?}"),
        }
    }
    let what = "certificate";
    let other = world.root.issue(&world.signer, &code_signing(Vec::new()));
    let key = world.signer.public().spki_der().to_vec();
    for verifier in [
        EntryVerifier::Certificate(other),
        EntryVerifier::PublicKey(key),
    ] {
        logged(&mut scene, verifier);
        assert_eq!(scene.log_error(), LogError::OtherThan { what });
    }
}
