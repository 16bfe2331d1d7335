//! Which kinds of trouble runs have, by profile.

use serde::{Deserialize, Serialize};

use crate::choices::{Choices, Stream};

/// Names the draws of what disks and machines may lose.
const STORAGE: u64 = 1 << 40;
/// Names what is drawn for families that came later.
const LATER: u64 = u64::from_be_bytes(*b"families");
/// Names the draw of whether there are scenes.
const SCENES: u64 = u64::from_be_bytes(*b"  scenes");

/// Which kinds of trouble a run may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// No faults, a quick network and a quick disk.
    Calm,
    /// Each seed draws which faults it has and how many.
    Swarm,
    /// Crashes only, most of them on events.
    Crashes,
    /// Partitions, lost and late messages only.
    Network,
    /// Crashes and failing, stalling disks.
    Disk,
    /// Disks that lose what was synced and machines that are lost, so that a quorum can repair it.
    Damage,
    /// The same on any number of nodes, and disks that forget without a trace.
    BeyondModel,
    /// Changes of members, hand-overs and snapshots, with crashes and partitions around them.
    Members,
    /// Lease reads, with clocks that drift and leaders that are cut off or hand over.
    Leases,
    /// As [`Profile::Leases`], with clocks that run, leap and stand as no lease allows: stale reads
    /// are due.
    LeaseBroken,
    /// All that the key-value machine can do, with crashes, partitions and snapshots.
    Kv,
}

impl Profile {
    /// All profiles.
    pub const ALL: [Profile; 11] = [
        Profile::Calm,
        Profile::Swarm,
        Profile::Crashes,
        Profile::Network,
        Profile::Disk,
        Profile::Damage,
        Profile::BeyondModel,
        Profile::Members,
        Profile::Leases,
        Profile::LeaseBroken,
        Profile::Kv,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Calm => "calm",
            Profile::Swarm => "swarm",
            Profile::Crashes => "crashes",
            Profile::Network => "network",
            Profile::Disk => "disk",
            Profile::Damage => "damage",
            Profile::BeyondModel => "beyond-model",
            Profile::Members => "members",
            Profile::Leases => "leases",
            Profile::LeaseBroken => "lease-broken",
            Profile::Kv => "kv",
        }
    }

    /// The profile of this name.
    pub fn parse(name: &str) -> Option<Profile> {
        Profile::ALL.into_iter().find(|profile| profile.name() == name)
    }

    pub(super) fn families(self, choices: &mut Choices) -> Families {
        let families = self.drawn_families(choices);
        let families = self.with_storage(choices, families);
        let families = self.with_wire(choices, families);
        self.with_scenes(choices, families)
    }

    /// The same, of faults that belong together.
    fn with_scenes(self, choices: &mut Choices, families: Families) -> Families {
        let [drawn] = choices.keyed(Stream::Configuration, SCENES, [2]);
        let scenes = drawn == 1;
        match self {
            Profile::Crashes | Profile::Network | Profile::Members => {
                Families { scenes, ..families }
            }
            // Where clocks drift, a lease may end early.
            Profile::Kv => Families { scenes: !families.clocks, ..families },
            // Where a lease is short by design, nothing else may blur its end.
            Profile::Leases if scenes => Families {
                scenes,
                leases: true,
                transfers: families.transfers,
                ..Families::default()
            },
            Profile::Calm
            | Profile::Swarm
            | Profile::Disk
            | Profile::Damage
            | Profile::BeyondModel
            | Profile::Leases
            | Profile::LeaseBroken => families,
        }
    }

    /// What became known later is drawn by a key, so that it shifts nothing.
    fn with_storage(self, choices: &mut Choices, families: Families) -> Families {
        let on = Stream::Configuration;
        let [strain, damage, amnesia] =
            choices.keyed(on, STORAGE, [2, 2, 4]).map(|drawn| drawn > 0);
        match self {
            Profile::Swarm => Families { strain, damage, ..families },
            Profile::Disk => Families { strain, ..families },
            Profile::Damage => Families { strain, damage: true, ..families },
            // Mostly damage alone: what a disk forgets without a trace may break anything.
            Profile::BeyondModel => Families { damage: true, amnesia: !amnesia, ..families },
            Profile::Calm
            | Profile::Crashes
            | Profile::Network
            | Profile::Members
            | Profile::Leases
            | Profile::LeaseBroken
            | Profile::Kv => families,
        }
    }

    /// The same, of messages and events.
    fn with_wire(self, choices: &mut Choices, families: Families) -> Families {
        let drawn = choices.keyed(Stream::Configuration, LATER, [2, 2]);
        let [wire, events] = drawn.map(|drawn| drawn == 1);
        match self {
            Profile::Swarm | Profile::Network | Profile::Members => {
                Families { wire, events, ..families }
            }
            Profile::Crashes => Families { events, ..families },
            Profile::Leases => Families { wire, ..families },
            Profile::Calm
            | Profile::Disk
            | Profile::Damage
            | Profile::BeyondModel
            | Profile::LeaseBroken
            | Profile::Kv => families,
        }
    }

    /// Those that are drawn one after the other.
    fn drawn_families(self, choices: &mut Choices) -> Families {
        let mut draw = || choices.draw(Stream::Configuration, 2) == 1;
        match self {
            Profile::Calm => Families::default(),
            Profile::Swarm => Families::any(draw),
            Profile::Damage => Families {
                crashes: draw(),
                triggers: draw(),
                partitions: draw(),
                disks: draw(),
                snapshots: draw(),
                members: draw(),
                transfers: draw(),
                ..Families::default()
            },
            Profile::BeyondModel => Families {
                crashes: draw(),
                triggers: draw(),
                partitions: draw(),
                snapshots: draw(),
                ..Families::default()
            },
            Profile::Crashes => Families { crashes: draw(), triggers: true, ..Families::default() },
            Profile::Network => {
                Families { partitions: true, cuts: true, links: draw(), ..Families::default() }
            }
            Profile::Disk => {
                Families { crashes: true, disks: true, snapshots: draw(), ..Families::default() }
            }
            Profile::Members => Families {
                crashes: draw(),
                triggers: draw(),
                partitions: draw(),
                snapshots: draw(),
                members: true,
                transfers: draw(),
                ..Families::default()
            },
            Profile::Leases => Families {
                partitions: draw(),
                links: draw(),
                clocks: true,
                pauses: draw(),
                members: draw(),
                transfers: draw(),
                leases: true,
                ..Families::default()
            },
            Profile::Kv => Families::of_kv(draw),
            Profile::LeaseBroken => Families {
                partitions: draw(),
                links: draw(),
                clocks: true,
                leases: true,
                ..Families::default()
            },
        }
    }
}

