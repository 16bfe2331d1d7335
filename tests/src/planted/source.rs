//! Of which commit the sources are that bugs are planted in.

use std::{path::Path, process::Command};

/// What is said where neither the environment nor git knows.
pub const UNKNOWN: &str = "unknown";
/// The variable that names the commit where git cannot, as for sources from an archive.
pub const VARIABLE: &str = "QUORATE_COMMIT";

/// The commit that last changed anything in these folders and files, from the top of the repository:
/// a change of a page does not count. With a `+` where they hold what is not committed; [`UNKNOWN`]
/// where nobody knows.
pub fn commit(repository: &Path, sources: &[&str]) -> String {
    if let Ok(named) = std::env::var(VARIABLE)
        && !named.trim().is_empty()
    {
        return named.trim().to_owned();
    }
    let git = |arguments: &[&str]| git(repository, &[arguments, &["--"], sources].concat());
    let Some(commit) = git(&["log", "-1", "--abbrev=12", "--format=%h"]) else {
        return UNKNOWN.to_owned();
    };
    let is_dirty = git(&["status", "--porcelain"]).is_none_or(|changes| !changes.is_empty());
    match (commit.is_empty(), is_dirty) {
        (true, _) => UNKNOWN.to_owned(),
        (false, true) => commit + "+",
        (false, false) => commit,
    }
}

/// Whether the same name means the same sources.
pub fn is_certain(commit: &str) -> bool {
    commit != UNKNOWN && !commit.ends_with('+')
}

fn git(repository: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(repository).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_changed_and_what_nobody_knows_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let (path, run) = (folder.path(), |arguments: &[&str]| git(folder.path(), arguments));
        assert_eq!(commit(path, &["a"]), UNKNOWN);
        run(&["init", "-q"]).unwrap();
        std::fs::write(path.join("a"), "1").unwrap();
        run(&["add", "a"]).unwrap();
        let who = ["-c", "user.name=a", "-c", "user.email=a@b.c"];
        let kept = |what: &str| run(&[&who[..], &["commit", "-q", "-m", what]].concat()).unwrap();
        kept("one");
        let first = commit(path, &["a"]);
        assert!(is_certain(&first), "{first}");
        std::fs::write(path.join("page"), "1").unwrap();
        run(&["add", "page"]).unwrap();
        kept("a page");
        assert_eq!(commit(path, &["a"]), first, "a page is no source");
        std::fs::write(path.join("a"), "2").unwrap();
        let dirty = commit(path, &["a"]);
        assert_eq!(dirty, first + "+");
        assert!(!is_certain(&dirty) && !is_certain(UNKNOWN));
    }
}
