//! How knobs about members are written.

use std::net::SocketAddr;

use quorate_core::Promotion;

use super::kind::{Kind, quoted};
use crate::membership::check_address;

/// Where a node listens; the empty text for nowhere of its own.
pub(crate) struct Listen;

impl Kind for Listen {
    type Value = Option<SocketAddr>;

    fn takes(&self) -> String {
        "an address and a port, such as \"0.0.0.0:7000\", or \"\" for none".to_owned()
    }

    fn read(&self, text: &str) -> Option<Option<SocketAddr>> {
        if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) }
    }

    fn show(&self, value: &Option<SocketAddr>) -> Option<String> {
        Some(quoted(&value.map(|address| address.to_string()).unwrap_or_default()))
    }
}

/// Where others reach a node; the empty text for where it listens.
pub(crate) struct Reached;

impl Kind for Reached {
    type Value = Option<String>;

    fn takes(&self) -> String {
        "a host and a port, such as \"node-1.example:7000\", or \"\" for none".to_owned()
    }

    fn read(&self, text: &str) -> Option<Option<String>> {
        if text.is_empty() {
            return Some(None);
        }
        check_address(text).ok().map(|()| Some(text.to_owned()))
    }

    fn show(&self, value: &Option<String>) -> Option<String> {
        Some(quoted(value.as_deref().unwrap_or_default()))
    }
}

/// How a learner becomes a voter.
pub(crate) struct Promoted;

impl Kind for Promoted {
    type Value = Promotion;

    fn takes(&self) -> String {
        "\"on-demand\", or the most entries that may be missing, such as \"100\"".to_owned()
    }

    fn read(&self, text: &str) -> Option<Promotion> {
        if text == "on-demand" {
            return Some(Promotion::OnDemand);
        }
        text.parse().ok().map(|max_lag| Promotion::WhenCaughtUp { max_lag })
    }

    fn show(&self, value: &Promotion) -> Option<String> {
        Some(quoted(&match value {
            Promotion::OnDemand => "on-demand".to_owned(),
            Promotion::WhenCaughtUp { max_lag } => max_lag.to_string(),
        }))
    }
}
