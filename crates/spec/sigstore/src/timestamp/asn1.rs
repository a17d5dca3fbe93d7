//! The structures of RFC 3161 and, as far as they are in it, of RFC 5652 and RFC 5035; DER only.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{ID_CE_BASIC_CONSTRAINTS, ID_CE_EXT_KEY_USAGE, ID_KP_TIME_STAMPING};
use der::asn1::{AnyRef, OctetStringRef};
use der::{Decode as _, Encode as _, Reader as _, SliceReader, Tag, TagNumber, Tagged as _};
use jiff::Timestamp;
use pki::signature::{HashAlgorithm, Scheme};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage};

use super::TimestampError;
use crate::limits;

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_CERTIFICATE_V2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");

const HASHES: [(ObjectIdentifier, HashAlgorithm); 3] = [
    (
        ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1"),
        HashAlgorithm::Sha256,
    ),
    (
        ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2"),
        HashAlgorithm::Sha384,
    ),
    (
        ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3"),
        HashAlgorithm::Sha512,
    ),
];
const SCHEMES: [(ObjectIdentifier, Scheme); 7] = [
    (
        ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2"),
        Scheme::Ecdsa(HashAlgorithm::Sha256),
    ),
    (
        ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3"),
        Scheme::Ecdsa(HashAlgorithm::Sha384),
    ),
    (
        ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4"),
        Scheme::Ecdsa(HashAlgorithm::Sha512),
    ),
    (
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11"),
        Scheme::RsaPkcs1v15(HashAlgorithm::Sha256),
    ),
    (
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12"),
        Scheme::RsaPkcs1v15(HashAlgorithm::Sha384),
    ),
    (
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13"),
        Scheme::RsaPkcs1v15(HashAlgorithm::Sha512),
    ),
    (ObjectIdentifier::new_unwrap("1.3.101.112"), Scheme::Ed25519),
];
/// PKCS #1 without a hash: that of the digest algorithm is meant (RFC 3370, 3.2).
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

const ZERO: Tag = Tag::ContextSpecific {
    constructed: true,
    number: TagNumber(0),
};

/// Most elements of any one sequence or set in here; the largest real one, `SignedData`, has six.
const ELEMENTS: usize = 32;

/// What a response says, taken apart.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) time: Timestamp,
    pub(super) imprint_algorithm: HashAlgorithm,
    pub(super) imprint: Vec<u8>,
    /// Big-endian and without leading zeros, if there is one.
    pub(super) nonce: Option<Vec<u8>>,
    /// The DER of the `TSTInfo`.
    pub(super) content: Vec<u8>,
    pub(super) digest_algorithm: HashAlgorithm,
    pub(super) message_digest: Vec<u8>,
    /// The hash of the signer's certificate.
    pub(super) signing_certificate: Option<(HashAlgorithm, Vec<u8>)>,
    /// The attributes as they are signed, with the tag of a SET.
    pub(super) signed_attributes: Vec<u8>,
    pub(super) scheme: Scheme,
    pub(super) signature: Vec<u8>,
    pub(super) embedded: Vec<Certificate>,
    signer: SignerId,
}

#[derive(Debug, Clone)]
enum SignerId {
    /// DER of the issuer's name and of the serial number.
    IssuerAndSerial(Vec<u8>, Vec<u8>),
    SubjectKeyId(Vec<u8>),
}

/// What the verification of a token has to know of a certificate.
#[derive(Debug, Clone)]
pub(super) struct Certificate {
    pub(super) der: Vec<u8>,
    pub(super) spki: Vec<u8>,
    pub(super) is_ca: bool,
    pub(super) timestamping_alone: bool,
    issuer: Vec<u8>,
    serial: Vec<u8>,
    key_id: Option<Vec<u8>>,
}

fn malformed(what: &'static str) -> TimestampError {
    TimestampError::Malformed { what }
}

