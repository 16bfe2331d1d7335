//! What was measured, as Markdown and as JSON.

use std::fmt::Write as _;

use quorate_core::Nanos;
use quorate_sim::{
    hash::mix,
    profile::{Profile, SECOND},
    world::Stats,
};
use serde_json::{Value, json};

/// What some seeds cost.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cost {
    seeds: u64,
    events: u64,
    simulated: Nanos,
    cpu: Nanos,
    /// Over all that happened in them.
    pub(crate) hash: u64,
}

/// All of the simulator.
pub(crate) struct Row {
    pub(crate) profile: Profile,
    pub(crate) cost: Cost,
}

/// Runs with parts left out.
pub(crate) struct Part {
    pub(crate) profile: Profile,
    pub(crate) whole: Cost,
    pub(crate) without_log: Cost,
    pub(crate) without_machine: Cost,
    pub(crate) without_both: Cost,
}

impl Cost {
    pub(crate) fn add(&mut self, stats: &Stats, hash: u64, cpu: Nanos) {
        self.seeds += 1;
        self.events += stats.events;
        self.simulated += stats.simulated;
        self.cpu += cpu;
        self.hash = mix(self.hash, hash);
    }

    /// So much of something for each CPU-second, times `scale`.
    fn per_second(&self, amount: u64, scale: u64) -> u64 {
        let amount = u128::from(amount) * u128::from(scale) * u128::from(SECOND);
        u64::try_from(amount / u128::from(self.cpu.max(1))).unwrap_or(u64::MAX)
    }

    fn events_per_second(&self) -> u64 {
        self.per_second(self.events, 1)
    }

    fn nanos_an_event(&self) -> u64 {
        self.cpu / self.events.max(1)
    }

    fn json(&self) -> Value {
        json!({
            "seeds": self.seeds,
            "events": self.events,
            "simulated_ns": self.simulated,
            "cpu_ns": self.cpu,
            "events_per_cpu_second": self.events_per_second(),
            "simulated_ns_per_cpu_second": self.per_second(self.simulated, 1),
            "seeds_per_1000_cpu_seconds": self.per_second(self.seeds, 1000),
            "ns_per_event": self.nanos_an_event(),
            "hash": format!("{:016x}", self.hash),
        })
    }
}

impl Part {
    /// With their names.
    fn variants(&self) -> [(&'static str, Cost); 4] {
        [
            ("all", self.whole),
            ("without WAL and disk", self.without_log),
            ("without KV and its checks", self.without_machine),
            ("without both", self.without_both),
        ]
    }
}

pub(crate) fn json(nodes: u64, rows: &[Row], parts: &[Part]) -> String {
    let of = |profile: Profile, variant: &str, cost: &Cost| {
        let mut row = cost.json();
        row["profile"] = profile.name().into();
        row["variant"] = variant.into();
        row
    };
    let mut list: Vec<Value> = rows.iter().map(|row| of(row.profile, "all", &row.cost)).collect();
    for part in parts {
        let others = part.variants().into_iter().skip(1);
        list.extend(others.map(|(name, cost)| of(part.profile, name, &cost)));
    }
    format!("{}\n", json!({ "nodes": nodes, "rows": list }))
}

pub(crate) fn markdown(nodes: u64, rows: &[Row], parts: &[Part]) -> String {
    let mut text = format!("Nodes: {nodes}. One core, all oracles, no trace.\n\n");
    text.push_str("| profile | seeds | events | events a CPU-second | simulated s a CPU-second | seeds a CPU-second | ns an event |\n|---|---|---|---|---|---|---|\n");
    for Row { profile, cost } in rows {
        let tenths = cost.per_second(cost.seeds, 10);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} k | {} | {}.{} | {} |",
            profile.name(),
            cost.seeds,
            cost.events,
            cost.events_per_second() / 1000,
            cost.per_second(cost.simulated, 1) / SECOND,
            tenths / 10,
            tenths % 10,
            cost.nanos_an_event(),
        );
    }
    if !parts.is_empty() {
        text.push_str("\nRuns without compactions, with parts left out:\n\n| profile | what runs | events a CPU-second | ns an event | share |\n|---|---|---|---|---|\n");
    }
    for part in parts {
        for (name, cost) in part.variants() {
            let _ = writeln!(
                text,
                "| `{}` | {name} | {} k | {} | {} % |",
                part.profile.name(),
                cost.events_per_second() / 1000,
                cost.nanos_an_event(),
                cost.cpu * 100 / part.whole.cpu.max(1),
            );
        }
    }
    text
}
