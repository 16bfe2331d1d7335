//! The connection to one peer: greeting, frames, and again when it breaks.

use std::{net::SocketAddr, time::Duration};

use bytes::{Bytes, BytesMut};
use quorate_core::NodeId;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    time::{sleep, timeout},
};
use tracing::{debug, info, warn};

use super::{
    Mesh,
    greeting::{Greeting, WELCOME},
};

const BACK_OFF_MIN: Duration = Duration::from_millis(10);
const BACK_OFF_MAX: Duration = Duration::from_secs(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// What is written at once. Bytes.
const WRITE_BYTES: usize = 256 * 1024;

pub(super) async fn run(
    mesh: Mesh,
    peer: NodeId,
    address: SocketAddr,
    mut frames: mpsc::Receiver<Bytes>,
) {
    let greeting = mesh.greeting(peer);
    let mut back_off = BACK_OFF_MIN;
    loop {
        match timeout(CONNECT_TIMEOUT, connect(greeting, address)).await {
            Ok(Ok(stream)) => {
                info!(peer = %greeting.receiver, %address, "peer connected");
                back_off = BACK_OFF_MIN;
                mesh.set_up(peer, true);
                let ended = pump(&mesh, peer, stream, &mut frames).await;
                mesh.set_up(peer, false);
                // What is left has nobody to go to any more.
                while frames.try_recv().is_ok() {}
                let Err(error) = ended else { return };
                warn!(peer = %greeting.receiver, %address, %error, "peer lost");
            }
            Ok(Err(error)) => debug!(peer = %greeting.receiver, %error, "not connected"),
            Err(_) => debug!(peer = %greeting.receiver, "not connected in time"),
        }
        // Two nodes that wait for each other should not wait in step.
        let jitter = u64::from(address.port()) * greeting.sender.get() % 16;
        sleep(back_off + Duration::from_millis(jitter)).await;
        back_off = (back_off * 2).min(BACK_OFF_MAX);
    }
}

async fn connect(greeting: Greeting, address: SocketAddr) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    stream.write_all(&greeting.encode()).await?;
    let answer = stream.read_u8().await?;
    if answer != WELCOME {
        warn!(peer = %greeting.receiver, %address, answer, "refused by the peer: another group, \
            another node at this address, or another version");
        return Err(std::io::ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
}

/// Writes frames, as many at once as wait. Ends well when the mesh closes.
async fn pump(
    mesh: &Mesh,
    peer: NodeId,
    mut stream: TcpStream,
    frames: &mut mpsc::Receiver<Bytes>,
) -> std::io::Result<()> {
    let (mut read, mut write) = stream.split();
    let mut buffer = BytesMut::with_capacity(WRITE_BYTES);
    loop {
        let frame = tokio::select! {
            frame = frames.recv() => frame,
            // The peer never speaks on this connection: anything means that it has ended.
            _ = read.read_u8() => return Err(std::io::ErrorKind::ConnectionReset.into()),
        };
        let Some(frame) = frame else { return Ok(()) };
        buffer.clear();
        buffer.extend_from_slice(&frame);
        while buffer.len() < WRITE_BYTES {
            let Ok(frame) = frames.try_recv() else { break };
            buffer.extend_from_slice(&frame);
        }
        write.write_all(&buffer).await?;
        mesh.note_sent(peer, buffer.len());
    }
}
