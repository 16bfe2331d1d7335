//! What clients do, and how nodes take and answer their requests.

use bytes::Bytes;
use quorate_core::{Consistency, Nanos, RequestId};

use super::{Event, Request, World};
use crate::{
    choices::Stream,
    client::{Answer, Pending, command},
    history::{Ask, Told},
    marks::Mark,
    oracle::Violation,
    profile::{MICROSECOND, MILLISECOND},
};
use quorate_core::LogId;

impl World {
    fn tick_moment(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    /// The way between a client and a node takes this long.
    fn trip(&mut self, client: u64) -> Nanos {
        50 * MICROSECOND + self.choices.draw(Stream::Client(client), 500 * MICROSECOND)
    }

    /// A client begins an operation, unless the run is about to end.
    pub(super) fn begin(&mut self, number: u64) -> Result<(), Violation> {
        if self.write_since_heal {
            return Ok(());
        }
        let stream = Stream::Client(number);
        let workload = self.settings.workload;
        let key = self.choices.draw(stream, workload.keys);
        let [reads, deletes] = [100, 100].map(|bound| self.choices.draw(stream, bound));
        let healed = self.healed_at.is_some();
        let moment = self.tick_moment();
        let client = &mut self.clients[number as usize];
        // Whoever wrote would wait for a leader that is cut off; who only reads goes on reading there.
        let only_reads = self.settings.families.leases && number % 2 == 1;
        let ask = if only_reads || reads < workload.read_percent {
            Ask::Get
        } else if deletes < workload.delete_percent {
            Ask::Delete
        } else {
            Ask::Put(client.next_value())
        };
        let operation = self.history.invoke(number, key, ask, moment);
        let floor = self.oracles.read.begin();
        client.pending = Some(Pending { operation, key, ask, floor, attempt: None, healed });
        self.stats.operations += 1;
        self.note(9, number, &[]);
        self.say(|_| format!("client {number} begins {ask:?} of key {key}"));
        self.push(workload.patience, Event::GiveUp { client: number, operation });
        self.attempt(number, operation)
    }

    /// A client asks a node.
    pub(super) fn attempt(&mut self, number: u64, operation: usize) -> Result<(), Violation> {
        let other = self.choices.draw(Stream::Client(number), self.settings.all_nodes());
        let delay = self.trip(number);
        let client = &mut self.clients[number as usize];
        let node = client.hint.unwrap_or(other);
        let Some(pending) = client.pending.as_mut().filter(|p| p.operation == operation) else {
            return Ok(());
        };
        let request = self.next_request;
        self.next_request += 1;
        pending.attempt = Some((request, node));
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
        if self.nodes[to as usize].life.is_none() {
            // Nobody listens: surely not done.
            let delay = self.trip(number);
            let answer = Answer::Refused { leader: None };
            self.push(delay, Event::Tell { client: number, request, answer });
            return Ok(());
        }
        let (committed, step) = (self.oracles.log.last_committed(), self.stats.events);
        let share = self.settings.workload.lease_percent;
        let is_read = pending.ask == Ask::Get;
        let lease =
            is_read && share > 0 && self.choices.draw(Stream::Client(number), 100) >= 100 - share;
        let asked = Request { client: number, key: pending.key, node: to, committed, step, lease };
        self.requests.insert(request, asked);
        self.hash = crate::hash::mix(self.hash, request);
        if is_read {
            return self.read(to, request, lease);
        }
        let node = &mut self.nodes[to as usize];
        let life_number = node.lives;
        let Some(life) = &mut node.life else { return Ok(()) };
        let padding = self.settings.workload.padding_bytes;
        let bytes = command(pending.key, pending.ask, padding)
            .map_err(|error| Violation::OddResponse { node: to, response: error.to_string() })?;
        life.inbox.push((request, bytes));
        if life.inbox.len() == 1 {
            let gather = self.settings.workload.gather;
            let delay = self.choices.draw(Stream::Process(to), gather + 1);
            self.push(delay, Event::Gather { node: to, life: life_number });
        }
        Ok(())
    }

    /// A read came to a node: where a lease is published that covers it, the core is not asked.
    fn read(&mut self, to: u64, request: RequestId, lease: bool) -> Result<(), Violation> {
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
        running.driver.propose(inbox, time);
        self.note(10, number, &[]);
        self.pump(number)
    }

    /// A node answers a request.
    pub(super) fn reply(&mut self, node: u64, request: RequestId, answer: Answer) {
        let _ = node;
        let Some(asked) = self.requests.remove(&request) else { return };
        let delay = self.trip(asked.client);
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
            let delay = self.trip(client);
            self.push(delay, Event::Tell { client, request, answer: Answer::Unknown });
        }
    }

