//! The planted edits fit the sources, and every rule of the table has one that is convicted.

use std::{collections::BTreeSet, fs, path::Path};

use quorate_tests::planted::{Copy, Fate, edits, repository};

#[test]
fn every_rule_has_an_edit_and_every_edit_a_rule() {
    let edits = edits(&repository()).unwrap_or_else(|error| panic!("{error}"));
    let planted = |suite: &str| -> BTreeSet<String> {
        let edits = edits.iter().filter(|edit| edit.suite == suite);
        edits.map(|edit| edit.test.clone()).collect()
    };
    for suite in ["figure2", "members"] {
        let tests = repository().join("raft-proto-free-core/tests").join(format!("{suite}.rs"));
        assert_eq!(planted(suite), tests_in(&tests));
    }
    let folder = fs::read_dir(repository().join("tests/scenarios")).expect("scenarios are there");
    let names = folder.map(|file| file.expect("a file").path().with_extension(""));
    let scenarios: BTreeSet<String> =
        names.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect();
    assert_eq!(planted("scenarios"), scenarios);
}

/// The names of the tests that stand in a file.
fn tests_in(path: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(path).expect("the tests are there");
    let parts = text.split("#[test]\nfn ").skip(1);
    parts.filter_map(|part| part.split('(').next().map(str::to_owned)).collect()
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
        let clean =
            copy.try_test(&edit.suite, Some(&edit.test)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(clean, Fate::Survived, "{bug}");
        copy.plant(Some(edit)).unwrap_or_else(|error| panic!("{error}"));
        let broken =
            copy.try_test(&edit.suite, Some(&edit.test)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(broken, Fate::Convicted, "{bug}");
    }
}
