//! The ladder as shapes with whole coordinates, for a wide page and for a telephone.
//!
//! Every row has its own height and text never meets text. Time is a straight line from row to row: that places the
//! band in which a log entry of an uncertain clock may lie. A picture is cut into strips between its rows, so that paper
//! can break there.

use super::across::Across;
use super::ladder::{Arrow, Lane, Pin, Row};
use super::strips::{Strip, strips};
use crate::base::Timestamp;
use crate::report::text::Text;
use crate::report::wrap::wrap;

/// Lines of a label; what is longer is in the list below the picture.
const LINES: usize = 3;
/// Height of a line of text.
const LINE: i64 = 16;

/// Something to draw.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    Line {
        x1: i64,
        y1: i64,
        x2: i64,
        y2: i64,
        class: &'static str,
    },
    /// Points of a closed figure.
    Figure {
        points: String,
        y: i64,
        class: &'static str,
    },
    Rect {
        x: i64,
        y: i64,
        width: i64,
        height: i64,
        class: &'static str,
    },
    Circle {
        x: i64,
        y: i64,
        class: &'static str,
    },
    Words {
        x: i64,
        y: i64,
        anchor: &'static str,
        class: &'static str,
        text: String,
    },
}

impl Shape {
    /// Its upper and lower end.
    pub const fn span(&self) -> (i64, i64) {
        match self {
            Self::Line { y1, y2, .. } => (*y1, *y2),
            Self::Rect { y, height, .. } => (*y, *y + *height),
            Self::Figure { y, .. } | Self::Circle { y, .. } | Self::Words { y, .. } => (*y, *y),
        }
    }
}

/// A picture, in strips from top to bottom.
#[derive(Debug)]
pub(super) struct Picture {
    pub width: i64,
    pub strips: Vec<Strip>,
}

/// Who stands at the top of the lanes.
#[derive(Debug)]
pub(super) struct Heads {
    pub client: String,
    pub server: String,
    /// What stands between them.
    pub path: &'static str,
    /// Where the capture was taken.
    pub captured: Option<Lane>,
}

/// For a wide page.
pub(super) fn wide(rows: &[Row], heads: &Heads) -> Picture {
    draw(rows, heads, Across::wide(rows))
}

/// For a telephone.
pub(super) fn narrow(rows: &[Row], heads: &Heads) -> Picture {
    draw(rows, heads, Across::narrow())
}

fn draw(rows: &[Row], heads: &Heads, across: Across) -> Picture {
    let mut pen = Pen {
        across,
        y: 0,
        cuts: Vec::new(),
        lanes: Vec::new(),
        shapes: Vec::new(),
        times: Vec::new(),
        bands: Vec::new(),
    };
    pen.heads(heads);
    let top = pen.y;
    let mut begins = top;
    let mut titled = false;
    for row in rows {
        // The name of a stage stays with what follows.
        if !titled {
            pen.cuts.push(pen.y);
        }
        titled = matches!(row, Row::Stage(_));
        match row {
            Row::Stage(stage) => pen.stage(stage),
            Row::Silence(length) => {
                pen.lanes.push((begins, pen.y));
                pen.silence(length);
                begins = pen.y;
            }
            Row::Arrow(arrow) => pen.arrow(arrow),
            Row::Pin(pin) => pen.pin(pin),
        }
    }
    pen.y += 14;
    pen.lanes.push((begins, pen.y));
    pen.finish(top)
}

struct Pen {
    across: Across,
    y: i64,
    /// Heights at which it may be cut.
    cuts: Vec<i64>,
    /// Where the lanes are drawn through.
    lanes: Vec<(i64, i64)>,
    shapes: Vec<Shape>,
    /// What moment stands at which height.
    times: Vec<(Timestamp, i64)>,
    bands: Vec<(Timestamp, i64, Lane)>,
}

impl Pen {
    fn words(&mut self, x: i64, y: i64, anchor: &'static str, class: &'static str, text: impl Into<String>) {
        self.shapes.push(Shape::Words { x, y, anchor, class, text: text.into() });
    }

    fn line(&mut self, (x1, y1): (i64, i64), (x2, y2): (i64, i64), class: &'static str) {
        self.shapes.push(Shape::Line { x1, y1, x2, y2, class });
    }

    fn heads(&mut self, heads: &Heads) {
        let narrow = !self.across.times;
        let lanes = [
            (Lane::Client, "Client", heads.client.as_str(), if narrow { "start" } else { "middle" }),
            (Lane::Path, heads.path, "", "middle"),
            (Lane::Server, "Server", heads.server.as_str(), if narrow { "end" } else { "middle" }),
        ];
        for (lane, name, address, anchor) in lanes {
            let x = match (self.across.of(lane), anchor) {
                (_, "start") => 2,
                (_, "end") => self.across.width - 2,
                (x, _) => x,
            };
            self.words(x, 16, anchor, "head", name);
            // Two addresses side by side have half a telephone each.
            let room = if narrow { 23 } else { 30 };
            self.words(x, 32, anchor, "dim", clipped(address, room));
            if heads.captured == Some(lane) {
                self.words(x, 48, anchor, "dim", "captured here");
            }
        }
        self.y = if heads.captured.is_some() { 56 } else { 40 };
    }

