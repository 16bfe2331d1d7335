//! The writes, and what happens to the leader meanwhile.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;
use quorate::{Client, EngineError};
use tokio::time::sleep;

use super::{DemoError, Voice, cluster::Cluster, input::Pairs};

/// Before a write that found no node is tried again.
const RETRY_INTERVAL: Duration = Duration::from_millis(5);
/// Without an acknowledgement for so long the demo gives up.
const GIVE_UP: Duration = Duration::from_secs(60);

/// What the load saw.
pub(crate) struct Written {
    /// Acknowledged writes.
    pub(crate) acknowledged: u64,
    /// From the first write to the last acknowledgement.
    pub(crate) elapsed: Duration,
    /// Latencies of all writes, ascending, in nanoseconds; retries are part of them.
    pub(crate) latencies: Vec<u64>,
    /// From the kill to the first acknowledgement of a write that began once the leader was dead;
    /// none where no write began after it.
    pub(crate) failover: Option<Duration>,
}

pub(crate) struct Load<'a> {
    cluster: &'a Cluster,
    pairs: Arc<Pairs>,
    clients: u32,
    voice: &'a Voice,
    next: AtomicU64,
    done: AtomicU64,
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
        pairs: Arc<Pairs>,
        clients: u32,
        voice: &'a Voice,
    ) -> Load<'a> {
        Load {
            cluster,
            pairs,
            clients,
            voice,
            next: AtomicU64::new(0),
            done: AtomicU64::new(0),
            latencies: Mutex::default(),
            kill: Mutex::default(),
        }
    }

    pub(crate) async fn run(self) -> Result<Written, DemoError> {
        self.voice.begin("writing", self.pairs.len());
        let begin = Instant::now();
        let writers = async {
            try_join_all((0..self.clients).map(|number| self.write_all(number))).await?;
            Ok::<Duration, DemoError>(begin.elapsed())
        };
        let (elapsed, ()) = tokio::try_join!(writers, self.accident())?;
        let mut latencies = self.latencies.into_inner().unwrap_or_else(PoisonError::into_inner);
        latencies.sort_unstable();
        let kill = self.kill.into_inner().unwrap_or_else(PoisonError::into_inner);
        let failover = kill.at.zip(kill.survived).map(|(at, end)| end - at);
        let acknowledged = latencies.len() as u64;
        Ok(Written { acknowledged, elapsed, latencies, failover })
    }

    /// Writes until no pair is left.
    async fn write_all(&self, number: u32) -> Result<(), EngineError> {
        let mut latencies = Vec::new();
        loop {
            let place = self.next.fetch_add(1, Ordering::Relaxed);
            if place >= self.pairs.len() {
                break;
            }
            let (key, value) = self.pairs.get(place);
            let begin = Instant::now();
            self.write(number, &key, &value).await?;
            latencies.push(u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX));
            self.note_survival(begin);
            self.done.fetch_add(1, Ordering::Relaxed);
            self.voice.bar.inc(1);
        }
        self.latencies.lock().unwrap_or_else(PoisonError::into_inner).extend(latencies);
        Ok(())
    }

    /// Writes one pair, through whichever node is up, until it is acknowledged: the same value again
    /// does no harm where it is unknown whether it was written.
    async fn write(
        &self,
        number: u32,
        key: &bytes::Bytes,
        value: &bytes::Bytes,
    ) -> Result<(), EngineError> {
        let begin = Instant::now();
        let mut attempt = number;
        loop {
            let clients = self.cluster.clients();
            let chosen: Option<&Client> = clients.get(attempt as usize % clients.len().max(1));
            let error = match chosen {
                Some(client) => match client.put(key.clone(), value.clone()).await {
                    Ok(_) => return Ok(()),
                    // A node that halted, here for its disk, says more than the others' silence.
                    Err(error @ (EngineError::Invalid(_) | EngineError::Halted { .. })) => {
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

    fn note_survival(&self, begin: Instant) {
        let mut kill = self.kill.lock().unwrap_or_else(PoisonError::into_inner);
        if kill.survived.is_none() && kill.dead.is_some_and(|dead| begin >= dead) {
            kill.survived = Some(Instant::now());
        }
    }

    /// Kills the leader half way, and brings it back once the others have gone on for a while.
    async fn accident(&self) -> Result<(), DemoError> {
        let total = self.pairs.len();
        self.reached(total / 2).await;
        let leader = loop {
            match self.cluster.leader() {
                Some(leader) => break leader,
                None => sleep(RETRY_INTERVAL).await,
            }
        };
        self.kill.lock().unwrap_or_else(PoisonError::into_inner).at = Some(Instant::now());
        self.cluster.kill(leader).await;
        self.kill.lock().unwrap_or_else(PoisonError::into_inner).dead = Some(Instant::now());
        let done = self.done.load(Ordering::Relaxed);
        self.voice.say(format!("node {leader}, the leader, is killed after {done} writes"));
        let next = loop {
            match self.cluster.leader() {
                Some(next) => break next,
                None => sleep(Duration::from_millis(1)).await,
            }
        };
        self.voice.say(format!("node {next} takes over"));
        self.reached((total / 4 * 3).max(done + 1)).await;
        let entries = self.cluster.restart(leader).await?;
        self.voice.say(format!("node {leader} is back, with {entries} entries in its log"));
        Ok(())
    }

    /// Waits until `count` writes are acknowledged, or all.
    async fn reached(&self, count: u64) {
        while self.done.load(Ordering::Relaxed) < count.min(self.pairs.len()) {
            sleep(Duration::from_millis(1)).await;
        }
    }
}
