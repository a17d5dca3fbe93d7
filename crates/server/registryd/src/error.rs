use axum::response::Response;
use chassis::{Denied, ErrorEntry, body::BodyError, error_response};
use http::StatusCode;
use oci::{Digest, DigestError, ManifestError, NameError};
use serde_json::{Value, json};

/// The two digests of content that is not what it was announced to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mismatch {
    /// What was announced.
    pub expected: Digest,
    /// What the content has.
    pub found: Digest,
}

/// Why the registry does not do what a request asks for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The repository has no such blob.
    #[error("blob unknown to registry")]
    BlobUnknown(Digest),
    /// A blob larger than this server takes.
    #[error("blob is larger than {limit} bytes")]
    BlobTooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The request's body could not be read to its end.
    #[error("the body of the request ended early")]
    BodyCut(#[source] BodyError),
    /// A chunk that does not begin where the upload stands.
    #[error("chunk begins at {found}, upload stands at {expected}")]
    ChunkOutOfOrder {
        /// Bytes received so far.
        expected: u64,
        /// First byte of the chunk.
        found: u64,
    },
    /// A chunk whose `Content-Range` cannot be read, or is not that of its body.
    #[error("chunk does not have the size of its Content-Range")]
    ChunkSize,
    /// The request is not allowed.
    #[error("requested access to the resource is denied: {0}")]
    Denied(Denied),
    /// A digest that cannot be read.
    #[error("provided digest is not a digest: {0}")]
    DigestInvalid(DigestError),
    /// Content with another digest than the client announced.
    #[error("provided digest did not match uploaded content")]
    DigestMismatch(Box<Mismatch>),
    /// No digest where one is needed.
    #[error("provided digest is missing")]
    DigestMissing,
    /// A manifest that points at content which the repository lacks.
    #[error("manifest references unknown manifests or blobs")]
    ManifestContentUnknown(Vec<Digest>),
    /// A document that is not a manifest.
    #[error("manifest invalid: {0}")]
    ManifestInvalid(ManifestError),
    /// A manifest larger than any registry takes.
    #[error("manifest is larger than {limit} bytes")]
    ManifestTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The repository has no such manifest or tag.
    #[error("manifest unknown")]
    ManifestUnknown,
    /// A method that this path does not have.
    #[error("the operation is unsupported")]
    MethodUnsupported {
        /// The methods that it has, as the header `Allow` lists them.
        allow: &'static str,
    },
    /// A repository name that cannot be one.
    #[error("invalid repository name: {0}")]
    NameInvalid(NameError),
    /// No such repository.
    #[error("repository name not known to registry")]
    NameUnknown,
    /// No such path.
    #[error("the path is unknown")]
    NoRoute,
    /// A page of a list that cannot be one.
    #[error("invalid number of results requested")]
    PageInvalid,
    /// The store failed; the reason is for the log.
    #[error("the registry could not store or read its data")]
    Storage(#[from] store::Error),
    /// A tag that cannot be one.
    #[error("manifest tag is not a tag: {0}")]
    TagInvalid(NameError),
    /// More uploads at once than this server takes.
    #[error("too many uploads at once")]
    TooManyUploads,
    /// Another request is using this upload.
    #[error("another request is writing to this upload")]
    UploadBusy,
    /// No such upload: finished, cancelled, forgotten or never begun.
    #[error("blob upload unknown to registry")]
    UploadUnknown,
}

impl Refused {
    /// The status and the code of the OCI distribution specification ("Error Codes"), or of the reference registry
    /// where that has none.
    #[must_use]
    pub fn code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::BlobUnknown(_) => (StatusCode::NOT_FOUND, "BLOB_UNKNOWN"),
            Self::BlobTooLarge { .. } | Self::ManifestTooLarge { .. } => {
                (StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID")
            }
            Self::BodyCut(_) => (StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID"),
            Self::ChunkOutOfOrder { .. } => {
                (StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID")
            }
            Self::ChunkSize => (StatusCode::BAD_REQUEST, "SIZE_INVALID"),
            Self::Denied(_) => (StatusCode::FORBIDDEN, "DENIED"),
            Self::DigestInvalid(_) | Self::DigestMismatch(_) | Self::DigestMissing => {
                (StatusCode::BAD_REQUEST, "DIGEST_INVALID")
            }
            Self::ManifestContentUnknown(_) => (StatusCode::BAD_REQUEST, "MANIFEST_BLOB_UNKNOWN"),
            Self::ManifestInvalid(_) => (StatusCode::BAD_REQUEST, "MANIFEST_INVALID"),
            Self::ManifestUnknown => (StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN"),
            Self::MethodUnsupported { .. } => (StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED"),
            Self::NameInvalid(_) => (StatusCode::BAD_REQUEST, "NAME_INVALID"),
            Self::NameUnknown => (StatusCode::NOT_FOUND, "NAME_UNKNOWN"),
            Self::NoRoute => (StatusCode::NOT_FOUND, "UNSUPPORTED"),
            Self::PageInvalid => (StatusCode::BAD_REQUEST, "PAGINATION_NUMBER_INVALID"),
            Self::Storage(store::Error::Full) => (StatusCode::INSUFFICIENT_STORAGE, "UNKNOWN"),
            Self::Storage(store::Error::Busy | store::Error::ReadOnly) => {
                (StatusCode::SERVICE_UNAVAILABLE, "UNKNOWN")
            }
            Self::Storage(_) => (StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN"),
            Self::TagInvalid(_) => (StatusCode::BAD_REQUEST, "TAG_INVALID"),
            Self::TooManyUploads => (StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS"),
            Self::UploadBusy => (StatusCode::CONFLICT, "BLOB_UPLOAD_INVALID"),
            Self::UploadUnknown => (StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN"),
        }
    }

    pub(crate) fn mismatch(expected: Digest, found: Digest) -> Self {
        Self::DigestMismatch(Box::new(Mismatch { expected, found }))
    }

    fn detail(&self) -> Option<Value> {
        match self {
            Self::BlobUnknown(digest) => Some(json!({ "digest": digest })),
            Self::DigestMismatch(mismatch) => Some(json!({
                "expected": mismatch.expected,
                "found": mismatch.found,
            })),
            Self::ManifestContentUnknown(missing) => Some(
                missing
                    .iter()
                    .map(|digest| json!({ "digest": digest }))
                    .collect(),
            ),
            // Go clients take an entry without a detail for a bare code; docker then cannot say what was not found.
            Self::Denied(_) | Self::ManifestUnknown | Self::NameUnknown => Some(json!({})),
            _ => None,
        }
    }

    /// The error envelope.
    pub(crate) fn response(&self) -> Response {
        let (status, code) = self.code();
        if let Self::Storage(error) = self {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "the store of the registry failed"
            );
        }
        error_response(
            status,
            &[ErrorEntry {
                code,
                message: self.to_string(),
                detail: self.detail(),
            }],
        )
    }
}
