//! What a confined worker costs: `cargo run --release -p sluse --example worker_cost [RULES.yar]`
//!
//! Each round starts a worker, gives it one small file, reads the result, and waits until the process is reaped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sluse::sandbox::{
    Sandbox, SandboxConfig, SandboxLimits, SealedMemory, Task, TaskFile, WORKER_ARGUMENT, child,
};
use sluse_sanitize::report::sha256_hex;

const ROUNDS: u32 = 300;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let argument = std::env::args().nth(1);
    if argument.as_deref() == Some(WORKER_ARGUMENT) {
        child::main();
    }
    let rules: Arc<str> = argument.map(std::fs::read_to_string).transpose()?.unwrap_or_default().into();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        for (name, pause) in [("back to back", Duration::ZERO), ("20 ms apart", Duration::from_millis(20))] {
            let sandbox = Sandbox::new(SandboxConfig::new(SandboxLimits::default(), rules.clone()))?;
            round(&sandbox).await?;
            let used = cpu_time();
            let mut times = Vec::new();
            let begin = Instant::now();
            for _ in 0..ROUNDS {
                tokio::time::sleep(pause).await;
                let start = Instant::now();
                round(&sandbox).await?;
                times.push(start.elapsed());
            }
            let rate = f64::from(ROUNDS) / begin.elapsed().as_secs_f64();
            times.sort_unstable();
            let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default();
            let cpu = (cpu_time() - used) / ROUNDS;
            println!(
                "{name:14} median {:?}  p99 {:?}  {rate:.0} per second  CPU {cpu:?} each",
                at(50),
                at(99)
            );
        }
        Ok(())
    })
}

/// CPU time of this process and of the workers that it has reaped, in ticks of 10 ms (proc_pid_stat(5), fields 14 to 17).
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u32 = fields.skip(11).take(4).filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
    ticks * Duration::from_millis(10)
}

async fn round(sandbox: &Sandbox) -> Result<(), Box<dyn std::error::Error>> {
    let content = b"\x01\x02 nothing that is known";
    let file = TaskFile {
        content: Arc::new(SealedMemory::copy_of(content)?),
        sha256: sha256_hex(content),
        name: "small.bin".to_owned(),
        media_type: String::new(),
    };
    let mut worker = sandbox.start(Task { files: vec![file], ..Task::default() }).await?;
    while worker.next().await?.is_some() {}
    Ok(())
}
