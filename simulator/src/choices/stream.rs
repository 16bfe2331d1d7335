//! The streams of chance, and their names.

use std::fmt;

use crate::MAX_NODES;

/// Who draws. Nodes and clients count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// The configuration of the run: nodes, timeouts, which faults are on.
    Configuration,
    /// The plan of faults.
    Plan,
    /// The order of simultaneous events.
    Ties,
    /// What a client asks, when, and of whom.
    Client(u64),
    /// What a link from one node to another does to its messages.
    Link(u64, u64),
    /// What a node's disk does.
    Disk(u64),
    /// What a node's clock does.
    Clock(u64),
    /// How long a node's work takes.
    Process(u64),
    /// The seed of a node's core.
    Core(u64),
}

impl Stream {
    /// A dense number for each stream.
    pub(super) fn number(self) -> u64 {
        let nodes = MAX_NODES;
        match self {
            Stream::Configuration => 0,
            Stream::Plan => 1,
            Stream::Ties => 2,
            Stream::Disk(node) => 3 + node,
            Stream::Clock(node) => 3 + nodes + node,
            Stream::Process(node) => 3 + 2 * nodes + node,
            Stream::Core(node) => 3 + 3 * nodes + node,
            Stream::Link(from, to) => 3 + 4 * nodes + from * nodes + to,
            Stream::Client(client) => 3 + 4 * nodes + nodes * nodes + client,
        }
    }

    /// The stream of this name.
    pub fn parse(name: &str) -> Option<Stream> {
        let mut parts = name.split(' ');
        let kind = parts.next()?;
        let mut number = || parts.next().and_then(|part| part.parse::<u64>().ok());
        let mut node = || number().filter(|node| *node < MAX_NODES);
        let stream = match kind {
            "configuration" => Stream::Configuration,
            "plan" => Stream::Plan,
            "ties" => Stream::Ties,
            "client" => Stream::Client(number().filter(|client| *client < 1_000)?),
            "link" => Stream::Link(node()?, node()?),
            "disk" => Stream::Disk(node()?),
            "clock" => Stream::Clock(node()?),
            "process" => Stream::Process(node()?),
            "core" => Stream::Core(node()?),
            _ => return None,
        };
        // Nothing behind it, and no other way to write it.
        (stream.to_string() == name).then_some(stream)
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stream::Configuration => write!(out, "configuration"),
            Stream::Plan => write!(out, "plan"),
            Stream::Ties => write!(out, "ties"),
            Stream::Client(client) => write!(out, "client {client}"),
            Stream::Link(from, to) => write!(out, "link {from} {to}"),
            Stream::Disk(node) => write!(out, "disk {node}"),
            Stream::Clock(node) => write!(out, "clock {node}"),
            Stream::Process(node) => write!(out, "process {node}"),
            Stream::Core(node) => write!(out, "core {node}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_found_by_its_name_and_by_no_other() {
        let all = [Stream::Ties, Stream::Client(11), Stream::Link(0, 7), Stream::Disk(3)];
        for stream in all {
            assert_eq!(Stream::parse(&stream.to_string()), Some(stream));
        }
        for wrong in ["", "link 0", "link 0 8", "disk", "disk 03", "ties 1", "client 1000"] {
            assert_eq!(Stream::parse(wrong), None, "{wrong}");
        }
    }
}
