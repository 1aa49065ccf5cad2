//! `rdpscan completions` and `rdpscan man`: made from the definition of the command line, so they cannot differ from it.

use std::io;

use clap::CommandFactory;
use clap_mangen::Man;

use rdpscan::Error;

use super::args::{Args, Completions, Manual};
use super::exit::Exit;
use super::{misused, output};

/// Prints what a shell sources.
pub fn completions(args: &Completions) -> Result<Exit, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), env!("CARGO_PKG_NAME"), &mut script);
    // A reader that has left is no failure.
    let _ = output::stream(|out| out.write_all(&script))?;
    Ok(Exit::Analysed)
}

/// Prints a page of the manual, or writes all of them.
pub fn man(args: &Manual) -> Result<Exit, Error> {
    let mut whole = Args::command().disable_help_subcommand(true);
    whole.build();
    if let Some(folder) = &args.out {
        let unwritable = |source| Error::Unwritable { path: folder.clone(), source };
        std::fs::create_dir_all(folder).map_err(unwritable)?;
        for (name, page) in pages(&whole).map_err(unwritable)? {
            output::write_bytes(&folder.join(format!("{name}.1")), |out| out.write_all(&page))?;
        }
        return Ok(Exit::Analysed);
    }
    let of = match &args.of {
        None => Some(&whole),
        Some(name) => whole.find_subcommand(name),
    };
    let Some(of) = of else {
        return Ok(misused("there is no such command: see `rdpscan help`"));
    };
    let _ = output::stream(|out| Man::new(of.clone()).render(out))?;
    Ok(Exit::Analysed)
}

/// The page of the program, and one of each command.
fn pages(whole: &clap::Command) -> io::Result<Vec<(String, Vec<u8>)>> {
    let all = std::iter::once(whole).chain(whole.get_subcommands());
    let page = |command: &clap::Command| {
        let mut page = Vec::new();
        let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
        Man::new(command.clone()).render(&mut page)?;
        Ok((name, page))
    };
    all.map(page).collect()
}
