//! Reading ranges, at the newest revision or at an older one.

use std::cmp::Ordering;

use super::Kv;
use crate::{KeyValue, KvError, RangeRequest, RangeResponse, SortBy, SortOrder, store::Record};

impl Kv {
    /// The keys of a range.
    ///
    /// # Errors
    /// For limits that are passed, and for a revision that is compacted or yet to come.
    pub fn range(&self, request: &RangeRequest) -> Result<RangeResponse, KvError> {
        request.validate()?;
        let revision = if request.revision > 0 { request.revision } else { self.revision() };
        let found = self.store.range(&request.range, revision)?;
        if request.count_only {
            return Ok(RangeResponse { count: found.count() as u64, ..RangeResponse::default() });
        }
        let limit = if request.limit > 0 { request.limit } else { u64::MAX };
        let mut response = RangeResponse::default();
        let mut shown = Vec::new();
        for record in found {
            response.count += 1;
            // In the order of the store, those behind the limit need only be counted.
            let is_needed = shown.len() as u64 <= limit || !request.is_in_store_order();
            if is_needed && request.shows((record.create_revision, record.mod_revision)) {
                shown.push(record);
            }
        }
        sort(&mut shown, request);
        response.more = shown.len() as u64 > limit;
        shown.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let told = |record: &Record| {
            let pair = record.key_value();
            if request.keys_only { KeyValue { value: bytes::Bytes::new(), ..pair } } else { pair }
        };
        response.keys = shown.into_iter().map(|record| told(record)).collect();
        Ok(response)
    }
}

fn sort(shown: &mut [&std::sync::Arc<Record>], request: &RangeRequest) {
    if request.is_in_store_order() {
        return;
    }
    let by = |one: &Record, other: &Record| -> Ordering {
        match request.sort_by {
            SortBy::Key => one.key.cmp(&other.key),
            SortBy::Version => one.version.cmp(&other.version),
            SortBy::CreateRevision => one.create_revision.cmp(&other.create_revision),
            SortBy::ModRevision => one.mod_revision.cmp(&other.mod_revision),
            SortBy::Value => one.value.cmp(&other.value),
        }
    };
    // Stable: equals stay by rising key.
    match request.order {
        SortOrder::Ascending => shown.sort_by(|one, other| by(one, other)),
        SortOrder::Descending => shown.sort_by(|one, other| by(other, one)),
    }
}
