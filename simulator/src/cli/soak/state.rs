//! What a soak knows of the hours before.

use std::{collections::BTreeMap, io, path::Path};

use quorate_core::Nanos;
use quorate_sim::{
    duration,
    file::VERSION,
    marks::{Mark, Marks},
    profile::Profile,
    world::Stats,
};
use serde::{Deserialize, Serialize};

use crate::cli::{
    batch::Total,
    files,
    results::{Broken, probe},
};

/// The format that is written and read.
const FORMAT: u64 = 1;
/// From so many seeds on, a profile that expects a violation must have shown it.
const EXPECTED_FROM: u64 = 100;

/// Everything, as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    #[serde(rename = "quorate-sim")]
    version: String,
    format: u64,
    /// The hash of one short run: another build would run other seeds.
    probe: String,
    time_ns: Nanos,
    /// What a profile begins with that was not run before.
    first: u64,
    profiles: BTreeMap<String, Sum>,
}

/// What a profile came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sum {
    /// The first seed that was not run.
    pub(super) next: u64,
    pub(super) seeds: u64,
    pub(super) stats: Stats,
    pub(super) marks: Marks,
    pub(super) cpu_ns: u64,
    /// Of all runs, in whatever order they ended.
    pub(super) hash: u64,
    /// How many showed what the profile expects.
    pub(super) expected: u64,
    /// By seed.
    pub(super) violations: BTreeMap<u64, Broken>,
}

impl Sum {
    /// What should have been met by now.
    pub(super) fn missing(&self, profile: Profile) -> Vec<Mark> {
        self.marks.missing_of(profile, self.seeds)
    }

    pub(super) fn lacks_expected(&self, profile: Profile) -> bool {
        profile.expectation().is_some() && self.seeds >= EXPECTED_FROM && self.expected == 0
    }
}

impl State {
    pub(super) fn new(time_ns: Nanos, first: u64) -> State {
        let version = VERSION.to_owned();
        State { version, format: FORMAT, probe: probe(), time_ns, first, profiles: BTreeMap::new() }
    }

    /// Reads what was written, where it is of this build and of runs of this length.
    ///
    /// # Errors
    /// What is wrong, with the way out.
    pub(super) fn read(text: &str, time_ns: Nanos) -> Result<State, String> {
        let state: State = serde_json::from_str(text).map_err(|error| {
            format!(
                "it is damaged, or of another format than {FORMAT}: {error}; name another folder"
            )
        })?;
        let ours = State::new(state.time_ns, state.first);
        if (&state.version, state.format, &state.probe) != (&ours.version, FORMAT, &ours.probe) {
            return Err(format!(
                "it is of quorate-sim {}, whose runs are others than those of this one, {VERSION}: their \
                 sums would mean nothing; name another folder",
                state.version
            ));
        }
        if state.time_ns != time_ns {
            let (had, asked) = (duration::write(state.time_ns), duration::write(time_ns));
            return Err(format!("its runs are of {had}, not of {asked}: give --time {had}"));
        }
        let unknown = state.profiles.keys().find(|name| Profile::parse(name).is_none());
        unknown.map_or(Ok(state.clone()), |name| Err(format!("it names the profile '{name}'")))
    }

    /// Writes it: whole or not at all.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        files::write_whole(path, |out| {
            serde_json::to_writer_pretty(&mut *out, self)?;
            out.write_all(b"\n")
        })
    }

    /// All that is known, by the profiles' order.
    pub(super) fn sums(&self) -> impl Iterator<Item = (Profile, &Sum)> {
        let known = |profile: &Profile| Some((*profile, self.profiles.get(profile.name())?));
        Profile::ALL.iter().filter_map(known)
    }

    pub(super) fn sum(&self, profile: Profile) -> Sum {
        let begin = || Sum { next: self.first, ..Sum::default() };
        self.profiles.get(profile.name()).cloned().unwrap_or_else(begin)
    }

    /// Whose turn it is: who has had the least of the processor; the first of them where several have.
    pub(super) fn next(&self, of: &[Profile]) -> Profile {
        let spent =
            |profile: &&Profile| self.profiles.get(profile.name()).map_or(0, |sum| sum.cpu_ns);
        of.iter().min_by_key(spent).copied().unwrap_or(Profile::Swarm)
    }

    /// Takes a round in. Seeds are begun in order, and whichever was begun has ended.
    pub(super) fn take(&mut self, profile: Profile, total: &Total) {
        let mut sum = self.sum(profile);
        sum.next = sum.next.saturating_add(total.seeds);
        sum.seeds += total.seeds;
        sum.stats.merge(&total.stats);
        sum.marks.merge(&total.marks);
        sum.cpu_ns += total.cpu_nanos;
        sum.hash = sum.hash.wrapping_add(total.hash);
        sum.expected += total.expected.len() as u64;
        for (report, kept) in total.failures.iter().zip(&total.kept) {
            if let Some(broken) = Broken::of(report, kept.file.as_deref()) {
                sum.violations.insert(report.recipe.seed, broken);
            }
        }
        self.profiles.insert(profile.name().to_owned(), sum);
    }
}

#[cfg(test)]
mod tests {
    use quorate_sim::hash::mix;

    use super::*;

    fn total(seeds: u64, cpu_nanos: u64) -> Total {
        Total { seeds, cpu_nanos, hash: mix(seeds, 7), ..Total::default() }
    }

    #[test]
    fn it_goes_on_where_it_ended_with_whoever_had_the_least() {
        let mut state = State::new(5, 100);
        let two = [Profile::Calm, Profile::Disk];
        assert_eq!(state.next(&two), Profile::Calm);
        state.take(Profile::Calm, &total(20, 9));
        assert_eq!(state.next(&two), Profile::Disk);
        state.take(Profile::Disk, &total(20, 10));
        assert_eq!(state.next(&two), Profile::Calm);
        state.take(Profile::Calm, &total(3, 9));
        let (calm, disk) = (state.sum(Profile::Calm), state.sum(Profile::Disk));
        assert_eq!((calm.next, calm.seeds, calm.cpu_ns), (123, 23, 18));
        assert_eq!((disk.next, state.sum(Profile::Kv).next), (120, 100));
        let text = serde_json::to_string(&state).expect("it can be written");
        assert_eq!(State::read(&text, 5), Ok(state));
    }

    #[test]
    fn what_is_of_another_build_or_damaged_is_refused_with_the_way_out() {
        let text = serde_json::to_string(&State::new(5, 0)).expect("it can be written");
        let refused = |text: &str, time| State::read(text, time).expect_err("refused");
        assert!(refused(&text, 6).contains("give --time"), "{}", refused(&text, 6));
        let other = text.replace(&probe(), "0123456789abcdef");
        assert!(refused(&other, 5).contains("name another folder"));
        assert!(refused(&text[..text.len() - 3], 5).contains("damaged"));
        let stranger = text.replace("\"profiles\":{}", "\"profiles\":{\"stormy\":null}");
        assert!(refused(&stranger, 5).contains("damaged"));
    }
}
