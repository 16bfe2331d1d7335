//! What holds at any time (paper, Figure 3), whatever happens to the nodes. It looks at every step
//! from outside: at what nodes say, what their disks hold and what their state machines did.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt::Debug,
    sync::Arc,
};

use quorate_core::*;

use super::{Disk, Group, Machine, Member, machine::digest_of};

/// What was seen so far. A fault that was seen once is not forgotten.
#[derive(Clone, Default)]
pub struct Watch {
    fault: Option<String>,
    /// Who led a term.
    leaders: BTreeMap<Term, u64>,
    /// To whom a node gave its vote in a term, its own candidacy included.
    votes: BTreeMap<(u64, Term), u64>,
    /// What is committed, and in which term that was.
    committed: BTreeMap<Index, (LogId, Term)>,
    /// What stands before an entry, and what it holds.
    entries: BTreeMap<LogId, (Option<Term>, u64)>,
    configurations: BTreeMap<LogId, Arc<Configuration>>,
    /// What a state machine is once an entry is applied.
    states: BTreeMap<Index, (LogId, u64)>,
}

/// What a node was before a step.
pub struct Before {
    role: RoleKind,
    term: Term,
    commit: Index,
    configuration: Option<Configuration>,
}

impl Before {
    pub fn of(raft: &Raft) -> Before {
        let Status { role, term, commit, configuration, .. } = raft.status();
        let leads = role == RoleKind::Leader;
        Before { role, term, commit, configuration: leads.then(|| configuration.clone()) }
    }
}

impl Watch {
    /// A node made a step; none of its actions is carried out yet.
    pub fn stepped(
        &mut self,
        node: u64,
        before: &Before,
        actions: &[Action],
        members: &BTreeMap<u64, Member>,
        reads: &BTreeMap<u64, (u64, Index)>,
    ) {
        if self.fault.is_some() {
            return;
        }
        let member = &members[&node];
        let mut judged = self.committed_more(node, before, members);
        for action in actions {
            judged = judged.and_then(|()| match action {
                Action::Send { to, message } => self.said(node, *to, message, member),
                Action::Write(write) => self.wrote(node, write, member),
                Action::RoleChanged { role: RoleKind::Leader, term, .. } => {
                    self.elected(node, *term, member)
                }
                Action::ReadReady { request, index } => is_recent(node, *request, *index, reads),
                _ => Ok(()),
            });
        }
        self.fault = judged.err();
    }

    /// A node's state machine is in a new state.
    pub fn applied(&mut self, node: u64, machine: &Machine) {
        let (last, digest) = (machine.last, machine.digest);
        let first = *self.states.entry(last.index).or_insert((last, digest));
        if first != (last, digest) {
            let fault = format!("node {node} is in another state at {last:?} than others were");
            self.fault.get_or_insert(fault);
        }
    }

    /// raft:5.2 one leader a term; raft:5.4 its log holds all that was committed before.
    fn elected(&mut self, node: u64, term: Term, member: &Member) -> Result<(), String> {
        once(&mut self.leaders, term, node, |first| {
            format!("term {term} has two leaders, {first} and {node}")
        })?;
        let log = member.raft.status().log;
        let lost = self.committed.values().find(|(log_id, since)| {
            *since < term && log_id.index > log.base().index && !log.holds(*log_id)
        });
        match lost {
            None => Ok(()),
            Some((log_id, since)) => Err(format!(
                "node {node} leads term {term} without {log_id:?}, committed in term {since}"
            )),
        }
    }

    /// What is said must be so on disk, and must not contradict what was said before.
    fn said(
        &mut self,
        node: u64,
        to: NodeId,
        message: &Message,
        member: &Member,
    ) -> Result<(), String> {
        let (term, disk) = (message.term, &member.disk);
        let vote = match &message.body {
            Body::VoteAnswer(answer) if answer.granted => to.get(),
            Body::VoteRequest(_) => node,
            Body::AppendAnswer(answer) => {
                return says_what_is_durable(node, term, answer, member, &self.committed);
            }
            _ => return Ok(()),
        };
        let on_disk = disk.hard_state.voted_for.map(NodeId::get);
        if disk.hard_state.term < term || (disk.hard_state.term == term && on_disk != Some(vote)) {
            return Err(format!("node {node} gives a vote of term {term} that is not durable"));
        }
        once(&mut self.votes, (node, term), vote, |first| {
            format!("node {node} votes for {first} and for {vote} in term {term}")
        })
    }

    /// raft:5.3 the same entry has the same before it and the same in it on every disk; raft:7 a
    /// snapshot names the members at its last entry.
    fn wrote(&mut self, node: u64, write: &Write, member: &Member) -> Result<(), String> {
        let mut before = member.raft.status().log.term_at(write.truncate_from.saturating_sub(1));
        for entry in write.entries.iter() {
            let (log_id, digest) = (entry.log_id, digest_of(entry));
            once(&mut self.entries, log_id, (before, digest), |_| {
                format!("node {node} writes another {log_id:?} than was written before")
            })?;
            if let Payload::Configuration(members) = entry.payload {
                self.configurations.insert(log_id, members.clone());
            }
            before = Some(log_id.term);
        }
        let Some(meta) = &write.snapshot else { return Ok(()) };
        let covered = self.committed.range(..=meta.last.index).rev();
        let newest = covered.map(|(_, (log_id, _))| self.configurations.get(log_id));
        let members = newest.flatten().next().unwrap_or(&meta.configuration);
        if *members != meta.configuration {
            return Err(format!("node {node} writes a snapshot with other members: {meta:?}"));
        }
        Ok(())
    }

