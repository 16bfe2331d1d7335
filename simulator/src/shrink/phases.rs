//! What is left out, and in which order.

use std::ops::Range;

use super::{coarse, details, list, search::Search, settings, times};
use crate::{
    case::Case,
    choices::Stream,
    plan::{Target, When},
    profile::MILLISECOND,
    system::System,
};

/// Lists longer than this are not tried with other seeds, and not one by one at first.
const LONG: usize = 24;

/// Steps that keep the run as it was until its failure, and such that make it much shorter.
pub(super) fn prepare<S: System>(search: &mut Search<'_, S>) {
    search.phase = "what came after";
    list_operations(search);
    end_at_failure(search);
    drop_idle_faults(search);
    anchor(search);
    search.phase = "large steps";
    coarse::coarse(search);
    search.phase = "noise";
    settings::all_benign(search);
    quiet_all(search);
}

/// One pass over everything that may go.
pub(super) fn round<S: System>(search: &mut Search<'_, S>) {
    let seeds = search.seeds;
    search.phase = "clients";
    clients(search);
    search.phase = "faults";
    faults(search, seeds);
    search.phase = "operations";
    operations(search, seeds);
    search.phase = "nodes";
    search.seeds = seeds;
    nodes(search);
    search.phase = "length";
    search.seeds = 0;
    end_at_failure(search);
    times::cut_gaps(search);
    search.phase = "settings";
    settings::each_benign(search);
    quiet(search);
    search.phase = "details";
    details::faults(search);
    details::operations(search);
    search.seeds = seeds;
}

/// What clients did becomes a list, of which single operations can be left out.
fn list_operations<S: System>(search: &mut Search<'_, S>) {
    let begun = search.run().begun.clone();
    search.edit(|case| case.operations = Some(begun));
}

/// Everything heals right after the failure, unless that came with the healing.
fn end_at_failure<S: System>(search: &mut Search<'_, S>) {
    let end = search.run().stats.simulated + MILLISECOND;
    if end < search.best().settings.fault_time {
        search.edit(|case| times::end_at(case, end));
    }
    // What was never begun goes.
    let begun = search.run().begun.clone();
    let known = |client, number| begun.iter().any(|op| (op.client, op.number) == (client, number));
    search.edit(|case| {
        if let Some(list) = &mut case.operations {
            list.retain(|operation| known(operation.client, operation.number));
        }
    });
}

/// Faults that never struck.
fn drop_idle_faults<S: System>(search: &mut Search<'_, S>) {
    let struck: Vec<usize> = search.run().struck.iter().map(|strike| strike.planned).collect();
    search.edit(|case| {
        let faults = std::mem::take(&mut case.plan.faults);
        let kept = faults.into_iter().enumerate().filter(|(place, _)| struck.contains(place));
        case.plan.faults = kept.map(|(_, fault)| fault).collect();
    });
}

/// Faults in the order of their times, as people read them.
pub(super) fn sort<S: System>(search: &mut Search<'_, S>) {
    search.edit(|case| case.plan.faults.sort_by_key(times::time));
}

/// A fault that struck on the nth event strikes on the first one from that moment on: what came
/// before may then go without its missing the event.
fn anchor<S: System>(search: &mut Search<'_, S>) {
    let struck = search.run().struck.clone();
    search.edit(|case| {
        for strike in struck {
            let fault = case.plan.faults.get_mut(strike.planned);
            if let Some(When::On { after, nth, .. }) = fault.map(|fault| &mut fault.when) {
                (*after, *nth) = (strike.at, 1);
            }
        }
    });
}

fn without_faults<S: System>(case: &Case<S>, range: &Range<usize>) -> Case<S> {
    let mut case = case.clone();
    case.plan.faults.drain(range.clone());
    case
}

fn faults<S: System>(search: &mut Search<'_, S>, seeds: u64) {
    drop_idle_faults(search);
    let search = std::cell::RefCell::new(search);
    list::reduce(
        || search.borrow().best().plan.faults.len(),
        |ranges| {
            let mut search = search.borrow_mut();
            let best = search.best().clone();
            search.seeds = if best.plan.faults.len() > LONG { 0 } else { seeds };
            search.first(ranges.iter().map(|range| without_faults(&best, range)).collect())
        },
        1,
    );
}

