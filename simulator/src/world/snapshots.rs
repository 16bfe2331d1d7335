//! Snapshots: taken and kept in steps, and sent from node to node in parts.
//!
//! The receiver says how much it has; the sender answers with the next part. Whatever is lost, the
//! sender's core asks again, and what is there already goes on where it ended.

use std::sync::Arc;

use bytes::Bytes;
use quorate_core::{SnapshotMeta, Term};
use quorate_driver::{LogStore, SnapshotId, SnapshotPolicy, StoreError};

use super::{Event, Work, World};
use crate::{
    choices::Series,
    marks::Mark,
    oracle::Violation,
    plan::{MessageKind, Pattern},
    profile::{MICROSECOND, MILLISECOND},
    system::System,
    trace::{Said, Spoken, What},
};

/// A snapshot that one node sends to another.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    from: u64,
    to: u64,
    term: Term,
    meta: Arc<SnapshotMeta>,
    id: SnapshotId,
}

/// Some of its bytes; none asks how many are there.
#[derive(Clone, Debug)]
pub(super) struct Part {
    offer: Offer,
    offset: u64,
    bytes: Bytes,
}

/// How many bytes are there.
#[derive(Clone, Debug)]
pub(super) struct Have {
    offer: Offer,
    offset: u64,
}

impl Part {
    pub(super) fn spoken(&self) -> Spoken {
        let (offset, bytes, last) = (self.offset, self.bytes.len() as u64, self.offer.meta.last);
        Spoken { term: self.offer.term, said: Said::SnapshotPart { last, offset, bytes } }
    }
}

impl Have {
    pub(super) fn spoken(&self) -> Spoken {
        let (bytes, last) = (self.offset, self.offer.meta.last);
        Spoken { term: self.offer.term, said: Said::SnapshotHave { last, bytes } }
    }
}

impl<S: System> World<S> {
    /// A snapshot is begun where one is due.
    pub(super) fn take_snapshot(&mut self, number: u64) {
        let every_entries = self.settings.snapshot_every;
        let node = &mut self.nodes[number as usize];
        let life_number = node.lives;
        let Some(life) = &mut node.life else { return };
        let policy = SnapshotPolicy { every_entries, ..SnapshotPolicy::NEVER };
        let is_due = life.driver.is_snapshot_due(policy);
        if !(is_due || life.snapshot_asked) || life.taking.is_some() {
            return;
        }
        let Some(job) = life.driver.take_snapshot(&life.machine) else { return };
        life.snapshot_asked = false;
        life.taking = Some(job.serialize());
        self.next_step(number, life_number);
    }

    fn next_step(&mut self, node: u64, life: u64) {
        let delay = self.work(node, Work::Snapshot, self.settings.write_spread + 1);
        let delay = self.disk_time(node, self.settings.write_time + delay);
        self.push(delay, Event::SnapshotStep { node, life });
    }

    /// The next step of keeping a snapshot is done.
    pub(super) fn snapshot_step(&mut self, number: u64, life: u64) -> Result<(), Violation> {
        let now = self.now;
        let node = &mut self.nodes[number as usize];
        if node.living(life).is_none() {
            return Ok(());
        }
        let until = node.paused_until.max(node.stalled_until);
        if until > now {
            self.push_at(until, Event::SnapshotStep { node: number, life });
            return Ok(());
        }
        let time = node.clock.read(now);
        let has_failed =
            |node: &crate::node::Node<S>| node.disk.has_failed() || node.disk.is_damaged();
        let Some(running) = &mut node.life else { return Ok(()) };
        let Some(mut bytes) = running.taking.take() else { return Ok(()) };
        self.hash = crate::hash::mix(self.hash, number);
        let done = match bytes.write_some(&mut running.store) {
            Ok(false) => {
                running.taking = Some(bytes);
                self.next_step(number, life);
                return Ok(());
            }
            Ok(true) => bytes.done(Ok(())),
            Err(error) => {
                let done = bytes.done(Err(error.clone()));
                running.driver.snapshot_done(done, time);
                // A newer one may have come from another node meanwhile.
                let is_crossed = matches!(error, StoreError::NoSnapshot(_));
                self.marks.add(Mark::SnapshotsCrossed, u64::from(is_crossed));
                if !has_failed(node) && !is_crossed {
                    let error = error.to_string();
                    return Err(Violation::WriteFailed { node: number, error });
                }
                return self.pump(number);
            }
        };
        running.driver.snapshot_done(done, time);
        self.pump(number)
    }

