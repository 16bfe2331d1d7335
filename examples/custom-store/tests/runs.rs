//! The program checks its promises, and ends; the guide quotes it as it is.

use std::{fs, path::Path, process::Command};

#[test]
fn a_node_on_the_store_has_everything_back_after_a_crash() {
    let output = Command::new(env!("CARGO_BIN_EXE_custom-store")).output().expect("it runs");
    let (said, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{errors}");
    assert_eq!(said.trim_end(), "custom-store: ok: 300 writes, 2 crashes, nothing lost");
}

/// Each block of the guide that names a file stands there, line by line.
#[test]
fn the_guide_quotes_the_program() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |file: &str| fs::read_to_string(top.join(file)).expect(file);
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    };
    let guide = read("docs/custom-storage.md");
    let blocks: Vec<&str> = guide.split("```rust,ignore\n").skip(1).collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        let (block, _) = block.split_once("```").expect("a block has an end");
        let (file, quote) = block.split_once('\n').expect("a block has a first line");
        let file = file.strip_prefix("// ").expect("the first line names a file");
        let (source, quote) = (lines(&read(file)), lines(quote));
        let is_there = source.windows(quote.len()).any(|lines| lines == quote);
        assert!(is_there, "{file} does not hold:\n{}", quote.join("\n"));
    }
}