    fn stage(&mut self, stage: &'static str) {
        self.y += 10;
        let (left, right) = (self.across.client, self.across.server);
        if self.across.times {
            self.words(0, self.y + 14, "start", "stage", stage);
            self.line((0, self.y), (right, self.y), "rule");
            self.y += 16;
        } else {
            self.words(self.across.path, self.y + 13, "middle", "stage", stage);
            self.line((left, self.y), (right, self.y), "rule");
            self.y += 14;
        }
        self.y += 4;
    }

    fn silence(&mut self, length: &str) {
        let (from, to) = (self.y + 4, self.y + 36);
        for lane in [Lane::Client, Lane::Path, Lane::Server] {
            let x = self.across.of(lane);
            self.line((x, from), (x, to), "gap");
        }
        let text = format!("{length} without a frame or entry");
        let half = i64::try_from(text.len()).unwrap_or(0) * 7 / 2 + 10;
        let middle = self.across.path;
        self.shapes.push(Shape::Rect {
            x: middle - half,
            y: from + 5,
            width: 2 * half,
            height: 22,
            class: "pill",
        });
        self.words(middle, from + 20, "middle", "pilltext", text);
        self.y = to + 4;
    }

    /// Where and when, beside the lanes or above a label.
    fn place(&mut self, clock: &str, place: &str, marked: bool) {
        if self.across.times {
            self.words(0, self.y + 12, "start", "clock", clock);
            self.words(0, self.y + 27, "start", "dim", clipped(place, 15));
        } else {
            let text = if place.is_empty() { clock.to_owned() } else { format!("{clock} · {place}") };
            let x = if marked { 44 } else { 22 };
            self.words(x, self.y + 12, "start", "clock", clipped(&text, 44));
            self.y += LINE;
        }
    }

    fn arrow(&mut self, arrow: &Arrow) {
        self.y += 8;
        let begin = self.y;
        self.place(&arrow.clock, &arrow.place, arrow.cited.is_some());
        let (from, to) = (self.across.of(arrow.from), self.across.of(arrow.to));
        let middle = i64::midpoint(self.across.client, self.across.server);
        let class = match arrow.kind {
            "refusal" | "reset" => "label badtext",
            "lost" => "label lost",
            _ => "label",
        };
        for line in lines(&arrow.says, self.across.label) {
            self.words(middle, self.y + 12, "middle", class, line);
            self.y += LINE;
        }
        self.y = (self.y + 8).max(begin + if self.across.times { 24 } else { 0 });
        let y = self.y;
        self.times.extend(arrow.first.map(|time| (time, y)));
        if arrow.last > arrow.first {
            self.times.extend(arrow.last.map(|time| (time, y + 6)));
        }
        self.shaft(arrow.kind, from, to, y);
        if let Some(number) = arrow.cited {
            // At its sender, outside of the arrow where there is room.
            let x = if self.across.times { from } else { 30 };
            let y = if self.across.times { y } else { begin + 8 };
            self.badge(number, x, y);
        }
        self.y += 8;
    }

    fn shaft(&mut self, kind: &'static str, from: i64, to: i64, y: i64) {
        let class = match kind {
            "both" => "shaft both",
            "lost" => "shaft lostline",
            "refusal" | "reset" => "shaft badline",
            "left-out" => "shaft leftout",
            "close" => "shaft closeline",
            _ => "shaft",
        };
        let right = to > from;
        let inward = if right { 1 } else { -1 };
        if kind == "left-out" {
            self.line((self.across.client, y), (self.across.server, y), class);
            return;
        }
        if kind == "lost" {
            let end = to - inward * 6;
            self.line((from, y), (end, y), class);
            self.line((end - 6, y - 6), (end + 6, y + 6), "cross");
            self.line((end - 6, y + 6), (end + 6, y - 6), "cross");
            return;
        }
        self.line((from + if kind == "both" { inward * 8 } else { 0 }, y), (to - inward * 8, y), class);
        let head = match kind {
            "refusal" | "reset" => "tip badtip",
            "both" => "tip bothtip",
            "close" => "tip closetip",
            _ => "tip",
        };
        self.tip(to, y, inward, head);
        if kind == "both" {
            self.tip(from, y, -inward, head);
        }
        if kind == "reset" {
            self.line((to - inward * 14, y - 6), (to - inward * 14, y + 6), "cross");
        }
    }

    fn tip(&mut self, x: i64, y: i64, inward: i64, class: &'static str) {
        let back = x - inward * 10;
        let points = format!("{x},{y} {back},{} {back},{}", y - 5, y + 5);
        self.shapes.push(Shape::Figure { points, y, class });
    }

