//! Lists that only grow, each value a link: its length, and a hash of all that was appended. Whatever is
//! lost, doubled, forked or seen out of order breaks the chain, and no model is needed to see it.

use std::collections::BTreeMap;

use crate::{hash::mix, oracle::Violation};

/// A list as it is written: how long it is, and a hash of all its elements in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) length: u64,
    pub(super) hash: u64,
}

impl Link {
    /// With one more element.
    pub(super) fn and(self, element: u64) -> Link {
        Link { length: self.length + 1, hash: mix(self.hash, element) }
    }
}

/// What clients saw of all lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lists {
    /// The hash at each length of each list.
    links: BTreeMap<(u64, u64), u64>,
    /// By list, the moments at which it was told to be longer than ever.
    grown: BTreeMap<u64, Vec<(u64, u64)>>,
}

impl Lists {
    /// A client was told, between these moments, that a list is or has become this.
    ///
    /// # Errors
    /// Where another one was told otherwise of that length, or of a longer one before this one asked.
    pub(super) fn seen(
        &mut self,
        list: u64,
        link: Link,
        [began, ended]: [u64; 2],
    ) -> Result<(), Violation> {
        let known = *self.links.entry((list, link.length)).or_insert(link.hash);
        if known != link.hash {
            let what = format!("list {list} has two histories of {} elements", link.length);
            return Err(Violation::model("append", what));
        }
        let grown = self.grown.entry(list).or_default();
        let before = grown.partition_point(|(told, _)| *told < began);
        let longest = grown[..before].last().map_or(0, |(_, length)| *length);
        if longest > link.length {
            let what = format!(
                "list {list} has {} elements, after somebody had been told of {longest}",
                link.length
            );
            return Err(Violation::model("append", what));
        }
        if grown.last().is_none_or(|(_, length)| *length < link.length) {
            grown.push((ended, link.length));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_one_history() {
        let (one, other) = (Link::default().and(7), Link::default().and(8));
        let mut lists = Lists::default();
        assert_eq!(lists.seen(0, one, [1, 2]), Ok(()));
        assert_eq!(lists.seen(0, one.and(8), [3, 4]), Ok(()));
        assert_eq!(lists.seen(1, other, [5, 6]), Ok(()), "another list");
        assert!(lists.clone().seen(0, other, [1, 7]).is_err(), "another element");
        assert!(lists.clone().seen(0, other.and(7), [5, 6]).is_err(), "another order");
        assert_eq!(lists.seen(0, one.and(8).and(9), [5, 6]), Ok(()));
    }

    #[test]
    fn a_list_never_shrinks() {
        let one = Link::default().and(7);
        let mut lists = Lists::default();
        assert_eq!(lists.seen(0, one.and(8), [1, 5]), Ok(()));
        assert_eq!(lists.clone().seen(0, one, [5, 6]), Ok(()), "both at once");
        assert!(lists.clone().seen(0, one, [6, 7]).is_err());
        assert!(lists.seen(0, Link::default(), [6, 7]).is_err());
    }
}
