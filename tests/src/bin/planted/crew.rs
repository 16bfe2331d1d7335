//! Several rows at a time: each worker takes the next row that is left.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
    mpsc,
};

use quorate_tests::planted::{
    PlantedError,
    convict::{Court, Effort, Trial},
    known::Row,
};

use super::progress::Progress;

/// A row to be tried.
pub(super) struct Task {
    pub(super) row: Row,
    pub(super) number: u32,
    pub(super) effort: Effort,
}

/// Takes in what became of a row.
type Take<'a> = &'a mut dyn FnMut(&Task, Trial) -> Result<(), PlantedError>;

/// Tries all of them, `jobs` at a time; `take` is given each as it ends, on this thread. After an error,
/// or once the court is stopped, nothing more is begun.
pub(super) fn work(
    court: &Court,
    jobs: u64,
    tasks: Vec<Task>,
    progress: &Progress,
    take: Take<'_>,
) -> Result<(), PlantedError> {
    let next = AtomicUsize::new(0);
    let first_error = Mutex::new(None);
    let fail = |error: PlantedError| {
        court.stop.store(true, Ordering::Relaxed);
        let mut first = first_error.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        first.get_or_insert(error);
    };
    std::thread::scope(|scope| {
        let (send, receive) = mpsc::channel();
        for _ in 0..jobs.min(tasks.len() as u64) {
            let (send, next, tasks, fail) = (send.clone(), &next, &tasks, &fail);
            scope.spawn(move || {
                while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut watch = |text: &str, cpu: f64| {
                        progress.row(&task.row.id, text, cpu);
                    };
                    match court.try_row(&task.row, task.number, task.effort, &mut watch) {
                        Ok(Some(trial)) => {
                            if send.send((task, trial)).is_err() {
                                return;
                            }
                        }
                        Ok(None) => return,
                        Err(error) => return fail(error),
                    }
                }
            });
        }
        drop(send);
        for (task, trial) in receive {
            let cpu = trial.found.iter().map(|found| found.cpu_s).sum();
            progress.done(&task.row.id, cpu);
            take(task, trial).unwrap_or_else(&fail);
        }
    });
    let error = first_error.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    error.map_or(Ok(()), Err)
}
