//! The program does what it says, and the guide quotes it as it is.

use std::{fs, path::Path, process::Command};

#[test]
fn the_program_checks_its_promises_and_ends() {
    let output = Command::new(env!("CARGO_BIN_EXE_embed-threads")).output().expect("it runs");
    let (said, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{errors}");
    assert!(said.starts_with("embed-threads: ok: 900 writes acknowledged"), "{said}");
    assert_eq!(said.lines().count(), 1);
}

/// Each `rust` block of the guide begins with the file that it is from, and stands there line by line.
#[test]
fn the_guide_quotes_the_program() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let guide = fs::read_to_string(top.join("docs/embedding.md")).expect("the guide is there");
    let blocks = guide.split("```rust\n").skip(1).map(|rest| rest.split("```").next());
    let mut quoted = 0;
    for block in blocks.map(Option::unwrap_or_default) {
        let (file, quote) = block.split_once('\n').expect("a block has a first line");
        let file = file.strip_prefix("// ").expect("the first line names a file");
        let source = fs::read_to_string(top.join(file)).expect(file);
        let (source, quote) = (lines(&source), lines(quote));
        let is_there = source.windows(quote.len()).any(|lines| lines == quote);
        assert!(is_there, "{file} does not hold:\n{}", quote.join("\n"));
        quoted += 1;
    }
    assert!(quoted > 10, "only {quoted} quotes");
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}
