//! The names of elements and attributes in one chunk: each stands once, and is found by its offset.
//!
//! Gives no name a meaning.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::plan::Cursor;

/// The names of one chunk that were read, by where they stand.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_offset: FxHashMap<usize, Arc<str>>,
}

/// Where a name was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    /// Where its offset stands in the chunk.
    pub at: usize,
    /// Where its length stands; its characters follow.
    pub stored: usize,
    /// How many characters it has.
    pub length: usize,
    /// Whether it stands right behind its offset.
    pub is_here: bool,
}

impl Names {
    /// Next name and hash, which stand before the length of a name.
    pub const HEADER: usize = 6;

    /// Reads a reference to a name, which stands at its first use or elsewhere in the chunk: next name, hash,
    /// length, characters, terminator ([MS-EVEN6] 2.2.12, the public descriptions of the format).
    ///
    /// Names may overlap in a chunk that was made to have each of its bytes begin one, so each costs its characters of
    /// the `budget`, whether it was read before or not.
    pub fn read(&mut self, cursor: &mut Cursor<'_>, budget: &mut usize) -> Option<(Arc<str>, Named)> {
        let at = cursor.at;
        let offset = cursor.offset()?;
        let is_here = offset == cursor.at;
        if is_here {
            cursor.take(Self::HEADER)?;
            let length = usize::from(cursor.u16()?);
            cursor.take(length * 2 + 2)?;
        }
        let stored = offset.checked_add(Self::HEADER)?;
        let end = cursor.chunk.len();
        let mut text = Cursor { chunk: cursor.chunk, at: stored, end };
        let length = usize::from(Cursor { ..text }.u16()?);
        let left = budget.checked_sub(length);
        *budget = left.unwrap_or(0);
        left?;
        let named = Named { at, stored, length, is_here };
        if let Some(name) = self.by_offset.get(&offset) {
            return Some((name.clone(), named));
        }
        let name: Arc<str> = text.text()?.into();
        self.by_offset.insert(offset, name.clone());
        Some((name, named))
    }
}
