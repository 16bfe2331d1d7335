//! When things happen: sooner, and in a shorter run.

use quorate_core::Nanos;

use super::search::Search;
use crate::{
    case::Case,
    plan::{Planned, When},
    profile::MILLISECOND,
    system::System,
};

/// The same, to be changed.
pub(super) fn time_of(fault: &mut Planned) -> &mut Nanos {
    match &mut fault.when {
        When::At(at) => at,
        When::On { after, .. } => after,
    }
}

/// The time that a fault names.
pub(super) fn time(fault: &Planned) -> Nanos {
    *time_of(&mut { *fault })
}

/// The time for faults ends then, and with it all that would come later.
pub(super) fn end_at<S: System>(case: &mut Case<S>, end: Nanos) {
    case.settings.fault_time = end;
    case.plan.faults.retain_mut(|fault| *time_of(fault) < end);
    if let Some(list) = &mut case.operations {
        list.retain(|operation| operation.at < end);
    }
}

/// What happens in `from..to` happens at `from`, and what happens later sooner by as much.
pub(super) fn cut_out<S: System>(case: &mut Case<S>, from: Nanos, to: Nanos) {
    let moved = |at: Nanos| if at < from { at } else { at.saturating_sub(to - from).max(from) };
    for fault in &mut case.plan.faults {
        let at = time_of(fault);
        *at = moved(*at);
    }
    for operation in case.operations.iter_mut().flatten() {
        operation.at = moved(operation.at);
    }
    case.settings.fault_time = moved(case.settings.fault_time).max(MILLISECOND);
}

/// Cuts out stretches of time, long ones first.
pub(super) fn cut_gaps<S: System>(search: &mut Search<'_, S>) {
    for share in [2, 4, 8, 16] {
        let mut place = 0;
        while place < share {
            let end = search.best().settings.fault_time;
            let stretch = end / share;
            if stretch < MILLISECOND {
                return;
            }
            let from = place * stretch;
            if !search.edit(|case| cut_out(case, from, from + stretch)) {
                place += 1;
            } else if search.is_cut() {
                return;
            }
        }
    }
}
