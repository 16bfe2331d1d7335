//! Every knob at the ends of its range, and just beyond them.

use quorate_core::{Config, NodeId};

const MS: u64 = 1_000_000;
const HOUR: u64 = 3_600_000 * MS;
const GIB: u64 = 1 << 30;

type Set = fn(&mut Config, u64);

/// A knob: its name, how to set it, the least and the most it may be.
const KNOBS: [(&str, Set, u64, u64); 15] = [
    ("election_timeout", |config, value| config.election_timeout = value, 200 * MS, 5_000 * MS),
    ("heartbeat_interval", |config, value| config.heartbeat_interval = value, 2 * MS, 250 * MS),
    ("commit_notify_delay", |config, value| config.commit_notify_delay = value, 0, 100 * MS),
    ("max_message_bytes", |config, value| config.max_message_bytes = value, 1024, GIB),
    ("max_inflight_messages", |c, value| c.max_inflight_messages = value as u32, 1, 65_536),
    ("max_inflight_bytes", |config, value| config.max_inflight_bytes = value, 1, u64::MAX),
    ("max_uncommitted_bytes", |config, value| config.max_uncommitted_bytes = value, 1, u64::MAX),
    ("max_apply_bytes", |config, value| config.max_apply_bytes = value, 1, GIB),
    ("max_unapplied_bytes", |config, value| config.max_unapplied_bytes = value, 1, u64::MAX),
    ("max_pending_reads", |config, value| config.max_pending_reads = value as u32, 1, 1 << 24),
    ("cache_bytes", |config, value| config.cache_bytes = value, 0, u64::MAX),
    ("priority", |config, value| config.priority = value as u8, 0, 100),
    ("transfer_timeout", |config, value| config.transfer_timeout = value, MS, HOUR),
    ("write_stall_limit", |c, value| c.write_stall_limit = value, 500 * MS, 24 * HOUR),
    ("max_clock_drift_ppm", |c, value| c.max_clock_drift_ppm = value as u32, 0, 100_000),
];

fn with(set: Set, value: u64) -> Config {
    let mut config = Config::new(NodeId::of(1), 7);
    set(&mut config, value);
    config
}

#[test]
fn the_defaults_are_in_range() {
    assert_eq!(Config::new(NodeId::of(1), 7).validate(), Ok(()));
}

#[test]
fn a_knob_is_taken_at_the_ends_of_its_range_and_refused_beyond_them() {
    for (name, set, min, max) in KNOBS {
        for value in [min, max] {
            assert_eq!(with(set, value).validate(), Ok(()), "{name} at {value}");
        }
        let below = min.checked_sub(1);
        let above = max.checked_add(1).filter(|_| name != "priority" || max < 255);
        for value in below.into_iter().chain(above) {
            assert!(with(set, value).validate().is_err(), "{name} at {value}");
        }
    }
}

#[test]
fn the_election_timeout_has_ends_of_its_own() {
    let with = |timeout: u64| Config {
        election_timeout: timeout,
        heartbeat_interval: timeout / 2,
        commit_notify_delay: 0,
        write_stall_limit: 24 * HOUR,
        ..Config::new(NodeId::of(1), 7)
    };
    for (timeout, is_good) in [(MS - 1, false), (MS, true), (HOUR, true), (HOUR + 1, false)] {
        assert_eq!(with(timeout).validate().is_ok(), is_good, "{timeout}");
    }
    let least = Config { heartbeat_interval: MS / 10, commit_notify_delay: 0, ..with(MS) };
    assert_eq!(least.validate(), Ok(()));
    assert!(Config { heartbeat_interval: MS / 10 - 1, ..least }.validate().is_err());
}

#[test]
fn a_refusal_names_the_knob_its_value_and_its_range() {
    let error = with(|config, value| config.heartbeat_interval = value, 300 * MS).validate();
    let text = error.expect_err("above half of the election timeout").to_string();
    assert_eq!(text, "heartbeat_interval is 300000000, but must lie in 100000..=250000000");
}
