//! The clients: each has one operation under way, and begins the next when it is answered.

use std::time::{Duration, Instant};

use bytes::Bytes;
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::{
    Case, Client, KEY_BYTES, Operation, VALUE_BYTES,
    process::{resident_bytes, worked_us},
};

/// Operations after which a client lets others have the thread: reads that wait for nothing would
/// keep it.
const YIELD_EVERY: u64 = 128;
/// Clients that write the keys before anything is measured.
const FILLERS: u64 = 64;
/// What took longer counts as so long. Nanoseconds.
const SLOWEST_NANOS: u64 = 60_000_000_000;
/// How often a key is written at most before anything is measured, until it is there.
const FILL_ATTEMPTS: u32 = 100;
/// Before the next attempt.
const FILL_INTERVAL: Duration = Duration::from_millis(50);
/// How often the memory is looked at.
const MEMORY_INTERVAL: Duration = Duration::from_millis(200);

/// What clients counted.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    /// Operations done in each measured second.
    pub(crate) seconds: Vec<u64>,
    /// Nanoseconds.
    pub(crate) took: Histogram<u64>,
    pub(crate) failed: u64,
    /// One of the failures.
    pub(crate) failure: Option<String>,
    /// The most that was held while it was measured. Bytes.
    pub(crate) resident: u64,
    /// What all threads worked while it was measured. Microseconds.
    pub(crate) worked_us: u64,
}

impl Tally {
    fn new(seconds: u64) -> Result<Tally, String> {
        let took = Histogram::new_with_bounds(1, SLOWEST_NANOS, 2);
        let took = took.map_err(|error| error.to_string())?;
        let seconds = vec![0; usize::try_from(seconds).map_err(|error| error.to_string())?];
        Ok(Tally { seconds, took, failed: 0, failure: None, resident: 0, worked_us: 0 })
    }

    fn add(&mut self, other: &Tally) {
        self.seconds.iter_mut().zip(&other.seconds).for_each(|(sum, more)| *sum += more);
        // It has the same bounds.
        let _ = self.took.add(&other.took);
        self.failed += other.failed;
        self.failure = self.failure.take().or_else(|| other.failure.clone());
    }
}

/// When it is measured.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: Instant,
    until: Instant,
}

/// Writes all keys, then loads the engine, and counts.
pub(crate) async fn load<C: Client>(case: &Case, client: &C) -> Result<Tally, String> {
    fill(case, client).await?;
    let from = Instant::now() + Duration::from_secs(case.warm_up);
    let span = Span { from, until: from + Duration::from_secs(case.seconds) };
    let mut clients = JoinSet::new();
    for number in 0..case.clients {
        let loop_of_one = run(client.clone(), case.clone(), number, span);
        clients.spawn(loop_of_one);
    }
    let watching = tokio::spawn(watch_process(span));
    let mut sum = Tally::new(case.seconds)?;
    while let Some(ended) = clients.join_next().await {
        sum.add(&ended.map_err(|error| format!("a client ended: {error}"))??);
    }
    (sum.resident, sum.worked_us) = watching.await.unwrap_or_default();
    match (&sum.failure, sum.took.is_empty()) {
        (Some(failure), true) => Err(format!("no operation was done: {failure}")),
        _ => Ok(sum),
    }
}

async fn fill<C: Client>(case: &Case, client: &C) -> Result<(), String> {
    let mut fillers = JoinSet::new();
    for number in 0..FILLERS.min(case.keys) {
        let (client, keys) = (client.clone(), case.keys);
        fillers.spawn(async move {
            for key in (number..keys).step_by(FILLERS as usize) {
                fill_one(&client, key).await?;
            }
            Ok::<(), String>(())
        });
    }
    while let Some(ended) = fillers.join_next().await {
        ended.map_err(|error| format!("a client ended: {error}"))??;
    }
    Ok(())
}

/// Some engines give up soon: what matters is that the key is there.
async fn fill_one<C: Client>(client: &C, key: u64) -> Result<(), String> {
    for _ in 1..FILL_ATTEMPTS {
        if client.put(name(key), value(key)).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(FILL_INTERVAL).await;
    }
    client.put(name(key), value(key)).await
}

async fn run<C: Client>(client: C, case: Case, number: u64, span: Span) -> Result<Tally, String> {
    let mut tally = Tally::new(case.seconds)?;
    let mut chance = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let bytes = value(number);
    let mut begun = Instant::now();
    for count in 1.. {
        if begun >= span.until {
            break;
        }
        // xorshift: which key does not matter, that it costs nothing does.
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        let key = name(chance % case.keys);
        let done = match case.operation {
            Operation::Put => client.put(key, bytes.clone()).await.map(|()| true),
            read => client.read(key, read).await,
        };
        let ended = Instant::now();
        if let Some(since) = ended.checked_duration_since(span.from) {
            match done {
                Ok(true) => count_in(&mut tally, since, ended - begun),
                Ok(false) => fail(&mut tally, "a key is not there".to_owned()),
                Err(sentence) => fail(&mut tally, sentence),
            }
        }
        begun = ended;
        if count % YIELD_EVERY == 0 {
            tokio::task::yield_now().await;
            begun = Instant::now();
        }
    }
    Ok(tally)
}

fn count_in(tally: &mut Tally, since: Duration, took: Duration) {
    if let Some(second) = tally.seconds.get_mut(since.as_secs() as usize) {
        *second += 1;
        tally.took.saturating_record(took.as_nanos() as u64);
    }
}

fn fail(tally: &mut Tally, sentence: String) {
    tally.failed += 1;
    tally.failure.get_or_insert(sentence);
}

/// The most memory that was held, and what was worked meanwhile.
async fn watch_process(span: Span) -> (u64, u64) {
    tokio::time::sleep_until(span.from.into()).await;
    let (mut most, before) = (resident_bytes(), worked_us());
    while Instant::now() + MEMORY_INTERVAL < span.until {
        tokio::time::sleep(MEMORY_INTERVAL).await;
        most = most.max(resident_bytes());
    }
    tokio::time::sleep_until(span.until.into()).await;
    (most, worked_us().saturating_sub(before))
}

fn name(key: u64) -> [u8; KEY_BYTES] {
    // Spread over all keys there could be, as hashes are.
    key.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes()
}

fn value(of: u64) -> Bytes {
    Bytes::from(vec![of as u8; VALUE_BYTES])
}
