//! Configurations as files, and the table of all knobs.

use std::fmt::Write as _;

use super::{EngineConfig, Knob, knobs::KNOBS};

/// How long a line of a file may be.
const WIDTH: usize = 100;

const HEAD: &str = "\
# Every setting of a node, with its default. Leave out what you do not change.
# A variable of the environment goes before the file: QUORATE_ELECTION_TIMEOUT=\"1s\" and so on.
# Times have a unit (ns, us, ms, s, m, h), sizes too (KiB, MiB, GiB; KB, MB, GB are powers of ten).
";

impl EngineConfig {
    /// Every knob there is, in the order of the page.
    pub fn knobs() -> &'static [Knob] {
        KNOBS
    }

    /// All of it as a file, from which it is read back as the same.
    pub fn to_toml(&self) -> String {
        let mut file = String::new();
        for knob in KNOBS {
            let _ = writeln!(file, "{} = {}", knob.name(), knob.value(self));
        }
        file
    }

    /// A file with every knob, its default, and what it does.
    pub fn example() -> String {
        let defaults = EngineConfig::defaults();
        let mut file = HEAD.to_owned();
        let mut section = "";
        for knob in KNOBS {
            if section != knob.section() {
                section = knob.section();
                let _ = write!(file, "\n\n## {section}\n");
            }
            let range = knob.range().map(|range| format!(" Range: {range}.")).unwrap_or_default();
            file.push('\n');
            comment(&mut file, &format!("{}{range}", knob.about()));
            let _ = writeln!(file, "{} = {}", knob.name(), knob.value(&defaults));
        }
        file
    }

    /// The same as a table of a page.
    pub fn table() -> String {
        let defaults = EngineConfig::defaults();
        let mut table = String::new();
        let mut section = "";
        for knob in KNOBS {
            if section != knob.section() {
                section = knob.section();
                let _ = write!(table, "\n### {section}\n\n");
                table.push_str("| setting | default | range | what it does |\n|---|---|---|---|\n");
            }
            let (value, range) = (knob.value(&defaults), knob.range().unwrap_or_default());
            let _ =
                writeln!(table, "| `{}` | `{value}` | {range} | {} |", knob.name(), knob.about());
        }
        table
    }
}

/// Adds `text` as a comment, broken into lines.
fn comment(file: &mut String, text: &str) {
    let mut line = "#".to_owned();
    for word in text.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            file.push_str(&line);
            file.push('\n');
            line = "#".to_owned();
        }
        line.push(' ');
        line.push_str(word);
    }
    file.push_str(&line);
    file.push('\n');
}
