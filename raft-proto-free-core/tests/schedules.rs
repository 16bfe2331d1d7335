//! Random schedules of a few nodes: messages in any order, late, twice or never; disks that hang,
//! processes that die, power that fails. Safety holds at every step (paper, Figure 3), and once all is
//! well again the group goes on.

mod group;

use group::{Group, MS, id};
use proptest::prelude::*;
use quorate_core::*;

/// One thing that happens; numbers choose among what there is.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Deliver(u8),
    Duplicate(u8),
    Drop(u8),
    Tick(u8),
    Pass(u8),
    Propose(u8),
    Read(u8),
    HoldWrites(u8),
    ReleaseWrites(u8),
    Crash(u8),
    Kill(u8),
    Restart(u8),
    LeaseRead(u8),
    Change(u8, u8),
    Transfer(u8, u8),
    Snapshot(u8),
    DeliverParcel(u8),
    LoseParcel(u8),
    HoldLogReads(u8),
    ReleaseLogReads(u8),
    Unreachable(u8, u8),
    Want(u8),
    Quiesce(u8),
    Wake(u8),
    Space(u8, bool),
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    prop_oneof![
        20 => any::<u8>().prop_map(Deliver),
        2 => any::<u8>().prop_map(Duplicate),
        2 => any::<u8>().prop_map(Drop),
        3 => any::<u8>().prop_map(Tick),
        1 => (0..120u8).prop_map(Pass),
        3 => any::<u8>().prop_map(Propose),
        1 => any::<u8>().prop_map(Read),
        1 => any::<u8>().prop_map(HoldWrites),
        2 => any::<u8>().prop_map(ReleaseWrites),
        1 => any::<u8>().prop_map(Crash),
        1 => any::<u8>().prop_map(Kill),
        3 => any::<u8>().prop_map(Restart),
        1 => any::<u8>().prop_map(LeaseRead),
        2 => any::<(u8, u8)>().prop_map(|(node, what)| Change(node, what)),
        1 => any::<(u8, u8)>().prop_map(|(node, to)| Transfer(node, to)),
        2 => any::<u8>().prop_map(Snapshot),
        2 => any::<u8>().prop_map(DeliverParcel),
        1 => any::<u8>().prop_map(LoseParcel),
        1 => any::<u8>().prop_map(HoldLogReads),
        1 => any::<u8>().prop_map(ReleaseLogReads),
        1 => any::<(u8, u8)>().prop_map(|(node, peer)| Unreachable(node, peer)),
        1 => any::<u8>().prop_map(Want),
        1 => any::<u8>().prop_map(Quiesce),
        1 => any::<u8>().prop_map(Wake),
        1 => any::<(u8, bool)>().prop_map(|(node, low)| Space(node, low)),
    ]
}

fn happen(group: &mut Group, what: Happening) {
    let size = group.members.len() as u64;
    let node = |number: u8| u64::from(number) % size + 1;
    match what {
        Happening::Deliver(number) => {
            if let Some((from, to, message)) = take(group, number, true) {
                group.step(to, Input::Receive { from: id(from), message });
            }
        }
        Happening::Duplicate(number) => {
            if let Some((from, to, message)) = take(group, number, false) {
                group.step(to, Input::Receive { from: id(from), message });
            }
        }
        Happening::Drop(number) => drop(take(group, number, true)),
        Happening::Tick(number) => {
            let node = node(number);
            if let Some(due) = group.due(node) {
                group.now = group.now.max(due);
                group.step(node, Input::Tick);
            }
        }
        Happening::Pass(ms) => group.now += u64::from(ms) * MS,
        Happening::Propose(number) => {
            let list = vec![vec![7; usize::from(number / 16)]; usize::from(number % 4) + 1];
            drop(group.propose_all(node(number), commands(list)));
        }
        Happening::Read(number) => drop(read(group, node(number), Consistency::Linearizable)),
        Happening::LeaseRead(number) => drop(read(group, node(number), Consistency::Lease)),
        Happening::Change(number, what) => {
            let changes = vec![change(what, size)];
            let input = Input::ChangeMembers { request: 1, changes, expected_term: None };
            group.step(node(number), input);
        }
        Happening::Transfer(number, to) => {
            let to = (to < 128).then(|| id(node(to)));
            group.step(node(number), Input::Transfer { request: 2, to });
        }
        what => happen_to_logs(group, what),
    }
}

