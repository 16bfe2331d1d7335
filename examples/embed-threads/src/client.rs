//! A client: finds the leader, repeats what was surely not done, and says when it does not know.

use std::{
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use quorate_core::{MemberChange, NodeId, Refusal};

use crate::wire::{Answer, Inbox, Request, Wire, Wish};

/// How long one node is waited for.
const PATIENCE: Duration = Duration::from_millis(400);
/// How long a wish is repeated. A group whose majority lives elects a leader long before.
const GIVE_UP: Duration = Duration::from_secs(8);
const PAUSE: Duration = Duration::from_millis(5);

#[derive(Clone)]
pub(crate) struct Client {
    wire: Arc<Wire>,
    /// Whom to ask next.
    target: NodeId,
    /// How often it was not known whether a wish was done.
    pub(crate) unknown: u64,
}

impl Client {
    pub(crate) fn new(wire: &Arc<Wire>) -> Client {
        Client { wire: wire.clone(), target: NodeId::of(1), unknown: 0 }
    }

    /// Puts until it is surely done. To repeat what may have been done is harmless here, since
    /// nobody else writes the key; otherwise a session would have to make it so (dissertation §6.3).
    pub(crate) fn put(&mut self, key: &str, value: &str) -> Result<(), String> {
        let wish = Wish::Put { key: key.into(), value: value.into() };
        self.insist(&wish).map(|_| ())
    }

    /// Reads linearizably, by way of `node`, whatever its role, or of another where it cannot.
    pub(crate) fn get_from(&mut self, node: NodeId, key: &str) -> Result<Option<String>, String> {
        self.target = node;
        match self.insist(&Wish::Get { key: key.into() })? {
            Answer::Value(value) => Ok(value),
            Answer::Done | Answer::Refused(_) | Answer::Replaced => Err("no value".into()),
        }
    }

    pub(crate) fn change(&mut self, change: MemberChange) -> Result<(), String> {
        self.insist(&Wish::Change(vec![change])).map(|_| ())
    }

    fn insist(&mut self, wish: &Wish) -> Result<Answer, String> {
        let start = Instant::now();
        while start.elapsed() < GIVE_UP {
            match self.ask(wish) {
                Ok(Answer::Refused(Refusal::NotLeader { leader: Some(leader) }))
                    if leader != self.target =>
                {
                    self.target = leader;
                }
                // What is so already was done by an earlier try.
                Ok(Answer::Refused(Refusal::Change(_))) => return Ok(Answer::Done),
                Ok(Answer::Refused(_) | Answer::Replaced) => self.look_elsewhere(),
                Ok(answer) => return Ok(answer),
                Err(_) => {
                    self.unknown += 1;
                    self.look_elsewhere();
                }
            }
        }
        Err(format!("nothing was answered for {GIVE_UP:?}"))
    }

    /// No answer within [`PATIENCE`] is an error that says nothing of what was done.
    fn ask(&self, wish: &Wish) -> Result<Answer, RecvTimeoutError> {
        let (answer, answers) = mpsc::channel();
        let request = Request { wish: wish.clone(), answer };
        if !self.wire.send(self.target, Inbox::Client(request)) {
            // It never left.
            return Ok(Answer::Refused(Refusal::NotLeader { leader: None }));
        }
        answers.recv_timeout(PATIENCE)
    }

    fn look_elsewhere(&mut self) {
        thread::sleep(PAUSE);
        let nodes = self.wire.nodes();
        let next = nodes.iter().find(|node| **node > self.target).or(nodes.first());
        self.target = next.copied().unwrap_or(self.target);
    }
}
