//! A node's knobs.

use quorate_core::Config;

use crate::{
    DecodeError,
    bytes::{Reader, put_node, put_u32, put_u64},
};

pub(crate) fn put_config(out: &mut Vec<u8>, config: &Config) {
    // Taken apart, so that a new knob breaks the build here.
    let Config {
        node,
        seed,
        election_timeout,
        heartbeat_interval,
        commit_notify_delay,
        max_message_bytes,
        max_inflight_messages,
        max_inflight_bytes,
        max_uncommitted_bytes,
        max_apply_bytes,
        max_unapplied_bytes,
        max_pending_reads,
        cache_bytes,
        retain_entries,
        priority,
        transfer_timeout,
        write_stall_limit,
        lease_reads,
        max_clock_drift_ppm,
        publish_lease,
        apply_before_durable,
    } = config;
    put_node(out, Some(*node));
    let numbers = [
        seed,
        election_timeout,
        heartbeat_interval,
        commit_notify_delay,
        max_message_bytes,
        max_inflight_bytes,
        max_uncommitted_bytes,
        max_apply_bytes,
        max_unapplied_bytes,
        cache_bytes,
        retain_entries,
        transfer_timeout,
        write_stall_limit,
    ];
    numbers.into_iter().for_each(|number| put_u64(out, *number));
    put_u32(out, *max_inflight_messages);
    put_u32(out, *max_pending_reads);
    put_u32(out, *max_clock_drift_ppm);
    out.push(*priority);
    let flags = [lease_reads, publish_lease, apply_before_durable];
    out.extend(flags.into_iter().map(|flag| u8::from(*flag)));
}

pub(crate) fn config(reader: &mut Reader) -> Result<Config, DecodeError> {
    let node = reader.named("node of the knobs")?;
    let seed = reader.u64("seed")?;
    Ok(Config {
        election_timeout: reader.u64("election_timeout")?,
        heartbeat_interval: reader.u64("heartbeat_interval")?,
        commit_notify_delay: reader.u64("commit_notify_delay")?,
        max_message_bytes: reader.u64("max_message_bytes")?,
        max_inflight_bytes: reader.u64("max_inflight_bytes")?,
        max_uncommitted_bytes: reader.u64("max_uncommitted_bytes")?,
        max_apply_bytes: reader.u64("max_apply_bytes")?,
        max_unapplied_bytes: reader.u64("max_unapplied_bytes")?,
        cache_bytes: reader.u64("cache_bytes")?,
        retain_entries: reader.u64("retain_entries")?,
        transfer_timeout: reader.u64("transfer_timeout")?,
        write_stall_limit: reader.u64("write_stall_limit")?,
        max_inflight_messages: reader.u32("max_inflight_messages")?,
        max_pending_reads: reader.u32("max_pending_reads")?,
        max_clock_drift_ppm: reader.u32("max_clock_drift_ppm")?,
        priority: reader.u8("priority")?,
        lease_reads: reader.flag("lease_reads")?,
        publish_lease: reader.flag("publish_lease")?,
        apply_before_durable: reader.flag("apply_before_durable")?,
        ..Config::new(node, seed)
    })
}