/// Snapshots, logs and disks, and whoever hosts them.
fn happen_to_logs(group: &mut Group, what: Happening) {
    let size = group.members.len() as u64;
    let node = |number: u8| u64::from(number) % size + 1;
    match what {
        Happening::Snapshot(number) => {
            let node = node(number);
            let durable = group.status(node).durable;
            if group.members[&node].up && group.members[&node].machine.last.index <= durable {
                group.snapshot(node);
            }
        }
        Happening::DeliverParcel(number) => {
            let place = usize::from(number) % group.parcels.len().max(1);
            if let Some((_, to, parcel)) = group.parcels.get(place).cloned() {
                group.deliver_parcel(to, parcel);
            }
        }
        Happening::LoseParcel(number) => {
            let place = usize::from(number) % group.parcels.len().max(1);
            group.parcels.remove(place);
        }
        Happening::HoldLogReads(number) => group.member(node(number)).hold_log_reads = true,
        Happening::ReleaseLogReads(number) => group.release_log_reads(node(number)),
        Happening::Unreachable(number, peer) => {
            let peer = id(node(peer));
            group.step(node(number), Input::PeerUnreachable { peer });
        }
        Happening::Want(number) => want_snapshot(group, node(number)),
        Happening::Quiesce(number) => drop(group.step(node(number), Input::Quiesce)),
        Happening::Wake(number) => drop(group.step(node(number), Input::Wake)),
        Happening::Space(number, is_low) => {
            group.step(node(number), Input::Space { is_low });
        }
        Happening::HoldWrites(number) => group.hold_writes(node(number)),
        Happening::ReleaseWrites(number) => group.release_writes(node(number)),
        Happening::Crash(number) => {
            // What was sent may still arrive.
            let wire = group.wire.clone();
            group.crash(node(number));
            group.wire = wire;
        }
        Happening::Kill(number) => group.kill(node(number)),
        Happening::Restart(number) => restart(group, node(number)),
        _ => {}
    }
}

fn read(group: &mut Group, node: u64, consistency: Consistency) -> Vec<Action> {
    let request = group.next_request;
    group.next_request += 1;
    group.reads.insert(request, (node, group.committed()));
    group.step(node, Input::Read { request, consistency })
}

/// A leader has nobody to ask; whoever asks is not counted on to lead.
fn want_snapshot(group: &mut Group, node: u64) {
    if !group.leads(node) {
        group.step(node, Input::RequestSnapshot);
    }
}

fn start_afresh(group: &mut Group, node: u64) {
    if group.status(node).wants_snapshot {
        group.kill(node);
        restart(group, node);
    }
}

/// Whoever was asked for a snapshot takes one.
fn take_wanted_snapshots(group: &mut Group) {
    let is_wanted = |member: &group::Member| {
        let notices = member.notices.iter();
        notices.clone().any(|notice| matches!(notice, Action::SnapshotWanted { .. }))
    };
    let wanted: Vec<u64> =
        group.members.iter().filter(|(_, member)| is_wanted(member)).map(|(id, _)| *id).collect();
    for node in wanted {
        let durable = group.status(node).durable;
        if group.members[&node].up && group.members[&node].machine.last.index <= durable {
            group.snapshot(node);
        }
    }
}

