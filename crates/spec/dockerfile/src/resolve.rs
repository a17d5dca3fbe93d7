//! From a Dockerfile and the build's arguments to the images that the builder fetches.
//!
//! Sources: the Dockerfile reference; `moby/buildkit` `frontend/dockerfile/dockerfile2llb/convert.go` and
//! `frontend/dockerui/namedcontext.go`; `moby/moby` `daemon/builder/dockerfile` for the classic builder.

use std::collections::{BTreeMap, BTreeSet};

use oci::Reference;

use crate::dockerfile::{Dockerfile, Numbered, Stage};
use crate::error::{Refusal, Undecided};
use crate::instruction::Instruction;
use crate::lex::{self, Environment, Rules, Variable};
use crate::options::{self, Builder, Context, Options};
use crate::plan::{How, ImageUse, Note, Plan};
use crate::slot::{Named, Slot};

/// The base that is nothing.
const SCRATCH: &str = "scratch";
/// The build argument that overrides `# syntax=`.
const SYNTAX_ARG: &str = "BUILDKIT_SYNTAX";
/// Docker's own frontends.
const FRONTENDS: &[&str] = &["docker/dockerfile", "docker/dockerfile-upstream"];

impl Dockerfile {
    /// Which images a build of this file with these arguments uses. An error if any of them cannot be told.
    pub fn resolve(&self, options: &Options) -> Result<Plan, Undecided> {
        let mut resolver = match Resolver::new(self, options) {
            Ok(resolver) => resolver,
            Err(first) => {
                return Err(Undecided {
                    first,
                    rest: Vec::new(),
                });
            }
        };
        resolver.run();
        resolver.finish()
    }
}

/// What a name in the file means.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Meaning {
    Stage(usize),
    /// An image by this text.
    Image(String),
    Nothing,
}

/// A name in an instruction of a stage.
struct Source<'a> {
    line: usize,
    how: How,
    named: &'a Named,
    meaning: Meaning,
}

/// A place that names an image, before it is known which.
struct Place {
    line: usize,
    how: How,
    stage: Option<String>,
    platform: Option<String>,
    slot: Option<Slot>,
}

impl Place {
    fn holds(self, reference: Reference) -> ImageUse {
        ImageUse {
            reference,
            line: self.line,
            how: self.how,
            stage: self.stage,
            platform: self.platform,
            span: self.slot.as_ref().map(|slot| slot.span.clone()),
            slot: self.slot,
        }
    }
}

struct Resolver<'a> {
    file: &'a Dockerfile,
    options: &'a Options,
    contexts: BTreeMap<String, Context>,
    variables: Environment,
    rules: Rules,
    plan: Plan,
    refusals: Vec<Refusal>,
}

impl<'a> Resolver<'a> {
    fn new(file: &'a Dockerfile, options: &'a Options) -> Result<Self, Refusal> {
        let contexts = match options.builder {
            Builder::BuildKit => options::contexts(&options.build_contexts)
                .map_err(|(name, source)| Refusal::Context { name, source })?,
            Builder::Classic => BTreeMap::new(),
        };
        let mut resolver = Self {
            file,
            options,
            contexts,
            variables: platform_variables(file, options),
            rules: Rules::value(file.directives.escape),
            plan: Plan::default(),
            refusals: Vec::new(),
        };
        for (name, value) in &options.environment {
            let value = Variable::Known(value.clone());
            resolver.variables.insert(name.clone(), value);
        }
        resolver.read_global_args()?;
        Ok(resolver)
    }

    fn finish(self) -> Result<Plan, Undecided> {
        let Self {
            mut plan, refusals, ..
        } = self;
        let mut refusals = refusals.into_iter();
        if let Some(first) = refusals.next() {
            return Err(Undecided {
                first,
                rest: refusals.collect(),
            });
        }
        let place = |found: &ImageUse| (found.line, found.span.as_ref().map(|span| span.start));
        plan.uses.sort_by_key(place);
        Ok(plan)
    }

