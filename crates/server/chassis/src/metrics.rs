use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::{Method, StatusCode};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

/// The metrics of all roles, in the OpenMetrics text format. Clones share the registry.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Mutex<Registry>>);

impl Metrics {
    /// Lets a role add its metrics; names get no prefix, so that a role can keep the names dashboards know.
    pub fn register<T>(&self, add: impl FnOnce(&mut Registry) -> T) -> T {
        add(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The text of `/metrics`.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        let registry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        text::encode(&mut text, &registry).expect("writing to a string does not fail");
        text
    }
}

/// What is counted about every request, whatever its role.
#[derive(Clone, Debug)]
pub struct RequestMetrics {
    answered: Family<Labels, Counter>,
    seconds: Histogram,
    pub(crate) connections: Gauge,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Labels {
    method: &'static str,
    code: u16,
}

impl RequestMetrics {
    /// Adds the request metrics to `metrics`.
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        let this = Self {
            answered: Family::default(),
            // 0.1 ms to 26 s
            seconds: Histogram::new(exponential_buckets(0.0001, 4.0, 10)),
            connections: Gauge::default(),
        };
        metrics.register(|registry| {
            registry.register(
                "countersign_http_requests",
                "Requests answered",
                this.answered.clone(),
            );
            registry.register(
                "countersign_http_request_duration_seconds",
                "Time from the request's head to the answer's head",
                this.seconds.clone(),
            );
            registry.register(
                "countersign_http_connections",
                "Open connections",
                this.connections.clone(),
            );
        });
        this
    }

    pub(crate) fn observe(&self, method: &Method, status: StatusCode, took: Duration) {
        self.answered
            .get_or_create(&Labels {
                method: label(method),
                code: status.as_u16(),
            })
            .inc();
        self.seconds.observe(took.as_secs_f64());
    }
}

/// Clients invent methods; the label's values are a closed set, so that they cannot fill the memory.
fn label(method: &Method) -> &'static str {
    match *method {
        Method::DELETE => "DELETE",
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::PATCH => "PATCH",
        Method::POST => "POST",
        Method::PUT => "PUT",
        _ => "other",
    }
}
