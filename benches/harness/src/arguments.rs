//! The command line that every measured program takes.

use std::{fmt, str::FromStr};

/// What is measured; `benches/README.md` says how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Entries from proposal to apply on every node.
    Commit,
    /// A leader asks every follower whether it follows.
    Heartbeat,
    /// Linearizable reads without an entry.
    Read,
    /// From a node's timeout until it leads and its first entry is committed.
    Election,
    /// A follower comes back after many entries.
    CatchUp,
    /// A deposed leader's tail gives way to its successor's.
    Truncation,
    /// Entries that a snapshot covers are dropped.
    Compaction,
    /// What an idle follower keeps in memory.
    Memory,
}

impl Scenario {
    /// All of them, in the order of the table.
    pub const ALL: [Scenario; 8] = [
        Scenario::Commit,
        Scenario::Heartbeat,
        Scenario::Read,
        Scenario::Election,
        Scenario::CatchUp,
        Scenario::Truncation,
        Scenario::Compaction,
        Scenario::Memory,
    ];

    /// The name on the command line and in rows.
    pub fn name(self) -> &'static str {
        match self {
            Scenario::Commit => "commit",
            Scenario::Heartbeat => "heartbeat",
            Scenario::Read => "read",
            Scenario::Election => "election",
            Scenario::CatchUp => "catch-up",
            Scenario::Truncation => "truncation",
            Scenario::Compaction => "compaction",
            Scenario::Memory => "memory",
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(name: &str) -> Result<Scenario, String> {
        let names = || Scenario::ALL.map(Scenario::name).join(", ");
        let found = Scenario::ALL.into_iter().find(|scenario| scenario.name() == name);
        found.ok_or_else(|| format!("no scenario {name:?}; there are {}", names()))
    }
}

/// One case to measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    /// What is measured.
    pub scenario: Scenario,
    /// Members of the group.
    pub nodes: usize,
    /// Commands in a proposal, or reads at a time.
    pub batch: usize,
    /// Bytes in a command.
    pub payload: usize,
    /// How many units (entries, rounds, reads, elections, groups) a repetition measures.
    pub entries: u64,
    /// How many repetitions, each with a group of its own.
    pub repetitions: u32,
    /// Which of the program's settings; the first where it has several and none is named.
    pub settings: Option<String>,
}

const HELP: &str = "\
Measures one case of one system; prints a JSON line for each repetition. Usually started by
`cargo run --release -p quorate-bench -- core`.

  --scenario NAME     commit, heartbeat, read, election, catch-up, truncation, compaction, memory
  --nodes N           members of the group [3]
  --batch N           commands in a proposal, or reads at a time [1]
  --payload BYTES     bytes in a command [16]
  --entries N         units that a repetition measures [10000]
  --repetitions N     repetitions, each with a new group [1]
  --settings NAME     one of the program's settings, where it has several
";

impl Arguments {
    /// Reads a command line without the program's name. `Err` is what to say to the user: the
    /// help where it was asked for.
    ///
    /// # Errors
    /// A sentence that names what is wrong.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Arguments, String> {
        let mut found = Arguments {
            scenario: Scenario::Commit,
            nodes: 3,
            batch: 1,
            payload: 16,
            entries: 10_000,
            repetitions: 1,
            settings: None,
        };
        let mut words = words.into_iter();
        while let Some(name) = words.next() {
            if name == "--help" || name == "-h" {
                return Err(HELP.to_owned());
            }
            let value = words.next().ok_or_else(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--scenario" => found.scenario = value.parse()?,
                "--nodes" => found.nodes = number(&name, &value)?,
                "--batch" => found.batch = number(&name, &value)?,
                "--payload" => found.payload = number(&name, &value)?,
                "--entries" => found.entries = number(&name, &value)?,
                "--repetitions" => found.repetitions = number(&name, &value)?,
                "--settings" => found.settings = Some(value),
                _ => return Err(format!("{name} is not known\n{HELP}")),
            }
        }
        if found.nodes == 0 || found.batch == 0 || found.entries == 0 {
            return Err("--nodes, --batch and --entries must be at least 1".to_owned());
        }
        Ok(found)
    }
}

fn number<N: FromStr>(name: &str, value: &str) -> Result<N, String> {
    value.parse().map_err(|_| format!("{name} needs a number, not {value:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_command_line_is_read_whole() {
        let found = parse("--scenario read --nodes 5 --batch 64 --payload 4096 --entries 7");
        let found = found.expect("a good command line");
        assert_eq!((found.scenario, found.nodes, found.batch), (Scenario::Read, 5, 64));
        assert_eq!((found.payload, found.entries, found.repetitions), (4096, 7, 1));
    }

    #[test]
    fn an_unknown_scenario_is_answered_with_those_there_are() {
        let error = parse("--scenario paxos").expect_err("no such scenario");
        assert!(error.contains("catch-up") && error.contains("paxos"), "{error}");
    }
}
