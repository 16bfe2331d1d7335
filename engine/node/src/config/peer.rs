//! Where a member is, as a configuration names it.

use std::{fmt, net::SocketAddr, str::FromStr, sync::Arc};

use crate::{MemberError, membership::check_address};

/// Where a member is reached: a host by its name or its IP address, and a port: `host:port`, at most
/// 255 bytes. A name is looked up each time that somebody connects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PeerAddress(Arc<str>);

impl PeerAddress {
    /// As text, `host:port`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address of a socket, where it is one, and no name.
    pub fn socket(&self) -> Option<SocketAddr> {
        self.0.parse().ok()
    }

    /// Whether it has port 0, which is anyone's.
    pub(crate) fn is_nowhere(&self) -> bool {
        self.socket().is_some_and(|address| address.port() == 0)
    }

    pub(crate) fn text(&self) -> Arc<str> {
        self.0.clone()
    }
}

impl From<SocketAddr> for PeerAddress {
    fn from(address: SocketAddr) -> PeerAddress {
        PeerAddress(address.to_string().into())
    }
}

impl FromStr for PeerAddress {
    type Err = MemberError;

    fn from_str(text: &str) -> Result<PeerAddress, MemberError> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(address.into());
        }
        // In a list of members these part one from the next.
        if text.contains([',', '=']) {
            return Err(MemberError::Address { address: text.to_owned() });
        }
        check_address(text).map(|()| PeerAddress(text.into()))
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
