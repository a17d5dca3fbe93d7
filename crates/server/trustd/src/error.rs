use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use chassis::{Denied, ErrorEntry, body::BodyError, error_response};
use http::{HeaderValue, StatusCode, header::ALLOW};
use pki::key::TufKeyId;
use serde_json::{Value, json};
use tuf::{
    Role,
    edit::EditError,
    server::{Area, RenewRefusal, UploadRefusal},
};

use crate::{keychain::KeyError, multipart::MultipartError};

/// Why the trust server does not do what a request asks for.
///
/// `Display` is the `message` of the error envelope, Notary's own where it has one (`notary:server/errors`).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The request's body could not be read to its end.
    #[error("The body of your request is malformed.")]
    BodyCut(#[source] BodyError),
    /// The request is not allowed.
    #[error("requested access to the resource is denied")]
    Denied(Denied),
    /// A GUN that this server does not serve, or that cannot be one.
    #[error("The server does not support actions on images of this name.")]
    GunInvalid {
        /// What GUNs must begin with; empty if the name itself is bad.
        prefixes: Vec<String>,
    },
    /// A server-held key cannot be used.
    #[error("unknown error")]
    Key {
        /// The key.
        id: TufKeyId,
        /// Why.
        source: KeyError,
    },
    /// A new key cannot be made.
    #[error("unknown error")]
    NoNewKey(#[source] pki::signing::ProviderError),
    /// A method that this path does not have. Answered without a body.
    #[error("the operation is unsupported")]
    MethodUnsupported {
        /// The methods that it has, as the header `Allow` lists them.
        allow: &'static str,
    },
    /// The body is no form.
    #[error("The body of your request is malformed.")]
    Multipart(#[source] MultipartError),
    /// A part without a file name.
    #[error("No file/role name provided.")]
    NoFilename,
    /// No such file.
    #[error("You have requested metadata that does not exist.")]
    NotFound,
    /// No such path. Notary uses the same code without the empty detail.
    #[error("You have requested metadata that does not exist.")]
    NoRoute,
    /// A parameter of the query cannot be read.
    #[error("The parameters provided are not valid.")]
    ParametersInvalid {
        /// Notary's sentence.
        reason: String,
    },
    /// Another publication of the GUN was committed since this one was judged.
    #[error("A newer version of metadata is already available.")]
    Raced,
    /// What the server signs has expired and cannot be renewed.
    #[error("unknown error")]
    Renew(#[source] RenewRefusal),
    /// A part for a role that does not exist.
    #[error("The role you are attempting to operate on is invalid.")]
    RoleInvalid {
        /// The file name.
        name: String,
    },
    /// Signatures made here were not accepted here.
    #[error("unknown error")]
    Signing(#[source] EditError),
    /// The store failed to read; the reason is for the log.
    #[error("unknown error")]
    Storage(#[source] store::Error),
    /// An upload larger than this server takes.
    #[error("The body of your request is larger than {limit} bytes.")]
    TooLarge {
        /// The limit in bytes, of a part or of the whole.
        limit: usize,
    },
    /// The store failed to write; the reason is for the log.
    #[error("An error has occurred while updating the TUF repository.")]
    Updating(#[source] store::Error),
    /// The upload breaks a rule.
    #[error("{}", upload_message(.0))]
    Upload(#[source] Box<UploadRefusal>),
}

fn upload_message(refusal: &UploadRefusal) -> String {
    match refusal {
        UploadRefusal::Malformed { .. } => {
            "JSON sent by the client could not be parsed by the server".to_owned()
        }
        UploadRefusal::Version { role, stored, got } => format!(
            "A newer version of metadata is already available: {role} has version {stored}, the upload has {got}."
        ),
        _ => "Update sent by the client is invalid.".to_owned(),
    }
}

impl From<UploadRefusal> for Refused {
    fn from(refusal: UploadRefusal) -> Self {
        Self::Upload(Box::new(refusal))
    }
}

impl Refused {
    /// A version that is not above what is stored.
    pub(crate) fn version(role: Role, stored: u64, got: u64) -> Self {
        UploadRefusal::Version { role, stored, got }.into()
    }

    /// The status and Notary's code.
    ///
    /// Differs from Notary where that hides what happened: a conflict of versions is a 409, a full disk a 507.
    #[must_use]
    pub fn code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::BodyCut(_) | Self::Multipart(_) => (StatusCode::BAD_REQUEST, "MALFORMED_UPLOAD"),
            Self::Denied(_) => (StatusCode::FORBIDDEN, "DENIED"),
            Self::GunInvalid { .. } => (StatusCode::BAD_REQUEST, "INVALID_GUN"),
            Self::Key { .. } | Self::NoNewKey(_) | Self::Renew(_) | Self::Signing(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN")
            }
            Self::MethodUnsupported { .. } => (StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED"),
            Self::NoFilename => (StatusCode::BAD_REQUEST, "NO_FILENAME"),
            Self::NotFound | Self::NoRoute => (StatusCode::NOT_FOUND, "METADATA_NOT_FOUND"),
            Self::ParametersInvalid { .. } => (StatusCode::BAD_REQUEST, "INVALID_PARAMETERS"),
            Self::Raced => (StatusCode::CONFLICT, "VERSION"),
            Self::RoleInvalid { .. } => (StatusCode::BAD_REQUEST, "INVALID_ROLE"),
            Self::Storage(error) => (storage_status(error), "UNKNOWN"),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "MALFORMED_UPLOAD"),
            Self::Updating(error) => (storage_status(error), "UPDATING"),
            Self::Upload(refusal) => match **refusal {
                UploadRefusal::Malformed { .. } => (StatusCode::BAD_REQUEST, "MALFORMED_JSON"),
                UploadRefusal::Version { .. } => (StatusCode::CONFLICT, "VERSION"),
                _ => (StatusCode::BAD_REQUEST, "INVALID_UPDATE"),
            },
        }
    }

    fn detail(&self) -> Option<Value> {
        match self {
            Self::BodyCut(source) => Some(json!(source.to_string())),
            Self::Denied(denied) => Some(json!(denied.to_string())),
            Self::GunInvalid { prefixes } => (!prefixes.is_empty()).then(|| {
                // As Go prints a list of strings.
                json!(format!(
                    "Require GUNs with prefix: [{}]",
                    prefixes.join(" ")
                ))
            }),
            Self::Key { id, source } => Some(reason(format!("key {id}: {source}"))),
            Self::Multipart(source) => Some(json!(source.to_string())),
            Self::NotFound => Some(json!({})),
            Self::ParametersInvalid { reason } => Some(json!(reason)),
            Self::Raced => Some(json!({})),
            Self::Renew(source) => Some(reason(source.to_string())),
            Self::RoleInvalid { name } => Some(json!(name)),
            Self::Upload(refusal) => Some(upload_detail(refusal)),
            _ => None,
        }
    }

    /// The error envelope.
    pub(crate) fn response(&self) -> Response {
        let (status, code) = self.code();
        if let Self::MethodUnsupported { allow } = self {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = status;
            let allow = HeaderValue::from_static(allow);
            response.headers_mut().insert(ALLOW, allow);
            return response;
        }
        if status.is_server_error() {
            let error: &dyn std::error::Error = self;
            tracing::error!(error, source = error.source(), "the trust server failed");
        }
        let (message, detail) = (self.to_string(), self.detail());
        let entry = ErrorEntry {
            code,
            message,
            detail,
        };
        error_response(status, &[entry]).into_response()
    }
}

fn storage_status(error: &store::Error) -> StatusCode {
    match error {
        store::Error::Full => StatusCode::INSUFFICIENT_STORAGE,
        store::Error::Busy | store::Error::ReadOnly => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The detail of Notary's unknown errors.
fn reason(text: String) -> Value {
    json!({ "Reason": text })
}

/// `notary:tuf/validation/errors.go:SerializableError`, and what Notary leaves out of the other two.
fn upload_detail(refusal: &UploadRefusal) -> Value {
    match refusal {
        UploadRefusal::Invalid { area, cause } => {
            let mut error = json!({ "Msg": cause.to_string() });
            if let Area::Hierarchy { missing } = area {
                error["Missing"] = json!(missing);
            }
            json!({ "Name": area.name(), "Error": error })
        }
        UploadRefusal::Version { role, stored, got } => {
            json!({ "Role": role.as_str(), "Stored": stored, "Uploaded": got })
        }
        other => json!(other.to_string()),
    }
}