    fn run(&mut self) {
        let classic = self.options.builder == Builder::Classic;
        if let Some(line) = self.file.heredoc.filter(|_| classic) {
            self.refusals.push(Refusal::Heredoc { line });
        }
        if !classic {
            self.frontend();
        }
        let bases = self.bases();
        let Some(target) = self.target() else { return };
        let triggers = |stage: usize| match bases.get(stage) {
            Some(Some(Meaning::Stage(base))) => Some(*base),
            _ => None,
        };
        let mut sources: Vec<Vec<Source<'a>>> = Vec::new();
        for number in 0..self.file.stages.len() {
            sources.push(self.sources(number, triggers(number)));
        }
        let reached = if self.options.every_stage {
            (0..bases.len()).collect()
        } else if classic {
            (0..=target).collect()
        } else {
            reachable(target, &bases, &sources)
        };
        self.plan.base = base_image(target, &bases);
        for number in &reached {
            if let (Some(stage), Some(base)) = (self.file.stages.get(*number), bases.get(*number)) {
                self.emit_base(*number, stage, base.as_ref());
            }
        }
        self.emit_sources(&reached, &sources);
        self.note_instructions(&reached, &bases);
    }

    // Variables

    fn read_global_args(&mut self) -> Result<(), Refusal> {
        for Numbered { line, what } in &self.file.global_args {
            for (name, default) in what {
                let value = match (self.options.build_args.get(name), default) {
                    (Some(given), _) => Variable::Known(given.clone()),
                    (None, None) => continue,
                    (None, Some(default)) => match self.expand(*line, default) {
                        Ok(value) => Variable::Known(value),
                        // Whoever uses it finds out.
                        Err(Refusal::Expansion {
                            source: lex::LexError::Unknown { .. },
                            ..
                        }) => Variable::Unknown,
                        Err(refusal) => return Err(refusal),
                    },
                };
                self.variables.insert(name.clone(), value);
            }
        }
        Ok(())
    }

    fn expand(&self, line: usize, text: &str) -> Result<String, Refusal> {
        lex::expand(text, self.rules, &self.variables).map_err(|source| Refusal::Expansion {
            line,
            text: text.to_owned(),
            source,
        })
    }

    // Stages

    /// What the base of each stage means; `None` if that is refused. Builders expand the bases of all stages, needed
    /// or not, so a bad one is refused anywhere.
    fn bases(&mut self) -> Vec<Option<Meaning>> {
        let mut names: BTreeMap<String, usize> = BTreeMap::new();
        let mut bases = Vec::new();
        for (number, stage) in self.file.stages.iter().enumerate() {
            let mut base = self.base(stage, &names);
            if base.is_ok() && self.own_context(stage).is_some() {
                base = Ok(Meaning::Nothing);
            }
            bases.push(base.map_err(|refusal| self.refusals.push(refusal)).ok());
            if let Some(name) = &stage.from.name {
                names.insert(name.clone(), number);
            }
        }
        bases
    }

    fn base(&self, stage: &Stage, names: &BTreeMap<String, usize>) -> Result<Meaning, Refusal> {
        let written = &stage.from.base.text;
        let name = self.expand(stage.line, written)?;
        if name.is_empty() {
            return Err(Refusal::Blank {
                line: stage.line,
                text: written.clone(),
            });
        }
        // BuildKit finds stages here by their name in lower case only, the classic builder by any spelling.
        let known = match self.options.builder {
            Builder::BuildKit => names.get(&name),
            Builder::Classic => names.get(&name.to_lowercase()),
        };
        if let Some(number) = known {
            return Ok(Meaning::Stage(*number));
        }
        if name == SCRATCH {
            return Ok(Meaning::Nothing);
        }
        self.image(stage.line, written, &name)?;
        Ok(Meaning::Image(name))
    }

    fn image(&self, line: usize, text: &str, expanded: &str) -> Result<Reference, Refusal> {
        let reference = Reference::parse(expanded).map_err(|source| Refusal::Reference {
            line,
            text: text.to_owned(),
            expanded: expanded.to_owned(),
            source,
        })?;
        Ok(reference.or_latest())
    }

    fn target(&mut self) -> Option<usize> {
        let last = self.file.stages.len().checked_sub(1)?;
        let Some(name) = self
            .options
            .target
            .as_deref()
            .filter(|name| !name.is_empty())
        else {
            return Some(last);
        };
        let wanted = name.to_lowercase();
        let named = self
            .file
            .stages
            .iter()
            .rposition(|stage| stage.from.name.as_deref() == Some(&wanted));
        let number = || match self.options.builder {
            Builder::Classic => name.parse().ok().filter(|number| *number <= last),
            Builder::BuildKit => None,
        };
        let found = named.or_else(number);
        if found.is_none() {
            self.refusals.push(Refusal::Target {
                name: name.to_owned(),
            });
        }
        found
    }

