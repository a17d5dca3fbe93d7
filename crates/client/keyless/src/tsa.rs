//! Timestamping authorities (RFC 3161, 3.4, over HTTP).

use net::{HeaderValue, StatusCode, Url, header};
use sigstore::limits;
use sigstore::timestamp::{SignedTimestamp, TimestampRequest};

use crate::error::{Error, Fault, Service};
use crate::http::{Base, Http, post};

/// The path of Sigstore's authority, for addresses without one.
const PATH: &str = "/api/v1/timestamp";

/// One authority.
#[derive(Debug, Clone)]
pub struct TimestampAuthority {
    http: Http,
    url: Url,
}

impl TimestampAuthority {
    /// An authority at exactly `url`; an address without a path means that of Sigstore's authority there.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn new(http: Http, url: &str) -> Result<Self, Error> {
        let base = Base::parse(Service::TimestampAuthority, url)?;
        let url = match base.url().path() {
            "" | "/" => base.join(PATH),
            _ => base.url().clone(),
        };
        Ok(Self { http, url })
    }

    /// Has `bytes` stamped, for Sigstore a raw signature. The answer is the DER `TimeStampResp` as bundles carry it: over
    /// what was asked, with our nonce; who made it is not verified.
    ///
    /// # Errors
    /// A refusal, by HTTP or in the answer; no answer; a stamp over something else or made for another request.
    pub async fn stamp(&self, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; 16];
        pki::random::fill(&mut nonce)?;
        let asked = TimestampRequest::new(bytes, nonce);
        let request = post(
            self.url.clone(),
            "application/timestamp-query",
            asked.to_der(),
        )
        .header(
            header::ACCEPT,
            HeaderValue::from_static("application/timestamp-reply"),
        );
        let limit = limits::TIMESTAMP_BYTES as u64;
        let answer = self
            .http
            .call(Service::TimestampAuthority, request, limit, &[])
            .await?;
        if !matches!(answer.status, StatusCode::OK | StatusCode::CREATED) {
            return Err(answer.fault(Fault::Status {
                expected: 200,
                found: answer.status.as_u16(),
            }));
        }
        SignedTimestamp::from_der(&answer.body)
            .and_then(|stamp| asked.check(&stamp))
            .map_err(|error| answer.fault(error))?;
        Ok(answer.body.to_vec())
    }
}