fn without_operations<S: System>(case: &Case<S>, range: &Range<usize>) -> Case<S> {
    let mut case = case.clone();
    if let Some(list) = &mut case.operations {
        list.drain(range.clone());
    }
    case
}

fn operations<S: System>(search: &mut Search<'_, S>, seeds: u64) {
    let len = |search: &Search<'_, S>| search.best().operations.as_ref().map_or(0, Vec::len);
    let smallest = if len(search) > 20 * LONG { 4 } else { 1 };
    let search = std::cell::RefCell::new(search);
    list::reduce(
        || len(&search.borrow()),
        |ranges| {
            let mut search = search.borrow_mut();
            search.seeds = if len(&search) > LONG { 0 } else { seeds };
            let best = search.best().clone();
            search.first(ranges.iter().map(|range| without_operations(&best, range)).collect())
        },
        smallest,
    );
}

/// Clients go with all their operations; the others move up.
fn clients<S: System>(search: &mut Search<'_, S>) {
    let many = search.best().settings.workload.clients;
    let fewer = [1, 2, many / 2].into_iter().filter(|few| (1..many).contains(few));
    let best = search.best().clone();
    let only = fewer.map(|few| {
        let mut case = best.clone();
        (few..many).rev().for_each(|client| drop_client(&mut case, client));
        case
    });
    search.first(only.collect());
    let mut client = 0;
    while client < search.best().settings.workload.clients {
        if search.best().settings.workload.clients == 1
            || !search.edit(|case| drop_client(case, client))
        {
            client += 1;
        }
    }
}

fn drop_client<S: System>(case: &mut Case<S>, client: u64) {
    case.settings.workload.clients -= 1;
    let Some(list) = &mut case.operations else { return };
    list.retain(|operation| operation.client != client);
    for operation in list.iter_mut().filter(|operation| operation.client > client) {
        operation.client -= 1;
    }
}

/// Fewer nodes: one founder or spare less, or far fewer at once.
fn nodes<S: System>(search: &mut Search<'_, S>) {
    loop {
        let (nodes, spares) = (search.best().settings.nodes, search.best().settings.spares);
        let mut cases = Vec::new();
        let fewer = [(1, 0), (2, 0), (3, 0)].into_iter().filter(|(few, _)| *few < nodes);
        let one_less = [(nodes, 0), (nodes, spares.saturating_sub(1)), (nodes - 1, spares)];
        for (nodes, spares) in fewer.chain(one_less) {
            if nodes == 0 {
                continue;
            }
            let mut case = search.best().clone();
            (case.settings.nodes, case.settings.spares) = (nodes, spares);
            for fault in &mut case.plan.faults {
                if let Target::Node(node) = &mut fault.target {
                    *node %= nodes + spares;
                }
            }
            cases.push(case);
        }
        if search.first(cases).is_none() {
            return;
        }
    }
}

/// The streams that a run of this case draws from.
pub(super) fn streams<S: System>(case: &Case<S>) -> [Vec<Stream>; 5] {
    let nodes = 0..case.settings.all_nodes();
    let clients = 0..case.settings.workload.clients;
    let pairs = nodes.clone().flat_map(|from| nodes.clone().map(move |to| (from, to)));
    [
        vec![Stream::Ties],
        pairs.filter(|(from, to)| from != to).map(|(from, to)| Stream::Link(from, to)).collect(),
        nodes.clone().map(Stream::Disk).collect(),
        nodes.clone().flat_map(|node| [Stream::Process(node), Stream::Clock(node)]).collect(),
        clients.map(Stream::Client).collect(),
    ]
}

pub(super) fn quieten<S: System>(case: &mut Case<S>, streams: &[Stream]) {
    case.quiet.extend(streams);
    case.quiet.sort();
    case.quiet.dedup();
}

fn quiet_all<S: System>(search: &mut Search<'_, S>) -> bool {
    let all = streams(search.best()).concat();
    search.edit(|case| quieten(case, &all))
}

/// Streams become benign: all, all of a kind, each.
fn quiet<S: System>(search: &mut Search<'_, S>) {
    let known = streams(search.best()).concat();
    search.edit(|case| case.quiet.retain(|stream| known.contains(stream)));
    if quiet_all(search) {
        return;
    }
    for kind in streams(search.best()) {
        if !search.edit(|case| quieten(case, &kind)) && kind.len() > 1 {
            for stream in kind {
                search.edit(|case| quieten(case, &[stream]));
            }
        }
    }
}