    /// The names in the instructions of a stage, those of its base's triggers first.
    fn sources(&mut self, number: usize, base: Option<usize>) -> Vec<Source<'a>> {
        let file = self.file;
        let stage = |number: usize| file.stages.get(number);
        let fired = base
            .and_then(stage)
            .into_iter()
            .flat_map(|stage| &stage.instructions)
            .filter_map(|numbered| match &numbered.what {
                Instruction::Onbuild(trigger) => Some((numbered.line, trigger.as_ref())),
                _ => None,
            });
        let own = stage(number)
            .into_iter()
            .flat_map(|stage| &stage.instructions)
            .map(|numbered| (numbered.line, &numbered.what));
        let mut sources = Vec::new();
        for (line, instruction) in fired.chain(own) {
            for (how, named) in names_in(instruction) {
                match self.meaning(number, line, &how, named) {
                    Ok(meaning) => sources.push(Source {
                        line,
                        how,
                        named,
                        meaning,
                    }),
                    Err(refusal) => self.refusals.push(refusal),
                }
            }
        }
        sources
    }

    /// What a name in `COPY --from` or `RUN --mount=from` of stage `number` means.
    fn meaning(
        &self,
        number: usize,
        line: usize,
        how: &How,
        named: &Named,
    ) -> Result<Meaning, Refusal> {
        let text = &named.text;
        if lex::expand(text, self.rules, &Environment::new()).as_ref() != Ok(text) {
            return Err(Refusal::Variable {
                line,
                text: text.clone(),
            });
        }
        let classic = self.options.builder == Builder::Classic;
        // BuildKit knows all stages, whatever their order; the classic builder those it has built.
        let visible = if classic {
            number
        } else {
            self.file.stages.len()
        };
        let wanted = text.to_lowercase();
        let visible = self.file.stages.get(..visible).unwrap_or_default();
        let named = visible
            .iter()
            .rposition(|stage| stage.from.name.as_deref() == Some(&wanted));
        if let Some(stage) = named {
            return Ok(Meaning::Stage(stage));
        }
        // A stage's number, as Go's `strconv.Atoi` reads it, is for `COPY` only.
        match text.parse::<i64>() {
            Ok(index) if *how == How::CopyFrom => {
                let stage = usize::try_from(index).ok();
                return stage
                    .filter(|stage| *stage < visible.len())
                    .map(Meaning::Stage)
                    .ok_or(Refusal::StageIndex { line, index });
            }
            _ => {}
        }
        if text == SCRATCH && !classic {
            return Ok(Meaning::Nothing);
        }
        self.image(line, text, text)?;
        Ok(Meaning::Image(text.clone()))
    }

    // Findings

    fn emit_base(&mut self, number: usize, stage: &Stage, base: Option<&Meaning>) {
        let from = &stage.from;
        let platform = match from
            .platform
            .as_deref()
            .map(|text| self.platform(stage.line, text))
        {
            None => None,
            Some(Ok(platform)) => Some(platform),
            Some(Err(Refusal::Expansion {
                source: lex::LexError::Unknown { .. },
                ..
            })) if self.options.every_stage => None,
            Some(Err(refusal)) => return self.refusals.push(refusal),
        };
        let found = Place {
            line: stage.line,
            how: How::From,
            stage: Some(self.stage_label(number)),
            platform,
            slot: Some(from.base.slot.clone()),
        };
        if let Some((name, context)) = self.own_context(stage) {
            return self.emit_context(found, name, context);
        }
        if let Some(Meaning::Image(text)) = base {
            self.emit_image(found, &from.base.text, text);
        }
    }

    /// A context with the name of a stage replaces the whole stage.
    fn own_context(&self, stage: &Stage) -> Option<(String, Context)> {
        let name = stage.from.name.as_deref()?;
        if is_reserved_context(name) {
            return None;
        }
        let name = options::context_name(&Reference::parse(name).ok()?);
        let context = self.contexts.get(&name)?.clone();
        Some((name, context))
    }

    fn platform(&self, line: usize, text: &str) -> Result<String, Refusal> {
        let platform = self.expand(line, text)?;
        if platform.is_empty() {
            return Err(Refusal::Blank {
                line,
                text: text.to_owned(),
            });
        }
        Ok(platform)
    }

    fn emit_sources(&mut self, reached: &BTreeSet<usize>, sources: &[Vec<Source<'a>>]) {
        let mut seen: BTreeMap<usize, &Meaning> = BTreeMap::new();
        for (number, stage) in sources.iter().enumerate() {
            for source in stage.iter().filter(|_| reached.contains(&number)) {
                let text = &source.named.text;
                let before = seen.insert(source.named.slot.span.start, &source.meaning);
                if before.is_some_and(|before| *before != source.meaning) {
                    self.refusals.push(Refusal::AmbiguousTrigger {
                        line: source.line,
                        text: text.clone(),
                    });
                }
                if let (Meaning::Image(image), None) = (&source.meaning, before) {
                    let found = Place {
                        line: source.line,
                        how: source.how.clone(),
                        stage: Some(self.stage_label(number)),
                        platform: None,
                        slot: Some(source.named.slot.clone()),
                    };
                    self.emit_image(found, text, image);
                }
            }
        }
    }

    /// Records an image, or the context that stands in for it.
    fn emit_image(&mut self, found: Place, written: &str, text: &str) {
        let reference = match self.image(found.line, written, text) {
            Ok(reference) => reference,
            Err(refusal) => return self.refusals.push(refusal),
        };
        let name = options::context_name(&reference);
        if let Some(context) = self.contexts.get(&name).cloned() {
            return self.emit_context(found, name, context);
        }
        if found.how == How::From {
            self.plan.notes.push(Note::BaseTriggers {
                line: found.line,
                reference: reference.clone(),
            });
        }
        self.plan.uses.push(found.holds(reference));
    }

    fn emit_context(&mut self, found: Place, name: String, context: Context) {
        match context {
            Context::Empty => {}
            Context::Image(reference) => {
                let found = Place {
                    how: How::BuildContext { name },
                    slot: None,
                    ..found
                };
                self.plan.uses.push(found.holds(reference));
            }
            context => self.plan.notes.push(Note::OtherContext {
                line: found.line,
                name,
                context,
            }),
        }
    }

    fn frontend(&mut self) {
        let given = self.options.build_args.get(SYNTAX_ARG);
        let (text, line, slot) = match (given, &self.file.directives.syntax) {
            (Some(given), _) => {
                let image = given.trim().split(' ').next().unwrap_or_default();
                (image, 0, None)
            }
            (None, Some(syntax)) => {
                let slot = Slot::plain(syntax.span.clone());
                (syntax.image.as_str(), syntax.line, Some(slot))
            }
            (None, None) => return,
        };
        let found = Place {
            line,
            how: How::Syntax,
            stage: None,
            platform: None,
            slot,
        };
        let before = self.plan.uses.len();
        self.emit_image(found, text, text);
        let frontend = self.plan.uses.get(before).map(|found| &found.reference);
        if let Some(reference) = frontend
            .filter(|reference| !FRONTENDS.contains(&reference.repository().familiar().as_str()))
        {
            let reference = reference.clone();
            self.plan
                .notes
                .push(Note::OtherFrontend { line, reference });
        }
    }

    fn note_instructions(&mut self, reached: &BTreeSet<usize>, bases: &[Option<Meaning>]) {
        let fired: BTreeSet<usize> = reached
            .iter()
            .filter_map(|number| match bases.get(*number) {
                Some(Some(Meaning::Stage(base))) => Some(*base),
                _ => None,
            })
            .collect();
        for number in reached {
            let stage = self.file.stages.get(*number);
            for Numbered { line, what } in stage.into_iter().flat_map(|stage| &stage.instructions) {
                self.note(*line, what, fired.contains(number));
            }
        }
    }

    fn note(&mut self, line: usize, instruction: &Instruction, fired: bool) {
        let notes = &mut self.plan.notes;
        match instruction {
            Instruction::Add(sources, pinned) => {
                let sources = sources.split_last().map_or(&[][..], |(_, sources)| sources);
                let remote = sources.iter().filter(|source| is_remote(source));
                notes.extend(remote.map(|address| Note::RemoteAdd {
                    line,
                    address: address.clone(),
                    pinned: *pinned,
                }));
            }
            Instruction::Onbuild(trigger) if fired => self.note(line, trigger, fired),
            Instruction::Onbuild(trigger) => {
                notes.extend(names_in(trigger).map(|(_, named)| Note::RecordedTrigger {
                    line,
                    name: named.text.clone(),
                }));
            }
            _ => {}
        }
    }

    fn stage_label(&self, number: usize) -> String {
        let stage = self.file.stages.get(number);
        let name = stage.and_then(|stage| stage.from.name.clone());
        name.unwrap_or_else(|| number.to_string())
    }
}

