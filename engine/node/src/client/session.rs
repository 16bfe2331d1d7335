//! Sessions: transactions that are carried out once, however often they are sent.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use quorate_kv::{Command, LeaseId, Outcome, Revision, SESSION_LIMIT_ANSWERS, Txn};
use tokio::sync::Notify;

use super::{Client, HeldLease};
use crate::{EngineError, coordination::Answered, route::Repeat};

/// The numbers of a session's transactions.
pub(crate) struct Numbers {
    session: LeaseId,
    open: Mutex<Open>,
    /// One has ended: there may be room for the next.
    room: Notify,
}

#[derive(Default)]
struct Open {
    /// The number given out last; the first is 1.
    last: u64,
    /// Those that have not ended yet.
    under_way: BTreeSet<u64>,
}

impl Open {
    /// All up to this number have ended.
    fn acknowledged(&self) -> u64 {
        self.under_way.first().map_or(self.last, |first| first - 1)
    }

    /// The next number, unless the session would have to keep more answers than it may.
    fn next(&mut self) -> Option<u64> {
        if self.last - self.acknowledged() >= u64::from(SESSION_LIMIT_ANSWERS) {
            return None;
        }
        self.last += 1;
        self.under_way.insert(self.last);
        Some(self.last)
    }
}

/// A number that is under way, until it is dropped.
struct Number<'a> {
    numbers: &'a Numbers,
    sequence: u64,
}

impl Drop for Number<'_> {
    fn drop(&mut self) {
        self.numbers.open().under_way.remove(&self.sequence);
        self.numbers.room.notify_one();
    }
}

impl Numbers {
    fn new(session: LeaseId) -> Numbers {
        Numbers { session, open: Mutex::default(), room: Notify::new() }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries a transaction out once, and asks again while its end is unknown and time is left.
    pub(super) async fn run(
        &self,
        client: &Client,
        txn: Txn,
    ) -> Result<(Revision, Outcome), EngineError> {
        let until = Instant::now() + client.route.timeout;
        let number = match tokio::time::timeout(client.route.timeout, self.take()).await {
            Ok(number) => number,
            Err(_) => {
                return Err(EngineError::not_done(format!(
                    "{SESSION_LIMIT_ANSWERS} transactions of session {} are under way, its limit",
                    self.session
                )));
            }
        };
        let acknowledged = self.open().acknowledged();
        let (session, sequence) = (self.session, number.sequence);
        let command = Command::InSession { session, sequence, acknowledged, txn };
        let left = until.saturating_duration_since(Instant::now());
        client.with_timeout(left).write(&command, Repeat::Safe).await
    }

    async fn take(&self) -> Number<'_> {
        loop {
            let next = self.open().next();
            if let Some(sequence) = next {
                // If there is room for more, whoever waits behind this one has it.
                self.room.notify_one();
                return Number { numbers: self, sequence };
            }
            self.room.notified().await;
        }
    }
}

/// A session: transactions through its client are carried out once, however often they are sent, as
/// long as it lives. It is kept alive as long as this stands.
pub struct Session {
    client: Client,
    lease: HeldLease,
}

impl Client {
    /// Opens a session, which expires when nobody has kept it alive for `ttl`.
    ///
    /// # Errors
    /// [`quorate_kv::KvError::TooManySessions`]; [`EngineError`].
    pub async fn session(&self, ttl: Duration) -> Answered<Session> {
        let asked = self.local.clock().now();
        let open = |session, ttl_ms| Command::SessionOpen { session, ttl_ms };
        let session = self.grant_lease(ttl, open).await?;
        let numbers = Some(Arc::new(Numbers::new(session)));
        let client = Client { session: numbers, ..self.clone() };
        let lease = HeldLease::keep(self.clone(), session, ttl, asked);
        Ok(Session { client, lease })
    }
}

impl Session {
    /// A client whose transactions are carried out in this session; so are its locks and campaigns.
    /// Clones share it. Once the session has ended they fail with
    /// [`EngineError::SessionExpired`].
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The lease that the session lives by: keys, locks and leaderships can live by it, too.
    pub fn lease(&self) -> &HeldLease {
        &self.lease
    }

    /// Ends the session, and deletes the keys that live by it; answers with how many.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn close(self) -> Answered<u64> {
        self.lease.revoke().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_acknowledged_ends_below_the_first_that_is_under_way() {
        let mut open = Open::default();
        assert_eq!(open.acknowledged(), 0);
        assert_eq!((open.next(), open.next(), open.next()), (Some(1), Some(2), Some(3)));
        open.under_way.remove(&2);
        assert_eq!(open.acknowledged(), 0);
        open.under_way.remove(&1);
        assert_eq!(open.acknowledged(), 2);
        open.under_way.remove(&3);
        assert_eq!(open.acknowledged(), 3);
    }

    #[test]
    fn no_more_answers_are_due_than_a_session_keeps() {
        let mut open = Open::default();
        for sequence in 1..=u64::from(SESSION_LIMIT_ANSWERS) {
            assert_eq!(open.next(), Some(sequence));
        }
        // The first is late: the answers of all behind it must be kept.
        open.under_way.retain(|&sequence| sequence == 1);
        assert_eq!(open.next(), None);
        open.under_way.clear();
        assert_eq!(open.next(), Some(u64::from(SESSION_LIMIT_ANSWERS) + 1));
    }
}
