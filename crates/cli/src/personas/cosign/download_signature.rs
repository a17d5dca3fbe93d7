//! `download signature`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use signing::download::{Document, DocumentForm};
use sigstore::fulcio::{SigningCertificate, chain_from_pem};
use sigstore::legacy;

use super::download::{self, Sought};
use super::flags::{REGISTRY, flags};
use super::{Action, Context};
use crate::cobra::{Arity, Command, Matches};
use crate::failure::Failure;

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS] IMAGE",
    long: "Print the signatures of an image, one on each line: JSON with Base64Signature, Payload, Cert, Chain, Bundle \
           and RFC3161Timestamp for the older form, then bundles as they are.\n\
           Nothing is verified; 'verify' prints what is.",
    arity: Arity::Exactly(1),
    flags: flags!(REGISTRY),
    run: Some(run),
    ..Command::new("signature", "Print signatures of an image")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    for document in download::documents(context, matches, Sought::Signatures, None)? {
        let mut line = match document.form {
            DocumentForm::Payload => Line::of(&document).to_json(),
            DocumentForm::Bundle | DocumentForm::Envelope | DocumentForm::Plain => {
                document.bytes.trim_ascii().to_vec()
            }
        };
        line.push(b'\n');
        context.session.process.out_bytes(&line)?;
    }
    Ok(())
}

/// A signature of the older form (`sigstore/cosign:pkg/cosign/fetch.go`, `SignedPayload`).
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Line<'a> {
    base64_signature: &'a str,
    payload: String,
    cert: Option<Certificate>,
    chain: Option<Vec<Certificate>>,
    bundle: Option<&'a RawValue>,
    #[serde(rename = "RFC3161Timestamp")]
    timestamp: Option<&'a RawValue>,
}

/// What is of use of Go's certificate, by its names.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Certificate {
    /// DER in base64.
    raw: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_after: Option<Timestamp>,
}

impl<'a> Line<'a> {
    /// What cannot be read of it is null, as if it were not there: it is shown, and nothing follows from it.
    fn of(document: &'a Document) -> Self {
        let text = |name: &str| {
            let text = document.layer.annotations.get(name)?;
            Some(text.as_str()).filter(|text| !text.is_empty())
        };
        let json = |name| text(name).and_then(|text| serde_json::from_str(text).ok());
        let certificates = |name| {
            let chain = chain_from_pem(text(name)?).ok()?;
            Some(chain.iter().map(|der| Certificate::of(der)).collect())
        };
        let leaf: Option<Vec<Certificate>> = certificates(legacy::CERTIFICATE);
        Self {
            base64_signature: text(legacy::SIGNATURE).unwrap_or_default(),
            payload: STANDARD.encode(&document.bytes),
            cert: leaf.and_then(|mut leaf| leaf.pop()),
            chain: certificates(legacy::CHAIN),
            bundle: json(legacy::BUNDLE),
            timestamp: json(legacy::TIMESTAMP),
        }
    }

    fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("text cannot fail to be written")
    }
}

impl Certificate {
    fn of(der: &[u8]) -> Self {
        let read = SigningCertificate::from_der(der).ok();
        Self {
            raw: STANDARD.encode(der),
            not_before: read.as_ref().map(SigningCertificate::not_before),
            not_after: read.as_ref().map(SigningCertificate::not_after),
        }
    }
}
