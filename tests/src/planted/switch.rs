//! Many planted bugs in one copy, of which a run chooses one: the body of each function that any of
//! them touches is there once as it is and once for each of them, under a switch.

use std::{
    collections::BTreeMap,
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use super::{
    PlantedError, failed,
    known::{Planting, Row},
    only_place,
};

/// The variable that chooses a row, by its number; none and 0 leave the sources as they are.
pub const SWITCH: &str = "QUORATE_PLANTED";

const CORE: &str = "raft-proto-free-core/src/lib.rs";
const CORE_SWITCH: &str = "
/// Which planted bug is on.
pub static PLANTED: core::sync::atomic::AtomicU32 = core::sync::atomic::AtomicU32::new(0);

/// Which planted bug is on.
#[inline(always)]
pub fn planted() -> u32 {
    PLANTED.load(core::sync::atomic::Ordering::Relaxed)
}
";
const MAIN: &str = "simulator/src/main.rs";
const MAIN_START: &str = "fn main() -> ExitCode {\n";

/// The sources of a copy that holds every row, by their path from the top of the repository. A row's
/// number is its place among `rows`, from 1.
///
/// # Errors
/// Where an edit does not lie within the body of one function, or a source cannot be read.
pub fn switched(
    repository: &Path,
    rows: &[Row],
) -> Result<BTreeMap<PathBuf, String>, PlantedError> {
    let mut by_file: BTreeMap<&Path, Vec<(u32, &Planting)>> = BTreeMap::new();
    for (row, number) in rows.iter().zip(1..) {
        for edit in &row.edit {
            by_file.entry(&edit.file).or_default().push((number, edit));
        }
    }
    let read = |file: &Path| {
        let path = repository.join(file);
        fs::read_to_string(&path).map_err(failed(format!("read {}", path.display())))
    };
    let mut found = BTreeMap::new();
    for (file, edits) in by_file {
        let switch =
            if file.starts_with("raft-proto-free-core") { "crate" } else { "quorate_core" };
        let text = switched_text(&read(file)?, &edits, switch)
            .map_err(|what| PlantedError::Table(format!("{}: {what}", file.display())))?;
        found.insert(file.to_owned(), text);
    }
    found.insert(CORE.into(), read(Path::new(CORE))? + CORE_SWITCH);
    let choose = format!(
        "{MAIN_START}    let row = std::env::var(\"{SWITCH}\").ok().and_then(|row| row.parse().ok());
    quorate_core::PLANTED.store(row.unwrap_or(0), std::sync::atomic::Ordering::Relaxed);\n"
    );
    found.insert(MAIN.into(), read(Path::new(MAIN))?.replacen(MAIN_START, &choose, 1));
    Ok(found)
}

/// What a row changes within a body.
type Arm<'a> = Vec<(Range<usize>, &'a str)>;

/// A function's body, braces apart, and the word `const` before it, which a switch rules out.
struct Body {
    place: Range<usize>,
    constness: Option<Range<usize>>,
}

fn switched_text(text: &str, edits: &[(u32, &Planting)], krate: &str) -> Result<String, String> {
    let file = syn::parse_file(text).map_err(|error| error.to_string())?;
    let mut bodies = Vec::new();
    bodies_of(&file.items, &mut bodies);
    // For each body, by its place: for each row the replacements within.
    let mut arms: BTreeMap<usize, BTreeMap<u32, Arm<'_>>> = BTreeMap::new();
    for (number, edit) in edits {
        let begin = only_place(text, &edit.find)
            .map_err(|count| format!("{:?} stands there {count} times", edit.find))?;
        let (place, replace) = narrow(begin, edit);
        let within = |body: &Body| body.place.start <= place.start && place.end <= body.place.end;
        let body = bodies.iter().position(within);
        let body = body.ok_or_else(|| format!("{:?} is not within a function", edit.find))?;
        let arm = arms.entry(body).or_default().entry(*number).or_default();
        arm.push((place, replace));
    }
    let mut changes: Vec<(Range<usize>, String)> = Vec::new();
    for (body, rows) in arms {
        let Body { place, constness } = &bodies[body];
        changes.extend(constness.clone().map(|word| (word, String::new())));
        let clean = &text[place.clone()];
        let mut switch = format!(" match {krate}::planted() {{\n");
        for (number, edits) in rows {
            let within = edits.into_iter().map(|(edit, replace)| {
                (edit.start - place.start..edit.end - place.start, replace.to_owned())
            });
            let broken = changed(clean, within.collect())?;
            switch.push_str(&format!("{number} => {{{broken}}}\n"));
        }
        switch.push_str(&format!("_ => {{{clean}}}\n}} "));
        changes.push((place.clone(), switch));
    }
    changed(text, changes)
}

