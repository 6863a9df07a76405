//! What one file's rebuild left behind, kept short however much it is.

use std::collections::{BTreeMap, HashMap};

use crate::report::{Removed, What};

/// Places that one report names; what is removed beyond them is counted by kind.
const MAX_PLACES: usize = 200;

/// What was removed so far.
#[derive(Debug, Default)]
pub(crate) struct Removals {
    listed: Vec<Removed>,
    /// Where in `listed` things without a digest are, by kind and place.
    places: HashMap<(What, String), usize>,
    elsewhere: BTreeMap<What, u32>,
}

impl Removals {
    pub(crate) fn add(&mut self, removed: Removed) {
        let key = removed.sha256.is_none().then(|| (removed.what, removed.r#where.clone()));
        let known = key.as_ref().and_then(|key| self.places.get(key)).and_then(|n| self.listed.get_mut(*n));
        if let Some(known) = known {
            known.count = known.count.saturating_add(removed.count);
        } else if self.listed.len() < MAX_PLACES {
            self.places.extend(key.map(|key| (key, self.listed.len())));
            self.listed.push(removed);
        } else {
            let count = self.elsewhere.entry(removed.what).or_default();
            *count = count.saturating_add(removed.count);
        }
    }

    /// The list for the report.
    pub(crate) fn finish(self) -> Vec<Removed> {
        let elsewhere =
            self.elsewhere.into_iter().map(|(what, count)| Removed::new(what, "elsewhere", count));
        self.listed.into_iter().chain(elsewhere).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_stays_short_and_counts_all() {
        let mut removals = Removals::default();
        for n in 0..100_000 {
            removals.add(Removed::new(What::Script, &format!("object {}", n % 1000), 1));
            removals.add(Removed::bytes(What::Member, "elsewhere", b"x"));
        }
        let list = removals.finish();
        assert_eq!(list.len(), MAX_PLACES + 2);
        let total = |what| list.iter().filter(|r| r.what == what).map(|r| r.count).sum::<u32>();
        assert_eq!((total(What::Script), total(What::Member)), (100_000, 100_000));
    }
}
