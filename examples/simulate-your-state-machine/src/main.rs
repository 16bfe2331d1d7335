//! A bank in the simulator: a state machine, a workload, an oracle and faults of one's own.
//! `docs/simulator.md` walks through it. With `--bug` the bank forgets money, and is convicted.

use bytes::Bytes;
use quorate_core::{EntryRef, Payload};
use quorate_driver::{InstallError, SerializeState, StateMachine};
use quorate_sim::{
    campaign::Campaign,
    case::Case,
    oracle::Violation,
    plan::{Fault, Pattern, Planned, Target, When},
    profile::{MILLISECOND, SECOND},
    run::{Options, replay},
    system::{Asked, Change, Draw, End, System, Turn, Wanted},
};
use serde::{Deserialize, Serialize};

const TOTAL: u64 = 400;

/// Accounts, and the money of the last transfer: it arrives with the next entry.
#[derive(Clone, Serialize, Deserialize)]
struct Bank {
    balances: [u64; 4],
    under_way: Option<(usize, u64)>,
    forgets: bool,
}

impl Bank {
    fn total(&self) -> u64 {
        self.balances.iter().sum::<u64>() + self.under_way.map_or(0, |(_, amount)| amount)
    }
}

impl StateMachine for Bank {
    type Response = bool;

    fn apply_entry(&mut self, entry: EntryRef<'_>) -> bool {
        if let Some((to, amount)) = self.under_way.take() {
            self.balances[to] += amount;
        }
        let Payload::Command(bytes) = entry.payload else { return false };
        let wish = serde_json::from_slice(bytes);
        let Ok(Wish::Transfer { from, to, amount }) = wish else { return false };
        if from >= 4 || to >= 4 || self.balances[from] < amount {
            return false;
        }
        self.balances[from] -= amount;
        self.under_way = Some((to, amount));
        true
    }

    fn snapshot(&self) -> SerializeState {
        let mut bank = self.clone();
        if bank.forgets {
            bank.under_way = None; // The bug.
        }
        Box::new(move || serde_json::to_vec(&bank).unwrap_or_default())
    }

    fn install(&mut self, bytes: Bytes) -> Result<(), InstallError> {
        *self = serde_json::from_slice(&bytes).map_err(|error| InstallError(error.to_string()))?;
        Ok(())
    }
}

/// What a client asks for. In a file it is a table, hence the tag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Wish {
    Transfer { from: usize, to: usize, amount: u64 },
    Audit,
}

/// The workload and the oracle. What an oracle remembers of a run would stand here.
#[derive(Clone, Debug, PartialEq)]
struct Banking {
    forgets: bool,
}

fn judge(total: u64) -> Result<(), Violation> {
    if total == TOTAL {
        return Ok(());
    }
    Err(Violation::model("total", format!("all accounts together hold {total}, not {TOTAL}")))
}

impl System for Banking {
    const NAME: &'static str = "bank";
    type Machine = Bank;
    type Operation = Wish;
    type Answer = u64;

    fn machine(&self) -> Bank {
        Bank { balances: [TOTAL / 4; 4], under_way: None, forgets: self.forgets }
    }

    fn draw(&self, turn: &Turn<'_>, draw: &mut Draw<'_>) -> Wish {
        if turn.wanted == Wanted::Read || turn.wanted == Wanted::Any && draw.below(4) == 3 {
            return Wish::Audit;
        }
        let [from, to] = [0, 1].map(|_| draw.below(4) as usize);
        Wish::Transfer { from, to, amount: 1 + draw.below(50) }
    }

    fn is_read(&self, wish: &Wish) -> bool {
        *wish == Wish::Audit
    }

    fn command(&self, asked: &Asked<'_, Wish>) -> Bytes {
        serde_json::to_vec(asked.operation).unwrap_or_default().into()
    }

    fn answer(&self, _: &Wish, is_done: &bool) -> Option<u64> {
        Some(u64::from(*is_done))
    }

    fn read(&self, bank: &Bank, _: &Wish) -> u64 {
        bank.total()
    }

    fn ended(&mut self, _: &Asked<'_, Wish>, end: &End<u64>, _: u64) -> Result<(), Violation> {
        if let End::Read { answer, .. } = end { judge(*answer) } else { Ok(()) }
    }

    fn changed(&mut self, _: u64, _: &Change<'_, bool>, bank: &Bank) -> Result<(), Violation> {
        judge(bank.total())
    }
}

/// Snapshots often; and whoever has got a part of one loses its power.
fn harder(case: &mut Case<Banking>) {
    (case.settings.snapshot_every, case.settings.retain_entries) = (10, 0);
    let when = When::On { after: SECOND, pattern: Pattern::SnapshotPart, nth: 2 };
    let (fault, target, duration) = (Fault::PowerLoss, Target::Cause, 200 * MILLISECOND);
    case.plan.faults.push(Planned { when, fault, target, duration, again: 0, chance: 0 });
}

fn main() {
    let forgets = std::env::args().any(|argument| argument == "--bug");
    let results =
        Campaign::of(Banking { forgets }).seeds(0..200).time(6 * SECOND).edit(harder).run();
    print!("{results}");
    for case in results.failures.iter().filter_map(|failed| failed.case()) {
        let again = replay(case, Options { trace: true, ..Options::default() });
        let last = again.trace.len().saturating_sub(8);
        println!("its last moments:\n  {}", again.trace[last..].join("\n  "));
    }
    std::process::exit(results.exit_code().into());
}
