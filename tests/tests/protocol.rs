//! `docs/protocol.md` and the core agree: every citation has a row, every row a place that cites it and a
//! test that is there; so have the comparison's claims and the paper's map. Needs nothing but the files: `rustc --test` is enough.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
};

const CORE: &str = "raft-proto-free-core/src";
const FOLDERS: [&str; 6] =
    ["raft-proto-free-core", "adapters", "engine", "simulator", "tests", "examples"];

/// A rule: its source, the files that carry it, the tests that hold it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Row {
    line: usize,
    source: String,
    files: Vec<String>,
    tests: Vec<String>,
}

/// What a file of the core cites.
#[derive(Debug, Default)]
struct Cited {
    /// By `raft:5.2` or `diss:6.4`, at a branch: each must have a row.
    strictly: BTreeSet<String>,
    /// Those, and sections that the comments mention otherwise: "(paper §5.3)".
    at_all: BTreeSet<String>,
}

/// The top of the repository: where the lock file is.
fn top() -> PathBuf {
    let start = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let start = start.or_else(|| env::current_dir().ok()).expect("tests run in a folder");
    let found = start.ancestors().find(|folder| folder.join("Cargo.lock").exists());
    found.expect("the repository has a lock file").to_owned()
}

/// Every Rust file below a folder, build output apart.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder can be listed") {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The rows of all tables whose first cell is a source.
fn rows(document: &str) -> Vec<Row> {
    let is_rule = |(_, line): &(usize, &str)| {
        ["| `raft:", "| `diss:", "| `own:"].iter().any(|start| line.starts_with(start))
    };
    let numbered = (1..).zip(document.lines());
    numbered.filter(is_rule).map(|(line, text)| row(line, text)).collect()
}

fn row(line: usize, text: &str) -> Row {
    let cells: Vec<&str> = text.trim_matches('|').split('|').collect();
    let [source, _, files, tests] = cells[..] else {
        panic!("line {line} has {} cells, not 4: {text}", cells.len())
    };
    let source = quoted(source).pop().unwrap_or_default();
    Row { line, source, files: quoted(files), tests: quoted(tests) }
}

/// What stands between backquotes.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The number of a section at the head of `text`: "5.4.2".
fn section(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number = text[..end].trim_end_matches('.');
    (!number.is_empty()).then(|| number.to_owned())
}

fn cited(text: &str) -> Cited {
    let mut cited = Cited::default();
    let mut book = "raft";
    for line in text.lines() {
        let Some((_, comment)) = line.split_once("//") else {
            book = "raft";
            continue;
        };
        for word in comment.split_whitespace() {
            let word = word.trim_start_matches(['(', '/', '!', '"', '`']);
            for (prefix, name) in [("raft:", "raft"), ("diss:", "diss")] {
                if let Some(number) = word.strip_prefix(prefix).and_then(section) {
                    cited.strictly.insert(format!("{name}:{number}"));
                }
            }
            match word.trim_end_matches(|c: char| !c.is_alphabetic()) {
                "paper" => book = "raft",
                "dissertation" => book = "diss",
                _ => {}
            }
            if let Some(number) = word.strip_prefix('§').and_then(section) {
                cited.at_all.insert(format!("{book}:{number}"));
            }
        }
    }
    cited.at_all.extend(cited.strictly.iter().cloned());
    cited
}

/// The names of all functions that are tests.
fn test_functions(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(rest) = line.strip_prefix("fn ").or(line.strip_prefix("async fn ")) {
            if is_test {
                found.extend(rest.split('(').next().map(str::to_owned));
            }
            is_test = false;
        }
    }
    found
}

