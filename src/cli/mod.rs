//! The command line: arguments → a call into the library → words or one JSON object.
//!
//! One file a command. Results go to standard output, progress and notes to standard error. Exit
//! status: 0 done, 1 failed (or `verify` found a problem), 2 wrong usage, 130 interrupted. With
//! `--json` standard output holds exactly one object, for an error `{"error":{"code","message"}}`.

#[cfg(feature = "embed")]
mod add;
#[cfg(feature = "embed")]
mod build;
#[cfg(feature = "embed")]
mod compact;
#[cfg(feature = "embed")]
mod embed;
mod eval;
mod inspect;
mod interrupt;
#[cfg(feature = "embed")]
mod model;
#[cfg(feature = "embed")]
mod npy;
mod output;
mod progress;
#[cfg(feature = "embed")]
mod remove;
mod repartition;
#[cfg(feature = "embed")]
mod search;
mod serve;
#[cfg(feature = "embed")]
mod updated;
#[cfg(feature = "embed")]
mod upgrade;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use output::Output;

/// Visual search that runs on the visitor's own device.
#[derive(Parser)]
#[command(
    name = "nearsight",
    version,
    after_help = "Examples:
  nearsight build ~/Pictures -o site     make a folder that any web host can serve
  nearsight serve site                   look at it on http://127.0.0.1:8080
  nearsight search site photo.jpg        ask it from here
  nearsight build --vectors rows.npy -o site   the same for vectors made elsewhere
  nearsight add site more/                     a few more pictures; remove takes some out

Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Print one JSON object on standard output instead of words
    #[arg(long, global = true)]
    json: bool,
    /// No progress and no notes on standard error
    #[arg(long, short, global = true)]
    quiet: bool,
}

#[derive(Subcommand)]
enum Command {
    #[cfg(feature = "embed")]
    Build(build::Arguments),
    #[cfg(feature = "embed")]
    Add(add::Arguments),
    #[cfg(feature = "embed")]
    Remove(remove::Arguments),
    #[cfg(feature = "embed")]
    Compact(compact::Arguments),
    #[cfg(feature = "embed")]
    Upgrade(upgrade::Arguments),
    Serve(serve::Arguments),
    #[cfg(feature = "embed")]
    Search(search::Arguments),
    #[cfg(feature = "embed")]
    Embed(embed::Arguments),
    Inspect(inspect::Arguments),
    Eval(eval::Arguments),
    Verify(verify::Arguments),
    Repartition(repartition::Arguments),
}

/// Runs the command line and gives the exit status.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output {
        json: arguments.json,
        quiet: arguments.quiet,
    };
    let result = match arguments.command {
        #[cfg(feature = "embed")]
        Command::Build(arguments) => build::run(arguments, &output),
        #[cfg(feature = "embed")]
        Command::Add(arguments) => add::run(arguments, &output),
        #[cfg(feature = "embed")]
        Command::Remove(arguments) => remove::run(arguments, &output),
        #[cfg(feature = "embed")]
        Command::Compact(arguments) => compact::run(arguments, &output),
        #[cfg(feature = "embed")]
        Command::Upgrade(arguments) => upgrade::run(arguments, &output),
        Command::Serve(arguments) => serve::run(arguments, &output),
        #[cfg(feature = "embed")]
        Command::Search(arguments) => search::run(arguments, &output),
        #[cfg(feature = "embed")]
        Command::Embed(arguments) => embed::run(arguments, &output),
        Command::Inspect(arguments) => inspect::run(arguments, &output),
        Command::Eval(arguments) => eval::run(arguments, &output),
        Command::Verify(arguments) => verify::run(arguments, &output),
        Command::Repartition(arguments) => repartition::run(arguments, &output),
    };
    match result {
        Ok(status) => status,
        Err(error) => output.failed(&error),
    }
}
