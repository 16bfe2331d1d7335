//! Faults of the network besides plain partitions, loss and delay: how they are carried out.

use bytes::BytesMut;
use quorate_core::{Nanos, Term};

use super::{Event, World};
use crate::{
    choices::Chance,
    marks::Mark,
    network::{Blocked, Fate, Narrow, Network},
    oracle::Violation,
    plan::{Kinds, MessageKind, SHORTEST_PERIOD, Wire},
    system::System,
    trace::Spoken,
};

/// As many messages of a kind are kept to be repeated; where there are more, every second one goes.
const KEPT: usize = 256;
/// The longest frame that the simulated transport takes. Bytes.
const FRAME_LIMIT: u32 = 1 << 30;

/// A message that was sent.
#[derive(Clone, Debug)]
struct Sent<A> {
    term: Term,
    /// How many lives its sender and its receiver had begun.
    lives: [u64; 2],
    link: (u64, u64),
    event: Event<A>,
}

/// What was sent so far, thinned out evenly.
#[derive(Clone, Debug)]
struct Kept<A> {
    messages: Vec<Sent<A>>,
    /// One of so many is kept.
    step: u64,
    seen: u64,
}

impl<A> Default for Kept<A> {
    fn default() -> Kept<A> {
        Kept { messages: Vec::new(), step: 1, seen: 0 }
    }
}

impl<A> Kept<A> {
    fn add(&mut self, sent: Sent<A>) {
        self.seen += 1;
        if !self.seen.is_multiple_of(self.step) {
            return;
        }
        self.messages.push(sent);
        if self.messages.len() > KEPT {
            let mut place = 0;
            self.messages.retain(|_| {
                place += 1;
                place % 2 == 0
            });
            self.step *= 2;
        }
    }
}

/// Messages to be repeated later, by kind.
#[derive(Clone, Debug)]
pub(super) struct Recorder<A> {
    kinds: [Kept<A>; MessageKind::ALL.len()],
}

impl<A> Default for Recorder<A> {
    fn default() -> Recorder<A> {
        Recorder { kinds: std::array::from_fn(|_| Kept::default()) }
    }
}

/// A partition that comes and goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flap {
    blocked: Blocked,
    half: Nanos,
    until: Nanos,
    /// Whether it is in force.
    is_on: bool,
}

impl<S: System> World<S> {
    /// A fault of the network strikes a node.
    pub(super) fn strike_wire(&mut self, number: u64, wire: Wire, until: Nanos, chance: Chance) {
        let nodes = self.settings.all_nodes();
        match wire {
            Wire::Filter { split, kinds } => {
                let blocked = Network::blocked_by(split, number, nodes);
                self.network.filter(&blocked, kinds, true);
                self.push_at(until, Event::FilterEnds { blocked, kinds });
            }
            Wire::Flap { split, period } => {
                let blocked = Network::blocked_by(split, number, nodes);
                let half = period.max(SHORTEST_PERIOD) / 2;
                self.flap(Flap { blocked, half, until, is_on: false });
            }
            Wire::Hold { shuffled } => self.network.hold(number, until, shuffled),
            Wire::Lag { by, kinds } => self.network.lag(number, kinds, by, until),
            Wire::Narrow { messages, bytes } => {
                self.network.narrow(number, Narrow { until, messages, bytes });
            }
            Wire::Replay { count } => self.replay(number, count, chance),
            Wire::Corrupt { ppm } => self.network.corrupt(number, until, ppm),
        }
    }

    /// When a message arrives, if it does: one that was corrupted is refused.
    pub(super) fn arrivals(
        &mut self,
        from: u64,
        fate: Fate,
        bytes: &[u8],
    ) -> Result<[Option<Nanos>; 2], Violation> {
        let nodes = self.settings.all_nodes();
        self.oracles.storms.sends(from, nodes)?;
        let Some(how) = fate.corruption else { return Ok(fate.arrivals) };
        self.corrupted(from, bytes, how)?;
        Ok([None, None])
    }

    pub(super) fn filter_ends(&mut self, blocked: &Blocked, kinds: Kinds) {
        if self.healed_at.is_none() {
            self.network.filter(blocked, kinds, false);
        }
    }

    /// A partition comes or goes.
    pub(super) fn flap(&mut self, flap: Flap) {
        if self.healed_at.is_some() || (!flap.is_on && self.now >= flap.until) {
            return;
        }
        self.network.block(&flap.blocked, !flap.is_on);
        self.marks.add(Mark::PartitionFlapped, u64::from(flap.is_on));
        let at = self.now.saturating_add(flap.half).min(flap.until).max(self.now + 1);
        self.push_at(at, Event::Flap(Flap { is_on: !flap.is_on, ..flap }));
    }

    /// Keeps a message that was sent, where some fault may want it.
    pub(super) fn record(
        &mut self,
        kind: MessageKind,
        term: Term,
        link: (u64, u64),
        event: &Event<S::Answer>,
    ) {
        let Some(recorder) = &mut self.recorder else { return };
        let lives = [link.0, link.1].map(|node| self.nodes[node as usize].lives);
        let sent = Sent { term, lives, link, event: event.clone() };
        recorder.kinds[kind.number() as usize].add(sent);
    }

