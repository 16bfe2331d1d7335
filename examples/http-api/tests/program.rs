//! The program: one node, its flags, and its data in another life.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_http-api");

/// A node that is ended, without a farewell, when this is dropped.
struct Running {
    child: Child,
    url: String,
}

impl Running {
    fn start(data: &Path) -> Running {
        let mut command = Command::new(PROGRAM);
        command.args(["--node", "1", "--http", "127.0.0.1:0", "--data"]).arg(data);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (_, url) = line.trim_end().split_once(" answers on ").expect("it says where");
        Running { url: format!("{url}/keys/hello"), child }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn what_was_put_is_there_after_the_program_was_killed() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let node = Running::start(&data);
    ureq::put(&node.url).send("world").unwrap();
    drop(node);
    let node = Running::start(&data);
    let read = ureq::get(&node.url).call().unwrap().body_mut().read_to_string().unwrap();
    assert_eq!(read, "world");
    ureq::delete(&node.url).call().unwrap();
    let gone = ureq::get(&node.url).call().unwrap_err();
    assert!(matches!(gone, ureq::Error::StatusCode(404)), "{gone}");
}

#[test]
fn flags_that_are_wrong_are_named() {
    for (peer, says) in [
        ("127.0.0.1:7001", "such as 1=127.0.0.1:7001"),
        ("0=127.0.0.1:7001", "a number from 1"),
        ("1=here", "an address is such as"),
    ] {
        let mut command = Command::new(PROGRAM);
        command.args(["--node", "1", "--data", "x", "--http", "127.0.0.1:0", "--peer", peer]);
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains(says), "{errors}");
    }
}
