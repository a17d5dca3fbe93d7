//! `completion bash|fish|zsh`: scripts that ask the program itself, so that they never grow old.

use super::error::Error;
use crate::cobra::Matches;
use crate::failure::Failure;
use crate::session::Session;

const BASH: &str = r#"# bash completion for countersign
_countersign() {
    local answer directive
    COMPREPLY=()
    answer=$("${COMP_WORDS[0]}" __completeNoDesc "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null) || return
    directive=${answer##*:}
    answer=${answer%:*}
    if [ "$directive" = 0 ]; then
        mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
    elif [ "$directive" = 16 ]; then
        mapfile -t COMPREPLY < <(compgen -d -- "${COMP_WORDS[COMP_CWORD]}")
    elif [ -n "$answer" ]; then
        mapfile -t COMPREPLY <<<"${answer%$'\n'}"
    fi
}
complete -o filenames -F _countersign countersign
"#;

const ZSH: &str = r#"#compdef countersign
# zsh completion for countersign
_countersign() {
    local -a lines offers
    local directive line
    lines=("${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    directive=${lines[-1]#:}
    for line in "${(@)lines[1,-2]}"; do
        offers+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    done
    case $directive in
        0) _files ;;
        16) _files -/ ;;
        *) _describe countersign offers ;;
    esac
}
compdef _countersign countersign
"#;

const FISH: &str = r#"# fish completion for countersign
function __countersign_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l lines ($words[1] __complete $words[2..-1] 2>/dev/null)
    switch $lines[-1]
        case ':0'
            __fish_complete_path (commandline -ct)
        case ':16'
            __fish_complete_directories (commandline -ct)
        case '*'
            printf '%s\n' $lines[1..-2]
    end
end
complete -c countersign -f -a '(__countersign_complete)'
"#;

/// A shell there is a script for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shell {
    Bash,
    Fish,
    Zsh,
}

/// The script for a program of this name.
pub(crate) fn script(shell: Shell, program: &str) -> String {
    let script = match shell {
        Shell::Bash => BASH,
        Shell::Fish => FISH,
        Shell::Zsh => ZSH,
    };
    script.replace("countersign", program)
}

pub(super) fn run(session: &Session<'_>, matches: &Matches) -> Result<(), Failure> {
    let shell = match matches.arg(0) {
        "bash" => Shell::Bash,
        "fish" => Shell::Fish,
        "zsh" => Shell::Zsh,
        other => {
            return Err(Error::UnknownShell {
                found: other.to_owned(),
            }
            .into());
        }
    };
    session.process.out(script(shell, "countersign"))?;
    Ok(())
}
