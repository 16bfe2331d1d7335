//! What is told once each turn of a node's task: only what has changed since the last.

use std::collections::BTreeMap;

use metrics::{Counter, Gauge, Histogram};
use quorate_core::{NodeId, RoleKind, Status};

use super::{Labels, names};
use crate::{Mesh, NodeStatus, mesh::LinkSeen};

const ROLES: [(RoleKind, &str); 4] = [
    (RoleKind::Follower, "follower"),
    (RoleKind::PreCandidate, "pre_candidate"),
    (RoleKind::Candidate, "candidate"),
    (RoleKind::Leader, "leader"),
];

/// A gauge, and what it shows.
struct Shown {
    gauge: Gauge,
    value: Option<u64>,
}

impl Shown {
    fn new(gauge: Gauge) -> Shown {
        Shown { gauge, value: None }
    }

    fn set(&mut self, value: u64) {
        if self.value.replace(value) != Some(value) {
            self.gauge.set(value as f64);
        }
    }
}

/// A counter, and what of somebody's own count it has been told.
struct Told {
    counter: Counter,
    value: u64,
}

impl Told {
    fn new(counter: Counter) -> Told {
        Told { counter, value: 0 }
    }

    /// The own count begins anew with each life; the counter goes on.
    fn follow(&mut self, value: u64) {
        if value > self.value {
            self.counter.increment(value - self.value);
            self.value = value;
        }
    }
}

struct Link {
    connected: Shown,
    queue: Shown,
    connects: Told,
    sent: Told,
    received: Told,
}

impl Link {
    fn new(labels: &Labels, peer: &str) -> Link {
        Link {
            connected: Shown::new(labels.gauge(&names::MESH_CONNECTED, &[peer])),
            queue: Shown::new(labels.gauge(&names::MESH_QUEUE, &[peer])),
            connects: Told::new(labels.counter(&names::MESH_CONNECTS, &[peer])),
            sent: Told::new(labels.counter(&names::MESH_SENT, &[peer])),
            received: Told::new(labels.counter(&names::MESH_RECEIVED, &[peer])),
        }
    }

    fn end(&mut self) {
        self.connected.set(0);
        self.queue.set(0);
    }

    fn show(&mut self, seen: &LinkSeen) {
        self.connected.set(u64::from(seen.is_up));
        self.queue.set(seen.waiting);
        self.connects.follow(seen.connects);
        self.sent.follow(seen.sent_bytes);
        self.received.follow(seen.received_bytes);
    }
}

/// Tells what a node is.
pub(crate) struct Publisher {
    labels: Labels,
    roles: [Shown; 4],
    has_leader: Shown,
    halted: Shown,
    stalled: Shown,
    /// Term, commit, applied, last and snapshot index, and how far commit and applied lag.
    numbers: [Shown; 7],
    requests: Shown,
    messages: Shown,
    pending: Shown,
    leader_changes: Counter,
    campaigns: Counter,
    /// The leader that was told last, with its term.
    leader: Option<(u64, NodeId)>,
    /// The newest term in which the node stood.
    campaign: u64,
    drops: [Told; 8],
    lags: BTreeMap<NodeId, Shown>,
    links: BTreeMap<NodeId, Link>,
    mesh_dropped: Told,
    mesh_refused: Told,
    pub(crate) apply_seconds: Histogram,
}

/// How much waits for the task behind what it has taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    pub(crate) requests: usize,
    pub(crate) messages: usize,
    pub(crate) proposals: usize,
}

impl Publisher {
    pub(crate) fn new(labels: Labels) -> Publisher {
        let gauge = |metric| Shown::new(labels.gauge(metric, &[]));
        let dropped = |reason| Told::new(labels.counter(&names::DROPPED, &[reason]));
        Publisher {
            roles: ROLES.map(|(_, role)| Shown::new(labels.gauge(&names::ROLE, &[role]))),
            has_leader: gauge(&names::HAS_LEADER),
            halted: gauge(&names::HALTED),
            stalled: gauge(&names::STALLED),
            numbers: [
                &names::TERM,
                &names::COMMIT_INDEX,
                &names::APPLIED_INDEX,
                &names::LAST_INDEX,
                &names::SNAPSHOT_INDEX,
                &names::COMMIT_LAG,
                &names::APPLY_LAG,
            ]
            .map(gauge),
            requests: gauge(&names::REQUESTS_WAITING),
            messages: gauge(&names::MESSAGES_WAITING),
            pending: gauge(&names::PROPOSALS_PENDING),
            leader_changes: labels.counter(&names::LEADER_CHANGES, &[]),
            campaigns: labels.counter(&names::CAMPAIGNS, &[]),
            leader: None,
            campaign: 0,
            drops: [
                "from_ourselves",
                "malformed",
                "term_leap",
                "stale",
                "unasked",
                "contradictory",
                "stale_completion",
                "stale_log_read",
            ]
            .map(dropped),
            lags: BTreeMap::new(),
            links: BTreeMap::new(),
            mesh_dropped: Told::new(labels.counter(&names::MESH_DROPPED, &[])),
            mesh_refused: Told::new(labels.counter(&names::MESH_REFUSED, &[])),
            apply_seconds: labels.histogram(&names::APPLY_SECONDS, &[]),
            labels,
        }
    }

