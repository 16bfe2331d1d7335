//! OmniPaxos, driven as quorate-core is, with the in-memory storage of its own project.
//!
//! Followers learn what is decided eagerly: a leader sends it as soon as it knows, along with
//! entries where there are any on their way. Its storage is synchronous, so a write is done when
//! the call returns.

use std::process::ExitCode;

use bytes::Bytes;
use omnipaxos::{
    ClusterConfig, OmniPaxos, ServerConfig,
    messages::Message,
    storage::{Entry, NoSnapshot},
    util::LogEntry,
};
use omnipaxos_storage::memory_storage::MemoryStorage;
use quorate_bench_harness::{
    Arguments, Group, Machine, Payloads, Scenario, Support, Wire, all_but,
};

#[derive(Clone, Debug)]
struct Command(Bytes);

impl Entry for Command {
    type Snapshot = NoSnapshot;
}

type Node = OmniPaxos<Command, MemoryStorage<Command>>;

struct Cluster {
    nodes: Vec<Node>,
    machines: Vec<Machine>,
    leader: usize,
    wire: Wire<Message<Command>>,
    /// Lent to every node that has something to send.
    outgoing: Vec<Message<Command>>,
    payloads: Payloads,
}

fn id(place: usize) -> u64 {
    place as u64 + 1
}

fn node(place: usize, nodes: usize) -> Node {
    let cluster = ClusterConfig {
        configuration_id: 1,
        nodes: (0..nodes).map(id).collect(),
        ..ClusterConfig::default()
    };
    let server = ServerConfig {
        pid: id(place),
        // So that the first to lead is known; nothing is measured before.
        leader_priority: u32::from(place == 0),
        // Room for what a message of a million entries needs is made as it comes.
        buffer_size: 1,
        ..ServerConfig::default()
    };
    let storage = MemoryStorage::default();
    cluster.build_for_server(server, storage).expect("a good configuration")
}

impl Cluster {
    fn send(&mut self, place: usize) {
        self.nodes[place].take_outgoing_messages(&mut self.outgoing);
        for message in self.outgoing.drain(..) {
            let to = message.get_receiver() as usize - 1;
            self.wire.send(place, to, message);
        }
    }

    fn apply(&mut self, place: usize) {
        let decided = self.nodes[place].get_decided_idx() as u64;
        let machine = &mut self.machines[place];
        let applied = machine.last_index();
        if decided == applied {
            return;
        }
        let range = applied as usize..decided as usize;
        let entries = self.nodes[place].read_entries(range).expect("decided entries are there");
        let payloads = entries.iter().map(|entry| match entry {
            LogEntry::Decided(Command(payload)) => &payload[..],
            _ => panic!("decided entries are commands"),
        });
        machine.apply(entries.len() as u64, decided, || payloads);
    }

    fn act(&mut self, place: usize) {
        self.send(place);
        self.apply(place);
    }

    fn deliver(&mut self) {
        while let Some((_, to, message)) = self.wire.receive() {
            self.nodes[to].handle_incoming(message);
            self.act(to);
        }
    }
}

impl Group for Cluster {
    type Follower = Node;

    fn support(arguments: &Arguments) -> Support {
        if arguments.nodes < 2 {
            return Support::Senseless;
        }
        all_but(arguments.scenario, &[Scenario::Heartbeat, Scenario::Read, Scenario::Election])
    }

    fn name(_: &Arguments) -> String {
        "omnipaxos".to_owned()
    }

    fn start(arguments: &Arguments) -> Cluster {
        let nodes = arguments.nodes;
        let mut cluster = Cluster {
            nodes: (0..nodes).map(|place| node(place, nodes)).collect(),
            machines: vec![Machine::default(); nodes],
            leader: 0,
            wire: Wire::new(nodes),
            outgoing: Vec::new(),
            payloads: Payloads::new(arguments.payload),
        };
        while cluster.nodes[0].get_current_leader() != Some((id(0), true)) {
            for place in 0..nodes {
                cluster.nodes[place].tick();
                cluster.act(place);
            }
            cluster.deliver();
        }
        cluster
    }

    fn propose(&mut self, count: usize) {
        for _ in 0..count {
            let command = Command(self.payloads.next_payload());
            self.nodes[self.leader].append(command).expect("the leader takes proposals");
        }
        self.act(self.leader);
        self.deliver();
    }

    /// Nothing: what is decided was told when it was.
    fn settle(&mut self) {}

    fn visit_machines(&mut self, visit: &mut dyn FnMut(&mut Machine)) {
        self.machines.iter_mut().for_each(visit);
    }

    fn delivered(&self) -> u64 {
        self.wire.delivered()
    }

    /// Takes over without the rounds of heartbeats that would lead there.
    fn elect(&mut self, place: usize) {
        self.nodes[place].try_become_leader();
        self.act(place);
        self.deliver();
        self.leader = place;
        let leader = self.nodes[place].get_current_leader();
        assert_eq!(leader, Some((id(place), true)), "the others follow it");
    }

    fn cut_off(&mut self, place: usize, is_cut: bool) {
        self.wire.cut_off(place, is_cut);
    }

    fn rejoin(&mut self, place: usize) {
        self.nodes[place].reconnected(id(self.leader));
        self.act(place);
        self.deliver();
    }

    fn compact(&mut self) {
        self.nodes[self.leader].trim(None).expect("all have it");
        self.act(self.leader);
        self.deliver();
    }

    fn into_follower(mut self) -> Node {
        self.nodes.pop().expect("a group has a follower")
    }
}

fn main() -> ExitCode {
    quorate_bench_harness::main::<Cluster>(std::env::args().skip(1))
}
