//! What a client makes of an answer, and whether it may have been given.

use quorate_core::{Index, Nanos};
use quorate_kv::{
    KeyRange, KeyValue, KvError, LeaseId, OperationResponse, Outcome, RangeRequest, Revision,
};

use super::{
    KvAnswer, KvOperation, KvSystem, Open,
    command::{ACCOUNTS, BALANCE, Kind, appended, link_of, value_of},
    drawn::Knows,
    follows,
    lists::Link,
    locks::Taken,
    watch_of,
};
use crate::{
    history::Told,
    marks::Mark,
    oracle::Violation,
    profile::MILLISECOND,
    system::{Asked, End},
};

impl KvSystem {
    /// An operation is over: judges the answer, and keeps what the client learnt.
    pub(super) fn judge_end(
        &mut self,
        asked: &Asked<'_, KvOperation>,
        end: &End<KvAnswer>,
        open: Open,
        moment: u64,
    ) -> Result<(), Violation> {
        if self.judge.is_none() {
            return Ok(());
        }
        self.use_lock(asked.client)?;
        match end {
            End::Wrote { place, answer } => {
                self.judge_write(asked, place.index, answer, open, moment)
            }
            End::Read { applied, answer } => self.judge_read(asked, *applied, answer),
            // Whatever it has may be gone, and whatever it asked for may be there.
            End::Never | End::Unknown => {
                self.learn(asked.client, |knows| knows.lock = None);
                Ok(())
            }
        }
    }

    fn learn(&mut self, client: u64, learn: impl FnOnce(&mut Knows)) {
        learn(self.clients.entry(client).or_insert_with(Knows::nothing));
    }

    /// Whoever believes to hold a lock writes to what it guards.
    fn use_lock(&mut self, client: u64) -> Result<(), Violation> {
        let Some((lock, token)) = self.knows(client).lock else { return Ok(()) };
        let Some(judge) = &mut self.judge else { return Ok(()) };
        if !judge.locks.write(lock, token)? {
            self.learn(client, |knows| knows.lock = None);
        }
        Ok(())
    }

    fn judge_write(
        &mut self,
        asked: &Asked<'_, KvOperation>,
        index: Index,
        answer: &KvAnswer,
        open: Open,
        moment: u64,
    ) -> Result<(), Violation> {
        let client = asked.client;
        let full = lacks_space(answer);
        self.learn(client, |knows| knows.full = full);
        let Some(judge) = &mut self.judge else { return Ok(()) };
        let response = match answer {
            KvAnswer::Told { hash, .. } => return judge.told(client, index, *hash),
            KvAnswer::Response(response) => response,
            KvAnswer::Range { .. }
            | KvAnswer::Kept(_)
            | KvAnswer::Left(_)
            | KvAnswer::Watched { .. } => {
                let what = format!("a write of client {client} was answered as a read");
                return Err(Violation::model("answers", what));
            }
        };
        judge.told(client, index, super::answer::hash(response))?;
        match &response.outcome {
            Some(Ok(Outcome::Granted { lease, ttl_ms })) => {
                judge.promises.promised(*lease, *ttl_ms, open.at)?;
                if let KvOperation::Open { .. } = asked.operation {
                    self.learn(client, |knows| knows.session = true);
                } else {
                    self.has_lease(client, *ttl_ms, open.at);
                }
            }
            Some(Ok(Outcome::Ended { .. })) => self.learn(client, |knows| {
                (knows.lease, knows.lock) = (false, None);
            }),
            Some(Ok(Outcome::Txn(txn))) => {
                self.saw(asked, &txn.responses)?;
                let moments = [open.moment, moment];
                self.saw_list(asked, txn.succeeded, response.revision, &txn.responses, moments)?;
                self.locked(asked, txn.succeeded, response.revision, open.moment, moment)?;
                if let KvOperation::Swap { cell, .. } = *asked.operation
                    && txn.succeeded
                {
                    let revision = response.revision;
                    self.learn(client, |knows| knows.cells[cell as usize] = revision);
                }
            }
            Some(Err(error)) => self.refused_with(asked, error),
            Some(Ok(Outcome::Compacted | Outcome::QuotaSet)) | None => {}
        }
        Ok(())
    }

