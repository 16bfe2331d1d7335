//! An exposition, as Prometheus would read it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
    time::Duration,
};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use quorate::{NodeId, SECONDS_BUCKETS, SIZE_BUCKETS};

use crate::common::LONG;

/// What the recorder shows now; at first it is installed. All tests of a process share it: each has
/// a group of its own.
pub(crate) fn scrape() -> Scrape {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    let handle = RECORDER.get_or_init(|| {
        let builder = PrometheusBuilder::new().set_buckets(SIZE_BUCKETS).unwrap();
        let seconds = Matcher::Suffix("_seconds".to_owned());
        let builder = builder.set_buckets_for_metric(seconds, SECONDS_BUCKETS).unwrap();
        builder.install_recorder().unwrap()
    });
    Scrape::parse(&handle.render())
}

/// Waits until a scrape is as it should be.
pub(crate) async fn eventually(what: &str, is_so: impl Fn(&Scrape) -> bool) {
    let waiting = async {
        while !is_so(&scrape()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let is_so = tokio::time::timeout(LONG, waiting).await;
    assert!(is_so.is_ok(), "never: {what}");
}

type Labels = BTreeMap<String, String>;

/// One scrape.
pub(crate) struct Scrape {
    kinds: BTreeMap<String, String>,
    samples: Vec<(String, Labels, f64)>,
}

/// What one node shows.
pub(crate) struct OfNode {
    samples: Vec<(String, BTreeSet<String>, f64)>,
}

impl Scrape {
    fn parse(text: &str) -> Scrape {
        let (mut kinds, mut samples) = (BTreeMap::new(), Vec::new());
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                kinds.insert(name.to_owned(), kind.to_owned());
            } else if !line.starts_with('#') {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let (name, labels) = series.split_once('{').unwrap_or((series, ""));
                let labels = labels.trim_end_matches('}').split("\",");
                let labels = labels.filter_map(|label| label.split_once("=\""));
                let labels = labels
                    .map(|(label, value)| (label.to_owned(), value.trim_matches('"').to_owned()));
                samples.push((name.to_owned(), labels.collect(), value.parse().unwrap()));
            }
        }
        Scrape { kinds, samples }
    }

    /// What one node shows.
    pub(crate) fn of(&self, group: u64, node: NodeId) -> OfNode {
        let (group, node) = (group.to_string(), node.to_string());
        let is_of = |labels: &Labels| {
            labels.get("group") == Some(&group) && labels.get("node") == Some(&node)
        };
        let samples = self.samples.iter().filter(|(_, labels, _)| is_of(labels));
        let own = |labels: &Labels| {
            let own =
                labels.iter().filter(|(label, _)| !["group", "node"].contains(&label.as_str()));
            own.map(|(_, value)| value.clone()).collect()
        };
        OfNode {
            samples: samples
                .map(|(name, labels, value)| (name.clone(), own(labels), *value))
                .collect(),
        }
    }

    /// All metrics of a group, with type and labels.
    pub(crate) fn kinds(&self, group: u64) -> BTreeMap<String, (String, Vec<String>)> {
        let group = group.to_string();
        let mut found: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
        for (series, labels, _) in &self.samples {
            if labels.get("group") != Some(&group) {
                continue;
            }
            let endings = ["", "_bucket", "_sum", "_count"];
            let name = endings.iter().find_map(|ending| {
                series.strip_suffix(ending).filter(|name| self.kinds.contains_key(*name))
            });
            let name = name.unwrap_or_else(|| panic!("{series} has no type"));
            let kind = self.kinds[name].clone();
            let (_, all) = found.entry(name.to_owned()).or_insert((kind, BTreeSet::new()));
            all.extend(labels.keys().filter(|label| *label != "le").cloned());
        }
        let sorted =
            |(kind, labels): (String, BTreeSet<String>)| (kind, labels.into_iter().collect());
        found.into_iter().map(|(name, one)| (name, sorted(one))).collect()
    }
}

impl OfNode {
    /// The value of a metric with these values of its own labels; 0 where it was never told.
    pub(crate) fn get(&self, name: &str, labels: &[&str]) -> f64 {
        let labels: BTreeSet<String> = labels.iter().map(ToString::to_string).collect();
        let found = self.samples.iter().find(|(found, own, _)| found == name && *own == labels);
        found.map_or(0.0, |(.., value)| *value)
    }
}