/// Which families of faults are on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Families {
    /// Kills and power losses at drawn times.
    pub crashes: bool,
    /// Kills and power losses on events.
    pub triggers: bool,
    /// Partitions at drawn times, and of one leader after the other.
    pub partitions: bool,
    /// Partitions on events.
    pub cuts: bool,
    /// Lost, repeated and late messages.
    pub links: bool,
    /// Drift and jumps of clocks.
    pub clocks: bool,
    /// Processes that stand still for a while.
    pub pauses: bool,
    /// Disks that stall or fail.
    pub disks: bool,
    /// Snapshots and compaction, and state machines that need a snapshot.
    pub snapshots: bool,
    /// Changes of members, and nodes that join.
    pub members: bool,
    /// The leadership is handed over.
    pub transfers: bool,
    /// Reads under the leader's lease.
    pub leases: bool,
    /// Messages that are held, repeated much later or corrupted, links with bounds, partitions that
    /// come and go or concern some kinds of messages.
    pub wire: bool,
    /// Faults on the nth of any kind of action and message, and on one leader after the other.
    pub events: bool,
    /// What hosts do besides: silence, graceful stops, little space, priorities.
    pub hosts: bool,
    /// Disks that are full, slow, or fail to read for a while.
    pub strain: bool,
    /// Disks that lose what was synced, and machines that are lost.
    pub damage: bool,
    /// Disks that forget without a trace.
    pub amnesia: bool,
    /// Faults that belong together, at the turning points that a profile is about.
    pub scenes: bool,
}

impl Families {
    /// Whatever may come between a client and what a node does beside its log. Where clocks drift,
    /// they stay within what nodes reckon with.
    fn of_kv(mut draw: impl FnMut() -> bool) -> Families {
        let clocks = draw();
        Families {
            crashes: draw(),
            triggers: draw(),
            partitions: draw(),
            links: draw(),
            pauses: draw(),
            snapshots: draw(),
            members: draw(),
            transfers: draw(),
            clocks,
            leases: clocks,
            ..Families::default()
        }
    }

    /// Each of them as it is drawn, but for what is drawn by a key.
    fn any(mut draw: impl FnMut() -> bool) -> Families {
        Families {
            crashes: draw(),
            triggers: draw(),
            partitions: draw(),
            cuts: draw(),
            links: draw(),
            clocks: draw(),
            pauses: draw(),
            disks: draw(),
            snapshots: draw(),
            members: draw(),
            transfers: draw(),
            leases: draw(),
            hosts: draw(),
            ..Families::default()
        }
    }
}
