//! What this process holds in memory, and how long it has worked.

use std::fs;

/// The resident set. Bytes; 0 where the system does not say.
pub(crate) fn resident_bytes() -> u64 {
    memory().0
}

/// The resident set now, and the most that it was. Bytes; 0 where the system does not say.
pub fn memory() -> (u64, u64) {
    let Ok(status) = fs::read_to_string("/proc/self/status") else { return (0, 0) };
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        kib.unwrap_or(0) * 1024
    };
    (bytes("VmRSS:"), bytes("VmHWM:"))
}

/// How long its threads have worked together. Microseconds; 0 where the system does not say.
pub(crate) fn worked_us() -> u64 {
    let Ok(list) = fs::read_dir("/proc/self/task") else { return 0 };
    let of_thread = |path: std::path::PathBuf| -> Option<u64> {
        let text = fs::read_to_string(path.join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok()
    };
    let threads = list.flatten().filter_map(|thread| of_thread(thread.path()));
    threads.sum::<u64>() / 1000
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_that_takes_memory_holds_more() {
        let before = super::resident_bytes();
        let taken = vec![1_u8; 64 << 20];
        assert!(super::resident_bytes() > before + (32 << 20), "{}", taken.len());
    }
}
