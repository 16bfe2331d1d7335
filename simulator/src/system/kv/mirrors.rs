//! What clients that follow keys hold of them: kept up by what a watch tells, and read anew where a watch
//! was lost. It is the state of the keys, or something was left out, however watches came and went.

use std::collections::BTreeMap;

use bytes::Bytes;
use quorate_kv::{Change, KeyValue, Revision};

use super::reference::Reference;
use crate::oracle::Violation;

/// By client, the keys that it watches. Before its first revision nothing is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mirrors(BTreeMap<u64, BTreeMap<Bytes, KeyValue>>);

impl Mirrors {
    /// A client has read all keys that it watches.
    pub(super) fn read<'a>(&mut self, client: u64, keys: impl Iterator<Item = &'a KeyValue>) {
        self.0.insert(client, keys.map(|one| (one.key.clone(), one.clone())).collect());
    }

    /// A client was told of these changes, of all through `revision`.
    ///
    /// # Errors
    /// Where it does not hold what `reference` had then.
    pub(super) fn told(
        &mut self,
        client: u64,
        changes: &[Change],
        revision: Revision,
        reference: &Reference,
    ) -> Result<(), Violation> {
        let held = self.0.entry(client).or_default();
        for Change { key, now, .. } in changes {
            match now {
                Some(now) => held.insert(key.clone(), now.clone()),
                None => held.remove(key),
            };
        }
        let range = super::watch_of(client, 0).range;
        if reference.as_of(&range, revision).eq(held.values()) {
            return Ok(());
        }
        let what =
            format!("client {client} was told of all through {revision}, and holds other keys");
        Err(Violation::model("mirror", what))
    }
}

#[cfg(test)]
mod tests {
    use quorate_core::{EntryRef, LogId, Payload};
    use quorate_kv::Command;

    use super::*;

    #[test]
    fn a_client_holds_the_keys_however_its_watch_came_and_went() {
        let mut reference = Reference::default();
        let commands = [Command::put("a", "1"), Command::put("b", "2"), Command::delete("a")];
        for (index, command) in (1..).zip(commands) {
            let payload = Payload::Command(command.encode().unwrap());
            reference.apply(EntryRef { log_id: LogId::new(1, index), payload: &payload });
        }
        let all = reference.changes(0, 9).to_vec();
        let told = |mirrors: &mut Mirrors, changes: &[Change], revision| {
            mirrors.told(0, changes, revision, &reference)
        };
        let mut mirrors = Mirrors::default();
        assert_eq!(told(&mut mirrors, &all[..1], 2), Ok(()));
        assert!(told(&mut mirrors.clone(), &all[2..], 4).is_err(), "a gap");
        assert!(told(&mut mirrors.clone(), &all[1..2], 4).is_err(), "not yet all");
        // It lost its watch, and read what was there at revision 3.
        let keys: Vec<KeyValue> = reference.as_of(&quorate_kv::KeyRange::ALL, 3).cloned().collect();
        mirrors.read(0, keys.iter());
        assert!(told(&mut mirrors.clone(), &[], 4).is_err(), "one was left out behind it");
        assert_eq!(told(&mut mirrors, &all[2..], 4), Ok(()));
        mirrors.read(0, keys[..1].iter());
        assert!(told(&mut mirrors, &[], 3).is_err(), "it read less than there was");
    }
}
