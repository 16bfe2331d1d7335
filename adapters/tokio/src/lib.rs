//! quorate on tokio: timers, a TCP mesh, handles with futures.
