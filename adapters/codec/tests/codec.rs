//! One form for each value, one value for each form, and no bytes that do harm.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use quorate_codec::*;
use quorate_core::*;

/// Numbers that look random and repeat.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed ^ (mixed >> 29)) % end
    }

    fn nodes(&mut self, first: u64) -> Vec<NodeId> {
        let count = self.below(5);
        (0..count).map(|_| NodeId::of(first + self.below(9))).collect()
    }

    fn configuration(&mut self) -> Arc<Configuration> {
        let (voters, outgoing, learners) = (self.nodes(1), self.nodes(5), self.nodes(20));
        let learners = learners.into_iter().map(|id| {
            let max_lag = self.below(99);
            let promotion = match self.below(2) {
                0 => Promotion::OnDemand,
                _ => Promotion::WhenCaughtUp { max_lag },
            };
            Learner { id, promotion }
        });
        let learners: Vec<Learner> = learners.collect();
        let protocol = self.below(3) as u16;
        let addresses = self.nodes(1).into_iter().chain(self.nodes(20));
        let addresses: Vec<_> = addresses.map(|node| (node, format!("{node}:7").into())).collect();
        let made = Configuration::of(voters, outgoing, learners, protocol);
        let made = made.and_then(|made| made.with_addresses(addresses));
        Arc::new(made.unwrap_or(Configuration::EMPTY))
    }

    fn persisted(&mut self) -> Persisted {
        let (incarnation, applied) = (self.below(9), self.below(99));
        match self.below(4) {
            0 => Persisted::Bootstrap { configuration: self.configuration(), incarnation },
            1 => Persisted::Join { incarnation },
            _ => {
                let (write, entries) = (self.write(), self.entries());
                let before = entries.first().map_or(0, |first| first.index - 1);
                let mut log = LogSummary::new(LogId::new(u64::from(before > 0), before));
                log.extend(&entries);
                let Write { hard_state, snapshot, .. } = write;
                Persisted::Loaded { incarnation, hard_state, snapshot, log, applied }
            }
        }
    }

    fn payload(&mut self) -> Payload {
        match self.below(6) {
            0 => Payload::Noop,
            1 => Payload::Configuration(self.configuration()),
            _ => Payload::Command(vec![self.below(256) as u8; self.below(40) as usize].into()),
        }
    }

    fn entries(&mut self) -> Entries {
        let (mut entries, mut next) = (Entries::new(), LogId::new(1, 1 + self.below(1 << 40)));
        for _ in 0..self.below(5) {
            next.term += self.below(2);
            let payloads: Vec<Payload> = (0..=self.below(4)).map(|_| self.payload()).collect();
            let count = payloads.len() as u64;
            entries.append(next, payloads.into()).expect("in order");
            next.index += count;
        }
        entries
    }

    fn log_id(&mut self) -> LogId {
        LogId::new(self.below(1 << 62), self.below(1 << 62))
    }

    fn token(&mut self) -> Token {
        Token { incarnation: self.below(99), number: self.below(u64::MAX) }
    }

    fn message(&mut self) -> Message {
        let transfer = self.below(2) == 1;
        let ask = VoteRequest { last: self.log_id(), campaign: self.token(), transfer };
        let answer = VoteAnswer { granted: self.below(2) == 1, campaign: self.token() };
        let (round, index, hint) = (self.below(99), self.below(1 << 62), self.log_id());
        let conflict = AppendOutcome::Conflict { rejected: index, hint };
        let (priority, quiesce) = (self.below(256) as u8, self.below(2) == 1);
        let body = match self.below(10) {
            0 => Body::PreVoteRequest(ask),
            1 => Body::PreVoteAnswer(answer),
            2 => Body::VoteRequest(ask),
            3 => Body::VoteAnswer(answer),
            4 => Body::AppendAnswer(AppendAnswer { round, priority, outcome: conflict }),
            5 => {
                let outcome = AppendOutcome::Matched { index };
                Body::AppendAnswer(AppendAnswer { round, priority, outcome })
            }
            6 => Body::TimeoutNow,
            7 => {
                let consistency = [Consistency::Linearizable, Consistency::Lease];
                let consistency = consistency[self.below(2) as usize];
                Body::ReadRequest(ReadRequest { token: self.token(), consistency })
            }
            8 => {
                let outcome = match self.below(4) {
                    0 => ReadOutcome::Ready { index },
                    1 => ReadOutcome::NotLeader { leader: NodeId::new(self.below(3)) },
                    2 => ReadOutcome::NoQuorum,
                    _ => ReadOutcome::Busy,
                };
                Body::ReadAnswer(ReadAnswer { token: self.token(), outcome })
            }
            _ => {
                let (promise, entries) = (self.below(1 << 50), self.entries());
                let (prev, commit) = (hint, index);
                Body::AppendRequest(AppendRequest {
                    prev,
                    commit,
                    round,
                    promise,
                    quiesce,
                    entries,
                })
            }
        };
        Message { term: self.below(1 << 62), body }
    }

    fn write(&mut self) -> Write {
        let configuration = self.configuration();
        let meta = SnapshotMeta { last: self.log_id(), configuration };
        let voted_for = NodeId::new(self.below(3));
        Write {
            seq: self.token(),
            hard_state: HardState { term: self.below(99), voted_for, promise: self.below(99) },
            truncate_from: self.below(99),
            entries: self.entries(),
            snapshot: (self.below(2) == 1).then(|| Arc::new(meta)),
            discard_through: self.below(99),
        }
    }
}

