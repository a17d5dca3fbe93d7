//! Notary's metrics by name (`notary_server_http_...`), as counters and histograms.

use std::time::Duration;

use chassis::Metrics;
use http::{Method, StatusCode};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
};

/// The operations of the protocol, by Notary's names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Operation {
    Changefeed,
    DeleteTuf,
    GetKey,
    GetRole,
    GetRoleByHash,
    GetRoleByVersion,
    RotateKey,
    UpdateTuf,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Changefeed => "Changefeed",
            Self::DeleteTuf => "DeleteTUF",
            Self::GetKey => "GetKey",
            Self::GetRole => "GetRole",
            Self::GetRoleByHash => "GetRoleByHash",
            Self::GetRoleByVersion => "GetRoleByVersion",
            Self::RotateKey => "RotateKey",
            Self::UpdateTuf => "UpdateTUF",
        }
    }
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RequestLabels {
    code: u16,
    method: &'static str,
    operation: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OperationLabels {
    operation: &'static str,
}

type Histograms = Family<OperationLabels, Histogram, fn() -> Histogram>;

/// What is counted about the trust server's requests.
#[derive(Clone, Debug)]
pub(crate) struct TrustMetrics {
    requests: Family<RequestLabels, Counter>,
    microseconds: Histograms,
    request_bytes: Histograms,
    response_bytes: Histograms,
}

impl TrustMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let this = Self {
            requests: Family::default(),
            // 50 µs to 13 s
            microseconds: Histograms::new_with_constructor(|| {
                Histogram::new(exponential_buckets(50.0, 4.0, 10))
            }),
            request_bytes: Histograms::new_with_constructor(sizes),
            response_bytes: Histograms::new_with_constructor(sizes),
        };
        metrics.register(|registry| {
            registry.register(
                "notary_server_http_requests",
                "Requests answered",
                this.requests.clone(),
            );
            registry.register(
                "notary_server_http_request_duration_microseconds",
                "Time to the answer's head",
                this.microseconds.clone(),
            );
            registry.register(
                "notary_server_http_request_size_bytes",
                "Announced sizes of request bodies",
                this.request_bytes.clone(),
            );
            registry.register(
                "notary_server_http_response_size_bytes",
                "Sizes of answer bodies",
                this.response_bytes.clone(),
            );
        });
        this
    }

    pub(crate) fn observe(
        &self,
        operation: Operation,
        method: &Method,
        status: StatusCode,
        took: Duration,
        sizes: (u64, u64),
    ) {
        let operation = operation.name();
        let method = match *method {
            Method::DELETE => "delete",
            Method::HEAD => "head",
            Method::POST => "post",
            _ => "get",
        };
        let code = status.as_u16();
        let labels = RequestLabels {
            code,
            method,
            operation,
        };
        self.requests.get_or_create(&labels).inc();
        let labels = OperationLabels { operation };
        let micros = took.as_secs_f64() * 1e6;
        self.microseconds.get_or_create(&labels).observe(micros);
        let request = self.request_bytes.get_or_create(&labels);
        request.observe(sizes.0 as f64);
        let response = self.response_bytes.get_or_create(&labels);
        response.observe(sizes.1 as f64);
    }
}

/// 64 bytes to 64 MiB
fn sizes() -> Histogram {
    Histogram::new(exponential_buckets(64.0, 4.0, 11))
}