    /// Whoever needs a snapshot is asked how much of it there is.
    pub(super) fn offer_snapshots(&mut self, number: u64) -> Result<(), Violation> {
        let Some(life) = &mut self.nodes[number as usize].life else { return Ok(()) };
        let sends: Vec<_> = life.driver.drain_snapshot_sends().collect();
        for send in sends {
            let Some(life) = &mut self.nodes[number as usize].life else { return Ok(()) };
            // The newest one: the one that was meant may be gone.
            let newest = life.driver.raft().status().snapshot.cloned();
            let Some(meta) = newest.map(Arc::new) else { continue };
            // It may not be named by a durable write yet, but it is durable.
            let Ok(id) = life.store.snapshot_find(meta.last) else { continue };
            let to = send.to.get() - 1;
            let offer = Offer { from: number, to, term: send.term, meta, id };
            self.send_part(Part { offer, offset: 0, bytes: Bytes::new() })?;
        }
        Ok(())
    }

    fn send_part(&mut self, part: Part) -> Result<(), Violation> {
        let (from, to) = (part.offer.from, part.offer.to);
        self.note(21, from << 8 | to, &part.bytes);
        let (kind, term, bytes) = (MessageKind::SnapshotPart, part.offer.term, part.bytes.clone());
        let event = Event::Part { part: part.clone() };
        self.carry(kind, term, (from, to), &bytes, event, || part.spoken())
    }

    /// Sends what belongs to a snapshot.
    fn carry(
        &mut self,
        kind: MessageKind,
        term: Term,
        link: (u64, u64),
        bytes: &[u8],
        event: Event<S::Answer>,
        spoken: impl FnOnce() -> Spoken,
    ) -> Result<(), Violation> {
        let series = Series { kind: kind.number(), epoch: term };
        let size = bytes.len() as u64;
        let fate = self.network.send(&mut self.choices, link, series, size, self.now);
        let arrivals = self.arrivals(link.0, fate, bytes)?;
        let before = self.tell_send(link, spoken, arrivals);
        self.record(kind, term, link, &event);
        for at in arrivals.into_iter().flatten() {
            self.push_at(at, event.clone());
        }
        self.tell_from(before);
        self.observe(Pattern::Sent(kind), link.0);
        Ok(())
    }

    fn has_bad_disk(&self, node: u64) -> bool {
        let disk = &self.nodes[node as usize].disk;
        disk.has_failed() || disk.is_damaged()
    }

