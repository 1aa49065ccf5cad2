//! Where a report goes and how it looks there: a terminal, a pipe, or a file that appears complete or not at all.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rdpscan::base::Zone;
use rdpscan::input::is_input;
use rdpscan::report::redact::Key;
use rdpscan::report::{Format, Style, write, zone};
use rdpscan::{Error, Report};

use super::args::{Color, Look};

/// The widest page on a terminal unless more is asked for: longer lines are hard to read.
const WIDEST: usize = 120;

/// How a page looks at its destination.
pub fn style(look: &Look, to_stdout: bool) -> Style {
    let terminal = to_stdout && io::stdout().is_terminal();
    let environment = (std::env::var_os("NO_COLOR"), std::env::var_os("TERM"));
    let color = wants_color(look.color, terminal, environment.0.as_deref(), environment.1.as_deref());
    let width =
        look.width.unwrap_or_else(|| if terminal { terminal_width() } else { Style::default().width });
    Style { width, color: color && (!terminal || understands_ansi()) }
}

/// The report with its times in a zone, unless a script is to read it.
pub fn in_zone(mut report: Report, format: Format, zone: &Zone) -> Report {
    if matches!(format, Format::Table | Format::Markdown | Format::Html) {
        zone::apply(&mut report, zone);
    }
    report
}

fn wants_color(choice: Color, terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    match choice {
        Color::Always => true,
        Color::Never => false,
        // https://no-color.org: set and not empty.
        Color::Auto => {
            terminal && no_color.is_none_or(OsStr::is_empty) && term.is_none_or(|term| term != "dumb")
        }
    }
}

fn terminal_width() -> usize {
    let columns = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    // A console that does not know its size says 0.
    columns.filter(|columns| *columns > 0).map_or(Style::default().width, |columns| columns.min(WIDEST))
}

/// Windows consoles must be asked to obey escape sequences; those before Windows 10 cannot.
#[cfg(windows)]
fn understands_ansi() -> bool {
    anstyle_query::windows::enable_ansi_colors() == Some(true)
}

#[cfg(not(windows))]
const fn understands_ansi() -> bool {
    true
}

/// Writes to standard output; breaks off where its reader has left, which is no error.
pub fn write_stdout(report: &Report, format: Format, style: Style) -> Result<ControlFlow<()>, Error> {
    write_to(report, format, style, io::stdout().lock())
        .map_err(|source| Error::Unwritable { path: "standard output".into(), source })
}

/// Writes text to standard output in the same way.
pub fn print(text: &str) -> Result<ControlFlow<()>, Error> {
    unless_left(io::stdout().lock(), |out| out.write_all(text.as_bytes()))
        .map_err(|source| Error::Unwritable { path: "standard output".into(), source })
}

/// Has something written to standard output as it comes, in the same way.
pub fn stream(fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<ControlFlow<()>, Error> {
    unless_left(io::stdout().lock(), |out| fill(out))
        .map_err(|source| Error::Unwritable { path: "standard output".into(), source })
}

fn write_to(report: &Report, format: Format, style: Style, out: impl Write) -> io::Result<ControlFlow<()>> {
    unless_left(out, |out| write(report, format, style, out))
}

fn unless_left<W: Write>(
    out: W,
    fill: impl FnOnce(&mut BufWriter<W>) -> io::Result<()>,
) -> io::Result<ControlFlow<()>> {
    let mut out = BufWriter::new(out);
    match fill(&mut out).and_then(|()| out.flush()) {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            // What is still buffered would be written again when dropped.
            let _ = out.into_parts();
            Ok(ControlFlow::Break(()))
        }
        Err(error) => Err(error),
    }
}

/// Refuses a place that cannot take the report, and an input in place of one.
pub fn check(path: &Path, inputs: &[PathBuf]) -> Result<(), Error> {
    let refuse = |kind, why: &'static str| {
        Err(Error::Unwritable { path: path.to_owned(), source: io::Error::new(kind, why) })
    };
    if path.is_dir() {
        return refuse(io::ErrorKind::IsADirectory, "is a folder");
    }
    if !folder(path).is_dir() {
        return refuse(io::ErrorKind::NotFound, "its folder does not exist");
    }
    if is_input(path, inputs, &rdpscan::host::is_evidence) {
        return refuse(io::ErrorKind::InvalidInput, "it is one of the inputs");
    }
    Ok(())
}

/// Writes text to a file in the same way as a report.
pub fn write_text(path: &Path, text: &str) -> Result<(), Error> {
    replace(path, |out| out.write_all(text.as_bytes()))
        .map_err(|source| Error::Unwritable { path: path.to_owned(), source })
}

/// Has something written to a file in the same way as a report.
pub fn write_bytes(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
    replace(path, |out| fill(out)).map_err(|source| Error::Unwritable { path: path.to_owned(), source })
}

/// The key that is in the file; a new one if there is no file. What is something else is not written over.
pub fn read_key(path: &Path) -> Result<Key, Error> {
    let refuse = |source| Error::Unwritable { path: path.to_owned(), source };
    match fs::read_to_string(path) {
        Ok(text) => Key::from_json(&text).ok_or_else(|| {
            refuse(io::Error::new(io::ErrorKind::InvalidData, "it exists and is no key of rdpscan"))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Key::default()),
        Err(error) => Err(refuse(error)),
    }
}

/// Writes text to a file that only its owner can read (on Windows: whoever can read its folder).
pub fn write_private(path: &Path, text: &str) -> Result<(), Error> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let write = || {
        // Temporary files are private, and stay so under their new name.
        let mut file =
            tempfile::Builder::new().prefix(".rdpscan-").suffix(".tmp").tempfile_in(folder(&target))?;
        file.write_all(text.as_bytes())?;
        file.persist(&target).map_err(|error| error.error).map(drop)
    };
    write().map_err(|source| Error::Unwritable { path: path.to_owned(), source })
}

