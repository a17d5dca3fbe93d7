//! Root certificates that chain to an authority the user pinned (`notary:trustpinning/ca.go`).

use jiff::Timestamp;
use pki::certificate::{Certificate, CertificateBundle};
use pki::key::PublicKey;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

/// Whether the leaf of an x509 key chains, at `now`, to one of `authorities` through the key's intermediates.
///
/// The leaf must allow server authentication or have no extended key usage at all: Go's default, which Notary did not
/// change, so that a certificate for code signing alone never passes.
pub(super) fn chains_to(key: &PublicKey, authorities: &[Certificate], now: Timestamp) -> bool {
    let Ok(bundle) = CertificateBundle::parse_pem(key.public_bytes()) else {
        return false;
    };
    let Some((leaf, intermediates)) = bundle.certificates().split_first() else {
        return false;
    };
    let Ok(seconds) = u64::try_from(now.as_second()) else {
        return false;
    };
    let leaf = CertificateDer::from(leaf.der());
    let Ok(leaf) = EndEntityCert::try_from(&leaf) else {
        return false;
    };
    let intermediates: Vec<_> = intermediates
        .iter()
        .map(|ca| CertificateDer::from(ca.der()))
        .collect();
    let authorities: Vec<_> = authorities
        .iter()
        .filter(|ca| ca.check(Some(now)).is_ok())
        .map(|ca| CertificateDer::from(ca.der()))
        .collect();
    let anchors: Vec<TrustAnchor<'_>> = authorities
        .iter()
        .filter_map(|ca| anchor_from_trusted_cert(ca).ok())
        .collect();
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    let usage = KeyUsage::server_auth();
    leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &anchors,
        &intermediates,
        time,
        usage,
        None,
        None,
    )
    .is_ok()
}
