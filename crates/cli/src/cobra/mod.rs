//! Command lines as the peers' users know them.
//!
//! docker, notary and cosign are all built on one Go library (spf13/cobra with spf13/pflag), so what their users rely
//! on — flags between arguments, texts of usage errors, the layout of the help, completion — is that library's
//! behaviour. A [`Command`] table drives the parser, the help, the completion and the reference page.

mod complete;
mod help;
mod parse;
mod reference;
mod similar;
mod table;

pub use complete::complete;
pub use help::help;
pub use parse::{Invocation, Matches, Mismatch, UsageError, parse, parse_leading};
pub use reference::reference;
pub use similar::similar;
pub use table::{Arity, Command, Completes, Flag, FlagKind, Root, count_flags, join_flags};
