use quorate_core::LogId;

use super::*;

fn op(ask: Ask, told: Told, invoked: u64, returned: u64) -> Operation {
    Operation { client: 0, key: 0, ask, invoked, returned, told, place: LogId::ZERO }
}

fn put(value: u64, invoked: u64, returned: u64) -> Operation {
    op(Ask::Put(value), Told::Done, invoked, returned)
}

fn lost_put(value: u64, invoked: u64) -> Operation {
    op(Ask::Put(value), Told::Unknown, invoked, u64::MAX)
}

fn get(value: Option<u64>, invoked: u64, returned: u64) -> Operation {
    op(Ask::Get, Told::Got(value), invoked, returned)
}

fn is_good(operations: &[Operation]) -> bool {
    match judge(operations, 1_000_000) {
        Verdict::Linearizable => true,
        Verdict::Not { .. } => false,
        Verdict::GivenUp { .. } => panic!("given up"),
    }
}

#[test]
fn a_read_after_a_write_sees_it() {
    assert!(is_good(&[]));
    assert!(is_good(&[get(None, 1, 2), put(7, 3, 4), get(Some(7), 5, 6)]));
    assert!(!is_good(&[put(7, 1, 2), get(None, 3, 4)]));
}

#[test]
fn a_read_beside_a_write_sees_either() {
    assert!(is_good(&[put(7, 1, 10), get(None, 2, 3), get(Some(7), 4, 5)]));
    assert!(!is_good(&[put(7, 1, 10), get(Some(7), 2, 3), get(None, 4, 5)]), "no way back");
}

#[test]
fn a_value_that_was_never_written_is_not_read() {
    assert!(!is_good(&[put(7, 1, 2), get(Some(8), 3, 4)]));
    let refused = op(Ask::Put(8), Told::Never, 1, 2);
    assert!(!is_good(&[refused, get(Some(8), 3, 4)]), "what was refused was not done");
}

#[test]
fn a_write_of_unknown_outcome_may_take_effect_late_or_never() {
    assert!(is_good(&[put(1, 1, 2), lost_put(2, 3), get(Some(1), 10, 11), get(Some(2), 12, 13)]));
    assert!(is_good(&[put(1, 1, 2), lost_put(2, 3), get(Some(1), 10, 11)]));
    assert!(!is_good(&[get(Some(2), 1, 2), lost_put(2, 3)]), "but not before it was asked for");
    assert!(
        !is_good(&[lost_put(2, 1), get(Some(2), 2, 3), put(3, 4, 5), get(Some(2), 6, 7)]),
        "and only once"
    );
}

#[test]
fn a_stale_read_is_found_among_concurrent_clients() {
    let history = [
        put(1, 1, 4),
        put(2, 2, 8),
        get(Some(1), 5, 7),
        get(Some(2), 9, 12),
        get(Some(1), 10, 11),
        put(3, 13, 14),
    ];
    assert!(is_good(&history[..4]));
    assert!(is_good(&[history[0], history[1], history[2], history[3], history[5]]));
    assert!(!is_good(&history), "2 was written before 9, so 1 is gone by 10");
}

#[test]
fn a_deletion_removes_the_value() {
    let delete = |told, invoked, returned| op(Ask::Delete, told, invoked, returned);
    assert!(is_good(&[put(1, 1, 2), delete(Told::Done, 3, 4), get(None, 5, 6)]));
    assert!(!is_good(&[put(1, 1, 2), delete(Told::Done, 3, 4), get(Some(1), 5, 6)]));
    assert!(is_good(&[put(1, 1, 2), delete(Told::Unknown, 3, u64::MAX), get(None, 5, 6)]));
    let removed = |existed, invoked, returned| delete(Told::Removed { existed }, invoked, returned);
    assert!(is_good(&[put(1, 1, 2), removed(true, 3, 4), removed(false, 5, 6)]));
    assert!(!is_good(&[put(1, 1, 2), removed(false, 3, 4)]));
    assert!(is_good(&[lost_put(1, 1), removed(true, 3, 4)]), "a value that nobody read");
}

/// Compares with trying every order, on all small histories of a kind.
#[test]
fn it_agrees_with_trying_every_order() {
    let mut seen = [0, 0];
    let mut state = 1;
    let mut draw = |bound: u64| {
        state = crate::hash::mix(state, 7);
        state % bound
    };
    for _ in 0..20_000 {
        let history: Vec<Operation> = (0..5)
            .map(|n| {
                let invoked = draw(20) * 10 + n;
                let returned = invoked + (draw(8) + 1) * 10 + 5;
                let hint = draw(4);
                let mut operation = match draw(5) {
                    0 => put(n, invoked, returned),
                    1 => lost_put(n, invoked),
                    2 => {
                        let told = Told::Removed { existed: draw(2) == 1 };
                        op(Ask::Delete, told, invoked, returned)
                    }
                    _ => get(draw(6).checked_sub(1), invoked, returned),
                };
                // Whatever it says, it decides nothing.
                operation.place.index = hint;
                operation
            })
            .collect();
        let expected = brute(&history, &mut vec![false; history.len()], None);
        assert_eq!(is_good(&history), expected, "{history:?}");
        seen[usize::from(expected)] += 1;
    }
    assert!(seen[0] > 1_000 && seen[1] > 1_000, "{seen:?}");
}

/// Twelve clients write at the same time, over and over, and each round is read.
fn rounds(place: impl Fn(u64) -> u64) -> Vec<Operation> {
    let mut history = Vec::new();
    for round in 0..50 {
        let start = round * 100;
        // The later it was asked for, the sooner it took effect.
        for n in 0..12 {
            let written = put(start + n + 1, start + n, start + 40 + n);
            history.push(Operation { place: LogId::new(1, place(round * 12 + 12 - n)), ..written });
        }
        let read = get(Some(start + 1), start + 60, start + 70);
        history.push(Operation { place: LogId::new(1, place(round * 12 + 12)), ..read });
    }
    history
}

#[test]
fn an_order_that_the_log_tells_is_found_without_a_search() {
    let history = rounds(|place| place);
    let steps = history.len() as u64;
    assert_eq!(judge(&history, steps), Verdict::Linearizable);
    // The other way round it misleads, and the search takes longer.
    let misled = rounds(|place| 1_000 - place);
    assert_eq!(judge(&misled, steps), Verdict::GivenUp { steps });
    assert_eq!(judge(&misled, 10_000_000), Verdict::Linearizable);
}

fn brute(history: &[Operation], used: &mut Vec<bool>, value: Option<u64>) -> bool {
    let open = |used: &[bool]| (0..history.len()).filter(|n| !used[*n]).collect::<Vec<_>>();
    if open(used).iter().all(|n| history[*n].returned == u64::MAX) {
        return true;
    }
    let earliest = open(used).iter().map(|n| history[*n].returned).min().unwrap();
    for n in open(used) {
        if history[n].invoked > earliest {
            continue;
        }
        let Some(next) = effect(&history[n], value) else { continue };
        used[n] = true;
        let good = brute(history, used, next);
        used[n] = false;
        if good {
            return true;
        }
    }
    false
}
