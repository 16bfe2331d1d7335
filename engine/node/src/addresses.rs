//! Where a node listens, where the others reach it, and whom it founds a group with.

use std::{net::SocketAddr, sync::Arc};

use quorate_core::{Configuration, NodeId};
use quorate_driver::{Found, Recovered};
use tokio::net::TcpListener;

use crate::{EngineConfig, PeerAddress, Start, StartError, membership::check_address};

/// Listens where the configuration says; none where it does not.
pub(crate) async fn listen(config: &EngineConfig) -> Result<Option<TcpListener>, StartError> {
    let listen = config.listen.map(PeerAddress::from);
    match listen.as_ref().or_else(|| config.peers.get(&config.node)) {
        Some(address) => bind(address.as_str()).await.map(Some),
        None => Ok(None),
    }
}

/// Listens where the node's own log says that it is, where it has others to talk to.
pub(crate) async fn listen_as_logged(
    config: &EngineConfig,
    recovered: &Recovered,
) -> Result<Option<TcpListener>, StartError> {
    let node = config.node;
    let newest = recovered.found.as_ref().and_then(newest);
    let own = newest.and_then(|members| members.address(node));
    match own.and_then(|address| address.parse::<SocketAddr>().ok()) {
        Some(address) => bind(&address.to_string()).await.map(Some),
        None if newest.is_some_and(|members| members.members() != [node]) => {
            Err(StartError::NoAddress { node })
        }
        None if newest.is_none() && config.start == Start::Join => {
            Err(StartError::NoAddress { node })
        }
        None => Ok(None),
    }
}

async fn bind(address: &str) -> Result<TcpListener, StartError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| StartError::Listen { address: address.to_owned(), source })
}

/// Where the others reach this node.
pub(crate) fn advertised(
    config: &EngineConfig,
    listener: &TcpListener,
) -> Result<Arc<str>, StartError> {
    let node = config.node;
    if let Some(address) = &config.address {
        let checked = check_address(address);
        checked.map_err(|source| StartError::Address { node, source })?;
        return Ok(address.as_str().into());
    }
    let given = config.peers.get(&node);
    if let Some(named) = given.filter(|given| given.socket().is_none()) {
        return Ok(named.text());
    }
    let listens = listener.local_addr().ok();
    let plain = listens.filter(|address| !address.ip().is_unspecified());
    match (plain.map(PeerAddress::from).or_else(|| given.cloned()), listens) {
        (Some(address), _) => Ok(address.text()),
        (None, Some(listen)) => Err(StartError::NotReachable { node, listen }),
        (None, None) => Err(StartError::NoAddress { node }),
    }
}

/// Whether the node is among those that it is to found a group with.
pub(crate) fn check(config: &EngineConfig) -> Result<(), StartError> {
    let (node, given) = (config.node, config.members());
    match config.start {
        Start::New | Start::NewOrExisting if !given.contains(&node) => {
            Err(StartError::NotAFounder { node, given })
        }
        Start::New | Start::NewOrExisting | Start::Existing | Start::Join => Ok(()),
    }
}

/// The configuration that this node founds its group with.
///
/// All founders found it with the same: each one's own address is what `peers` says.
pub(crate) fn founding(
    config: &EngineConfig,
    address: Option<Arc<str>>,
) -> Result<Configuration, StartError> {
    let node = config.node;
    check(config)?;
    let given = config.members();
    // A transport of one's own needs none.
    let peers = config.peers.iter().filter(|(_, at)| !at.is_nowhere());
    let peers = peers.map(|(peer, at)| (*peer, at.text()));
    let alone = address.filter(|_| config.peers.is_empty()).map(|address| (node, address));
    let addresses: Vec<(NodeId, Arc<str>)> = peers.chain(alone).collect();
    let founding = Configuration::new(given).with_addresses(addresses);
    Ok(founding.expect("a peer's address is short"))
}

/// The newest configuration of a log, or of the snapshot that it begins with.
fn newest(found: &Found) -> Option<&Configuration> {
    let in_log = found.log.configurations().last().map(|(_, members)| members);
    let in_snapshot = found.snapshot.as_ref().map(|snapshot| &snapshot.configuration);
    in_log.or(in_snapshot).map(|newest| &**newest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[tokio::test]
    async fn a_node_is_known_by_the_name_that_it_was_given_and_else_by_where_it_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listens = listener.local_addr().unwrap().to_string();
        let given = |own: &str| EngineConfig {
            peers: [(NodeId::of(1), own.parse().unwrap())].into(),
            ..EngineConfig::new("nowhere")
        };
        for (config, known) in [
            (EngineConfig::new("nowhere"), &*listens),
            (given("10.0.0.1:7000"), &listens),
            (given("node-1.example:7000"), "node-1.example:7000"),
            (
                EngineConfig { address: Some("a:1".to_owned()), ..given("node-1.example:7000") },
                "a:1",
            ),
        ] {
            assert_eq!(&*advertised(&config, &listener).unwrap(), known);
        }
    }
}
