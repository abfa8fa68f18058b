//! A map for a few dozen entries that are looked at far more often than they come and go: a sorted
//! list, searched by halving and walked over in the order of its keys. A newcomer moves half of it.
//! Keys are apart from values: a search reads a line or two of memory, however large the values.
//!
//! What is kept in one is bounded by the sessions that the caller lets there be.

/// See the module.
#[derive(Debug)]
pub struct Sorted<K, V> {
    keys: Vec<K>,
    /// One for each key, in their order.
    values: Vec<V>,
}

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self { keys: Vec::new(), values: Vec::new() }
    }
}

impl<K: Ord + Copy, V> Sorted<K, V> {
    /// Number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// A key's value.
    pub fn get(&self, key: K) -> Option<&V> {
        self.find(key).ok().map(|place| &self.values[place])
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, key: K) -> Option<&mut V> {
        self.find(key).ok().map(|place| &mut self.values[place])
    }

    /// A key's value, made if there is none.
    pub fn or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let place = self.find(key).unwrap_or_else(|place| {
            self.keys.insert(place, key);
            self.values.insert(place, make());
            place
        });
        &mut self.values[place]
    }

    /// Whether the key had no value before.
    pub fn insert(&mut self, key: K, value: V) -> bool {
        match self.find(key) {
            Ok(place) => self.values[place] = value,
            Err(place) => {
                self.keys.insert(place, key);
                self.values.insert(place, value);
                return true;
            }
        }
        false
    }

    /// Takes a key out; its value.
    pub fn remove(&mut self, key: K) -> Option<V> {
        let place = self.find(key).ok()?;
        self.keys.remove(place);
        Some(self.values.remove(place))
    }

    /// All of them, by key.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (K, &V)> {
        self.keys.iter().copied().zip(&self.values)
    }

    /// All of them, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = K> {
        self.keys.iter().copied()
    }

    fn find(&self, key: K) -> Result<usize, usize> {
        self.keys.binary_search(&key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_map_in_the_order_of_its_keys() {
        let mut map = Sorted::default();
        for key in [5, 1, 9, 3] {
            assert!(map.insert(key, key * 10));
        }
        assert!(!map.insert(5, 51));
        *map.or_insert_with(9, || 0) += 1;
        assert_eq!(*map.or_insert_with(4, || 40), 40);
        assert_eq!((map.remove(1), map.remove(2), map.get(3)), (Some(10), None, Some(&30)));
        assert_eq!(
            map.iter().map(|(key, value)| (key, *value)).collect::<Vec<_>>(),
            [(3, 30), (4, 40), (5, 51), (9, 91)]
        );
        assert_eq!(map.len(), map.keys().count());
    }
}
