//! What is told of requests, where they are asked for.

use std::time::Instant;

use metrics::{Counter, Histogram};
use quorate_tokio::Labels;
use tracing::{Span, debug};

use super::names;
use crate::{
    Consistency, EngineError, WireResponse,
    forward::{Answer, Ask},
};

/// How a read came to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadPath {
    /// By this node alone: its task was not asked.
    Local,
    /// The leader was shown to lead.
    Confirmed,
    Failed,
}

const PATHS: [&str; 3] = ["local", "confirmed", "failed"];
const CONSISTENCIES: [&str; 3] = ["linearizable", "lease", "stale"];
const OUTCOMES: [&str; 5] = ["done", "refused", "not_done", "unknown", "halted"];

/// A request that has begun. Its future is not wrapped in another one, which would copy it.
pub(crate) struct Begun {
    pub(crate) span: Span,
    begun: Instant,
}

/// One kind of request.
#[derive(Debug)]
struct Operation {
    /// In the order of [`OUTCOMES`].
    outcomes: [Counter; 5],
    seconds: Histogram,
}

impl Operation {
    fn new(labels: &Labels, name: &'static str) -> Operation {
        Operation {
            outcomes: OUTCOMES.map(|outcome| labels.counter(&names::REQUESTS, &[name, outcome])),
            seconds: labels.histogram(&names::REQUEST_SECONDS, &[name]),
        }
    }
}

/// All requests of a node's clients, and those of other nodes.
#[derive(Debug)]
pub(crate) struct RequestMetrics {
    write: Operation,
    keep_alive: Operation,
    time_to_live: Operation,
    members: Operation,
    /// By consistency, then by path.
    reads: [[Counter; 3]; 3],
    read_seconds: Histogram,
    pub(crate) forwarded: Counter,
    pub(crate) forwarded_refused: Counter,
}

impl RequestMetrics {
    pub(crate) fn new(labels: &Labels) -> RequestMetrics {
        super::begin(labels);
        let read = |consistency, path| labels.counter(&names::READS, &[consistency, path]);
        RequestMetrics {
            write: Operation::new(labels, "write"),
            keep_alive: Operation::new(labels, "keep_alive"),
            time_to_live: Operation::new(labels, "time_to_live"),
            members: Operation::new(labels, "members"),
            reads: CONSISTENCIES.map(|name| PATHS.map(|path| read(name, path))),
            read_seconds: labels.histogram(&names::REQUEST_SECONDS, &["read"]),
            forwarded: labels.counter(&names::FORWARDED, &["taken"]),
            forwarded_refused: labels.counter(&names::FORWARDED, &["refused"]),
        }
    }

    /// A read was answered, or was not.
    pub(crate) fn read(&self, consistency: Consistency, path: ReadPath) {
        let of = match consistency {
            Consistency::Linearizable => &self.reads[0],
            Consistency::Lease => &self.reads[1],
            Consistency::Stale => &self.reads[2],
        };
        let counter = match path {
            ReadPath::Local => &of[0],
            ReadPath::Confirmed => &of[1],
            ReadPath::Failed => &of[2],
        };
        counter.increment(1);
    }

    /// A read begins that the leader is to confirm.
    pub(crate) fn begin_read(&self, consistency: Consistency) -> Begun {
        let span = tracing::debug_span!("request", operation = "read", ?consistency);
        Begun { span, begun: Instant::now() }
    }

    /// It ends.
    pub(crate) fn end_read(
        &self,
        read: &Begun,
        consistency: Consistency,
        result: &Result<(), EngineError>,
    ) {
        self.read_seconds.record(read.begun.elapsed());
        let path = if result.is_ok() { ReadPath::Confirmed } else { ReadPath::Failed };
        self.read(consistency, path);
        let outcome = result.as_ref().map_or_else(outcome_of, |()| "done");
        tell(&read.span, outcome, result.as_ref().err());
    }

    /// A request to the leader begins.
    pub(crate) fn begin(&self, ask: &Ask) -> Begun {
        let (_, operation) = self.of(ask);
        let span = tracing::debug_span!("request", operation);
        Begun { span, begun: Instant::now() }
    }

    /// It ends.
    pub(crate) fn end<R: WireResponse>(
        &self,
        request: &Begun,
        ask: &Ask,
        result: &Result<Answer<R>, EngineError>,
    ) {
        let (operation, _) = self.of(ask);
        operation.seconds.record(request.begun.elapsed());
        let outcome = result.as_ref().map_or_else(outcome_of, outcome_in);
        let mut counters = operation.outcomes.iter().zip(OUTCOMES);
        if let Some((counter, _)) = counters.find(|(_, name)| *name == outcome) {
            counter.increment(1);
        }
        tell(&request.span, outcome, result.as_ref().err());
    }

    fn of(&self, ask: &Ask) -> (&Operation, &'static str) {
        match ask {
            Ask::Write(_) => (&self.write, "write"),
            Ask::KeepAlive(_) => (&self.keep_alive, "keep_alive"),
            Ask::TimeLeft(_) => (&self.time_to_live, "time_to_live"),
            Ask::Group(_) => (&self.members, "members"),
        }
    }
}

fn tell(span: &Span, outcome: &'static str, error: Option<&EngineError>) {
    match error {
        Some(error) => debug!(parent: span, outcome, %error, "request ended"),
        None => debug!(parent: span, outcome, "request ended"),
    }
}

/// What an answer came to.
fn outcome_in<R: WireResponse>(answer: &Answer<R>) -> &'static str {
    match answer {
        Answer::Written(response) if response.is_refusal() => "refused",
        Answer::Written(_) => "done",
        Answer::Left(None) => "refused",
        Answer::Left(Some(_)) | Answer::Members { .. } => "done",
        Answer::Changed(Err(_)) => "refused",
        Answer::Changed(Ok(())) => "done",
        Answer::NotDone(_) => "not_done",
        Answer::Unknown(_) => "unknown",
    }
}

fn outcome_of(error: &EngineError) -> &'static str {
    match error {
        EngineError::Invalid(_)
        | EngineError::Refused(_)
        | EngineError::Members(_)
        | EngineError::CommandTooLong { .. }
        | EngineError::SessionExpired { .. }
        | EngineError::WatchLost { .. }
        | EngineError::WatchEnded { .. } => "refused",
        EngineError::NotDone { .. } => "not_done",
        EngineError::Unknown { .. } => "unknown",
        EngineError::Halted { .. } => "halted",
    }
}
