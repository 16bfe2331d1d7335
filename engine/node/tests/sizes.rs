//! Commands as large as they may be.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use quorate::{
    Coordination, EmbeddedEngine, EngineConfig, EngineError, Operation, PutRequest, Txn,
    VALUE_LIMIT_BYTES,
};

/// Far more than anything here takes; only a hang reaches it.
const LONG: Duration = Duration::from_secs(60);

/// Three values that are nearly as long as values may be.
fn large() -> Txn {
    let value = vec![7; VALUE_LIMIT_BYTES as usize - 1024];
    let put = |key| Operation::Put(PutRequest::new(key, value.clone()));
    Txn { success: ["a", "b", "c"].map(put).to_vec(), ..Txn::default() }
}

#[tokio::test]
async fn what_the_state_machine_takes_is_carried_out_whatever_its_size() {
    let dir = tempfile::tempdir().unwrap();
    let engine = EmbeddedEngine::start(dir.path()).await.unwrap();
    engine.wait_ready(LONG).await.unwrap();
    engine.client().with_timeout(LONG).txn(large()).await.unwrap();
    assert_eq!(engine.client().len_stale(), 3);
    engine.stop().await.unwrap();
}

#[tokio::test]
async fn what_a_configuration_does_not_let_through_is_refused_at_once_with_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    let config = EngineConfig { max_message_bytes: 64 * 1024, ..EngineConfig::new(dir.path()) };
    let engine = EmbeddedEngine::start_with(config).await.unwrap();
    engine.wait_ready(LONG).await.unwrap();
    let client = engine.client().with_timeout(LONG);
    let error = client.txn(large()).await.unwrap_err();
    assert!(matches!(error, EngineError::CommandTooLong { limit: 60_000..65_536, .. }), "{error}");
    assert!(error.is_surely_not_done());
    client.put("a", vec![7; 60_000]).await.unwrap();
    engine.stop().await.unwrap();
}
