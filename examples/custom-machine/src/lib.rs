//! A queue of jobs: submitted once, taken by one worker at a time, done or given back.
//!
//! Everything that the queue decides follows from its commands and their order: it reads no clock and
//! draws no number, and its maps have an order.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use quorate::WireResponse;
use quorate_core::{EntryRef, Payload};
use quorate_driver::{InstallError, SerializeState, StateMachine};
use serde::{Deserialize, Serialize};

/// The jobs that may wait or be under way.
pub const JOB_LIMIT: u64 = 100_000;
/// The submissions that are recognised when they come again: the newest ones.
pub const TOKEN_LIMIT: usize = 10_000;

/// What is written to the log. New kinds go to the end: old logs are read with new programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Adds a job. The same token again adds nothing, and has the first answer.
    Submit {
        /// Drawn by whoever submits.
        token: u128,
        /// What is to be done.
        job: String,
    },
    /// Takes the oldest job that nobody has; where the worker has one already, that one.
    Take {
        /// Who.
        worker: String,
    },
    /// The worker has done its job.
    Done {
        /// Who.
        worker: String,
        /// The job's number.
        id: u64,
    },
    /// The worker does its job no more: it is the next to be taken.
    GiveBack {
        /// Who.
        worker: String,
    },
}

/// What the queue answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The job has this number.
    Submitted(u64),
    /// The number of the worker's job, and what is to be done; none where nothing waits.
    Taken(Option<(u64, String)>),
    /// So it is.
    Noted,
    /// It has no such job: it was done, or given back.
    NotYours,
    /// There are [`JOB_LIMIT`] jobs.
    Full,
    /// The command is none that this program knows.
    Unreadable,
}

/// The state. What a snapshot takes is shared until somebody changes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jobs {
    /// The number given out last.
    last: u64,
    waiting: Arc<BTreeMap<u64, String>>,
    /// Each worker's job.
    taken: Arc<BTreeMap<String, (u64, String)>>,
    done: u64,
    /// What was submitted, by token.
    submitted: Arc<BTreeMap<u128, u64>>,
    /// Their order, oldest first.
    tokens: Arc<VecDeque<u128>>,
}

impl Command {
    /// It as bytes, for [`quorate::MachineClient::propose`].
    pub fn encode(&self) -> Bytes {
        encode(self)
    }
}

/// Writing to memory does not fail for these types.
fn encode(value: &impl Serialize) -> Bytes {
    postcard::to_allocvec(value).expect("plain data has a length").into()
}

impl WireResponse for Answer {
    fn to_bytes(&self) -> Bytes {
        encode(self)
    }

    fn from_bytes(bytes: Bytes) -> Option<Answer> {
        postcard::from_bytes(&bytes).ok()
    }
}

impl StateMachine for Jobs {
    type Response = Answer;

    fn apply_entry(&mut self, entry: EntryRef<'_>) -> Answer {
        match entry.payload {
            Payload::Command(bytes) => match postcard::from_bytes(bytes) {
                Ok(command) => self.apply_command(command),
                Err(_) => Answer::Unreadable,
            },
            // A new leader's first entry, and changes of members: nothing of ours.
            Payload::Noop | Payload::Configuration(_) => Answer::Noted,
        }
    }

    fn snapshot(&self) -> SerializeState {
        // Some pointers: applying goes on while another thread makes bytes of them.
        let state = self.clone();
        Box::new(move || encode(&state).into())
    }

    fn install(&mut self, bytes: Bytes) -> Result<(), InstallError> {
        *self = postcard::from_bytes(&bytes).map_err(|error| InstallError(error.to_string()))?;
        Ok(())
    }
}

impl Jobs {
    /// The jobs that nobody has, by number.
    pub fn waiting(&self) -> &BTreeMap<u64, String> {
        &self.waiting
    }

    /// The job that each worker has.
    pub fn taken(&self) -> &BTreeMap<String, (u64, String)> {
        &self.taken
    }

    /// How many jobs are done.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Applies one command.
    pub fn apply_command(&mut self, command: Command) -> Answer {
        match command {
            Command::Submit { token, job } => self.submit(token, job),
            Command::Take { worker } => Answer::Taken(self.take(worker)),
            Command::Done { worker, id } => match self.taken.get(&worker) {
                Some((has, _)) if *has == id => {
                    Arc::make_mut(&mut self.taken).remove(&worker);
                    self.done += 1;
                    Answer::Noted
                }
                Some(_) | None => Answer::NotYours,
            },
            Command::GiveBack { worker } => match Arc::make_mut(&mut self.taken).remove(&worker) {
                Some((id, job)) => {
                    Arc::make_mut(&mut self.waiting).insert(id, job);
                    Answer::Noted
                }
                None => Answer::NotYours,
            },
        }
    }

    fn submit(&mut self, token: u128, job: String) -> Answer {
        if let Some(id) = self.submitted.get(&token) {
            return Answer::Submitted(*id);
        }
        if (self.waiting.len() + self.taken.len()) as u64 >= JOB_LIMIT {
            return Answer::Full;
        }
        self.last += 1;
        Arc::make_mut(&mut self.waiting).insert(self.last, job);
        let (submitted, tokens) =
            (Arc::make_mut(&mut self.submitted), Arc::make_mut(&mut self.tokens));
        submitted.insert(token, self.last);
        tokens.push_back(token);
        while tokens.len() > TOKEN_LIMIT {
            tokens.pop_front().and_then(|oldest| submitted.remove(&oldest));
        }
        Answer::Submitted(self.last)
    }

    fn take(&mut self, worker: String) -> Option<(u64, String)> {
        if let Some(has) = self.taken.get(&worker) {
            return Some(has.clone());
        }
        let job = Arc::make_mut(&mut self.waiting).pop_first()?;
        Arc::make_mut(&mut self.taken).insert(worker, job.clone());
        Some(job)
    }
}
