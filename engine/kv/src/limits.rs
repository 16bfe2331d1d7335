//! What a request may be at most. Each limit has an error that names it.

/// The most bytes of a key.
pub const KEY_LIMIT_BYTES: u32 = 64 * 1024;
/// The most bytes of a value.
pub const VALUE_LIMIT_BYTES: u32 = 512 * 1024;
/// The most bytes of a command as it stands in the log.
pub const COMMAND_LIMIT_BYTES: u32 = 1536 * 1024;
/// The most comparisons, and the most operations in each branch, of a transaction.
pub const TXN_LIMIT_OPERATIONS: u32 = 128;
/// How deep transactions may stand in one another; the outermost is 1.
pub const TXN_LIMIT_DEPTH: u32 = 8;
/// The shortest time to live of a lease. Milliseconds.
pub const LEASE_TTL_MIN_MS: u64 = 100;
/// The longest time to live of a lease, some 285 years. Milliseconds.
pub const LEASE_TTL_MAX_MS: u64 = 9_000_000_000_000;
/// The most leases at a time.
pub const LEASE_LIMIT: u32 = 1_000_000;
/// The most leases that one command lets expire.
pub const EXPIRE_LIMIT: u32 = 1024;
/// The most sessions at a time.
pub const SESSION_LIMIT: u32 = 100_000;
/// The most answers that a session keeps for a client that may ask again.
pub const SESSION_LIMIT_ANSWERS: u32 = 64;
/// The most bytes of keys and values, with what is kept beside them, unless a group sets another
/// limit: 2 GiB.
pub const QUOTA_DEFAULT_BYTES: u64 = 2 * 1024 * 1024 * 1024;
