//! The planted edits fit the sources, and every rule of the table has one that is convicted.

use std::{collections::BTreeSet, fs};

use quorate_tests::planted::{Copy, Fate, edits, repository};

#[test]
fn every_rule_has_an_edit_and_every_edit_a_rule() {
    let edits = edits(&repository()).unwrap_or_else(|error| panic!("{error}"));
    let planted: BTreeSet<String> = edits.iter().map(|edit| edit.test.clone()).collect();
    let path = repository().join("raft-proto-free-core/tests/figure2.rs");
    let text = fs::read_to_string(path).expect("the table is there");
    let tests: BTreeSet<String> = text
        .split("#[test]\nfn ")
        .skip(1)
        .filter_map(|part| part.split('(').next().map(str::to_owned))
        .collect();
    assert_eq!(planted, tests);
}

#[test]
fn a_few_edits_are_convicted() {
    let edits = edits(&repository()).unwrap_or_else(|error| panic!("{error}"));
    let folder = tempfile::tempdir().expect("a folder");
    let mut copy = Copy::new(&repository(), folder.path(), &["raft-proto-free-core"])
        .unwrap_or_else(|error| panic!("{error}"));
    for bug in ["B1", "B30"] {
        let edit = edits.iter().find(|edit| edit.bug.as_deref() == Some(bug)).expect("planted");
        copy.plant(None).unwrap_or_else(|error| panic!("{error}"));
        let clean = copy.try_test(Some(&edit.test)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(clean, Fate::Survived, "{bug}");
        copy.plant(Some(edit)).unwrap_or_else(|error| panic!("{error}"));
        let broken = copy.try_test(Some(&edit.test)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(broken, Fate::Convicted, "{bug}");
    }
}
