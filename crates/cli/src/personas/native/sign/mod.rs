//! `countersign sign IMAGE…`.

mod plan;

use std::collections::BTreeMap;

use indicatif::ProgressBar;
use oci::{Digest, Reference};
use registry::ResolvedImage;
use signing::sign::{Format, Signed, Stored};
use tuf::Role;

use super::error::Error;
use super::image_ops::{ImageOps, TagBatch};
use super::policy_file::{NO_POLICY, POLICY};
use crate::cobra::{Arity, Command, Flag, Matches, count_flags, join_flags};
use crate::failure::Failure;
use crate::personas::cosign::error::Error as CosignError;
use crate::personas::cosign::flags::REGISTRY;
use crate::personas::cosign::ops::{CosignOps, Party, SignImages, SignPlan};
use crate::personas::cosign::party::PartyOptions;
use crate::personas::cosign::registry::RegistryOptions;
use crate::personas::cosign::{Context, images};
use crate::personas::docker_trust::error::Context as TrustContext;
use crate::personas::docker_trust::ops::Refusal;
use crate::process::Process;
use crate::progress;
use crate::render::printable::printable;
use crate::render::table::table;
use crate::session::{Run, Session};
use plan::{Plan, SigstorePlan};

const GROUPS: &[&[Flag]] = &[&[NO_POLICY, POLICY], plan::FLAGS, REGISTRY];
const FLAGS: [Flag; count_flags(GROUPS)] = join_flags(GROUPS);

/// Exit codes of what could not even begin, as `verify` has them.
const NO_SUCH_IMAGE: u8 = 11;
const NOT_REACHED: u8 = 15;

pub(super) const TABLE: Command<Run> = Command {
    usage: "[OPTIONS] IMAGE...",
    long: "Sign images by content trust, by Sigstore, or by both: as flags say, or the [sign] table of countersign.toml:\n\
           \n\
           \x20 [sign]\n\
           \x20 systems = [\"content-trust\", \"sigstore\"]\n\
           \x20 key = \"release.key\"          # beside this file, or of a key service; or keyless = true\n\
           \x20 format = \"both\"              # tag, referrer, bundle, or both tag and bundle\n\
           \x20 annotations = { stage = \"prod\" }\n\
           \n\
           Nothing is written before every image was found and every key unlocked. A tag is signed as the digest that it \
           is at this moment. With a key, nobody but the registry and, for content trust, its trust server is contacted. \
           Passphrases: COSIGN_PASSWORD for --key, those of docker trust for content trust.\n\
           \n\
           Exit codes: 0 everything is signed, 11 no such image, 15 a registry could not be reached, 125 a flag that \
           is not known, 1 anything else; the output says what was signed and what was not.",
    arity: Arity::AtLeast(1),
    flags: &FLAGS,
    run: Some(run),
    ..Command::new(
        "sign",
        "Sign images: content trust and Sigstore, by flags or countersign.toml",
    )
};

/// What became of one image in one system.
#[derive(Debug)]
struct Row {
    /// The place of the image on the command line.
    index: usize,
    image: String,
    digest: Digest,
    system: &'static str,
    /// In which forms or roles, or why not.
    result: Result<String, String>,
}

fn run(session: &Session<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = session.process;
    let plan = Plan::of(session, matches)?;
    let named = images::parse_all(matches.args())?;
    if plan.content_trust
        && let Some(image) = named.iter().find(|image| image.tag().is_none())
    {
        return Err(Error::TagNeeded {
            image: image.to_string(),
        }
        .into());
    }
    let registry = RegistryOptions::of(process, matches)?;
    let mut ops = session.uses.images(session, &registry)?;
    let resolved = resolve(process, &mut *ops, &named)?;
    let party = match &plan.sigstore {
        Some(sigstore) => Some(party(session, &mut *ops, sigstore)?),
        None => None,
    };
    let work = Work {
        named: &named,
        resolved: &resolved,
        sigstore: plan.sigstore.as_ref().zip(party.as_ref()),
    };
    let rows = if plan.content_trust {
        work.in_both(process, &mut *ops)?
    } else {
        let bar = progress::bar(process, named.len() as u64, "signing");
        let rows = work.by_sigstore(process, ops.cosign(), &bar);
        bar.finish_and_clear();
        rows
    };
    conclude(process, &rows)
}

