//! Messages between nodes.

use bytes::Bytes;
use quorate_core::{
    AppendAnswer, AppendOutcome, AppendRequest, Body, Consistency, Message, ReadAnswer,
    ReadOutcome, ReadRequest, VoteAnswer, VoteRequest,
};

use crate::{
    DecodeError, WIRE_VERSION,
    bytes::{Reader, put_log_id, put_node, put_token, put_u64},
    entries::{entries, put_entries},
};

const PRE_VOTE_REQUEST: u8 = 0;
const PRE_VOTE_ANSWER: u8 = 1;
const VOTE_REQUEST: u8 = 2;
const VOTE_ANSWER: u8 = 3;
const APPEND_REQUEST: u8 = 4;
const APPEND_ANSWER: u8 = 5;
const TIMEOUT_NOW: u8 = 6;
const READ_REQUEST: u8 = 7;
const READ_ANSWER: u8 = 8;

const MATCHED: u8 = 0;
const CONFLICT: u8 = 1;
const SNAPSHOT_WANTED: u8 = 2;

const READY: u8 = 0;
const NOT_LEADER: u8 = 1;
const NO_QUORUM: u8 = 2;
const BUSY: u8 = 3;

const LINEARIZABLE: u8 = 0;
const LEASE: u8 = 1;

/// Appends the encoding of `message` to `out`. Equal messages give equal bytes.
pub fn encode_message(message: &Message, out: &mut Vec<u8>) {
    out.push(WIRE_VERSION);
    put_message(out, message);
}

pub(crate) fn put_message(out: &mut Vec<u8>, message: &Message) {
    put_u64(out, message.term);
    match &message.body {
        Body::PreVoteRequest(request) => put_vote_request(out, PRE_VOTE_REQUEST, request),
        Body::PreVoteAnswer(answer) => put_vote_answer(out, PRE_VOTE_ANSWER, answer),
        Body::VoteRequest(request) => put_vote_request(out, VOTE_REQUEST, request),
        Body::VoteAnswer(answer) => put_vote_answer(out, VOTE_ANSWER, answer),
        Body::AppendRequest(request) => put_append_request(out, request),
        Body::AppendAnswer(answer) => put_append_answer(out, answer),
        Body::TimeoutNow => out.push(TIMEOUT_NOW),
        Body::ReadRequest(request) => {
            out.push(READ_REQUEST);
            put_token(out, request.token);
            put_consistency(out, request.consistency);
        }
        Body::ReadAnswer(answer) => put_read_answer(out, answer),
    }
}

/// The message of these bytes. Commands share the buffer.
///
/// # Errors
/// [`DecodeError`] for anything that [`encode_message`] would not write.
pub fn decode_message(bytes: Bytes) -> Result<Message, DecodeError> {
    let mut reader = Reader::new(bytes);
    reader.version(WIRE_VERSION)?;
    let found = message(&mut reader)?;
    reader.finish()?;
    Ok(found)
}

pub(crate) fn message(reader: &mut Reader) -> Result<Message, DecodeError> {
    let term = reader.u64("term")?;
    let body = match reader.u8("kind of a message")? {
        PRE_VOTE_REQUEST => Body::PreVoteRequest(vote_request(reader)?),
        PRE_VOTE_ANSWER => Body::PreVoteAnswer(vote_answer(reader)?),
        VOTE_REQUEST => Body::VoteRequest(vote_request(reader)?),
        VOTE_ANSWER => Body::VoteAnswer(vote_answer(reader)?),
        APPEND_REQUEST => Body::AppendRequest(append_request(reader)?),
        APPEND_ANSWER => Body::AppendAnswer(append_answer(reader)?),
        TIMEOUT_NOW => Body::TimeoutNow,
        READ_REQUEST => Body::ReadRequest(ReadRequest {
            token: reader.token("read")?,
            consistency: consistency(reader)?,
        }),
        READ_ANSWER => Body::ReadAnswer(read_answer(reader)?),
        tag => return Err(DecodeError::Tag { what: "kind of a message", tag }),
    };
    Ok(Message { term, body })
}

fn put_vote_request(out: &mut Vec<u8>, kind: u8, request: &VoteRequest) {
    out.push(kind);
    put_log_id(out, request.last);
    put_token(out, request.campaign);
    out.push(u8::from(request.transfer));
}

fn vote_request(reader: &mut Reader) -> Result<VoteRequest, DecodeError> {
    Ok(VoteRequest {
        last: reader.log_id("last entry")?,
        campaign: reader.token("campaign")?,
        transfer: reader.flag("transfer")?,
    })
}