    pub(crate) fn show(
        &mut self,
        node: &NodeStatus,
        core: &Status<'_>,
        mesh: Option<&Mesh>,
        waiting: Waiting,
    ) {
        self.show_node(node);
        self.stalled.set(u64::from(core.stalled));
        self.requests.set(waiting.requests as u64);
        self.messages.set(waiting.messages as u64);
        self.pending.set(waiting.proposals as u64);
        let drops = core.drops;
        let reasons = [
            drops.from_ourselves,
            drops.malformed,
            drops.term_leap,
            drops.stale,
            drops.unasked,
            drops.contradictory,
            drops.stale_completions,
            drops.stale_log_reads,
        ];
        self.drops.iter_mut().zip(reasons).for_each(|(told, value)| told.follow(value));
        self.show_lags(node, core);
        if let Some(mesh) = mesh {
            self.show_mesh(mesh);
        }
    }

    fn show_node(&mut self, node: &NodeStatus) {
        let roles = self.roles.iter_mut().zip(ROLES);
        roles.for_each(|(shown, (role, _))| shown.set(u64::from(role == node.role)));
        self.has_leader.set(u64::from(node.leader.is_some()));
        self.halted.set(u64::from(node.halted.is_some()));
        let lags =
            [node.last.saturating_sub(node.commit), node.commit.saturating_sub(node.applied)];
        let values = [node.term, node.commit, node.applied, node.last, node.snapshot];
        let values = values.into_iter().chain(lags);
        self.numbers.iter_mut().zip(values).for_each(|(shown, value)| shown.set(value));
        let leader = node.leader.map(|leader| (node.term, leader));
        if leader.is_some() && leader != self.leader {
            self.leader = leader;
            self.leader_changes.increment(1);
        }
        // Where it was elected within one turn it was never seen as a candidate.
        let stood = matches!(node.role, RoleKind::Candidate | RoleKind::Leader);
        if stood && node.term > self.campaign {
            self.campaign = node.term;
            self.campaigns.increment(1);
        }
    }

    /// Those of peers that are none any more, or of a leader that is none, are 0.
    fn show_lags(&mut self, node: &NodeStatus, core: &Status<'_>) {
        let lag_of = |id: &NodeId| {
            let peer = core.peers.iter().find(|peer| peer.id == *id);
            peer.map_or(0, |peer| node.last.saturating_sub(peer.match_index))
        };
        let others = core.peers.iter().filter(|peer| peer.id != self.labels.node);
        for peer in others {
            self.lags.entry(peer.id).or_insert_with(|| {
                Shown::new(self.labels.gauge(&names::PEER_LAG, &[&peer.id.to_string()]))
            });
        }
        self.lags.iter_mut().for_each(|(id, shown)| shown.set(lag_of(id)));
    }

    fn show_mesh(&mut self, mesh: &Mesh) {
        let labels = self.labels;
        let mut here = 0;
        mesh.look(|peer, seen| {
            let new = || Link::new(&labels, &peer.to_string());
            self.links.entry(peer).or_insert_with(new).show(&seen);
            here += 1;
        });
        if here < self.links.len() {
            // Whoever left has no connection.
            let mut left = std::mem::take(&mut self.links);
            mesh.look(|peer, _| self.links.extend(left.remove_entry(&peer)));
            left.values_mut().for_each(Link::end);
        }
        let (dropped, refused) = mesh.counters().read();
        self.mesh_dropped.follow(dropped);
        self.mesh_refused.follow(refused);
    }
}

impl Drop for Publisher {
    /// A node that has ended has no role, and nothing waits for it.
    fn drop(&mut self) {
        let gone = [&mut self.has_leader, &mut self.requests, &mut self.messages];
        let gone = gone.into_iter().chain([&mut self.pending, &mut self.stalled]);
        gone.chain(&mut self.roles).chain(self.lags.values_mut()).for_each(|shown| shown.set(0));
        self.links.values_mut().for_each(Link::end);
    }
}
