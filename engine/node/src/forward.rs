//! What nodes ask of the leader's engine, and what it answers, as bytes in the mesh.

use bytes::{Buf, BufMut, Bytes};
use quorate_kv::LeaseId;

use crate::WireResponse;

/// A question to the leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Propose this command.
    Write(Bytes),
    /// Give this lease its full time again.
    KeepAlive(LeaseId),
    /// How long this lease has left.
    TimeLeft(LeaseId),
}

/// The leader's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<R> {
    Written(R),
    /// What a lease has left, milliseconds; none where there is no such lease.
    Left(Option<u64>),
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

fn put_text(out: &mut Vec<u8>, kind: u8, text: &str) {
    out.put_u8(kind);
    out.extend_from_slice(text.as_bytes());
}

fn get_text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use quorate_kv::{KvError, Outcome, Response};

    use super::*;

    #[test]
    fn every_question_and_answer_reads_back() {
        let lease = LeaseId(7);
        for ask in [Ask::Write("c".into()), Ask::KeepAlive(lease), Ask::TimeLeft(lease)] {
            assert_eq!(Ask::decode(ask.encode().into()), Some(ask));
        }
        let granted = Outcome::Granted { lease, ttl_ms: 9 };
        let answers = [
            Answer::Written(Response { revision: 7, outcome: Some(Ok(granted)) }),
            Answer::Written(Response { revision: 8, outcome: Some(Err(KvError::KeyNotFound)) }),
            Answer::Written(Response { revision: 9, outcome: None }),
            Answer::Left(None),
            Answer::Left(Some(0)),
            Answer::NotDone("why".into()),
            Answer::Unknown("why".into()),
        ];
        for answer in answers {
            assert_eq!(Answer::decode(answer.encode().into()), Some(answer));
        }
    }

    #[test]
    fn bytes_that_no_node_sends_are_no_answer() {
        for bytes in [&[][..], &[0], &[2, 1, 2], &[1, 0], &[9; 9], &[0, 1, 1, 9]] {
            assert_eq!(
                Answer::<Response>::decode(Bytes::copy_from_slice(bytes)),
                None,
                "{bytes:?}"
            );
        }
        for bytes in [&[][..], &[1], &[2, 0], &[9; 9]] {
            assert_eq!(Ask::decode(Bytes::copy_from_slice(bytes)), None, "{bytes:?}");
        }
    }
}
