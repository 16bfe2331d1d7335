//! What is told of requests, where they are asked for.

use std::time::Instant;

use metrics::{Counter, Histogram};
use quorate_tokio::Labels;
use tracing::{Instrument, Span, debug};

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

    /// Waits for a read to be confirmed, in a span of its own.
    pub(crate) async fn confirm(
        &self,
        consistency: Consistency,
        work: impl Future<Output = Result<(), EngineError>>,
    ) -> Result<(), EngineError> {
        let span = tracing::debug_span!("request", operation = "read", ?consistency);
        let begun = Instant::now();
        let result = work.instrument(span.clone()).await;
        self.read_seconds.record(begun.elapsed());
        let path = if result.is_ok() { ReadPath::Confirmed } else { ReadPath::Failed };
        self.read(consistency, path);
        tell(&span, result.as_ref().map_or_else(outcome_of, |()| "done"), result.as_ref().err());
        result
    }

    /// Waits for the leader's answer, in a span of its own.
    pub(crate) async fn ask<R: WireResponse>(
        &self,
        ask: &Ask,
        work: impl Future<Output = Result<Answer<R>, EngineError>>,
    ) -> Result<Answer<R>, EngineError> {
        let (operation, name) = match ask {
            Ask::Write(_) => (&self.write, "write"),
            Ask::KeepAlive(_) => (&self.keep_alive, "keep_alive"),
            Ask::TimeLeft(_) => (&self.time_to_live, "time_to_live"),
        };
        let span = tracing::debug_span!("request", operation = name);
        let begun = Instant::now();
        let result = work.instrument(span.clone()).await;
        operation.seconds.record(begun.elapsed());
        let outcome = result.as_ref().map_or_else(outcome_of, outcome_in);
        let counters = operation.outcomes.iter().zip(OUTCOMES);
        if let Some((counter, _)) = counters.into_iter().find(|(_, name)| *name == outcome) {
            counter.increment(1);
        }
        tell(&span, outcome, result.as_ref().err());
        result
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
        Answer::Left(Some(_)) => "done",
        Answer::NotDone(_) => "not_done",
        Answer::Unknown(_) => "unknown",
    }
}

fn outcome_of(error: &EngineError) -> &'static str {
    match error {
        EngineError::Invalid(_)
        | EngineError::Refused(_)
        | EngineError::CommandTooLong { .. }
        | EngineError::SessionExpired { .. }
        | EngineError::WatchLost { .. }
        | EngineError::WatchEnded { .. } => "refused",
        EngineError::NotDone { .. } => "not_done",
        EngineError::Unknown { .. } => "unknown",
        EngineError::Halted { .. } => "halted",
    }
}
