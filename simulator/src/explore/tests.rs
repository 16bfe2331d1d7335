use super::*;
use crate::oracle::Property;

/// A world that is searched to its end in a moment.
fn tiny() -> Bounds {
    Bounds {
        nodes: 3,
        terms: 1,
        entries: 0,
        crashes: 0,
        timeouts: 1,
        duplicates: 0,
        messages: 2,
        ..Bounds::default()
    }
}

fn search(host: Host, bounds: Bounds) -> Outcome {
    explore_on(host, bounds, &mut |_| true)
}

#[test]
fn a_tiny_world_is_exhausted_and_the_same_each_time() {
    let outcome = search(Host::Honest, tiny());
    assert_eq!(outcome.end, End::Exhausted);
    assert!(outcome.progress.leaders == 1, "{:?}", outcome.progress);
    assert_eq!(search(Host::Honest, tiny()), outcome);
}

#[test]
fn nodes_that_are_alike_are_tried_once_and_nothing_is_missed_by_it() {
    let bounds = Bounds { symmetry: false, ..tiny() };
    let (reduced, all) = (search(Host::Honest, tiny()), search(Host::Honest, bounds));
    assert_eq!((&reduced.end, &all.end), (&End::Exhausted, &End::Exhausted));
    let (few, many) = (reduced.progress, all.progress);
    // Three nodes have six orders.
    assert!(few.states < many.states && many.states <= 6 * few.states, "{few:?} {many:?}");
    assert_eq!((few.leaders, few.depth), (many.leaders, many.depth));
}

#[test]
fn a_host_that_forgets_its_vote_is_convicted_by_a_shortest_path() {
    let bounds = Bounds { terms: 1, entries: 0, crashes: 1, timeouts: 2, ..tiny() };
    let bounds = Bounds { messages: 4, ..bounds };
    let found = search(Host::ForgetsVotes, bounds);
    let End::Broken { violation, path } = found.end else { panic!("{:?}", found) };
    assert!(
        matches!(violation.property(), Property::VoteOnce | Property::ElectionSafety),
        "{violation}"
    );
    assert!(path.iter().any(|line| line.contains("loses its power")), "{path:#?}");
    let shorter = Bounds { depth: path.len() as u64 - 1, ..bounds };
    assert_eq!(search(Host::ForgetsVotes, shorter).end, End::Depth, "no shorter path");
}

#[test]
fn a_host_that_reports_writes_too_early_is_convicted() {
    let bounds = Bounds { terms: 1, entries: 0, timeouts: 1, messages: 4, ..tiny() };
    let found = search(Host::ReportsEarly, bounds);
    let End::Broken { violation, .. } = found.end else { panic!("{:?}", found) };
    let expected = [Property::PersistBeforeSend, Property::DurableQuorum];
    assert!(expected.contains(&violation.property()), "{violation}");
}

#[test]
fn a_bound_that_ends_a_search_is_named() {
    let bounds = Bounds { states: 50, ..Bounds::default() };
    let outcome = search(Host::Honest, bounds);
    assert_eq!((outcome.end, outcome.progress.states), (End::States, 50));
    let bounds = Bounds { depth: 3, ..Bounds::default() };
    let outcome = search(Host::Honest, bounds);
    assert_eq!((outcome.end, outcome.progress.depth), (End::Depth, 3));
    let bounds = Bounds { states: 100_000, ..Bounds::default() };
    assert_eq!(explore(bounds, &mut |_| false).end, End::Interrupted);
}

#[test]
fn a_search_comes_to_commits_with_crashes_and_duplicates() {
    let bounds = Bounds {
        nodes: 2,
        terms: 1,
        entries: 1,
        crashes: 1,
        timeouts: 1,
        duplicates: 1,
        messages: 3,
        states: 200_000,
        ..Bounds::default()
    };
    let outcome = search(Host::Honest, bounds);
    assert!(!matches!(outcome.end, End::Broken { .. }), "{:?}", outcome.end);
    assert_eq!((outcome.progress.leaders, outcome.progress.commands), (1, 1));
}

#[test]
fn in_depth_the_same_states_are_seen_as_in_breadth() {
    for symmetry in [true, false] {
        let wide = Bounds { entries: 1, symmetry, ..tiny() };
        let deep = Bounds { deep: true, ..wide };
        let (wide, deep) = (search(Host::Honest, wide), search(Host::Honest, deep));
        assert_eq!((&wide.end, &deep.end), (&End::Exhausted, &End::Exhausted));
        let of = |outcome: &Outcome| {
            let Progress { states, transitions, leaders, commands, .. } = outcome.progress;
            (states, transitions, leaders, commands)
        };
        assert_eq!(of(&wide), of(&deep));
        assert!(deep.progress.depth >= wide.progress.depth);
    }
    let broken = Bounds { crashes: 1, timeouts: 2, messages: 4, deep: true, ..tiny() };
    let found = search(Host::ForgetsVotes, broken);
    let End::Broken { path, .. } = found.end else { panic!("{found:?}") };
    assert!(path.iter().any(|line| line.contains("loses its power")), "{path:#?}");
}

/// What the nodes of any state within the bounds have come to.
fn reached(bounds: Bounds) -> BTreeSet<u128> {
    let start = Small::start(&bounds, Host::Honest).expect("it begins");
    let mut seen = BTreeSet::from([start.hash()]);
    let mut nodes = BTreeSet::from([start.nodes_hash()]);
    let mut open = vec![start];
    while let Some(state) = open.pop() {
        for choice in state.choices(&bounds) {
            let after = state.take(choice, Host::Honest, &bounds).expect("nothing breaks");
            if !after.is_beyond(&bounds) && seen.insert(after.hash()) {
                nodes.insert(after.nodes_hash());
                open.push(after);
            }
        }
    }
    nodes
}

#[test]
fn what_is_left_out_takes_no_state_of_the_nodes_away() {
    let several = [
        Bounds { terms: 1, entries: 1, timeouts: 1, ..tiny() },
        Bounds { terms: 2, timeouts: 2, messages: 1, ..tiny() },
        Bounds { nodes: 2, terms: 2, timeouts: 2, crashes: 1, messages: 1, ..tiny() },
    ];
    for bounds in several {
        let bounds = Bounds { symmetry: false, ..bounds };
        let all = reached(Bounds { reduction: false, ..bounds });
        let reduced = reached(bounds);
        // What is left out makes room for others where so many may be under way.
        assert!(all.is_subset(&reduced), "{bounds:?}: {} {}", all.len(), reduced.len());
    }
}
