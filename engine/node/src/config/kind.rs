//! How values are written: what a knob of each kind takes, and how it is shown.

use std::{
    collections::BTreeMap,
    fmt::Display,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use quorate_core::NodeId;

use super::{Start, peer::PeerAddress};
use crate::Durability;

/// A way to write values of one type.
pub(crate) trait Kind {
    /// What is written.
    type Value;

    /// What may be written, in words.
    fn takes(&self) -> String;

    /// The value that this text stands for; none where it stands for none.
    fn read(&self, text: &str) -> Option<Self::Value>;

    /// The value as TOML, such that it reads back as the same; none where it has none.
    fn show(&self, value: &Self::Value) -> Option<String>;

    /// Whether the value is in range.
    fn holds(&self, _value: &Self::Value) -> bool {
        true
    }

    /// The range, in words; none where anything goes.
    fn range(&self) -> Option<String> {
        None
    }
}

/// A time with its unit.
pub(crate) struct Time(pub(crate) RangeInclusive<Duration>);

impl Kind for Time {
    type Value = Duration;

    fn takes(&self) -> String {
        "a time with its unit, such as \"500 ms\", \"5 s\" or \"1 h\"".to_owned()
    }

    fn read(&self, text: &str) -> Option<Duration> {
        humantime::parse_duration(text).ok()
    }

    fn show(&self, value: &Duration) -> Option<String> {
        Some(quoted(&time(*value)))
    }

    fn holds(&self, value: &Duration) -> bool {
        self.0.contains(value)
    }

    fn range(&self) -> Option<String> {
        Some(format!("{} to {}", time(*self.0.start()), time(*self.0.end())))
    }
}

/// A time as it is written.
pub(crate) fn time(time: Duration) -> String {
    humantime::format_duration(time).to_string()
}

/// A number of bytes: with a unit, or without.
pub(crate) struct Size(pub(crate) RangeInclusive<u64>);

impl Kind for Size {
    type Value = u64;

    fn takes(&self) -> String {
        "a size, such as \"16 MiB\" or \"2 GiB\", or a number of bytes".to_owned()
    }

    fn read(&self, text: &str) -> Option<u64> {
        // Without a unit, or it would go through a float.
        let plain = text.parse().ok();
        plain.or_else(|| text.parse::<bytesize::ByteSize>().ok().map(|size| size.0))
    }

    fn show(&self, value: &u64) -> Option<String> {
        Some(quoted(&size(*value)))
    }

    fn holds(&self, value: &u64) -> bool {
        self.0.contains(value)
    }

    fn range(&self) -> Option<String> {
        match (*self.0.start(), *self.0.end()) {
            (0, u64::MAX) => None,
            (min, u64::MAX) => Some(format!("at least {}", size(min))),
            (min, max) => Some(format!("{} to {}", size(min), size(max))),
        }
    }
}

/// A size as it is written: in the largest unit in which it is whole.
pub(crate) fn size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let whole = units.iter().find(|(_, shift)| bytes > 0 && bytes.trailing_zeros() >= *shift);
    match whole {
        Some((unit, shift)) => format!("{} {unit}", bytes >> shift),
        None => format!("{bytes} B"),
    }
}

/// A number of things.
pub(crate) struct Count<T>(pub(crate) RangeInclusive<T>);

impl<T: FromStr + Display + PartialOrd> Kind for Count<T> {
    type Value = T;

    fn takes(&self) -> String {
        "a whole number".to_owned()
    }

    fn read(&self, text: &str) -> Option<T> {
        text.parse().ok()
    }

    fn show(&self, value: &T) -> Option<String> {
        Some(value.to_string())
    }

    fn holds(&self, value: &T) -> bool {
        self.0.contains(value)
    }

    fn range(&self) -> Option<String> {
        let any = self.0.end().to_string() == u64::MAX.to_string();
        match any {
            true if self.0.start().to_string() == "0" => None,
            true => Some(format!("at least {}", self.0.start())),
            false => Some(format!("{} to {}", self.0.start(), self.0.end())),
        }
    }
}

/// Yes or no.
pub(crate) struct Flag;

impl Kind for Flag {
    type Value = bool;

    fn takes(&self) -> String {
        "true or false".to_owned()
    }

    fn read(&self, text: &str) -> Option<bool> {
        text.parse().ok()
    }

    fn show(&self, value: &bool) -> Option<String> {
        Some(value.to_string())
    }
}

/// A node's name.
pub(crate) struct Node;

impl Kind for Node {
    type Value = NodeId;

    fn takes(&self) -> String {
        "a node's number, from 1 on".to_owned()
    }

