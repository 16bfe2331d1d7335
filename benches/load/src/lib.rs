//! What every measured engine shares: the command line, the clients, what they count, and the row that
//! is printed. An engine is measured by implementing [`System`] and calling [`main`]. Knows no engine.

mod case;
mod clients;
mod process;
mod row;

use std::{path::Path, process::ExitCode};

use bytes::Bytes;
use clap::Parser;

pub use crate::{
    case::{Case, Operation},
    process::memory,
    row::Row,
};

/// Bytes of a key.
pub const KEY_BYTES: usize = 8;
/// Bytes of a value.
pub const VALUE_BYTES: usize = 256;

/// An engine, all nodes in this process.
pub trait System: Sized {
    /// What the clients hold.
    type Client: Client;

    /// The name in the rows.
    fn name(case: &Case) -> String;

    /// When a write is acknowledged, in a few words.
    fn durable(case: &Case) -> &'static str;

    /// Starts the nodes on new storage in `dir`; returns once one of them leads.
    ///
    /// # Errors
    /// A sentence that says what failed.
    fn start(case: &Case, dir: &Path) -> impl Future<Output = Result<Self, String>>;

    /// A client of the leader.
    fn client(&self) -> Self::Client;

    /// Ends the nodes.
    fn stop(self) -> impl Future<Output = ()>;
}

/// A client of the leader.
pub trait Client: Clone + Send + Sync + 'static {
    /// Writes a key.
    ///
    /// # Errors
    /// A sentence that says what failed.
    fn put(
        &self,
        key: [u8; KEY_BYTES],
        value: Bytes,
    ) -> impl Future<Output = Result<(), String>> + Send;

    /// Reads a key, as `operation` says; whether it is there.
    ///
    /// # Errors
    /// A sentence that says what failed.
    fn read(
        &self,
        key: [u8; KEY_BYTES],
        operation: Operation,
    ) -> impl Future<Output = Result<bool, String>> + Send;
}

/// The whole of a measured program: reads the command line, without the program's name, runs one case
/// and prints its row.
pub fn main<S: System>(words: impl IntoIterator<Item = String>) -> ExitCode {
    let words = std::iter::once("load".to_owned()).chain(words);
    let case = Case::parse_from(words);
    match run::<S>(&case) {
        Ok(row) => {
            println!("{row}");
            ExitCode::SUCCESS
        }
        Err(sentence) => {
            eprintln!("error: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn run<S: System>(case: &Case) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no threads can be started: {error}"))?;
    let row = runtime.block_on(async {
        let system = S::start(case, &case.dir).await?;
        let tally = clients::load(case, &system.client()).await?;
        let row = Row::of(S::name(case), S::durable(case), case, &tally);
        system.stop().await;
        Ok::<Row, String>(row)
    })?;
    serde_json::to_string(&row).map_err(|error| format!("a row cannot be written: {error}"))
}
