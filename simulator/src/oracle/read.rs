//! Real-time order by places in the log: cheap, and for every operation.

use quorate_core::Index;

use super::Violation;

/// The highest place of any operation that has ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Floors {
    ended: Index,
}

impl Floors {
    /// Where an operation that begins now must at least stand.
    pub fn begin(&self) -> Index {
        self.ended
    }

    /// A client was told that its write stands at `found`.
    ///
    /// # Errors
    /// Where an operation that had ended before it began stands there or behind.
    pub fn wrote(&mut self, client: u64, floor: Index, found: Index) -> Result<(), Violation> {
        if found <= floor {
            return Err(Violation::OutOfOrder { client, found, floor });
        }
        self.ended = self.ended.max(found);
        Ok(())
    }

    /// A client was told what a state machine that had applied `found` holds.
    ///
    /// # Errors
    /// Where an operation that had ended before it began stands behind.
    pub fn read(&mut self, client: u64, floor: Index, found: Index) -> Result<(), Violation> {
        if found < floor {
            return Err(Violation::OutOfOrder { client, found, floor });
        }
        self.ended = self.ended.max(found);
        Ok(())
    }

    /// A node named `index` for a read that came in when `committed` was the last committed.
    ///
    /// # Errors
    /// Where it lies before.
    pub fn named(node: u64, committed: Index, index: Index) -> Result<(), Violation> {
        if index < committed {
            return Err(Violation::StaleReadIndex { node, index, committed });
        }
        Ok(())
    }
}

/// A node answered a read under its lease, from what it had through `index`, when `committed` was
/// the last committed. The leader of a term knows all that is committed in it; so more is known only
/// where a leader of a later term has committed.
///
/// # Errors
/// Where another leader has.
pub fn leased(node: u64, committed: Index, index: Index) -> Result<(), Violation> {
    if index < committed {
        return Err(Violation::StaleLeaseRead { node, index, committed });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_out_of_real_time_order() {
        let mut floors = Floors::default();
        let early = floors.begin();
        assert_eq!(floors.wrote(0, early, 10), Ok(()));
        assert_eq!(floors.read(1, early, 4), Ok(()), "it began before");
        let late = floors.begin();
        assert!(floors.read(1, late, 9).is_err(), "a stale read");
        assert!(floors.wrote(1, late, 10).is_err(), "two writes in one place");
        assert_eq!(floors.read(1, late, 10), Ok(()));
        assert!(Floors::named(0, 10, 9).is_err());
        assert_eq!(Floors::named(0, 10, 10), Ok(()));
        let stale = Violation::StaleLeaseRead { node: 0, index: 9, committed: 10 };
        assert_eq!((leased(0, 10, 9), leased(0, 10, 10)), (Err(stale), Ok(())));
    }
}
