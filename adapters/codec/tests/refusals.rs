//! Each rule that bytes can break, broken alone: a table of one refusal a row.

use bytes::{Bytes, BytesMut};
use quorate_codec::*;
use quorate_core::*;

/// Builds the bytes of an append whose entries are `entries`.
fn append(entries: &[&[u8]]) -> Bytes {
    let mut out = vec![WIRE_VERSION];
    out.extend(9u64.to_le_bytes()); // term
    out.push(4); // kind: append
    [1u64, 1, 0, 1, 1].iter().for_each(|number| out.extend(number.to_le_bytes()));
    out.push(0); // not quiescing
    entries.iter().for_each(|part| out.extend_from_slice(part));
    out.into()
}

fn head(first: u64, count: u64) -> Vec<u8> {
    [first.to_le_bytes(), count.to_le_bytes()].concat()
}

fn run(term: u64, count: u32) -> Vec<u8> {
    [&term.to_le_bytes()[..], &count.to_le_bytes()].concat()
}

fn entry(kind: u8, bytes: &[u8]) -> Vec<u8> {
    [&[kind][..], &(bytes.len() as u32).to_le_bytes(), bytes].concat()
}

/// A configuration's entry: its counts, numbers of 8 bytes behind them, and no addresses.
fn members(counts: [u8; 3], list: &[u64]) -> Vec<u8> {
    members_at(counts, list, &[])
}

