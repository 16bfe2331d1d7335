//! What nodes ask of the leader's engine, and what it answers, as bytes in the mesh.

use bytes::{Buf, BufMut, Bytes};
use quorate_kv::Response;

/// A question to the leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Propose this command.
    Write(Bytes),
    /// The value of this key, linearizably.
    Get(Bytes),
    /// An index: a node that has applied it may answer linearizable reads invoked before.
    ReadIndex,
}

/// The leader's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Written(Response),
    Value(Option<Bytes>),
    Index(u64),
    /// Surely not done.
    NotDone(String),
    /// May be done.
    Unknown(String),
}

impl Ask {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (kind, body): (u8, &[u8]) = match self {
            Ask::Write(command) => (0, command),
            Ask::Get(key) => (1, key),
            Ask::ReadIndex => (2, &[]),
        };
        let mut out = vec![kind];
        out.extend_from_slice(body);
        out
    }

    /// None for bytes that no node sends.
    pub(crate) fn decode(mut bytes: Bytes) -> Option<Ask> {
        if bytes.is_empty() {
            return None;
        }
        match bytes.get_u8() {
            0 => Some(Ask::Write(bytes)),
            1 => Some(Ask::Get(bytes)),
            2 if bytes.is_empty() => Some(Ask::ReadIndex),
            _ => None,
        }
    }
}

impl Answer {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Answer::Written(Response::Put { revision }) => {
                out.put_u8(0);
                out.put_u64_le(*revision);
            }
            Answer::Written(Response::Deleted { revision, existed }) => {
                out.put_u8(if *existed { 2 } else { 1 });
                out.put_u64_le(*revision);
            }
            Answer::Written(Response::None) => put_text(&mut out, 6, "it was no command"),
            Answer::Written(Response::BadCommand(error)) => {
                put_text(&mut out, 6, &error.to_string());
            }
            Answer::Value(None) => out.put_u8(3),
            Answer::Value(Some(value)) => {
                out.put_u8(4);
                out.extend_from_slice(value);
            }
            Answer::Index(index) => {
                out.put_u8(5);
                out.put_u64_le(*index);
            }
            Answer::NotDone(reason) => put_text(&mut out, 6, reason),
            Answer::Unknown(reason) => put_text(&mut out, 7, reason),
        }
        out
    }

    /// None for bytes that no node sends.
    pub(crate) fn decode(mut bytes: Bytes) -> Option<Answer> {
        if bytes.is_empty() {
            return None;
        }
        let kind = bytes.get_u8();
        let text = || String::from_utf8_lossy(&bytes).into_owned();
        match kind {
            3 if bytes.is_empty() => return Some(Answer::Value(None)),
            4 => return Some(Answer::Value(Some(bytes))),
            6 => return Some(Answer::NotDone(text())),
            7 => return Some(Answer::Unknown(text())),
            _ => {}
        }
        if bytes.len() != 8 {
            return None;
        }
        let number = bytes.get_u64_le();
        match kind {
            0 => Some(Answer::Written(Response::Put { revision: number })),
            1 | 2 => {
                let existed = kind == 2;
                Some(Answer::Written(Response::Deleted { revision: number, existed }))
            }
            5 => Some(Answer::Index(number)),
            _ => None,
        }
    }
}

fn put_text(out: &mut Vec<u8>, kind: u8, text: &str) {
    out.put_u8(kind);
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_and_answer_reads_back() {
        for ask in [Ask::Write("c".into()), Ask::Get("k".into()), Ask::ReadIndex] {
            assert_eq!(Ask::decode(ask.encode().into()), Some(ask));
        }
        let answers = [
            Answer::Written(Response::Put { revision: 7 }),
            Answer::Written(Response::Deleted { revision: 8, existed: true }),
            Answer::Written(Response::Deleted { revision: 8, existed: false }),
            Answer::Value(None),
            Answer::Value(Some(Bytes::new())),
            Answer::Index(9),
            Answer::NotDone("why".into()),
            Answer::Unknown("why".into()),
        ];
        for answer in answers {
            assert_eq!(Answer::decode(answer.encode().into()), Some(answer));
        }
    }

    #[test]
    fn bytes_that_no_node_sends_are_no_answer() {
        for bytes in [&[][..], &[0], &[5, 1, 2], &[3, 0], &[9; 9]] {
            assert_eq!(Answer::decode(Bytes::copy_from_slice(bytes)), None);
        }
        assert_eq!(Ask::decode(Bytes::from_static(&[2, 0])), None);
    }
}
