//! `quorate config`: checks a node's configuration, shows it, and writes an example.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use quorate::{EngineConfig, SettingError};
use serde_json::json;

/// Exit codes, as in the help texts.
const WRONG: u8 = 1;
const CANNOT_RUN: u8 = 3;

/// Checks or shows a node's configuration. Starts nothing.
#[derive(Args, Clone, Debug)]
pub(crate) struct ConfigArguments {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Subcommand, Clone, Debug)]
enum ConfigCommand {
    /// Says whether a node would start with this file.
    #[command(after_help = "\
Examples:
  quorate config check node.toml
  quorate config check --json --environment node.toml

Exit codes:
  0  every setting is known and in its range, and all go together
  1  one is not; line, setting, value and range are named
  2  a flag is wrong
  3  the file cannot be read")]
    Check {
        /// The file.
        file: PathBuf,
        /// Let the variables of the environment go before the file.
        #[arg(long)]
        environment: bool,
        /// Print one JSON object on one line.
        #[arg(long)]
        json: bool,
    },
    /// Prints every setting as it would be in force: defaults, file, environment.
    #[command(after_help = "\
Examples:
  quorate config show
  QUORATE_ELECTION_TIMEOUT=1s quorate config show node.toml

Exit codes:
  0  printed
  1  a setting is unknown or wrong, or two do not go together
  2  a flag is wrong
  3  the file cannot be read")]
    Show {
        /// The file; none for the defaults.
        file: Option<PathBuf>,
        /// Print one JSON object on one line.
        #[arg(long)]
        json: bool,
    },
    /// Prints a file with every setting, its default, and what it does.
    Example,
}

pub(crate) fn run(arguments: &ConfigArguments) -> ExitCode {
    match &arguments.command {
        ConfigCommand::Check { file, environment, json } => check(file, *environment, *json),
        ConfigCommand::Show { file, json } => show(load(true, file.as_ref()), *json),
        ConfigCommand::Example => {
            print!("{}", EngineConfig::example());
            ExitCode::SUCCESS
        }
    }
}

fn load(environment: bool, file: Option<&PathBuf>) -> Result<EngineConfig, SettingError> {
    let variables = if environment { EngineConfig::variables()? } else { Vec::new() };
    EngineConfig::load(file.map(PathBuf::as_path), variables)
}

fn check(file: &PathBuf, environment: bool, json: bool) -> ExitCode {
    let loaded = load(environment, Some(file));
    match (&loaded, json) {
        (Ok(_), true) => println!("{}", json!({"ok": true, "file": file.display().to_string()})),
        (Ok(_), false) => println!("{}: all settings are good", file.display()),
        (Err(error @ SettingError::Unreadable { .. }), _) => return refuse(error),
        (Err(error), true) => {
            let file = file.display().to_string();
            println!("{}", json!({"ok": false, "file": file, "error": error.to_string()}));
        }
        (Err(error), false) => return refuse(error),
    }
    if loaded.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(WRONG) }
}

fn show(loaded: Result<EngineConfig, SettingError>, json: bool) -> ExitCode {
    let config = match loaded {
        Ok(config) => config,
        Err(error) => return refuse(&error),
    };
    if !json {
        print!("{}", config.to_toml());
        return ExitCode::SUCCESS;
    }
    match toml::from_str::<serde_json::Value>(&config.to_toml()) {
        Ok(settings) => println!("{settings}"),
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(CANNOT_RUN);
        }
    }
    ExitCode::SUCCESS
}

fn refuse(error: &SettingError) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(match error {
        SettingError::Unreadable { .. } => CANNOT_RUN,
        SettingError::Syntax { .. }
        | SettingError::Unknown { .. }
        | SettingError::Senseless { .. }
        | SettingError::OutOfRange { .. }
        | SettingError::Conflict(_) => WRONG,
    })
}
