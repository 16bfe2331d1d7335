//! Raft in an I/O loop of one's own: each node is a thread with a channel, its disk another. No
//! executor. `docs/embedding.md` walks through it.
//!
//! The program founds a group of three, writes and reads, kills the leader in mid-stream, brings it
//! back, adds a fourth member, and checks what it was promised. It ends with a line that says what was
//! checked; its exit code is 0 only if all of it held.

mod client;
mod clients;
mod disk;
mod machine;
mod node;
mod record;
mod store;
mod story;
mod wire;

use std::{env, path::PathBuf, process::ExitCode};

fn main() -> ExitCode {
    let name = format!("quorate-embed-threads-{}", std::process::id());
    let folder = env::args_os().nth(1).map_or_else(|| env::temp_dir().join(name), PathBuf::from);
    if folder.exists() {
        eprintln!("{} exists already; name a folder that does not", folder.display());
        return ExitCode::FAILURE;
    }
    let told = story::tell(&folder);
    let cleared = std::fs::remove_dir_all(&folder);
    match told {
        Ok(checked) => println!("embed-threads: {checked}"),
        Err(error) => {
            eprintln!("embed-threads: FAILED: {error}");
            return ExitCode::FAILURE;
        }
    }
    if cleared.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
