//! The connection to one peer: greeting, frames, and again when it breaks, at any of its addresses.

use std::{sync::Arc, time::Duration};

use quorate_core::{LogId, NodeId};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time::{sleep, timeout},
};
use tracing::{debug, info, warn};

use super::{
    Link, Mesh, Said, SnapshotFrame,
    greeting::{Greeting, Refusal, WELCOME, WELCOME_BYTES, read_welcome},
};

const BACK_OFF_MIN: Duration = Duration::from_millis(10);
const BACK_OFF_MAX: Duration = Duration::from_secs(1);
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// After so many rounds through all its addresses in vain, a node that is no member is forgotten.
const ROUNDS_LIMIT: u32 = 16;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answers there.
    #[error("nobody answers at {address}: {source}")]
    Unreachable {
        /// Where.
        address: Arc<str>,
        /// Why.
        source: std::io::Error,
    },
    /// Somebody answers, and does not want to.
    #[error("node {sender} was refused at {address}: {refusal}")]
    Refused {
        /// Where.
        address: Arc<str>,
        /// Who.
        sender: NodeId,
        /// Why.
        refusal: Refusal,
    },
}

/// Runs until the link is taken away.
pub(super) async fn run(
    mesh: Mesh,
    peer: NodeId,
    link: Arc<Link>,
    mut places: watch::Receiver<Vec<Arc<str>>>,
) {
    let greeting = mesh.greeting(peer);
    let (mut back_off, mut rounds, mut turn) = (BACK_OFF_MIN, 0, 0);
    loop {
        let known = places.borrow_and_update().clone();
        let Some(address) = known.get(turn).or(known.first()) else {
            // A member whose address nobody knows yet.
            if places.changed().await.is_err() {
                return;
            }
            continue;
        };
        let reached = connect(&mesh, greeting, address).await;
        let is_reached = reached.is_ok();
        match reached {
            Ok((stream, _)) => {
                info!(peer = %greeting.receiver, %address, "peer connected");
                (back_off, rounds) = (BACK_OFF_MIN, 0);
                let stream = Arc::new(stream);
                link.set_up(stream.clone());
                let up = Up { mesh: &mesh, peer, link: &link };
                let Err(error) = link.pump(&stream).await;
                drop(up);
                warn!(peer = %greeting.receiver, %address, %error, "peer lost");
            }
            Err(error @ ConnectError::Refused { .. }) => {
                warn!(peer = %greeting.receiver, %error, "not connected");
            }
            Err(error @ ConnectError::Unreachable { .. }) => {
                debug!(peer = %greeting.receiver, %error, "not connected");
            }
        }
        if !is_reached && turn + 1 < known.len() {
            // The next address may be right: that is not waited for.
            turn += 1;
            continue;
        }
        turn = 0;
        rounds += u32::from(!is_reached);
        if rounds >= ROUNDS_LIMIT {
            mesh.forget(peer);
        }
        // Two nodes that wait for each other should not wait in step.
        let jitter = greeting.sender.get().wrapping_mul(5).wrapping_add(peer.get()) % 16;
        tokio::select! {
            () = sleep(back_off + Duration::from_millis(jitter)) => {}
            changed = places.changed() => if changed.is_err() { return },
        }
        back_off = (back_off * 2).min(BACK_OFF_MAX);
    }
}

/// Connects and greets; answers also with where the configuration stands by which the peer is a member.
pub(super) async fn connect(
    mesh: &Mesh,
    greeting: Greeting,
    address: &Arc<str>,
) -> Result<(TcpStream, LogId), ConnectError> {
    let own = mesh.shared.options.address.as_deref();
    let greeted = timeout(CONNECT_TIMEOUT, greet(greeting, address, own)).await;
    let greeted = greeted.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
    let unreachable = |source| ConnectError::Unreachable { address: address.clone(), source };
    let refused = |refusal| {
        let sender = greeting.sender;
        ConnectError::Refused { address: address.clone(), sender, refusal }
    };
    greeted.map_err(unreachable)?.map_err(refused)
}

async fn greet(
    greeting: Greeting,
    address: &str,
    own: Option<&str>,
) -> std::io::Result<Result<(TcpStream, LogId), Refusal>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    stream.write_all(&greeting.encode(own)).await?;
    let answer = stream.read_u8().await?;
    if answer != WELCOME {
        return Ok(Err(Refusal::of(answer)));
    }
    let mut welcome = [0; WELCOME_BYTES];
    stream.read_exact(&mut welcome).await?;
    Ok(Ok((stream, read_welcome(&welcome))))
}

/// A connection that stands. Dropped with it, also where its task is ended: then what was sent last is
/// lost, and no answer comes to what was asked over it.
struct Up<'a> {
    mesh: &'a Mesh,
    peer: NodeId,
    link: &'a Link,
}

impl Drop for Up<'_> {
    fn drop(&mut self) {
        self.link.set_down();
        // Where the node is too busy to hear of it, answers that do not come say it later.
        let _ = self.mesh.shared.tell.try_send(SnapshotFrame(Said::Unreachable(self.peer)));
        self.mesh.lock_waiting().retain(|_, waiting| waiting.from != self.peer);
    }
}
