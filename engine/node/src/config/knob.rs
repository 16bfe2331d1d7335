//! Knobs, and the macro by which each has one place: its field, default, range, key, and what the
//! pages say of it.

use super::{EngineConfig, kind::Kind};

/// One knob of [`EngineConfig`]: the field of that name, the key in a file, and with `QUORATE_` before
/// it and in capitals the variable of the environment.
#[derive(Clone, Copy)]
pub struct Knob {
    pub(super) name: &'static str,
    pub(super) section: &'static str,
    pub(super) about: &'static str,
    pub(super) takes: fn() -> String,
    pub(super) range: fn() -> Option<String>,
    pub(super) show: fn(&EngineConfig) -> Option<String>,
    pub(super) set: fn(&mut EngineConfig, &str) -> Result<(), Wrong>,
    pub(super) holds: fn(&EngineConfig) -> bool,
}

/// Why a text sets no knob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It stands for no value.
    Senseless,
    /// Its value is out of range.
    OutOfRange,
}

impl Knob {
    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it is about, in a word or two.
    pub fn section(&self) -> &'static str {
        self.section
    }

    /// What it does.
    pub fn about(&self) -> String {
        self.about.lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
    }

    /// Its variable in the environment.
    pub fn variable(&self) -> String {
        format!("{}{}", super::load::PREFIX, self.name.to_uppercase())
    }

    /// What may be written.
    pub fn takes(&self) -> String {
        (self.takes)()
    }

    /// The least and the most that it may be; none where anything goes.
    pub fn range(&self) -> Option<String> {
        (self.range)()
    }

    /// Its value, as it stands in a file.
    pub fn value(&self, config: &EngineConfig) -> String {
        (self.show)(config).unwrap_or_default()
    }
}

impl std::fmt::Debug for Knob {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Knob").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Reads `text` into `value`, where it is such.
pub(super) fn set<K: Kind>(kind: &K, value: &mut K::Value, text: &str) -> Result<(), Wrong> {
    let read = kind.read(text).ok_or(Wrong::Senseless)?;
    if !kind.holds(&read) {
        return Err(Wrong::OutOfRange);
    }
    *value = read;
    Ok(())
}

/// Declares [`EngineConfig`], its defaults, and the table of its knobs.
macro_rules! knobs {
    ($( $section:literal { $(
        $(#[doc = $doc:literal])*
        $name:ident: $type:ty = $default:expr, $kind:expr;
    )* } )*) => {
        /// Everything that a node is started with: from code, a file and the environment.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct EngineConfig {
            $($(
                $(#[doc = $doc])*
                #[doc = concat!("\n\nDefault `", stringify!($default), "`; takes `", stringify!($kind), "`.")]
                pub $name: $type,
            )*)*
        }

        impl EngineConfig {
            pub(super) fn defaults() -> EngineConfig {
                EngineConfig { $($( $name: $default, )*)* }
            }
        }

        pub(super) static KNOBS: &[Knob] = &[$($(
            Knob {
                name: stringify!($name),
                section: $section,
                about: concat!($($doc, "\n",)*),
                takes: || Kind::takes(&$kind),
                range: || Kind::range(&$kind),
                show: |config| Kind::show(&$kind, &config.$name),
                set: |config, text| set(&$kind, &mut config.$name, text),
                holds: |config| Kind::holds(&$kind, &config.$name),
            },
        )*)*];
    };
}
pub(super) use knobs;
