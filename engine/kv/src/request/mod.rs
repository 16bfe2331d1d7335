//! What can be asked of the machine, and what it answers.

mod command;
mod read;
mod txn;
pub(crate) mod wire;

pub use self::{
    command::{Command, Outcome, Response},
    read::{RangeRequest, RangeResponse, SortBy, SortOrder},
    txn::{
        Compare, CompareOp, CompareTarget, DeleteRequest, DeleteResponse, Operation,
        OperationResponse, PutLease, PutRequest, PutResponse, PutValue, Txn, TxnResponse,
    },
};
