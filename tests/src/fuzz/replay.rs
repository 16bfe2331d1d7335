//! Traces: any bytes as one do no harm, and what was recorded is answered the same again.

use quorate_codec::{TraceStart, encode_actions, encode_trace_record, encode_trace_start};
use quorate_core::{Action, Config, Event, Persisted, Timestamp};
use quorate_driver::replay as step_again;

use super::{host::Host, source::Source, step::live};

/// Takes `data` for a trace; then for a list of events, which is recorded and stepped again.
///
/// # Panics
/// Where a trace of any kind makes the core panic, or a recorded one is answered otherwise.
pub fn replay(data: &[u8]) {
    let _ = step_again(data);
    // Mostly the head of a trace must be right for anything behind it to be looked at.
    let mut trace = Tape::new(super::host::config(), Persisted::Join { incarnation: 1 }, 0).bytes;
    trace.extend_from_slice(data);
    let _ = step_again(&trace[..]);
    let mut source = Source::new(data);
    let mut host = Host::new(source.below(6));
    live(&mut host, &mut source);
    host.tape.judge();
}

/// A life of a node, recorded.
pub(super) struct Tape {
    bytes: Vec<u8>,
    events: u64,
}

impl Tape {
    pub(super) fn new(config: Config, persisted: Persisted, at: u64) -> Tape {
        let start = TraceStart { config: config.into(), persisted, at: Timestamp(at) };
        let mut bytes = Vec::new();
        encode_trace_start(&start, &mut bytes).expect("a start is short");
        Tape { bytes, events: 0 }
    }

    pub(super) fn note(&mut self, event: &Event, actions: &[Action]) {
        let mut encoded = Vec::new();
        encode_actions(actions, &mut encoded);
        encode_trace_record(event, &encoded, &mut self.bytes).expect("a record is short");
        self.events += 1;
    }

    /// A fresh core answers the same.
    pub(super) fn judge(&self) {
        let replayed = match step_again(&self.bytes[..]) {
            Ok(replayed) => replayed,
            Err(quorate_driver::ReplayError::Restore(_)) => return,
            Err(error) => panic!("what was recorded is no trace: {error}"),
        };
        assert_eq!(replayed.divergence, None, "what was recorded is answered otherwise");
        assert_eq!((replayed.events, replayed.cut_bytes), (self.events, 0));
    }
}
