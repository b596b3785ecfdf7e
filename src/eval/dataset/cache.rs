//! Compiled values by what they were compiled from: most rows of a dataset share a handful of schemas and
//! scorers. Small and bounded.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

/// How many compiled values are kept.
const CAPACITY: usize = 64;

#[derive(Debug)]
pub(super) struct Cache<T: ?Sized> {
    slots: Mutex<Slots<T>>,
}

#[derive(Debug)]
struct Slots<T: ?Sized> {
    entries: Vec<(u64, Value, Arc<T>)>,
    /// The slot to reuse next when all are taken.
    next: usize,
}

impl<T: ?Sized> Cache<T> {
    pub(super) fn new() -> Self {
        Self { slots: Mutex::new(Slots { entries: Vec::new(), next: 0 }) }
    }

    /// The compiled value, from the cache or from `compile`. Failures are not kept.
    pub(super) fn get(
        &self,
        source: &Value,
        compile: impl FnOnce(&Value) -> Result<Arc<T>, String>,
    ) -> Result<Arc<T>, String> {
        let mut hasher = DefaultHasher::new();
        source.hash(&mut hasher);
        let hash = hasher.finish();
        // A panic while the lock is held leaves whole entries behind, so a poisoned lock is still good.
        let found = {
            let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            let is_same = |entry: &&(u64, Value, Arc<T>)| entry.0 == hash && entry.1 == *source;
            slots.entries.iter().find(is_same).map(|entry| Arc::clone(&entry.2))
        };
        if let Some(found) = found {
            return Ok(found);
        }
        let compiled = compile(source)?;
        let entry = (hash, source.clone(), Arc::clone(&compiled));
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.entries.len() < CAPACITY {
            slots.entries.push(entry);
        } else {
            let next = slots.next;
            slots.entries[next] = entry;
            slots.next = (next + 1) % CAPACITY;
        }
        Ok(compiled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_compiled_once_and_the_cache_stays_small() {
        let cache = Cache::<Value>::new();
        let mut compiled = 0;
        for n in (0..200).chain([199, 199]) {
            let value = cache.get(&n.into(), |value| {
                compiled += 1;
                Ok(Arc::new(value.clone()))
            });
            assert_eq!(value.map(|value| (*value).clone()), Ok(n.into()));
        }
        assert_eq!(compiled, 200);
        assert_eq!(cache.slots.lock().unwrap().entries.len(), CAPACITY);
    }
}
