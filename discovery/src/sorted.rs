//! A map for a few dozen entries that are looked at far more often than they come and go: a sorted
//! list, searched by halving and walked over in the order of its keys. A newcomer moves half of it.
//!
//! What is kept in one is bounded by the sessions that the caller lets there be.

/// See the module.
#[derive(Debug)]
pub(crate) struct Sorted<K, V>(Vec<(K, V)>);

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord + Copy, V> Sorted<K, V> {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&self, key: K) -> Option<&V> {
        self.find(key).ok().map(|place| &self.0[place].1)
    }

    pub(crate) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        self.find(key).ok().map(|place| &mut self.0[place].1)
    }

    /// A key's value, made if there is none.
    pub(crate) fn or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let place = self.find(key).unwrap_or_else(|place| {
            self.0.insert(place, (key, make()));
            place
        });
        &mut self.0[place].1
    }

    /// Whether the key had no value before.
    pub(crate) fn insert(&mut self, key: K, value: V) -> bool {
        match self.find(key) {
            Ok(place) => self.0[place].1 = value,
            Err(place) => {
                self.0.insert(place, (key, value));
                return true;
            }
        }
        false
    }

    pub(crate) fn remove(&mut self, key: K) -> Option<V> {
        self.find(key).ok().map(|place| self.0.remove(place).1)
    }

    /// By key.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (K, &V)> {
        self.0.iter().map(|(key, value)| (*key, value))
    }

    /// In order.
    pub(crate) fn keys(&self) -> impl DoubleEndedIterator<Item = K> {
        self.0.iter().map(|(key, _)| *key)
    }

    fn find(&self, key: K) -> Result<usize, usize> {
        self.0.binary_search_by(|(there, _)| there.cmp(&key))
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
