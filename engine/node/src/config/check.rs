//! What knobs ask of one another.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Conflict, SettingError, Start,
    kind::{quoted, time},
    knobs::KNOBS,
    load::Layers,
};

/// Whether each knob is in its range, and all go together.
pub(super) fn check(layers: &Layers) -> Result<(), SettingError> {
    if let Some(knob) = KNOBS.iter().find(|knob| !(knob.holds)(&layers.config)) {
        return Err(SettingError::OutOfRange {
            place: layers.place(knob.name),
            key: knob.name.to_owned(),
            given: knob.value(&layers.config),
            range: knob.range().unwrap_or_default(),
        });
    }
    times(layers)?;
    members(layers)
}

type Named = (&'static str, Duration);

fn times(layers: &Layers) -> Result<(), SettingError> {
    let config = &layers.config;
    let election = ("election_timeout", config.election_timeout);
    let heartbeat = ("heartbeat_interval", config.heartbeat_interval);
    let notify = ("commit_notify_delay", config.commit_notify_delay);
    let stall = ("write_stall_limit", config.write_stall_limit);
    let rules: [(Named, &str, Named, bool); 3] = [
        (heartbeat, "at most half of election_timeout", election, heartbeat.1 <= election.1 / 2),
        (notify, "at most heartbeat_interval", heartbeat, notify.1 <= heartbeat.1),
        (stall, "at least election_timeout", election, stall.1 >= election.1),
    ];
    match rules.into_iter().find(|(.., holds)| !holds) {
        Some((one, rule, other, _)) => {
            Err(conflict(layers, (one.0, time(one.1)), rule, (other.0, time(other.1))))
        }
        None => Ok(()),
    }
}

fn members(layers: &Layers) -> Result<(), SettingError> {
    let config = &layers.config;
    let node = ("node", config.node.to_string());
    let founds = matches!(config.start, Start::New | Start::NewOrExisting);
    if founds && !config.peers.is_empty() && !config.peers.contains_key(&config.node) {
        let names: Vec<String> = config.peers.keys().map(ToString::to_string).collect();
        return Err(conflict(layers, node, "one of the peers", ("peers", names.join(", "))));
    }
    let mut seen = BTreeMap::new();
    for (node, address) in &config.peers {
        if let Some(other) = seen.insert(address, node).filter(|_| !address.is_nowhere()) {
            let given = quoted(&format!("{node}={address}"));
            let limit = quoted(&format!("{other}={address}"));
            let rule = "another address for each node";
            return Err(conflict(layers, ("peers", given), rule, ("peers", limit)));
        }
    }
    Ok(())
}

fn conflict(
    layers: &Layers,
    (key, given): (&'static str, String),
    rule: &'static str,
    (other, limit): (&'static str, String),
) -> SettingError {
    let (place, other_place) = (layers.place(key), layers.place(other));
    let conflict = Conflict { place, key, given, rule, other, limit, other_place };
    SettingError::Conflict(Box::new(conflict))
}
