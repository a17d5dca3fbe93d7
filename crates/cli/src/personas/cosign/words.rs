//! Spellings that cosign takes beside those of its table (`sigstore/cosign:cmd/cosign/main.go`,
//! `cmd/cosign/cli/options/root.go`).

use std::fmt;

use super::Action;
use crate::cobra::Command;

/// Short names of long flags that cosign never shows.
const ALIASES: &[(&str, &str)] = &[
    ("--cert", "--certificate"),
    ("--cert-chain", "--certificate-chain"),
    ("--cert-identity", "--certificate-identity"),
    ("--cert-oidc-issuer", "--certificate-oidc-issuer"),
    ("--output-cert", "--output-certificate"),
    ("--o", "--output"),
];

/// The words as the table knows them: a long flag with one dash gets its second, with a warning, and aliases become
/// what they stand for. Nothing after `--` changes.
pub(super) fn as_cosign_reads(
    root: &'static Command<Action>,
    words: &[String],
    mut warn: impl FnMut(fmt::Arguments<'_>),
) -> Vec<String> {
    let mut arguments_only = false;
    words
        .iter()
        .map(|word| {
            arguments_only |= word == "--";
            if arguments_only {
                return word.clone();
            }
            let (name, value) = match word.split_once('=') {
                Some((name, _)) => (name, word.get(name.len()..).unwrap_or_default()),
                None => (word.as_str(), ""),
            };
            if let Some((_, flag)) = ALIASES.iter().find(|(alias, _)| *alias == name) {
                return format!("{flag}{value}");
            }
            match name.strip_prefix('-') {
                Some(long) if long.len() > 1 && knows(root, long) => {
                    warn(format_args!(
                        "WARNING: the -{long} flag is deprecated; write --{long}"
                    ));
                    format!("-{word}")
                }
                _ => word.clone(),
            }
        })
        .collect()
}

/// Whether some command has a long flag of this name.
fn knows(command: &'static Command<Action>, long: &str) -> bool {
    long == "help"
        || command.flags.iter().any(|flag| flag.name == long)
        || command.commands.iter().any(|child| knows(child, long))
}

#[cfg(test)]
mod tests {
    use super::super::ROOT;
    use super::*;

    fn read(words: &[&str]) -> (Vec<String>, Vec<String>) {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let mut warnings = Vec::new();
        let read = as_cosign_reads(ROOT.command, &words, |text| warnings.push(text.to_string()));
        (read, warnings)
    }

    #[test]
    fn one_dash_becomes_two() {
        let (words, warnings) = read(&["public-key", "-key", "a", "-outfile=b"]);
        assert_eq!(words, ["public-key", "--key", "a", "--outfile=b"]);
        assert_eq!(
            warnings,
            [
                "WARNING: the -key flag is deprecated; write --key",
                "WARNING: the -outfile flag is deprecated; write --outfile"
            ]
        );
    }

    #[test]
    fn letters_and_arguments_stay() {
        let (words, warnings) = read(&["x", "-ojson", "-y", "-a", "k=v", "--", "-key", "--cert"]);
        assert_eq!(
            words,
            ["x", "-ojson", "-y", "-a", "k=v", "--", "-key", "--cert"]
        );
        assert!(warnings.is_empty());
    }

    #[test]
    fn aliases() {
        let (words, _) = read(&["--cert=a", "--cert-oidc-issuer", "b", "--o", "text"]);
        assert_eq!(
            words,
            [
                "--certificate=a",
                "--certificate-oidc-issuer",
                "b",
                "--output",
                "text"
            ]
        );
    }
}
