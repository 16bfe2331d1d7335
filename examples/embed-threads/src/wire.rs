//! The network of a program whose nodes are threads: a switchboard of inboxes. A real one puts a
//! socket between two of these; it may lose, repeat and reorder what it carries.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc::Sender},
};

use quorate_core::{
    Index, LogFound, MemberChange, Message, NodeId, Refusal, Seq, SnapshotMeta, Term, Token,
};

/// Everything that can reach a node comes through one door, in the order in which it came.
pub(crate) enum Inbox {
    /// A peer's message.
    Message { from: NodeId, message: Message },
    /// A snapshot that a leader sent. A real host sends it in chunks.
    Snapshot { term: Term, meta: Arc<SnapshotMeta>, bytes: Arc<[u8]> },
    /// The disk's thread has done something.
    Disk(Done),
    /// A client wants something.
    Client(Request),
    /// Somebody wants to look.
    Look(Sender<Look>),
    /// Hand over and stop.
    Stop,
    /// The process is killed: nothing more is done, and nobody is told.
    Die,
}

/// What the disk's thread has done.
pub(crate) enum Done {
    Written(Seq),
    Failed(Seq),
    LogRead { token: Token, found: LogFound },
    SnapshotSaved { index: Index },
    SnapshotReceived { term: Term, meta: Arc<SnapshotMeta> },
}

/// A client's wish, and where its answer goes.
pub(crate) struct Request {
    pub(crate) wish: Wish,
    pub(crate) answer: Sender<Answer>,
}

#[derive(Clone)]
pub(crate) enum Wish {
    Put { key: String, value: String },
    Get { key: String },
    Change(Vec<MemberChange>),
}

/// No answer at all is an answer, too: it may be done, or yet be done, or never.
pub(crate) enum Answer {
    /// Committed, and applied on the node that was asked.
    Done,
    Value(Option<String>),
    /// Surely not done.
    Refused(Refusal),
    /// Surely not done: another leader's entry took its place.
    Replaced,
}

/// What a node looks like from outside.
pub(crate) struct Look {
    pub(crate) leads: bool,
    pub(crate) applied: Index,
    pub(crate) voters: Vec<NodeId>,
    /// How often the loop went round.
    pub(crate) steps: u64,
    pub(crate) installs: u64,
    pub(crate) log_reads: u64,
}

/// Who can be reached.
#[derive(Default)]
pub(crate) struct Wire {
    inboxes: Mutex<BTreeMap<NodeId, Sender<Inbox>>>,
}

impl Wire {
    pub(crate) fn plug(&self, id: NodeId, inbox: Sender<Inbox>) {
        self.inboxes().insert(id, inbox);
    }

    pub(crate) fn unplug(&self, id: NodeId) {
        self.inboxes().remove(&id);
    }

    pub(crate) fn nodes(&self) -> Vec<NodeId> {
        self.inboxes().keys().copied().collect()
    }

    /// False where it surely did not arrive.
    pub(crate) fn send(&self, to: NodeId, what: Inbox) -> bool {
        self.inboxes().get(&to).is_some_and(|inbox| inbox.send(what).is_ok())
    }

    fn inboxes(&self) -> MutexGuard<'_, BTreeMap<NodeId, Sender<Inbox>>> {
        // A thread that died while it held the map left it whole: every change of it is one call.
        self.inboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