/// The elements of a constructed value.
fn elements<'a>(what: &'static str, content: &'a [u8]) -> Result<Vec<AnyRef<'a>>, TimestampError> {
    let mut reader = SliceReader::new(content).map_err(|_| malformed(what))?;
    let mut elements = Vec::new();
    while !reader.is_finished() {
        if elements.len() == ELEMENTS {
            return Err(malformed(what));
        }
        elements.push(AnyRef::decode(&mut reader).map_err(|_| malformed(what))?);
    }
    Ok(elements)
}

fn inside<'a>(
    what: &'static str,
    tag: Tag,
    element: Option<AnyRef<'a>>,
) -> Result<Vec<AnyRef<'a>>, TimestampError> {
    let element = element
        .filter(|element| element.tag() == tag)
        .ok_or(malformed(what))?;
    elements(what, element.value())
}

fn parse<'a, T: der::DecodeValue<'a, Error = der::Error> + der::FixedTag + 'a>(
    what: &'static str,
    element: Option<AnyRef<'a>>,
) -> Result<T, TimestampError> {
    element
        .and_then(|element| element.decode_as().ok())
        .ok_or(malformed(what))
}

fn encoded(what: &'static str, element: AnyRef<'_>) -> Result<Vec<u8>, TimestampError> {
    element.to_der().map_err(|_| malformed(what))
}

fn hash_of(
    what: &'static str,
    element: Option<AnyRef<'_>>,
) -> Result<HashAlgorithm, TimestampError> {
    let fields = inside(what, Tag::Sequence, element)?;
    let oid: ObjectIdentifier = parse(what, fields.first().copied())?;
    let known = HASHES.iter().find(|(known, _)| *known == oid);
    known
        .map(|(_, algorithm)| *algorithm)
        .ok_or(TimestampError::Unsupported { what })
}

impl Token {
    /// `TimeStampResp ::= SEQUENCE { status PKIStatusInfo, timeStampToken ContentInfo OPTIONAL }` (RFC 3161, 2.4.2)
    pub(super) fn from_response(der: &[u8]) -> Result<Self, TimestampError> {
        if der.len() > limits::TIMESTAMP_BYTES {
            return Err(malformed("length"));
        }
        let response = AnyRef::from_der(der).map_err(|_| malformed("TimeStampResp"))?;
        let mut response = inside("TimeStampResp", Tag::Sequence, Some(response))?.into_iter();
        let status = inside("PKIStatusInfo", Tag::Sequence, response.next())?;
        let status: u8 = parse("PKIStatus", status.first().copied())?;
        // granted and grantedWithMods
        if status > 1 {
            return Err(TimestampError::Denied { status });
        }
        let info = inside("ContentInfo", Tag::Sequence, response.next())?;
        let mut info = info.into_iter();
        let kind: ObjectIdentifier = parse("contentType", info.next())?;
        if kind != SIGNED_DATA {
            return Err(malformed("contentType"));
        }
        let content = inside("content", ZERO, info.next())?;
        Self::from_signed_data(inside(
            "SignedData",
            Tag::Sequence,
            content.first().copied(),
        )?)
    }

    /// `SignedData` (RFC 5652, 5.1) with exactly one signer.
    fn from_signed_data(fields: Vec<AnyRef<'_>>) -> Result<Self, TimestampError> {
        let mut fields = fields.into_iter();
        let _version: u8 = parse("SignedData.version", fields.next())?;
        inside("digestAlgorithms", Tag::Set, fields.next())?;
        let encapsulated = inside("encapContentInfo", Tag::Sequence, fields.next())?;
        let kind: ObjectIdentifier = parse("eContentType", encapsulated.first().copied())?;
        if kind != TST_INFO {
            return Err(malformed("eContentType"));
        }
        let content = inside("eContent", ZERO, encapsulated.get(1).copied())?;
        let content: &OctetStringRef = parse("eContent", content.first().copied())?;
        let mut embedded = Vec::new();
        let mut signers = None;
        for field in fields {
            if field.tag() == ZERO {
                for certificate in elements("certificates", field.value())? {
                    embedded.push(Certificate::parse(&encoded("certificates", certificate)?)?);
                }
            } else if field.tag() == Tag::Set {
                signers = Some(elements("signerInfos", field.value())?);
            }
        }
        if embedded.len() > limits::CHAIN_CERTIFICATES {
            return Err(malformed("certificates"));
        }
        match signers.unwrap_or_default().as_slice() {
            [signer] => Self::from_signer(content.as_bytes(), embedded, *signer),
            _ => Err(malformed("signerInfos")),
        }
    }

