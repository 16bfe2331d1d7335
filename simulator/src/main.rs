//! The command line of the simulator.
//!
//! Exit codes: 0 pass, 1 usage, 2 safety, 3 liveness, 4 not deterministic, 5 required marks
//! missing, 130 interrupted.

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::Cli::try_parse() {
        Ok(cli) => ExitCode::from(cli.run()),
        Err(error) => {
            let help = !error.use_stderr();
            // Nothing is left to be done where the terminal is gone.
            let _ = error.print();
            ExitCode::from(u8::from(!help))
        }
    }
}
