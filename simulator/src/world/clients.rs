//! What clients do, and how nodes take and answer their requests.

use std::collections::VecDeque;

use bytes::Bytes;
use quorate_core::{Consistency, Nanos, RequestId};

use super::{Event, Request, Work, World};
use crate::{
    case::PlannedOperation,
    choices::Stream,
    client::{Answer, Pending},
    hash::mix,
    marks::Mark,
    oracle::{Violation, step::Heard},
    profile::{MICROSECOND, MILLISECOND, Workload},
    system::{Asked, Draw, End, System, Turn, Wanted},
    trace::{Trace, What},
};

/// Where operations are listed, it is this client that shows whether a group has come back.
const PROBER: u64 = 0;

/// What is drawn for an operation, beside its attempts.
const ASK: u64 = 1 << 40;
const THINK: u64 = 2 << 40;
const PACE: u64 = 3 << 40;

/// What is drawn for an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leg {
    Choice,
    There,
    Back,
    Wait,
}

impl<S: System> World<S> {
    fn tick_moment(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    /// The way between a client and a node takes this long.
    fn trip(&mut self, client: u64, leg: Leg) -> Nanos {
        50 * MICROSECOND + self.for_attempt(client, leg, 500 * MICROSECOND)
    }

    /// What is drawn for the attempt that a client is at.
    fn for_attempt(&mut self, client: u64, leg: Leg, bound: u64) -> u64 {
        let pending = self.clients[client as usize].pending;
        let (number, attempts) = pending.map_or((0, 0), |asked| (asked.number, asked.attempts));
        let key = mix(mix(number, attempts), leg as u64);
        let [drawn] = self.choices.keyed(Stream::Client(client), key, [bound]);
        drawn
    }

    /// What a client does of itself.
    fn drawn_operation(&mut self, client: u64) -> PlannedOperation<S::Operation> {
        let workload = &self.settings.workload;
        let number = self.clients[client as usize].next;
        let (stream, key) = (Stream::Client(client), mix(number, ASK));
        // Whoever wrote would wait for a leader that is cut off; who only reads goes on reading there.
        let only_reads = self.only_reads(client);
        // Where all draws are benign, nobody would ever write.
        let is_probe = client == PROBER && self.healed_at.is_some();
        let is_listed = self.clients[client as usize].list.is_some();
        let wanted = match (is_probe || is_listed, only_reads) {
            (true, _) => Wanted::Write,
            (false, true) => Wanted::Read,
            (false, false) => Wanted::Any,
        };
        let turn = Turn { client, number, wanted, workload };
        let operation = self.system.draw(&turn, &mut Draw::new(&mut self.choices, stream, key));
        // The first three numbers of this key are the system's.
        let [_, _, _, leases] = self.choices.keyed(stream, key, [1, 1, 1, 100]);
        let share = workload.lease_percent;
        let lease = share > 0 && leases >= 100 - share && self.rests_on_lease(&operation);
        PlannedOperation { client, number, at: self.now, operation, lease }
    }

    fn only_reads(&self, client: u64) -> bool {
        self.settings.families.leases && client % 2 == 1
    }

    /// A client will begin its next operation: at the time that its list says, or after a drawn one.
    pub(super) fn schedule_next(&mut self, number: u64) {
        let client = &mut self.clients[number as usize];
        let at = match client.listed_at() {
            Some(at) => at.max(self.now),
            None if client.list.is_some() && (self.healed_at.is_none() || number != PROBER) => {
                client.idle = true;
                return;
            }
            None => {
                let (next, workload) = (client.next, self.settings.workload);
                let stream = Stream::Client(number);
                let [drawn] = self.choices.keyed(stream, mix(next, THINK), [workload.think]);
                let pace = if self.only_reads(number) { 0 } else { workload.pace };
                let [more] = match pace {
                    0 => [0],
                    pace => self.choices.keyed(stream, mix(next, PACE), [pace]),
                };
                self.now + drawn + more
            }
        };
        self.push_at(at, Event::Begin { client: number });
    }

    /// A client that is through with its list writes on until that is acknowledged, so that it is
    /// seen whether the group has come back.
    pub(super) fn resume_clients(&mut self) {
        if std::mem::take(&mut self.clients[PROBER as usize].idle) {
            self.schedule_next(PROBER);
        }
    }

    /// A client begins an operation, unless the run is about to end.
    pub(super) fn begin(&mut self, number: u64) -> Result<(), Violation> {
        let client = &self.clients[number as usize];
        let is_through = client.list.as_ref().is_some_and(VecDeque::is_empty) && number != PROBER;
        if self.write_since_heal || client.pending.is_some() || is_through || self.is_at_rest() {
            return Ok(());
        }
        let drawn = self.drawn_operation(number);
        let healed = self.healed_at.is_some();
        let moment = self.tick_moment();
        let client = &mut self.clients[number as usize];
        let begun = match client.list.as_mut().and_then(VecDeque::pop_front) {
            Some(listed) => PlannedOperation { at: self.now, ..listed },
            None => drawn,
        };
        client.next = begun.number + 1;
        let operation = self.begun.len();
        // What any node may answer has no place behind what was answered before.
        let is_local = self.system.is_local(&begun.operation);
        let floor = if is_local { 0 } else { self.oracles.read.begin() };
        let lease = begun.lease && self.rests_on_lease(&begun.operation);
        let client = &mut self.clients[number as usize];
        client.pending = Some(Pending {
            operation,
            number: begun.number,
            attempts: 0,
            lease,
            reads: self.system.is_read(&begun.operation),
            floor,
            attempt: None,
            doubt: false,
            healed,
        });
        self.begun.push(begun);
        let asked = asked(&self.begun, operation, &self.settings.workload);
        self.system.begun(&asked, moment);
        self.stats.operations += 1;
        self.note(9, number, &[]);
        if self.trace.is_some() {
            let PlannedOperation { number: place, operation, .. } = &self.begun[operation];
            let ask = format!("{operation:?}");
            let what = What::Begin { client: number, number: *place, ask };
            self.tell_lead(|| what);
        }
        self.push(self.settings.workload.patience, Event::GiveUp { client: number, operation });
        self.attempt(number, operation)
    }

    /// A client asks a node.
    pub(super) fn attempt(&mut self, number: u64, operation: usize) -> Result<(), Violation> {
        let client = &mut self.clients[number as usize];
        let Some(pending) = client.pending.as_mut().filter(|p| p.operation == operation) else {
            return Ok(());
        };
        let before = pending.attempts;
        pending.attempts += 1;
        let nodes = self.settings.all_nodes();
        // Where nothing is drawn they are asked in turn.
        let other = (self.for_attempt(number, Leg::Choice, nodes) + before) % nodes;
        let delay = self.trip(number, Leg::There);
        let client = &mut self.clients[number as usize];
        let node = client.hint.unwrap_or(other);
        let Some(pending) = &mut client.pending else { return Ok(()) };
        let request = self.next_request;
        self.next_request += 1;
        pending.attempt = Some((request, node));
        self.tell_lead(|| What::Ask { client: number, to: node });
        self.push(delay, Event::Arrive { client: number, request, node });
        Ok(())
    }

    /// A request arrives at a node.
    pub(super) fn arrive(
        &mut self,
        number: u64,
        request: RequestId,
        to: u64,
    ) -> Result<(), Violation> {
        if self.postponed(to, || Event::Arrive { client: number, request, node: to }) {
            return Ok(());
        }
        let pending = self.clients[number as usize].pending;
        let Some(pending) = pending.filter(|p| p.attempt == Some((request, to))) else {
            return Ok(());
        };
        let heard = self.nodes[to as usize].life.is_some();
        self.tell_lead(|| What::Request { node: to, client: number, heard });
        if !heard {
            // Nobody listens: surely not done.
            let delay = self.trip(number, Leg::Back);
            let answer = Answer::Refused { leader: None };
            self.push(delay, Event::Tell { client: number, request, answer });
            return Ok(());
        }
        let (committed, step) = (self.oracles.log.last_committed(), self.stats.events);
        let Pending { operation, reads: is_read, .. } = pending;
        let lease = is_read && pending.lease;
        let taken = Request { client: number, operation, node: to, committed, step, lease };
        self.requests.insert(request, taken);
        self.oracles.storms.reason(1);
        self.hash = crate::hash::mix(self.hash, request);
        if is_read {
            return self.ask_to_read(to, request, taken);
        }
        let node = &mut self.nodes[to as usize];
        let life_number = node.lives;
        let Some(life) = &mut node.life else { return Ok(()) };
        let operation = asked(&self.begun, operation, &self.settings.workload);
        let command = self.system.command(&operation);
        self.longest_command = self.longest_command.max(command.len() as u64);
        life.inbox.push((request, command));
        if life.inbox.len() == 1 {
            let gather = self.settings.workload.gather;
            let delay = self.work(to, Work::Gather, gather + 1);
            self.push(delay, Event::Gather { node: to, life: life_number });
        }
        Ok(())
    }

    /// A read came to a node: where a lease is published that covers it, the core is not asked.
    pub(super) fn read(
        &mut self,
        to: u64,
        request: RequestId,
        lease: bool,
    ) -> Result<(), Violation> {
        let node = &mut self.nodes[to as usize];
        let time = node.clock.read(self.now);
        let Some(life) = &mut node.life else { return Ok(()) };
        let is_open = life.published.is_some_and(|until| time < until);
        if lease && is_open && life.driver.applied() == life.view.commit {
            let applied = life.driver.applied();
            self.marks.reach(Mark::PublishedRead);
            return self.read_ready(to, request, applied);
        }
        let consistency = if lease { Consistency::Lease } else { Consistency::Linearizable };
        life.driver.read(request, consistency, time);
        self.pump(to)
    }

    /// A node proposes what it has collected.
    pub(super) fn propose(&mut self, number: u64, life: u64) -> Result<(), Violation> {
        if self.nodes[number as usize].living(life).is_none()
            || self.postponed(number, || Event::Gather { node: number, life })
        {
            return Ok(());
        }
        let node = &mut self.nodes[number as usize];
        let time = node.clock.read(self.now);
        let Some(running) = &mut node.life else { return Ok(()) };
        let inbox: Vec<(RequestId, Bytes)> = std::mem::take(&mut running.inbox);
        if inbox.len() > 1 {
            self.marks.reach(Mark::BatchProposed);
        }
        let requests = inbox.len() as u64;
        Trace::told(&mut self.trace, |trace| {
            _ = trace.lead(What::Propose { node: number, requests })
        });
        running.driver.propose(inbox, time);
        self.judge(number, Heard::Proposals, time)?;
        self.note(10, number, &[]);
        self.pump(number)
    }

    /// A node answers a request.
    pub(super) fn reply(&mut self, node: u64, request: RequestId, answer: Answer<S::Answer>) {
        let _ = node;
        let Some(asked) = self.requests.remove(&request) else { return };
        let delay = self.trip(asked.client, Leg::Back);
        self.push(delay, Event::Tell { client: asked.client, request, answer });
    }

    /// A node is gone, and with it what it was asked.
    pub(super) fn hang_up(&mut self, node: u64) {
        let mut lost = Vec::new();
        self.requests.retain(|request, asked| {
            if asked.node == node {
                lost.push((*request, asked.client));
            }
            asked.node != node
        });
        for (request, client) in lost {
            let delay = self.trip(client, Leg::Back);
            self.push(delay, Event::Tell { client, request, answer: Answer::Unknown });
        }
    }

    /// An answer reaches its client.
    pub(super) fn tell(
        &mut self,
        number: u64,
        request: RequestId,
        answer: Answer<S::Answer>,
    ) -> Result<(), Violation> {
        let client = &mut self.clients[number as usize];
        let Some(pending) = client.pending else { return Ok(()) };
        let Some((_, node)) = pending.attempt.filter(|(known, _)| *known == request) else {
            return Ok(());
        };
        self.note(11, number, &[]);
        let refused = matches!(answer, Answer::Refused { .. });
        let told =
            || What::Answer { client: number, from: node, answer: answer.to_string(), refused };
        self.tell_lead(told);
        let next = self.next_reader_of(number, node);
        let floors = &mut self.oracles.read;
        let client = &mut self.clients[number as usize];
        match answer {
            Answer::Wrote { place, answer } => {
                client.hint = Some(node);
                floors.wrote(number, pending.floor, place.index)?;
                self.write_since_heal |= pending.healed;
                self.acknowledged.push(place);
                self.end(number, End::Wrote { place, answer })?;
            }
            Answer::Read { applied, answer } => {
                client.hint = next;
                floors.read(number, pending.floor, applied)?;
                self.end(number, End::Read { applied, answer })?;
            }
            Answer::Unknown if !self.may_ask_again(&pending) => {
                let client = &mut self.clients[number as usize];
                client.hint = None;
                self.marks.reach(Mark::OutcomeUnknown);
                self.end(number, End::Unknown)?;
            }
            // A read that is lost may be asked again; so may what was surely not done.
            Answer::Refused { .. } | Answer::Unknown => {
                let client = &mut self.clients[number as usize];
                client.hint = match answer {
                    Answer::Refused { leader } => leader,
                    Answer::Wrote { .. } | Answer::Read { .. } | Answer::Unknown => None,
                };
                if let Some(pending) = &mut client.pending {
                    pending.attempt = None;
                    pending.doubt |= matches!(answer, Answer::Unknown);
                }
                let wait = MILLISECOND + self.for_attempt(number, Leg::Wait, 9 * MILLISECOND);
                let operation = pending.operation;
                self.push(wait, Event::Attempt { client: number, operation });
            }
        }
        Ok(())
    }

    /// Whom a client asks next, whose read a node has answered: that node. Where leases matter some
    /// go over to the leader that it names, and stay there for as long as that one answers.
    fn next_reader_of(&self, client: u64, node: u64) -> Option<u64> {
        let families = self.settings.families;
        let life = self.nodes[node as usize].life.as_ref();
        let seeks = families.leases && families.scenes && client % 4 == 1;
        let leader = life.filter(|_| seeks).and_then(|life| life.driver.raft().status().leader);
        Some(leader.map_or(node, |leader| leader.get() - 1))
    }

    /// A client waits no longer.
    pub(super) fn give_up(&mut self, number: u64, operation: usize) -> Result<(), Violation> {
        let pending = self.clients[number as usize].pending;
        let Some(pending) = pending.filter(|pending| pending.operation == operation) else {
            return Ok(());
        };
        self.clients[number as usize].hint = None;
        self.tell_lead(|| What::GiveUp { client: number });
        let end = match pending.attempt {
            None if !pending.doubt => End::Never,
            Some(_) | None => End::Unknown,
        };
        self.end(number, end)
    }

    /// An operation is over; the client thinks about the next one.
    fn end(&mut self, number: u64, end: End<S::Answer>) -> Result<(), Violation> {
        let moment = self.tick_moment();
        if let Some(pending) = self.clients[number as usize].pending.take() {
            let asked = asked(&self.begun, pending.operation, &self.settings.workload);
            self.system.ended(&asked, &end, moment)?;
        }
        self.stats.answered += u64::from(!matches!(end, End::Unknown));
        self.schedule_next(number);
        Ok(())
    }
}

/// An operation as a system sees it.
pub(super) fn asked<'a, O>(
    begun: &'a [PlannedOperation<O>],
    index: usize,
    workload: &'a Workload,
) -> Asked<'a, O> {
    let PlannedOperation { client, number, operation, .. } = &begun[index];
    Asked { index, client: *client, number: *number, operation, workload }
}