/// All images, or the complaints about those that cannot be had.
fn resolve(
    process: &Process,
    ops: &mut dyn ImageOps,
    named: &[Reference],
) -> Result<Vec<ResolvedImage>, Failure> {
    let bar = progress::bar(process, named.len() as u64, "looking up");
    let found = ops.resolve(named, &mut || bar.inc(1));
    bar.finish_and_clear();
    let mut resolved = Vec::with_capacity(found.len());
    let mut code = None;
    for (image, found) in named.iter().zip(found) {
        match found {
            Ok(image) => resolved.push(image),
            Err(error) => {
                let text = format!(
                    "Error: {}: {}\n",
                    printable(&image.to_string()),
                    error.text()
                );
                process.err(text);
                code.get_or_insert(match error {
                    CosignError::ImageMissing { .. } => NO_SUCH_IMAGE,
                    CosignError::Registry(_) | CosignError::Network(_) => NOT_REACHED,
                    _ => 1,
                });
            }
        }
    }
    match code {
        None => Ok(resolved),
        Some(code) => {
            process.err("Nothing was signed.\n");
            Err(Failure::Ended(code))
        }
    }
}

fn party(
    session: &Session<'_>,
    ops: &mut dyn ImageOps,
    plan: &SigstorePlan,
) -> Result<Party, Failure> {
    let context = Context {
        session,
        timeout: None,
    };
    let options = PartyOptions::of(&context, &plan.signer)?;
    Ok(ops.cosign().party(options)?)
}

/// Images that were found, and who signs them.
struct Work<'a> {
    named: &'a [Reference],
    resolved: &'a [ResolvedImage],
    sigstore: Option<(&'a SigstorePlan, &'a Party)>,
}

impl Work<'_> {
    /// By Sigstore, if that is to be, and by content trust.
    fn in_both(&self, process: &Process, ops: &mut dyn ImageOps) -> Result<Vec<Row>, Failure> {
        let (batches, members) = self.batches();
        let systems = 1 + u64::from(self.sigstore.is_some());
        let bar = progress::bar(process, self.named.len() as u64 * systems, "signing");
        let mut rows = Vec::new();
        let mut published = Vec::new();
        let outcome = ops.sign_tags(
            &batches,
            &mut |cosign| rows = self.by_sigstore(process, cosign, &bar),
            &mut |batch, outcome| {
                let count = members.get(batch).map_or(0, Vec::len);
                bar.inc(count as u64);
                published.push((batch, outcome));
            },
        );
        bar.finish_and_clear();
        if let Err(refused) = outcome {
            for (batch, refusal) in refused {
                let batch = batches.get(batch).map(|batch| batch.repository.gun());
                process.err(format_args!(
                    "Error: {}: {}\n",
                    printable(&batch.unwrap_or_default()),
                    explain(&refusal)
                ));
            }
            process.err("Nothing was signed.\n");
            return Err(Failure::Said);
        }
        for (batch, outcome) in published {
            let result = match outcome {
                Ok(roles) => Ok(joined(roles.iter().map(Role::as_str))),
                Err(refusal) => Err(explain(&refusal)),
            };
            let members = members.get(batch).into_iter().flatten();
            rows.extend(members.filter_map(|index| self.row(*index, "content trust", &result)));
        }
        // By image, each with its systems in the order in which they were signed.
        rows.sort_by_key(|row| row.index);
        Ok(rows)
    }

    /// The images by repository, and the place of each in the list of all.
    fn batches(&self) -> (Vec<TagBatch>, Vec<Vec<usize>>) {
        let mut batches: Vec<TagBatch> = Vec::new();
        let mut members: Vec<Vec<usize>> = Vec::new();
        for (index, (image, resolved)) in self.named.iter().zip(self.resolved).enumerate() {
            let Some(tag) = image.tag() else {
                continue;
            };
            let known = batches
                .iter_mut()
                .zip(&mut members)
                .find(|(batch, _)| batch.repository == *image.repository());
            match known {
                Some((batch, members)) => {
                    batch.images.push((tag.clone(), resolved.clone()));
                    members.push(index);
                }
                None => {
                    batches.push(TagBatch {
                        repository: image.repository().clone(),
                        images: vec![(tag.clone(), resolved.clone())],
                    });
                    members.push(vec![index]);
                }
            }
        }
        (batches, members)
    }

    /// Each digest once, however many tags it has.
    fn by_sigstore(
        &self,
        process: &Process,
        cosign: &mut dyn CosignOps,
        bar: &ProgressBar,
    ) -> Vec<Row> {
        let Some((plan, party)) = self.sigstore else {
            return Vec::new();
        };
        let mut members: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
        let mut pinned: Vec<Reference> = Vec::new();
        let mut order = Vec::new();
        for (index, resolved) in self.resolved.iter().enumerate() {
            let digest = resolved.manifest_digest();
            let id = (resolved.repository().gun(), digest.to_string());
            let same = members.entry(id.clone()).or_default();
            if same.is_empty() {
                pinned.push(Reference::new(
                    resolved.repository().clone(),
                    None,
                    Some(digest),
                ));
                order.push(id);
            }
            same.push(index);
        }
        let request = SignImages {
            images: &pinned,
            recursive: plan.recursive,
            plan: SignPlan::Sign(party.image_plan(&plan.formats, &plan.annotations, process.now())),
        };
        let mut rows = Vec::new();
        cosign.sign_images(&request, &mut |index, outcome| {
            let result = match outcome {
                Ok(signed) => Ok(forms(&signed)),
                Err(error) => Err(error.text()),
            };
            let same = order.get(index).and_then(|id| members.get(id));
            for index in same.into_iter().flatten() {
                rows.extend(self.row(*index, "sigstore", &result));
                bar.inc(1);
            }
        });
        rows.sort_by_key(|row| row.index);
        rows
    }

    fn row(
        &self,
        index: usize,
        system: &'static str,
        result: &Result<String, String>,
    ) -> Option<Row> {
        Some(Row {
            index,
            image: self.named.get(index)?.to_string(),
            digest: self.resolved.get(index)?.manifest_digest(),
            system,
            result: result.clone(),
        })
    }
}