    /// Messages from and to a node come once more.
    fn replay(&mut self, number: u64, count: u64, mut chance: Chance) {
        let newest = self.oracles.election.newest().map_or(0, |(term, _)| term);
        let Some(recorder) = &self.recorder else { return };
        let lives = |node: u64| self.nodes[node as usize].lives;
        let is_past =
            |sent: &Sent<S::Answer>| sent.lives != [lives(sent.link.0), lives(sent.link.1)];
        let is_here = |sent: &&Sent<S::Answer>| sent.link.0 == number || sent.link.1 == number;
        let all = |kept: &Kept<S::Answer>| -> Vec<Sent<S::Answer>> {
            kept.messages.iter().filter(is_here).cloned().collect()
        };
        let by_kind: Vec<Vec<Sent<S::Answer>>> =
            recorder.kinds.iter().map(all).filter(|kept| !kept.is_empty()).collect();
        if by_kind.is_empty() {
            return;
        }
        let mut chosen = Vec::new();
        for _ in 0..count {
            // Rare kinds as often as frequent ones, and mostly what is out of date.
            let kept = &by_kind[chance.below(by_kind.len() as u64) as usize];
            let old: Vec<&Sent<S::Answer>> =
                kept.iter().filter(|sent| sent.term < newest || is_past(sent)).collect();
            let sent = if old.is_empty() || chance.below(4) == 3 {
                &kept[chance.below(kept.len() as u64) as usize]
            } else {
                old[chance.below(old.len() as u64) as usize]
            };
            let marks = (sent.term < newest, is_past(sent));
            chosen.push((sent.clone(), marks, chance.below(self.settings.link.spread + 1)));
        }
        for (sent, (is_of_old_term, is_of_old_life), delay) in chosen {
            if self.nodes[sent.link.1 as usize].life.is_none() {
                continue;
            }
            self.oracles.storms.reason(1);
            self.marks.reach(Mark::MessageReplayed);
            self.marks.add(Mark::OldTermReplayed, u64::from(is_of_old_term));
            self.marks.add(Mark::ReplayedAcrossRestart, u64::from(is_of_old_life));
            let arrivals = [Some(self.now + delay), None];
            let spoken = self.trace.as_ref().and_then(|_| spoken(&sent.event));
            let before = spoken.and_then(|said| self.tell_send(sent.link, || said, arrivals));
            self.push(delay, sent.event);
            self.tell_from(before);
        }
    }

    /// A message was corrupted on its way: the frame in which the transport sends it must show that,
    /// and without it decoding must at least stay total.
    pub(super) fn corrupted(&mut self, from: u64, body: &[u8], how: u64) -> Result<(), Violation> {
        let failed = |detail: String| Violation::Codec { node: from, detail };
        let mut frame = Vec::with_capacity(body.len() + quorate_codec::FRAME_HEADER_BYTES);
        quorate_codec::encode_frame(&mut frame, FRAME_LIMIT, |out| out.extend_from_slice(body))
            .map_err(|error| failed(error.to_string()))?;
        change_bits(&mut frame, Chance::new(how.max(1)));
        let damaged = frame.split_off(quorate_codec::FRAME_HEADER_BYTES);
        frame.extend_from_slice(&damaged);
        match quorate_codec::decode_frame(&mut BytesMut::from(&frame[..]), FRAME_LIMIT) {
            Err(_) | Ok(None) => self.marks.reach(Mark::CorruptionRefused),
            Ok(Some(_)) => {
                let text = "a frame with changed bits was taken for a sound one".to_owned();
                return Err(failed(text));
            }
        }
        if let Ok(message) = quorate_codec::decode_message(damaged.clone().into()) {
            let mut again = Vec::new();
            quorate_codec::encode_message(&message, &mut again);
            if again != damaged {
                return Err(failed(format!("{message:?} has two forms: {damaged:?}")));
            }
        }
        Ok(())
    }
}

/// What a message that was kept says.
fn spoken<A>(event: &Event<A>) -> Option<Spoken> {
    match event {
        Event::Deliver { bytes, .. } => {
            let message = quorate_codec::decode_message(bytes.clone());
            message.ok().as_ref().map(Spoken::of)
        }
        Event::Part { part } => Some(part.spoken()),
        Event::Have { have } => Some(have.spoken()),
        _ => None,
    }
}

/// Changes one to three bits, or bits within four bytes: what the frame's checksum surely finds.
fn change_bits(frame: &mut [u8], mut chance: Chance) {
    let bits = 8 * frame.len() as u64;
    let before = frame.to_vec();
    if chance.below(4) == 3 {
        let start = chance.below((frame.len() as u64).saturating_sub(3)) as usize;
        for byte in frame.iter_mut().skip(start).take(4) {
            *byte ^= chance.below(256) as u8;
        }
    } else {
        for _ in 0..=chance.below(3) {
            let bit = chance.below(bits);
            frame[(bit / 8) as usize] ^= 1 << (bit % 8);
        }
    }
    if frame == before {
        frame[0] ^= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_thinned_out_evenly() {
        let mut kept = Kept::<()>::default();
        for term in 0..10_000 {
            let event = Event::Heal;
            kept.add(Sent { term, lives: [1, 1], link: (0, 1), event });
        }
        let terms: Vec<Term> = kept.messages.iter().map(|sent| sent.term).collect();
        assert!((KEPT / 2 - 1..=KEPT).contains(&terms.len()), "{}", terms.len());
        let gaps: Vec<u64> = terms.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| (kept.step..=2 * kept.step).contains(gap)), "{gaps:?}");
        assert!(terms[0] < 200 && *terms.last().unwrap() > 9_800);
    }

    #[test]
    fn bits_are_changed_and_few_of_them() {
        for seed in 1..2_000 {
            let mut frame = [0; 40];
            change_bits(&mut frame, Chance::new(seed));
            let changed: Vec<usize> = (0..40).filter(|place| frame[*place] != 0).collect();
            let bits: u32 = frame.iter().map(|byte| byte.count_ones()).sum();
            let span = changed.last().unwrap() - changed[0];
            assert!(bits > 0 && (bits <= 3 || span < 4), "{frame:?}");
        }
    }
}
