//! Snapshots in the mesh: an offer is one frame; its parts are asked for and answered.

use std::{sync::atomic::Ordering, time::Duration};

use bytes::{Buf, BufMut, Bytes};
use quorate_codec::{decode_meta, encode_frame, encode_meta};
use quorate_core::{LogId, NodeId};
use quorate_driver::{SnapshotId, SnapshotSend};

use super::{FETCH, FRAME_LIMIT, Mesh, OFFER, RequestError, Responder};
use crate::fetch::Offer;

/// What an offer takes besides what the snapshot stands for: term, length, checksum. Bytes.
const OFFER_BYTES: usize = 20;
/// Term, index, length, checksum, offset, most bytes.
const FETCH_BYTES: usize = 44;

/// Something that another node says about snapshots, or that is known of it.
#[derive(Debug)]
pub struct SnapshotFrame(pub(crate) Said);

#[derive(Debug)]
pub(crate) enum Said {
    /// Here is one that you lack.
    Offer(Offer),
    /// Give me a part of one.
    Fetch(Fetch),
    /// What was sent to this node lately did not arrive.
    Unreachable(NodeId),
}

/// A request for a part of a snapshot.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub(crate) id: SnapshotId,
    pub(crate) offset: u64,
    pub(crate) max_bytes: u64,
    pub(crate) responder: Responder,
}

impl Responder {
    /// Sends a part of a snapshot; none where it is not here. It may be lost.
    pub(crate) fn respond_part(self, part: Option<Bytes>) {
        let mut body = vec![u8::from(part.is_some())];
        body.extend_from_slice(&part.unwrap_or_default());
        self.respond(&body);
    }
}

/// Writes what an offer says.
pub(crate) fn put_offer(out: &mut Vec<u8>, send: &SnapshotSend, id: SnapshotId) {
    out.put_u64_le(send.term);
    out.put_u64_le(id.len);
    out.put_u32_le(id.checksum);
    encode_meta(&send.meta, out);
}

/// The offer in these bytes; none where no peer would send them.
pub(crate) fn read_offer(from: NodeId, mut body: Bytes) -> Option<SnapshotFrame> {
    if body.len() < OFFER_BYTES {
        return None;
    }
    let term = body.get_u64_le();
    let (len, checksum) = (body.get_u64_le(), body.get_u32_le());
    let meta = decode_meta(body).ok()?;
    let id = SnapshotId { last: meta.last, len, checksum };
    Some(SnapshotFrame(Said::Offer(Offer { from, term, id, meta })))
}

/// Writes which part of a snapshot is asked for.
pub(crate) fn put_fetch(out: &mut Vec<u8>, id: SnapshotId, offset: u64, max_bytes: u64) {
    [id.last.term, id.last.index, id.len].into_iter().for_each(|part| out.put_u64_le(part));
    out.put_u32_le(id.checksum);
    out.put_u64_le(offset);
    out.put_u64_le(max_bytes);
}

/// The request in these bytes; none where no peer would send them.
pub(crate) fn read_fetch(responder: Responder, mut body: Bytes) -> Option<SnapshotFrame> {
    if body.len() != FETCH_BYTES {
        return None;
    }
    let last = LogId::new(body.get_u64_le(), body.get_u64_le());
    let id = SnapshotId { last, len: body.get_u64_le(), checksum: body.get_u32_le() };
    let offset = body.get_u64_le();
    // Nobody makes this node hold more than a frame for it.
    let max_bytes = body.get_u64_le().min(u64::from(FRAME_LIMIT) / 2);
    Some(SnapshotFrame(Said::Fetch(Fetch { id, offset, max_bytes, responder })))
}

impl Mesh {
    /// Says that this node has a snapshot that another one lacks. It may be lost.
    pub(crate) fn offer_snapshot(&self, send: &SnapshotSend, id: SnapshotId) {
        let mut frame = Vec::new();
        let encoded = encode_frame(&mut frame, FRAME_LIMIT, |out| {
            out.put_u8(OFFER);
            put_offer(out, send, id);
        });
        if encoded.is_err() || !self.post(send.to, frame.into()) {
            self.shared.counters.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Asks another node for a part of a snapshot.
    pub(crate) async fn fetch_part(
        &self,
        from: NodeId,
        id: SnapshotId,
        offset: u64,
        max_bytes: u64,
        timeout: Duration,
    ) -> Result<Bytes, RequestError> {
        let mut body = Vec::with_capacity(FETCH_BYTES);
        put_fetch(&mut body, id, offset, max_bytes);
        self.ask(from, FETCH, &body, timeout).await
    }
}