    /// A lease, or a session, was kept alive.
    fn kept(&mut self, client: u64, operation: &KvOperation, ttl_ms: u64) -> Result<(), Violation> {
        let KvOperation::KeepAlive { id } = *operation else { return Ok(()) };
        let Some(judge) = &mut self.judge else { return Ok(()) };
        judge.reach(Mark::LeaseKept);
        let asked_at = judge.asked_at.get(&client).copied().unwrap_or_default();
        judge.promises.promised(LeaseId(id), ttl_ms, asked_at)?;
        if !operation_is_of_session(operation, client) {
            self.has_lease(client, ttl_ms, asked_at);
        }
        Ok(())
    }

    /// A client learns that its lease lives for so long from `since` on.
    fn has_lease(&mut self, client: u64, ttl_ms: u64, since: Nanos) {
        let lives_until = since.saturating_add(ttl_ms.saturating_mul(MILLISECOND));
        self.learn(client, |knows| (knows.lease, knows.lives_until) = (true, lives_until));
    }

    /// A client learns from a refusal what it has and what it has not.
    fn refused_with(&mut self, asked: &Asked<'_, KvOperation>, error: &KvError) {
        let is_session = matches!(asked.operation, KvOperation::Open { .. });
        self.learn(asked.client, |knows| match error {
            KvError::LeaseExists { .. } if is_session => knows.session = true,
            KvError::LeaseExists { .. } => knows.lease = true,
            KvError::LeaseNotFound { .. } => (knows.lease, knows.lock) = (false, None),
            KvError::SessionNotFound { .. } => knows.session = false,
            _ => {}
        });
    }

