//! `nearsight serve`: a folder on http, for looking at it and for taking events.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use serde::Serialize;

use super::output::{Output, size};
use crate::build::{BuildError, open_index, read_missing};
use crate::server::{ServeOptions, bind, ended_by_signal};

/// Serve an index and its page, and take the events that visitors agreed to share
///
/// Any web server can serve the folder; this one also keeps events, which repartition learns from.
/// Reachable from this machine only, unless --host says otherwise.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  nearsight serve site
  nearsight serve site --port 9000 --host 0.0.0.0 --allow-host pictures.example

Ctrl-C ends it after the requests under way.")]
pub struct Arguments {
    /// Folder that nearsight build wrote
    index: PathBuf,
    /// Port; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Address to listen on; 0.0.0.0 opens the pictures to the whole network
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Name under which a proxy passes requests on; may be given several times
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// Origin (https://shop.example) whose pages may send events; may be given several times
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    /// Take no events
    #[arg(long)]
    no_events: bool,
}

/// From a disk that is cold so much takes a second or more, and nothing else tells meanwhile that all is well.
const SLOW_TO_VERIFY: u64 = 20_000_000;

#[derive(Serialize)]
struct Listening {
    url: String,
    epoch: u64,
    pictures: u64,
    events: bool,
}

pub fn run(arguments: Arguments, output: &Output) -> anyhow::Result<ExitCode> {
    // Verified before anybody is told an address: a damaged index would only fail in browsers.
    let mut index = open_index(&arguments.index)?;
    let bytes = index.missing().iter().map(|file| file.bytes).sum();
    if bytes >= SLOW_TO_VERIFY {
        let folder = arguments.index.display();
        output.note(&format!("verifying {} in {folder}", size(bytes)));
    }
    read_missing(&arguments.index, &mut index)?;
    let options = ServeOptions {
        host: arguments.host,
        port: arguments.port,
        allowed_hosts: arguments.allow_host,
        allowed_origins: arguments.allow_origin,
        events: !arguments.no_events,
        ..ServeOptions::new(&arguments.index)
    };
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|source| BuildError::io("start threads for", &arguments.index, source))?;
    runtime.block_on(async {
        let events = options.events;
        let server = bind(options).await?;
        let listening = Listening {
            url: format!("http://{}/", server.address()),
            epoch: index.epoch(),
            pictures: index.manifest().counts.pictures,
            events,
        };
        drop(index);
        output.result(&listening, || {
            words(&listening, arguments.index.join("index.html").is_file())
        });
        server
            .run(ended_by_signal())
            .await
            .context("while serving")?;
        anyhow::Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

fn words(listening: &Listening, page: bool) -> String {
    format!(
        "{}  {} pictures, epoch {}{}; Ctrl-C ends it",
        listening.url,
        listening.pictures,
        listening.epoch,
        if page {
            ""
        } else {
            ", index only: there is no page in the folder"
        }
    )
}
