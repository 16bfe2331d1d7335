//! Reading a configuration: a file, then the environment, then code, each over what was before.

use std::{
    collections::BTreeMap,
    ops::Range,
    path::{Path, PathBuf},
};

use toml::de::{DeTable, DeValue};

use super::{
    EngineConfig, Place, SettingError, check,
    kind::quoted,
    knob::{Knob, Wrong},
    knobs::KNOBS,
};

/// What the names of all variables begin with.
pub(super) const PREFIX: &str = "QUORATE_";
/// Variables that are the binary's, and set no knob.
const RESERVED: [&str; 1] = ["QUORATE_LOG"];
/// How many letters may be wrong in a variable that is surely meant for us: one, two in a long name.
/// Others may be those of a host: one that runs a service of our name sets `QUORATE_SERVICE_HOST` and
/// the like by itself.
const TYPO_LETTERS: usize = 2;
/// How long a name is in which two may be wrong: in a short one, two are half of it.
const LONG_NAME: usize = 10;
/// How many knobs an unknown one is told.
const NEAREST: usize = 3;

/// A configuration, and where each of its values was set.
#[derive(Debug)]
pub(super) struct Layers {
    pub(super) config: EngineConfig,
    places: BTreeMap<&'static str, Place>,
}

impl Layers {
    pub(super) fn over(config: EngineConfig) -> Layers {
        Layers { config, places: BTreeMap::new() }
    }

    /// Where a knob was set.
    pub(super) fn place(&self, name: &str) -> Place {
        self.places.get(name).cloned().unwrap_or(Place::Code)
    }

    pub(super) fn read_file(&mut self, file: &Path) -> Result<(), SettingError> {
        let read = std::fs::read_to_string(file);
        let text =
            read.map_err(|source| SettingError::Unreadable { file: file.to_owned(), source })?;
        self.read_toml(&text, Some(file.to_owned()))
    }

    pub(super) fn read_toml(
        &mut self,
        text: &str,
        file: Option<PathBuf>,
    ) -> Result<(), SettingError> {
        let place = |at: Range<usize>| {
            let before = text.as_bytes().get(..at.start).unwrap_or_default();
            let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
            Place::Line { file: file.clone(), line }
        };
        let parsed = DeTable::parse(text).map_err(|error| SettingError::Syntax {
            place: place(error.span().unwrap_or(0..0)),
            what: error.message().to_owned(),
        })?;
        // In the order of the file: the first that is wrong is told.
        let mut entries: Vec<_> = parsed.get_ref().iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let at = place(key.span());
            let knob = find(key.get_ref().as_ref(), &at)?;
            let DeValue::Table(members) = value.get_ref() else {
                self.set(knob, &text_of(value.get_ref()), &quoted_as(value.get_ref()), at)?;
                continue;
            };
            let mut all = Vec::new();
            for (name, member) in members.iter() {
                let entry = format!("{}={}", name.get_ref(), text_of(member.get_ref()));
                // By itself first, to tell the line where it is wrong.
                self.set(knob, &entry, &quoted(&entry), place(name.span()))?;
                all.push(entry);
            }
            self.set(knob, &all.join(","), "this table", at)?;
        }
        Ok(())
    }

    pub(super) fn read_variables(
        &mut self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(), SettingError> {
        // The first by name that is wrong is told, whatever order the system has.
        let variables: BTreeMap<String, String> = variables.into_iter().collect();
        for (name, text) in &variables {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            if RESERVED.contains(&name.as_str()) {
                continue;
            }
            let key = rest.to_lowercase();
            let place = Place::Variable(name.clone());
            match KNOBS.iter().find(|knob| knob.name == key) {
                Some(knob) => self.set(knob, text, &quoted(text), place)?,
                None if is_typo(&key) => return Err(unknown(&key, place)),
                None => tracing::warn!(name, "a variable that looks like a setting, and is none"),
            }
        }
        Ok(())
    }

    fn set(
        &mut self,
        knob: &Knob,
        text: &str,
        given: &str,
        place: Place,
    ) -> Result<(), SettingError> {
        let (key, given) = (knob.name.to_owned(), given.to_owned());
        match (knob.set)(&mut self.config, text) {
            Ok(()) => {
                self.places.insert(knob.name, place);
                Ok(())
            }
            Err(Wrong::Senseless) => {
                Err(SettingError::Senseless { place, key, given, takes: knob.takes() })
            }
            Err(Wrong::OutOfRange) => {
                let range = knob.range().unwrap_or_default();
                Err(SettingError::OutOfRange { place, key, given, range })
            }
        }
    }

    /// The configuration, if its knobs go together.
    pub(super) fn checked(self) -> Result<EngineConfig, SettingError> {
        check::check(&self)?;
        Ok(self.config)
    }
}

/// All variables of this process that may be ours.
///
/// # Errors
/// Where one is no Unicode.
pub(super) fn variables() -> Result<Vec<(String, String)>, SettingError> {
    let mut found = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        let place = Place::Variable(name.to_owned());
        let value = value.into_string().map_err(|value| SettingError::Senseless {
            place,
            key: name[PREFIX.len()..].to_lowercase(),
            given: format!("{value:?}"),
            takes: "Unicode only".to_owned(),
        })?;
        found.push((name.to_owned(), value));
    }
    Ok(found)
}

fn find(key: &str, place: &Place) -> Result<&'static Knob, SettingError> {
    let found = KNOBS.iter().find(|knob| knob.name == key);
    found.ok_or_else(|| unknown(key, place.clone()))
}

fn unknown(key: &str, place: Place) -> SettingError {
    let mut names: Vec<&str> = KNOBS.iter().map(|knob| knob.name).collect();
    // Stable: those that are as near stand in the order of the page.
    names.sort_by(|a, b| {
        let [a, b] = [a, b].map(|name| strsim::jaro_winkler(key, name));
        b.total_cmp(&a)
    });
    let nearest = names.into_iter().take(NEAREST).map(str::to_owned).collect();
    SettingError::Unknown { place, key: key.to_owned(), nearest }
}

fn is_typo(key: &str) -> bool {
    let allowed = |name: &str| if name.len() < LONG_NAME { 1 } else { TYPO_LETTERS };
    KNOBS.iter().any(|knob| strsim::osa_distance(key, knob.name) <= allowed(knob.name))
}

/// A value as it would stand in the environment. What no knob takes is left as it is.
fn text_of(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            let radix = number.radix();
            let plain = i128::from_str_radix(&digits, radix).map(|number| number.to_string());
            plain.unwrap_or(digits)
        }
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        // Neither can be mistaken for anything else.
        DeValue::Array(_) => "[…]".to_owned(),
        DeValue::Table(_) => "{…}".to_owned(),
    }
}

/// A value as it is told.
fn quoted_as(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => text_of(value),
    }
}