/// The stages that a target needs.
fn reachable(
    target: usize,
    bases: &[Option<Meaning>],
    sources: &[Vec<Source<'_>>],
) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = vec![target];
    while let Some(number) = open.pop() {
        if !reached.insert(number) {
            continue;
        }
        let base = bases.get(number).and_then(Option::as_ref);
        let named = sources.get(number).into_iter().flatten();
        let meanings = base.into_iter().chain(named.map(|source| &source.meaning));
        open.extend(meanings.filter_map(|meaning| match meaning {
            Meaning::Stage(stage) => Some(*stage),
            _ => None,
        }));
    }
    reached
}

/// The image that a stage starts from; stages start from earlier ones only.
fn base_image(stage: usize, bases: &[Option<Meaning>]) -> Option<Reference> {
    let mut number = stage;
    loop {
        match bases.get(number)?.as_ref()? {
            Meaning::Stage(base) => number = *base,
            Meaning::Image(text) => return Some(Reference::parse(text).ok()?.or_latest()),
            Meaning::Nothing => return None,
        }
    }
}

fn names_in(instruction: &Instruction) -> impl Iterator<Item = (How, &Named)> {
    let (copied, mounted) = match instruction {
        Instruction::Copy(from) => (from.as_slice(), &[][..]),
        Instruction::Run(mounts) => (&[][..], mounts.as_slice()),
        _ => (&[][..], &[][..]),
    };
    let copied = copied.iter().map(|named| (How::CopyFrom, named));
    copied.chain(mounted.iter().map(|named| (How::MountFrom, named)))
}

