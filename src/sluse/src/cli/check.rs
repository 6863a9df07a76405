//! `sluse check`: would this role start, and could it do its work?

use std::path::Path;

use crate::blobs::Access::{self, Delete, List, Read, Write};
use crate::blobs::BlobAddress;
use crate::cli::{CommandError, Done};
use crate::config::AnySettings;
use crate::sandbox::{Sandbox, Task};
use crate::stores;

pub(crate) async fn run(path: &Path) -> Result<Done, CommandError> {
    let settings = AnySettings::load(path)?;
    println!("ok  configuration, keys and rules of {}", path.display());
    for (address, names) in settings.queues() {
        let queues = stores::queues(&address)?;
        for name in names {
            let depth = stores::queue(&queues, &name, stores::NONE_AT_ONCE).depth().await;
            let depth = depth.map_err(|cause| format!("queue {name}: {cause}"))?;
            println!(
                "ok  queue {name}: {} waiting, {} set aside",
                depth.ready + depth.delayed + depth.leased.unwrap_or(0),
                depth.dead
            );
        }
    }
    match &settings {
        AnySettings::Intake(settings) => {
            check_blobs("blobs", &settings.blobs, settings.min_free_bytes, &[Write, Delete]).await?;
            stores::intake_ledger(&settings.ledger).await?;
            if let Some((certificate, key)) = &settings.tls {
                crate::http::tls_acceptor(certificate, key)?;
            }
        }
        AnySettings::Bridge(settings) => check_bridge(settings).await?,
        AnySettings::Outlet(settings) => {
            check_blobs("blobs", &settings.blobs, 0, &[Read, Delete, List]).await?;
            stores::outlet_ledger(&settings.ledger).await?;
            for destination in &settings.destinations {
                stores::folder(&destination.folder)?;
                println!("ok  destination {}", destination.name);
            }
        }
        AnySettings::Console(settings) => {
            stores::report_ledger(&settings.ledger).await?;
        }
    }
    println!("fit");
    Ok(Done::Fully)
}

/// Tries everything that the role does with a store.
async fn check_blobs(
    key: &str,
    address: &BlobAddress,
    min_free_bytes: u64,
    needed: &[Access],
) -> Result<(), CommandError> {
    let blobs = stores::blobs(address, min_free_bytes)?;
    for access in needed {
        blobs.probe(*access).await.map_err(|cause| format!("{key}: {cause}"))?;
    }
    let words = needed.iter().map(|access| format!("{access:?}").to_lowercase());
    println!("ok  {key}: {}", words.collect::<Vec<_>>().join(", "));
    Ok(())
}

async fn check_bridge(settings: &crate::config::bridge::Settings) -> Result<(), CommandError> {
    check_blobs("dmz_blobs", &settings.dmz_blobs, 0, &[Read, Delete, List]).await?;
    check_blobs("secure_blobs", &settings.secure_blobs, 0, &[Write]).await?;
    check_blobs("quarantine_blobs", &settings.quarantine_blobs, 0, &[Write]).await?;
    let sandbox = Sandbox::new(settings.sandbox())?;
    while sandbox.start(Task::default()).await?.next().await?.is_some() {}
    println!("ok  sandboxed workers start; YARA rules and schemas compile");
    if let Some(clamd) = settings.scanner() {
        clamd.self_test().await.map_err(|cause| format!("clamd: {cause}"))?;
        println!("ok  clamd finds EICAR: {}", clamd.engine().await?);
        clamd.size_test().await.map_err(|cause| format!("clamd_max_stream_bytes: {cause}"))?;
        println!("ok  clamd takes {} bytes", settings.clamd_max_stream_bytes);
    }
    Ok(())
}