/// Everything that is wrong, one line each.
fn faults(rows: &[Row], core: &BTreeMap<String, Cited>, tests: &BTreeSet<String>) -> Vec<String> {
    let mut faults = Vec::new();
    for row in rows {
        let Row { line, source, files, tests: named } = row;
        if files.is_empty() || named.is_empty() {
            faults.push(format!("line {line}: a rule without a place or without a test"));
        }
        for file in files {
            match core.get(file) {
                None => faults.push(format!("line {line}: no file {file}")),
                Some(_) if source.starts_with("own:") => {}
                Some(cited) if !cited.at_all.contains(source) => {
                    faults.push(format!("line {line}: {file} does not cite {source}"));
                }
                Some(_) => {}
            }
        }
        let missing = named.iter().filter(|name| !tests.contains(*name));
        faults.extend(missing.map(|name| format!("line {line}: no test {name}")));
    }
    for (file, cited) in core {
        for source in &cited.strictly {
            let has_row = rows.iter().any(|row| row.source == *source && row.files.contains(file));
            if !has_row {
                faults.push(format!("{file} cites {source}, which has no row with that file"));
            }
        }
    }
    faults
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn core(top: &Path) -> BTreeMap<String, Cited> {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let files = sources(&top.join(CORE));
    let files = files.iter().map(|path| (name(path), cited(&read(path))));
    // The front page explains what a citation looks like.
    files.filter(|(name, _)| name != "lib.rs").collect()
}

fn tests(top: &Path) -> BTreeSet<String> {
    let folders = FOLDERS.iter().map(|folder| top.join(folder)).filter(|folder| folder.exists());
    let files = folders.flat_map(|folder| sources(&folder));
    let mut found: BTreeSet<String> = files.flat_map(|path| test_functions(&read(&path))).collect();
    for entry in fs::read_dir(top.join("tests/scenarios")).expect("there are scenarios") {
        let path = entry.expect("a folder can be listed").path();
        found.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    found
}

#[test]
fn every_rule_has_its_place_and_its_test() {
    let top = top();
    let rows = rows(&read(&top.join("docs/protocol.md")));
    let faults = faults(&rows, &core(&top), &tests(&top));
    assert!(faults.is_empty(), "docs/protocol.md:\n{}", faults.join("\n"));
    assert!(rows.len() > 80, "only {} rules were found", rows.len());
}

/// What is missing of the files, tests and scenarios that a column of all tables names.
fn evidence_faults(document: &str, column: usize, top: &Path) -> Vec<String> {
    let (core, tests) = (core(top), tests(top));
    let is_there = |name: &String| {
        let is_file = name.contains('/') && top.join(name).exists();
        is_file || core.contains_key(name) || tests.contains(name)
    };
    let named = (1..).zip(document.lines()).flat_map(|(line, text)| {
        let cell = cells(text).get(column).map(|cell| quoted(cell)).unwrap_or_default();
        cell.into_iter().map(move |name| (line, name))
    });
    let missing = named.filter(|(_, name)| !is_there(name));
    missing.map(|(line, name)| format!("line {line}: no {name}")).collect()
}

/// The cells of a table's row; none of any other line.
fn cells(text: &str) -> Vec<&str> {
    if text.starts_with('|') { text.trim_matches('|').split('|').collect() } else { Vec::new() }
}

#[test]
fn what_we_claim_to_have_has_evidence() {
    let top = top();
    let comparison = read(&top.join("docs/comparison.md"));
    let faults = evidence_faults(&comparison, 2, &top);
    assert!(faults.is_empty(), "docs/comparison.md:\n{}", faults.join("\n"));
    let features = comparison.lines().map(cells).filter(|cells| cells.len() == 10);
    let bare: Vec<&str> = features
        .filter(|cells| cells[0].trim() != "feature" && !cells[0].starts_with('-'))
        .filter(|cells| quoted(cells[2]).is_empty())
        .map(|cells| cells[0])
        .collect();
    assert!(bare.is_empty(), "without evidence: {bare:?}");
}

#[test]
fn every_story_of_the_papers_map_can_be_run() {
    let top = top();
    let faults = evidence_faults(&read(&top.join("docs/paper-map.md")), 2, &top);
    assert!(faults.is_empty(), "docs/paper-map.md:\n{}", faults.join("\n"));
}

/// A link to a file of the repository leads to one.
#[test]
fn links_lead_somewhere() {
    let top = top();
    let mut seen = 0;
    for folder in ["", "docs", "docs/decisions"] {
        for entry in fs::read_dir(top.join(folder)).expect("a folder can be listed") {
            let path = entry.expect("a folder can be listed").path();
            if path.extension().is_none_or(|extension| extension != "md") {
                continue;
            }
            let text = read(&path);
            let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
                let file = link.split('#').next().unwrap_or_default();
                let target = path.parent().unwrap_or(&top).join(file);
                assert!(target.exists(), "{}: {link} leads nowhere", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "only {seen} links were followed");
}

#[test]
fn a_table_that_is_wrong_is_found_out() {
    let core = BTreeMap::from([
        ("vote.rs".to_owned(), cited("// raft:5.2 one vote\n//! Votes (dissertation §9.6).")),
        ("log.rs".to_owned(), cited("let x = 1; // why, raft:5.3.")),
    ]);
    let tests = BTreeSet::from(["a_test".to_owned()]);
    let sound = "| `raft:5.2` | x | `vote.rs` | `a_test` |\n\
                 | `diss:9.6` | x | `vote.rs` | `a_test` |\n\
                 | `raft:5.3` | x | `log.rs` | `a_test` |\n\
                 | `own:x` | x | `log.rs` | `a_test` |\n";
    let found = |document: &str| faults(&rows(document), &core, &tests);
    assert_eq!(found(sound), [""; 0]);
    for (from, to, fault) in [
        ("`raft:5.3` | x | `log.rs`", "`own:y` | x | `log.rs`", "log.rs cites raft:5.3, which"),
        (
            "`diss:9.6` | x | `vote.rs`",
            "`diss:9.6` | x | `log.rs`",
            "log.rs does not cite diss:9.6",
        ),
        ("`own:x` | x | `log.rs`", "`own:x` | x | `gone.rs`", "no file gone.rs"),
        ("`own:x` | x | `log.rs` | `a_test`", "`own:x` | x | `log.rs` | `b`", "no test b"),
        ("`own:x` | x | `log.rs` | `a_test`", "`own:x` | x | `log.rs` | ", "without a test"),
    ] {
        let broken = sound.replacen(from, to, 1);
        assert_ne!(broken, sound, "the edit is about something that stands there");
        let faults = found(&broken);
        assert!(faults.iter().any(|found| found.contains(fault)), "{fault}: {faults:?}");
    }
}
