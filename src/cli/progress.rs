//! How far the work is, on a terminal: a line on standard error that comes after a second and goes when the work is
//! done. On a pipe, in a file and with `--quiet` there is none.

use std::io::{self, IsTerminal};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use rdpscan::base::progress::{Phase, Progress};

/// Work that is done sooner needs no line.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the line is drawn.
const EVERY: Duration = Duration::from_millis(100);

/// Does the work, and shows how far it is.
pub fn shown<T>(quiet: bool, work: impl FnOnce(&Progress) -> T) -> T {
    if quiet || !io::stderr().is_terminal() {
        return work(&Progress::default());
    }
    let progress = Progress::shown();
    let (done, is_done) = channel::<()>();
    thread::scope(|scope| {
        let seen = progress.clone();
        scope.spawn(move || show(&seen, &is_done));
        let result = work(&progress);
        // The line goes before anything is printed.
        drop(done);
        result
    })
}

fn show(progress: &Progress, is_done: &Receiver<()>) {
    let goes_on = |patience| matches!(is_done.recv_timeout(patience), Err(RecvTimeoutError::Timeout));
    if !goes_on(PATIENCE) {
        return;
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let mut drawn: Option<(Phase, bool)> = None;
    loop {
        let state = progress.state();
        let known = state.total > 0;
        if drawn != Some((state.phase, known)) {
            drawn = Some((state.phase, known));
            bar.reset();
            bar.set_style(style(known));
            bar.set_message(state.phase.text());
            if known {
                bar.set_length(state.total);
            }
        }
        bar.set_position(state.done);
        bar.tick();
        if !goes_on(EVERY) {
            break;
        }
    }
    bar.finish_and_clear();
}

fn style(known: bool) -> ProgressStyle {
    let template = if known {
        "{msg} {bar:30} {bytes} of {total_bytes}, {eta} to go"
    } else {
        "{spinner} {msg} {elapsed}"
    };
    // The templates are ours.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