/// Writes under another name in the same folder, then renames: no reader ever sees half a report.
pub fn write_file(path: &Path, report: &Report, format: Format, style: Style) -> Result<(), Error> {
    replace(path, |out| write(report, format, style, out))
        .map_err(|source| Error::Unwritable { path: path.to_owned(), source })
}

fn replace(path: &Path, fill: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>) -> io::Result<()> {
    // What a link points to is replaced, not the link.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let existing = fs::metadata(&target).ok();
    if existing.as_ref().is_some_and(|existing| !existing.is_file()) {
        // A device or pipe cannot be replaced by a file.
        let mut device = File::options().write(true).open(&target)?;
        return filled(&mut device, fill);
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".rdpscan-").suffix(".tmp");
    share(&mut builder, existing.as_ref());
    let mut file = builder.tempfile_in(folder(&target))?;
    filled(file.as_file_mut(), fill)?;
    file.persist(&target).map_err(|error| error.error)?;
    Ok(())
}

fn filled(file: &mut File, fill: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    fill(&mut out)?;
    out.flush()
}

/// The folder that a file lies in.
pub fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Those of the file that is replaced, else what the umask leaves: temporary files are private by default.
#[cfg(unix)]
fn share(builder: &mut tempfile::Builder<'_, '_>, existing: Option<&fs::Metadata>) {
    use std::os::unix::fs::PermissionsExt;
    builder
        .permissions(existing.map_or_else(|| fs::Permissions::from_mode(0o666), fs::Metadata::permissions));
}

/// Inherited from the folder.
#[cfg(not(unix))]
fn share(_: &mut tempfile::Builder<'_, '_>, _: Option<&fs::Metadata>) {}

#[cfg(test)]
mod tests {
    use super::super::exit::tests::report;
    use super::*;

    #[test]
    fn color_is_for_terminals_unless_told_otherwise() {
        let none = None;
        let set = Some(OsStr::new("1"));
        let empty = Some(OsStr::new(""));
        assert!(wants_color(Color::Auto, true, none, none));
        assert!(wants_color(Color::Auto, true, empty, Some(OsStr::new("xterm"))));
        assert!(!wants_color(Color::Auto, true, set, none));
        assert!(!wants_color(Color::Auto, true, none, Some(OsStr::new("dumb"))));
        assert!(!wants_color(Color::Auto, false, none, none));
        assert!(wants_color(Color::Always, false, set, none));
        assert!(!wants_color(Color::Never, true, none, none));
    }

    /// Fails every write with one kind of error.
    struct Failing(io::ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_reader_that_left_is_no_error_and_a_full_disk_is() {
        for format in [Format::Table, Format::Json, Format::Markdown] {
            let gone = write_to(&report(&[]), format, Style::default(), Failing(io::ErrorKind::BrokenPipe));
            assert!(gone.unwrap().is_break(), "{format:?}");
            let full = write_to(&report(&[]), format, Style::default(), Failing(io::ErrorKind::StorageFull));
            assert_eq!(full.unwrap_err().kind(), io::ErrorKind::StorageFull, "{format:?}");
        }
    }

    #[test]
    fn a_file_appears_complete_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        fs::write(&path, "old").unwrap();
        let failed = replace(&path, |out| {
            out.write_all(b"half")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        write_file(&path, &report(&[]), Format::Json, Style::default()).unwrap();
        assert!(fs::read_to_string(&path).unwrap().ends_with("}\n"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "a temporary file was left");
    }

    #[test]
    fn an_input_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let capture = folder.path().join("a.pcap");
        fs::write(&capture, "bytes").unwrap();
        let same = folder.path().join(".").join("a.pcap");
        assert!(check(&same, std::slice::from_ref(&capture)).is_err());
        // Nor one that lies in a folder that was given; a report that lies there is.
        let given = [folder.path().to_owned()];
        fs::write(&capture, [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0]).unwrap();
        assert!(check(&same, &given).is_err());
        fs::write(folder.path().join("report.md"), "# Remote Desktop connection analysis").unwrap();
        assert!(check(&folder.path().join("report.md"), &given).is_ok());
        assert!(check(folder.path(), &[]).is_err());
        assert!(check(&folder.path().join("no/such/report.md"), &[]).is_err());
        assert!(check(&folder.path().join("report.md"), &[capture]).is_ok());
        assert!(check(Path::new("report.md"), &["-".into()]).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn links_and_devices_stay_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        replace(&link, |out| out.write_all(b"new")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        replace(Path::new("/dev/null"), |out| out.write_all(b"new")).unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[cfg(unix)]
    #[test]
    fn a_report_is_as_readable_as_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (plain, report) = (folder.path().join("plain"), folder.path().join("report"));
        fs::write(&plain, "").unwrap();
        replace(&report, |out| out.write_all(b"x")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&report), mode(&plain));
    }
}
