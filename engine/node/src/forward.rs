//! What nodes ask of the leader's engine, and what it answers, as bytes in the mesh.

use bytes::{Buf, BufMut, Bytes};
use quorate_core::{LogId, NodeId};
use quorate_kv::LeaseId;
use serde::{Serialize, de::DeserializeOwned};

use crate::{MemberError, WireResponse, membership::Wish};

/// A question to the leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Propose this command.
    Write(Bytes),
    /// Give this lease its full time again.
    KeepAlive(LeaseId),
    /// How long this lease has left.
    TimeLeft(LeaseId),
    /// See to something about the members.
    Group(GroupAsk),
}

/// A question about the members, whatever the state machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupAsk {
    /// Change them.
    Change(Wish),
    /// Let this one lead, or any other than the one that does.
    Lead(Option<NodeId>),
    /// Who are they? Asked of any node.
    Members,
}

/// The leader's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<R> {
    Written(R),
    /// What a lease has left, milliseconds; none where there is no such lease.
    Left(Option<u64>),
    /// Whether the members, or the leader, are as wished.
    Changed(Result<(), MemberError>),
    /// The members in a configuration that is committed, and where it stands.
    Members {
        log_id: LogId,
        members: Vec<NodeId>,
    },
    /// Surely not done.
    NotDone(String),
    /// May be done.
    Unknown(String),
}

impl Ask {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Ask::Write(command) => {
                out.put_u8(0);
                out.extend_from_slice(command);
            }
            Ask::KeepAlive(lease) => put_number(&mut out, 1, lease.0),
            Ask::TimeLeft(lease) => put_number(&mut out, 2, lease.0),
            Ask::Group(GroupAsk::Change(wish)) => put_json(&mut out, 3, wish),
            Ask::Group(GroupAsk::Lead(to)) => put_number(&mut out, 4, to.map_or(0, NodeId::get)),
            Ask::Group(GroupAsk::Members) => out.put_u8(5),
        }
        out
    }

    /// None for bytes that no node sends.
    pub(crate) fn decode(mut bytes: Bytes) -> Option<Ask> {
        if bytes.is_empty() {
            return None;
        }
        match bytes.get_u8() {
            0 => Some(Ask::Write(bytes)),
            1 => Some(Ask::KeepAlive(LeaseId(get_number(bytes)?))),
            2 => Some(Ask::TimeLeft(LeaseId(get_number(bytes)?))),
            3 => get_json(&bytes).map(GroupAsk::Change).map(Ask::Group),
            4 => Some(Ask::Group(GroupAsk::Lead(NodeId::new(get_number(bytes)?)))),
            5 if bytes.is_empty() => Some(Ask::Group(GroupAsk::Members)),
            _ => None,
        }
    }
}

impl<R: WireResponse> Answer<R> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Answer::Written(response) => {
                out.put_u8(0);
                out.extend_from_slice(&response.to_bytes());
            }
            Answer::Left(None) => out.put_u8(1),
            Answer::Left(Some(left_ms)) => put_number(&mut out, 2, *left_ms),
            Answer::Changed(result) => put_json(&mut out, 5, result),
            Answer::Members { log_id, members } => {
                put_number(&mut out, 6, log_id.term);
                out.put_u64_le(log_id.index);
                members.iter().for_each(|member| out.put_u64_le(member.get()));
            }
            Answer::NotDone(reason) => put_text(&mut out, 3, reason),
            Answer::Unknown(reason) => put_text(&mut out, 4, reason),
        }
        out
    }

    /// None for bytes that no node sends.
    pub(crate) fn decode(mut bytes: Bytes) -> Option<Answer<R>> {
        if bytes.is_empty() {
            return None;
        }
        match bytes.get_u8() {
            0 => R::from_bytes(bytes).map(Answer::Written),
            1 if bytes.is_empty() => Some(Answer::Left(None)),
            2 => Some(Answer::Left(Some(get_number(bytes)?))),
            3 => Some(Answer::NotDone(get_text(&bytes))),
            4 => Some(Answer::Unknown(get_text(&bytes))),
            5 => get_json(&bytes).map(Answer::Changed),
            6 => get_members(bytes),
            _ => None,
        }
    }
}

