//! What the benches read: captures of mixed traffic, of long sessions and of a flood, and a log of many chunks. The
//! same arguments give the same bytes.

mod connection;
mod dns;
mod flood;
mod frame;
mod log;
mod mixed;
mod random;
mod recorded;
mod sessions;
mod side_by_side;
mod steps;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

pub use flood::flood;
pub use log::log;
pub use mixed::mixed;
pub use sessions::sessions;

/// Writes all corpora to a folder, the captures of `mebibytes` each, the flood of a thousand flows for each of these.
pub fn write(folder: &Path, mebibytes: u32) -> io::Result<()> {
    let size = u64::from(mebibytes) << 20;
    let file =
        |name: &str| File::create(folder.join(name)).map(|file| BufWriter::with_capacity(1 << 20, file));
    mixed(&mut file("mixed.pcapng")?, size)?;
    sessions(&mut file("rdp.pcapng")?, size)?;
    flood(&mut file("flood.pcapng")?, mebibytes.saturating_mul(1000))?;
    file("log.evtx")?.write_all(&log(usize::try_from(size / 4).unwrap()))
}
