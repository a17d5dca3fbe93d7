//! The messages of `sigstore/protobuf-specs:protos/{sigstore_bundle,sigstore_rekor,sigstore_common}.proto` as JSON.
//!
//! Unknown members are ignored, as protobuf readers of a newer message must; what decides a verdict is never looked for
//! in them. Every member is optional here: what must be there is said by [`super::read`].

use serde::{Deserialize, Serialize};

use crate::encoding::{Bytes, Int64};

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Bundle {
    #[serde(alias = "media_type", skip_serializing_if = "Option::is_none")]
    pub(crate) media_type: Option<String>,
    #[serde(
        alias = "verification_material",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) verification_material: Option<VerificationMaterial>,
    #[serde(alias = "message_signature", skip_serializing_if = "Option::is_none")]
    pub(crate) message_signature: Option<MessageSignature>,
    #[serde(alias = "dsse_envelope", skip_serializing_if = "Option::is_none")]
    pub(crate) dsse_envelope: Option<crate::dsse::wire::Envelope>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VerificationMaterial {
    #[serde(alias = "public_key", skip_serializing_if = "Option::is_none")]
    pub(crate) public_key: Option<PublicKeyHint>,
    #[serde(
        alias = "x509_certificate_chain",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) x509_certificate_chain: Option<Chain>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<RawBytes>,
    #[serde(alias = "tlog_entries", skip_serializing_if = "Option::is_none")]
    pub(crate) tlog_entries: Option<Vec<LogEntry>>,
    #[serde(
        alias = "timestamp_verification_data",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) timestamp_verification_data: Option<Timestamps>,
}

#[derive(Serialize, Deserialize, Default)]
pub(crate) struct PublicKeyHint {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
}

#[derive(Serialize, Deserialize, Default)]
pub(crate) struct Chain {
    pub(crate) certificates: Option<Vec<RawBytes>>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawBytes {
    #[serde(alias = "raw_bytes")]
    pub(crate) raw_bytes: Option<Bytes>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Timestamps {
    #[serde(alias = "rfc3161_timestamps")]
    pub(crate) rfc3161_timestamps: Option<Vec<SignedTimestamp>>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignedTimestamp {
    #[serde(alias = "signed_timestamp")]
    pub(crate) signed_timestamp: Option<Bytes>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MessageSignature {
    #[serde(alias = "message_digest", skip_serializing_if = "Option::is_none")]
    pub(crate) message_digest: Option<HashOutput>,
    pub(crate) signature: Option<Bytes>,
}

#[derive(Serialize, Deserialize, Default)]
pub(crate) struct HashOutput {
    pub(crate) algorithm: Option<String>,
    pub(crate) digest: Option<Bytes>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogEntry {
    #[serde(alias = "log_index", skip_serializing_if = "is_zero")]
    pub(crate) log_index: Option<Int64>,
    #[serde(alias = "log_id")]
    pub(crate) log_id: Option<LogId>,
    #[serde(alias = "kind_version")]
    pub(crate) kind_version: Option<KindVersion>,
    #[serde(alias = "integrated_time", skip_serializing_if = "is_zero")]
    pub(crate) integrated_time: Option<Int64>,
    #[serde(alias = "inclusion_promise", skip_serializing_if = "Option::is_none")]
    pub(crate) inclusion_promise: Option<Promise>,
    #[serde(alias = "inclusion_proof", skip_serializing_if = "Option::is_none")]
    pub(crate) inclusion_proof: Option<Proof>,
    #[serde(alias = "canonicalized_body")]
    pub(crate) canonicalized_body: Option<Bytes>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogId {
    #[serde(alias = "key_id")]
    pub(crate) key_id: Option<Bytes>,
}

#[derive(Serialize, Deserialize, Default)]
pub(crate) struct KindVersion {
    pub(crate) kind: Option<String>,
    pub(crate) version: Option<String>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Promise {
    #[serde(alias = "signed_entry_timestamp")]
    pub(crate) signed_entry_timestamp: Option<Bytes>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Proof {
    #[serde(alias = "log_index", skip_serializing_if = "is_zero")]
    pub(crate) log_index: Option<Int64>,
    #[serde(alias = "root_hash")]
    pub(crate) root_hash: Option<Bytes>,
    #[serde(alias = "tree_size", skip_serializing_if = "is_zero")]
    pub(crate) tree_size: Option<Int64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hashes: Option<Vec<Bytes>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) checkpoint: Option<Checkpoint>,
}

#[derive(Serialize, Deserialize, Default)]
pub(crate) struct Checkpoint {
    pub(crate) envelope: Option<String>,
}

/// Producers of proto3 JSON leave zero values out.
fn is_zero(value: &Option<Int64>) -> bool {
    value.is_none_or(|value| value.0 == 0)
}
