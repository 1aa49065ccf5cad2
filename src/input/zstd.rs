//! A zstd stream: all of its frames, what may be skipped between them, and of a damaged one what came before the damage.
//!
//! Several frames are what `pzstd` writes, and what `cat` of two files is. The package decodes one frame, and holds back as
//! much as its window, which a damaged frame would lose. [RFC 8878]

use std::error::Error;
use std::io::{self, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::limits::Over;

/// What the `zstd` command takes without being asked to: `--ultra -22` needs it.
const LARGEST_WINDOW: u64 = 128 << 20;
/// An empty last block, and room for a checksum: brings a frame to an end. [RFC 8878] 3.1.1.2
const LAST_BLOCK: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

/// Reads what was packed.
pub(super) struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    /// Whether a frame is open.
    open: bool,
    /// Told when everything before it is read.
    trouble: Option<io::Error>,
}

impl<R: Read> Frames<R> {
    pub fn new(source: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(LARGEST_WINDOW);
        Self { source, decoder, open: false, trouble: None }
    }

    /// One more block, or the next frame; false at the end of all.
    fn advance(&mut self) -> io::Result<bool> {
        if !self.open {
            return self.next_frame();
        }
        let block = self.decoder.decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1));
        if let Err(error) = block {
            self.trouble = Some(told(&error));
            // What the window holds is good. It is given out when the frame has ended.
            if self.decoder.decode_blocks(&LAST_BLOCK[..], BlockDecodingStrategy::UptoBlocks(1)).is_err() {
                self.open = false;
            }
        }
        Ok(true)
    }

    fn next_frame(&mut self) -> io::Result<bool> {
        let mut first = [0];
        if self.source.read(&mut first)? == 0 {
            return Ok(false);
        }
        match self.decoder.init((&first[..]).chain(&mut self.source)) {
            Ok(()) => self.open = true,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length, ..
            })) => {
                io::copy(&mut (&mut self.source).take(u64::from(length)), &mut io::sink())?;
            }
            Err(error) => return Err(told(&error)),
        }
        Ok(true)
    }

    /// All of a frame is given out.
    fn end_frame(&mut self) -> io::Result<()> {
        self.open = false;
        if let Some(trouble) = self.trouble.take() {
            return Err(trouble);
        }
        match (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum()) {
            (Some(written), Some(own)) if written != own => {
                Err(io::Error::other("corrupt zstd stream: its checksum does not fit"))
            }
            _ => Ok(()),
        }
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.open && self.decoder.can_collect() > 0 {
                return self.decoder.read(buffer);
            }
            if self.open && self.decoder.is_finished() {
                self.end_frame()?;
            }
            if let Some(trouble) = self.trouble.take_if(|_| !self.open) {
                return Err(trouble);
            }
            if !self.advance()? {
                return Ok(0);
            }
        }
    }
}

/// In words; a limit that a stream beneath ran into stays what it is.
fn told(error: &FrameDecoderError) -> io::Error {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(this) = cause {
        if let Some(inner) = this.downcast_ref::<io::Error>() {
            if let Some(over) = Over::of(inner) {
                return io::Error::other(over);
            }
            if inner.kind() == io::ErrorKind::UnexpectedEof {
                return io::Error::new(io::ErrorKind::UnexpectedEof, "incomplete zstd stream");
            }
        }
        cause = this.source();
    }
    match error {
        FrameDecoderError::ReadFrameHeaderError(_) => {
            io::Error::other("corrupt zstd stream: no frame where one should be")
        }
        FrameDecoderError::WindowSizeTooBig { .. } => io::Error::other(
            "zstd stream that needs a window of more than 128 MiB: unpack it with zstd --long=31 -d",
        ),
        FrameDecoderError::DictNotProvided { .. } => {
            io::Error::other("zstd stream that needs a dictionary: unpack it first")
        }
        _ => io::Error::other("corrupt zstd stream"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    fn packed(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    fn unpacked(bytes: &[u8]) -> (Vec<u8>, Option<String>) {
        let mut out = Vec::new();
        let end = Frames::new(bytes).read_to_end(&mut out);
        (out, end.err().map(|error| error.to_string()))
    }

    /// Bytes that do not become shorter, so that a place in the packed stream is about the same in the other.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn frames_follow_each_other_and_some_are_skipped() {
        let skipped = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
        let stream = [&skipped[..], &packed(b"one "), &skipped, &packed(b""), &packed(b"two")].concat();
        assert_eq!(unpacked(&stream), (b"one two".to_vec(), None));
    }

    #[test]
    fn what_came_before_the_damage_is_given() {
        let whole = noise(700_000);
        let stream = packed(&whole);
        for length in [0, 100, 140_000, 350_000, 699_000] {
            let (out, end) = unpacked(&stream[..length]);
            assert!(whole.starts_with(&out) && out.len() + (128 << 10) >= length, "{length}: {}", out.len());
            assert_eq!(end.is_some(), length > 0);
            assert!(end.is_none_or(|end| end == "incomplete zstd stream"));
        }
        let (out, end) = unpacked(&[&packed(b"one")[..], b"rubbish"].concat());
        assert_eq!(out, b"one");
        assert_eq!(end.as_deref(), Some("corrupt zstd stream: no frame where one should be"));
    }
}
