//! A life of a node as a list of events, with what it answered: a run that can be stepped again.
//!
//! A trace is: magic (4), format (4), then frames. The first says what the node started from; each
//! other holds an event and the actions that followed. The last may be cut short, by a crash.

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use quorate_core::{Action, Config, Event, Persisted, Timestamp};

use crate::{
    DecodeError, FrameError,
    action::{action, put_action},
    bytes::{Reader, put_u32, put_u64},
    config::{config, put_config},
    event::{event, put_event},
    frame::{decode_frame, encode_frame},
    persisted::{persisted, put_persisted},
};

/// The version of traces.
pub const TRACE_FORMAT: u32 = 1;
/// The longest record. Bytes.
pub const TRACE_RECORD_LIMIT: u32 = 1 << 30;

const MAGIC: u32 = 0x4352_5451; // "QTRC"
const HEAD_BYTES: usize = 8;

/// What a node started from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceStart {
    /// Its knobs.
    pub config: Arc<Config>,
    /// What was on its disk.
    pub persisted: Persisted,
    /// When.
    pub at: Timestamp,
}

/// An event, and what the node answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceRecord {
    /// What happened.
    pub event: Event,
    /// The actions, as they are encoded: see [`decode_actions`].
    pub actions: Bytes,
}

/// Why bytes are no trace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// They do not begin as a trace does.
    #[error("this is no trace: it does not begin with the word that every trace begins with")]
    Magic,
    /// Another version wrote it.
    #[error("the trace has format {found}, this version reads format {TRACE_FORMAT}")]
    Format {
        /// The format in the trace.
        found: u32,
    },
    /// It ends before it says what the node started from.
    #[error("the trace ends before its first event")]
    NoStart,
    /// A frame is damaged.
    #[error("record {record}: {source}")]
    Frame {
        /// Which, counted from 0, the start.
        record: u64,
        /// How.
        source: FrameError,
    },
    /// A record makes no sense.
    #[error("record {record}: {source}")]
    Record {
        /// Which, counted from 0, the start.
        record: u64,
        /// Why.
        source: DecodeError,
    },
}

/// Appends the beginning of a trace.
///
/// # Errors
/// [`FrameError::TooLong`] where the start is over [`TRACE_RECORD_LIMIT`]; `out` is as before.
pub fn encode_trace_start(start: &TraceStart, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let before = out.len();
    put_u32(out, MAGIC);
    put_u32(out, TRACE_FORMAT);
    let encoded = encode_frame(out, TRACE_RECORD_LIMIT, |out| {
        put_config(out, &start.config);
        put_persisted(out, &start.persisted);
        put_u64(out, start.at.0);
    });
    encoded.inspect_err(|_| out.truncate(before))
}

/// Appends an event and its actions; `actions` is what [`encode_actions`] made of them.
///
/// # Errors
/// [`FrameError::TooLong`] where they are over [`TRACE_RECORD_LIMIT`]; `out` is as before.
pub fn encode_trace_record(
    event: &Event,
    actions: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), FrameError> {
    encode_frame(out, TRACE_RECORD_LIMIT, |out| {
        put_event(out, event);
        out.extend_from_slice(actions);
    })
}

/// Appends the encoding of `actions`. Equal actions give equal bytes.
pub fn encode_actions(actions: &[Action], out: &mut Vec<u8>) {
    put_u64(out, actions.len() as u64);
    actions.iter().for_each(|action| put_action(out, action));
}

/// The actions of these bytes.
///
/// # Errors
/// [`DecodeError`] for anything that [`encode_actions`] would not write.
pub fn decode_actions(bytes: Bytes) -> Result<Vec<Action>, DecodeError> {
    let mut reader = Reader::new(bytes);
    // Each takes a byte at least.
    let count = reader.count(1, "actions")?;
    let actions = (0..count).map(|_| action(&mut reader)).collect::<Result<_, _>>()?;
    reader.finish()?;
    Ok(actions)
}

/// Reads a trace as its bytes come in.
#[derive(Clone, Debug, Default)]
pub struct TraceReader {
    buffer: BytesMut,
    has_begun: bool,
    /// How many records were taken, the start included.
    records: u64,
}

impl TraceReader {
    /// Before the first byte.
    pub fn new() -> TraceReader {
        TraceReader::default()
    }

    /// Takes more bytes in.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// How many bytes belong to a record that is not whole.
    pub fn left(&self) -> u64 {
        self.buffer.len() as u64
    }

    /// What the node started from; none while that is not whole.
    ///
    /// # Errors
    /// [`TraceError`]: the bytes are no trace.
    pub fn start(&mut self) -> Result<Option<TraceStart>, TraceError> {
        if !self.has_begun {
            let Some(mut head) = self.buffer.get(..HEAD_BYTES) else { return Ok(None) };
            let (magic, found) = (head.get_u32_le(), head.get_u32_le());
            if magic != MAGIC {
                return Err(TraceError::Magic);
            }
            if found != TRACE_FORMAT {
                return Err(TraceError::Format { found });
            }
            self.buffer.advance(HEAD_BYTES);
            self.has_begun = true;
        }
        self.frame(|reader| {
            let config = Arc::new(config(reader)?);
            let persisted = persisted(reader)?;
            let at = Timestamp(reader.u64("start time")?);
            reader.finish()?;
            Ok(TraceStart { config, persisted, at })
        })
    }

    /// The next event; none while it is not whole.
    ///
    /// # Errors
    /// [`TraceError`]: the bytes are no trace from here on.
    pub fn record(&mut self) -> Result<Option<TraceRecord>, TraceError> {
        self.frame(|reader| {
            let event = event(reader)?;
            Ok(TraceRecord { event, actions: reader.rest() })
        })
    }

    fn frame<T>(
        &mut self,
        read: impl FnOnce(&mut Reader) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, TraceError> {
        let record = self.records;
        let body = decode_frame(&mut self.buffer, TRACE_RECORD_LIMIT)
            .map_err(|source| TraceError::Frame { record, source })?;
        let Some(body) = body else { return Ok(None) };
        self.records += 1;
        let taken = read(&mut Reader::new(body));
        taken.map(Some).map_err(|source| TraceError::Record { record, source })
    }
}
