//! The timestamp authority: RFC 3161 as Sigstore's profiles it.

use http::{Method, StatusCode};

use super::authority::{Authority, Role, TIME_STAMPING, ecdsa_with_sha256, serial};
use super::exchange::{Answer, Call};
use super::keys::{pem, sha256};
use super::{Faults, Shared, clock, der};

const POLICY: &str = "1.3.6.1.4.1.57264.2";
const SHA256: &str = "2.16.840.1.101.3.4.2.1";
const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";

#[derive(Debug)]
pub(super) struct Tsa {
    pub(super) root: Authority,
    pub(super) issuing: Authority,
    pub(super) leaf: Authority,
}

impl Tsa {
    pub(super) fn new() -> Self {
        let root = Authority::new("sigstack timestamp root", Role::Root, None);
        let issuing = Authority::new(
            "sigstack timestamp intermediate",
            Role::Issuing(TIME_STAMPING),
            Some(&root),
        );
        let leaf = Authority::new("sigstack timestamps", Role::Stamping, Some(&issuing));
        Self {
            root,
            issuing,
            leaf,
        }
    }

    /// Leaf, intermediate, root.
    pub(super) fn chain(&self) -> [&[u8]; 3] {
        [&self.leaf, &self.issuing, &self.root].map(|one| one.certificate.as_slice())
    }

    pub(super) fn chain_pem(&self) -> String {
        self.chain().map(|der| pem("CERTIFICATE", der)).concat()
    }

    fn stamp(&self, query: &Query<'_>, faults: &Faults) -> Vec<u8> {
        let now = clock::seconds() + faults.timestamp_skew;
        let info = self.info(query, now);
        let mut token = vec![
            der::integer(&[3]),
            der::set(vec![der::sequence(&[der::oid(SHA256)])]),
            der::sequence(&[der::oid(TST_INFO), der::tagged(0, &der::octets(&info))]),
        ];
        if query.wants_certificates {
            token.push(der::tagged(0, &self.leaf.certificate));
        }
        token.push(der::set(vec![self.signer_info(&info, now, faults)]));
        let token = der::sequence(&[
            der::oid(SIGNED_DATA),
            der::tagged(0, &der::sequence(&token)),
        ]);
        // granted
        der::sequence(&[der::sequence(&[der::integer(&[0])]), token])
    }

    /// RFC 3161, section 2.4.2.
    fn info(&self, query: &Query<'_>, now: i64) -> Vec<u8> {
        let mut info = vec![
            der::integer(&[1]),
            der::oid(POLICY),
            query.imprint.to_vec(),
            der::integer(&serial()),
            clock::generalized_time(now),
            der::sequence(&[der::integer(&[1])]),
        ];
        info.extend(query.nonce.map(<[u8]>::to_vec));
        info.push(der::tagged(0, &der::tagged(4, &self.leaf.subject)));
        der::sequence(&info)
    }

    /// RFC 5652, section 5.3; RFC 5035 for the certificate's name.
    fn signer_info(&self, info: &[u8], now: i64, faults: &Faults) -> Vec<u8> {
        let attribute = |kind: &str, value| der::sequence(&[der::oid(kind), der::set(vec![value])]);
        let issuer = &self.issuing.subject;
        let issuer_serial = der::sequence(&[
            der::sequence(&[der::tagged(4, issuer)]),
            der::integer(&self.leaf.serial),
        ]);
        let certificate =
            der::sequence(&[der::octets(&sha256(&self.leaf.certificate)), issuer_serial]);
        let certificates = der::sequence(&[der::sequence(&[certificate])]);
        let attributes = der::set(vec![
            attribute("1.2.840.113549.1.9.3", der::oid(TST_INFO)),
            attribute("1.2.840.113549.1.9.5", clock::utc_time(now)),
            attribute("1.2.840.113549.1.9.4", der::octets(&sha256(info))),
            attribute("1.2.840.113549.1.9.16.2.47", certificates),
        ]);
        let signed = if faults.wrong_timestamp {
            b"another".as_slice()
        } else {
            &attributes
        };
        let signature = self.leaf.key.sign(signed);
        let mut content = attributes.as_slice();
        let (_, content) = der::take(&mut content).expect("we made it");
        der::sequence(&[
            der::integer(&[1]),
            der::sequence(&[issuer.clone(), der::integer(&self.leaf.serial)]),
            der::sequence(&[der::oid(SHA256)]),
            // The attributes are signed as a SET and sent under this tag.
            der::tagged(0, content),
            ecdsa_with_sha256(),
            der::octets(&signature),
        ])
    }
}

