//! What becomes of the failures of a batch: each is written as a file, and the first of each
//! property is made smaller.

use std::{fs, path::PathBuf};

use quorate_sim::{file, run::Report};

use super::{RunArgs, output, shrink};

/// The folder that means that nothing is written.
const NONE: &str = "none";

/// A failure and what was kept of it.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) file: Option<PathBuf>,
    pub(super) shrunk: Option<shrink::Result>,
}

fn path_of(args: &RunArgs, report: &Report) -> Option<PathBuf> {
    let folder = (args.failures != NONE).then(|| PathBuf::from(&args.failures))?;
    let recipe = report.recipe;
    Some(folder.join(format!("{}-{}.toml", recipe.profile.name(), recipe.seed)))
}

/// Writes a failure to its file and says where it is.
pub(super) fn write(args: &RunArgs, report: &Report) -> Option<PathBuf> {
    let (path, failure) = (path_of(args, report)?, report.failure.as_ref()?);
    let written = fs::create_dir_all(&args.failures)
        .and_then(|()| fs::write(&path, file::write(&failure.case)));
    match written {
        Ok(()) => {
            eprintln!("written: {}", path.display());
            Some(path)
        }
        Err(error) => {
            eprintln!("the failure cannot be written to '{}': {error}", path.display());
            None
        }
    }
}

/// Makes the first failure of each property smaller.
pub(super) fn shrink_each(args: &RunArgs, reports: &[Report], kept: &mut [Kept]) {
    let mut seen = Vec::new();
    for (report, kept) in reports.iter().zip(kept) {
        let (Some(failure), Some(path)) = (&report.failure, &kept.file) else { continue };
        let property = failure.violation.property();
        if seen.contains(&property) {
            continue;
        }
        seen.push(property);
        let target = shrink::target_of(&path.display().to_string());
        match shrink::within(failure.case.clone(), args.shrink_budget, args.jobs, target) {
            Ok(Some(found)) => {
                if !args.json {
                    shrink::tell(&found);
                }
                kept.shrunk = Some(found);
            }
            Ok(None) => eprintln!("the failure of {} is not seen again", path.display()),
            Err(error) => {
                output::usage(&error);
            }
        }
    }
}
