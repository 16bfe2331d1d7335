//! Members of a group whose state machine is its host's own: the same calls as
//! [`Coordination`](crate::Coordination) has.

use quorate_core::{NodeId, Promotion};
use quorate_driver::StateMachine;

use super::Wish;
use crate::{MachineClient, Member, WireResponse, coordination::Answered, route::Carrier};

impl<M> MachineClient<M>
where
    M: StateMachine<Response: WireResponse> + Sync + 'static,
{
    /// As [`Coordination::members`](crate::Coordination::members).
    ///
    /// # Errors
    /// [`EngineError`](crate::EngineError).
    pub async fn members(&self) -> Answered<Vec<Member>> {
        self.route().members().await
    }

    /// As [`Coordination::member_add`](crate::Coordination::member_add).
    ///
    /// # Errors
    /// [`MemberError`](crate::MemberError); [`EngineError`](crate::EngineError).
    pub async fn member_add(
        &self,
        node: NodeId,
        address: impl Into<String>,
        promotion: impl Into<Option<Promotion>>,
    ) -> Answered<()> {
        let (address, promotion) = (address.into(), promotion.into());
        self.route().wish(self, Wish::Add { node, address, promotion }).await
    }

    /// As [`Coordination::member_promote`](crate::Coordination::member_promote).
    ///
    /// # Errors
    /// [`MemberError`](crate::MemberError); [`EngineError`](crate::EngineError).
    pub async fn member_promote(&self, node: NodeId) -> Answered<()> {
        self.route().wish(self, Wish::Promote { node }).await
    }

    /// As [`Coordination::member_remove`](crate::Coordination::member_remove).
    ///
    /// # Errors
    /// [`MemberError`](crate::MemberError); [`EngineError`](crate::EngineError).
    pub async fn member_remove(&self, node: NodeId) -> Answered<()> {
        self.route().wish(self, Wish::Remove { node }).await
    }

    /// As [`Coordination::member_update`](crate::Coordination::member_update).
    ///
    /// # Errors
    /// [`MemberError`](crate::MemberError); [`EngineError`](crate::EngineError).
    pub async fn member_update(&self, node: NodeId, address: impl Into<String>) -> Answered<()> {
        self.route().wish(self, Wish::Update { node, address: address.into() }).await
    }

    /// As [`Coordination::member_replace`](crate::Coordination::member_replace).
    ///
    /// # Errors
    /// [`MemberError`](crate::MemberError); [`EngineError`](crate::EngineError).
    pub async fn member_replace(
        &self,
        old: NodeId,
        node: NodeId,
        address: impl Into<String>,
    ) -> Answered<()> {
        self.route().replace(self, old, node, address.into()).await
    }

    /// As [`Coordination::transfer_leadership`](crate::Coordination::transfer_leadership).
    ///
    /// # Errors
    /// [`MemberError`](crate::MemberError); [`EngineError`](crate::EngineError).
    pub async fn transfer_leadership(&self, to: Option<NodeId>) -> Answered<()> {
        self.route().wish_leader(self, to).await
    }
}
