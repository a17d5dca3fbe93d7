//! A web server that answers as a test says.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::Value;
use url::form_urlencoded;

use crate::server::{Body, Server};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The method, such as `GET`.
    pub method: String,
    /// The path, with the query.
    pub path: String,
    headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Asked {
    /// `METHOD /path?query`
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The text of a header; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str());
        value.and_then(Result::ok).unwrap_or_default()
    }

    /// The body's JSON.
    ///
    /// # Panics
    ///
    /// Where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    /// The fields of the body, which is a form.
    pub fn form(&self) -> BTreeMap<String, String> {
        let fields = form_urlencoded::parse(&self.body);
        fields.into_owned().collect()
    }
}

/// The server, on plain HTTP on loopback; it ends when it is dropped.
#[derive(Debug)]
pub struct WebServer {
    /// `http://127.0.0.1:<port>`.
    pub address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    _server: Server,
}

impl WebServer {
    /// Starts it: `answer` gives a status, and the text of a JSON document.
    pub fn start<T: ToString + 'static>(
        answer: impl Fn(&Asked) -> (u16, T) + Send + Sync + 'static,
    ) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, seen) = (Arc::new(answer), Arc::clone(&asked));
        let server = Server::start(None, move |request| {
            let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
            async move {
                let asked = read(request).await?;
                let (status, body) = answer(&asked);
                let body = body.to_string();
                seen.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(asked);
                respond(status, body)
            }
        });
        Self {
            address: server.url(),
            asked,
            _server: server,
        }
    }

    /// Every request so far.
    pub fn asked(&self) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.clone()
    }

    /// Their first lines; see [`Asked::line`].
    pub fn lines(&self) -> Vec<String> {
        self.asked().iter().map(Asked::line).collect()
    }
}

async fn read(request: Request<Incoming>) -> io::Result<Asked> {
    let (head, body) = request.into_parts();
    Ok(Asked {
        method: head.method.to_string(),
        path: head.uri.to_string(),
        headers: head.headers,
        body: body.collect().await.map_err(io::Error::other)?.to_bytes(),
    })
}

fn respond(status: u16, body: String) -> io::Result<Response<Body>> {
    let body = Full::new(Bytes::from(body)).map_err(|never| match never {});
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(body.boxed_unsync())
        .map_err(io::Error::other)
}
