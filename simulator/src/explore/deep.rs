//! A search that goes each path to its end: it holds one path, and not all states that wait.

use super::{Choice, End, Progress, Search, Tried, small::Small};

/// A state on the path, and what is yet to be tried of it.
struct Open {
    state: Box<Small>,
    /// The next to be tried last.
    choices: Vec<Choice>,
    /// By which it was reached.
    by: Option<Choice>,
}

impl Open {
    fn new(search: &Search, state: Box<Small>, by: Option<Choice>) -> Open {
        let mut choices = state.choices(&search.bounds);
        choices.reverse();
        Open { state, choices, by }
    }
}

/// Looks at every state, from `start` on.
pub(super) fn run(
    search: &mut Search,
    start: Small,
    watch: &mut dyn FnMut(&Progress) -> bool,
) -> End {
    let mut path = vec![Open::new(search, Box::new(start), None)];
    let mut waiting = path[0].choices.len();
    while let Some(open) = path.last_mut() {
        let Some(choice) = open.choices.pop() else {
            path.pop();
            continue;
        };
        waiting -= 1;
        search.progress.waiting = waiting as u64;
        match search.try_choice(&open.state, choice, watch) {
            Tried::Old => {}
            Tried::New(state) => {
                let next = Open::new(search, state, Some(choice));
                waiting += next.choices.len();
                path.push(next);
                search.progress.depth = search.progress.depth.max(path.len() as u64 - 1);
            }
            Tried::Broken(violation) => {
                let choices = path.iter().filter_map(|open| open.by).chain([choice]);
                let path = search.told(choices.collect());
                return End::Broken { violation, path };
            }
            Tried::Enough(end) => {
                // Nor is this one done with.
                search.progress.waiting += 1;
                return end;
            }
        }
    }
    End::Exhausted
}
