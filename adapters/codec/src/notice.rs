//! What a node says to its host: refusals, misuse, the end.

use quorate_core::{ChangeError, ConfigurationError, Halt, Limit, Misuse, Refusal};

use crate::{
    DecodeError,
    bytes::{Reader, put_log_id, put_node, put_token, put_u16, put_u64},
};

pub(crate) fn put_refusal(out: &mut Vec<u8>, reason: Refusal) {
    match reason {
        Refusal::NotLeader { leader } => {
            out.push(0);
            put_node(out, leader);
        }
        Refusal::WrongTerm { term } => {
            out.push(1);
            put_u64(out, term);
        }
        Refusal::Busy { limit } => out.extend([2, limit_tag(limit)]),
        Refusal::TooLarge { size, limit } => {
            out.push(3);
            put_u64(out, size);
            put_u64(out, limit);
        }
        Refusal::Empty => out.push(4),
        Refusal::NotACommand => out.push(5),
        Refusal::NoQuorum => out.push(6),
        Refusal::Transferring { to } => {
            out.push(7);
            put_node(out, Some(to));
        }
        Refusal::TransferTimedOut => out.push(8),
        Refusal::NoTarget => out.push(9),
        Refusal::ChangeInFlight { index } => {
            out.push(10);
            put_u64(out, index);
        }
        Refusal::TermNotCommitted => out.push(11),
        Refusal::Change(error) => {
            out.push(12);
            put_change_error(out, error);
        }
        Refusal::NoSpace => out.push(13),
        Refusal::Halted => out.push(14),
    }
}

pub(crate) fn refusal(reader: &mut Reader) -> Result<Refusal, DecodeError> {
    Ok(match reader.u8("refusal")? {
        0 => Refusal::NotLeader { leader: reader.node("leader")? },
        1 => Refusal::WrongTerm { term: reader.u64("term")? },
        2 => Refusal::Busy { limit: limit(reader)? },
        3 => Refusal::TooLarge { size: reader.u64("size")?, limit: reader.u64("limit")? },
        4 => Refusal::Empty,
        5 => Refusal::NotACommand,
        6 => Refusal::NoQuorum,
        7 => Refusal::Transferring { to: reader.named("target")? },
        8 => Refusal::TransferTimedOut,
        9 => Refusal::NoTarget,
        10 => Refusal::ChangeInFlight { index: reader.u64("index")? },
        11 => Refusal::TermNotCommitted,
        12 => Refusal::Change(change_error(reader)?),
        13 => Refusal::NoSpace,
        14 => Refusal::Halted,
        tag => return Err(DecodeError::Tag { what: "refusal", tag }),
    })
}

fn limit_tag(limit: Limit) -> u8 {
    match limit {
        Limit::UncommittedBytes => 0,
        Limit::PendingReads => 1,
        Limit::Transfers => 2,
    }
}

fn limit(reader: &mut Reader) -> Result<Limit, DecodeError> {
    match reader.u8("limit")? {
        0 => Ok(Limit::UncommittedBytes),
        1 => Ok(Limit::PendingReads),
        2 => Ok(Limit::Transfers),
        tag => Err(DecodeError::Tag { what: "limit", tag }),
    }
}

fn put_change_error(out: &mut Vec<u8>, error: ChangeError) {
    match error {
        ChangeError::Configuration(ConfigurationError::NoVoter) => out.push(0),
        ChangeError::Configuration(ConfigurationError::TooMany) => out.push(1),
        ChangeError::Configuration(ConfigurationError::Twice { node }) => {
            out.push(2);
            put_node(out, Some(node));
        }
        ChangeError::Configuration(ConfigurationError::Address { node, bytes }) => {
            out.push(7);
            put_node(out, Some(node));
            put_u64(out, bytes);
        }
        ChangeError::Unchanged => out.push(3),
        ChangeError::Repeated { node } => {
            out.push(4);
            put_node(out, Some(node));
        }
        ChangeError::NotAMember { node } => {
            out.push(5);
            put_node(out, Some(node));
        }
        ChangeError::UnknownProtocol { version } => {
            out.push(6);
            put_u16(out, version);
        }
    }
}

