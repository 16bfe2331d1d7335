//! The JSON line of a repetition.

use crate::{arguments::Arguments, scenarios::Measured};

/// The line that says what a repetition cost: sums over all `units`, times in nanoseconds.
pub fn line(system: &str, arguments: &Arguments, measured: &Measured) -> String {
    let costs = format!(
        r#""units":{},"ns":{},"allocations":{},"bytes":{}"#,
        measured.units,
        measured.elapsed.as_nanos(),
        measured.allocated.count,
        measured.allocated.bytes,
    );
    format!("{{{},{costs}}}", case(system, arguments))
}

/// The line that says that the system cannot do this yet.
pub fn not_yet(system: &str, arguments: &Arguments) -> String {
    format!(r#"{{{},"note":"not yet"}}"#, case(system, arguments))
}

fn case(system: &str, arguments: &Arguments) -> String {
    let Arguments { scenario, nodes, batch, payload, .. } = arguments;
    // Names hold no character that JSON would have to escape.
    format!(
        r#""system":"{system}","scenario":"{scenario}","nodes":{nodes},"batch":{batch},"payload":{payload}"#
    )
}
