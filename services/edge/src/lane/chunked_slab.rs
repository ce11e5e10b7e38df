//! A slab that grows without moving what is in it.
//!
//! One that is a single vector copies all sessions whenever it doubles: with 65,536 of them 35 MB, while nobody on the lane is
//! served, and the old vector remains with the allocator for some time.

use std::ops::{Index, IndexMut};

use slab::Slab;

/// Values in one chunk.
const CHUNK: usize = 256;

/// Values by key; a key is used again once its value is gone.
#[derive(Debug)]
pub(super) struct ChunkedSlab<T> {
    chunks: Vec<Slab<T>>,
    /// Chunks that are not full.
    roomy: Vec<usize>,
    len: usize,
}

impl<T> ChunkedSlab<T> {
    pub(super) const fn new() -> Self {
        Self {
            chunks: Vec::new(),
            roomy: Vec::new(),
            len: 0,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes a value in, and returns its key.
    pub(super) fn insert(&mut self, value: T) -> usize {
        let number = self.roomy.last().copied().unwrap_or_else(|| {
            self.chunks.push(Slab::with_capacity(CHUNK));
            self.roomy.push(self.chunks.len() - 1);
            self.chunks.len() - 1
        });
        let chunk = &mut self.chunks[number];
        let key = number * CHUNK + chunk.insert(value);
        if chunk.len() == CHUNK {
            self.roomy.pop();
        }
        self.len += 1;
        key
    }

    pub(super) fn get(&self, key: usize) -> Option<&T> {
        self.chunks.get(key / CHUNK)?.get(key % CHUNK)
    }

    pub(super) fn get_mut(&mut self, key: usize) -> Option<&mut T> {
        self.chunks.get_mut(key / CHUNK)?.get_mut(key % CHUNK)
    }

    /// Frees a key, if it is taken.
    pub(super) fn remove(&mut self, key: usize) {
        let number = key / CHUNK;
        if let Some(chunk) = self.chunks.get_mut(number)
            && chunk.try_remove(key % CHUNK).is_some()
        {
            self.len -= 1;
            if chunk.len() == CHUNK - 1 {
                self.roomy.push(number);
            }
        }
    }
}

impl<T> Index<usize> for ChunkedSlab<T> {
    type Output = T;

    fn index(&self, key: usize) -> &T {
        &self.chunks[key / CHUNK][key % CHUNK]
    }
}

impl<T> IndexMut<usize> for ChunkedSlab<T> {
    fn index_mut(&mut self, key: usize) -> &mut T {
        &mut self.chunks[key / CHUNK][key % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_under_their_keys_and_keys_are_used_again() {
        let mut slab = ChunkedSlab::new();
        let keys: Vec<usize> = (0..1_000).map(|value| slab.insert(value)).collect();
        assert_eq!(keys, (0..1_000).collect::<Vec<_>>());
        for key in (0..1_000).step_by(3) {
            slab.remove(key);
            slab.remove(key);
        }
        assert_eq!(slab.get(999), None);
        assert_eq!((slab.get(998), slab[1]), (Some(&998), 1));
        let again: Vec<usize> = (0..334).map(|_| slab.insert(7)).collect();
        assert!(again.iter().all(|key| *key < 1_024), "{again:?}");
        assert_eq!(slab.chunks.len(), 4);
        (0..1_024).for_each(|key| slab.remove(key));
        assert!(slab.is_empty());
        assert_eq!(slab.roomy.len(), 4);
    }
}
