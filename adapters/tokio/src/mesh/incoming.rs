//! Connections from peers. Nothing that comes in can make the node panic, wait for ever on one
//! sender, or hold more than a frame's limit for it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use quorate_codec::{decode_frame, decode_message};
use quorate_core::NodeId;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc::error::TrySendError},
    task::{AbortHandle, JoinSet},
    time::{sleep, timeout},
};
use tracing::{Instrument, debug, warn};

use super::{
    Ends, FETCH, FRAME_LIMIT, Incoming, Mesh, OFFER, RAFT, REQUEST, RESPONSE, Responder,
    greeting::{GREETING_BYTES, Greeting, Refusal, read_address, welcome},
    read_fetch, read_offer,
};

/// How long a stranger may take to say who it is.
const GREETING_TIMEOUT: Duration = Duration::from_secs(2);
/// Strangers that may be about to say who they are; the oldest makes room for the next. A member
/// greets as soon as it is connected, so it is never among the oldest for long.
const STRANGERS_LIMIT: usize = 64;
/// Connections of members that may be open at once; a connection more is refused.
const CONNECTION_LIMIT: usize = 256;
/// The same, of nodes of the group that are no members as far as this one knows.
const GUESTS_LIMIT: usize = 64;
/// What is read at once. Bytes.
const READ_BYTES: usize = 256 * 1024;

/// Connections that have not said yet who they are, oldest first.
#[derive(Default)]
struct Strangers {
    next: u64,
    waiting: BTreeMap<u64, AbortHandle>,
}

impl Strangers {
    /// Ends the oldest ones until there is room for one more; how many had to go.
    fn make_room(&mut self) -> u64 {
        let mut gone = 0;
        while self.waiting.len() >= STRANGERS_LIMIT {
            let Some((_, oldest)) = self.waiting.pop_first() else { break };
            oldest.abort();
            gone += 1;
        }
        gone
    }
}

/// What all incoming connections of a mesh share.
#[derive(Clone)]
struct Door {
    mesh: Mesh,
    ends: Ends,
    strangers: Arc<Mutex<Strangers>>,
    places: Arc<Semaphore>,
    guest_places: Arc<Semaphore>,
}

