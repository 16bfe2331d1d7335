//! What happens to a node.

use std::sync::Arc;

use quorate_core::{Commands, Event, Input, LogFound, MemberChange, Payload, Timestamp, Token};

use crate::{
    DecodeError,
    bytes::{Reader, put_node, put_numbers, put_u16, put_u64},
    config::{config, put_config},
    configuration::{address, meta, promotion, put_address, put_meta, put_promotion},
    entries::{entries, payload, put_entries, put_payload},
    message::{consistency, message, put_consistency, put_message},
};

/// What a payload takes at least. Bytes.
const PAYLOAD_BYTES: u64 = 5;
/// What a wish about members takes at least. Bytes.
const CHANGE_BYTES: u64 = 3;

pub(crate) fn put_event(out: &mut Vec<u8>, event: &Event) {
    put_u64(out, event.at.0);
    put_input(out, &event.input);
}

pub(crate) fn event(reader: &mut Reader) -> Result<Event, DecodeError> {
    Ok(Event { at: Timestamp(reader.u64("time")?), input: input(reader)? })
}

#[allow(clippy::too_many_lines, reason = "one arm a kind, and each is short")]
fn put_input(out: &mut Vec<u8>, input: &Input) {
    let token = |token: Token| [token.incarnation, token.number];
    match input {
        Input::Tick => out.push(0),
        Input::Receive { from, message } => {
            put_numbers(out, 1, [from.get()]);
            put_message(out, message);
        }
        Input::Propose { request, commands, expected_term } => {
            put_numbers(out, 2, [*request]);
            put_option(out, *expected_term);
            put_u64(out, commands.len() as u64);
            commands.iter().for_each(|payload| put_payload(out, payload));
        }
        Input::Read { request, consistency } => {
            put_numbers(out, 3, [*request]);
            put_consistency(out, *consistency);
        }
        Input::ChangeMembers { request, changes, expected_term } => {
            put_numbers(out, 4, [*request]);
            put_option(out, *expected_term);
            put_u64(out, changes.len() as u64);
            changes.iter().for_each(|change| put_change(out, change));
        }
        Input::Transfer { request, to } => {
            put_numbers(out, 5, [*request]);
            put_node(out, *to);
        }
        Input::Written { seq } => put_numbers(out, 6, token(*seq)),
        Input::WriteFailed { seq } => put_numbers(out, 7, token(*seq)),
        Input::Applied { index } => put_numbers(out, 8, [*index]),
        Input::LogRead { token: of, found } => {
            put_numbers(out, 9, token(*of));
            put_found(out, found);
        }
        Input::SnapshotTaken { index } => put_numbers(out, 10, [*index]),
        Input::SnapshotReceived { term, meta } => {
            put_numbers(out, 11, [*term]);
            put_meta(out, meta);
        }
        Input::PeerUnreachable { peer } => put_numbers(out, 12, [peer.get()]),
        Input::LeaseClosed => out.push(13),
        Input::Retain { entries, bytes } => put_numbers(out, 14, [*entries, *bytes]),
        Input::Space { is_low } => out.extend([15, u8::from(*is_low)]),
        Input::Reconfigure { config } => {
            out.push(16);
            put_config(out, config);
        }
        Input::Quiesce => out.push(17),
        Input::Wake => out.push(18),
        Input::Stop => out.push(19),
        Input::RequestSnapshot => out.push(20),
    }
}

