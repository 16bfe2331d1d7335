//! The house's order: which crate may know which, how long a file may be, what the core must not touch.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use quorate_tests::planted::repository;

/// For each member the members that it may know, besides those that these know. Whoever adds an arrow
/// adds it here, with a thought.
const ARROWS: [(&str, &[&str]); 19] = [
    ("quorate-core", &[]),
    ("quorate-codec", &["quorate-core"]),
    ("quorate-driver", &["quorate-codec", "quorate-core"]),
    ("quorate-wal", &["quorate-driver", "quorate-codec", "quorate-core"]),
    ("quorate-tokio", &["quorate-driver", "quorate-codec", "quorate-core"]),
    ("quorate-kv", &["quorate-driver", "quorate-core"]),
    (
        "quorate",
        &[
            "quorate-codec",
            "quorate-tokio",
            "quorate-wal",
            "quorate-kv",
            "quorate-driver",
            "quorate-core",
        ],
    ),
    (
        "quorate-sim",
        &["quorate-core", "quorate-codec", "quorate-driver", "quorate-wal", "quorate-kv"],
    ),
    (
        "quorate-tests",
        &["quorate", "quorate-core", "quorate-codec", "quorate-driver", "quorate-sim"],
    ),
    ("quorate-bench-harness", &[]),
    ("quorate-bench-load", &[]),
    (
        "quorate-bench",
        &[
            "quorate",
            "quorate-bench-harness",
            "quorate-bench-load",
            "quorate-core",
            "quorate-driver",
            "quorate-kv",
            "quorate-wal",
        ],
    ),
    ("embedded", &["quorate"]),
    ("custom-machine", &["quorate", "quorate-core", "quorate-driver"]),
    ("custom-store", &["quorate", "quorate-core", "quorate-codec", "quorate-driver"]),
    ("http-api", &["quorate"]),
    ("embed-threads", &["quorate-core"]),
    ("embed-bare", &["quorate-core"]),
    ("simulate-your-state-machine", &["quorate-core", "quorate-driver", "quorate-sim"]),
];

/// What the core may build on, and nothing else.
const CORE_DEPENDENCIES: [&str; 5] = ["bytes", "rand_chacha", "serde", "smallvec", "thiserror"];

/// The most lines that a source file may have.
const FILE_LINES: usize = 500;

/// Files that are longer, and how long they are: they only shrink.
const LONGER: [(&str, usize); 1] = [("raft-proto-free-core/tests/figure2.rs", 800)];

fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(repository())
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    packages
        .iter()
        .map(|package| {
            let all = package["dependencies"].as_array().into_iter().flatten();
            let normal = all.filter(|dependency| dependency["kind"].is_null());
            (text(&package["name"]), normal.map(|dependency| text(&dependency["name"])).collect())
        })
        .collect()
}

#[test]
fn arrows_point_one_way() {
    let found = dependencies();
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.into();
    let members: Vec<&String> = found.keys().collect();
    assert_eq!(members, allowed.keys().collect::<Vec<_>>(), "a member without its arrows");
    for (member, dependencies) in &found {
        let ours = dependencies.iter().filter(|name| allowed.contains_key(name.as_str()));
        for name in ours {
            let may = allowed[member.as_str()].contains(&name.as_str());
            assert!(may, "{member} must not know {name}");
        }
    }
}

#[test]
fn the_core_builds_on_little() {
    let found = dependencies();
    for name in &found["quorate-core"] {
        assert!(CORE_DEPENDENCIES.contains(&name.as_str()), "the core must not need {name}");
    }
    for member in ["quorate-core", "quorate-codec", "quorate-driver", "quorate-wal", "quorate-kv"] {
        assert!(!found[member].contains("tokio"), "{member} must know no executor");
    }
}

#[test]
fn the_core_touches_nothing_ambient() {
    let banned = ["std::", "HashMap", "HashSet", "println!", "SystemTime", "Instant", "thread_rng"];
    for path in sources(&repository().join("raft-proto-free-core/src")) {
        let text = fs::read_to_string(&path).expect("a source can be read");
        for (line, number) in text.lines().zip(1..) {
            let code = line.split("//").next().unwrap_or_default();
            let found = banned.iter().find(|word| code.contains(**word));
            assert_eq!(found, None, "{}:{number}", path.display());
        }
    }
}

#[test]
fn files_stay_small() {
    let top = repository();
    let longer: BTreeMap<&str, usize> = LONGER.into();
    let members = [
        "raft-proto-free-core",
        "adapters",
        "engine",
        "simulator",
        "tests",
        "fuzz",
        "benches",
        "examples",
    ];
    let mut seen = 0;
    for path in members.iter().flat_map(|member| sources(&top.join(member))) {
        let text = fs::read_to_string(&path).expect("a source can be read");
        let name = path.strip_prefix(&top).expect("below the top").to_string_lossy().into_owned();
        let (lines, limit) = (text.lines().count(), longer.get(name.as_str()));
        let limit = limit.copied().unwrap_or(FILE_LINES);
        assert!(lines <= limit, "{name} has {lines} lines, more than {limit}: split it");
        seen += 1;
    }
    assert!(seen > 100, "only {seen} files were looked at");
}

/// Every Rust file below a folder, build output apart.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder can be listed") {
        let path = entry.expect("a folder can be listed").path();
        let is_output = path.file_name().is_some_and(|name| name == "target");
        if path.is_dir() && !is_output {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}
