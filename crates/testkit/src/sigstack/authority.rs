//! Certificate authorities: Fulcio's and that of the timestamps.

use super::keys::{Key, key_identifier, random};
use super::{clock, der};

/// A certificate and its key.
#[derive(Debug)]
pub(super) struct Authority {
    pub(super) key: Key,
    pub(super) subject: Vec<u8>,
    pub(super) certificate: Vec<u8>,
    pub(super) serial: [u8; 16],
}

/// What a certificate of an authority may do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Role {
    Root,
    /// Issues leaves with this extended key usage.
    Issuing(&'static str),
    /// Signs timestamps.
    Stamping,
}

pub(super) const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
pub(super) const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";
pub(super) const ORGANISATION: &str = "sigstack.test";

const DAY: i64 = 24 * 60 * 60;

impl Authority {
    /// A new key and its certificate, issued by `parent` or by itself; valid from yesterday for ten years.
    pub(super) fn new(name: &str, role: Role, parent: Option<&Self>) -> Self {
        let key = Key::p256();
        let subject = distinguished_name(name);
        let serial = serial();
        let now = clock::seconds();
        let tbs = Tbs {
            serial,
            issuer: parent.map_or(&subject, |parent| &parent.subject),
            validity: (now - DAY, now + 3650 * DAY),
            subject: &subject,
            spki: &key.spki(),
        };
        let extensions = extensions(role, &key, parent);
        let signer = parent.map_or(&key, |parent| &parent.key);
        let certificate = sign(&tbs.der(&extensions), signer);
        Self {
            key,
            subject,
            certificate,
            serial,
        }
    }
}

/// A serial number: positive and of full length.
pub(super) fn serial() -> [u8; 16] {
    let mut serial = random::<16>();
    serial[0] = serial[0] & 0x7f | 0x40;
    serial
}

fn extensions(role: Role, key: &Key, parent: Option<&Authority>) -> Vec<Vec<u8>> {
    let mut extensions = Vec::new();
    let constraints = match role {
        Role::Root => Some(vec![der::boolean(true)]),
        Role::Issuing(_) => Some(vec![der::boolean(true), der::integer(&[0])]),
        Role::Stamping => None,
    };
    if let Some(constraints) = constraints {
        extensions.push(extension("2.5.29.19", true, &der::sequence(&constraints)));
        // keyCertSign, cRLSign
        extensions.push(extension("2.5.29.15", true, &[0x03, 0x02, 0x01, 0x06]));
    } else {
        extensions.push(digital_signature());
    }
    match role {
        Role::Root => {}
        Role::Issuing(usage) => extensions.push(extended_key_usage(usage, false)),
        Role::Stamping => extensions.push(extended_key_usage(TIME_STAMPING, true)),
    }
    extensions.push(subject_key_identifier(&key.spki()));
    if let Some(parent) = parent {
        extensions.push(authority_key_identifier(&parent.key.spki()));
    }
    extensions
}

/// The fields of a certificate that are not extensions.
#[derive(Debug)]
pub(super) struct Tbs<'a> {
    pub(super) serial: [u8; 16],
    pub(super) issuer: &'a [u8],
    /// In seconds since 1970.
    pub(super) validity: (i64, i64),
    pub(super) subject: &'a [u8],
    pub(super) spki: &'a [u8],
}

impl Tbs<'_> {
    pub(super) fn der(&self, extensions: &[Vec<u8>]) -> Vec<u8> {
        let (from, to) = self.validity;
        der::sequence(&[
            der::tagged(0, &der::integer(&[2])),
            der::integer(&self.serial),
            ecdsa_with_sha256(),
            self.issuer.to_vec(),
            der::sequence(&[clock::utc_time(from), clock::utc_time(to)]),
            self.subject.to_vec(),
            self.spki.to_vec(),
            der::tagged(3, &der::sequence(extensions)),
        ])
    }
}

/// The certificate.
pub(super) fn sign(tbs: &[u8], key: &Key) -> Vec<u8> {
    der::sequence(&[tbs.to_vec(), ecdsa_with_sha256(), der::bits(&key.sign(tbs))])
}

pub(super) fn ecdsa_with_sha256() -> Vec<u8> {
    der::sequence(&[der::oid("1.2.840.10045.4.3.2")])
}

fn distinguished_name(common_name: &str) -> Vec<u8> {
    let attribute =
        |kind, value| der::set(vec![der::sequence(&[der::oid(kind), der::utf8(value)])]);
    der::sequence(&[
        attribute("2.5.4.10", ORGANISATION),
        attribute("2.5.4.3", common_name),
    ])
}

pub(super) fn extension(oid: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = vec![der::oid(oid)];
    if critical {
        parts.push(der::boolean(true));
    }
    parts.push(der::octets(value));
    der::sequence(&parts)
}

pub(super) fn digital_signature() -> Vec<u8> {
    extension("2.5.29.15", true, &[0x03, 0x02, 0x07, 0x80])
}

pub(super) fn extended_key_usage(usage: &str, critical: bool) -> Vec<u8> {
    extension("2.5.29.37", critical, &der::sequence(&[der::oid(usage)]))
}

pub(super) fn subject_key_identifier(spki: &[u8]) -> Vec<u8> {
    extension("2.5.29.14", false, &der::octets(&key_identifier(spki)))
}

pub(super) fn authority_key_identifier(spki: &[u8]) -> Vec<u8> {
    let identifier = der::primitive(0, &key_identifier(spki));
    extension("2.5.29.35", false, &der::sequence(&[identifier]))
}