    /// `SignerInfo` (RFC 5652, 5.3), whose signed attributes are compulsory here (RFC 3161, 2.4.2).
    fn from_signer(
        content: &[u8],
        embedded: Vec<Certificate>,
        signer: AnyRef<'_>,
    ) -> Result<Self, TimestampError> {
        let fields = inside("SignerInfo", Tag::Sequence, Some(signer))?;
        let mut fields = fields.into_iter();
        let _version: u8 = parse("SignerInfo.version", fields.next())?;
        let signer = SignerId::parse(fields.next())?;
        let digest_algorithm = hash_of("digest", fields.next())?;
        let attributes = fields
            .next()
            .filter(|field| field.tag() == ZERO)
            .ok_or(malformed("signedAttrs"))?;
        let scheme = scheme_of(fields.next(), digest_algorithm)?;
        let signature: &OctetStringRef = parse("signature", fields.next())?;
        let signed = Attributes::parse(attributes.value())?;
        // RFC 5652, 5.4: signed with the tag of a SET, not with the one they are sent with.
        let set =
            AnyRef::new(Tag::Set, attributes.value()).map_err(|_| malformed("signedAttrs"))?;
        let info = TstInfo::parse(content)?;
        Ok(Self {
            time: info.time,
            imprint_algorithm: info.imprint_algorithm,
            imprint: info.imprint,
            nonce: info.nonce,
            content: content.to_vec(),
            digest_algorithm,
            message_digest: signed.message_digest,
            signing_certificate: signed.signing_certificate,
            signed_attributes: encoded("signedAttrs", set)?,
            scheme,
            signature: signature.as_bytes().to_vec(),
            embedded,
            signer,
        })
    }

    /// Whether the token says that this certificate's key signed it.
    pub(super) fn is_by(&self, certificate: &Certificate) -> bool {
        match &self.signer {
            SignerId::IssuerAndSerial(issuer, serial) => {
                certificate.issuer == *issuer && certificate.serial == *serial
            }
            SignerId::SubjectKeyId(id) => certificate.key_id.as_ref() == Some(id),
        }
    }
}

fn scheme_of(element: Option<AnyRef<'_>>, digest: HashAlgorithm) -> Result<Scheme, TimestampError> {
    let fields = inside("signatureAlgorithm", Tag::Sequence, element)?;
    let oid: ObjectIdentifier = parse("signatureAlgorithm", fields.first().copied())?;
    if oid == RSA_ENCRYPTION {
        return Ok(Scheme::RsaPkcs1v15(digest));
    }
    let known = SCHEMES.iter().find(|(known, _)| *known == oid);
    known
        .map(|(_, scheme)| *scheme)
        .ok_or(TimestampError::Unsupported { what: "signature" })
}

impl SignerId {
    fn parse(element: Option<AnyRef<'_>>) -> Result<Self, TimestampError> {
        let what = "SignerIdentifier";
        let element = element.ok_or(malformed(what))?;
        if let Tag::ContextSpecific {
            number: TagNumber(0),
            ..
        } = element.tag()
        {
            return Ok(Self::SubjectKeyId(element.value().to_vec()));
        }
        match inside(what, Tag::Sequence, Some(element))?.as_slice() {
            [issuer, serial] => Ok(Self::IssuerAndSerial(
                encoded(what, *issuer)?,
                encoded(what, *serial)?,
            )),
            _ => Err(malformed(what)),
        }
    }
}

