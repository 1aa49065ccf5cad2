//! A long page on a terminal goes through a pager: `PAGER`, else `less` where it is.
//!
//! Windows has none that shows UTF-8 and colours, so there it is only what `PAGER` names.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::{Command, Stdio};

use rdpscan::Error;

use super::output;

/// Prints a page, through a pager if it is longer than the terminal and nobody said not to.
pub fn print(text: &str, wanted: bool) -> Result<(), Error> {
    let rows = terminal_size::terminal_size().map(|(_, height)| usize::from(height.0));
    let is_long = rows.is_some_and(|rows| rows > 0 && text.lines().count() >= rows);
    if wanted && is_long && io::stdout().is_terminal() && paged(text) {
        return Ok(());
    }
    // A reader that has left is no failure.
    output::print(text).map(drop)
}

/// Whether a pager took the page.
fn paged(text: &str) -> bool {
    let Some((program, arguments)) = chosen(std::env::var("PAGER").ok().as_deref()) else { return false };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        // Ends by itself if all fits, keeps colours, and leaves what it showed on the screen.
        command.env("LESS", OsString::from("FRX"));
    }
    let Ok(mut pager) = command.spawn() else { return false };
    if let Some(mut into) = pager.stdin.take() {
        // Who leaves the pager before the end has read enough.
        let _ = into.write_all(text.as_bytes());
    }
    let _ = pager.wait();
    true
}

/// The program and its arguments; none if the user wants none.
fn chosen(pager: Option<&str>) -> Option<(String, Vec<String>)> {
    let usual = if cfg!(windows) { "" } else { "less" };
    let mut words = pager.unwrap_or(usual).split_whitespace().map(str::to_owned);
    let program = words.next().filter(|program| program != "cat")?;
    Some((program, words.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pager_is_what_the_user_names() {
        assert_eq!(chosen(Some("less -S")), Some(("less".into(), vec!["-S".into()])));
        assert_eq!(chosen(Some("cat")), None);
        assert_eq!(chosen(Some(" ")), None);
        assert_eq!(chosen(None).is_some(), !cfg!(windows));
    }
}
