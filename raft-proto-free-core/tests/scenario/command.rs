//! The commands of a scenario.

use quorate_core::{
    Action, Consistency, Entries, HardState, Input, LogId, NodeId, Payload, commands,
};

use super::{
    Scenario,
    fact::{Claim, FIRST_READ, kind},
};
use crate::group::{MS, Parcel, id};

/// The election timeout of a scenario's nodes, in milliseconds; heartbeats go every 20.
const ELECTION_TIMEOUT_MS: u64 = 100;

/// How long `expect eventually` waits, in milliseconds: thirty election timeouts.
const PATIENCE_MS: u64 = 30 * ELECTION_TIMEOUT_MS;

impl Scenario {
    pub(crate) fn run(&mut self, line: &str) -> Result<(), String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["expect", "never", claim @ ..] => self.expect_never(Claim::parse(claim)?),
            ["expect", "eventually", claim @ ..] => self.expect_eventually(&Claim::parse(claim)?),
            ["expect", claim @ ..] => self.expect(&Claim::parse(claim)?),
            ["tick", node] => self.for_each(node, |scenario, node| scenario.tick(node)),
            ["campaign", node] => self.for_each(node, Self::campaign),
            ["settle"] => self.settle(),
            ["settle", ms] => self.pass(number(ms)?),
            ["wait", length] => {
                self.group.now += nanos(length)?;
                Ok(())
            }
            ["deliver", link, kind @ ..] => self.take(link, kind, Taken::Delivered),
            ["duplicate", link, kind @ ..] => self.take(link, kind, Taken::Duplicated),
            ["drop", link, kind @ ..] => self.take(link, kind, Taken::Dropped),
            ["propose", node, words @ ..] if !words.is_empty() => self.propose(node, words),
            ["read", node, name] => self.read(node, name, Consistency::Linearizable),
            ["read", node, name, "lease"] => self.read(node, name, Consistency::Lease),
            ["join", node] => self.join(node),
            ["change" | "transfer" | "stop", ..] => self.ask(&words),
            [
                "snapshot" | "compact" | "unreachable" | "quiesce" | "want" | "wake" | "space"
                | "close" | "written" | "excuse",
                ..,
            ] => self.tell(&words),
            ["clock", node, way, ms] => self.clock(node, way, ms),
            ["knob", node, knob] => self.reconfigure(node, knob),
            ["partition", parts @ ..] => self.partition(parts),
            ["cut", link] => {
                let link = self.link(link)?;
                self.group.cut.insert(link);
                Ok(())
            }
            ["heal"] => {
                self.group.heal();
                Ok(())
            }
            words => self.run_below(words),
        }
    }

    /// What happens below a node: to its disk, its log store, its state machine, its power.
    fn run_below(&mut self, words: &[&str]) -> Result<(), String> {
        match words {
            ["disk", node, "term", term, "vote", vote, "log", terms @ ..] => {
                self.disk(node, term, vote, terms)
            }
            ["writes", "hold", node] => self.for_each(node, |scenario, node| {
                scenario.group.hold_writes(node);
                Ok(())
            }),
            ["writes", "release", node] => self.for_each(node, |scenario, node| {
                scenario.group.release_writes(node);
                Ok(())
            }),
            ["writes", "release", node, count] => self.release_some_writes(node, count),
            ["writes", "fail", node] => self.for_each(node, Self::fail_writes),
            ["applies", "hold", node] => self.for_each(node, |scenario, node| {
                scenario.group.member(node).hold_work = true;
                Ok(())
            }),
            ["applies", "release", node] => self.for_each(node, |scenario, node| {
                scenario.group.release_work(node);
                Ok(())
            }),
            ["log", "hold", node] => self.for_each(node, |scenario, node| {
                scenario.group.member(node).hold_log_reads = true;
                Ok(())
            }),
            ["log", "release", node] => self.for_each(node, |scenario, node| {
                scenario.group.release_log_reads(node);
                Ok(())
            }),
            ["crash", node] => self.for_each(node, |scenario, node| {
                let wire = scenario.group.wire.clone();
                scenario.group.crash(node);
                scenario.group.wire = wire;
                Ok(())
            }),
            ["kill", node] => self.for_each(node, |scenario, node| {
                scenario.group.kill(node);
                Ok(())
            }),
            ["restart", node] => self.for_each(node, |scenario, node| {
                scenario.restart(node);
                Ok(())
            }),
            _ => Err("there is no such command; docs/scenarios.md lists them".to_owned()),
        }
    }

    fn expect(&self, claim: &Claim) -> Result<(), String> {
        if claim.holds(self)? {
            return Ok(());
        }
        Err(format!("it is `{}`", claim.found(self)?.join("`, `")))
    }

    fn expect_never(&mut self, claim: Claim) -> Result<(), String> {
        claim.holds(self)?;
        self.never.push(claim);
        Ok(())
    }

    fn expect_eventually(&mut self, claim: &Claim) -> Result<(), String> {
        for _ in 0..PATIENCE_MS {
            if claim.holds(self)? {
                return Ok(());
            }
            self.pass(1)?;
        }
        self.expect(claim)
    }

    /// Starts the node again from a disk that holds a log of these terms.
    fn disk(&mut self, node: &str, term: &str, vote: &str, terms: &[&str]) -> Result<(), String> {
        let node = self.node(node)?;
        let voted_for = match vote {
            "none" => None,
            vote => Some(id(self.node(vote)?)),
        };
        if terms.first() != Some(&"1") {
            return Err("a log begins with the founding entry, of term 1".to_owned());
        }
        let disk = &mut self.group.member(node).disk;
        let founding = disk.entries.ending_before(2);
        let mut entries = Entries::new();
        for (term, index) in terms.iter().zip(1..) {
            let log_id = LogId::new(number(term)?, index);
            let payload = match founding.iter().next() {
                Some(entry) if index == 1 => entry.payload.clone(),
                _ => Payload::Command(format!("{log_id:?}").into()),
            };
            entries.append(log_id, payload.into()).map_err(|error| error.to_string())?;
        }
        disk.entries = entries;
        disk.hard_state = HardState { term: number(term)?, voted_for, promise: 0 };
        self.group.crash(node);
        self.restart(node);
        Ok(())
    }

    fn restart(&mut self, node: u64) {
        let config = self.group.raft(node).config().clone();
        self.group.restart_with(node, config);
    }

    /// The node's deadline comes, and nobody else's.
    fn tick(&mut self, node: u64) -> Result<(), String> {
        let due = self.group.due(node).ok_or("this node has no deadline")?;
        self.group.now = self.group.now.max(due);
        self.group.step(node, Input::Tick);
        Ok(())
    }

    /// Everyone's promise to an earlier leader lapses in silence, then the node's deadline comes,
    /// and everything that follows from it is delivered.
    fn campaign(&mut self, node: u64) -> Result<(), String> {
        self.group.now += 2 * ELECTION_TIMEOUT_MS * MS;
        self.tick(node)?;
        self.settle()
    }

    fn settle(&mut self) -> Result<(), String> {
        while self.group.deliver_one() {
            self.look()?;
        }
        Ok(())
    }

    fn pass(&mut self, ms: u64) -> Result<(), String> {
        for _ in 0..ms {
            self.group.pass(1);
            self.look()?;
        }
        Ok(())
    }

    /// Finds messages on a link, and does something with them: with the oldest, or the one whose
    /// place is given, or with all that are dropped.
    fn take(&mut self, link: &str, words: &[&str], how: Taken) -> Result<(), String> {
        let (from, to) = self.link(link)?;
        let (place, kinds) = match words.split_last() {
            Some((place, kinds)) if place.parse::<usize>().is_ok() => (number(place)?, kinds),
            _ => (1, words),
        };
        if kinds == ["all"] {
            let count = self.group.on_wire(from, to).len();
            return (0..count).try_for_each(|_| self.take(link, &[], how));
        }
        let nth = (place as usize).saturating_sub(1);
        if kinds == ["snapshot"] {
            return self.take_parcel(from, to, nth, how);
        }
        let wanted = |message: &(u64, u64, quorate_core::Message)| {
            (message.0, message.1) == (from, to)
                && (kinds.is_empty() || kinds.contains(&kind(&message.2)))
        };
        let mut places = (0..self.group.wire.len()).filter(|at| wanted(&self.group.wire[*at]));
        let place = places.nth(nth).ok_or("no such message is on its way")?;
        let message = match how {
            Taken::Dropped => {
                self.group.wire.retain(|message| !wanted(message));
                return Ok(());
            }
            Taken::Delivered => self.group.wire.remove(place).expect("found there").2,
            Taken::Duplicated => self.group.wire[place].2.clone(),
        };
        self.group.step(to, Input::Receive { from: id(from), message });
        Ok(())
    }

    fn take_parcel(&mut self, from: u64, to: u64, nth: usize, how: Taken) -> Result<(), String> {
        let wanted = |parcel: &(u64, u64, Parcel)| (parcel.0, parcel.1) == (from, to);
        let parcels = &mut self.group.parcels;
        let place = (0..parcels.len()).filter(|at| wanted(&parcels[*at])).nth(nth);
        let place = place.ok_or("no snapshot is on its way")?;
        let parcel = match how {
            Taken::Dropped => {
                parcels.retain(|parcel| !wanted(parcel));
                return Ok(());
            }
            Taken::Delivered => parcels.remove(place).expect("found there").2,
            Taken::Duplicated => parcels[place].2.clone(),
        };
        self.group.deliver_parcel(to, parcel);
        Ok(())
    }

    fn propose(&mut self, node: &str, words: &[&str]) -> Result<(), String> {
        let node = self.node(node)?;
        let request = self.group.next_request;
        self.group.next_request += 1;
        let commands = commands(words.iter().map(|word| command(word)));
        self.group.step(node, Input::Propose { request, commands, expected_term: None });
        Ok(())
    }

    fn read(&mut self, node: &str, name: &str, consistency: Consistency) -> Result<(), String> {
        let node = self.node(node)?;
        let request = FIRST_READ + self.reads.len() as u64;
        self.reads.push((name.to_owned(), request));
        self.group.reads.insert(request, (node, self.group.committed()));
        self.group.step(node, Input::Read { request, consistency });
        Ok(())
    }

    /// The oldest writes become durable; the others wait on.
    fn release_some_writes(&mut self, node: &str, count: &str) -> Result<(), String> {
        let node = self.node(node)?;
        for _ in 0..number(count)? {
            let disk = &mut self.group.member(node).disk;
            let write = disk.pending.pop_front().ok_or("so many writes do not wait")?;
            disk.apply(&write);
            self.group.step(node, Input::Written { seq: write.seq });
        }
        Ok(())
    }

    fn fail_writes(&mut self, node: u64) -> Result<(), String> {
        let failed = self.group.member(node).disk.pending.pop_front();
        let seq = failed.ok_or("no write is on its way; hold it first")?.seq;
        self.group.member(node).disk.pending.clear();
        let actions = self.group.step(node, Input::WriteFailed { seq });
        let halts = actions.iter().any(|action| matches!(action, Action::Halt(_)));
        if halts { Ok(()) } else { Err("the node goes on after a failed write".to_owned()) }
    }

    /// `1,2 | 3,4,5`: links between the parts carry nothing; all others do.
    fn partition(&mut self, words: &[&str]) -> Result<(), String> {
        let text = words.concat();
        let parts: Result<Vec<_>, _> = text.split('|').map(|part| self.nodes(part)).collect();
        let parts = parts?;
        self.group.heal();
        for (number, part) in parts.iter().enumerate() {
            for other in parts.iter().skip(number + 1) {
                for (a, b) in part.iter().flat_map(|a| other.iter().map(move |b| (*a, *b))) {
                    self.group.cut(a, b);
                }
            }
        }
        Ok(())
    }

    pub(crate) fn for_each(
        &mut self,
        nodes: &str,
        mut run: impl FnMut(&mut Scenario, u64) -> Result<(), String>,
    ) -> Result<(), String> {
        self.nodes(nodes)?.into_iter().try_for_each(|node| run(self, node))
    }

    pub(crate) fn node(&self, text: &str) -> Result<u64, String> {
        let node = number(text)?;
        let known = NodeId::new(node).is_some() && self.group.members.contains_key(&node);
        if known { Ok(node) } else { Err(format!("there is no node {node}")) }
    }

    /// `1,2,3` or `all`.
    pub(crate) fn nodes(&self, text: &str) -> Result<Vec<u64>, String> {
        match text {
            "all" => Ok(self.group.members.keys().copied().collect()),
            list => list.split(',').map(|node| self.node(node)).collect(),
        }
    }

    /// `1>2`.
    pub(crate) fn link(&self, text: &str) -> Result<(u64, u64), String> {
        let (from, to) = text.split_once('>').ok_or("a link is written `1>2`")?;
        Ok((self.node(from)?, self.node(to)?))
    }
}

/// What becomes of a message on its way.
#[derive(Clone, Copy)]
enum Taken {
    Delivered,
    /// Delivered, and stays on its way.
    Duplicated,
    Dropped,
}

/// A word stands for itself; `900B` stands for so many bytes.
fn command(word: &str) -> String {
    let size = word.strip_suffix('B').and_then(|size| size.parse().ok());
    size.map_or_else(|| word.to_owned(), |size| "x".repeat(size))
}

/// `5ms`, `3us`, `1ns`.
fn nanos(text: &str) -> Result<u64, String> {
    let units = [("ms", MS), ("us", 1_000), ("ns", 1)];
    let found = units.iter().find_map(|(unit, nanos)| Some((text.strip_suffix(unit)?, nanos)));
    let (count, unit) = found.ok_or("a time is written `5ms`, `3us` or `1ns`")?;
    Ok(number(count)? * unit)
}

pub(crate) fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}
