//! What becomes of the failures of a batch: each is written as a file, and the first of each
//! property is made smaller.

use std::{fs, path::PathBuf};

use quorate_sim::{
    file,
    run::{Options, Report, replay, without_panics},
};

use super::{RunArgs, files, output, replay as page, shrink};

/// The folder that means that nothing is written.
const NONE: &str = "none";

/// A failure and what was kept of it.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) file: Option<PathBuf>,
    pub(super) shrunk: Option<shrink::Result>,
    pub(super) page: Option<PathBuf>,
}

fn path_of(args: &RunArgs, report: &Report) -> Option<PathBuf> {
    let folder = (args.failures != NONE).then(|| PathBuf::from(&args.failures))?;
    let recipe = report.recipe;
    Some(folder.join(format!("{}-{}.toml", recipe.profile.name(), recipe.seed)))
}

/// Writes a failure to its file and says where it is.
pub(super) fn write(args: &RunArgs, report: &Report) -> Option<PathBuf> {
    let (path, failure) = (path_of(args, report)?, report.failure.as_ref()?);
    let text = file::write(&failure.case);
    let written = fs::create_dir_all(&args.failures)
        .and_then(|()| files::write_whole(&path, |out| out.write_all(text.as_bytes())));
    match written {
        Ok(()) => {
            eprintln!("written: {}", path.display());
            Some(path)
        }
        Err(error) => {
            let path = path.display();
            output::cut(&format!("the failure cannot be written to '{path}': {error}"));
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
                kept.page = if args.no_html { None } else { write_page(args, &found) };
                kept.shrunk = Some(found);
            }
            Ok(None) => eprintln!("the failure of {} is not seen again", path.display()),
            Err(error) => {
                output::usage(&error);
            }
        }
    }
}

/// Writes a page that shows the smaller failure, beside its file, and says where it is.
fn write_page(args: &RunArgs, found: &shrink::Result) -> Option<PathBuf> {
    let (case, path) = (&found.shrunk.case, found.path.with_extension("html"));
    let options = Options { trace: true, ..Options::default() };
    let played = without_panics(|| replay(case, options));
    match page::write_page(case, &played, &found.path.display().to_string(), &path) {
        Ok(()) => {
            if !args.json {
                output::tell!("page: {}", path.display());
            }
            Some(path)
        }
        Err(error) => {
            eprintln!("{}", page::no_page(&path, &error));
            None
        }
    }
}
