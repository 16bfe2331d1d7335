//! The writes, and what happens to the leader meanwhile.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::future::try_join_all;
use quorate::{Client, Coordination, EngineError};
use tokio::time::sleep;

use super::{
    DemoError,
    cluster::Cluster,
    input::Pairs,
    journal::{Journal, Stream},
    voice::{Voice, grouped},
};

/// Before a write that found no node is tried again.
const RETRY_INTERVAL: Duration = Duration::from_millis(5);
/// How often the load is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(1);
/// Without an acknowledgement for so long the demo gives up.
pub(crate) const GIVE_UP: Duration = Duration::from_secs(60);

/// What the load saw.
pub(crate) struct Written {
    /// Acknowledged writes: the first so many pairs.
    pub(crate) acknowledged: u64,
    /// From the first write to the last acknowledgement.
    pub(crate) elapsed: Duration,
    /// Latencies of all writes, ascending, in nanoseconds; retries are part of them.
    pub(crate) latencies: Vec<u64>,
    /// From the kill to the first acknowledgement of a write sent once the leader was dead; none
    /// where nothing was killed.
    pub(crate) failover: Option<Duration>,
}

/// One stream of writes, by many clients at the same time.
pub(crate) struct Load<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) pairs: &'a Pairs,
    pub(crate) stream: Stream,
    pub(crate) clients: u32,
    pub(crate) voice: &'a Voice,
    pub(crate) journal: &'a Journal,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    next: AtomicU64,
    done: AtomicU64,
    /// No further write begins.
    stop: AtomicBool,
    latencies: Mutex<Vec<u64>>,
    kill: Mutex<Kill>,
}

#[derive(Clone, Copy, Default)]
struct Kill {
    at: Option<Instant>,
    /// When nothing of the leader ran any more: what it acknowledged meanwhile does not count.
    dead: Option<Instant>,
    survived: Option<Instant>,
}

impl<'a> Load<'a> {
    pub(crate) fn new(
        cluster: &'a Cluster,
        (pairs, stream): (&'a Pairs, Stream),
        clients: u32,
        voice: &'a Voice,
        journal: &'a Journal,
    ) -> Load<'a> {
        Load { cluster, pairs, stream, clients, voice, journal, counts: Counts::default() }
    }

    /// Writes every pair.
    pub(crate) async fn run(self) -> Result<Written, DemoError> {
        let elapsed = self.write_all().await?;
        Ok(self.written(elapsed))
    }

    /// Writes on and on; meanwhile kills the leader after `step` writes, brings it back after as
    /// many more, and ends after as many again.
    pub(crate) async fn run_with_accident(self, step: u64) -> Result<Written, DemoError> {
        let (elapsed, ()) = tokio::try_join!(self.write_all(), self.accident(step))?;
        Ok(self.written(elapsed))
    }

    fn written(self, elapsed: Duration) -> Written {
        let Counts { latencies, kill, .. } = self.counts;
        let mut latencies = latencies.into_inner().unwrap_or_else(PoisonError::into_inner);
        latencies.sort_unstable();
        let kill = kill.into_inner().unwrap_or_else(PoisonError::into_inner);
        let failover = kill.at.zip(kill.survived).map(|(at, end)| end - at);
        Written { acknowledged: latencies.len() as u64, elapsed, latencies, failover }
    }

    async fn write_all(&self) -> Result<Duration, DemoError> {
        let begin = Instant::now();
        try_join_all((0..self.clients).map(|number| self.write_some(number))).await?;
        Ok(begin.elapsed())
    }

    /// Writes until no pair is left or the stream should end. What was begun is always finished.
    async fn write_some(&self, number: u32) -> Result<(), DemoError> {
        let Counts { next, done, stop, latencies, .. } = &self.counts;
        let mut seen = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let place = next.fetch_add(1, Ordering::Relaxed);
            if place >= self.pairs.len() {
                break;
            }
            let (key, value) = self.pairs.get(place);
            let begin = Instant::now();
            self.write(number, &key, &value).await?;
            seen.push(u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX));
            self.journal.note(self.stream, place)?;
            done.fetch_add(1, Ordering::Relaxed);
            self.voice.advance();
        }
        latencies.lock().unwrap_or_else(PoisonError::into_inner).extend(seen);
        Ok(())
    }

    /// Writes one pair, through whichever node is up, until it is acknowledged: the same value again
    /// does no harm where it is unknown whether it was written.
    async fn write(&self, number: u32, key: &Bytes, value: &Bytes) -> Result<(), EngineError> {
        let begin = Instant::now();
        let mut attempt = number;
        loop {
            let clients = self.cluster.clients();
            let chosen: Option<&Client> = clients.get(attempt as usize % clients.len().max(1));
            let sent = Instant::now();
            let error = match chosen {
                Some(client) => match client.put(key.clone(), value.clone()).await {
                    Ok(_) => {
                        self.note_survival(sent);
                        return Ok(());
                    }
                    // A node that halted, here for its disk, says more than the others' silence.
                    Err(
                        error @ (EngineError::Invalid(_)
                        | EngineError::Refused(_)
                        | EngineError::Halted { .. }),
                    ) => {
                        return Err(error);
                    }
                    Err(error) => error,
                },
                None => EngineError::NotDone { reason: "no node is up".to_owned() },
            };
            if begin.elapsed() > GIVE_UP {
                return Err(error);
            }
            attempt = attempt.wrapping_add(1);
            sleep(RETRY_INTERVAL).await;
        }
    }

    fn note_survival(&self, sent: Instant) {
        let mut kill = self.kill();
        if kill.survived.is_none() && kill.dead.is_some_and(|dead| sent >= dead) {
            kill.survived = Some(Instant::now());
        }
    }

    fn kill(&self) -> std::sync::MutexGuard<'_, Kill> {
        self.counts.kill.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills the leader, and brings it back once the others have gone on for a while.
    async fn accident(&self, step: u64) -> Result<(), DemoError> {
        self.reached(step).await;
        let leader = self.leader().await;
        self.kill().at = Some(Instant::now());
        self.cluster.kill(leader).await;
        self.kill().dead = Some(Instant::now());
        let done = self.counts.done.load(Ordering::Relaxed);
        self.voice.say(format!(
            "node {leader}, the leader, is killed in mid-stream, {} writes into it",
            grouped(done)
        ));
        let next = self.leader().await;
        self.voice.say(format!("node {next} takes over"));
        while self.kill().survived.is_none() {
            sleep(LOOK_INTERVAL).await;
        }
        self.reached(self.counts.done.load(Ordering::Relaxed) + step).await;
        let entries = self.cluster.restart(leader).await?;
        self.voice.say(format!(
            "node {leader} is back, with {} entries in its log, and catches up",
            grouped(entries)
        ));
        self.reached(self.counts.done.load(Ordering::Relaxed) + step).await;
        self.counts.stop.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn leader(&self) -> u64 {
        loop {
            match self.cluster.leader() {
                Some(leader) => return leader,
                None => sleep(LOOK_INTERVAL).await,
            }
        }
    }

    /// Waits until `count` writes are acknowledged.
    async fn reached(&self, count: u64) {
        while self.counts.done.load(Ordering::Relaxed) < count {
            sleep(LOOK_INTERVAL).await;
        }
    }
}
