use std::time::Duration;

use http::{Method, StatusCode, header};

use crate::{Client, Error, Request, Response};

/// Waiting and asking again when a busy server put a request off: 429 whatever the method, because nothing was done
/// yet; 503, which may come after some of the work, for `GET` and `HEAD`. Off unless used.
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
    /// whatever its status. Without `Retry-After` in seconds the wait is 1 s, doubled each time. A body that is a stream
    /// is sent once.
    ///
    /// # Errors
    /// As [`Client::send`]; errors are not retried.
    pub async fn send(self, client: &Client, request: Request) -> Result<Response, Error> {
        let mut request = request;
        let mut wait = Duration::from_secs(1);
        for _ in 0..self.attempts {
            let again = request.replay();
            let reads = matches!(request.method, Method::GET | Method::HEAD);
            let response = client.send(request).await?;
            let busy = match response.status {
                StatusCode::TOO_MANY_REQUESTS => true,
                StatusCode::SERVICE_UNAVAILABLE => reads,
                _ => false,
            };
            let asked = response
                .header(header::RETRY_AFTER)
                .and_then(|text| text.trim().parse().ok());
            let pause = asked.map_or(wait, Duration::from_secs);
            match again {
                Some(again) if busy && pause <= self.longest_wait => request = again,
                _ => return Ok(response),
            }
            tokio::time::sleep(pause).await;
            wait = wait.saturating_mul(2);
        }
        client.send(request).await
    }
}
