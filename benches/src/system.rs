//! The systems that are measured, where their programs are, and how peers' are built.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// A system in one of its settings.
#[derive(Clone, Debug)]
pub(crate) struct System {
    /// As in the rows.
    pub(crate) name: &'static str,
    /// How followers learn the commit index.
    pub(crate) commit_news: &'static str,
    /// The program, or why there is none.
    pub(crate) program: Result<Program, String>,
}

/// What is run.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    /// What stands before the case's own words.
    pub(crate) words: Vec<String>,
}

struct Peer {
    name: &'static str,
    folder: &'static str,
    settings: Option<&'static str>,
    commit_news: &'static str,
}

const NEXT_MESSAGE: &str = "next message";
const EAGERLY: &str = "eagerly";

const PEERS: [Peer; 5] = [
    Peer { name: "noraft", folder: "noraft", settings: None, commit_news: NEXT_MESSAGE },
    Peer { name: "omnipaxos", folder: "omnipaxos", settings: None, commit_news: EAGERLY },
    Peer {
        name: "raft-rs tuned",
        folder: "raft",
        settings: Some("tuned"),
        commit_news: NEXT_MESSAGE,
    },
    Peer { name: "raft-rs", folder: "raft", settings: Some("default"), commit_news: EAGERLY },
    Peer { name: "openraft", folder: "openraft", settings: None, commit_news: EAGERLY },
];

/// quorate: this very program, under another name.
pub(crate) fn quorate() -> Result<System, String> {
    let program = this_program("measure")?;
    Ok(System { name: "quorate", commit_news: NEXT_MESSAGE, program: Ok(program) })
}

/// This very program, started with `word`.
pub(crate) fn this_program(word: &str) -> Result<Program, String> {
    let path = env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
    Ok(Program { path, words: vec![word.to_owned()] })
}

/// The folders that `wanted` names: `all`, `none`, or names of folders with commas between.
fn folders(wanted: &str) -> Result<Vec<&'static str>, String> {
    let mut all: Vec<&'static str> = PEERS.iter().map(|peer| peer.folder).collect();
    all.dedup();
    match wanted {
        "all" => return Ok(all),
        "none" => return Ok(vec![]),
        _ => {}
    }
    let find = |name: &str| {
        let found = all.iter().find(|folder| **folder == name).copied();
        found.ok_or_else(|| {
            format!("there is no peer {name:?}; --peers takes all, none, or of {}", all.join(","))
        })
    };
    wanted.split(',').map(|name| find(name.trim())).collect()
}

/// The wanted peers, built; one that cannot be built says why.
pub(crate) fn peers(wanted: &str, progress: impl Fn(&str)) -> Result<Vec<System>, String> {
    let mut systems = Vec::new();
    for folder in folders(wanted)? {
        progress(&format!("building {folder}"));
        let built = build(folder);
        for peer in PEERS.iter().filter(|peer| peer.folder == folder) {
            let settings = peer.settings.iter();
            let words = settings.flat_map(|name| ["--settings".to_owned(), (*name).to_owned()]);
            let words: Vec<String> = words.collect();
            let program = built.clone().map(|path| Program { path, words });
            systems.push(System { name: peer.name, commit_news: peer.commit_news, program });
        }
    }
    Ok(systems)
}

/// Builds a peer in its own workspace, beneath this program's target directory.
pub(crate) fn build(folder: &str) -> Result<PathBuf, String> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(folder);
    let manifest = manifest.join("Cargo.toml");
    let target = target_directory()?.join("peers");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--release", "--quiet", "--manifest-path"])
        .arg(&manifest)
        .arg("--target-dir")
        .arg(&target)
        .output()
        .map_err(|error| format!("not built: cargo does not start: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let why = said.lines().find(|line| line.starts_with("error")).unwrap_or("cargo failed");
        return Err(format!("not built: {why}"));
    }
    let name = format!("quorate-bench-peer-{folder}{}", env::consts::EXE_SUFFIX);
    Ok(target.join("release").join(name))
}

pub(crate) fn target_directory() -> Result<PathBuf, String> {
    let program =
        env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
    let target = program.parent().and_then(Path::parent);
    target.map(Path::to_owned).ok_or_else(|| "this program lies in no target directory".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_chosen_by_name_and_an_unknown_one_is_answered_with_those_there_are() {
        assert_eq!(folders("none"), Ok(vec![]));
        assert_eq!(folders("raft, noraft"), Ok(vec!["raft", "noraft"]));
        assert_eq!(folders("all").map(|all| all.len()), Ok(4));
        let error = folders("paxos").expect_err("no such peer");
        assert!(error.contains("omnipaxos"), "{error}");
    }
}