/// What an edit really changes: where both texts begin or end alike, nothing is.
fn narrow(begin: usize, edit: &Planting) -> (Range<usize>, &str) {
    let (find, replace) = (edit.find.as_str(), edit.replace.as_str());
    let alike = |a: &mut dyn Iterator<Item = char>, b: &mut dyn Iterator<Item = char>| {
        a.zip(b).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum::<usize>()
    };
    let head = alike(&mut find.chars(), &mut replace.chars());
    let (find, replace) = (&find[head..], &replace[head..]);
    let tail = alike(&mut find.chars().rev(), &mut replace.chars().rev());
    let end = begin + head + find.len() - tail;
    (begin + head..end, &replace[..replace.len() - tail])
}

/// `text` with other text in these places.
fn changed(text: &str, mut changes: Vec<(Range<usize>, String)>) -> Result<String, String> {
    changes.sort_by_key(|(place, _)| place.start);
    let (mut out, mut from) = (String::new(), 0);
    for (place, replace) in changes {
        if place.start < from {
            return Err(format!("two edits of {:?}", &text[place]));
        }
        out.push_str(&text[from..place.start]);
        out.push_str(&replace);
        from = place.end;
    }
    out.push_str(&text[from..]);
    Ok(out)
}

/// The bodies of all functions, tests apart.
fn bodies_of(items: &[syn::Item], out: &mut Vec<Body>) {
    for item in items {
        match item {
            syn::Item::Fn(function) => out.push(body(&function.sig, &function.block)),
            syn::Item::Impl(block) => {
                for item in &block.items {
                    if let syn::ImplItem::Fn(function) = item {
                        out.push(body(&function.sig, &function.block));
                    }
                }
            }
            syn::Item::Mod(module) => {
                if let Some((_, items)) = &module.content {
                    bodies_of(items, out);
                }
            }
            // Nothing else has a body; a trait's own are none of ours.
            _ => {}
        }
    }
}

fn body(signature: &syn::Signature, block: &syn::Block) -> Body {
    let braces = block.brace_token.span;
    let place = braces.open().byte_range().end..braces.close().byte_range().start;
    Body { place, constness: signature.constness.as_ref().map(|word| word.span.byte_range()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(find: &str, replace: &str) -> Planting {
        Planting { file: PathBuf::new(), find: find.to_owned(), replace: replace.to_owned() }
    }

    const TEXT: &str = "/// ≤ is longer than a byte.\nconst fn one() -> u32 { 1 }\n\
                        impl A { fn two(&self) -> u32 { let a = 2; a } }\n";

    #[test]
    fn each_row_has_the_bodies_that_it_changes_for_itself() {
        let (one, two) = (edit("1 ", "0 "), edit("= 2;", "= 3;"));
        let rows =
            |last: (u32, &Planting)| switched_text(TEXT, &[(1, &one), (7, &two), last], "crate");
        let overlaps = rows((7, &edit("a = 2", "a = 4")));
        assert_eq!(overlaps, Err("two edits of \"2\"".to_owned()));
        let outside = rows((9, &edit("a } }", "a }"))).unwrap_err();
        assert!(outside.ends_with("is not within a function"), "{outside}");
        let text = rows((8, &edit("= 2; a } }", "= 4; a } }"))).unwrap();
        syn::parse_file(&text).unwrap();
        let text = text.replace('\n', " ");
        assert!(
            text.contains(" fn one() -> u32 { match crate::planted() { 1 => { 0 } _ => { 1 } }")
        );
        assert!(!text.contains("const"), "{text}");
        let arms = "7 => { let a = 3; a } 8 => { let a = 4; a } _ => { let a = 2; a } }";
        assert!(text.contains(arms), "{text}");
    }

    #[test]
    fn what_stands_twice_is_no_place() {
        let row = edit("u32", "u64");
        assert!(switched_text(TEXT, &[(1, &row)], "crate").unwrap_err().ends_with("2 times"));
    }
}