fn change_error(reader: &mut Reader) -> Result<ChangeError, DecodeError> {
    Ok(match reader.u8("what is wrong with a change")? {
        0 => ChangeError::Configuration(ConfigurationError::NoVoter),
        1 => ChangeError::Configuration(ConfigurationError::TooMany),
        2 => ChangeError::Configuration(ConfigurationError::Twice { node: reader.named("node")? }),
        3 => ChangeError::Unchanged,
        4 => ChangeError::Repeated { node: reader.named("node")? },
        5 => ChangeError::NotAMember { node: reader.named("node")? },
        6 => ChangeError::UnknownProtocol { version: reader.u16("protocol")? },
        7 => ChangeError::Configuration(ConfigurationError::Address {
            node: reader.named("node")?,
            bytes: reader.u64("bytes of an address")?,
        }),
        tag => return Err(DecodeError::Tag { what: "what is wrong with a change", tag }),
    })
}

pub(crate) fn put_misuse(out: &mut Vec<u8>, misuse: Misuse) {
    match misuse {
        Misuse::NeverIssued { seq } => {
            out.push(0);
            put_token(out, seq);
        }
        Misuse::AppliedTooFar { index, given } => {
            out.push(1);
            put_u64(out, index);
            put_u64(out, given);
        }
        Misuse::SnapshotAhead { index, applied } => {
            out.push(2);
            put_u64(out, index);
            put_u64(out, applied);
        }
        Misuse::BadSnapshot { last, term } => {
            out.push(3);
            put_log_id(out, last);
            put_u64(out, term);
        }
        Misuse::NeverAsked { token } => {
            out.push(4);
            put_token(out, token);
        }
        Misuse::BadConfig => out.push(5),
        Misuse::RequestedByLeader => out.push(6),
    }
}

pub(crate) fn misuse(reader: &mut Reader) -> Result<Misuse, DecodeError> {
    Ok(match reader.u8("misuse")? {
        0 => Misuse::NeverIssued { seq: reader.token("seq")? },
        1 => Misuse::AppliedTooFar { index: reader.u64("index")?, given: reader.u64("given")? },
        2 => Misuse::SnapshotAhead { index: reader.u64("index")?, applied: reader.u64("applied")? },
        3 => Misuse::BadSnapshot { last: reader.log_id("last entry")?, term: reader.u64("term")? },
        4 => Misuse::NeverAsked { token: reader.token("log read")? },
        5 => Misuse::BadConfig,
        6 => Misuse::RequestedByLeader,
        tag => return Err(DecodeError::Tag { what: "misuse", tag }),
    })
}

pub(crate) fn put_halt(out: &mut Vec<u8>, halt: Halt) {
    match halt {
        Halt::WriteFailed { seq } => {
            out.push(0);
            put_token(out, seq);
        }
        Halt::Diverged { ours, theirs } => {
            out.push(1);
            put_log_id(out, ours);
            put_log_id(out, theirs);
        }
        Halt::Exhausted => out.push(2),
        Halt::LogLost { index } => {
            out.push(3);
            put_u64(out, index);
        }
        Halt::UnknownProtocol { version } => {
            out.push(4);
            put_u16(out, version);
        }
        Halt::Stopped => out.push(5),
    }
}

pub(crate) fn halt(reader: &mut Reader) -> Result<Halt, DecodeError> {
    Ok(match reader.u8("halt")? {
        0 => Halt::WriteFailed { seq: reader.token("seq")? },
        1 => Halt::Diverged { ours: reader.log_id("ours")?, theirs: reader.log_id("theirs")? },
        2 => Halt::Exhausted,
        3 => Halt::LogLost { index: reader.u64("index")? },
        4 => Halt::UnknownProtocol { version: reader.u16("protocol")? },
        5 => Halt::Stopped,
        tag => return Err(DecodeError::Tag { what: "halt", tag }),
    })
}