/// The attributes that have a say.
struct Attributes {
    message_digest: Vec<u8>,
    signing_certificate: Option<(HashAlgorithm, Vec<u8>)>,
}

impl Attributes {
    fn parse(content: &[u8]) -> Result<Self, TimestampError> {
        let mut content_type = None;
        let mut message_digest = None;
        let mut signing_certificate = None;
        for attribute in elements("signedAttrs", content)? {
            let fields = inside("Attribute", Tag::Sequence, Some(attribute))?;
            let kind: ObjectIdentifier = parse("attrType", fields.first().copied())?;
            let values = inside("attrValues", Tag::Set, fields.get(1).copied())?;
            let [value] = values.as_slice() else {
                if [CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_CERTIFICATE_V2].contains(&kind) {
                    return Err(malformed("attrValues"));
                }
                continue;
            };
            let again = match kind {
                CONTENT_TYPE => {
                    let oid: ObjectIdentifier = parse("contentType", Some(*value))?;
                    content_type.replace(oid).is_some()
                }
                MESSAGE_DIGEST => {
                    let digest: &OctetStringRef = parse("messageDigest", Some(*value))?;
                    message_digest.replace(digest.as_bytes().to_vec()).is_some()
                }
                SIGNING_CERTIFICATE_V2 => {
                    let hash = signing_certificate_v2(*value)?;
                    signing_certificate.replace(hash).is_some()
                }
                _ => false,
            };
            if again {
                return Err(malformed("signedAttrs"));
            }
        }
        if content_type != Some(TST_INFO) {
            return Err(TimestampError::Attribute {
                attribute: "contentType",
            });
        }
        Ok(Self {
            message_digest: message_digest.ok_or(TimestampError::Attribute {
                attribute: "messageDigest",
            })?,
            signing_certificate,
        })
    }
}

/// `SigningCertificateV2 ::= SEQUENCE { certs SEQUENCE OF ESSCertIDv2, … }`, the signer's first;
/// `ESSCertIDv2 ::= SEQUENCE { hashAlgorithm DEFAULT sha256, certHash OCTET STRING, … }` (RFC 5035, 4)
fn signing_certificate_v2(value: AnyRef<'_>) -> Result<(HashAlgorithm, Vec<u8>), TimestampError> {
    let what = "SigningCertificateV2";
    let outer = inside(what, Tag::Sequence, Some(value))?;
    let certificates = inside(what, Tag::Sequence, outer.first().copied())?;
    let id = inside(what, Tag::Sequence, certificates.first().copied())?;
    let mut fields = id.into_iter().peekable();
    let algorithm = match fields.next_if(|field| field.tag() == Tag::Sequence) {
        Some(field) => hash_of("certificate hash", Some(field))?,
        None => HashAlgorithm::Sha256,
    };
    let hash: &OctetStringRef = parse(what, fields.next())?;
    Ok((algorithm, hash.as_bytes().to_vec()))
}

/// `TSTInfo` (RFC 3161, 2.4.2), as far as it has a say.
struct TstInfo {
    time: Timestamp,
    imprint_algorithm: HashAlgorithm,
    imprint: Vec<u8>,
    nonce: Option<Vec<u8>>,
}

