//! `attest-blob`.

use std::path::Path;

use jiff::Timestamp;
use pki::digest::Sha256;
use signing::sign::{AttestedBlob, SignError};
use sigstore::bundle::{Bundle, Content};
use sigstore::predicate::About;
use sigstore::statement::{Statement, StatementVersion};

use super::blob_files::{
    B64, BUNDLE, BlobForm, OUTPUT_CERTIFICATE, OUTPUT_SIGNATURE, form, print, write,
    write_bundle_file, write_evidence, write_legacy_evidence,
};
use super::error::Error;
use super::flags::{FORMAT, SIGNING, file, flags};
use super::party::PartyOptions;
use super::predicates::Material;
use super::registry::RegistryOptions;
use super::sign_blob::named;
use super::{Action, Context, blob, given, predicates};
use crate::cobra::{Arity, Command, Completes, Flag, Matches};
use crate::failure::Failure;

const HASH: Flag = Flag::text(
    "hash",
    "",
    "SHA-256 of the file in hex; it is not read then",
);
const OUTPUT_ATTESTATION: Flag = file("output-attestation", "Write the statement to this file");
const TIMESTAMP: Flag = file(
    "rfc3161-timestamp-bundle",
    "Write the signed timestamp to this file",
);

pub(super) const COMMAND: Command<Action> = Command {
    usage: "[OPTIONS] FILE",
    long: "Attest something about a file: a predicate is signed together with the file's name and digest. The \
           envelope goes to standard output, or with --bundle into a bundle.\n\
           With --key nobody is contacted, unless a log or timestamp server is named.",
    arity: Arity::AtLeast(0),
    completes: Completes::File,
    flags: flags!(
        &[
            B64,
            BUNDLE,
            FORMAT,
            HASH,
            OUTPUT_ATTESTATION,
            OUTPUT_CERTIFICATE,
            OUTPUT_SIGNATURE,
            predicates::ENTRY_TYPE,
            predicates::PREDICATE,
            predicates::STATEMENT,
            predicates::TYPE,
            TIMESTAMP,
        ],
        SIGNING,
    ),
    run: Some(run),
    ..Command::new("attest-blob", "Attest something about a file")
};

fn run(context: &Context<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = context.session.process;
    let form = form(matches)?;
    let entry = predicates::entry_kind(matches)?;
    let subject = subject(context, matches)?;
    let material = Material::read(context, matches, matches.args())?;
    let (digest, statement) = statement(material, subject.as_ref(), form, process.now())?;
    let registry = RegistryOptions::of(process, matches)?;
    let mut ops = context.ops(&registry)?;
    let party = ops.party(PartyOptions::of(context, matches)?)?;
    match form {
        BlobForm::Bundle => {
            let bundle = ops.attest_blob(&party, &digest, statement)?;
            write_bundle(context, matches, &bundle)
        }
        BlobForm::Legacy => {
            let attested = ops.attest_blob_legacy(&party, statement, entry)?;
            write_legacy(context, matches, &attested)
        }
    }
}

/// The file's name and digest; none where a ready statement says what it is about.
struct Subject {
    name: String,
    digest: Sha256,
}

fn subject(context: &Context<'_>, matches: &Matches) -> Result<Option<Subject>, Error> {
    let process = context.session.process;
    let path = match matches.args() {
        [path] => path,
        [] if given(matches, &predicates::STATEMENT).is_some() => return Ok(None),
        args => {
            return Err(Error::Usage {
                problem: format!("accepts 1 arg(s), received {}", args.len()),
            });
        }
    };
    let digest = match given(matches, &HASH) {
        Some(hex) => Sha256::parse_hex(&hex.to_ascii_lowercase()).map_err(|_| Error::Usage {
            problem: format!("--hash {hex:?} is no SHA-256 digest: give 64 hexadecimal digits"),
        })?,
        None => {
            process.err(format_args!("Using payload from: {}\n", named(path)));
            Sha256::of(&blob::content(process, path)?)
        }
    };
    let name = Path::new(path).file_name();
    Ok(Some(Subject {
        name: name.map_or_else(|| path.clone(), |name| name.to_string_lossy().into_owned()),
        digest,
    }))
}

/// What is signed, and the digest that it is about.
fn statement(
    material: Material,
    subject: Option<&Subject>,
    form: BlobForm,
    now: Timestamp,
) -> Result<(Sha256, String), Error> {
    let (kind, predicate) = match material {
        Material::Statement(statement) => return Ok((about(&statement, subject)?, statement)),
        Material::Predicate(kind, predicate) => (kind, predicate),
    };
    let Some(Subject { name, digest }) = subject else {
        return Err(Error::Usage {
            problem: "accepts 1 arg(s), received 0".to_owned(),
        });
    };
    let version = match form {
        BlobForm::Bundle => StatementVersion::V1,
        BlobForm::Legacy => StatementVersion::V0_1,
    };
    let statement = kind
        .statement(version, About { name, digest }, &predicate, now)
        .map_err(SignError::from)?;
    Ok((*digest, statement))
}

/// The SHA-256 digest that a statement is about; of the file, if one was given.
fn about(statement: &str, subject: Option<&Subject>) -> Result<Sha256, Error> {
    let unusable = |problem: String| Error::Usage { problem };
    let parsed = Statement::parse(statement.as_bytes())
        .map_err(|error| unusable(format!("--statement: {error}")))?;
    let digests: Vec<Sha256> = parsed
        .subjects
        .iter()
        .filter_map(|subject| subject.digests.get("sha256"))
        .filter_map(|hex| Sha256::parse_hex(&hex.to_ascii_lowercase()).ok())
        .collect();
    match subject {
        None => digests
            .first()
            .copied()
            .ok_or_else(|| unusable("--statement: no subject has a SHA-256 digest".to_owned())),
        Some(subject) if digests.contains(&subject.digest) => Ok(subject.digest),
        Some(subject) => Err(unusable(format!(
            "--statement: no subject is {} (sha256:{})",
            subject.name, subject.digest
        ))),
    }
}

fn write_bundle(context: &Context<'_>, matches: &Matches, bundle: &Bundle) -> Result<(), Failure> {
    write_bundle_file(context, matches, bundle.to_json())?;
    if let Content::Dsse(envelope) = &bundle.content {
        let path = given(matches, &OUTPUT_SIGNATURE);
        write(context, path, envelope.to_json(), "Signature written in")?;
        let path = given(matches, &OUTPUT_ATTESTATION);
        write(context, path, envelope.payload(), "Attestation written in")?;
    }
    write_evidence(context, matches, bundle, &TIMESTAMP)
}

fn write_legacy(
    context: &Context<'_>,
    matches: &Matches,
    attested: &AttestedBlob,
) -> Result<(), Failure> {
    let (envelope, evidence) = (&attested.envelope, &attested.evidence);
    write_bundle_file(context, matches, evidence.to_json())?;
    let path = given(matches, &OUTPUT_SIGNATURE);
    print(context, path, &envelope.to_json())?;
    write(context, path, envelope.to_json(), "Signature written in")?;
    let path = given(matches, &OUTPUT_ATTESTATION);
    write(context, path, envelope.payload(), "Attestation written in")?;
    write_legacy_evidence(context, matches, evidence, &TIMESTAMP)
}
