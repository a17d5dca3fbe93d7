//! Questions to the user, in docker's words, on standard output.

use zeroize::Zeroizing;

use crate::input::InputError;
use crate::process::Process;

/// The warning before the first passphrase of a new root key.
pub const ROOT_KEY_WARNING: &str = "\
You are about to create a new root signing key passphrase. This passphrase
will be used to protect the most sensitive key in your signing system. Please
choose a long, complex passphrase and be careful to keep the password and the
key file itself secure and backed up. It is highly recommended that you use a
password manager to generate the passphrase and keep it safe. There will be no
way to recover this key. You can find the key in your config directory.
";

/// Asks for a secret with the echo off; a newline is shown for the one the user typed.
///
/// Without a terminal one line of standard input is taken; a pipe can feed any number of prompts.
///
/// # Errors
/// When nothing can be read, or the user pressed Ctrl-C; the terminal is then as it was.
pub fn secret(process: &Process, question: &str) -> Result<Zeroizing<String>, InputError> {
    let answer = process.input().hidden_line(|| process.out(question));
    process.out("\n").map_err(InputError::Stream)?;
    answer
}

/// As [`secret`], with the question on standard error, for commands whose output is a result.
///
/// # Errors
/// As [`secret`].
pub fn secret_on_stderr(
    process: &Process,
    question: &str,
) -> Result<Zeroizing<String>, InputError> {
    let answer = process.input().hidden_line(|| {
        process.err(question);
        Ok(())
    });
    process.err("\n");
    answer
}

/// Asks for a line with the echo on.
///
/// # Errors
/// When nothing can be read, or the user pressed Ctrl-C.
pub fn text(process: &Process, question: &str) -> Result<Zeroizing<String>, InputError> {
    process.input().line(|| process.out(question))
}

/// As [`text`], with the question on standard error.
///
/// # Errors
/// As [`text`].
pub fn text_on_stderr(process: &Process, question: &str) -> Result<Zeroizing<String>, InputError> {
    process.input().line(|| {
        process.err(question);
        Ok(())
    })
}

/// Asks `question? [y/N] `; only `y`, `Y` and `yes` agree. The end of input disagrees.
///
/// # Errors
/// When standard input cannot be read, or the user pressed Ctrl-C.
pub fn agrees(process: &Process, question: &str) -> Result<bool, InputError> {
    let ask = || process.out(format_args!("{question} [y/N] "));
    is_agreement(process.input().line(ask))
}

/// As [`agrees`], with the question on standard error.
///
/// # Errors
/// As [`agrees`].
pub fn agrees_on_stderr(process: &Process, question: &str) -> Result<bool, InputError> {
    let ask = || {
        process.err(format_args!("{question} [y/N] "));
        Ok(())
    };
    is_agreement(process.input().line(ask))
}

fn is_agreement(answer: Result<Zeroizing<String>, InputError>) -> Result<bool, InputError> {
    match answer {
        Ok(answer) => Ok(matches!(answer.as_str(), "y" | "Y" | "yes")),
        Err(InputError::Ended) => Ok(false),
        Err(error) => Err(error),
    }
}