    fn badge(&mut self, number: usize, x: i64, y: i64) {
        self.shapes.push(Shape::Circle { x, y, class: "badge" });
        self.words(x, y + 4, "middle", "number", number.to_string());
    }

    fn pin(&mut self, pin: &Pin) {
        self.y += 6;
        let begin = self.y;
        let x = self.across.of(pin.side);
        let gutter = match pin.side {
            Lane::Client => self.across.client_pins,
            Lane::Path => self.across.path_pins,
            Lane::Server => self.across.server_pins,
        };
        let (left, room) = gutter.unwrap_or((22, 39));
        let dot = begin + 8;
        // Between the lanes of a telephone the dot of the path needs a line of its own.
        let begin = if pin.side == Lane::Path && !self.across.times { dot + 6 } else { begin };
        self.y = begin;
        let inset = if pin.cited.is_some() { 24 } else { 0 };
        if self.across.times {
            self.place(&pin.clock, &pin.place, false);
            for line in lines(&pin.says, room.saturating_sub(if inset > 0 { 3 } else { 0 })) {
                self.words(left + inset, self.y + 12, "start", "pin", line);
                self.y += LINE;
            }
            self.y = self.y.max(begin + 30);
        } else {
            self.place(&pin.clock, &pin.place, pin.cited.is_some());
            for line in lines(&pin.says, room) {
                self.words(left, self.y + 12, "start", "pin", line);
                self.y += LINE;
            }
        }
        let y = begin + 8;
        if let Some(number) = pin.cited {
            let x = if self.across.times { left + 10 } else { 30 };
            self.badge(number, x, y);
        }
        let class = if pin.at.is_some() { "dot" } else { "dot unsure" };
        self.shapes.push(Shape::Circle { x, y: dot, class });
        if let Some(at) = pin.at {
            self.times.push((at, dot));
            if pin.spread > 0 {
                self.bands.push((at, pin.spread, pin.side));
            }
        }
        self.y += 4;
    }

    fn finish(mut self, top: i64) -> Picture {
        let mut under: Vec<Shape> = Vec::new();
        for (from, to) in &self.lanes {
            for lane in [Lane::Client, Lane::Path, Lane::Server] {
                let x = self.across.of(lane);
                let class = if lane == Lane::Path { "lane path" } else { "lane" };
                under.push(Shape::Line { x1: x, y1: *from, x2: x, y2: *to, class });
            }
        }
        self.times.sort_unstable();
        for (at, spread, lane) in &self.bands {
            let ends = [at.shifted(spread.saturating_neg()), at.shifted(*spread)];
            let [from, to] = ends.map(|end| height_of(end, &self.times).clamp(top, self.y));
            // A clock that is exact to less than a row is shown as such.
            let (from, to) =
                (from.min(height_of(*at, &self.times) - 7), to.max(height_of(*at, &self.times) + 7));
            let x = self.across.of(*lane) - 6;
            under.push(Shape::Rect { x, y: from, width: 12, height: to - from, class: "band" });
        }
        under.append(&mut self.shapes);
        Picture { width: self.across.width, strips: strips(&under, &self.cuts, self.y + 4) }
    }
}

/// The height of a moment: on a straight line between the rows before and behind it.
fn height_of(moment: Timestamp, times: &[(Timestamp, i64)]) -> i64 {
    let at = times.partition_point(|(time, _)| *time <= moment);
    let before = at.checked_sub(1).and_then(|at| times.get(at));
    match (before, times.get(at)) {
        (Some((t0, y0)), Some((t1, y1))) => {
            let (part, whole) = (i128::from(moment.since(*t0)), i128::from(t1.since(*t0)).max(1));
            let rise = i128::from(y1 - y0) * part / whole;
            y0 + i64::try_from(rise).unwrap_or(0)
        }
        (Some((_, y)), None) | (None, Some((_, y))) => *y,
        (None, None) => 0,
    }
}

/// A label in lines.
fn lines(text: &Text, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = wrap(text, columns)
        .into_iter()
        .map(|line| line.into_iter().map(|(_, piece)| piece).collect())
        .collect();
    if lines.len() > LINES {
        lines.truncate(LINES);
        if let Some(last) = lines.last_mut() {
            last.push('…');
        }
    }
    lines
}

/// At most so many characters.
fn clipped(text: &str, most: usize) -> String {
    let text = crate::report::visible(text);
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_stands_between_its_neighbours() {
        let times = [(Timestamp::from_nanos(0), 100), (Timestamp::from_nanos(10), 200)];
        assert_eq!(height_of(Timestamp::from_nanos(5), &times), 150);
        assert_eq!(height_of(Timestamp::from_nanos(-5), &times), 100);
        assert_eq!(height_of(Timestamp::from_nanos(50), &times), 200);
        assert_eq!(height_of(Timestamp::from_nanos(50), &[]), 0);
    }
}
