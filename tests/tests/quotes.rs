//! What the guides show of a program stands in it, line by line.

use std::fs;

use quorate_tests::planted::repository;

/// How many quotes each guide has at least: one that loses them shows nothing any more.
const GUIDES: [(&str, usize); 4] = [
    ("docs/embedding.md", 14),
    ("docs/simulator.md", 12),
    ("docs/custom-state-machine.md", 1),
    ("docs/custom-storage.md", 5),
];

/// The lines that say something.
fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

/// The file that a block of Rust names in its first line, and the quote. Others are examples by
/// themselves, which are compiled.
fn quotes(guide: &str) -> impl Iterator<Item = (&str, &str)> {
    let blocks = guide.split("\n```rust").skip(1).filter_map(|rest| rest.split("\n```").next());
    blocks.filter_map(|block| {
        let (_, block) = block.split_once('\n')?;
        let (file, quote) = block.split_once('\n')?;
        let file = file.strip_prefix("// ").filter(|file| file.ends_with(".rs"))?;
        Some((file, quote))
    })
}

fn holds(source: &str, quote: &str) -> bool {
    let quote = lines(quote);
    lines(source).windows(quote.len()).any(|lines| lines == quote)
}

#[test]
fn guides_quote_programs_as_they_are() {
    let read = |file: &str| fs::read_to_string(repository().join(file)).expect(file);
    for (guide, least) in GUIDES {
        let text = read(guide);
        let quoted = quotes(&text).filter(|(file, quote)| {
            assert!(holds(&read(file), quote), "{guide}: {file} does not hold:\n{quote}");
            true
        });
        let quoted = quoted.count();
        assert!(quoted >= least, "{guide} quotes {quoted} times, and should {least} times");
    }
}

#[test]
fn a_line_that_differs_is_seen() {
    let guide =
        "text\n```rust,ignore\n// a.rs\nlet x = 1;\nlet y = 2;\n```\n```rust\nlet z = 3;\n```\n";
    assert_eq!(quotes(guide).collect::<Vec<_>>(), [("a.rs", "let x = 1;\nlet y = 2;")]);
    assert!(holds("fn f() {\n    let x = 1;\n\n    let y = 2;\n}", "let x = 1;\nlet y = 2;"));
    assert!(!holds("let x = 1;\nlet w = 0;\nlet y = 2;", "let x = 1;\nlet y = 2;"));
}