fn members_at(counts: [u8; 3], list: &[u64], addresses: &[(u64, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![1, 0];
    bytes.extend(counts);
    bytes.extend(list.iter().flat_map(|id| id.to_le_bytes()));
    bytes.extend((addresses.len() as u16).to_le_bytes());
    for (id, address) in addresses {
        bytes.extend(id.to_le_bytes());
        bytes.extend((address.len() as u32).to_le_bytes());
        bytes.extend(*address);
    }
    entry(1, &bytes)
}

fn refusal(parts: &[Vec<u8>]) -> DecodeError {
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    decode_message(append(&parts)).expect_err("refused")
}

#[test]
fn a_sound_append_is_taken() {
    let parts = [head(2, 2), run(3, 1), entry(0, &[]), run(4, 1), entry(2, b"x")];
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let message = decode_message(append(&parts)).expect("sound");
    let Body::AppendRequest(request) = message.body else { panic!("another kind") };
    assert_eq!(request.entries.first(), Some(LogId::new(3, 2)));
    assert_eq!(request.entries.last(), Some(LogId::new(4, 3)));
}

#[test]
fn entries_have_one_form() {
    let not_canonical = |what| DecodeError::NotCanonical { what };
    // Two runs of one term in a row.
    let split = [head(2, 2), run(3, 1), entry(0, &[]), run(3, 1), entry(0, &[])];
    assert_eq!(refusal(&split), not_canonical("term of a run"));
    // A first index without entries.
    assert_eq!(refusal(&[head(2, 0)]), not_canonical("first index"));
    assert_eq!(refusal(&[head(0, 1), run(3, 1), entry(0, &[])]), not_canonical("first index"));
    // A no-op that says something.
    assert_eq!(refusal(&[head(2, 1), run(3, 1), entry(0, b"x")]), not_canonical("no-op"));
    // Voters out of order, twice, nameless, cut off.
    for list in [&[2, 1][..], &[1, 1], &[0]] {
        let found = refusal(&[head(2, 1), run(3, 1), members([list.len() as u8, 0, 0], list)]);
        assert_eq!(found, not_canonical("voters"), "{list:?}");
        let all = [&[9][..], list].concat();
        let found = refusal(&[head(2, 1), run(3, 1), members([1, list.len() as u8, 0], &all)]);
        assert_eq!(found, not_canonical("outgoing voters"), "{list:?}");
    }
    // More behind the members; members that no configuration can have.
    let mut more = members([1, 0, 0], &[1]);
    more.extend([0; 8]);
    more[1] += 8;
    assert_eq!(refusal(&[head(2, 1), run(3, 1), more]), DecodeError::Trailing { left: 8 });
    let nobody = [head(2, 1), run(3, 1), members([0, 1, 0], &[1])];
    assert_eq!(refusal(&nobody), DecodeError::Configuration(ConfigurationError::NoVoter));
    let mut twice = members([1, 0, 1], &[1, 1]);
    // How the learner is promoted stands before the addresses, of which there are none.
    twice.push(0);
    twice[1] += 1;
    let node = NodeId::of(1);
    let twice = refusal(&[head(2, 1), run(3, 1), twice]);
    assert_eq!(twice, DecodeError::Configuration(ConfigurationError::Twice { node }));
    let mut other = members([0, 0, 0], &[]);
    other[5] = 9;
    let other = refusal(&[head(2, 1), run(3, 1), other]);
    assert_eq!(other, not_canonical("configuration of nobody"));
}

#[test]
fn addresses_have_one_form() {
    let not_canonical = |what| DecodeError::NotCanonical { what };
    let two = |addresses: &[(u64, &[u8])]| {
        refusal(&[head(2, 1), run(3, 1), members_at([2, 0, 0], &[1, 2], addresses)])
    };
    for addresses in
        [&[(2, &b"b"[..]), (1, b"a")][..], &[(1, b"a"), (1, b"b")], &[(3, b"c")], &[(0, b"a")]]
    {
        assert_eq!(two(addresses), not_canonical("addresses"), "{addresses:?}");
    }
    assert_eq!(two(&[(1, &[0xff])]), not_canonical("address"));
    let long = [b'x'; 256];
    for address in [&[][..], &long] {
        let (node, bytes) = (NodeId::of(2), address.len() as u64);
        let refused = ConfigurationError::Address { node, bytes };
        assert_eq!(two(&[(2, address)]), DecodeError::Configuration(refused));
    }
    let nobody = [head(2, 1), run(3, 1), members_at([0, 0, 0], &[], &[(1, b"a")])];
    assert_eq!(refusal(&nobody), not_canonical("configuration of nobody"));
    let sound = [head(2, 1), run(3, 1), members_at([2, 0, 0], &[1, 2], &[(2, &long[..255])])];
    let sound: Vec<&[u8]> = sound.iter().map(Vec::as_slice).collect();
    assert!(decode_message(append(&sound)).is_ok());
}

#[test]
fn counts_are_no_more_than_the_bytes_can_hold() {
    let range = |what, found, limit| DecodeError::Range { what, found, limit };
    let what = "length of a run";
    assert_eq!(refusal(&[head(2, 1 << 40), run(3, u32::MAX)]), range(what, u32::MAX.into(), 0));
    assert_eq!(refusal(&[head(2, 1), run(3, 0), entry(0, &[])]), range(what, 0, 1));
    let too_many = [head(2, 1), run(3, 2), entry(0, &[]), entry(0, &[])];
    assert_eq!(refusal(&too_many), range(what, 2, 1));
    // More members than there are bytes for.
    let cut = refusal(&[head(2, 1), run(3, 1), members([255, 255, 255], &[1])]);
    assert!(matches!(cut, DecodeError::Short { what: "voters", .. }), "{cut:?}");
    let mut summary = vec![DISK_VERSION, 2];
    // Incarnation, hard state; no snapshot; base and last entry; as many runs as there can be.
    summary.extend([0; 8 * 4]);
    summary.push(0);
    summary.extend([0; 8 * 4]);
    summary.extend(u64::MAX.to_le_bytes());
    let refused = decode_persisted(summary.into());
    assert_eq!(refused, Err(range("runs", u64::MAX, 0)));
}

#[test]
fn terms_and_indexes_follow_and_stay_below_their_limits() {
    let falling = [head(2, 2), run(3, 1), entry(0, &[]), run(2, 1), entry(0, &[])];
    assert!(matches!(refusal(&falling), DecodeError::Entries(EntriesError::Term { .. })));
    let high = [head(2, 1), run(1 << 62, 1), entry(0, &[])];
    assert!(matches!(refusal(&high), DecodeError::Entries(EntriesError::Term { .. })));
    let far = [head(1 << 62, 1), run(3, 1), entry(0, &[])];
    assert!(matches!(refusal(&far), DecodeError::Entries(EntriesError::Index { .. })));
}

#[test]
fn tags_versions_and_leftovers_are_refused() {
    let unknown = [head(2, 1), run(3, 1), entry(9, &[])];
    assert_eq!(refusal(&unknown), DecodeError::Tag { what: "kind of an entry", tag: 9 });
    assert_eq!(refusal(&[head(0, 0), vec![1, 2]]), DecodeError::Trailing { left: 2 });
    let mut other = append(&[&head(0, 0)]).to_vec();
    other[0] = 1;
    let version = DecodeError::Version { found: 1, expected: WIRE_VERSION };
    assert_eq!(decode_message(other.into()), Err(version));
    let mut other = append(&[&head(0, 0)]).to_vec();
    other[9] = 9;
    let tag = DecodeError::Tag { what: "kind of a message", tag: 9 };
    assert_eq!(decode_message(other.into()), Err(tag));
}

#[test]
fn a_message_cut_anywhere_is_refused() {
    let whole = append(&[&head(2, 1), &run(3, 1), &entry(2, b"command")]);
    assert!(decode_message(whole.clone()).is_ok());
    for len in 0..whole.len() {
        assert!(decode_message(whole.slice(..len)).is_err(), "{len}");
    }
}

#[test]
fn a_frame_over_the_limit_is_refused_on_both_sides() {
    let mut out = b"before".to_vec();
    let refused = encode_frame(&mut out, 10, |out| out.extend_from_slice(&[1; 11]));
    assert_eq!(refused, Err(FrameError::TooLong { found: 11, limit: 10 }));
    assert_eq!(out, b"before");
    encode_frame(&mut out, 11, |out| out.extend_from_slice(&[1; 11])).expect("fits");
    let mut stream = BytesMut::from(&out[6..]);
    assert_eq!(decode_frame(&mut stream, 10), Err(FrameError::TooLong { found: 11, limit: 10 }));
    // The header alone is enough to refuse: nothing is buffered for it.
    let mut stream = BytesMut::from(&[255; FRAME_HEADER_BYTES][..]);
    assert!(decode_frame(&mut stream, 1 << 20).is_err());
}
