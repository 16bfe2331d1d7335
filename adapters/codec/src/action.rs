//! What a node wants done.

use quorate_core::{Action, RoleKind, SnapshotMeta, Timestamp, Token};

use crate::{
    DecodeError,
    bytes::{Reader, put_log_id, put_node, put_numbers, put_u64},
    configuration::{meta, put_meta},
    entries::{entries, put_entries},
    event::{option, put_option},
    message::{message, put_message},
    notice::{halt, misuse, put_halt, put_misuse, put_refusal, refusal},
    write::{put_write, write},
};

#[allow(clippy::too_many_lines, reason = "one arm a kind, and each is short")]
pub(crate) fn put_action(out: &mut Vec<u8>, action: &Action) {
    match action {
        Action::Accepted { request, log_id } => {
            put_numbers(out, 0, [*request]);
            put_log_id(out, *log_id);
        }
        Action::Refused { request, reason } => {
            put_numbers(out, 1, [*request]);
            put_refusal(out, *reason);
        }
        Action::ReadReady { request, index } => put_numbers(out, 2, [*request, *index]),
        Action::RoleChanged { role, term, leader } => {
            out.extend([3, role_tag(*role)]);
            put_u64(out, *term);
            put_node(out, *leader);
        }
        Action::Transferred { request } => put_numbers(out, 4, [*request]),
        Action::Lease { until } => {
            out.push(5);
            put_option(out, until.map(|until| until.0));
        }
        Action::Misuse(misuse) => {
            out.push(6);
            put_misuse(out, *misuse);
        }
        Action::Halt(halt) => {
            out.push(7);
            put_halt(out, *halt);
        }
        Action::Write(write) => {
            out.push(8);
            put_write(out, write);
        }
        Action::Apply { entries } => {
            out.push(9);
            put_entries(out, entries);
        }
        Action::Install { meta } => put_snapshot_action(out, 10, meta),
        Action::Discard { meta } => put_snapshot_action(out, 11, meta),
        Action::ReadLog { token, from, through, last_term, max_bytes } => {
            let Token { incarnation, number } = *token;
            put_numbers(out, 12, [incarnation, number, *from, *through, *last_term, *max_bytes]);
        }
        Action::SendSnapshot { to, term, meta } => {
            put_numbers(out, 13, [to.get(), *term]);
            put_meta(out, meta);
        }
        Action::Send { to, message } => {
            put_numbers(out, 14, [to.get()]);
            put_message(out, message);
        }
        Action::SnapshotWanted { beyond } => {
            out.push(15);
            put_u64(out, *beyond);
        }
    }
}

fn put_snapshot_action(out: &mut Vec<u8>, tag: u8, meta: &SnapshotMeta) {
    out.push(tag);
    put_meta(out, meta);
}

pub(crate) fn action(reader: &mut Reader) -> Result<Action, DecodeError> {
    Ok(match reader.u8("kind of an action")? {
        0 => Action::Accepted { request: reader.u64("request")?, log_id: reader.log_id("place")? },
        1 => Action::Refused { request: reader.u64("request")?, reason: refusal(reader)? },
        2 => Action::ReadReady { request: reader.u64("request")?, index: reader.u64("index")? },
        3 => Action::RoleChanged {
            role: role(reader)?,
            term: reader.u64("term")?,
            leader: reader.node("leader")?,
        },
        4 => Action::Transferred { request: reader.u64("request")? },
        5 => Action::Lease { until: option(reader, "end of a lease")?.map(Timestamp) },
        6 => Action::Misuse(misuse(reader)?),
        7 => Action::Halt(halt(reader)?),
        8 => Action::Write(write(reader)?),
        9 => Action::Apply { entries: entries(reader)? },
        10 => Action::Install { meta: meta(reader)? },
        11 => Action::Discard { meta: meta(reader)? },
        12 => Action::ReadLog {
            token: reader.token("log read")?,
            from: reader.u64("first index")?,
            through: reader.u64("last index")?,
            last_term: reader.u64("last term")?,
            max_bytes: reader.u64("most bytes")?,
        },
        13 => Action::SendSnapshot {
            to: reader.named("receiver")?,
            term: reader.u64("term")?,
            meta: meta(reader)?,
        },
        14 => Action::Send { to: reader.named("receiver")?, message: message(reader)? },
        15 => Action::SnapshotWanted { beyond: reader.u64("wanted index")? },
        tag => return Err(DecodeError::Tag { what: "kind of an action", tag }),
    })
}

fn role_tag(role: RoleKind) -> u8 {
    match role {
        RoleKind::Follower => 0,
        RoleKind::PreCandidate => 1,
        RoleKind::Candidate => 2,
        RoleKind::Leader => 3,
    }
}

fn role(reader: &mut Reader) -> Result<RoleKind, DecodeError> {
    match reader.u8("role")? {
        0 => Ok(RoleKind::Follower),
        1 => Ok(RoleKind::PreCandidate),
        2 => Ok(RoleKind::Candidate),
        3 => Ok(RoleKind::Leader),
        tag => Err(DecodeError::Tag { what: "role", tag }),
    }
}
