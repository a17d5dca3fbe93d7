use std::time::Duration;

use http::{Method, StatusCode, header};

use crate::{Client, Error, Request, Response};

/// Waiting and asking again when a busy server put a request off: 429 whatever the method, because nothing was done
/// yet; for `GET` and `HEAD` also 503, which may come after some of the work, and once 500, which docker-registry 2.8
/// answers to whoever reads what another request is just writing. Off unless used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How often to ask again.
    pub attempts: u8,
    /// The longest single wait; a `Retry-After` beyond it ends the retrying.
    pub longest_wait: Duration,
}

impl Retry {
    /// Nothing is asked again.
    pub const OFF: Self = Self {
        attempts: 0,
        longest_wait: Duration::ZERO,
    };

    /// Sends the request, again while the server says to wait and the bounds allow it. The last answer is returned
    /// whatever its status. Without `Retry-After` in seconds the wait is 1 s, doubled each time; after a 500 it is 0.2 s.
    /// A body that is a stream is sent once.
    ///
    /// # Errors
    /// As [`Client::send`]; errors are not retried.
    pub async fn send(self, client: &Client, request: Request) -> Result<Response, Error> {
        let mut request = request;
        let mut wait = Duration::from_secs(1);
        let mut failed = false;
        for _ in 0..self.attempts {
            let again = request.replay();
            let reads = matches!(request.method, Method::GET | Method::HEAD);
            let response = client.send(request).await?;
            let usual = match response.status {
                StatusCode::TOO_MANY_REQUESTS => Some(wait),
                StatusCode::SERVICE_UNAVAILABLE if reads => Some(wait),
                StatusCode::INTERNAL_SERVER_ERROR if reads && !failed => {
                    failed = true;
                    Some(Duration::from_millis(200))
                }
                _ => None,
            };
            let asked = response
                .header(header::RETRY_AFTER)
                .and_then(|text| text.trim().parse().ok());
            let pause = usual.map(|usual| asked.map_or(usual, Duration::from_secs));
            match (again, pause) {
                (Some(again), Some(pause)) if pause <= self.longest_wait => {
                    request = again;
                    tokio::time::sleep(pause).await;
                }
                _ => return Ok(response),
            }
            wait = wait.saturating_mul(2);
        }
        client.send(request).await
    }
}
