//! The way to one peer: frames that wait, and the connection they leave by.
//!
//! Whoever has the last frame of a batch may write at once, so that no other task must be woken for
//! it; what the connection does not take then is written by the connection's own task.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io::{self, ErrorKind, IoSlice},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::{Buf, Bytes};
use tokio::{net::TcpStream, sync::Notify};

use super::{PEER_QUEUE, seen::Traffic};

/// Frames that one call hands to the system at most.
const SLICES: usize = 64;

/// The way to one peer.
#[derive(Debug, Default)]
pub(super) struct Link {
    out: Mutex<Out>,
    /// Something waits that nobody writes.
    news: Notify,
    pub(super) traffic: Traffic,
}

#[derive(Debug, Default)]
struct Out {
    /// None while there is no connection.
    stream: Option<Arc<TcpStream>>,
    /// Of the first, what has not left yet.
    frames: VecDeque<Bytes>,
}

impl Link {
    fn out(&self) -> MutexGuard<'_, Out> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anything that is queued now has a chance to leave.
    pub(super) fn is_up(&self) -> bool {
        self.out().stream.is_some()
    }

    /// Frames that wait.
    pub(super) fn waiting(&self) -> usize {
        self.out().frames.len()
    }

    /// A connection stands: what is queued from now on leaves by it.
    pub(super) fn set_up(&self, stream: Arc<TcpStream>) {
        self.traffic.note_connect();
        self.out().stream = Some(stream);
    }

    /// The connection has ended. What waits has nobody to go to any more.
    pub(super) fn set_down(&self) {
        *self.out() = Out::default();
    }

    /// Has a frame wait for [`Link::write`]; false where there is no connection, or no room.
    pub(super) fn push(&self, frame: Bytes) -> bool {
        let mut out = self.out();
        let has_room = out.stream.is_some() && out.frames.len() < PEER_QUEUE;
        if has_room {
            out.frames.push_back(frame);
        }
        has_room
    }

    /// As [`Link::push`], and has the connection's task write it.
    pub(super) fn post(&self, frame: Bytes) -> bool {
        let is_queued = self.push(frame);
        if is_queued {
            self.news.notify_one();
        }
        is_queued
    }

    /// Writes what waits, as far as the connection takes it now; its task sees to the rest.
    pub(super) fn write(&self) {
        if !matches!(self.write_some(), Ok(true)) {
            self.news.notify_one();
        }
    }

    /// Writes as much as the connection takes now; whether that was all.
    fn write_some(&self) -> io::Result<bool> {
        let mut out = self.out();
        let Out { stream: Some(stream), frames } = &mut *out else { return Ok(true) };
        while !frames.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = frames.len().min(SLICES);
            slices.iter_mut().zip(&*frames).for_each(|(slice, frame)| *slice = IoSlice::new(frame));
            match stream.try_write_vectored(&slices[..count]) {
                Ok(bytes) => {
                    self.traffic.note_sent(bytes);
                    take(frames, bytes);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Writes what nobody else does, until the connection ends.
    pub(super) async fn pump(&self, stream: &TcpStream) -> Result<Infallible, io::Error> {
        loop {
            tokio::select! {
                () = self.news.notified() => {
                    while !self.write_some()? {
                        stream.writable().await?;
                    }
                }
                readable = stream.readable() => {
                    readable?;
                    // The peer never speaks on this connection: anything means that it has ended.
                    match stream.try_read(&mut [0]) {
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                        Err(error) => return Err(error),
                        Ok(_) => return Err(ErrorKind::ConnectionReset.into()),
                    }
                }
            }
        }
    }
}

/// Takes the first `bytes` away.
fn take(frames: &mut VecDeque<Bytes>, mut bytes: usize) {
    while let Some(first) = frames.front_mut() {
        if bytes < first.len() {
            first.advance(bytes);
            return;
        }
        bytes -= first.len();
        frames.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_left_is_taken_away_to_the_byte() {
        let frames = || VecDeque::from([Bytes::from_static(b"abc"), Bytes::from_static(b"de")]);
        for (bytes, left) in [(0, "abc de"), (2, "c de"), (3, "de"), (4, "e"), (5, "")] {
            let mut frames = frames();
            take(&mut frames, bytes);
            let text: Vec<&str> =
                frames.iter().map(|frame| std::str::from_utf8(frame).unwrap()).collect();
            assert_eq!(text.join(" "), left, "{bytes}");
        }
    }
}