/// In which forms an image is signed; of an index, how many manifests were signed along.
fn forms(signed: &[Signed]) -> String {
    let Some((image, others)) = signed.split_first() else {
        return String::new();
    };
    let forms = joined(image.signatures.iter().map(|signature| {
        match (signature.format, &signature.stored) {
            (Format::Tag, Some(Stored::AlreadyTagged)) => "tag, as before",
            (Format::Tag, _) => "tag",
            (Format::Referrer, _) => "referrer",
            (Format::Bundle, _) => "bundle",
        }
    }));
    match others.len() {
        0 => forms,
        others => format!("{forms}; and {others} manifests of the index"),
    }
}

fn joined<'t>(words: impl Iterator<Item = &'t str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

fn explain(refusal: &Refusal) -> String {
    TrustContext::None.explain(refusal)
}

/// The table, what went wrong, and how much was signed.
fn conclude(process: &Process, rows: &[Row]) -> Result<(), Failure> {
    let mut lines = vec![["IMAGE", "DIGEST", "SYSTEM", "RESULT"].map(str::to_owned)];
    lines.extend(rows.iter().map(|row| {
        [
            row.image.clone(),
            row.digest.to_string(),
            row.system.to_owned(),
            match &row.result {
                Ok(forms) => format!("signed ({forms})"),
                Err(_) => "not signed".to_owned(),
            },
        ]
    }));
    process.out(table(&lines))?;
    let failed: Vec<_> = rows
        .iter()
        .filter_map(|row| Some((row, row.result.as_ref().err()?)))
        .collect();
    for (row, why) in &failed {
        process.err(format_args!(
            "\nError: {}, {}: {why}\n",
            printable(&row.image),
            row.system
        ));
    }
    if rows.len() > 1 || !failed.is_empty() {
        process.err(format_args!(
            "\n{} of {} signatures were made.\n",
            rows.len() - failed.len(),
            rows.len()
        ));
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Failure::Said)
    }
}