    /// What a transaction showed of accounts and cells. Whatever was moved, all accounts together
    /// hold the same.
    fn saw(
        &mut self,
        asked: &Asked<'_, KvOperation>,
        responses: &[OperationResponse],
    ) -> Result<(), Violation> {
        let Some(OperationResponse::Range(range)) = responses.last() else { return Ok(()) };
        match *asked.operation {
            KvOperation::Move { .. } => self.saw_accounts(asked.client, &range.keys),
            KvOperation::Swap { cell, .. } => {
                let revision = range.keys.first().map_or(0, |one| one.mod_revision);
                self.learn(asked.client, |knows| knows.cells[cell as usize] = revision);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What an attempt to append showed of its list.
    fn saw_list(
        &mut self,
        asked: &Asked<'_, KvOperation>,
        succeeded: bool,
        revision: Revision,
        responses: &[OperationResponse],
        moments: [u64; 2],
    ) -> Result<(), Violation> {
        let KvOperation::Append { list, link: [length, hash], .. } = *asked.operation else {
            return Ok(());
        };
        let Some(judge) = &mut self.judge else { return Ok(()) };
        let (link, revision) = match responses.last() {
            _ if succeeded => (appended(asked, Link { length, hash }), revision),
            Some(OperationResponse::Range(range)) => {
                let found = range.keys.first();
                found.map_or_else(Default::default, |one| (link_of(&one.value), one.mod_revision))
            }
            Some(
                OperationResponse::Put { .. }
                | OperationResponse::Delete { .. }
                | OperationResponse::Txn(_),
            )
            | None => return Ok(()),
        };
        if succeeded {
            judge.reach(Mark::ListGrown);
        }
        judge.lists.seen(list, link, moments)?;
        self.learn(asked.client, |knows| knows.lists[list as usize] = (link, revision));
        Ok(())
    }

    /// A client whose watch was lost has read all keys, and watches on behind the revision that it read.
    fn take_up(&mut self, client: u64, revision: Revision, keys: &[KeyValue]) {
        if !self.knows(client).lost {
            return;
        }
        let Some(judge) = &mut self.judge else { return };
        let range = watch_of(client, 0).range;
        judge.read_anew(client, keys.iter().filter(|one| range.contains(&one.key)));
        self.learn(client, |knows| (knows.watched, knows.lost) = (revision + 1, false));
    }

    fn saw_accounts(&mut self, client: u64, keys: &[KeyValue]) -> Result<(), Violation> {
        let mut accounts = [(BALANCE, 0); ACCOUNTS as usize];
        for one in keys.iter().filter(|one| Kind::Account.all().contains(&one.key)) {
            let number = one.key.last().copied().unwrap_or_default();
            if let Some(account) = accounts.get_mut(usize::from(number)) {
                *account = (value_of(&one.value), one.mod_revision);
            }
        }
        let total: u64 = accounts.iter().map(|(balance, _)| balance).sum();
        if total != BALANCE * ACCOUNTS {
            let due = BALANCE * ACCOUNTS;
            let what = format!("client {client} saw {total} in all accounts together, not {due}");
            return Err(Violation::model("bank", what));
        }
        self.learn(client, |knows| knows.accounts = accounts);
        Ok(())
    }

    fn locked(
        &mut self,
        asked: &Asked<'_, KvOperation>,
        succeeded: bool,
        token: Revision,
        began: u64,
        ended: u64,
    ) -> Result<(), Violation> {
        let client = asked.client;
        match *asked.operation {
            KvOperation::Lock { lock, .. } if succeeded => {
                self.learn(client, |knows| knows.lock = Some((lock, token)));
                let Some(judge) = &mut self.judge else { return Ok(()) };
                judge.reach(Mark::LockTaken);
                judge.locks.taken(Taken { client, lock, token, began, ended })
            }
            KvOperation::Unlock { .. } => {
                self.learn(client, |knows| knows.lock = None);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn judge_read(
        &mut self,
        asked: &Asked<'_, KvOperation>,
        applied: Index,
        answer: &KvAnswer,
    ) -> Result<(), Violation> {
        let (client, operation) = (asked.client, asked.operation);
        let Some(judge) = &mut self.judge else { return Ok(()) };
        match answer {
            KvAnswer::Range { revision: newest, found } => {
                let KvOperation::Scan { revision } = *operation else { return Ok(()) };
                let request = RangeRequest { revision, ..RangeRequest::new(KeyRange::ALL) };
                judge.read(&request, applied, *newest, found)?;
                match found.as_ref() {
                    Ok(found) if revision == 0 => {
                        self.take_up(client, *newest, &found.keys);
                        self.saw_accounts(client, &found.keys)
                    }
                    Ok(_) | Err(_) => Ok(()),
                }
            }
            KvAnswer::Kept(Ok(ttl_ms)) => self.kept(client, operation, *ttl_ms),
            KvAnswer::Kept(Err(_)) => {
                let is_session = operation_is_of_session(operation, client);
                self.learn(client, |knows| {
                    if is_session {
                        knows.session = false;
                    } else {
                        (knows.lease, knows.lock) = (false, None);
                    }
                });
                Ok(())
            }
            KvAnswer::Left(Ok(time)) if time.left_ms > time.granted_ms => {
                let what = format!("client {client}'s lease lives on for {time:?}");
                Err(Violation::model("lease", what))
            }
            KvAnswer::Watched { from, kept, batch } => {
                let next = judge.watched(client, &watch_of(client, *from), batch)?;
                if matches!(operation, KvOperation::Watch { afresh: true, .. }) {
                    judge.reach(Mark::WatchTakenUp);
                }
                if *kept && batch.is_err() {
                    judge.reach(Mark::WatchCancelled);
                }
                let lost = batch.is_err() && follows(client);
                let watched = if lost { *from } else { next };
                self.learn(client, |knows| (knows.watched, knows.lost) = (watched, lost));
                Ok(())
            }
            KvAnswer::Left(_) | KvAnswer::Told { .. } | KvAnswer::Response(_) => Ok(()),
        }
    }
}

/// Whether a write was refused for want of space.
fn lacks_space(answer: &KvAnswer) -> bool {
    match answer {
        KvAnswer::Told { told, .. } => *told == Told::Never,
        KvAnswer::Response(response) => {
            matches!(response.outcome, Some(Err(KvError::NoSpace { .. })))
        }
        KvAnswer::Range { .. }
        | KvAnswer::Kept(_)
        | KvAnswer::Left(_)
        | KvAnswer::Watched { .. } => false,
    }
}

fn operation_is_of_session(operation: &KvOperation, client: u64) -> bool {
    let session = super::drawn::session_of(client);
    matches!(operation, KvOperation::KeepAlive { id } if *id == session)
}
