//! A subscriber that keeps what is told.

#![allow(dead_code, reason = "each test uses some of it")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id},
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
};

use super::LONG;

/// An event, with the fields of the spans that it stands in.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) level: Level,
    pub(crate) message: String,
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) spans: Vec<&'static str>,
}

#[derive(Clone, Default)]
pub(crate) struct Collector(Arc<Mutex<Vec<Told>>>);

#[derive(Default)]
struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Collector {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        context.span(id).unwrap().extensions_mut().insert(fields);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        if !metadata.target().starts_with("quorate") {
            return;
        }
        let (mut fields, mut spans) = (Fields::default(), Vec::new());
        for span in context.event_scope(event).into_iter().flatten() {
            spans.push(span.name());
            if let Some(Fields(of_span)) = span.extensions().get::<Fields>() {
                fields.0.extend(of_span.clone());
            }
        }
        event.record(&mut fields);
        let message = fields.0.remove("message").unwrap_or_default();
        let told = Told { level: *metadata.level(), message, fields: fields.0, spans };
        self.0.lock().unwrap().push(told);
    }
}

impl Collector {
    /// Listens to everything in this process, from now on.
    pub(crate) fn install() -> Collector {
        let told = Collector::default();
        let subscriber = tracing_subscriber::registry().with(told.clone());
        tracing::subscriber::set_global_default(subscriber).unwrap();
        told
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// What was told from a place on.
    pub(crate) fn since(&self, place: usize) -> Vec<Told> {
        self.0.lock().unwrap()[place..].to_vec()
    }

    /// Waits until this was told, at this level, with these fields; the first.
    pub(crate) async fn told(
        &self,
        place: usize,
        level: Level,
        message: &str,
        fields: &[&str],
    ) -> Told {
        let waiting = async {
            loop {
                let all = self.since(place);
                let one = all.into_iter().find(|told| told.message == message);
                match one {
                    Some(told) => return told,
                    None => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        let told = tokio::time::timeout(LONG, waiting).await;
        let told = told.unwrap_or_else(|_| panic!("never told: {message}"));
        assert_eq!(told.level, level, "{told:?}");
        for field in fields {
            assert!(told.fields.contains_key(*field), "{field} in {told:?}");
        }
        told
    }
}
