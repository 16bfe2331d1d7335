//! Every text in `tests/scenarios` at the top of the repository is a test, named by its file:
//! `cargo test -p quorate-core --test scenarios figure_8` runs those whose name holds that.
//! `docs/scenarios.md` explains the format.

mod group;
mod scenario;

use std::{fs, path::Path};

use libtest_mimic::{Arguments, Trial};

/// Each text runs once with every action carried out as it comes, and so often with orders drawn
/// anew: across kinds any order is allowed, and no fact may depend on it.
const SHUFFLES: u64 = 8;

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/scenarios");
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a folder can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} holds no scenario", folder.display());
    let trials = paths.into_iter().map(|path| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Trial::test(name, move || Ok(check(&path)?))
    });
    let mut trials: Vec<Trial> = trials.collect();
    trials.push(Trial::test("a_false_expectation_fails", || Ok(scenario::prove_it_can_fail()?)));
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn check(path: &Path) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    scenario::run(&text, None).map_err(|error| format!("{}:{error}", path.display()))?;
    for shuffle in 0..SHUFFLES {
        scenario::run(&text, Some(shuffle)).map_err(|error| {
            format!("{}:{error}\nwith actions in order {shuffle}", path.display())
        })?;
    }
    Ok(())
}
