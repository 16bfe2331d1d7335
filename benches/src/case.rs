//! What is measured: every scenario with its parameters, and how long a repetition is.

use quorate_bench_harness::Scenario;

/// One row of each system's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) scenario: Scenario,
    pub(crate) nodes: usize,
    pub(crate) batch: usize,
    pub(crate) payload: usize,
}

/// Which cases are wanted; an empty list is all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) scenarios: Vec<Scenario>,
    pub(crate) nodes: Vec<usize>,
    pub(crate) batches: Vec<usize>,
    pub(crate) payloads: Vec<usize>,
}

impl Filter {
    fn takes(&self, case: &Case) -> bool {
        fn has<T: PartialEq>(list: &[T], value: &T) -> bool {
            list.is_empty() || list.contains(value)
        }
        has(&self.scenarios, &case.scenario)
            && has(&self.nodes, &case.nodes)
            && has(&self.batches, &case.batch)
            && has(&self.payloads, &case.payload)
    }
}

/// Commands in a proposal where a log is only filled, to be caught up, cut or dropped.
const FILLING_BATCH: usize = 256;

impl Case {
    pub(crate) const fn new(scenario: Scenario, nodes: usize, batch: usize) -> Case {
        Case { scenario, nodes, batch, payload: 16 }
    }

    /// Every case that `filter` takes, in the order of the table.
    pub(crate) fn all(filter: &Filter) -> Vec<Case> {
        let mut cases = Vec::new();
        for nodes in [1, 3, 5] {
            for payload in [16, 256, 4096] {
                for batch in [1, 16, 256] {
                    cases.push(Case { payload, ..Case::new(Scenario::Commit, nodes, batch) });
                }
            }
        }
        cases.push(Case::new(Scenario::Heartbeat, 3, 1));
        cases.push(Case::new(Scenario::Read, 3, 1));
        cases.push(Case::new(Scenario::Read, 3, 64));
        cases.extend([3, 5, 7].map(|nodes| Case::new(Scenario::Election, nodes, 1)));
        cases.push(Case::new(Scenario::CatchUp, 3, FILLING_BATCH));
        cases.push(Case::new(Scenario::Truncation, 3, FILLING_BATCH));
        cases.push(Case::new(Scenario::Compaction, 3, FILLING_BATCH));
        cases.push(Case::new(Scenario::Memory, 3, 1));
        cases.retain(|case| filter.takes(case));
        cases
    }

    /// What a unit is, in the singular.
    pub(crate) fn unit(&self) -> &'static str {
        match self.scenario {
            Scenario::Commit | Scenario::CatchUp => "entry",
            Scenario::Heartbeat => "round",
            Scenario::Read => "read",
            Scenario::Election => "election",
            Scenario::Truncation => "truncation of 10,000 entries",
            Scenario::Compaction => "dropped entry",
            Scenario::Memory => "idle follower",
        }
    }

    /// Units in a repetition: enough that a repetition takes some hundredths of a second, few
    /// enough that the slowest system is done within seconds.
    pub(crate) fn units(&self, is_quick: bool) -> u64 {
        let units = match self.scenario {
            Scenario::Commit => self.entries(),
            Scenario::Heartbeat => 50_000,
            Scenario::Read => 20_000 * self.batch.min(16) as u64,
            Scenario::Election => 2_000,
            // A million is the scenario; shorter ones only try it out.
            Scenario::CatchUp | Scenario::Compaction => 1_000_000,
            Scenario::Truncation => 20,
            Scenario::Memory => 100_000,
        };
        if is_quick { (units / 10).max(2) } else { units }
    }

    fn entries(&self) -> u64 {
        let entries = match self.batch {
            0..=1 => 20_000,
            2..=16 => 96_000,
            _ => 256_000,
        };
        // Some systems copy payloads: what one repetition keeps must stay within 256 MiB a node.
        entries.min((256 << 20) / self.payload.max(1) as u64)
    }

    /// The two run lengths whose difference is counted in instructions; none where set-up is not
    /// the same in both, so that it would not cancel out.
    pub(crate) fn instruction_units(&self) -> Option<[u64; 2]> {
        match self.scenario {
            Scenario::Commit | Scenario::Read => {
                let rounds = if self.batch > 16 { 100 } else { 400 };
                Some([rounds, 3 * rounds].map(|rounds| rounds * self.batch as u64))
            }
            Scenario::Heartbeat => Some([500, 1_500]),
            Scenario::Election => Some([50, 150]),
            Scenario::CatchUp | Scenario::Truncation | Scenario::Compaction | Scenario::Memory => {
                None
            }
        }
    }

    /// The command line of a measured program.
    pub(crate) fn words(&self, units: u64) -> Vec<String> {
        let numbers = [
            ("--nodes", self.nodes as u64),
            ("--batch", self.batch as u64),
            ("--payload", self.payload as u64),
            ("--entries", units),
        ];
        let mut words = vec!["--scenario".to_owned(), self.scenario.name().to_owned()];
        words.extend(
            numbers.iter().flat_map(|(name, value)| [(*name).to_owned(), value.to_string()]),
        );
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_commit_row_and_every_scenario() {
        let all = Case::all(&Filter::default());
        let of = |scenario| all.iter().filter(|case| case.scenario == scenario).count();
        assert_eq!(of(Scenario::Commit), 27);
        assert!(Scenario::ALL.into_iter().all(|scenario| of(scenario) > 0));
    }

    #[test]
    fn a_filter_keeps_only_what_it_names() {
        let filter =
            Filter { scenarios: vec![Scenario::Commit], nodes: vec![3], ..Filter::default() };
        let cases = Case::all(&filter);
        assert_eq!(cases.len(), 9);
        assert!(cases.iter().all(|case| case.nodes == 3));
    }

    #[test]
    fn both_run_lengths_hold_whole_batches() {
        for case in Case::all(&Filter::default()) {
            let Some([short, long]) = case.instruction_units() else { continue };
            assert!(short < long && short % case.batch as u64 == 0, "{case:?}");
        }
    }
}
