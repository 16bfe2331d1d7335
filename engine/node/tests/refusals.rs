//! What the binary is given and cannot use: one sentence, the exit code, and nothing is lost.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod binary;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use binary::*;

#[test]
fn a_wrong_flag_is_named() {
    let cases: [(&[&str], &str); 5] = [
        (&["--no-such-flag"], "--no-such-flag"),
        (&["--value-bytes", "600000"], "600000"),
        (&["--ops", "0"], "0"),
        (&["--clients", "many"], "many"),
        (&["--base-port", "65535"], "65535"),
    ];
    for (arguments, names) in cases {
        let output = demo(arguments);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.starts_with("error: ") && text.contains(names), "{arguments:?}: {text}");
        assert!(!text.contains("panicked") && output.stdout.is_empty());
    }
}

#[test]
fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().clamp(1, 65_533).to_string();
    refused(&demo(&["--quiet", "--base-port", &port]), 3, &[&port, "use a free port"]);
}

#[test]
fn a_directory_that_is_none_of_ours_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("letter.txt");
    fs::write(&file, "dear reader").unwrap();
    let other = "name another directory";
    let (path, file) = (dir.path().to_str().unwrap(), file.to_str().unwrap());
    let cases: [(&str, &[&str]); 3] = [
        (path, &[path, "not a demo's directory", "empty or new directory"]),
        (file, &[file, "not a directory", other]),
        ("/proc/no/such", &["/proc/no/such", other]),
    ];
    for (given, says) in cases {
        refused(&demo(&["--quiet", "--data-dir", given]), 3, says);
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing was added");
}

/// Changes a number in the manifest.
fn set(dir: &Path, name: &str, number: u64) -> u64 {
    let path = dir.join("demo.json");
    let mut manifest: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let before = manifest[name].as_u64().unwrap();
    manifest[name] = number.into();
    fs::write(path, manifest.to_string()).unwrap();
    before
}

#[test]
fn a_directory_of_another_group_node_or_format_is_refused_and_stays_whole() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let acknowledged = kept_run(&data)["acknowledged"].as_u64().unwrap();
    let run = || demo(&["--quiet", "--data-dir", data.to_str().unwrap()]);
    let group = set(&data, "group", 7);
    refused(&run(), 3, &["node-1", "the directory of group 7", &group.to_string()]);
    set(&data, "group", group);
    set(&data, "format", 1);
    refused(&run(), 3, &["format 1", "format 2", "another directory"]);
    set(&data, "format", 2);
    let exchange = || {
        let name = |name: &str| data.join(name);
        fs::rename(name("node-1"), name("spare")).unwrap();
        fs::rename(name("node-2"), name("node-1")).unwrap();
        fs::rename(name("spare"), name("node-2")).unwrap();
    };
    exchange();
    refused(&run(), 3, &["node-1", "belongs to node 2, not 1"]);
    exchange();
    // A node whose disk is gone must not found the group anew.
    fs::rename(data.join("node-3"), dir.path().join("lost")).unwrap();
    refused(&run(), 3, &["node-3", "put the log back"]);
    fs::remove_dir_all(data.join("node-3")).unwrap();
    fs::rename(dir.path().join("lost"), data.join("node-3")).unwrap();
    nothing_is_lost(&data, acknowledged);
}

#[test]
fn a_byte_that_rotted_in_a_synced_segment_is_named_and_stops_the_node() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let acknowledged = kept_run(&data)["acknowledged"].as_u64().unwrap();
    let segment = segments(&data.join("node-2")).remove(0);
    let sound = fs::read(&segment).unwrap();
    let mut rotten = sound.clone();
    rotten[2 * 512 + 70] ^= 0x10;
    fs::write(&segment, &rotten).unwrap();
    let output = demo(&["--quiet", "--data-dir", data.to_str().unwrap()]);
    refused(&output, 3, &["node-2", "segment 1 is damaged at byte 1024", "new id"]);
    assert_eq!(fs::read(&segment).unwrap(), rotten, "it is left as it is");
    fs::write(&segment, &sound).unwrap();
    nothing_is_lost(&data, acknowledged);
}