impl Door {
    fn strangers(&self) -> MutexGuard<'_, Strangers> {
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) async fn listen(mesh: Mesh, listener: TcpListener, ends: Ends) {
    let places = Arc::new(Semaphore::new(CONNECTION_LIMIT));
    let guest_places = Arc::new(Semaphore::new(GUESTS_LIMIT));
    let door = Door { mesh, ends, strangers: Arc::default(), places, guest_places };
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Held until the newcomer is noted: it forgets itself once it has greeted.
                let mut strangers = door.strangers();
                let gone = strangers.make_room();
                door.mesh.shared.counters.refused.fetch_add(gone, Ordering::Relaxed);
                let number = strangers.next;
                strangers.next += 1;
                let door = door.clone();
                let served = async move {
                    if let Err(error) = serve(&door, stream, number).await {
                        debug!(%address, %error, "connection ended");
                    }
                };
                let task = connections.spawn(served.in_current_span());
                strangers.waiting.insert(number, task);
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                sleep(Duration::from_millis(50)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(door: &Door, mut stream: TcpStream, number: u64) -> std::io::Result<()> {
    let Door { mesh, ends, .. } = door;
    stream.set_nodelay(true)?;
    let greeted = greet(mesh, &mut stream).await;
    door.strangers().waiting.remove(&number);
    let from = greeted?;
    let is_member = mesh.peers().is_member(from);
    let places = if is_member { &door.places } else { &door.guest_places };
    let Ok(_place) = places.clone().try_acquire_owned() else {
        let who = if is_member { "members" } else { "nodes that are no members" };
        return refuse(mesh, from, &format!("too many connections of {who} are open"));
    };
    let mut buffer = BytesMut::new();
    loop {
        loop {
            match decode_frame(&mut buffer, FRAME_LIMIT) {
                Ok(Some(body)) => {
                    if !take(mesh, from, body, ends).await {
                        return refuse(mesh, from, "a frame that no peer sends");
                    }
                }
                Ok(None) => break,
                Err(error) => return refuse(mesh, from, &error.to_string()),
            }
        }
        // Memory follows what came in, not what a header promises.
        buffer.reserve(READ_BYTES);
        match stream.read_buf(&mut buffer).await? {
            0 => return Ok(()),
            bytes => mesh.note_received(from, bytes),
        }
    }
}

/// Finds out who is there, and where it can be reached.
async fn greet(mesh: &Mesh, stream: &mut TcpStream) -> std::io::Result<NodeId> {
    let read = timeout(GREETING_TIMEOUT, read_greeting(mesh, stream)).await;
    let read = read.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
    let refused = || mesh.shared.counters.refused.fetch_add(1, Ordering::Relaxed);
    match read {
        Ok(Ok((sender, address))) => {
            stream.write_all(&welcome(mesh.joined())).await?;
            if let Some(address) = address {
                mesh.greeted(sender, address);
            }
            Ok(sender)
        }
        Ok(Err(refusal)) => {
            refused();
            warn!(peer = ?stream.peer_addr().ok(), %refusal, "refused a connection");
            stream.write_u8(refusal as u8).await?;
            Err(std::io::ErrorKind::ConnectionRefused.into())
        }
        Err(error) => {
            refused();
            Err(error)
        }
    }
}

async fn read_greeting(
    mesh: &Mesh,
    stream: &mut TcpStream,
) -> std::io::Result<Result<(NodeId, Option<Arc<str>>), Refusal>> {
    let mut bytes = [0; GREETING_BYTES];
    stream.read_exact(&mut bytes).await?;
    let options = &mesh.shared.options;
    // Judged before more is read: other versions send no more.
    match Greeting::accept(&bytes, options.group, options.node) {
        Ok(sender) => Ok(Ok((sender, read_address(stream).await?))),
        Err(refusal) => Ok(Err(refusal)),
    }
}

fn refuse(mesh: &Mesh, from: NodeId, why: &str) -> std::io::Result<()> {
    mesh.shared.counters.refused.fetch_add(1, Ordering::Relaxed);
    warn!(%from, why, "ended a connection");
    Err(std::io::ErrorKind::InvalidData.into())
}

/// Takes one frame; false where no peer would send it.
async fn take(mesh: &Mesh, from: NodeId, mut body: Bytes, ends: &Ends) -> bool {
    if body.is_empty() {
        return false;
    }
    let kind = body.get_u8();
    if kind == RAFT {
        let Ok(message) = decode_message(body) else { return false };
        // A full inbox holds this connection back, and with it its sender's queue.
        // A node that stops hears nothing more, while its engine still answers.
        let _ = ends.deliver.send((from, message)).await;
        return true;
    }
    if kind == OFFER {
        let Some(offer) = read_offer(from, body) else { return false };
        // It comes again: what is dropped while the node is busy is not missed.
        let _ = ends.tell.try_send(offer);
        return true;
    }
    if body.len() < 8 {
        return false;
    }
    let id = body.get_u64_le();
    match kind {
        REQUEST => {
            let responder = Responder::over(mesh, from, id);
            // The node's own messages come over this connection, too: they must not wait for the
            // engine. No answer that the engine gives is empty.
            match ends.ask.try_send(Incoming { from, body, responder }) {
                Ok(()) => true,
                Err(TrySendError::Full(Incoming { responder, .. })) => {
                    responder.respond(&[]);
                    true
                }
                Err(TrySendError::Closed(_)) => false,
            }
        }
        FETCH => match read_fetch(Responder::over(mesh, from, id), body) {
            Some(fetch) => {
                let _ = ends.tell.try_send(fetch);
                true
            }
            None => false,
        },
        RESPONSE => {
            let mut waiting = mesh.lock_waiting();
            // Nobody answers for another.
            if waiting.get(&id).is_some_and(|waiting| waiting.from == from)
                && let Some(waiting) = waiting.remove(&id)
            {
                let _ = waiting.reply.send(body);
            }
            true
        }
        _ => false,
    }
}
