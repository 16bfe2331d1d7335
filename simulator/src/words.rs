//! Counted things in words.

/// A count with its noun, which is given for one: `1 seed`, `2 seeds`, `0 entries`. For nouns with a
/// regular plural.
pub fn counted(count: u64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {}", many(one)) }
}

/// The plural.
fn many(one: &str) -> String {
    let hisses = ["s", "x", "ch", "sh"].iter().any(|end| one.ends_with(end));
    match one.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        Some(_) | None if hisses => format!("{one}es"),
        Some(_) | None => format!("{one}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        let all = [(1, "seed"), (0, "seed"), (2, "entry"), (3, "search"), (2, "delay")];
        let told = all.map(|(count, one)| counted(count, one));
        assert_eq!(told, ["1 seed", "0 seeds", "2 entries", "3 searches", "2 delays"]);
    }
}