impl TstInfo {
    fn parse(content: &[u8]) -> Result<Self, TimestampError> {
        let info = AnyRef::from_der(content).map_err(|_| malformed("TSTInfo"))?;
        let mut info = inside("TSTInfo", Tag::Sequence, Some(info))?.into_iter();
        let version: u8 = parse("TSTInfo.version", info.next())?;
        if version != 1 {
            return Err(malformed("TSTInfo.version"));
        }
        let _policy: ObjectIdentifier = parse("policy", info.next())?;
        let imprint = inside("messageImprint", Tag::Sequence, info.next())?;
        let imprint_algorithm = hash_of("imprint", imprint.first().copied())?;
        let digest: &OctetStringRef = parse("hashedMessage", imprint.get(1).copied())?;
        let _serial = info
            .next()
            .filter(|serial| serial.tag() == Tag::Integer)
            .ok_or(malformed("serialNumber"))?;
        let time = info
            .next()
            .filter(|time| time.tag() == Tag::GeneralizedTime)
            .and_then(|time| generalized_time(time.value()))
            .ok_or(malformed("genTime"))?;
        // Accuracy and ordering may come before the nonce, which alone is an INTEGER.
        let nonce = info.find(|field| field.tag() == Tag::Integer);
        Ok(Self {
            time,
            imprint_algorithm,
            imprint: digest.as_bytes().to_vec(),
            nonce: nonce.map(|nonce| without_leading_zeros(nonce.value()).to_vec()),
        })
    }
}

fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

/// `YYYYMMDDhhmmss[.fraction]Z`: RFC 3161 allows the fraction, which DER's usual profile does not.
fn generalized_time(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = text
        .split_once('.')
        .map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 14 || !digits(whole) || fraction.is_some_and(|text| !digits(text)) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| whole[range].parse::<i8>().ok();
    let date = jiff::civil::DateTime::new(
        whole[..4].parse().ok()?,
        number(4..6)?,
        number(6..8)?,
        number(8..10)?,
        number(10..12)?,
        number(12..14)?,
        0,
    )
    .ok()?;
    let nanoseconds = match fraction {
        // Digits past the ninth say nothing here.
        Some(fraction) => format!("{fraction:0<9}").get(..9)?.parse().ok()?,
        None => 0,
    };
    let time = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    time.checked_add(jiff::SignedDuration::from_nanos(nanoseconds))
        .ok()
}

impl Certificate {
    pub(super) fn parse(der: &[u8]) -> Result<Self, TimestampError> {
        let what = "certificate";
        let refused = |_| malformed(what);
        let parsed = x509_cert::Certificate::from_der(der).map_err(refused)?;
        let tbs = parsed.tbs_certificate();
        let mut is_ca = false;
        let mut timestamping_alone = false;
        for extension in tbs.extensions().into_iter().flatten() {
            let value = extension.extn_value.as_bytes();
            if extension.extn_id == ID_CE_BASIC_CONSTRAINTS {
                is_ca = BasicConstraints::from_der(value).map_err(refused)?.ca;
            } else if extension.extn_id == ID_CE_EXT_KEY_USAGE {
                let usage = ExtendedKeyUsage::from_der(value).map_err(refused)?;
                timestamping_alone = extension.critical && usage.0 == [ID_KP_TIME_STAMPING];
            }
        }
        let key_id = tbs
            .get_extension::<x509_cert::ext::pkix::SubjectKeyIdentifier>()
            .map_err(refused)?
            .map(|(_critical, id)| id.0.as_bytes().to_vec());
        Ok(Self {
            spki: tbs.subject_public_key_info().to_der().map_err(refused)?,
            issuer: tbs.issuer().to_der().map_err(refused)?,
            serial: tbs.serial_number().to_der().map_err(refused)?,
            der: der.to_vec(),
            is_ca,
            timestamping_alone,
            key_id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::generalized_time;

    #[test]
    fn times_have_whole_or_fractional_seconds() {
        let at = |text: &str| generalized_time(text.as_bytes()).map(|time| time.to_string());
        assert_eq!(
            at("20260102030405Z").as_deref(),
            Some("2026-01-02T03:04:05Z")
        );
        assert_eq!(
            at("20260102030405.25Z").as_deref(),
            Some("2026-01-02T03:04:05.25Z")
        );
        for text in [
            "20260102030405",
            "202601020304Z",
            "20261302030405Z",
            "20260102030405.Z",
            "20260102030405+01",
            "2026010203040éZ",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
    }
}
