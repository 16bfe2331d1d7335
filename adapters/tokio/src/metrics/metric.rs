//! A metric, and the labels that tell nodes of one process apart.

use metrics::{Counter, Gauge, Histogram, Label, counter, gauge, histogram};
use quorate_core::NodeId;

/// What kind of number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows, over all lives of a node in one process.
    Counter,
    /// It is what it is now.
    Gauge,
    /// How often what was measured lay where.
    Histogram,
}

impl MetricKind {
    /// Its word in an exposition.
    pub fn word(self) -> &'static str {
        match self {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        }
    }
}

/// A metric, as it is told and as pages describe it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: MetricKind,
    /// Its labels, besides `group` and `node`.
    pub labels: &'static [&'static str],
    /// What it means.
    pub about: &'static str,
    /// When somebody should look; empty where it is to look at, not to be woken by.
    pub alert: &'static str,
}

impl Metric {
    /// One that only grows.
    pub const fn counter(name: &'static str, about: &'static str) -> Metric {
        Metric { name, kind: MetricKind::Counter, labels: &[], about, alert: "" }
    }

    /// One that rises and falls.
    pub const fn gauge(name: &'static str, about: &'static str) -> Metric {
        Metric { name, kind: MetricKind::Gauge, labels: &[], about, alert: "" }
    }

    /// One that is measured each time.
    pub const fn histogram(name: &'static str, about: &'static str) -> Metric {
        Metric { name, kind: MetricKind::Histogram, labels: &[], about, alert: "" }
    }

    /// The same, with labels.
    pub const fn by(self, labels: &'static [&'static str]) -> Metric {
        Metric { labels, ..self }
    }

    /// The same, with what to be woken by.
    pub const fn alert(self, alert: &'static str) -> Metric {
        Metric { alert, ..self }
    }

    /// Its unit, which is the last word of its name; empty for plain numbers.
    pub fn unit(&self) -> &'static str {
        let name = self.name.strip_suffix("_total").unwrap_or(self.name);
        let units = ["seconds", "bytes", "entries", "writes", "frames"];
        units.into_iter().find(|unit| name.ends_with(unit)).unwrap_or_default()
    }
}

/// Whose metrics they are. What is made of this tells the recorder that was installed by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Labels {
    /// The group.
    pub group: u64,
    /// The node.
    pub node: NodeId,
}

impl Labels {
    /// A counter; `more` are the values of its own labels.
    pub fn counter(&self, metric: &Metric, more: &[&str]) -> Counter {
        counter!(metric.name, self.all(metric, more))
    }

    /// A gauge.
    pub fn gauge(&self, metric: &Metric, more: &[&str]) -> Gauge {
        gauge!(metric.name, self.all(metric, more))
    }

    /// A histogram.
    pub fn histogram(&self, metric: &Metric, more: &[&str]) -> Histogram {
        histogram!(metric.name, self.all(metric, more))
    }

    fn all(&self, metric: &Metric, more: &[&str]) -> Vec<Label> {
        debug_assert_eq!(metric.labels.len(), more.len(), "{}", metric.name);
        let own = metric.labels.iter().zip(more);
        let own = own.map(|(&label, &value)| Label::new(label, value.to_owned()));
        let group = Label::new("group", self.group.to_string());
        let node = Label::new("node", self.node.to_string());
        [group, node].into_iter().chain(own).collect()
    }
}

/// Tells the installed recorder what `all` mean.
pub fn describe(all: &[Metric]) {
    for metric in all {
        match metric.kind {
            MetricKind::Counter => metrics::describe_counter!(metric.name, metric.about),
            MetricKind::Gauge => metrics::describe_gauge!(metric.name, metric.about),
            MetricKind::Histogram => metrics::describe_histogram!(metric.name, metric.about),
        }
    }
}