#[test]
fn a_directory_in_use_is_refused_to_a_second_demo() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let acknowledged = kept_run(&data)["acknowledged"].as_u64().unwrap();
    let run = || demo(&["--quiet", "--data-dir", data.to_str().unwrap()]);
    let first = Endless::start(&data);
    refused(&run(), 3, &["data is in use by another demo", "another directory"]);
    drop(first);
    let lock = fs::File::open(data.join("node-2").join("LOCK")).unwrap();
    lock.lock().unwrap();
    refused(&run(), 3, &["node-2 is in use by another process", "another directory"]);
    drop(lock);
    let result = kept_run(&data);
    let found = result["earlier_found"].as_u64().unwrap();
    assert!(result["lost"] == 0 && found > acknowledged, "{result}");
}

#[test]
fn a_file_of_pairs_is_refused_by_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pairs");
    let good: String = (0..200).map(|number| format!("key-{number},value\n")).collect();
    let long = |bytes: usize| "v".repeat(bytes);
    let json = |value: &str| format!("{{\"key\":\"k\",\"value\":\"{value}\"}}\n");
    let cases: Vec<(Vec<u8>, &[&str])> = vec![
        (Vec::new(), &["holds no pair", "key,value"]),
        (b"key,value\n".to_vec(), &["holds no pair"]),
        ((good.clone() + "alone\n").into(), &["line 201", "1 field(s) where 2 are due"]),
        ((good.clone() + "a,b,c\n").into(), &["line 201", "3 field(s)"]),
        ((good.clone() + ",value\n").into(), &["line 201", "the key is empty"]),
        ((good.clone() + "k," + &long(600_000)).into(), &["line 201", "over the limit of 524288"]),
        ((good.clone() + "k," + &long(5 << 20)).into(), &["line 201", "longer than the limit"]),
        ([good.as_bytes(), b"k,\xff\xfe\n"].concat(), &["line 201", "not UTF-8"]),
        (b"\x7fELF\x00\x01\x02\xff\xff,\x00\n\x80".to_vec(), &["line 1", "not UTF-8"]),
        ((json("v") + "{\"key\":1}\n").into(), &["line 2", "key"]),
        ((json("v") + "nonsense\n").into(), &["line 2", "expected"]),
        ((json("v") + &json(&long(5 << 20))).into(), &["line 2", "longer than the limit"]),
        ([json("v").as_bytes(), b"\xff\n"].concat(), &["line 2"]),
    ];
    for (text, says) in cases {
        fs::write(&path, text).unwrap();
        refused(&demo(&["--quiet", "--input", path.to_str().unwrap()]), 3, says);
    }
    fs::remove_file(&path).unwrap();
    for given in [&path, dir.path()] {
        let given = given.to_str().unwrap();
        refused(&demo(&["--quiet", "--input", given]), 3, &["cannot read", given, "name a file"]);
    }
}

/// In a small file system of its own, where this system lets a test mount one.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_names_the_directory_and_costs_nothing_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let script = r#"
        mount -t tmpfs -o size=72m quorate-test "$1" || exit 77
        "$2" demo --quiet --json --value-bytes 4096 --data-dir "$1/data" && exit 78
        test $? = 3 || exit 79
        "$2" demo --quiet --json --data-dir "$1/data" && exit 80
        test $? = 3 || exit 81
        mount -o remount,size=1g "$1" || exit 77
        exec "$2" demo --quiet --json --ops 400 --data-dir "$1/data"
    "#;
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", script, "sh", dir.path().to_str().unwrap()]);
    let output = command.arg(env!("CARGO_BIN_EXE_quorate")).stdin(Stdio::null()).output();
    let Some(output) =
        output.ok().filter(|output| ![Some(77), Some(1)].contains(&output.status.code()))
    else {
        eprintln!("not run: this system lets no test mount a file system");
        return;
    };
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let errors: Vec<&str> = text.lines().collect();
    assert_eq!(errors.len(), 2, "{text}");
    for error in errors {
        assert!(error.starts_with("error: ") && error.contains("/data"), "{text}");
        assert!(error.contains("no space left"), "{text}");
        assert!(error.contains("free some"), "{text}");
    }
    let result = json(&output);
    assert_eq!(result["lost"], 0);
    assert!(result["earlier_found"].as_u64().unwrap() > 1_000, "{result}");
}