fn put_number(out: &mut Vec<u8>, kind: u8, number: u64) {
    out.put_u8(kind);
    out.put_u64_le(number);
}

fn get_number(mut bytes: Bytes) -> Option<u64> {
    (bytes.len() == 8).then(|| bytes.get_u64_le())
}

fn get_members<R>(mut bytes: Bytes) -> Option<Answer<R>> {
    if bytes.len() < 16 || !bytes.len().is_multiple_of(8) {
        return None;
    }
    let log_id = LogId::new(bytes.get_u64_le(), bytes.get_u64_le());
    let mut members = Vec::new();
    while bytes.has_remaining() {
        members.push(NodeId::new(bytes.get_u64_le())?);
    }
    Some(Answer::Members { log_id, members })
}

/// What is seldom asked is written so that it is easy to extend.
fn put_json(out: &mut Vec<u8>, kind: u8, value: &impl Serialize) {
    out.put_u8(kind);
    out.extend_from_slice(&serde_json::to_vec(value).unwrap_or_default());
}

fn get_json<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

fn put_text(out: &mut Vec<u8>, kind: u8, text: &str) {
    out.put_u8(kind);
    out.extend_from_slice(text.as_bytes());
}

fn get_text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use quorate_core::Promotion;
    use quorate_kv::{KvError, Outcome, Response};

    use super::*;

    #[test]
    fn every_question_and_answer_reads_back() {
        let lease = LeaseId(7);
        let (node, address) = (NodeId::of(4), "host:1".to_owned());
        let promotion = Some(Promotion::WhenCaughtUp { max_lag: 7 });
        let asks = [
            Ask::Write("c".into()),
            Ask::KeepAlive(lease),
            Ask::TimeLeft(lease),
            Ask::Group(GroupAsk::Change(Wish::Add { node, address: address.clone(), promotion })),
            Ask::Group(GroupAsk::Change(Wish::Update { node, address: address.clone() })),
            Ask::Group(GroupAsk::Lead(Some(node))),
            Ask::Group(GroupAsk::Lead(None)),
            Ask::Group(GroupAsk::Members),
        ];
        for ask in asks {
            assert_eq!(Ask::decode(ask.encode().into()), Some(ask));
        }
        let granted = Outcome::Granted { lease, ttl_ms: 9 };
        let answers = [
            Answer::Written(Response { revision: 7, outcome: Some(Ok(granted)) }),
            Answer::Written(Response { revision: 8, outcome: Some(Err(KvError::KeyNotFound)) }),
            Answer::Written(Response { revision: 9, outcome: None }),
            Answer::Left(None),
            Answer::Left(Some(0)),
            Answer::Changed(Ok(())),
            Answer::Changed(Err(MemberError::Exists { node, address: Some(address) })),
            Answer::Members { log_id: LogId::new(3, 5), members: vec![node] },
            Answer::NotDone("why".into()),
            Answer::Unknown("why".into()),
        ];
        for answer in answers {
            assert_eq!(Answer::decode(answer.encode().into()), Some(answer));
        }
    }

    #[test]
    fn bytes_that_no_node_sends_are_no_answer() {
        let answers = [
            &[][..],
            &[0],
            &[2, 1, 2],
            &[1, 0],
            &[9; 9],
            &[0, 1, 1, 9],
            &[5, 1],
            &[6; 9],
            &[6; 18],
        ];
        for bytes in answers.into_iter().chain([&[&[6; 17][..], &[0; 8]].concat()[..]]) {
            let decoded = Answer::<Response>::decode(Bytes::copy_from_slice(bytes));
            assert_eq!(decoded, None, "{bytes:?}");
        }
        for bytes in [&[][..], &[1], &[2, 0], &[9; 9], &[3, 1], &[4, 0], &[5, 0]] {
            assert_eq!(Ask::decode(Bytes::copy_from_slice(bytes)), None, "{bytes:?}");
        }
    }
}
