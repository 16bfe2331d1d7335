//! Recording: everything that a node is told, and what it answered, as a trace that can be stepped
//! again. Of a production incident it makes a unit test.

use std::{fmt, io};

use quorate_codec::{TraceStart, encode_actions, encode_trace_record, encode_trace_start};
use quorate_core::{Action, Event};

use crate::ContractChecker;

/// What is gathered before it is written, unless the recorder is told otherwise. Bytes.
const BUFFER_BYTES: usize = 256 * 1024;

/// Writes a trace: see [`Driver::restore_recorded`](crate::Driver::restore_recorded).
///
/// It gathers so many bytes and then writes them, within the step that fills the buffer: give it a
/// writer that does not wait, where that matters. When a write fails, the recording ends there and
/// the node goes on: [`Recorder::error`] says so.
pub struct Recorder {
    to: Box<dyn io::Write + Send>,
    buffer: Vec<u8>,
    buffer_bytes: usize,
    /// The actions of the step under way.
    scratch: Vec<u8>,
    records: u64,
    error: Option<io::Error>,
}

impl Recorder {
    /// Records to `to`.
    pub fn new(to: impl io::Write + Send + 'static) -> Recorder {
        Recorder {
            to: Box::new(to),
            buffer: Vec::new(),
            buffer_bytes: BUFFER_BYTES,
            scratch: Vec::new(),
            records: 0,
            error: None,
        }
    }

    /// Gathers at most so many bytes, and a record; 0 writes each at once.
    pub fn with_buffer_bytes(mut self, buffer_bytes: usize) -> Recorder {
        self.buffer_bytes = buffer_bytes;
        self
    }

    /// How many events were recorded.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Why the recording ended, if it did.
    pub fn error(&self) -> Option<&io::Error> {
        self.error.as_ref()
    }

    pub(crate) fn start(&mut self, start: &TraceStart) {
        let encoded = encode_trace_start(start, &mut self.buffer);
        self.go_on(encoded.map_err(io::Error::other));
    }

    pub(crate) fn step(&mut self, event: &Event, actions: &[Action]) {
        if self.error.is_some() {
            return;
        }
        self.scratch.clear();
        encode_actions(actions, &mut self.scratch);
        let encoded = encode_trace_record(event, &self.scratch, &mut self.buffer);
        self.records += u64::from(encoded.is_ok());
        self.go_on(encoded.map_err(io::Error::other));
    }

    fn go_on(&mut self, encoded: io::Result<()>) {
        let is_full = self.buffer.len() > self.buffer_bytes;
        let written = encoded.and_then(|()| if is_full { self.write_out() } else { Ok(()) });
        self.note(written);
    }

    /// Writes what was gathered.
    ///
    /// # Errors
    /// Where the writer fails, or has failed before.
    pub fn flush(&mut self) -> io::Result<()> {
        if let Some(error) = &self.error {
            return Err(io::Error::new(error.kind(), error.to_string()));
        }
        self.write_out()?;
        self.to.flush()
    }

    fn write_out(&mut self) -> io::Result<()> {
        self.to.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    fn note(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            self.error = Some(error);
            self.buffer = Vec::new();
        }
    }
}

impl Drop for Recorder {
    /// What was gathered is written; whoever must know whether that succeeds flushes before.
    fn drop(&mut self) {
        if self.error.is_none() {
            let _ = self.flush();
        }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = self.records;
        out.debug_struct("Recorder").field("records", &records).finish_non_exhaustive()
    }
}

/// Who listens to a driver's steps. Nobody listens to a copy: two lives make no trace.
#[derive(Debug, Default)]
pub(crate) struct Tap {
    pub(crate) recorder: Option<Box<Recorder>>,
    pub(crate) checker: Option<ContractChecker>,
}

impl Tap {
    pub(crate) fn is_open(&self) -> bool {
        self.recorder.is_some() || self.checker.is_some()
    }

    pub(crate) fn step(&mut self, event: &Event, actions: &[Action]) {
        if let Some(recorder) = &mut self.recorder {
            recorder.step(event, actions);
        }
        if let Some(checker) = &self.checker {
            checker.step(event, actions);
        }
    }
}

impl Clone for Tap {
    fn clone(&self) -> Tap {
        Tap::default()
    }
}
