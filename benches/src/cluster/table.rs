//! Rows as tables and as JSON.

use std::fmt::Write;

use quorate_bench_load::Row;
use serde_json::{Value, json};

use super::Measured;
use crate::report::grouped;

/// A table for each count of nodes.
pub(crate) fn markdown(measured: &[Measured]) -> String {
    let mut text = String::new();
    let mut last = None;
    for one in measured {
        if last != Some(one.nodes) {
            head(&mut text, one.nodes);
            last = Some(one.nodes);
        }
        line(&mut text, one);
    }
    text
}

fn head(text: &mut String, nodes: u64) {
    let noun = if nodes == 1 { "node" } else { "nodes" };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "\n### {nodes} {noun}\n");
    let columns = [
        "operation",
        "clients",
        "engine",
        "a second (median)",
        "best",
        "worst",
        "p50 µs",
        "p99 µs",
        "CPU µs an operation",
        "memory MB",
        "failed",
        "durable at acknowledgement",
    ];
    let _ = writeln!(text, "| {} |", columns.join(" | "));
    let _ = writeln!(text, "|{}", "---|".repeat(columns.len()));
}

fn line(text: &mut String, one: &Measured) {
    let Measured { system, operation, clients, .. } = one;
    let numbers = match summary(one) {
        Err(why) => format!("{why}{}", " |".repeat(8)),
        Ok(row) => {
            let micros = [row.p50_us, row.p99_us, row.cpu_us].map(|value| format!("{value:.1}"));
            let counts = [row.ops, row.ops_best, row.ops_worst].map(grouped);
            let rest =
                [(row.resident / 1_000_000).to_string(), row.failed.to_string(), row.durable];
            let cells: Vec<String> = counts.into_iter().chain(micros).chain(rest).collect();
            cells.join(" | ")
        }
    };
    let _ = writeln!(text, "| {operation} | {clients} | {system} | {numbers} |");
}

/// The rounds as one: medians, but the best and the worst second, the most memory and all failures.
fn summary(one: &Measured) -> Result<Row, String> {
    let rows = one.rows.as_ref().map_err(Clone::clone)?;
    let first = rows.first().ok_or("not measured")?;
    let median = |of: fn(&Row) -> f64| {
        let mut values: Vec<f64> = rows.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Ok(Row {
        system: one.system.to_owned(),
        ops: median(|row| row.ops as f64) as u64,
        ops_best: rows.iter().map(|row| row.ops_best).max().unwrap_or(0),
        ops_worst: rows.iter().map(|row| row.ops_worst).min().unwrap_or(0),
        p50_us: median(|row| row.p50_us),
        p99_us: median(|row| row.p99_us),
        cpu_us: median(|row| row.cpu_us),
        failed: rows.iter().map(|row| row.failed).sum(),
        resident: rows.iter().map(|row| row.resident).max().unwrap_or(0),
        ..first.clone()
    })
}

/// The JSON array, a row a line.
pub(crate) fn json(measured: &[Measured]) -> Result<String, String> {
    let lines = measured.iter().map(|one| match summary(one) {
        Ok(row) => serde_json::to_string(&row),
        Err(note) => {
            let Measured { system, nodes, operation, clients, .. } = one;
            let row: Value = json!({
                "system": system, "nodes": nodes, "operation": operation, "clients": clients,
                "note": note,
            });
            serde_json::to_string(&row)
        }
    });
    let lines: Result<Vec<String>, _> = lines.collect();
    let lines = lines.map_err(|error| format!("a row cannot be written: {error}"))?;
    Ok(format!("[\n{}\n]\n", lines.join(",\n")))
}

#[cfg(test)]
mod tests {
    use quorate_bench_load::Operation;

    use super::*;

    fn row(ops: u64) -> Row {
        Row {
            system: "quorate".to_owned(),
            nodes: 3,
            operation: Operation::Put,
            clients: 10,
            durable: "yes".to_owned(),
            ops,
            ops_best: ops + 1000,
            ops_worst: ops - 1000,
            p50_us: 1.0,
            p99_us: 2.0,
            cpu_us: 3.0,
            failed: 1,
            resident: ops * 1000,
        }
    }

    fn measured(rows: Result<Vec<Row>, String>) -> Measured {
        Measured { system: "quorate", nodes: 3, operation: Operation::Put, clients: 10, rows }
    }

    #[test]
    fn rounds_come_to_medians_and_the_best_and_the_worst_second() {
        let text = markdown(&[measured(Ok(vec![row(7000), row(5000), row(6000)]))]);
        let expected =
            "| put | 10 | quorate | 6,000 | 8,000 | 4,000 | 1.0 | 2.0 | 3.0 | 7 | 3 | yes |";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn an_engine_that_is_not_built_has_a_row_that_says_so() {
        let one = measured(Err("not built: no compiler".to_owned()));
        assert!(markdown(std::slice::from_ref(&one)).contains("| not built: no compiler |"));
        assert!(json(&[one]).is_ok_and(|text| text.contains("no compiler")));
    }
}
