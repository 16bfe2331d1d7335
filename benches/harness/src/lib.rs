//! What every measured program shares: its command line, the counting allocator, the payloads and
//! the machine that they are applied to, the scenarios, and the rows that it prints. A system is
//! measured by implementing [`Group`] and calling [`main`]. Knows no system.

pub mod allocator;
pub mod arguments;
pub mod group;
pub mod machine;
pub mod row;
pub mod scenarios;
pub mod wire;

use std::process::ExitCode;

pub use arguments::{Arguments, Scenario};
pub use group::{Group, Support, all_but};
pub use machine::{Machine, Payloads};
pub use scenarios::Measured;
pub use wire::Wire;

/// The whole of a measured program: reads the command line, prints a line for each repetition.
pub fn main<G: Group>(words: impl IntoIterator<Item = String>) -> ExitCode {
    let arguments = match Arguments::parse(words) {
        Ok(arguments) => arguments,
        Err(sentence) => {
            eprintln!("{sentence}");
            return ExitCode::from(2);
        }
    };
    let system = G::name(&arguments);
    match G::support(&arguments) {
        Support::Senseless => {}
        Support::NotYet => println!("{}", row::not_yet(&system, &arguments)),
        Support::Measured => {
            for _ in 0..arguments.repetitions {
                let measured = scenarios::run::<G>(&arguments);
                println!("{}", row::line(&system, &arguments, &measured));
            }
        }
    }
    ExitCode::SUCCESS
}
