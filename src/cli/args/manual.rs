//! What the user typed to have the program told of.

use std::path::PathBuf;

use clap_complete::Shell;

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  bash:        rdpscan completions bash > ~/.local/share/bash-completion/completions/rdpscan
  zsh:         rdpscan completions zsh > ~/.zfunc/_rdpscan    (a folder of $fpath)
  fish:        rdpscan completions fish > ~/.config/fish/completions/rdpscan.fish
  PowerShell:  rdpscan completions powershell | Out-String | Invoke-Expression    (in $PROFILE)
";

const MAN_EXAMPLES: &str = "\
Examples:
  To read:
    rdpscan man | man -l -
    rdpscan man analyze | man -l -

  To install, a page for each command:
    rdpscan man --out ~/.local/share/man/man1
";

/// The options of `completions`.
#[derive(Debug, clap::Args)]
#[command(max_term_width = 100, after_help = COMPLETIONS_EXAMPLES)]
pub struct Completions {
    /// For which shell.
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// The options of `man`.
#[derive(Debug, clap::Args)]
#[command(max_term_width = 100, after_help = MAN_EXAMPLES)]
pub struct Manual {
    /// The page of this command [default: that of the program].
    #[arg(value_name = "COMMAND")]
    pub of: Option<String>,

    /// Write all pages into this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "of")]
    pub out: Option<PathBuf>,
}
