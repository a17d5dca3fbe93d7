//! The client that tuf-conformance drives (`theupdateframework/tuf-conformance:CLIENT-CLI.md`):
//!
//! ```text
//! tuf-client --metadata-dir DIR init ROOT
//! tuf-client --metadata-dir DIR --metadata-url URL refresh
//! tuf-client --metadata-dir DIR --metadata-url URL --target-name NAME… --target-base-url URL --target-dir DIR download
//! ```

use std::collections::VecDeque;
use std::error::Error;
use std::path::PathBuf;

use jiff::Timestamp;
use net::{Client, Config};
use trustroot::{HttpTransport, Mirror, Repository, RepositoryFolder};

#[derive(Default)]
struct Arguments {
    metadata_dir: Option<PathBuf>,
    metadata_url: Option<String>,
    target_names: Vec<String>,
    target_dir: Option<PathBuf>,
    target_base_url: Option<String>,
    words: VecDeque<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    #[expect(clippy::disallowed_methods, reason = "this is the program's edge")]
    let (arguments, now) = (parse(std::env::args().skip(1))?, Timestamp::now());
    let Arguments {
        metadata_dir,
        target_dir,
        mut words,
        ..
    } = arguments;
    let metadata_dir = metadata_dir.ok_or("no --metadata-dir")?;
    let command = words.pop_front().unwrap_or_default();
    if command == "init" {
        let root = words.pop_front().ok_or("no root to trust")?;
        std::fs::copy(root, metadata_dir.join("root.json"))?;
        return Ok(());
    }
    let client = Client::new(Config::new("tuf-client"))?;
    let mirror = Mirror::parse(&arguments.metadata_url.ok_or("no --metadata-url")?)?;
    let mut transport = HttpTransport::new(client, &mirror);
    if let Some(url) = arguments.target_base_url {
        transport = transport.with_targets(net::parse_url(&url)?);
    }
    let targets = target_dir.unwrap_or_else(|| metadata_dir.join("targets"));
    let folder = RepositoryFolder::new(metadata_dir, targets);
    let repository = Repository::open(&folder, None)?;
    let mut trusted = repository.refresh(&transport, now).await?;
    match command.as_str() {
        "refresh" => Ok(()),
        "download" => {
            for name in arguments.target_names {
                let content = trusted.target(&name).await?;
                content.ok_or_else(|| format!("no role lists {name}"))?;
            }
            Ok(())
        }
        other => Err(format!("unknown command {other:?}").into()),
    }
}

fn parse(words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments::default();
    let mut words = words;
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("no value for {word}"));
        match word.as_str() {
            "--metadata-dir" => arguments.metadata_dir = Some(value()?.into()),
            "--metadata-url" => arguments.metadata_url = Some(value()?),
            "--target-name" => arguments.target_names.push(value()?),
            "--target-dir" => arguments.target_dir = Some(value()?.into()),
            "--target-base-url" => arguments.target_base_url = Some(value()?),
            flag if flag.starts_with("--") => return Err(format!("unknown flag {flag}")),
            _ => arguments.words.push_back(word),
        }
    }
    Ok(arguments)
}
