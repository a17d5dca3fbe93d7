//! Fulcio, the authority that certifies a key to whoever an identity token names
//! (`sigstore/fulcio:fulcio.proto`, `pkg/server`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use net::{HeaderName, StatusCode};
use pki::signing::SigningKey;
use serde::{Deserialize, Serialize};
use sigstore::fulcio::{CertificateError, SigningCertificate, chain_from_pem};
use sigstore::limits;
use tlog::sct::Sct;

use crate::error::{Error, Fault, Service};
use crate::http::{Answer, Base, Http, credential, post_json};
use crate::token::{IdentityToken, TokenError};

/// Most bytes of an answer: a chain in PEM, in JSON.
const ANSWER_MAX: u64 = 4 * (limits::CHAIN_CERTIFICATES * limits::CERTIFICATE_BYTES) as u64;

/// The header of version 1 with a promise that is not in the certificate.
const SCT: HeaderName = HeaderName::from_static("sct");

/// The version of the interface. A signing configuration's `majorApiVersion` 1 means [`Api::V2`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Api {
    /// `/api/v1/signingCert`, as cosign 2 asks.
    V1,
    /// `/api/v2/signingCert`.
    #[default]
    V2,
}

/// One authority.
#[derive(Debug, Clone)]
pub struct Fulcio {
    http: Http,
    base: Base,
    api: Api,
}

/// What the authority issued: for our key, and not verified otherwise.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The signer's certificate.
    pub certificate: SigningCertificate,
    /// DER of its issuers, the nearest first.
    pub issuers: Vec<Vec<u8>>,
    /// A log's promise that came beside the certificate; none if there is one in it.
    pub detached_sct: Option<Sct>,
}

impl Fulcio {
    /// An authority at `url`, to which the path of the interface is added.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn new(http: Http, url: &str, api: Api) -> Result<Self, Error> {
        Ok(Self {
            http,
            base: Base::parse(Service::CertificateAuthority, url)?,
            api,
        })
    }

    /// Has `key` certified to the one that `token` names. Possession of the key is proven by its signature over the
    /// token's [`IdentityToken::principal`].
    ///
    /// # Errors
    /// A token that cannot be used, a refusal, no answer, or an answer that certifies another key.
    pub async fn certify(&self, token: &IdentityToken, key: &SigningKey) -> Result<Issued, Error> {
        let public = key.verifying_key();
        let principal = token.principal()?.as_bytes();
        let possession = STANDARD.encode(key.sign_with(public.default_scheme(), principal)?);
        let pem = public.to_pem();
        let request = match self.api {
            Api::V1 => post_json(
                self.base.join("/api/v1/signingCert"),
                &v1::Request {
                    public_key: v1::PublicKey {
                        content: STANDARD.encode(&pem),
                    },
                    signed_email_address: &possession,
                },
            ),
            Api::V2 => post_json(
                self.base.join("/api/v2/signingCert"),
                &v2::Request {
                    public_key_request: v2::PublicKeyRequest {
                        public_key: v2::PublicKey { content: &pem },
                        proof_of_possession: &possession,
                    },
                },
            ),
        };
        let bearer = credential("Bearer", token.secret()).ok_or(TokenError::Malformed {
            what: "it is not printable text",
        })?;
        let answer = self
            .http
            .call(
                Service::CertificateAuthority,
                request.authorization(bearer),
                ANSWER_MAX,
                &[],
            )
            .await?;
        let issued = match self.api {
            Api::V1 => v1::read(&answer),
            Api::V2 => v2::read(&answer),
        }?;
        let found = issued.certificate.key();
        if found != &public {
            return Err(answer.fault(Fault::WrongKey {
                expected: public.spki_sha256(),
                found: found.spki_sha256(),
            }));
        }
        Ok(issued)
    }
}

/// Takes a chain, leaf first, and what came beside it.
fn issued(chain: Vec<Vec<u8>>, sct: Option<Vec<u8>>) -> Result<Issued, Fault> {
    let mut chain = chain.into_iter();
    let leaf = chain.next().ok_or(Fault::Missing {
        member: "certificate",
    })?;
    let embedded = tlog::precert::embedded_sct_list(&leaf)
        .map_err(|_| CertificateError::Malformed)?
        .is_some();
    // An authority without a log of certificates sends an empty promise.
    let detached = sct.filter(|json| !embedded && !json.is_empty());
    Ok(Issued {
        certificate: SigningCertificate::from_der(&leaf)?,
        issuers: chain.collect(),
        detached_sct: detached
            .map(|json| Sct::from_add_chain_response(&json))
            .transpose()?,
    })
}

mod v1 {
    use super::*;

    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Request<'a> {
        pub(super) public_key: PublicKey,
        pub(super) signed_email_address: &'a str,
    }

    /// Base64 of PEM. The algorithm is in it.
    #[derive(Serialize)]
    pub(super) struct PublicKey {
        pub(super) content: String,
    }

    /// 201 with a chain in PEM, and base64 of the log's JSON in a header.
    pub(super) fn read(answer: &Answer) -> Result<Issued, Error> {
        if answer.status != StatusCode::CREATED {
            return Err(answer.fault(Fault::Status {
                expected: 201,
                found: answer.status.as_u16(),
            }));
        }
        let read = || -> Result<Issued, Fault> {
            let text = std::str::from_utf8(&answer.body).map_err(|_| Fault::Text)?;
            let sct = match answer.headers.get(SCT) {
                Some(value) => Some(STANDARD.decode(value).map_err(|_| Fault::Base64 {
                    member: "SCT header",
                })?),
                None => None,
            };
            issued(chain_from_pem(text)?, sct)
        };
        read().map_err(|fault| answer.fault(fault))
    }
}

mod v2 {
    use super::*;

    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Request<'a> {
        pub(super) public_key_request: PublicKeyRequest<'a>,
    }

    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct PublicKeyRequest<'a> {
        pub(super) public_key: PublicKey<'a>,
        pub(super) proof_of_possession: &'a str,
    }

    /// PEM. The algorithm is in it; the authority ignores the member that names it too.
    #[derive(Serialize)]
    pub(super) struct PublicKey<'a> {
        pub(super) content: &'a str,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Response {
        signed_certificate_embedded_sct: Option<Signed>,
        signed_certificate_detached_sct: Option<Signed>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Signed {
        chain: Option<Chain>,
        signed_certificate_timestamp: Option<String>,
    }

    #[derive(Deserialize)]
    struct Chain {
        certificates: Vec<String>,
    }

    pub(super) fn read(answer: &Answer) -> Result<Issued, Error> {
        let response: Response = answer.json()?;
        let read = || -> Result<Issued, Fault> {
            let signed = response
                .signed_certificate_embedded_sct
                .or(response.signed_certificate_detached_sct)
                .ok_or(Fault::Missing {
                    member: "signed certificate",
                })?;
            let chain = signed.chain.ok_or(Fault::Missing { member: "chain" })?;
            let pem = chain.certificates.join("\n");
            if pem.is_empty() {
                return Err(Fault::Missing {
                    member: "certificate",
                });
            }
            let sct = match signed.signed_certificate_timestamp {
                Some(text) => Some(STANDARD.decode(text).map_err(|_| Fault::Base64 {
                    member: "signedCertificateTimestamp",
                })?),
                None => None,
            };
            issued(chain_from_pem(&pem)?, sct)
        };
        read().map_err(|fault| answer.fault(fault))
    }
}