    /// What a store did, unless its disk failed.
    fn kept<T>(&self, node: u64, result: Result<T, StoreError>) -> Result<Option<T>, Violation> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(_) if self.has_bad_disk(node) => Ok(None),
            Err(error) => Err(Violation::WriteFailed { node, error: error.to_string() }),
        }
    }

    /// Some of a snapshot arrives.
    pub(super) fn part(&mut self, part: Part) -> Result<(), Violation> {
        let (from, to) = (part.offer.from, part.offer.to);
        if self.postponed(to, || Event::Part { part: part.clone() }) {
            return Ok(());
        }
        let heard = self.nodes[to as usize].life.is_some();
        self.tell_lead(|| What::Deliver { node: to, from, message: part.spoken(), heard });
        let Part { offer, offset, bytes } = part;
        let id = offer.id;
        let Some(life) = &mut self.nodes[to as usize].life else { return Ok(()) };
        let begun = life.store.snapshot_begin(id);
        let Some(mut has) = self.kept(to, begun)? else { return Ok(()) };
        let is_resumed = offset == 0 && bytes.is_empty() && (1..id.len).contains(&has);
        self.marks.add(Mark::SnapshotResumed, u64::from(is_resumed));
        let moves_on = offset == has && !bytes.is_empty();
        self.observe(Pattern::Received(MessageKind::SnapshotPart), to);
        // What came twice has been answered. Answered twice, it would lead to the next part twice,
        // and what the network repeats would multiply with every part (RFC 1123 §4.2.3.1).
        if !moves_on && !bytes.is_empty() {
            return Ok(());
        }
        if moves_on {
            let Some(life) = &mut self.nodes[to as usize].life else { return Ok(()) };
            let written = life.store.snapshot_write(id, offset, &bytes);
            if self.kept(to, written)?.is_none() {
                return Ok(());
            }
            has += bytes.len() as u64;
            self.oracles.storms.reason(1);
            self.marks.reach(Mark::SnapshotPart);
            self.observe(Pattern::SnapshotPart, to);
        }
        if has == id.len {
            self.keep_received(to, &offer)?;
        }
        self.note(22, from << 8 | to, &[]);
        let (kind, term) = (MessageKind::SnapshotAnswer, offer.term);
        let have = Have { offer, offset: has };
        let event = Event::Have { have: have.clone() };
        self.carry(kind, term, (to, from), &has.to_le_bytes(), event, || have.spoken())
    }

    /// All of a snapshot is here: it becomes durable, and a little later the core learns of it.
    fn keep_received(&mut self, to: u64, offer: &Offer) -> Result<(), Violation> {
        let Some(life) = &mut self.nodes[to as usize].life else { return Ok(()) };
        let finished = life.store.snapshot_finish(offer.id);
        let is_bad = matches!(finished, Err(StoreError::BadSnapshot { .. }));
        if is_bad && self.nodes[offer.from as usize].disk.is_damaged() {
            self.examine(offer.from);
            return Ok(());
        }
        if self.kept(to, finished)?.is_none() {
            return Ok(());
        }
        let node = &mut self.nodes[to as usize];
        let life_number = node.lives;
        if let Some(life) = &mut node.life {
            life.kept += 1;
        }
        let delay = MICROSECOND + self.work(to, Work::Received, 5 * MILLISECOND);
        let offer = offer.clone();
        self.push(delay, Event::Received { node: to, life: life_number, offer });
        self.observe(Pattern::SnapshotKept, to);
        Ok(())
    }

    /// A receiver says how much it has: it gets the next part.
    pub(super) fn have(&mut self, have: Have) -> Result<(), Violation> {
        let from = have.offer.from;
        if self.postponed(from, || Event::Have { have: have.clone() }) {
            return Ok(());
        }
        let heard = self.nodes[from as usize].life.is_some();
        let to = have.offer.to;
        self.tell_lead(|| What::Deliver { node: from, from: to, message: have.spoken(), heard });
        let Have { offer, offset } = have;
        self.observe(Pattern::Received(MessageKind::SnapshotAnswer), from);
        let part_bytes = self.settings.part_bytes;
        let Some(life) = &mut self.nodes[from as usize].life else { return Ok(()) };
        if offset >= offer.id.len || life.store.snapshot_find(offer.id.last) != Ok(offer.id) {
            return Ok(());
        }
        let read = life.store.snapshot_read(offer.id, offset, part_bytes);
        if read.is_err() && self.nodes[from as usize].disk.is_damaged() {
            self.examine(from);
            return Ok(());
        }
        let Some(bytes) = self.kept(from, read)? else { return Ok(()) };
        self.send_part(Part { offer, offset, bytes })
    }

    /// A core learns that another node's snapshot is here.
    pub(super) fn received(
        &mut self,
        number: u64,
        life: u64,
        offer: Offer,
    ) -> Result<(), Violation> {
        if self.nodes[number as usize].living(life).is_none()
            || self.postponed(number, || Event::Received {
                node: number,
                life,
                offer: offer.clone(),
            })
        {
            return Ok(());
        }
        let now = self.now;
        let node = &mut self.nodes[number as usize];
        let time = node.clock.read(now);
        let Some(running) = node.living(life) else { return Ok(()) };
        running.kept -= 1;
        running.driver.snapshot_received(offer.term, offer.meta, time);
        self.say(|_| format!("node {number} has received the snapshot {:?}", offer.id));
        self.note(23, number, &[]);
        self.pump(number)
    }

    /// What is of no use goes, before anything else is done with the store.
    pub(super) fn discard_snapshots(&mut self, number: u64) -> Result<(), Violation> {
        let Some(life) = &mut self.nodes[number as usize].life else { return Ok(()) };
        for last in life.driver.drain_discards() {
            self.marks.reach(Mark::SnapshotDiscarded);
            let Some(life) = &mut self.nodes[number as usize].life else { return Ok(()) };
            let removed = life.store.snapshot_remove(last);
            self.kept(number, removed)?;
        }
        Ok(())
    }
}
