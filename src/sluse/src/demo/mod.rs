//! All four roles on this machine, samples through them, a table of what became of each, and a page to try more.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sluse_envelope::SubmissionId;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bridge::Bridge;
use crate::config;
use crate::console::{Console, open_report};
use crate::intake::Intake;
use crate::outlet::Outlet;
use crate::portal::Portal;
use crate::run::{self, RunError};
use crate::scan::ClamdAddress;
use crate::setup::{self, Zone};
use crate::stores;

mod page;
mod samples;

/// Options of the demo.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Submit the samples, print the table and stop.
    #[arg(long)]
    once: bool,
    /// Folder for the three zones; made on first start.
    #[arg(long, default_value = "demo-data")]
    dir: PathBuf,
    /// Address of the portal page.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: std::net::SocketAddr,
    /// Where clamd is; the usual places are tried.
    #[arg(long)]
    clamd: Option<String>,
}

type DemoError = Box<dyn std::error::Error>;

/// Longest wait for one sample's outcome.
const PATIENCE: Duration = Duration::from_secs(120);
/// Time between two looks for a delivered folder or a report.
const POLL: Duration = Duration::from_millis(20);

/// Runs the demo.
///
/// # Errors
/// When a role cannot start, or a sample did not end as it must.
pub async fn run(arguments: Arguments) -> Result<(), DemoError> {
    let zones = Zones::make(&arguments.dir)?;
    let clamd = find_clamd(arguments.clamd.as_deref()).await?;
    let shutdown = CancellationToken::new();
    run::stop_on_signals(shutdown.clone())?;

    let roles = Roles::start(&zones, clamd, &shutdown).await?;
    let portal = Portal::new(&format!("http://{}", roles.intake), roles.token.trim())?;
    let mut shown = show_samples(&zones, &portal).await;
    if shown.is_ok() && !arguments.once {
        shown = serve_page(&arguments, &zones, portal, &shutdown).await.map_err(DemoError::from);
    }
    shutdown.cancel();
    roles.tasks.wait().await;
    shown
}

/// The folders of the three zones.
struct Zones {
    dmz: PathBuf,
    bridge: PathBuf,
    secure: PathBuf,
    samples: PathBuf,
}

impl Zones {
    /// Makes what is missing and lets each zone import what the others made.
    fn make(dir: &Path) -> Result<Self, DemoError> {
        let [dmz, bridge, secure, samples] =
            ["dmz", "bridge", "secure", "samples"].map(|name| dir.join(name));
        let public = |zone: &PathBuf| zone.join("public");
        setup::zone(Zone::Dmz, &dmz, &[])?;
        setup::zone(Zone::Secure, &secure, &[])?;
        setup::zone(Zone::Bridge, &bridge, &[public(&dmz), public(&secure)])?;
        setup::zone(Zone::Dmz, &dmz, &[public(&bridge)])?;
        setup::zone(Zone::Secure, &secure, &[public(&bridge)])?;
        stores::folder(&samples)?;
        Ok(Self { dmz, bridge, secure, samples })
    }
}

/// clamd where it is asked for, or where Debian and ClamAV put it.
async fn find_clamd(asked: Option<&str>) -> Result<Option<ClamdAddress>, DemoError> {
    if let Some(address) = asked {
        return Ok(Some(address.parse()?));
    }
    for usual in ["unix:/run/clamav/clamd.ctl", "unix:/var/run/clamav/clamd.ctl", "unix:/tmp/clamd.socket"] {
        let path = usual.trim_start_matches("unix:");
        if tokio::net::UnixStream::connect(path).await.is_ok() {
            println!("clamd found at {path}");
            return Ok(Some(usual.parse()?));
        }
    }
    println!(
        "\n  WARNING: no clamd was found, so ONLY YARA LOOKS FOR MALWARE in this demo.\n  \
         Install it with `apt install clamav-daemon`, or name it with --clamd. A production bridge does not start without.\n"
    );
    Ok(None)
}

/// The four roles, running.
struct Roles {
    intake: std::net::SocketAddr,
    token: String,
    tasks: TaskTracker,
}

