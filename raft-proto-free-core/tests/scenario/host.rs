//! The commands by which a host speaks to its node: members, leadership, snapshots, knobs.

use std::sync::Arc;

use quorate_core::{Input, MemberChange, Promotion, Seq};

use super::{Scenario, command::number, knob};
use crate::group::{MS, id};

impl Scenario {
    /// A node that is no member yet.
    pub(crate) fn join(&mut self, node: &str) -> Result<(), String> {
        let name = number(node).ok().filter(|name| (1..=9).contains(name));
        let name = name.ok_or("a node's name is 1 to 9")?;
        if self.group.members.contains_key(&name) {
            return Err(format!("node {name} is there already"));
        }
        self.group.join(name);
        Ok(())
    }

    /// What is asked of a node, and answered.
    pub(crate) fn ask(&mut self, words: &[&str]) -> Result<(), String> {
        let request = self.group.next_request;
        self.group.next_request += 1;
        let (node, input) = match words {
            ["change", node, changes @ ..] if !changes.is_empty() => {
                let changes = changes_of(changes)?;
                (*node, Input::ChangeMembers { request, changes, expected_term: None })
            }
            ["transfer", node] => (*node, Input::Transfer { request, to: None }),
            ["transfer", node, to] => {
                let to = Some(id(self.node(to)?));
                (*node, Input::Transfer { request, to })
            }
            ["stop", node] => (*node, Input::Stop),
            _ => return Err("that is `change NODE …`, `transfer NODE [TO]` or `stop NODE`".into()),
        };
        let node = self.node(node)?;
        self.group.step(node, input);
        Ok(())
    }

    /// What a node is told.
    pub(crate) fn tell(&mut self, words: &[&str]) -> Result<(), String> {
        let (node, input) = match words {
            ["snapshot", node] => {
                return self.for_each(node, |scenario, node| {
                    scenario.group.snapshot(node);
                    Ok(())
                });
            }
            ["compact", node] => {
                return self.for_each(node, |scenario, node| {
                    let input = Input::Retain { entries: 0, bytes: 0 };
                    scenario.group.step(node, input);
                    scenario.group.snapshot(node);
                    Ok(())
                });
            }
            ["unreachable", node, peer] => {
                let peer = id(self.node(peer)?);
                (*node, Input::PeerUnreachable { peer })
            }
            ["quiesce", node] => (*node, Input::Quiesce),
            ["want", node] => (*node, Input::RequestSnapshot),
            ["wake", node] => (*node, Input::Wake),
            ["close", node] => (*node, Input::LeaseClosed),
            ["written", node, life, write] => {
                let seq = Seq { incarnation: number(life)?, number: number(write)? };
                (*node, Input::Written { seq })
            }
            ["excuse", node] => {
                return self.for_each(node, |scenario, node| {
                    scenario.group.excused.insert(node);
                    Ok(())
                });
            }
            ["space", node, "low"] => (*node, Input::Space { is_low: true }),
            ["space", node, "plenty"] => (*node, Input::Space { is_low: false }),
            _ => return Err("docs/scenarios.md says how this command goes on".to_owned()),
        };
        self.for_each(node, |scenario, node| {
            scenario.group.step(node, input.clone());
            Ok(())
        })
    }

    /// The node's clock jumps, and the node sees it.
    pub(crate) fn clock(&mut self, node: &str, way: &str, ms: &str) -> Result<(), String> {
        let by = number(ms)? * MS;
        self.for_each(node, |scenario, node| {
            // It sees the clock with an event, before and after; this one says nothing new.
            scenario.group.step(node, Input::Applied { index: 0 });
            let skew = &mut scenario.group.member(node).skew;
            *skew = match way {
                "ahead" => *skew + by,
                "back" => skew.checked_sub(by).ok_or("a clock goes back by an hour at most")?,
                _ => return Err("a clock jumps `ahead` or `back`".to_owned()),
            };
            scenario.group.step(node, Input::Applied { index: 0 });
            Ok(())
        })
    }

    /// The node goes on with another knob.
    pub(crate) fn reconfigure(&mut self, node: &str, text: &str) -> Result<(), String> {
        let (set, value) = knob(text)?;
        self.for_each(node, |scenario, node| {
            let mut config = scenario.group.raft(node).config().clone();
            set(&mut config, value);
            config.validate().map_err(|error| error.to_string())?;
            scenario.group.step(node, Input::Reconfigure { config: Arc::new(config) });
            Ok(())
        })
    }
}

/// `add 4`, `learner 4`, `learner 4 within 2`, `remove 1`: any number of them.
fn changes_of(mut words: &[&str]) -> Result<Vec<MemberChange>, String> {
    let mut changes = Vec::new();
    while !words.is_empty() {
        let (change, rest) = match words {
            ["add", node, rest @ ..] => (MemberChange::AddVoter { node: id(number(node)?) }, rest),
            ["learner", node, "within", lag, rest @ ..] => {
                let promotion = Promotion::WhenCaughtUp { max_lag: number(lag)? };
                (MemberChange::AddLearner { node: id(number(node)?), promotion }, rest)
            }
            ["learner", node, rest @ ..] => {
                let promotion = Promotion::OnDemand;
                (MemberChange::AddLearner { node: id(number(node)?), promotion }, rest)
            }
            ["remove", node, rest @ ..] => (MemberChange::Remove { node: id(number(node)?) }, rest),
            ["protocol", version, rest @ ..] => {
                (MemberChange::SetProtocol { version: number(version)? as u16 }, rest)
            }
            _ => {
                return Err("a change is `add N`, `learner N [within LAG]`, `remove N` or \
                            `protocol V`, and any number of them"
                    .to_owned());
            }
        };
        changes.push(change);
        words = rest;
    }
    Ok(changes)
}