fn message_bytes(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    encode_message(message, &mut out);
    out
}

fn write_bytes(write: &Write) -> Vec<u8> {
    let mut out = Vec::new();
    encode_write(write, &mut out);
    out
}

fn persisted_bytes(persisted: &Persisted) -> Vec<u8> {
    let mut out = Vec::new();
    encode_persisted(persisted, &mut out);
    out
}

#[test]
fn what_is_encoded_decodes_to_the_same() {
    let mut draw = Draw(1);
    for _ in 0..2_000 {
        let persisted = draw.persisted();
        assert_eq!(decode_persisted(persisted_bytes(&persisted).into()), Ok(persisted));
        let meta = SnapshotMeta { last: draw.log_id(), configuration: draw.configuration() };
        let mut out = Vec::new();
        encode_meta(&meta, &mut out);
        assert_eq!(decode_meta(out.into()), Ok(Arc::new(meta)));
        let (message, write) = (draw.message(), draw.write());
        assert_eq!(decode_message(message_bytes(&message).into()), Ok(message));
        assert_eq!(decode_write(write_bytes(&write).into()), Ok(write));
    }
}

#[test]
fn damaged_bytes_are_refused_or_are_the_one_form_of_what_they_say() {
    let mut draw = Draw(2);
    for _ in 0..4_000 {
        let mut bytes = message_bytes(&draw.message());
        damage(&mut draw, &mut bytes);
        if let Ok(message) = decode_message(bytes.clone().into()) {
            assert_eq!(message_bytes(&message), bytes);
        }
        let mut bytes = persisted_bytes(&draw.persisted());
        damage(&mut draw, &mut bytes);
        if let Ok(persisted) = decode_persisted(bytes.clone().into()) {
            assert_eq!(persisted_bytes(&persisted), bytes);
        }
        let mut bytes = write_bytes(&draw.write());
        damage(&mut draw, &mut bytes);
        if let Ok(write) = decode_write(bytes.clone().into()) {
            assert_eq!(write_bytes(&write), bytes);
        }
    }
}

fn damage(draw: &mut Draw, bytes: &mut [u8]) {
    for _ in 0..=draw.below(2) {
        let place = draw.below(bytes.len() as u64) as usize;
        bytes[place] = draw.below(256) as u8 & [0x03, 0xFF][draw.below(2) as usize];
    }
}

#[test]
fn bytes_cut_short_or_with_more_behind_are_refused() {
    let mut draw = Draw(3);
    for _ in 0..50 {
        let bytes = write_bytes(&draw.write());
        for len in 0..bytes.len() {
            assert!(decode_write(Bytes::copy_from_slice(&bytes[..len])).is_err());
        }
        let started = persisted_bytes(&draw.persisted());
        for len in 0..started.len() {
            assert!(decode_persisted(Bytes::copy_from_slice(&started[..len])).is_err());
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(decode_write(longer.into()), Err(DecodeError::Trailing { left: 1 }));
    }
}

#[test]
fn how_entries_are_grouped_leaves_no_trace() {
    let mut draw = Draw(4);
    for _ in 0..500 {
        let whole = draw.write();
        let mut apart = Write { entries: Entries::new(), ..whole.clone() };
        for entry in whole.entries.iter() {
            let alone = entry.payload.clone().into();
            apart.entries.append(entry.log_id, alone).expect("in order");
        }
        assert_eq!(write_bytes(&whole), write_bytes(&apart));
    }
}

#[test]
fn commands_share_the_buffer_they_came_in() {
    let payloads = commands([vec![7; 100], vec![8; 100]]);
    let mut write = Draw(5).write();
    write.entries = Entries::from_payloads(LogId::new(1, 1), payloads).expect("in order");
    let bytes = Bytes::from(write_bytes(&write));
    let range = bytes.as_ptr_range();
    let decoded = decode_write(bytes).expect("decodes");
    for entry in decoded.entries.iter() {
        let Payload::Command(command) = entry.payload else { panic!("a command") };
        assert!(range.contains(&command.as_ptr()));
    }
}

#[test]
fn a_frame_comes_whole_or_not_yet_and_damage_is_named() {
    let mut out = Vec::new();
    encode_frame(&mut out, 10, |out| out.extend_from_slice(b"body")).expect("fits");
    for len in 0..out.len() {
        assert_eq!(decode_frame(&mut BytesMut::from(&out[..len]), 10), Ok(None));
    }
    let body = decode_frame(&mut BytesMut::from(&out[..]), 10);
    assert_eq!(body, Ok(Some(Bytes::from_static(b"body"))));
    let long = decode_frame(&mut BytesMut::from(&out[..]), 3);
    assert_eq!(long, Err(FrameError::TooLong { found: 4, limit: 3 }));
    out[9] ^= 1;
    let damaged = decode_frame(&mut BytesMut::from(&out[..]), 10);
    assert!(matches!(damaged, Err(FrameError::Checksum { .. })), "{damaged:?}");
}
