//! noraft, driven as quorate-core is. It keeps no payload, so this program keeps each node's, and
//! sends them along with the messages that name their entries; recipients share them.
//!
//! Followers learn the commit index with the leader's next message; [`settle`](Group::settle) is a
//! heartbeat. A leader counts its own copy when it proposes, which is sound here only because
//! writes are done at once. Terms and votes are saved by nobody; no system here pays for that.

use std::{process::ExitCode, sync::Arc};

use bytes::Bytes;
use noraft::{Action, LogEntries, LogEntry, LogIndex, LogPosition, Message, Node, NodeId};
use quorate_bench_harness::{Arguments, Group, Machine, Payloads, Support, Wire, all_but};

/// A message, and what it carries besides.
#[derive(Clone)]
struct Parcel {
    message: Message,
    /// The payloads of the message's entries; empty bytes for what is no command.
    payloads: Arc<[Bytes]>,
    /// The leader's round; an answer carries it back, which is how reads are confirmed.
    round: u64,
}

struct Member {
    node: Node,
    machine: Machine,
    /// The payloads of the entries behind `base`.
    store: Vec<Bytes>,
    base: u64,
}

struct Cluster {
    members: Vec<Member>,
    leader: usize,
    wire: Wire<Parcel>,
    payloads: Payloads,
    round: u64,
    /// How many have answered the round.
    answers: usize,
}

impl Member {
    fn start(place: usize) -> Member {
        let node = Node::start(NodeId::new(place as u64));
        Member { node, machine: Machine::default(), store: Vec::new(), base: 0 }
    }

    fn slice(&self, entries: &LogEntries) -> Arc<[Bytes]> {
        let from = (entries.prev_position().index.get() - self.base) as usize;
        let through = (entries.last_position().index.get() - self.base) as usize;
        self.store[from..through].into()
    }

    /// Stores what the node says is to be appended; `payloads` belong to the entries that follow
    /// `prev`, or to the last of `entries` where they were proposed here.
    fn save(&mut self, entries: &LogEntries, prev: u64, payloads: &[Bytes]) {
        let first = entries.prev_position().index.get();
        self.store.truncate((first - self.base) as usize);
        let known = ((first - prev) as usize).min(payloads.len());
        self.store.extend_from_slice(&payloads[known..]);
        let missing = entries.last_position().index.get() - self.base;
        self.store.resize(missing as usize, Bytes::new());
    }

    fn apply(&mut self) {
        let (commit, applied) = (self.node.commit_index().get(), self.machine.last_index());
        if commit > applied {
            let range = (applied - self.base) as usize..(commit - self.base) as usize;
            let payloads = self.store[range].iter().map(|payload| &payload[..]);
            // What is no command has no bytes; a command of no bytes hashes alike, on every node.
            self.machine.apply(commit - applied, commit, || payloads);
        }
    }

    fn compact(&mut self) {
        let index = LogIndex::new(self.machine.last_index());
        let known = self.node.log().get_position_and_config(index);
        let (position, config) = known.expect("what is applied is in the log");
        let config = config.clone();
        assert!(self.node.handle_snapshot_installed(position, config), "it covers what it says");
        self.store.drain(..(index.get() - self.base) as usize);
        self.base = index.get();
    }
}

fn place(id: NodeId) -> usize {
    id.get() as usize
}

fn entries_of(message: &Message) -> Option<&LogEntries> {
    match message {
        Message::AppendEntriesCall { entries, .. } => Some(entries),
        Message::AppendEntriesReply { .. }
        | Message::RequestVoteCall { .. }
        | Message::RequestVoteReply { .. } => None,
    }
}

impl Cluster {
    /// Carries out what a node asks for. `carried` came with the message that it answers, or are
    /// the payloads that it proposed, behind index `prev`.
    fn act(&mut self, place: usize, prev: u64, carried: &[Bytes], round: u64) {
        let member = &mut self.members[place];
        while let Some(action) = member.node.actions_mut().next() {
            match action {
                Action::AppendLogEntries(entries) => member.save(&entries, prev, carried),
                Action::BroadcastMessage(message) => {
                    let payloads = attach(member, &message);
                    let parcel = Parcel { message, payloads, round };
                    for to in member.node.peers() {
                        self.wire.send(place, self::place(to), parcel.clone());
                    }
                }
                Action::SendMessage(to, message) => {
                    let payloads = attach(member, &message);
                    let parcel = Parcel { message, payloads, round };
                    self.wire.send(place, self::place(to), parcel);
                }
                Action::InstallSnapshot(_) => panic!("nobody is that far behind"),
                Action::SetElectionTimeout | Action::SaveCurrentTerm | Action::SaveVotedFor => {}
            }
        }
        member.apply();
    }

