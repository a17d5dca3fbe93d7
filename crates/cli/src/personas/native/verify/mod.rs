//! `countersign verify IMAGE…`.

mod demands;
mod reasons;
mod report;
mod verdict;

use super::error::Error;
use super::image_ops::{Look, Query};
use super::policy_file::{NO_POLICY, POLICY};
use crate::cobra::{Arity, Command, Flag, Matches, count_flags, join_flags};
use crate::failure::Failure;
use crate::personas::cosign::flags::{OFFLINE, REGISTRY, TRUSTED_ROOT};
use crate::personas::cosign::images;
use crate::personas::cosign::registry::RegistryOptions;
use crate::progress;
use crate::render::printable::printable_json;
use crate::session::{Run, Session};
use demands::{DEMANDS, Demands};
use verdict::{JudgedImage, Names};

const EXPLAIN: Flag = Flag::switch(
    "explain",
    "Show each demand, and each signature with every check of it",
);
const JSON: Flag = Flag::switch(
    "json",
    "Print one JSON document: verdicts, facts, checks and reasons with codes that stay",
);

const OWN: &[Flag] = &[EXPLAIN, JSON, NO_POLICY, OFFLINE, POLICY, TRUSTED_ROOT];
const GROUPS: &[&[Flag]] = &[OWN, DEMANDS, REGISTRY];
const FLAGS: [Flag; count_flags(GROUPS)] = join_flags(GROUPS);

pub(super) const TABLE: Command<Run> = Command {
    usage: "[OPTIONS] IMAGE...",
    long: "Verify that images are signed as flags or a policy demand, by content trust and by Sigstore.\n\
           \n\
           By flags: --key or --identity with --issuer, --content-trust or --role; every kind that is given must hold. \
           By a policy, in countersign.toml:\n\
           \n\
           \x20 [keys]                       # a file beside this one, or the reference of a key service\n\
           \x20 release = \"release.pub\"\n\
           \x20 backup = \"backup.pub\"\n\
           \n\
           \x20 [identities.pipeline]        # or subject-regexp, issuer-regexp\n\
           \x20 subject = \"https://gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main\"\n\
           \x20 issuer = \"https://gitlab.com\"\n\
           \n\
           \x20 [[rules]]                    # the first rule that is for a repository decides\n\
           \x20 repositories = [\"registry.example.com/acme/*\"]\n\
           \x20 annotations = { stage = \"prod\" }\n\
           \x20 all = [\n\
           \x20   { role = \"targets/releases\" },\n\
           \x20   { at-least = 2, of = [{ key = \"release\" }, { key = \"backup\" }, { identity = \"pipeline\" }] },\n\
           \x20 ]\n\
           \n\
           \x20 [[rules]]\n\
           \x20 repositories = [\"localhost:5000/**\"]\n\
           \x20 accept-unsigned = true       # or deny = true; what no rule is for is denied\n\
           \n\
           A tag is looked up once, and all demands are judged for that digest. With keys alone, nothing but the \
           registry is contacted; for an image that the policy denies, nobody.\n\
           \n\
           Exit codes: 0 all are as demanded; of the first that is not: 10 not signed, 11 no such image, 12 signed but \
           not as demanded, 13 signed by a key only where an identity is demanded, 14 denied by the policy, 15 could not \
           be checked. 1 for anything else, 125 for a flag that is not known.",
    arity: Arity::AtLeast(1),
    flags: &FLAGS,
    run: Some(run),
    ..Command::new(
        "verify",
        "Verify images: content trust and Sigstore, by flags or a policy",
    )
};

fn run(session: &Session<'_>, matches: &Matches) -> Result<(), Failure> {
    let process = session.process;
    if matches.on(&EXPLAIN) && matches.on(&JSON) {
        return Err(Error::Conflict {
            drop: EXPLAIN.name,
            because: format!("--{}", JSON.name),
            why: "the document has all of it",
            way_out: String::new(),
        }
        .into());
    }
    let named = images::parse_all(matches.args())?;
    let demands = Demands::of(session, matches)?;
    let registry = RegistryOptions::of(process, matches)?;
    let means = demands.means(session, matches, &named)?;
    let queries: Vec<Query> = named
        .iter()
        .map(|image| demands.query(image, &means))
        .collect();
    let policy = demands.policy();
    // Whom the policy denies anyway is not asked.
    let looked_at: Vec<&Query> = queries
        .iter()
        .filter(|query| !policy.denies(query.image.repository()))
        .collect();
    let look = Look {
        images: &looked_at,
        trust: &means.trust,
    };
    let bar = progress::bar(process, looked_at.len() as u64, "verifying");
    let mut ops = session.uses.images(session, &registry)?;
    let sightings = ops.look(&look, &mut || bar.inc(1));
    bar.finish_and_clear();
    let path = demands.path();
    let judged = verdict::judge(policy, path.as_deref(), &means, &queries, sightings);
    let names = Names(&means);
    if matches.on(&JSON) {
        let json = report::json(&judged, path.as_deref(), &names).map_err(std::io::Error::from)?;
        process.out(format_args!("{}\n", printable_json(&json)))?;
    } else {
        process.out(report::rows(&judged, &names))?;
        if matches.on(&EXPLAIN) {
            for image in &judged {
                process.out(report::trace(image, &names))?;
            }
        }
    }
    conclude(session, &judged)
}

/// Says what is wrong with each image, and how many are good.
fn conclude(session: &Session<'_>, judged: &[JudgedImage<'_>]) -> Result<(), Failure> {
    let process = session.process;
    for complaint in judged.iter().filter_map(report::complaint) {
        process.err(format_args!("\n{complaint}"));
    }
    let mut bad = judged.iter().filter(|image| !image.conclusion.is_good());
    let first = bad.next();
    if judged.len() > 1 {
        let count = usize::from(first.is_some()) + bad.count();
        process.err(format_args!(
            "\n{} of {} images are as demanded.\n",
            judged.len() - count,
            judged.len()
        ));
    }
    match first {
        None => Ok(()),
        Some(image) => Err(Failure::Ended(image.conclusion.exit_code())),
    }
}
