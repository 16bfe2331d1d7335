//! What a node sees to by itself: that the group knows where it is, and that it learns when it was
//! removed.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use quorate_core::{LogId, NodeId};
use quorate_tokio::Mesh;
use tokio::sync::watch;
use tracing::{info, warn};

use super::Wish;
use crate::{forward::Answer, route::Carrier};

/// Before a node that hears no leader asks again whether it is a member still.
const ASK_INTERVAL_MAX: Duration = Duration::from_secs(10);
/// How long another node may take to say who the members are.
const ASK_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the group may take to learn where this node is, before it is told again.
const UPDATE_TIMEOUT: Duration = Duration::from_secs(5);

/// Sees to it.
pub(crate) struct Keeper<C> {
    pub(crate) client: C,
    /// Where this node says that it is, where it is to be told to the group.
    pub(crate) address: Option<String>,
    /// Where the group is told only if it knows no address.
    pub(crate) fall_back: Option<String>,
    pub(crate) removed: watch::Sender<bool>,
    /// How long a leader may be silent.
    pub(crate) patience: Duration,
}

impl<C: Carrier> Keeper<C> {
    /// Runs until the node has stopped.
    pub(crate) async fn run(self) {
        let route = self.client.route();
        let own = route.id;
        let mut members = route.node.watch_membership();
        let mut was_member = false;
        let mut interval = self.patience;
        loop {
            let seen = members.borrow_and_update().clone();
            let is_member = seen.configuration.is_member(own);
            was_member |= is_member;
            if was_member && !is_member && seen.is_committed {
                self.set_removed(true);
            }
            if is_member {
                self.tell_address(seen.configuration.address(own).map(|known| &**known)).await;
            }
            tokio::select! {
                changed = members.changed() => match changed {
                    Ok(()) => {
                        interval = self.patience;
                        continue;
                    }
                    Err(_) => return,
                },
                () = tokio::time::sleep(interval) => {}
            }
            let is_silent = route.node.contact().await.is_some_and(|one| one.is_silent);
            if !is_silent || seen.is_unknown() {
                // Whoever leads counts it in.
                interval = self.patience;
                if is_member {
                    self.set_removed(false);
                }
                continue;
            }
            interval = (interval * 2).min(ASK_INTERVAL_MAX);
            if self.is_removed_since(seen.log_id).await {
                self.set_removed(true);
            }
        }
    }

    /// Tells the group where this node is, where it does not know or knows something else.
    async fn tell_address(&self, known: Option<&str>) {
        let wanted = match known {
            Some(_) => self.address.as_ref(),
            None => self.address.as_ref().or(self.fall_back.as_ref()),
        };
        let Some(address) = wanted.filter(|wanted| known != Some(wanted.as_str())) else { return };
        let route = self.client.route().with_timeout(UPDATE_TIMEOUT);
        let wish = Wish::Update { node: route.id, address: address.clone() };
        match route.wish(&self.client, wish).await {
            Ok(()) => info!(%address, ?known, "told the group where this node is"),
            Err(error) => warn!(%address, ?known, %error, "the group does not know this address"),
        }
    }

    /// Whether a committed configuration that is newer than this node's own leaves it out.
    async fn is_removed_since(&self, newest: LogId) -> bool {
        let route = self.client.route();
        let own = route.id;
        let members = route.node.membership().configuration.members();
        let met = route.net.as_ref().and_then(|net| net.mesh()).map(Mesh::known);
        let asked: BTreeSet<NodeId> = members.into_iter().chain(met.unwrap_or_default()).collect();
        let asked = asked.into_iter().filter(|of| *of != own).map(|of| async move {
            match route.ask_members(of, ASK_TIMEOUT).await {
                Ok(Answer::Members { log_id, members }) => {
                    log_id > newest && !members.contains(&own)
                }
                Ok(_) | Err(_) => false,
            }
        });
        join_all(asked).await.into_iter().any(|is_removed| is_removed)
    }

    fn set_removed(&self, is_removed: bool) {
        let is_news = self.removed.send_if_modified(|old| {
            let is_news = *old != is_removed;
            *old = is_removed;
            is_news
        });
        if is_news && is_removed {
            warn!(node = %self.client.route().id, "this node was removed from the group");
        }
    }
}
