//! Bytes of a write on the disk. A format of one's own takes this much; `quorate-codec` is one that is
//! versioned and hardened.

use std::sync::Arc;

use quorate_core::{
    Configuration, Entries, HardState, Index, Learner, LogId, NodeId, Payload, Promotion,
    SnapshotMeta, commands,
};

/// A [`Write`](quorate_core::Write) as the disk has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) hard_state: HardState,
    pub(crate) truncate_from: Index,
    pub(crate) entries: Entries,
    pub(crate) snapshot: Option<Arc<SnapshotMeta>>,
    /// The entry behind which the log begins; [`LogId::ZERO`] where nothing goes.
    pub(crate) discard_through: LogId,
}

/// Before each record: the length of its body, and the checksum of that.
pub(crate) const HEAD_BYTES: usize = 12;

/// The record, with its head.
pub(crate) fn encode(record: &Record) -> Vec<u8> {
    let mut body = Vec::new();
    let state = record.hard_state;
    put(&mut body, [state.term, state.voted_for.map_or(0, NodeId::get), state.promise]);
    put(&mut body, [record.truncate_from]);
    put_log_id(&mut body, record.discard_through);
    put(&mut body, [u64::from(record.snapshot.is_some())]);
    if let Some(meta) = &record.snapshot {
        put_log_id(&mut body, meta.last);
        put_configuration(&mut body, &meta.configuration);
    }
    put(&mut body, [record.entries.len()]);
    for entry in record.entries.iter() {
        put_log_id(&mut body, entry.log_id);
        put_payload(&mut body, entry.payload);
    }
    let mut framed = (body.len() as u32).to_le_bytes().to_vec();
    framed.extend(checksum(&body).to_le_bytes());
    framed.extend(body);
    framed
}

/// The record at the head of `bytes`, and how many it takes; none where it is not whole.
pub(crate) fn decode(bytes: &[u8]) -> Option<(Record, usize)> {
    let (head, rest) = bytes.split_at_checked(HEAD_BYTES)?;
    let length = u32::from_le_bytes(head[..4].try_into().ok()?) as usize;
    let body = rest.get(..length)?;
    if head[4..] != checksum(body).to_le_bytes() {
        return None;
    }
    Some((decode_body(&mut Reader::new(body))?, HEAD_BYTES + length))
}

fn decode_body(body: &mut Reader<'_>) -> Option<Record> {
    let hard_state = HardState {
        term: body.number()?,
        voted_for: NodeId::new(body.number()?),
        promise: body.number()?,
    };
    let truncate_from = body.number()?;
    let discard_through = body.log_id()?;
    let snapshot = match body.number()? {
        0 => None,
        _ => {
            let (last, configuration) = (body.log_id()?, Arc::new(body.configuration()?));
            Some(Arc::new(SnapshotMeta { last, configuration }))
        }
    };
    let mut entries = Entries::new();
    for _ in 0..body.number()? {
        let (log_id, payload) = (body.log_id()?, body.payload()?);
        entries.append(log_id, payload).ok()?;
    }
    Some(Record { hard_state, truncate_from, entries, snapshot, discard_through })
}

/// FNV-1a: enough to see a torn end. It is not enough to see every rotten bit.
fn checksum(bytes: &[u8]) -> u64 {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

fn put<const N: usize>(out: &mut Vec<u8>, numbers: [u64; N]) {
    numbers.iter().for_each(|number| out.extend(number.to_le_bytes()));
}

fn put_log_id(out: &mut Vec<u8>, log_id: LogId) {
    put(out, [log_id.term, log_id.index]);
}

fn put_payload(out: &mut Vec<u8>, payload: &Payload) {
    match payload {
        Payload::Noop => put(out, [0]),
        Payload::Configuration(members) => {
            put(out, [1]);
            put_configuration(out, members);
        }
        Payload::Command(command) => {
            put(out, [2, command.len() as u64]);
            out.extend(command.iter());
        }
    }
}

fn put_configuration(out: &mut Vec<u8>, members: &Configuration) {
    for half in [members.voters(), members.outgoing()] {
        put(out, [half.len() as u64]);
        half.iter().for_each(|id| put(out, [id.get()]));
    }
    put(out, [members.learners().len() as u64]);
    for learner in members.learners() {
        let (is_automatic, max_lag) = match learner.promotion {
            Promotion::OnDemand => (0, 0),
            Promotion::WhenCaughtUp { max_lag } => (1, max_lag),
        };
        put(out, [learner.id.get(), is_automatic, max_lag]);
    }
    put(out, [u64::from(members.protocol())]);
}

/// What is left of some bytes. Says none where they end too early: nothing here panics on a disk.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    pub(crate) fn text(&mut self) -> Option<String> {
        let length = self.number()?;
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }

    fn log_id(&mut self) -> Option<LogId> {
        Some(LogId::new(self.number()?, self.number()?))
    }

    fn nodes(&mut self) -> Option<Vec<NodeId>> {
        (0..self.number()?).map(|_| NodeId::new(self.number()?)).collect()
    }

    fn learner(&mut self) -> Option<Learner> {
        let id = NodeId::new(self.number()?)?;
        let promotion = match (self.number()?, self.number()?) {
            (0, _) => Promotion::OnDemand,
            (_, max_lag) => Promotion::WhenCaughtUp { max_lag },
        };
        Some(Learner { id, promotion })
    }

    fn configuration(&mut self) -> Option<Configuration> {
        let (voters, outgoing) = (self.nodes()?, self.nodes()?);
        let learners: Option<Vec<Learner>> = (0..self.number()?).map(|_| self.learner()).collect();
        let protocol = u16::try_from(self.number()?).ok()?;
        Configuration::of(voters, outgoing, learners?, protocol).ok()
    }

    fn payload(&mut self) -> Option<quorate_core::Commands> {
        Some(match self.number()? {
            0 => Payload::Noop.into(),
            1 => Payload::Configuration(Arc::new(self.configuration()?)).into(),
            2 => {
                let length = self.number()?;
                commands([self.take(length)?.to_vec()])
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let learner =
            Learner { id: NodeId::of(9), promotion: Promotion::WhenCaughtUp { max_lag: 3 } };
        let [one, two] = [1, 2].map(NodeId::of);
        let members = Configuration::of([one, two], [one], [learner], 1).expect("a configuration");
        let configuration = Arc::new(members);
        let mut entries = Entries::new();
        let noop = Payload::Noop.into();
        entries.append(LogId::new(4, 7), noop).expect("an entry");
        let members = Payload::Configuration(configuration.clone()).into();
        entries.append(LogId::new(5, 8), members).expect("the next");
        entries.append(LogId::new(5, 9), commands(["x"])).expect("the next");
        let last = LogId::new(3, 6);
        Record {
            hard_state: HardState { term: 5, voted_for: Some(one), promise: 7 },
            truncate_from: 7,
            entries,
            snapshot: Some(Arc::new(SnapshotMeta { last, configuration })),
            discard_through: last,
        }
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        let bytes = encode(&record());
        assert_eq!(decode(&bytes), Some((record(), bytes.len())));
    }

    #[test]
    fn a_torn_record_is_no_record() {
        let bytes = encode(&record());
        for length in 0..bytes.len() {
            assert_eq!(decode(&bytes[..length]), None, "{length} bytes");
        }
        for place in 0..bytes.len() {
            let mut rotten = bytes.clone();
            rotten[place] ^= 1;
            assert_eq!(decode(&rotten), None, "byte {place}");
        }
    }
}