    fn read(&self, text: &str) -> Option<NodeId> {
        text.parse().ok().and_then(NodeId::new)
    }

    fn show(&self, value: &NodeId) -> Option<String> {
        Some(value.get().to_string())
    }
}

/// Which storage is expected.
pub(crate) struct Storage;

impl Storage {
    const WORDS: [(&str, Start); 4] = [
        ("new", Start::New),
        ("existing", Start::Existing),
        ("new-or-existing", Start::NewOrExisting),
        ("join", Start::Join),
    ];
}

impl Kind for Storage {
    type Value = Start;

    fn takes(&self) -> String {
        let words: Vec<String> = Storage::WORDS.iter().map(|(word, _)| quoted(word)).collect();
        format!("one of {}", words.join(", "))
    }

    fn read(&self, text: &str) -> Option<Start> {
        Storage::WORDS.iter().find(|(word, _)| *word == text).map(|(_, start)| *start)
    }

    fn show(&self, value: &Start) -> Option<String> {
        let word = Storage::WORDS.iter().find(|(_, start)| start == value);
        word.map(|(word, _)| quoted(word))
    }
}

/// When a write is acknowledged.
pub(crate) struct Acknowledged;

impl Acknowledged {
    const DURABLE: &str = "durable";
    const INTERVAL: Time = Time(Durability::INTERVAL_MIN..=Durability::INTERVAL_MAX);
}

impl Kind for Acknowledged {
    type Value = Durability;

    fn takes(&self) -> String {
        format!("{}, or {}", quoted(Acknowledged::DURABLE), Acknowledged::INTERVAL.takes())
    }

    fn read(&self, text: &str) -> Option<Durability> {
        if text == Acknowledged::DURABLE {
            return Some(Durability::Durable);
        }
        Acknowledged::INTERVAL.read(text).map(|interval| Durability::Buffered { interval })
    }

    fn show(&self, value: &Durability) -> Option<String> {
        match value {
            Durability::Durable => Some(quoted(Acknowledged::DURABLE)),
            Durability::Buffered { interval } => Acknowledged::INTERVAL.show(interval),
        }
    }

    fn holds(&self, value: &Durability) -> bool {
        match value {
            Durability::Durable => true,
            Durability::Buffered { interval } => Acknowledged::INTERVAL.holds(interval),
        }
    }

    fn range(&self) -> Option<String> {
        let range = Acknowledged::INTERVAL.range()?;
        Some(format!("{}, or {range}", Acknowledged::DURABLE))
    }
}

/// A directory.
pub(crate) struct Directory;

impl Kind for Directory {
    type Value = PathBuf;

    fn takes(&self) -> String {
        "a path".to_owned()
    }

    fn read(&self, text: &str) -> Option<PathBuf> {
        Some(text).filter(|text| !text.is_empty()).map(PathBuf::from)
    }

    fn show(&self, value: &PathBuf) -> Option<String> {
        Some(quoted(&path(value)))
    }
}

/// A file, or none.
pub(crate) struct File;

impl Kind for File {
    type Value = Option<PathBuf>;

    fn takes(&self) -> String {
        "a path, or \"\" for none".to_owned()
    }

    fn read(&self, text: &str) -> Option<Option<PathBuf>> {
        Some(Directory.read(text))
    }

    fn show(&self, value: &Option<PathBuf>) -> Option<String> {
        Some(quoted(&value.as_deref().map(path).unwrap_or_default()))
    }
}

/// Members with their addresses: as a table, or as text, `1=10.0.0.1:7000,2=10.0.0.2:7000`.
pub(crate) struct Members;

impl Kind for Members {
    type Value = BTreeMap<NodeId, PeerAddress>;

    fn takes(&self) -> String {
        "a node's number and its host with a port for each member, such as 1 = \
         \"node-1.example:7000\"; in one text, 1=node-1.example:7000,2=10.0.0.2:7000"
            .to_owned()
    }

    fn read(&self, text: &str) -> Option<Self::Value> {
        let mut members = BTreeMap::new();
        for entry in text.split(',').filter(|_| !text.trim().is_empty()) {
            let (node, address) = entry.split_once('=')?;
            let (node, address) = (Node.read(node.trim())?, address.trim().parse().ok()?);
            if members.insert(node, address).is_some() {
                return None;
            }
        }
        Some(members)
    }

    fn show(&self, value: &Self::Value) -> Option<String> {
        let entries: Vec<String> =
            value.iter().map(|(node, address)| format!("{node} = \"{address}\"")).collect();
        Some(if entries.is_empty() {
            "{}".to_owned()
        } else {
            format!("{{ {} }}", entries.join(", "))
        })
    }
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// As a string in TOML.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