    /// What a node commits is never replaced, and a leader's is held durably by a quorum.
    fn committed_more(
        &mut self,
        node: u64,
        before: &Before,
        members: &BTreeMap<u64, Member>,
    ) -> Result<(), String> {
        let status = members[&node].raft.status();
        if status.commit < before.commit {
            return Err(format!("node {node} takes back what it said was committed"));
        }
        for index in before.commit + 1..=status.commit {
            let Some(term) = status.log.term_at(index) else { continue };
            self.commits(node, LogId::new(term, index), status.term)?;
        }
        let leads = [before.role, status.role].contains(&RoleKind::Leader);
        if !leads || status.term != before.term || status.commit == before.commit {
            return Ok(());
        }
        // A change of members may be left in the middle of a step: either was in force.
        let in_force = before.configuration.iter().chain([status.configuration]);
        let Some(term) = status.log.term_at(status.commit) else { return Ok(()) };
        let log_id = LogId::new(term, status.commit);
        if in_force.into_iter().any(|voters| is_held_by_quorum(log_id, voters, members)) {
            return Ok(());
        }
        Err(format!("node {node} commits {log_id:?}, which no quorum holds durably"))
    }

    fn commits(&mut self, node: u64, log_id: LogId, term: Term) -> Result<(), String> {
        let (first, _) = *self.committed.entry(log_id.index).or_insert((log_id, term));
        if first == log_id {
            return Ok(());
        }
        Err(format!("node {node} commits {log_id:?} where {first:?} was"))
    }
}

impl Group {
    /// Everything that must hold now, and what was seen to be wrong since the beginning.
    ///
    /// # Errors
    /// What does not hold.
    pub fn look(&mut self) -> Result<(), String> {
        for (node, member) in &self.members {
            for notice in member.notices.iter().filter(|_| !self.excused.contains(node)) {
                match notice {
                    Action::Misuse(misuse) => return Err(format!("node {node}: {misuse}")),
                    Action::Halt(halt @ (Halt::Diverged { .. } | Halt::LogLost { .. })) => {
                        return Err(format!("node {node} halts: {halt}"));
                    }
                    _ => {}
                }
            }
            let status = member.raft.status();
            for index in status.log.base().index.max(1)..=status.commit {
                let term = status.log.term_at(index).unwrap_or(0);
                self.watch.commits(*node, LogId::new(term, index), status.term)?;
            }
            for log_id in &member.machine.applied {
                self.watch.commits(*node, *log_id, status.term)?;
            }
        }
        self.watch.fault.clone().map_or(Ok(()), Err)
    }
}

/// Notes what can be only once.
fn once<K: Ord, V: Copy + PartialEq + Debug>(
    seen: &mut BTreeMap<K, V>,
    key: K,
    value: V,
    twice: impl FnOnce(V) -> String,
) -> Result<(), String> {
    match seen.entry(key) {
        Entry::Occupied(first) if *first.get() != value => Err(twice(*first.get())),
        Entry::Occupied(_) => Ok(()),
        Entry::Vacant(place) => {
            place.insert(value);
            Ok(())
        }
    }
}

/// A match is a claim about the disk, and so is the promise that comes with a round.
fn says_what_is_durable(
    node: u64,
    term: Term,
    answer: &AppendAnswer,
    member: &Member,
    committed: &BTreeMap<Index, (LogId, Term)>,
) -> Result<(), String> {
    let (status, disk) = (member.raft.status(), &member.disk);
    if answer.round > 0 && disk.hard_state.promise < status.promise {
        return Err(format!("node {node} promises what it would forget"));
    }
    let AppendOutcome::Matched { index } = answer.outcome else { return Ok(()) };
    let holds = match status.log.term_at(index) {
        Some(term) => disk.holds(LogId::new(term, index)),
        // Behind a snapshot, in memory; the disk may still have to be told to let it go.
        None => committed.get(&index).is_some_and(|(log_id, _)| disk.holds(*log_id)),
    };
    if index == 0 || (holds && disk.hard_state.term >= term) {
        return Ok(());
    }
    Err(format!("node {node} claims to hold {index} durably in term {term}, but does not"))
}

/// raft:6 a joint configuration decides by a majority of either half.
fn is_held_by_quorum(
    log_id: LogId,
    members: &Configuration,
    nodes: &BTreeMap<u64, Member>,
) -> bool {
    let holds = |id: &&NodeId| {
        let disk: Option<&Disk> = nodes.get(&id.get()).map(|member| &member.disk);
        disk.is_some_and(|disk| disk.holds(log_id))
    };
    let decides = |voters: &[NodeId]| voters.iter().filter(holds).count() * 2 > voters.len();
    decides(members.voters()) && (!members.is_joint() || decides(members.outgoing()))
}

/// raft:8 a read sees at least what was committed anywhere when it came in.
fn is_recent(
    node: u64,
    request: RequestId,
    index: Index,
    reads: &BTreeMap<u64, (u64, Index)>,
) -> Result<(), String> {
    match reads.get(&request) {
        Some((_, committed)) if index < *committed => {
            Err(format!("node {node} reads at {index}, but {committed} was committed before"))
        }
        _ => Ok(()),
    }
}
