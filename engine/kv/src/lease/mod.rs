//! Leases, as the log knows them: which there are, how long they live, and which keys live by them.
//! When one ends is not known here but by the leader's [`Deadlines`].

mod deadlines;

use std::fmt;

use bytes::Bytes;
use quorate_core::Index;

pub use self::deadlines::Deadlines;
use crate::{KvError, LEASE_LIMIT, RequestError, shared_map::SharedMap};

/// The number of a lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeaseId(pub u64);

impl LeaseId {
    /// No lease.
    pub const NONE: LeaseId = LeaseId(0);

    pub(crate) fn validate(self) -> Result<(), RequestError> {
        if self == LeaseId::NONE { Err(RequestError::NoLeaseId) } else { Ok(()) }
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:x}", self.0)
    }
}

/// A lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// How long it lives after its grant and each keep-alive. Milliseconds.
    pub ttl_ms: u64,
    /// The entry that granted it: a number may be used again once its lease has ended.
    pub granted: Index,
    keys: SharedMap<Bytes, ()>,
}

impl Lease {
    /// The keys that live by it, in rising order.
    pub fn keys(&self) -> impl Iterator<Item = &Bytes> {
        self.keys.iter().map(|(key, ())| key)
    }
}

/// All leases. A copy shares all that neither changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Leases(SharedMap<LeaseId, Lease>);

impl Leases {
    pub(crate) fn get(&self, lease: LeaseId) -> Option<&Lease> {
        self.0.get(&lease)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (LeaseId, &Lease)> {
        self.0.iter().map(|(&id, lease)| (id, lease))
    }

    pub(crate) fn len(&self) -> u64 {
        self.0.len()
    }

    pub(crate) fn grant(
        &mut self,
        lease: LeaseId,
        ttl_ms: u64,
        granted: Index,
    ) -> Result<(), KvError> {
        if self.0.get(&lease).is_some() {
            return Err(KvError::LeaseExists { lease });
        }
        if self.len() >= u64::from(LEASE_LIMIT) {
            return Err(KvError::TooManyLeases);
        }
        self.0.insert(lease, Lease { ttl_ms, granted, keys: SharedMap::default() });
        Ok(())
    }

    /// Takes a lease away, and returns it.
    pub(crate) fn end(&mut self, lease: LeaseId) -> Option<Lease> {
        self.0.remove(&lease)
    }

    pub(crate) fn attach(&mut self, lease: LeaseId, key: &Bytes) {
        if let Some(lease) = self.0.get_mut(&lease) {
            lease.keys.insert(key.clone(), ());
        }
    }

    pub(crate) fn detach(&mut self, lease: LeaseId, key: &Bytes) {
        if let Some(lease) = self.0.get_mut(&lease) {
            lease.keys.remove(key);
        }
    }
}
