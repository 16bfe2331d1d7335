//! Every known bug of real implementations is planted or excused, and what is written of them holds.

use std::{collections::BTreeSet, fs, path::Path};

use quorate_sim::profile::Profile;
use quorate_tests::planted::{
    known::{Row, rows},
    page::page,
    repository, results,
    switch::switched,
};

/// The bugs that are known: every one has a row. Ids stay, and are not consecutive.
const BUGS: [u32; 60] = [
    1, 3, 4, 6, 7, 8, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 23, 25, 26, 28, 29, 30, 31, 32,
    35, 36, 37, 38, 39, 40, 41, 43, 44, 46, 47, 49, 50, 51, 52, 54, 56, 59, 61, 62, 64, 66, 67, 69,
    71, 72, 74, 76, 80, 81, 84, 86, 89, 90, 91,
];
/// Those that were seen in engines around a core: all numbers from 1.
const ENGINE_BUGS: u32 = 27;
/// How many CI tries.
const QUICK: usize = 10;

fn all() -> Vec<Row> {
    rows(&repository()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_known_bug_is_planted_or_excused() {
    let found: BTreeSet<String> = all().iter().map(|row| row.bug().to_owned()).collect();
    let known = BUGS.iter().map(|bug| format!("B{bug}"));
    let known: BTreeSet<String> =
        known.chain((1..=ENGINE_BUGS).map(|bug| format!("E{bug}"))).collect();
    assert_eq!(found, known);
}

#[test]
fn rows_name_profiles_and_ci_tries_a_few() {
    let rows = all();
    for row in &rows {
        assert!(Profile::parse(&row.profile).is_some(), "{}: {}", row.id, row.profile);
        assert!(row.is_planted() || !row.quick, "{} cannot be tried", row.id);
    }
    assert_eq!(rows.iter().filter(|row| row.quick).count(), QUICK);
}

/// Each edit lies within the body of one function and is still Rust; the build of CI shows the rest.
#[test]
fn every_row_has_its_arm_in_one_copy() {
    let rows = all();
    let sources = switched(&repository(), &rows).unwrap_or_else(|error| panic!("{error}"));
    for (path, text) in &sources {
        assert!(syn::parse_file(text).is_ok(), "{} is no Rust any more", path.display());
    }
    for (row, number) in rows.iter().zip(1..) {
        let arm = format!("\n{number} => {{");
        let has_arm = |path: &Path| sources[path].contains(&arm);
        assert!(row.edit.iter().all(|edit| has_arm(&edit.file)), "{}", row.id);
    }
}

#[test]
fn the_page_is_written_from_the_rows_and_their_results() {
    let outcomes = results::read(&repository().join("tests/planted/results.jsonl"));
    let outcomes = outcomes.unwrap_or_else(|error| panic!("{error}"));
    let written = fs::read_to_string(repository().join("docs/planted-bugs.md")).unwrap_or_default();
    let due = page(&all(), &outcomes);
    assert!(written == due, "run `cargo run -p quorate-tests --bin planted -- --simulate --table`");
}