fn input(reader: &mut Reader) -> Result<Input, DecodeError> {
    Ok(match reader.u8("kind of an input")? {
        0 => Input::Tick,
        1 => Input::Receive { from: reader.named("sender")?, message: message(reader)? },
        2 => Input::Propose {
            request: reader.u64("request")?,
            expected_term: option(reader, "expected term")?,
            commands: commands(reader)?,
        },
        3 => Input::Read { request: reader.u64("request")?, consistency: consistency(reader)? },
        4 => Input::ChangeMembers {
            request: reader.u64("request")?,
            expected_term: option(reader, "expected term")?,
            changes: changes(reader)?,
        },
        5 => Input::Transfer { request: reader.u64("request")?, to: reader.node("target")? },
        6 => Input::Written { seq: reader.token("seq")? },
        7 => Input::WriteFailed { seq: reader.token("seq")? },
        8 => Input::Applied { index: reader.u64("applied")? },
        9 => Input::LogRead { token: reader.token("log read")?, found: found(reader)? },
        10 => Input::SnapshotTaken { index: reader.u64("index of a snapshot")? },
        11 => Input::SnapshotReceived { term: reader.u64("term")?, meta: meta(reader)? },
        12 => Input::PeerUnreachable { peer: reader.named("peer")? },
        13 => Input::LeaseClosed,
        14 => Input::Retain { entries: reader.u64("entries")?, bytes: reader.u64("bytes")? },
        15 => Input::Space { is_low: reader.flag("space")? },
        16 => Input::Reconfigure { config: Arc::new(config(reader)?) },
        17 => Input::Quiesce,
        18 => Input::Wake,
        19 => Input::Stop,
        20 => Input::RequestSnapshot,
        tag => return Err(DecodeError::Tag { what: "kind of an input", tag }),
    })
}

fn commands(reader: &mut Reader) -> Result<Commands, DecodeError> {
    let count = reader.count(PAYLOAD_BYTES, "commands")?;
    let payloads: Result<Vec<Payload>, DecodeError> = (0..count).map(|_| payload(reader)).collect();
    Ok(Commands::from(payloads?))
}

fn changes(reader: &mut Reader) -> Result<Vec<MemberChange>, DecodeError> {
    let count = reader.count(CHANGE_BYTES, "changes of members")?;
    (0..count).map(|_| change(reader)).collect()
}

fn put_change(out: &mut Vec<u8>, change: &MemberChange) {
    match *change {
        MemberChange::AddVoter { node } => {
            out.push(0);
            put_node(out, Some(node));
        }
        MemberChange::AddLearner { node, promotion } => {
            out.push(1);
            put_node(out, Some(node));
            put_promotion(out, promotion);
        }
        MemberChange::Remove { node } => {
            out.push(2);
            put_node(out, Some(node));
        }
        MemberChange::SetProtocol { version } => {
            out.push(3);
            put_u16(out, version);
        }
        MemberChange::SetAddress { node, ref address } => {
            out.push(4);
            put_node(out, Some(node));
            put_address(out, address);
        }
    }
}

fn change(reader: &mut Reader) -> Result<MemberChange, DecodeError> {
    Ok(match reader.u8("kind of a change")? {
        0 => MemberChange::AddVoter { node: reader.named("voter")? },
        1 => MemberChange::AddLearner {
            node: reader.named("learner")?,
            promotion: promotion(reader)?,
        },
        2 => MemberChange::Remove { node: reader.named("member")? },
        3 => MemberChange::SetProtocol { version: reader.u16("protocol")? },
        4 => MemberChange::SetAddress { node: reader.named("member")?, address: address(reader)? },
        tag => return Err(DecodeError::Tag { what: "kind of a change", tag }),
    })
}

fn put_found(out: &mut Vec<u8>, found: &LogFound) {
    match found {
        LogFound::Entries(entries) => {
            out.push(0);
            put_entries(out, entries);
        }
        LogFound::Compacted => out.push(1),
        LogFound::Missing => out.push(2),
    }
}

fn found(reader: &mut Reader) -> Result<LogFound, DecodeError> {
    match reader.u8("what a log read found")? {
        0 => Ok(LogFound::Entries(entries(reader)?)),
        1 => Ok(LogFound::Compacted),
        2 => Ok(LogFound::Missing),
        tag => Err(DecodeError::Tag { what: "what a log read found", tag }),
    }
}

pub(crate) fn put_option(out: &mut Vec<u8>, value: Option<u64>) {
    out.push(u8::from(value.is_some()));
    value.into_iter().for_each(|value| put_u64(out, value));
}

pub(crate) fn option(reader: &mut Reader, what: &'static str) -> Result<Option<u64>, DecodeError> {
    if reader.flag(what)? { reader.u64(what).map(Some) } else { Ok(None) }
}
