//! Ctrl-C and SIGTERM: what is under way ends, and what was done is told.

use std::{
    process,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

/// As a shell reports a process that Ctrl-C ended.
pub(super) const INTERRUPTED: u8 = 130;

/// Set by the first of them; the second ends the process at once.
pub(super) struct Flag(AtomicBool);

impl Flag {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

static FLAG: Flag = Flag(AtomicBool::new(false));
static HANDLER: OnceLock<()> = OnceLock::new();

/// The flag of this process; from the first call on it is set in place of an end.
pub(super) fn flag() -> &'static Flag {
    HANDLER.get_or_init(|| {
        // Without a handler the process just ends at once.
        let _ = ctrlc::set_handler(|| {
            if FLAG.0.swap(true, Ordering::Relaxed) {
                process::exit(INTERRUPTED.into());
            }
        });
    });
    &FLAG
}
