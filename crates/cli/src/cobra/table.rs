//! The table: commands, flags, how many arguments.

/// A program's entry: the table, and the words that stand before its own in every text.
#[derive(Debug)]
pub struct Root<R: 'static> {
    /// The program named at the start of usage errors: `docker`.
    pub program: &'static str,
    /// The words that lead to `command`: `docker trust`.
    pub path: &'static str,
    /// The command tree.
    pub command: &'static Command<R>,
}

/// One command. `R` is whatever the owner of the table runs for it.
#[derive(Debug)]
pub struct Command<R: 'static> {
    /// The word that names it.
    pub name: &'static str,
    /// What follows the command's path in its usage line, to the byte: `[OPTIONS] KEYFILE`.
    pub usage: &'static str,
    /// One sentence for its parent's help.
    pub short: &'static str,
    /// Several sentences for its own help; empty means `short`.
    pub long: &'static str,
    /// How many arguments it takes.
    pub arity: Arity,
    /// Its flags.
    pub flags: &'static [Flag],
    /// Its sub-commands.
    pub commands: &'static [Self],
    /// Not shown in help and completion.
    pub hidden: bool,
    /// What its arguments are, for completion.
    pub completes: Completes,
    /// What to run; `None` for a command that only groups others.
    pub run: Option<R>,
}

/// How many arguments a command takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// None at all.
    None,
    /// Exactly this many.
    Exactly(usize),
    /// This many or more.
    AtLeast(usize),
    /// One or more, although docker takes exactly one: the texts stay docker's.
    OneOrMoreShownAsOne,
}

/// What can be completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completes {
    /// Nothing.
    Nothing,
    /// A file name.
    File,
    /// A folder name.
    Folder,
    /// One of these words.
    Words(&'static [&'static str]),
}

/// One flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The long name, without dashes.
    pub name: &'static str,
    /// The one-letter name.
    pub short: Option<char>,
    /// What it takes.
    pub kind: FlagKind,
    /// The help sentence.
    pub help: &'static str,
    /// What its value is, for completion.
    pub completes: Completes,
    /// Not shown.
    pub hidden: bool,
    /// A switch that is on unless switched off.
    pub starts_on: bool,
}

/// What a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagKind {
    /// Nothing; or `=true`, `=false`.
    Switch,
    /// One text; the last one given counts.
    Text {
        /// What it is when not given; empty is not shown.
        default: &'static str,
    },
    /// A text that may be given several times.
    List,
}

impl<R: 'static> Command<R> {
    /// A command without flags, arguments or children.
    pub const fn new(name: &'static str, short: &'static str) -> Self {
        Self {
            name,
            usage: "",
            short,
            long: "",
            arity: Arity::None,
            flags: &[],
            commands: &[],
            hidden: false,
            completes: Completes::Nothing,
            run: None,
        }
    }

    /// What help and completion show, by name.
    pub(super) fn visible_commands(&self) -> Vec<&'static Self> {
        let mut visible: Vec<_> = self.commands.iter().filter(|c| !c.hidden).collect();
        visible.sort_by_key(|command| command.name);
        visible
    }

    pub(super) fn visible_flags(&self) -> Vec<&'static Flag> {
        let mut visible: Vec<_> = self.flags.iter().filter(|f| !f.hidden).collect();
        visible.sort_by_key(|flag| flag.name);
        visible
    }

    pub(super) fn child(&self, name: &str) -> Option<&'static Self> {
        self.commands.iter().find(|child| child.name == name)
    }

    pub(super) fn use_line(&self, path: &str) -> String {
        if self.usage.is_empty() {
            path.to_owned()
        } else {
            format!("{path} {}", self.usage)
        }
    }
}

impl Flag {
    /// A flag that is on or off.
    pub const fn switch(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            short: None,
            kind: FlagKind::Switch,
            help,
            completes: Completes::Nothing,
            hidden: false,
            starts_on: false,
        }
    }

    /// A flag with one value.
    pub const fn text(name: &'static str, default: &'static str, help: &'static str) -> Self {
        Self {
            kind: FlagKind::Text { default },
            ..Self::switch(name, help)
        }
    }

    /// A flag with any number of values.
    pub const fn list(name: &'static str, help: &'static str) -> Self {
        Self {
            kind: FlagKind::List,
            ..Self::switch(name, help)
        }
    }

    /// The same flag with a one-letter name.
    #[must_use]
    pub const fn short(self, letter: char) -> Self {
        Self {
            short: Some(letter),
            ..self
        }
    }

    /// The same flag with a completion.
    #[must_use]
    pub const fn completing(self, completes: Completes) -> Self {
        Self { completes, ..self }
    }

    /// The same switch, on unless switched off.
    #[must_use]
    pub const fn on_by_default(self) -> Self {
        Self {
            starts_on: true,
            ..self
        }
    }

    /// On or off, without a value.
    pub const fn is_switch(&self) -> bool {
        matches!(self.kind, FlagKind::Switch)
    }

    /// The same flag, not shown.
    #[must_use]
    pub const fn hidden(self) -> Self {
        Self {
            hidden: true,
            ..self
        }
    }

    /// Without a value of its own in the next word.
    pub(super) fn stands_alone(&self) -> bool {
        self.kind == FlagKind::Switch
    }

    /// `string`, `list` or nothing, as the help shows it.
    pub(super) fn value_name(&self) -> &'static str {
        match self.kind {
            FlagKind::Switch => "",
            FlagKind::Text { .. } => "string",
            FlagKind::List => "list",
        }
    }
}

/// How many flags these groups have together.
pub const fn count_flags(groups: &[&[Flag]]) -> usize {
    let (mut count, mut group) = (0, 0);
    while group < groups.len() {
        count += groups[group].len();
        group += 1;
    }
    count
}

/// The flags of all groups in one array; `N` is [`count_flags`] of the same groups, or it does not compile.
pub const fn join_flags<const N: usize>(groups: &[&[Flag]]) -> [Flag; N] {
    let mut joined = [HELP; N];
    let (mut at, mut group) = (0, 0);
    while group < groups.len() {
        let mut flag = 0;
        while flag < groups[group].len() {
            joined[at] = groups[group][flag];
            at += 1;
            flag += 1;
        }
        group += 1;
    }
    assert!(at == N, "another number of flags than counted");
    joined
}

/// Every command has `--help`; its letter is still taken, with a notice.
pub(super) const HELP: Flag = Flag {
    hidden: true,
    ..Flag::switch("help", "Print usage").short('h')
};

impl<R: 'static> Root<R> {
    /// The command these words lead to, with its path.
    pub fn find(&self, words: &[String]) -> Option<(String, &'static Command<R>)> {
        let mut found = (self.path.to_owned(), self.command);
        for word in words {
            let child = found.1.child(word)?;
            found = (format!("{} {word}", found.0), child);
        }
        Some(found)
    }
}