/// The variables every `FROM` may use without an `ARG`. The classic builder has none of them.
fn platform_variables(file: &Dockerfile, options: &Options) -> Environment {
    let mut variables = Environment::new();
    if options.builder == Builder::Classic {
        return variables;
    }
    let target = options
        .target_platform
        .as_ref()
        .or(options.build_platform.as_ref());
    for (prefix, platform) in [
        ("BUILD", options.build_platform.as_ref()),
        ("TARGET", target),
    ] {
        let parts = platform.map(|platform| {
            let part = |text: &String| text.clone();
            [
                platform.to_string(),
                part(&platform.os),
                String::new(),
                part(&platform.architecture),
                part(&platform.variant),
            ]
        });
        for (index, name) in ["PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT"]
            .iter()
            .enumerate()
        {
            let value = parts.as_ref().and_then(|parts| parts.get(index));
            let value = value.map_or(Variable::Unknown, |text| Variable::Known(text.clone()));
            variables.insert(format!("{prefix}{name}"), value);
        }
    }
    let last = file.stages.last().and_then(|stage| stage.from.name.clone());
    let target = options.target.clone().filter(|name| !name.is_empty());
    let stage = target.or(last).unwrap_or_else(|| "default".to_owned());
    variables.insert("TARGETSTAGE".to_owned(), Variable::Known(stage));
    for (name, value) in &mut variables {
        if let Some(given) = options.build_args.get(name) {
            *value = Variable::Known(given.clone());
        }
    }
    variables
}

/// Names that never mean a context.
fn is_reserved_context(name: &str) -> bool {
    name.eq_ignore_ascii_case(SCRATCH) || name.eq_ignore_ascii_case("context")
}

/// True for an address, and for a variable that may hold one.
fn is_remote(source: &str) -> bool {
    let source = source.trim_start_matches(['"', '\'', '[', ',']);
    let schemes = [
        "http://",
        "https://",
        "git://",
        "ssh://",
        "git@",
        "github.com/",
    ];
    source.starts_with('$') || schemes.iter().any(|scheme| source.starts_with(scheme))
}
