//! The bodies of the fuzz targets in `fuzz/`: any bytes in, no panic and no broken rule out. They also
//! run for a while under `cargo test`.

mod decode;
mod disk;
mod events;
mod host;
mod replay;
mod source;
mod step;
mod world;

pub use decode::decode;
pub use host::Reached;
pub use replay::replay;
pub use step::step;
pub use world::world;
