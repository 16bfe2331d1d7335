//! What a group must do after the healing before all is asked of it: come to rest without a new
//! write, or go on while some links stay cut.

use quorate_core::Nanos;

use super::World;
use crate::{
    choices::{Chance, Stream},
    marks::Mark,
    network::{Blocked, LINKS},
    oracle::Violation,
    system::System,
};

/// Names what is drawn for the links that stay cut.
const CUTS: u64 = u64::from_be_bytes(*b"    cuts");
/// Once a group with some links cut has acknowledged a write, it is looked at for so many election
/// timeouts.
pub(super) const SETTLED_TIMEOUTS: u64 = 20;
/// In that time so many nodes may be elected: more is no leadership that lasts.
const ELECTIONS_MAX: u64 = 4;

/// How far the recovery has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nobody writes, and everyone must come to hold, commit and apply the same all the same.
    Rest,
    /// These links are cut. Since the first write: when that was, and how many leaders there had
    /// been.
    Parted(Blocked, Option<(Nanos, u64)>),
    /// Clients write, and all links are whole.
    Whole,
}

/// Cuts links among `nodes` nodes, but none within a drawn majority, whose members all reach each
/// other: with pre-votes and leaders that look for their quorum these can elect one of them and keep
/// it, whatever the others do (OmniPaxos, Ng et al. 2023, §2, has the cases; a node that alone reaches a quorum
/// is not enough, as Raft elects it only if its log is as good as the others'). In half of the cases the
/// leader of before is not among that majority.
pub(super) fn parted(nodes: u64, leader: u64, mut chance: Chance) -> Blocked {
    let any = chance.below(nodes);
    let first = if chance.below(2) == 1 { leader % nodes + 1 } else { any };
    let is_core = |node: u64| (node + 2 * nodes - first) % nodes <= nodes / 2;
    let mut blocked = [0; LINKS];
    for one in 0..nodes {
        for other in one + 1..nodes {
            let stays = is_core(one) && is_core(other);
            if !stays && chance.below(3) > 0 {
                blocked[one as usize] |= 1 << other;
                blocked[other as usize] |= 1 << one;
            }
        }
    }
    blocked
}

impl<S: System> World<S> {
    /// Whether clients are silent now.
    pub(super) fn is_at_rest(&self) -> bool {
        let from = self.settings.fault_time.saturating_sub(self.settings.rest);
        self.stage == Stage::Rest && self.settings.rest > 0 && self.now >= from
    }

    /// All has healed, but for what the first stage leaves.
    pub(super) fn first_stage(&mut self) {
        let settings = &self.settings;
        if settings.rest > 0 {
            return;
        }
        self.stage = Stage::Whole;
        if settings.partly_heals && settings.nodes >= 3 {
            let [drawn] = self.choices.keyed(Stream::Configuration, CUTS, [u64::MAX]);
            let blocked = parted(self.settings.nodes, self.leader(), Chance::new(drawn));
            self.network.block(&blocked, true);
            self.say(|_| format!("but for these links: {}", told(&blocked)));
            self.stage = Stage::Parted(blocked, None);
        }
    }

    /// What the group lacks in its present stage.
    ///
    /// # Errors
    /// Where leaders follow each other though nothing stands in the way of one that lasts.
    pub(super) fn lacking(&mut self) -> Result<Option<String>, Violation> {
        match self.stage {
            Stage::Rest => Ok(self.apart()),
            Stage::Whole => Ok(self.unanswered().or_else(|| self.apart())),
            Stage::Parted(blocked, since) => self.unsettled(blocked, since),
        }
    }

    fn unsettled(
        &mut self,
        blocked: Blocked,
        since: Option<(Nanos, u64)>,
    ) -> Result<Option<String>, Violation> {
        let cut = || format!("while these links are cut ({}), ", told(&blocked));
        let Some((at, before)) = since else {
            if !self.write_since_heal {
                return Ok(self.unanswered().map(|what| format!("{}{what}", cut())));
            }
            let since = Some((self.now, self.oracles.election.count()));
            self.stage = Stage::Parted(blocked, since);
            self.healed_at = Some(self.now);
            return Ok(Some("nothing yet".to_owned()));
        };
        let elected = self.oracles.election.count() - before;
        if elected > ELECTIONS_MAX {
            let what = format!("{}{elected} leaders follow each other", cut());
            return Err(Violation::Stuck { timeouts: SETTLED_TIMEOUTS, what });
        }
        let until = at + SETTLED_TIMEOUTS * self.settings.election_timeout;
        Ok((self.now < until).then(|| "nothing yet".to_owned()))
    }

    /// The group lacks nothing: goes on to the next stage. False where this was the last.
    pub(super) fn next_stage(&mut self) -> bool {
        match self.stage {
            Stage::Whole => return false,
            Stage::Rest => self.marks.reach(Mark::CameToRest),
            Stage::Parted(blocked, _) => {
                self.marks.reach(Mark::WentOnPartlyHealed);
                self.network.block(&blocked, false);
            }
        }
        self.say(|_| "clients go on, and all links are whole".to_owned());
        self.stage = Stage::Whole;
        self.healed_at = Some(self.now);
        self.write_since_heal = false;
        for client in 0..self.clients.len() as u64 {
            self.schedule_next(client);
        }
        true
    }
}

/// The links that are cut, each once.
fn told(blocked: &Blocked) -> String {
    let nodes = 0..blocked.len();
    let pairs =
        nodes.clone().flat_map(|one| nodes.clone().skip(one + 1).map(move |other| (one, other)));
    let cut = pairs.filter(|(one, other)| blocked[*one] >> other & 1 == 1);
    cut.map(|(one, other)| format!("{one}-{other}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_majority_stays_whole_and_some_links_are_cut() {
        for nodes in 3..=8 {
            let mut cut = 0;
            for drawn in 1..200 {
                let blocked = parted(nodes, drawn % nodes, Chance::new(drawn));
                cut += blocked.iter().map(|row| row.count_ones()).sum::<u32>();
                let reaches = |one: u64, other: u64| blocked[one as usize] >> other & 1 == 0;
                let whole = |first: u64| {
                    let core: Vec<u64> =
                        (0..=nodes / 2).map(|step| (first + step) % nodes).collect();
                    core.iter().all(|one| core.iter().all(|other| reaches(*one, *other)))
                };
                assert!((0..nodes).any(whole), "{nodes} {drawn}: {}", told(&blocked));
            }
            assert!(cut > 0);
        }
        assert_eq!(parted(5, 1, Chance::new(0)), [0; LINKS], "nothing drawn cuts nothing");
    }
}