/// RFC 3161, section 2.4.1.
struct Query<'a> {
    imprint: &'a [u8],
    nonce: Option<&'a [u8]>,
    wants_certificates: bool,
}

impl<'a> Query<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut input = bytes;
        let mut fields = der::expect(&mut input, der::SEQUENCE)?;
        der::expect(&mut fields, der::INTEGER)?;
        let mut query = Self {
            imprint: der::whole(&mut fields)?,
            nonce: None,
            wants_certificates: false,
        };
        while !fields.is_empty() {
            let mut ahead = fields;
            let element = der::whole(&mut fields)?;
            match der::take(&mut ahead)? {
                (der::INTEGER, _) => query.nonce = Some(element),
                (der::BOOLEAN, content) => query.wants_certificates = content != [0],
                // The policy, which is always ours; extensions.
                _ => {}
            }
        }
        query.check_imprint()?;
        Some(query)
    }

    /// SHA-256, 384 or 512, with a digest of that length.
    fn check_imprint(&self) -> Option<()> {
        let mut input = self.imprint;
        let mut fields = der::expect(&mut input, der::SEQUENCE)?;
        let mut algorithm = der::expect(&mut fields, der::SEQUENCE)?;
        let algorithm = der::whole(&mut algorithm)?;
        let digest = der::expect(&mut fields, 0x04)?;
        let known = [
            (SHA256, 32),
            ("2.16.840.1.101.3.4.2.2", 48),
            ("2.16.840.1.101.3.4.2.3", 64),
        ];
        known
            .iter()
            .any(|&(oid, length)| der::oid(oid) == algorithm && digest.len() == length)
            .then_some(())
    }
}

pub(super) fn answer(shared: &Shared, call: &Call) -> Result<Answer, Answer> {
    match (&call.method, call.path.as_str()) {
        (&Method::POST, "/api/v1/timestamp") => {
            let kind = call.header("content-type").unwrap_or_default();
            let asked;
            let query = match kind {
                "application/timestamp-query" => call.body.as_ref(),
                "application/json" => {
                    asked = from_json(call)?;
                    &asked
                }
                _ => {
                    let message = format!("unsupported media type {kind:?}");
                    return Err(Answer::error(
                        StatusCode::UNSUPPORTED_MEDIA_TYPE,
                        415,
                        &message,
                    ));
                }
            };
            let query = Query::parse(query)
                .ok_or_else(|| Answer::bad_request("Error generating timestamp response"))?;
            let stamped = shared.tsa.stamp(&query, &shared.faults());
            Ok(Answer::new(
                StatusCode::OK,
                "application/timestamp-reply",
                stamped,
            ))
        }
        (&Method::GET, "/api/v1/timestamp/certchain") => Ok(Answer::new(
            StatusCode::OK,
            "application/pem-certificate-chain",
            shared.tsa.chain_pem(),
        )),
        _ => Err(Answer::not_found()),
    }
}

/// `{"artifactHash": …, "hashAlgorithm": "sha256", "certificates": …}` as a query of RFC 3161.
fn from_json(call: &Call) -> Result<Vec<u8>, Answer> {
    let request = call.json()?;
    let digest = request["artifactHash"]
        .as_str()
        .and_then(super::keys::unb64)
        .filter(|_| request["hashAlgorithm"] == "sha256")
        .ok_or_else(|| Answer::bad_request("Error generating timestamp response"))?;
    let algorithm = der::sequence(&[der::oid(SHA256), der::null()]);
    let mut query = vec![
        der::integer(&[1]),
        der::sequence(&[algorithm, der::octets(&digest)]),
    ];
    if let Some(nonce) = request["nonce"].as_u64() {
        query.push(der::integer(&nonce.to_be_bytes()));
    }
    query.push(der::boolean(request["certificates"] == true));
    Ok(der::sequence(&query))
}
