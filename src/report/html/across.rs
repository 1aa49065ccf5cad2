//! Where lanes, times and labels of a ladder stand, on a wide page and on a telephone.

use super::ladder::{Lane, Row};

/// Where things stand across.
pub(super) struct Across {
    pub width: i64,
    pub client: i64,
    pub path: i64,
    pub server: i64,
    /// Where clock times stand beside the lanes; nowhere if they stand above the labels.
    pub times: bool,
    /// Columns of a label between the lanes.
    pub label: usize,
    /// Left end and columns of what logs say on either side; none if it stands between the lanes.
    pub client_pins: Option<(i64, usize)>,
    pub path_pins: Option<(i64, usize)>,
    pub server_pins: Option<(i64, usize)>,
}

impl Across {
    pub const fn of(&self, lane: Lane) -> i64 {
        match lane {
            Lane::Client => self.client,
            Lane::Path => self.path,
            Lane::Server => self.server,
        }
    }

    pub fn wide(rows: &[Row]) -> Self {
        let has = |lane: Lane| rows.iter().any(|row| matches!(row, Row::Pin(pin) if pin.side == lane));
        let (left, right) = (has(Lane::Client), has(Lane::Server));
        let client = if left { 292 } else { 124 };
        let server = if right { 600 } else { 800 };
        let path = i64::midpoint(client, server);
        Self {
            width: 880,
            client,
            path,
            server,
            times: true,
            label: columns(server - client - 24),
            client_pins: left.then_some((104, columns(client - 104 - 14))),
            path_pins: Some((path + 14, columns(server - path - 24))),
            server_pins: right.then_some((server + 16, columns(880 - server - 16))),
        }
    }

    pub const fn narrow() -> Self {
        Self {
            width: 344,
            client: 10,
            path: 172,
            server: 334,
            times: false,
            label: 39,
            client_pins: None,
            path_pins: None,
            server_pins: None,
        }
    }
}

/// Columns that fit; a letter of the page's 13 pixels is up to 7.6 wide on average, by the system's font.
fn columns(pixels: i64) -> usize {
    usize::try_from(pixels * 10 / 76).unwrap_or(1).max(8)
}