    fn deliver(&mut self) {
        while let Some((_, to, parcel)) = self.wire.receive() {
            let Parcel { message, payloads, round } = parcel;
            let is_answer = matches!(message, Message::AppendEntriesReply { .. });
            if is_answer && round == self.round && to == self.leader {
                self.answers += 1;
            }
            let prev =
                entries_of(&message).map_or(0, |entries| entries.prev_position().index.get());
            let member = &mut self.members[to];
            member.node.handle_message(&message).expect("a message of the same group");
            self.act(to, prev, &payloads, round);
        }
    }

    fn last_index(&self, place: usize) -> u64 {
        self.members[place].node.log().last_position().index.get()
    }
}

fn attach(member: &Member, message: &Message) -> Arc<[Bytes]> {
    match entries_of(message) {
        Some(entries) if !entries.is_empty() => member.slice(entries),
        Some(_) | None => Arc::default(),
    }
}

impl Group for Cluster {
    type Follower = (Node, Vec<Bytes>);

    fn support(arguments: &Arguments) -> Support {
        all_but(arguments.scenario, &[])
    }

    fn name(_: &Arguments) -> String {
        "noraft".to_owned()
    }

    fn start(arguments: &Arguments) -> Cluster {
        let mut cluster = Cluster {
            members: (0..arguments.nodes).map(Member::start).collect(),
            leader: 0,
            wire: Wire::new(arguments.nodes),
            payloads: Payloads::new(arguments.payload),
            round: 0,
            answers: 0,
        };
        let voters: Vec<NodeId> = (0..arguments.nodes as u64).map(NodeId::new).collect();
        let founded = cluster.members[0].node.create_cluster(&voters);
        assert_ne!(founded, LogPosition::INVALID, "a new node founds a group");
        cluster.act(0, 0, &[], 0);
        cluster.deliver();
        cluster.settle();
        cluster
    }

    fn propose(&mut self, count: usize) {
        let prev = self.last_index(self.leader);
        let payloads: Vec<Bytes> = (0..count).map(|_| self.payloads.next_payload()).collect();
        for _ in 0..count {
            let position = self.members[self.leader].node.propose_command();
            assert_ne!(position, LogPosition::INVALID, "the leader takes proposals");
        }
        self.act(self.leader, prev, &payloads, self.round);
        self.deliver();
    }

    fn settle(&mut self) {
        self.heartbeat();
    }

    fn visit_machines(&mut self, visit: &mut dyn FnMut(&mut Machine)) {
        self.members.iter_mut().for_each(|member| visit(&mut member.machine));
    }

    fn delivered(&self) -> u64 {
        self.wire.delivered()
    }

    fn heartbeat(&mut self) {
        self.round += 1;
        self.answers = 1;
        assert!(self.members[self.leader].node.heartbeat(), "it leads");
        self.act(self.leader, 0, &[], self.round);
        self.deliver();
    }

    /// One heartbeat confirms all reads that came before it; counting its answers is left to
    /// whoever embeds the crate.
    fn read(&mut self, count: usize) -> usize {
        let index = self.members[self.leader].node.commit_index().get();
        self.heartbeat();
        let is_confirmed = self.answers > self.members.len() / 2;
        let is_applied = self.members[self.leader].machine.last_index() >= index;
        if is_confirmed && is_applied { count } else { 0 }
    }

    fn elect(&mut self, place: usize) {
        self.leader = place;
        let prev = self.last_index(place);
        self.members[place].node.handle_election_timeout();
        self.act(place, prev, &[], self.round);
        self.deliver();
        let node = &self.members[place].node;
        assert!(node.role().is_leader(), "the others vote for it");
        let last = node.log().last_position();
        assert_eq!(node.commit_index(), last.index, "its first entry is committed");
        assert!(matches!(node.log().entries().get_entry(last.index), Some(LogEntry::Term(_))));
    }

    fn cut_off(&mut self, place: usize, is_cut: bool) {
        self.wire.cut_off(place, is_cut);
    }

    fn rejoin(&mut self, _: usize) {
        self.heartbeat();
    }

    fn compact(&mut self) {
        self.members.iter_mut().for_each(Member::compact);
    }

    fn into_follower(mut self) -> (Node, Vec<Bytes>) {
        let member = self.members.pop().expect("a group has a follower");
        (member.node, member.store)
    }
}

fn main() -> ExitCode {
    quorate_bench_harness::main::<Cluster>(std::env::args().skip(1))
}
