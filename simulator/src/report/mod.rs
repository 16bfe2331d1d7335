//! A run as one page that a browser shows: no network, no other files.
//!
//! The page is `page.html` with the style and the scripts of this folder and the records as JSON.
//! Its policy forbids it to fetch anything.

mod data;

use crate::{case::Case, run::Played, system::System};

pub use data::RECORDS_MAX;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
const SCRIPTS: [&str; 6] = [
    include_str!("model.js"),
    include_str!("layout.js"),
    include_str!("draw.js"),
    include_str!("panel.js"),
    include_str!("keys.js"),
    include_str!("selftest.js"),
];

/// The page of a run that was played with a trace. `source` names the case for the reader: a file
/// or a seed; `command` is what shows the run again.
pub fn html<S: System>(
    case: &Case<S>,
    played: &Played<S::Operation>,
    source: &str,
    command: &str,
) -> String {
    let data = data::of(case, played, source, command);
    // `<` could end the script that holds the data, or begin a comment in it.
    let data = data.to_string().replace('<', "\\u003c");
    let title = format!("{}: {source}", data::headline(played));
    let mut page = String::with_capacity(data.len() + 64 * 1024);
    let mut rest = PAGE;
    while let Some((before, after)) = rest.split_once("{{") {
        page.push_str(before);
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        match name {
            "title" => page.push_str(&escaped(&title)),
            "style" => page.push_str(STYLE),
            "data" => page.push_str(&data),
            "script" => SCRIPTS.iter().for_each(|script| page.push_str(script)),
            other => page.push_str(other),
        }
        rest = after;
    }
    page.push_str(rest);
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests;