fn put_vote_answer(out: &mut Vec<u8>, kind: u8, answer: &VoteAnswer) {
    out.push(kind);
    out.push(u8::from(answer.granted));
    put_token(out, answer.campaign);
}

fn vote_answer(reader: &mut Reader) -> Result<VoteAnswer, DecodeError> {
    Ok(VoteAnswer { granted: reader.flag("vote")?, campaign: reader.token("campaign")? })
}

fn put_append_request(out: &mut Vec<u8>, request: &AppendRequest) {
    out.push(APPEND_REQUEST);
    put_log_id(out, request.prev);
    put_u64(out, request.commit);
    put_u64(out, request.round);
    put_u64(out, request.promise);
    out.push(u8::from(request.quiesce));
    put_entries(out, &request.entries);
}

fn append_request(reader: &mut Reader) -> Result<AppendRequest, DecodeError> {
    Ok(AppendRequest {
        prev: reader.log_id("previous entry")?,
        commit: reader.u64("commit index")?,
        round: reader.u64("round")?,
        promise: reader.u64("promise")?,
        quiesce: reader.flag("quiesce")?,
        entries: entries(reader)?,
    })
}

fn put_append_answer(out: &mut Vec<u8>, answer: &AppendAnswer) {
    out.push(APPEND_ANSWER);
    put_u64(out, answer.round);
    out.push(answer.priority);
    match answer.outcome {
        AppendOutcome::Matched { index } => {
            out.push(MATCHED);
            put_u64(out, index);
        }
        AppendOutcome::Conflict { rejected, hint } => {
            out.push(CONFLICT);
            put_u64(out, rejected);
            put_log_id(out, hint);
        }
        AppendOutcome::SnapshotWanted { beyond } => {
            out.push(SNAPSHOT_WANTED);
            put_u64(out, beyond);
        }
    }
}

fn append_answer(reader: &mut Reader) -> Result<AppendAnswer, DecodeError> {
    let (round, priority) = (reader.u64("round")?, reader.u8("priority")?);
    let outcome = match reader.u8("outcome")? {
        MATCHED => AppendOutcome::Matched { index: reader.u64("match index")? },
        CONFLICT => AppendOutcome::Conflict {
            rejected: reader.u64("rejected index")?,
            hint: reader.log_id("hint")?,
        },
        SNAPSHOT_WANTED => AppendOutcome::SnapshotWanted { beyond: reader.u64("wanted index")? },
        tag => return Err(DecodeError::Tag { what: "outcome", tag }),
    };
    Ok(AppendAnswer { round, priority, outcome })
}

pub(crate) fn put_consistency(out: &mut Vec<u8>, consistency: Consistency) {
    out.push(match consistency {
        Consistency::Linearizable => LINEARIZABLE,
        Consistency::Lease => LEASE,
    });
}

pub(crate) fn consistency(reader: &mut Reader) -> Result<Consistency, DecodeError> {
    match reader.u8("consistency")? {
        LINEARIZABLE => Ok(Consistency::Linearizable),
        LEASE => Ok(Consistency::Lease),
        tag => Err(DecodeError::Tag { what: "consistency", tag }),
    }
}

fn put_read_answer(out: &mut Vec<u8>, answer: &ReadAnswer) {
    out.push(READ_ANSWER);
    put_token(out, answer.token);
    match answer.outcome {
        ReadOutcome::Ready { index } => {
            out.push(READY);
            put_u64(out, index);
        }
        ReadOutcome::NotLeader { leader } => {
            out.push(NOT_LEADER);
            put_node(out, leader);
        }
        ReadOutcome::NoQuorum => out.push(NO_QUORUM),
        ReadOutcome::Busy => out.push(BUSY),
    }
}

fn read_answer(reader: &mut Reader) -> Result<ReadAnswer, DecodeError> {
    let token = reader.token("read")?;
    let outcome = match reader.u8("answer to a read")? {
        READY => ReadOutcome::Ready { index: reader.u64("index of a read")? },
        NOT_LEADER => ReadOutcome::NotLeader { leader: reader.node("leader")? },
        NO_QUORUM => ReadOutcome::NoQuorum,
        BUSY => ReadOutcome::Busy,
        tag => return Err(DecodeError::Tag { what: "answer to a read", tag }),
    };
    Ok(ReadAnswer { token, outcome })
}
