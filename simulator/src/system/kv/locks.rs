//! Locks with fencing tokens, and a store that checks them: two clients may believe that they hold a
//! lock, but the store takes nothing from the older once it has seen the newer.

use std::collections::BTreeMap;

use quorate_kv::Revision;

use crate::oracle::Violation;

/// That a client took a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) client: u64,
    pub(super) lock: u64,
    /// Rises from holder to holder.
    pub(super) token: Revision,
    /// The moment at which it began to ask.
    pub(super) began: u64,
    /// The moment of the answer.
    pub(super) ended: u64,
}

/// All locks, and the stores behind them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Locks {
    /// By lock and token.
    taken: BTreeMap<(u64, Revision), Taken>,
    /// The newest token that each lock's store has seen.
    stores: BTreeMap<u64, Revision>,
    /// Writes that a store turned away.
    pub(super) fenced: u64,
}

impl Locks {
    /// A client was told that it has a lock.
    ///
    /// # Errors
    /// Where another one got the same token, or a newer one before this one asked.
    pub(super) fn taken(&mut self, taken: Taken) -> Result<(), Violation> {
        let Taken { lock, token, client, .. } = taken;
        if let Some(other) = self.taken.insert((lock, token), taken) {
            let what =
                format!("lock {lock} has token {token} for clients {} and {client}", other.client);
            return Err(Violation::model("lock", what));
        }
        let newer = self.taken.range((lock, token + 1)..=(lock, Revision::MAX));
        let early = newer.map(|(_, other)| other).find(|other| other.ended < taken.began);
        early.map_or(Ok(()), |other| Err(overtaken(&taken, other)))
    }

    /// Whoever believes to hold a lock writes to its store: whether that took it.
    ///
    /// # Errors
    /// Where it was turned away for one that had got its token before this one asked for its own.
    pub(super) fn write(&mut self, lock: u64, token: Revision) -> Result<bool, Violation> {
        let newest = self.stores.entry(lock).or_default();
        if token >= *newest {
            *newest = token;
            return Ok(true);
        }
        self.fenced += 1;
        let [this, other] = [token, *newest].map(|token| self.taken.get(&(lock, token)));
        match this.zip(other) {
            Some((this, other)) if other.ended < this.began => Err(overtaken(this, other)),
            Some(_) | None => Ok(false),
        }
    }
}

fn overtaken(taken: &Taken, other: &Taken) -> Violation {
    let what = format!(
        "client {} took lock {} with token {}, after client {} had been given {}",
        taken.client, taken.lock, taken.token, other.client, other.token
    );
    Violation::model("lock", what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(client: u64, token: Revision, began: u64, ended: u64) -> Taken {
        Taken { client, lock: 7, token, began, ended }
    }

    #[test]
    fn tokens_rise_from_holder_to_holder() {
        let mut locks = Locks::default();
        assert_eq!(locks.taken(taken(0, 5, 1, 4)), Ok(()));
        assert_eq!(locks.taken(taken(1, 4, 3, 6)), Ok(()), "both asked at once");
        assert!(locks.clone().taken(taken(2, 5, 7, 8)).is_err(), "the same one");
        assert!(locks.clone().taken(taken(2, 4, 7, 8)).is_err());
        assert!(locks.clone().taken(taken(2, 3, 7, 8)).is_err(), "an older one, later");
        assert_eq!(locks.taken(taken(2, 9, 7, 8)), Ok(()));
    }

    #[test]
    fn a_store_takes_nothing_from_the_older_holder_once_it_has_seen_the_newer() {
        let mut locks = Locks::default();
        for one in [taken(0, 5, 1, 4), taken(1, 9, 7, 8)] {
            assert_eq!(locks.taken(one), Ok(()));
        }
        assert_eq!(
            [5, 9, 5, 9].map(|token| locks.write(7, token)),
            [true, true, false, true].map(Ok)
        );
        assert_eq!((locks.fenced, locks.write(8, 5)), (1, Ok(true)));
    }
}