/// Some change of members; most of them are refused.
fn change(what: u8, size: u64) -> MemberChange {
    let node = id(u64::from(what % 7) % size + 1);
    match what / 7 % 5 {
        4 => MemberChange::SetAddress { node, address: format!("{node}:{}", what % 2).into() },
        0 => MemberChange::AddVoter { node },
        1 => MemberChange::Remove { node },
        2 => MemberChange::AddLearner { node, promotion: Promotion::OnDemand },
        _ => {
            let promotion = Promotion::WhenCaughtUp { max_lag: u64::from(what % 3) };
            MemberChange::AddLearner { node, promotion }
        }
    }
}

fn take(group: &mut Group, number: u8, out: bool) -> Option<(u64, u64, Message)> {
    let place = usize::from(number) % group.wire.len().max(1);
    if out { group.wire.remove(place) } else { group.wire.get(place).cloned() }
}

/// A node that is down starts again.
fn restart(group: &mut Group, node: u64) {
    let member = group.member(node);
    if !member.up {
        let config = member.raft.config().clone();
        group.restart_with(node, config);
    }
}

/// Nodes that have little room in memory, and keep little behind a snapshot; the last two are not
/// members yet.
fn begin(size: u64, shuffle: u64) -> Group {
    let mut group = Group::with_config(size, |config| {
        config.cache_bytes = 40;
        config.retain_entries = 2;
        config.publish_lease = shuffle.is_multiple_of(2);
        config.priority =
            if shuffle.is_multiple_of(3) { config.node.get() as u8 * 10 } else { 100 };
        config.commit_notify_delay = if shuffle.is_multiple_of(5) { MS } else { 0 };
        config.write_stall_limit = 300 * MS;
    });
    group.shuffle = Some(shuffle);
    group.join(size + 1);
    group.join(size + 2);
    group
}

fn show(group: &Group) -> String {
    let nodes = group.members.iter().map(|(node, member)| {
        let status = member.raft.status();
        let (role, term, last) = (status.role, status.term, status.log.last());
        let members = status.configuration;
        format!(
            "{node}: up {} {role:?} term {term} last {last:?} commit {} {members:?} halted {} \
             stalled {} priority {} quiesced {}; ",
            member.up,
            status.commit,
            status.halted,
            status.stalled,
            member.raft.config().priority,
            status.quiesced
        )
    });
    format!("nobody leads: {}", nodes.collect::<String>())
}

fn live_through(size: u64, shuffle: u64, schedule: &[Happening]) -> Result<(), TestCaseError> {
    let mut group = begin(size, shuffle);
    for what in schedule {
        happen(&mut group, *what);
        group.look().map_err(TestCaseError::fail)?;
    }
    for node in 1..=size + 2 {
        group.release_writes(node);
        group.release_log_reads(node);
        restart(&mut group, node);
        group.step(node, Input::Wake);
        group.step(node, Input::LeaseClosed);
        group.step(node, Input::Space { is_low: false });
    }
    for round in 0..40 {
        group.pass(100);
        take_wanted_snapshots(&mut group);
        if round == 20 {
            // Where nobody is fit to lead, a host starts its node with an empty state machine.
            (1..=size + 2).for_each(|node| start_afresh(&mut group, node));
        }
        group.look().map_err(TestCaseError::fail)?;
    }
    let leader = group.leader().ok_or_else(|| TestCaseError::fail(show(&group)))?;
    group.propose(leader, "last");
    group.pass(300);
    group.look().map_err(TestCaseError::fail)?;
    let leader = group.leader().ok_or_else(|| TestCaseError::fail("nobody leads on"))?;
    let last = group.status(leader).log.last().index;
    for member in group.status(leader).configuration.members() {
        prop_assert_eq!(group.status(member.get()).applied, last, "node {} lags", member);
        let (theirs, ours) = (&group.members[&member.get()], &group.members[&leader]);
        prop_assert_eq!(&theirs.machine, &ours.machine, "node {} has another state", member);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn safety_holds_at_every_step_and_the_group_goes_on(
        size in 1..=5u64,
        shuffle in any::<u64>(),
        schedule in prop::collection::vec(happening(), 0..300),
    ) {
        live_through(size, shuffle, &schedule)?;
    }
}
