//! When a received snapshot takes the place of the state machine's state.

use std::sync::Arc;

use crate::group::{Group, MS, id};
use quorate_core::*;

const LAST: LogId = LogId::new(2, 5);

/// Node 1 follows node 2; its log ends with 7@2, all durable, and nothing but the first is committed.
fn follower(cache_bytes: u64) -> Group {
    let mut group = Group::with_config(3, |config| config.cache_bytes = cache_bytes);
    say(&mut group, LogId::new(1, 1), 1, 6);
    assert_eq!(group.status(1).durable, 7);
    group
}

fn say(group: &mut Group, prev: LogId, commit: u64, count: usize) {
    let mut entries = Entries::new();
    if count > 0 {
        let list = commands(vec!["x"; count]);
        entries.append(LogId::new(2, prev.index + 1), list).expect("it follows");
    }
    let (round, promise) = (1, 100 * MS);
    let request = AppendRequest { prev, commit, round, promise, quiesce: false, entries };
    let message = Message { term: 2, body: Body::AppendRequest(request) };
    group.step(1, Input::Receive { from: id(2), message });
}

fn meta() -> Arc<SnapshotMeta> {
    let configuration = Arc::new(Configuration::new([1, 2, 3].map(id)));
    Arc::new(SnapshotMeta { last: LAST, configuration })
}

fn receive(group: &mut Group) -> Vec<Action> {
    let mut machine = group.members[&1].machine.clone();
    machine.last = LAST;
    let member = group.member(1);
    member.snapshots.insert(LAST.index, machine);
    member.hold_work = true;
    group.step(1, Input::SnapshotReceived { term: 2, meta: meta() })
}

fn is_given(group: &Group) -> bool {
    group.members[&1].work.contains(&Action::Install { meta: meta() })
}

#[test]
fn a_snapshot_is_installed_once_it_is_named_durably() {
    let mut group = follower(0);
    // Else it would apply the entries that it has.
    group.member(1).hold_log_reads = true;
    group.hold_writes(1);
    receive(&mut group);
    assert!(!is_given(&group), "a restart would not find it named");
    group.step(1, Input::Tick);
    assert!(!is_given(&group));
    group.release_writes(1);
    assert!(is_given(&group));
    assert_eq!(group.status(1).snapshot, Some(&*meta()));
}

#[test]
fn entries_that_were_being_read_to_be_applied_are_of_no_use_any_more() {
    let mut group = follower(0);
    group.member(1).hold_log_reads = true;
    say(&mut group, LogId::new(2, 7), 3, 0);
    assert_eq!(group.members[&1].log_reads.len(), 1, "it reads to apply");
    receive(&mut group);
    assert!(is_given(&group));
    let before = group.status(1).drops.stale_log_reads;
    let (token, found) = group.member(1).log_reads.pop_front().expect("one");
    group.step(1, Input::LogRead { token, found });
    assert_eq!(group.status(1).drops.stale_log_reads, before + 1);
}