    /// An answer reaches its client.
    pub(super) fn tell(
        &mut self,
        number: u64,
        request: RequestId,
        answer: Answer,
    ) -> Result<(), Violation> {
        let client = &mut self.clients[number as usize];
        let Some(pending) = client.pending else { return Ok(()) };
        let Some((_, node)) = pending.attempt.filter(|(known, _)| *known == request) else {
            return Ok(());
        };
        self.note(11, number, &[]);
        self.say(|_| format!("client {number} is told {answer:?}"));
        let floors = &mut self.oracles.read;
        let client = &mut self.clients[number as usize];
        match answer {
            Answer::Wrote { place, existed } => {
                client.hint = Some(node);
                floors.wrote(number, pending.floor, place.index)?;
                self.write_since_heal |= pending.healed;
                let told = existed.map_or(Told::Done, |existed| Told::Removed { existed });
                self.end(number, told, place);
            }
            Answer::Read { value, applied } => {
                client.hint = Some(node);
                floors.read(number, pending.floor, applied)?;
                self.end(number, Told::Got(value), LogId::new(0, applied));
            }
            Answer::Unknown if pending.ask != Ask::Get => {
                client.hint = None;
                self.marks.reach(Mark::OutcomeUnknown);
                self.end(number, Told::Unknown, LogId::ZERO);
            }
            // A read that is lost may be asked again; so may what was surely not done.
            Answer::Refused { .. } | Answer::Unknown => {
                client.hint = match answer {
                    Answer::Refused { leader } => leader,
                    Answer::Wrote { .. } | Answer::Read { .. } | Answer::Unknown => None,
                };
                if let Some(pending) = &mut client.pending {
                    pending.attempt = None;
                }
                let wait = self.choices.draw(Stream::Client(number), 10 * MILLISECOND);
                let operation = pending.operation;
                self.push(wait, Event::Attempt { client: number, operation });
            }
        }
        Ok(())
    }

    /// A client waits no longer.
    pub(super) fn give_up(&mut self, number: u64, operation: usize) -> Result<(), Violation> {
        let pending = self.clients[number as usize].pending;
        let Some(pending) = pending.filter(|pending| pending.operation == operation) else {
            return Ok(());
        };
        self.clients[number as usize].hint = None;
        let told = match pending.attempt {
            Some(_) => Told::Unknown,
            None => Told::Never,
        };
        self.end(number, told, LogId::ZERO);
        Ok(())
    }

    /// An operation is over; the client thinks about the next one.
    fn end(&mut self, number: u64, told: Told, place: LogId) {
        let moment = self.tick_moment();
        if let Some(pending) = self.clients[number as usize].pending.take() {
            // What is unknown has no end: it may take effect at any later time.
            let moment = if told == Told::Unknown { u64::MAX } else { moment };
            self.history.answer(pending.operation, told, place, moment);
        }
        self.stats.answered += u64::from(told != Told::Unknown);
        let think = self.choices.draw(Stream::Client(number), self.settings.workload.think);
        self.push(think, Event::Begin { client: number });
    }
}
