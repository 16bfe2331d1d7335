//! What was drawn in a run, to be drawn again.

use super::Stream;

/// One draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// Who drew.
    pub stream: Stream,
    /// Below which bound.
    pub bound: u64,
    /// What.
    pub value: u64,
}

/// All draws of a run, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// The draws. They may be edited: what is set to 0 becomes benign.
    pub draws: Vec<Drawn>,
}

impl Recording {
    pub(super) fn push(&mut self, stream: Stream, bound: u64, value: u64) {
        self.draws.push(Drawn { stream, bound, value });
    }
}

/// A recording that is played.
#[derive(Clone, Debug)]
pub(super) struct Playback {
    recording: Recording,
    next: usize,
    parted: Option<u64>,
}

impl Playback {
    pub(super) fn new(recording: Recording) -> Playback {
        Playback { recording, next: 0, parted: None }
    }

    pub(super) fn next(&mut self, stream: Stream, bound: u64) -> u64 {
        if self.parted.is_some() {
            return 0;
        }
        let drawn = self.recording.draws.get(self.next);
        let expected = drawn.filter(|drawn| (drawn.stream, drawn.bound) == (stream, bound));
        let Some(drawn) = expected else {
            self.parted = Some(self.next as u64);
            return 0;
        };
        self.next += 1;
        // An edited number may be too large.
        drawn.value.min(bound.saturating_sub(1))
    }

    pub(super) fn parted(&self) -> Option<u64> {
        self.parted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choices::{Choices, Series};

    fn draws(choices: &mut Choices) -> Vec<u64> {
        let mut all = vec![choices.draw(Stream::Plan, 100), choices.draw(Stream::Disk(1), 9)];
        all.extend(choices.keyed(Stream::Link(0, 1), 5, [7, 1_000]));
        all.extend(choices.next_of(Stream::Ties, Series { kind: 1, epoch: 2 }, [50]));
        all
    }

    #[test]
    fn a_recording_gives_what_was_drawn() {
        let mut choices = Choices::from_seed(7);
        choices.keep_record();
        let first = draws(&mut choices);
        let recording = choices.take_record().expect("it was kept");
        assert_eq!(recording.draws.len(), 5);
        let mut again = Choices::from_recording(recording.clone());
        again.keep_record();
        assert_eq!(draws(&mut again), first);
        assert_eq!(again.has_parted(), None);
        assert_eq!(again.take_record(), Some(recording), "a recording of itself");
    }

    #[test]
    fn another_draw_than_was_recorded_is_told_and_all_behind_it_is_benign() {
        let mut choices = Choices::from_seed(7);
        choices.keep_record();
        draws(&mut choices);
        let recording = choices.take_record().expect("it was kept");
        let mut other = Choices::from_recording(recording.clone());
        other.draw(Stream::Plan, 100);
        assert_eq!(other.draw(Stream::Disk(2), 9), 0, "another stream");
        assert_eq!(other.has_parted(), Some(1));
        assert_eq!(other.draw(Stream::Disk(1), 9), 0);
        let mut longer = Choices::from_recording(recording);
        draws(&mut longer);
        assert_eq!(longer.draw(Stream::Plan, 100), 0, "beyond its end");
        assert_eq!(longer.has_parted(), Some(5));
    }

    #[test]
    fn an_edited_number_stays_below_its_bound() {
        let drawn = Drawn { stream: Stream::Plan, bound: 4, value: 99 };
        let mut choices = Choices::from_recording(Recording { draws: vec![drawn] });
        assert_eq!(choices.draw(Stream::Plan, 4), 3);
    }
}
