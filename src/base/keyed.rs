//! A hash for keys that come from outside: nobody can choose keys that meet in one place of a table.
//!
//! Quick and not cryptographic. The key is another in every run, so nothing that can be seen may depend on the hash.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;

/// A map whose keys come from outside.
pub type KeyedMap<K, V> = HashMap<K, V, Keyed>;

/// Makes hashers with the key of this run.
#[derive(Clone, Copy, Debug)]
pub struct Keyed {
    key: u64,
}

impl Default for Keyed {
    fn default() -> Self {
        static KEY: OnceLock<u64> = OnceLock::new();
        Self { key: *KEY.get_or_init(|| RandomState::new().hash_one(0_u64)) }
    }
}

impl BuildHasher for Keyed {
    type Hasher = KeyedHasher;

    fn build_hasher(&self) -> KeyedHasher {
        KeyedHasher { state: self.key }
    }
}

/// Multiplies to 128 bits and folds the halves for each word, with the key mixed in from the start.
#[derive(Clone, Copy, Debug)]
pub struct KeyedHasher {
    state: u64,
}

/// The fraction of the golden ratio: bits in no pattern.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

impl KeyedHasher {
    fn mix(&mut self, word: u64) {
        let product = u128::from(self.state ^ word) * u128::from(MULTIPLIER);
        let low = u64::try_from(product & u128::from(u64::MAX)).unwrap_or(0);
        let high = u64::try_from(product >> 64).unwrap_or(0);
        // The sum of a word and its place: words in another order hash otherwise.
        self.state = (low ^ high).wrapping_add(self.state.rotate_left(23));
    }
}

impl Hasher for KeyedHasher {
    fn write(&mut self, bytes: &[u8]) {
        // What fills the last word must not pass for bytes.
        self.state =
            self.state.wrapping_add(u64::try_from(bytes.len()).unwrap_or(0).wrapping_mul(MULTIPLIER));
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(rest) {
                *to = *from;
            }
            self.mix(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.mix(value.into());
    }

    fn write_u16(&mut self, value: u16) {
        self.mix(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.mix(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.mix(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.mix(u64::try_from(value).unwrap_or(u64::MAX));
    }

    fn finish(&self) -> u64 {
        let mut last = *self;
        last.mix(MULTIPLIER.rotate_left(32));
        last.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::net::{IpAddr, Ipv4Addr};

    /// How many of the keys share the fullest of 256 places of a table, by the low bits and by the high ones.
    fn fullest(key: u64, keys: &[(IpAddr, u16)]) -> usize {
        let mut counts = [[0_usize; 256]; 2];
        for one in keys {
            let hash = Keyed { key }.hash_one(one).to_le_bytes();
            counts[0][usize::from(hash[0])] += 1;
            counts[1][usize::from(hash[7])] += 1;
        }
        counts.into_iter().flatten().max().unwrap()
    }

    #[test]
    fn keys_that_meet_with_one_key_part_with_another() {
        let all: Vec<(IpAddr, u16)> = (0..1 << 20)
            .map(|n: u32| (IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + n)), u16::try_from(n & 0xffff).unwrap()))
            .collect();
        // What somebody would send who knows the hash of one run: all in one place.
        let meet: Vec<(IpAddr, u16)> =
            all.iter().copied().filter(|one| Keyed { key: 1 }.hash_one(one).to_le_bytes()[0] == 0).collect();
        assert!(meet.len() > 3000, "{}", meet.len());
        for key in [2, 3, u64::MAX, 1 << 40] {
            let most = fullest(key, &meet);
            assert!(most < meet.len() / 50, "key {key}: {most} of {} meet again", meet.len());
        }
    }

    #[test]
    fn keys_that_are_alike_spread() {
        let alike = |make: &dyn Fn(u16) -> (IpAddr, u16)| (0..8192).map(make).collect::<Vec<_>>();
        let ip = |n: u32| IpAddr::V4(Ipv4Addr::from(n));
        let lists = [
            alike(&|n| (ip(0x0a00_0001), n)),
            alike(&|n| (ip(u32::from(n)), 3389)),
            alike(&|n| (ip(u32::from(n) << 16), 3389)),
            // Sums that are all the same, and exclusive ors.
            alike(&|n| (ip(0x0a00_ffff - u32::from(n)), n)),
            alike(&|n| (ip(0x0a00_0000 ^ u32::from(n)), n)),
        ];
        for (number, list) in lists.iter().enumerate() {
            for key in [0, 1, 0x1234_5678_9abc_def0] {
                let most = fullest(key, list);
                assert!(most < 90, "list {number}, key {key}: {most} of 8192 in one of 256 places");
            }
        }
        let words: BTreeSet<u64> = ["", "a", "aa", "\0", "\0\0", "12345678", "123456781"]
            .map(|word| Keyed { key: 7 }.hash_one(word))
            .into();
        assert_eq!(words.len(), 7);
    }
}
