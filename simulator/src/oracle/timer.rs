//! The election timer (paper §5.2; dissertation §3.4, §9.6), by the node's own clock.
//!
//! Whoever hears nothing of a leader for its timeout campaigns. The timeout lies above the promise
//! that the node made, at most at its double, and by a hundredth higher for each step of priority
//! that it lacks. The wait starts anew when a leader of the term is heard, whatever becomes of its
//! entries; when a vote is given, but no pre-vote and no refusal; with each candidacy; and when a
//! candidacy or a leadership ends. A clock that goes back starts it anew as well. Nothing else moves
//! it, and it runs on while nothing is heard.

use std::collections::BTreeMap;

use quorate_core::{Config, Nanos, RoleKind};

use super::{
    Property, Violation,
    step::{Heard, Seen, Step},
    votes::Given,
};

/// So many timeouts drawn one after the other name a node: that another one draws the same, to the
/// nanosecond, is less likely than one in 10^18.
const DRAWS: usize = 3;

/// When the wait may have begun anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Restart {
    /// It must have.
    Due,
    /// It may have.
    Allowed,
    /// It must not have.
    Forbidden,
}

/// A node's election timer, as it should be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timer {
    /// When it campaigns, by its own time; none while it leads.
    due: Option<Nanos>,
    /// By how much that lay above the least, when it was set last.
    above: Option<Nanos>,
    drawn: [Nanos; DRAWS],
    count: usize,
}

/// The first timeouts that were drawn in each life, and by whom.
#[derive(Clone, Debug, Default)]
pub struct Drawn(BTreeMap<[Nanos; DRAWS], u64>);

/// The least and the most that a node waits.
fn bounds(config: &Config, shown: &Seen) -> (Nanos, Nanos) {
    let base = config.election_timeout.max(shown.promise);
    let most = u64::from(Config::PRIORITY_MAX);
    let patience = base / most * (most - u64::from(config.priority));
    (base + 1 + patience, 2 * base + patience)
}

/// Whether this node may stand in this step as far as it is sure.
fn may_stand(step: &Step<'_>) -> bool {
    let Seen { votes, stalled, wants_snapshot, .. } = step.after;
    let lease = step.config.publish_lease;
    votes && !stalled && !wants_snapshot && !lease && step.config.priority > 0
}

impl Timer {
    /// A node that starts waits in full. One that has nobody to wait for may stand at once.
    ///
    /// # Errors
    /// Where it does not.
    pub fn begin(
        &mut self,
        step: &Step<'_>,
        due: Option<Nanos>,
        is_alone: bool,
        drawn: &mut Drawn,
    ) -> Result<(), Violation> {
        *self = Timer { due, ..Timer::default() };
        if is_alone && due.is_some_and(|due| due <= step.now) {
            return Ok(());
        }
        self.restarted(step, drawn)
    }

    /// Judges a step, after which the node campaigns at `due`; `given` says whether a vote was given
    /// in it.
    ///
    /// # Errors
    /// What is broken.
    pub fn step(
        &mut self,
        step: &Step<'_>,
        due: Option<Nanos>,
        given: Given,
        drawn: &mut Drawn,
    ) -> Result<(), Violation> {
        let before = std::mem::replace(&mut self.due, due);
        self.stands_in_time(step, before)?;
        let Some(due) = due else { return Ok(()) };
        let is_same = match before {
            Some(before) if before > step.now => before == due,
            Some(_) => due <= step.now,
            None => false,
        };
        match restart(step, before, given) {
            Restart::Due => self.restarted(step, drawn),
            Restart::Allowed if !is_same => self.restarted(step, drawn),
            Restart::Forbidden if !is_same => {
                let was = before.unwrap_or(0).saturating_sub(step.now);
                let what = format!(
                    "would have campaigned in {was} ns, and now does in {} ns, though {:?} is no \
                     reason",
                    due.saturating_sub(step.now),
                    step.heard
                );
                Err(step.breaks(Property::ElectionTimer, what))
            }
            Restart::Allowed | Restart::Forbidden => Ok(()),
        }
    }

    /// Whoever stands has waited, or was told to; whoever has waited stands.
    fn stands_in_time(&self, step: &Step<'_>, due: Option<Nanos>) -> Result<(), Violation> {
        let Step { before, after, heard, now, .. } = *step;
        let is_over = due.is_some_and(|due| due <= now);
        let told = matches!(heard, Heard::TimeoutNow(..));
        let asks_anew = match (before.role, after.role) {
            (RoleKind::Follower, _) => after.stands() || after.leads(),
            (RoleKind::Candidate, RoleKind::PreCandidate) => true,
            _ => false,
        };
        if asks_anew && !is_over && !told {
            let left = due.map_or(0, |due| due - now);
            let what = format!("campaigns {left} ns before its election timeout has passed");
            return Err(step.breaks(Property::ElectionTimer, what));
        }
        let should = heard == Heard::Tick && is_over && !step.went_back && may_stand(step);
        let may_wait = before.quiesced || before.stalled || before.leads();
        if should && !may_wait && after.role == RoleKind::Follower {
            let what = "does not campaign, though its election timeout has passed".to_owned();
            return Err(step.breaks(Property::ElectionTimer, what));
        }
        Ok(())
    }

    /// The wait began in this step.
    fn restarted(&mut self, step: &Step<'_>, drawn: &mut Drawn) -> Result<(), Violation> {
        let (least, most) = bounds(step.config, &step.after);
        let wait = self.due.unwrap_or(0).saturating_sub(step.now);
        if !(least..=most).contains(&wait) {
            let what = format!(
                "campaigns in {wait} ns after {:?}, but must wait for {least} to {most} ns",
                step.heard
            );
            return Err(step.breaks(Property::ElectionTimer, what));
        }
        self.draws(step, wait - least, drawn)
    }

    /// Takes note of a timeout that may have been drawn.
    fn draws(&mut self, step: &Step<'_>, above: Nanos, drawn: &mut Drawn) -> Result<(), Violation> {
        if self.above == Some(above) || self.count == DRAWS {
            return Ok(());
        }
        self.above = Some(above);
        self.drawn[self.count] = above;
        self.count += 1;
        if self.count < DRAWS {
            return Ok(());
        }
        let first = *drawn.0.entry(self.drawn).or_insert(step.node);
        if first == step.node {
            return Ok(());
        }
        let what = format!("drew the timeouts of node {first}, one after the other");
        Err(step.breaks(Property::TimeoutsDiffer, what))
    }
}

/// Whether the wait starts anew in this step.
fn restart(step: &Step<'_>, due: Option<Nanos>, given: Given) -> Restart {
    let Step { before, after, heard, now, went_back, .. } = *step;
    let follows = matches!(heard, Heard::Append(_, term, _) if term >= before.term);
    let turns = before.role != after.role;
    if follows || given == Given::Yes || went_back || turns {
        return Restart::Due;
    }
    let is_over = due.is_some_and(|due| due <= now);
    let campaigns = heard == Heard::Tick && is_over;
    if campaigns && may_stand(step) && !(before.quiesced || before.stalled) {
        return Restart::Due;
    }
    let ends = before.role != RoleKind::Follower && before.term != after.term;
    let recovers = before.quiesced || (before.stalled && !after.stalled);
    if campaigns || ends || recovers || given == Given::Perhaps {
        return Restart::Allowed;
    }
    Restart::Forbidden
}