impl Roles {
    async fn start(
        zones: &Zones,
        clamd: Option<ClamdAddress>,
        shutdown: &CancellationToken,
    ) -> Result<Self, DemoError> {
        let intake = Intake::open(config::intake::Settings::load(&zones.dmz.join("intake.toml"))?).await?;
        let mut settings = config::bridge::Settings::load(&zones.bridge.join("bridge.toml"))?;
        settings.clamd = clamd;
        let bridge = Bridge::open(settings)?;
        let outlet = Outlet::open(config::outlet::Settings::load(&zones.secure.join("outlet.toml"))?).await?;
        let console =
            Console::open(config::console::Settings::load(&zones.secure.join("console.toml"))?).await?;

        let listener = run::listen(std::net::SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let address = listener.local_addr()?;
        let tasks = TaskTracker::new();
        let stop = shutdown.clone();
        tasks.spawn(async move {
            if let Err(cause) = intake.run(listener, stop).await {
                eprintln!("intake: {cause}");
            }
        });
        tasks.spawn(bridge.run(shutdown.clone()));
        tasks.spawn(outlet.run(shutdown.clone()));
        tasks.spawn(console.run(shutdown.clone()));
        tasks.close();
        let token = std::fs::read_to_string(zones.dmz.join("portal.token"))?;
        Ok(Self { intake: address, token, tasks })
    }
}

/// Sends every sample, waits for its outcome and prints the table.
async fn show_samples(zones: &Zones, portal: &Portal) -> Result<(), DemoError> {
    let mut table = comfy_table::Table::new();
    table
        .load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(comfy_table::ContentArrangement::Dynamic)
        .set_header(["sample", "outcome", "what was done"]);
    let mut unexpected = Vec::new();
    for sample in samples::all()? {
        let path = sample.write(&zones.samples)?;
        let answer = portal.submit(&sample.submission, &[path], None, |_| {}).await?;
        let id: SubmissionId = answer.get("id").and_then(Value::as_str).unwrap_or_default().parse()?;
        let status = tokio::time::timeout(PATIENCE, portal.wait(&id.to_string())).await??;
        let state = status.get("status").and_then(Value::as_str).unwrap_or_default().to_owned();
        let done = tokio::time::timeout(PATIENCE, evidence(zones, id)).await??;
        if state != sample.expected {
            unexpected.push(format!("{}: {state}, not {}", sample.title, sample.expected));
        }
        table.add_row([sample.title.to_owned(), state.replace('_', " "), done]);
    }
    println!("{table}");
    println!("delivered:   {}", zones.secure.join("delivered").display());
    println!("quarantine:  sluse quarantine ls --config {}", zones.secure.join("console.toml").display());
    if unexpected.is_empty() { Ok(()) } else { Err(unexpected.join("; ").into()) }
}

/// What the secure zone has of a submission: a delivered manifest or a report.
async fn evidence(zones: &Zones, id: SubmissionId) -> Result<String, DemoError> {
    let console = config::console::Settings::load(&zones.secure.join("console.toml"))?;
    let reports = stores::report_ledger(&console.ledger).await?;
    loop {
        for destination in ["building-cases", "parking"] {
            let folder = zones.secure.join("delivered").join(destination).join(id.to_string());
            if let Ok(manifest) = std::fs::read(folder.join("manifest.json")) {
                return Ok(describe_delivery(&serde_json::from_slice(&manifest)?));
            }
        }
        if let Some((_, sealed)) = reports.find(id).await? {
            let report = open_report(&console, &sealed)?;
            let reasons: Vec<String> =
                report.attachments.iter().map(|attachment| attachment.report.reason.clone()).collect();
            return Ok(reasons.join("; "));
        }
        tokio::time::sleep(POLL).await;
    }
}

fn describe_delivery(manifest: &Value) -> String {
    let list =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let word =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut lines = Vec::new();
    for attachment in list(manifest, "attachments") {
        let name = attachment.get("file").map(|file| word(file, "name")).unwrap_or_default();
        let mut removed: Vec<String> = list(&attachment, "removed")
            .iter()
            .map(|removed| word(removed, "what").replace('_', " "))
            .collect();
        removed.dedup();
        let removed = if removed.is_empty() {
            "nothing removed".to_owned()
        } else {
            format!("without {}", removed.join(", "))
        };
        lines.push(format!("{name}: rebuilt, {removed}"));
    }
    lines.join("\n")
}

/// Serves the portal page until a signal.
async fn serve_page(
    arguments: &Arguments,
    zones: &Zones,
    portal: Portal,
    shutdown: &CancellationToken,
) -> Result<(), RunError> {
    let listener = run::listen(arguments.listen).await?;
    println!("\nportal page: http://{} (stop with Ctrl-C)", arguments.listen);
    println!("log of decisions: {}", zones.bridge.join("audit").display());
    crate::http::serve(listener, None, page::router(Arc::new(portal)), shutdown.clone()).await;
    Ok(())
}
