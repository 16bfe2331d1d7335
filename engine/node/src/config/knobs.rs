//! Every knob. A new one is added here, and nowhere else.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use quorate_core::{Config, NodeId, Promotion};
use quorate_kv::QUOTA_DEFAULT_BYTES;
use quorate_wal::WalOptions;

use crate::Durability;

use super::{
    Start,
    group::{Listen, Promoted, Reached},
    kind::{Acknowledged, Count, Directory, File, Flag, Kind, Members, Node, Size, Storage, Time},
    knob::{Knob, knobs, set},
    peer::PeerAddress,
};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;
const HOUR: Duration = Duration::from_secs(60 * 60);

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

knobs! {
    "The node" {
        /// The directory of the node's log; created where it is missing. One that is relative is so to
        /// where the process was started.
        dir: PathBuf = PathBuf::from("./data"), Directory;
        /// The node's name in the group.
        node: NodeId = NodeId::of(1), Node;
        /// The group's name: nodes and directories of other groups are refused.
        group: u64 = 1, Count(0..=u64::MAX);
        /// The founding members, this one included, with their hosts, by name or IP address, and ports; the
        /// same on each. Empty for a group of one. Once a group is founded its log says who the members are and where.
        peers: BTreeMap<NodeId, PeerAddress> = BTreeMap::new(), Members;
        /// Where the node listens for the others. Without it: its address among `peers`, or the one that
        /// its log has. A group of one that listens can grow.
        listen: Option<SocketAddr> = None, Listen;
        /// Where the others reach the node, `host:port`, at most 255 bytes; the group is told when it is
        /// another one than it knows. Without it: where it listens.
        address: Option<String> = None, Reached;
        /// How a node that is added becomes a voter where it is not said: when somebody asks, or once so
        /// few committed entries are missing in its log.
        promotion: Promotion = Promotion::WhenCaughtUp { max_lag: 100 }, Promoted;
        /// Whether the storage should be new. A voter whose disk was lost must not vote again under its old
        /// name: `existing` refuses storage that is empty, `new` storage that is used.
        start: Start = Start::NewOrExisting, Storage;
    }
    "Elections" {
        /// How long a leader must be silent before another is elected, at least; at most twice that.
        election_timeout: Duration = ms(500), Time(ms(1)..=HOUR);
        /// Time between a leader's heartbeats. At most half of `election_timeout`.
        heartbeat_interval: Duration = ms(100), Time(Duration::from_micros(100)..=HOUR / 2);
        /// How much this node should rather lead than others: a lower one waits longer before it
        /// campaigns, and hands over to a higher one; 0 votes, but never leads.
        priority: u8 = Config::PRIORITY_MAX, Count(0..=Config::PRIORITY_MAX);
        /// For how long handing the leadership over may hold up writes.
        transfer_timeout: Duration = ms(500), Time(ms(1)..=HOUR);
        /// A node whose disk has not finished a write for so long neither leads nor campaigns. At least
        /// `election_timeout`.
        write_stall_limit: Duration = ms(5_000), Time(ms(1)..=24 * HOUR);
    }
    "Requests" {
        /// How long an operation may take where its caller does not say.
        request_timeout: Duration = ms(5_000), Time(ms(1)..=30 * 24 * HOUR);
        /// Requests that may wait for the node's task; one more is refused at once.
        request_queue: u32 = 16 * 1024, Count(1..=1 << 24);
        /// Requests of other nodes that are carried out at the same time; one more is refused at once.
        forwarded_limit: u32 = 4 * 1024, Count(1..=1 << 20);
        /// Watches of this node's clients at the same time; one more is refused.
        watch_limit: u32 = 100_000, Count(0..=u32::MAX);
        /// Linearizable reads that may wait for the leader to show that it leads; one more is refused.
        max_pending_reads: u32 = 65_536, Count(1..=1 << 24);
        /// What writes that are not committed yet may cost together; one always may. One more is
        /// refused.
        max_uncommitted_bytes: u64 = 64 * MIB, Size(1..=u64::MAX);
    }
    "Reads by lease" {
        /// Whether a leader answers reads by its lease, without asking the others. Without it lease reads
        /// cost as much as linearizable ones. Has no effect on systems whose clock does not count time asleep.
        lease_reads: bool = true, Flag;
        /// By how much clocks may run too fast or too slow, in parts per million. Leases are shorter by as
        /// much.
        max_clock_drift_ppm: u32 = 1_000, Count(0..=100_000);
    }
    "Flow between nodes" {
        /// How long a follower may wait for news of the commit index where no other message carries it. At
        /// most `heartbeat_interval`.
        commit_notify_delay: Duration = ms(2), Time(Duration::ZERO..=HOUR / 2);
        /// What one message's entries may cost. A larger write is refused: the default lets everything
        /// through that the state machine for keys and values takes.
        max_message_bytes: u64 = 2 * MIB, Size(KIB..=GIB);
        /// Messages with entries that may be under way to one node.
        max_inflight_messages: u32 = 64, Count(1..=65_536);
        /// What entries under way to one node may cost together; one message always may.
        max_inflight_bytes: u64 = 16 * MIB, Size(1..=u64::MAX);
    }
    "The log" {
        /// When a node counts an entry as its own, and a write is acknowledged: once it is synced on the
        /// disks of a majority, or once it is in their memory, and synced within that time: then crashes can
        /// lose it.
        durability: Durability = Durability::Durable, Acknowledged;
        /// The size of the log's files.
        segment_bytes: u64 = 16 * MIB, Size(WalOptions::SEGMENT_BYTES_MIN..=4 * GIB);
        /// Durable entries that stay in memory, for followers that lag and for the state machine; older
        /// ones are read back from the disk.
        cache_bytes: u64 = 16 * MIB, Size(0..=u64::MAX);
        /// What one step of the state machine may cost; one entry always may.
        max_apply_bytes: u64 = MIB, Size(1..=GIB);
        /// What may wait for the state machine.
        max_unapplied_bytes: u64 = 16 * MIB, Size(1..=u64::MAX);
        /// Whether entries may be applied before they are durable on this node, though they are on a
        /// majority. Only for a state machine that lives in memory, as the one for keys and values does.
        apply_before_durable: bool = false, Flag;
    }
    "Snapshots" {
        /// A snapshot is taken each time that so many entries were applied; 0 for never.
        snapshot_every_entries: u64 = 100_000, Count(0..=u64::MAX);
        /// A snapshot is taken each time that the entries applied since the last cost so much; 0 for
        /// never.
        snapshot_every_bytes: u64 = 0, Size(0..=u64::MAX);
        /// A snapshot is taken once the first entry since the last was applied so long ago; zero for
        /// never. Of the three rules, the first that is met counts.
        snapshot_interval: Duration = Duration::ZERO, Time(Duration::ZERO..=365 * 24 * HOUR);
        /// Entries that stay in the log behind a snapshot, so that a node that lags a little needs none.
        retain_entries: u64 = 10_000, Count(0..=u64::MAX);
    }
    "Keys and values" {
        /// What the group's keys and values may take, with what is kept beside them; 0 for no limit. It is
        /// the group's: a leader gives the group its own, so all nodes should have the same.
        quota_bytes: u64 = QUOTA_DEFAULT_BYTES, Size(0..=u64::MAX);
        /// How long a revision can be read, and a watch be taken up behind it, at least: what only older ones
        /// show is compacted then. Zero for ever, or until somebody asks for it. Where three quarters of the
        /// quota are used, history goes sooner: half of it at a time.
        compact_after: Duration = Duration::from_secs(10 * 60), Time(Duration::ZERO..=365 * 24 * HOUR);
    }
    "When something is to be found out" {
        /// Where everything that the node is told is recorded, for `quorate replay`; an existing file is
        /// replaced.
        record_to: Option<PathBuf> = None, File;
    }
}
