//! The rules of single steps, put together for each node.

use quorate_core::{Config, Message, NodeId, Status, Timestamp};

use super::{
    Violation,
    leading::Leading,
    step::{Heard, OwnTime, Seen, Step},
    timer::{Drawn, Timer},
    votes::{self, Voter},
};

/// What the rules know of a node's present life.
#[derive(Clone, Copy, Debug)]
struct Life {
    seen: Seen,
    time: OwnTime,
    timer: Timer,
    voter: Voter,
    leading: Leading,
}

/// What the rules know of all nodes.
#[derive(Clone, Debug)]
pub struct Rules {
    lives: Vec<Option<Life>>,
    drawn: Drawn,
}

impl Rules {
    /// For `nodes` nodes, none of which has started.
    pub fn new(nodes: u64) -> Rules {
        Rules { lives: vec![None; nodes as usize], drawn: Drawn::default() }
    }

    /// A node starts when its clock shows `at`.
    ///
    /// # Errors
    /// What is broken.
    pub fn begin(
        &mut self,
        node: u64,
        config: &Config,
        status: &Status<'_>,
        at: Timestamp,
    ) -> Result<(), Violation> {
        let (id, time) = (NodeId::of(node + 1), OwnTime::new(at));
        let seen = Seen::of(id, status);
        let (mut timer, mut voter) = (Timer::default(), Voter::default());
        voter.begin(seen.promise, time.now);
        let (before, after, heard) = (seen, seen, Heard::Other);
        let step = Step { node, config, heard, before, after, now: time.now, went_back: false };
        let due = seen.election_due.map(|due| time.of(due));
        let is_alone = status.configuration.voters() == [id];
        timer.begin(&step, due, is_alone, &mut self.drawn)?;
        let leading = Leading::default();
        self.lives[node as usize] = Some(Life { seen, time, timer, voter, leading });
        Ok(())
    }

    /// Judges a step of a node, that took `heard` in when its clock showed `at`, and shows `status`
    /// since.
    ///
    /// # Errors
    /// What is broken.
    pub fn step(
        &mut self,
        node: u64,
        config: &Config,
        heard: Heard,
        at: Timestamp,
        status: &Status<'_>,
    ) -> Result<(), Violation> {
        let Some(life) = self.lives[node as usize].as_mut().filter(|_| !status.halted) else {
            return Ok(());
        };
        let went_back = life.time.advance(at);
        let after = Seen::of(NodeId::of(node + 1), status);
        let before = std::mem::replace(&mut life.seen, after);
        // What a leader knows of its peers may have changed, as when one cannot be reached.
        if heard == Heard::Other && before == after && !went_back && !after.leads() {
            return Ok(());
        }
        let step = Step { node, config, heard, before, after, now: life.time.now, went_back };
        votes::adopts(&step, |from| status.configuration.is_member(from))?;
        let given = life.voter.step(&step)?;
        let due = after.election_due.map(|due| life.time.of(due));
        life.timer.step(&step, due, given, &mut self.drawn)?;
        life.leading.step(&step, status)
    }

    /// Judges what a node sends after a step.
    ///
    /// # Errors
    /// What is broken.
    pub fn says(&mut self, node: u64, sends: &[(NodeId, Message)]) -> Result<(), Violation> {
        let Some(life) = &mut self.lives[node as usize] else { return Ok(()) };
        life.leading.says(node, sends)?;
        life.voter.says(node, sends)
    }
}
