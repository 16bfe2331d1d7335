//! A node's keys over HTTP. Any node takes any request.
//!
//! | | |
//! |---|---|
//! | `GET /keys/{key}` | the value as it is; `?consistency=linearizable` (the default), `lease` or `stale` |
//! | `PUT /keys/{key}` | gives it the body as its value; answers with the revision |
//! | `DELETE /keys/{key}` | takes it away |
//! | `GET /health` | what the node is; 503 once it has halted |
//! | `GET /ready` | 200 where a leader is known and this node has caught up |
//!
//! An error's body says whether the request was done: `no`, or `unknown`.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, Query, State},
    http::{HeaderName, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
    routing::get,
};
use quorate::{KeyRange, VALUE_LIMIT_BYTES, prelude::*};
use serde::Deserialize;
use serde_json::json;

/// The revision that last changed a key.
const REVISION: HeaderName = HeaderName::from_static("quorate-revision");
/// How long `/ready` waits.
const READY_TIMEOUT: Duration = Duration::from_secs(1);

/// What a read asks for.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Promise {
    #[default]
    Linearizable,
    Lease,
    Stale,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    consistency: Promise,
}

/// What has no answer.
struct Failed(EngineError);

impl From<EngineError> for Failed {
    fn from(error: EngineError) -> Failed {
        Failed(error)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let Failed(error) = self;
        let status = match &error {
            EngineError::Invalid(_) => StatusCode::BAD_REQUEST,
            EngineError::Refused(_) => StatusCode::CONFLICT,
            EngineError::NotDone { .. } => StatusCode::SERVICE_UNAVAILABLE,
            // It may be done, or may be yet: whoever asks again may do it twice.
            EngineError::Unknown { .. } => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let done = if error.is_surely_not_done() { "no" } else { "unknown" };
        let body = Json(json!({"error": error.to_string(), "done": done}));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            (status, [(RETRY_AFTER, "1")], body).into_response()
        } else {
            (status, body).into_response()
        }
    }
}

/// The node's routes.
pub fn app(engine: Arc<EmbeddedEngine>) -> Router {
    let value_limit = usize::try_from(VALUE_LIMIT_BYTES).unwrap_or(usize::MAX);
    Router::new()
        .route("/keys/{*key}", get(read).put(write).delete(remove))
        .route("/health", get(health))
        .route("/ready", get(ready))
        .layer(DefaultBodyLimit::max(value_limit))
        .with_state(engine)
}

async fn read(
    State(engine): State<Arc<EmbeddedEngine>>,
    Path(key): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failed> {
    let consistency = match asked.consistency {
        Promise::Linearizable => Consistency::Linearizable,
        Promise::Lease => Consistency::Lease,
        Promise::Stale => Consistency::Stale,
    };
    let options = ReadOptions { consistency, ..ReadOptions::default() };
    let found = engine.client().range(KeyRange::key(key), options).await?;
    Ok(match found.keys.into_iter().next() {
        Some(found) => ([(REVISION, found.mod_revision.to_string())], found.value).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    })
}

async fn write(
    State(engine): State<Arc<EmbeddedEngine>>,
    Path(key): Path<String>,
    value: Bytes,
) -> Result<Response, Failed> {
    let revision = engine.client().put(key, value).await?;
    Ok(Json(json!({"revision": revision})).into_response())
}

async fn remove(
    State(engine): State<Arc<EmbeddedEngine>>,
    Path(key): Path<String>,
) -> Result<StatusCode, Failed> {
    let was_there = engine.client().delete(key).await?;
    Ok(if was_there { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND })
}

async fn health(State(engine): State<Arc<EmbeddedEngine>>) -> Response {
    let status = engine.status();
    let body = Json(json!({
        "role": format!("{:?}", status.role).to_lowercase(),
        "term": status.term,
        "leader": status.leader.map(|leader| leader.get()),
        "applied": status.applied,
        "halted": status.halted,
    }));
    let code =
        if status.halted.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (code, body).into_response()
}

async fn ready(State(engine): State<Arc<EmbeddedEngine>>) -> Result<StatusCode, Failed> {
    engine.wait_ready(READY_TIMEOUT).await?;
    Ok(StatusCode::OK)
}
