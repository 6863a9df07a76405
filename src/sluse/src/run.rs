//! Starting a role, telling it to stop, and letting it finish what it has in hand.

use std::path::Path;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::bridge::Bridge;
use crate::config::{self, ConfigError};
use crate::console::Console;
use crate::intake::Intake;
use crate::outlet::Outlet;
use crate::stores::StartError;

/// A role of the architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// Takes submissions in the DMZ.
    Intake,
    /// Examines and relays between the zones.
    Bridge,
    /// Delivers in the secure zone.
    Outlet,
    /// Keeps quarantine reports in the secure zone.
    Console,
}

/// Why a role does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Something that it names cannot be used.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The address is taken or not this machine's.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why not.
        cause: std::io::Error,
    },
    /// A task of the role panicked; whoever starts roles should start it again.
    #[error("a part of the role broke, as is told above: the role ends, to be started again")]
    Broke,
    /// The system gives no signals.
    #[error("cannot wait for signals: {0}")]
    Signals(std::io::Error),
}

/// Runs a role until SIGTERM or SIGINT, then drains it.
///
/// # Errors
/// When it cannot start, or ends without being told.
pub async fn role(role: Role, path: &Path) -> Result<(), RunError> {
    let told = CancellationToken::new();
    stop_on_signals(told.clone())?;
    let shutdown = told.child_token();
    match role {
        Role::Intake => {
            let settings = config::intake::Settings::load(path)?;
            let address = settings.listen;
            let Some(intake) = told.run_until_cancelled(Intake::open(settings)).await else { return Ok(()) };
            // Not before it can answer: whoever spreads requests over intakes asks another meanwhile.
            intake?.run(listen(address).await?, shutdown).await?;
        }
        Role::Bridge => Bridge::open(config::bridge::Settings::load(path)?)?.run(shutdown).await,
        Role::Outlet => {
            let settings = config::outlet::Settings::load(path)?;
            let Some(outlet) = told.run_until_cancelled(Outlet::open(settings)).await else { return Ok(()) };
            outlet?.run(shutdown).await;
        }
        Role::Console => {
            let settings = config::console::Settings::load(path)?;
            let Some(console) = told.run_until_cancelled(Console::open(settings)).await else {
                return Ok(());
            };
            console?.run(shutdown).await;
        }
    }
    if !told.is_cancelled() {
        return Err(RunError::Broke);
    }
    tracing::info!("stopped");
    Ok(())
}

/// Binds a listening socket.
///
/// # Errors
/// [`RunError::Listen`].
pub async fn listen(address: std::net::SocketAddr) -> Result<TcpListener, RunError> {
    TcpListener::bind(address).await.map_err(|cause| RunError::Listen { address, cause })
}

/// Cancels the token on the first SIGTERM or SIGINT.
///
/// # Errors
/// [`RunError::Signals`].
pub fn stop_on_signals(shutdown: CancellationToken) -> Result<(), RunError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Signals)?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: finishing what is under way");
        shutdown.cancel();
    });
    Ok(())
}

/// Logs as JSON lines to standard error; `RUST_LOG` sets the level.
pub fn log_as_json() {
    use tracing_subscriber::EnvFilter;
    // lapin logs what it also returns as an error, and a returned message with its whole body; sqlx warns of each wait for a
    // server that is away.
    let quiet = "info,lapin=off,sqlx=error";
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(quiet));
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
}
