use std::{borrow::Borrow, collections::HashMap, hash::Hash};

/// A map that forgets what was not asked for lately, so that it stays small.
///
/// Two halves: new and wanted entries go to the young one; once that is full it becomes the old one, whose entries are
/// gone unless they were asked for meanwhile.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half: usize,
}

impl<K: Clone + Eq + Hash, V: Clone> Recent<K, V> {
    /// A map of at most `limit` entries, at least two.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            half: (limit / 2).max(1),
        }
    }

    pub(crate) fn get<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.insert(key, value.clone());
        Some(value)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }

    pub(crate) fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        self.young.remove(key);
        self.old.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::Recent;

    #[test]
    fn it_stays_small_and_keeps_what_is_wanted() {
        let mut recent = Recent::new(8);
        recent.insert(0, "wanted");
        for key in 1..100 {
            recent.insert(key, "other");
            assert_eq!(recent.get(&0), Some("wanted"));
            assert_eq!(recent.get(&key), Some("other"));
            assert!(recent.young.len() + recent.old.len() <= 8);
        }
        assert_eq!(recent.get(&1), None);
    }

    #[test]
    fn what_is_replaced_or_removed_is_gone() {
        let mut recent = Recent::new(4);
        recent.insert("a", 1);
        recent.insert("b", 1);
        recent.insert("c", 1);
        recent.insert("a", 2);
        assert_eq!(recent.get("a"), Some(2));
        for key in ["a", "b", "c"] {
            recent.remove(key);
            assert_eq!(recent.get(key), None);
        }
    }
}
