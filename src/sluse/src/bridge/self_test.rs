//! Does the scanner still find what it must? Nothing is leased while it does not.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::bridge::Bridge;

/// Time between two tests while the scanner is not fit.
const RETRY: Duration = Duration::from_secs(1);
/// Time between two lines in the log about a scanner that stays unfit.
const REMIND: Duration = Duration::from_secs(60);

impl Bridge {
    /// Tests the scanner with EICAR and with a harmless file, again and again until `shutdown`.
    pub(super) async fn test_scanner(self: Arc<Self>, shutdown: CancellationToken) {
        let Some(clamd) = &self.clamd else {
            tracing::warn!(
                "NO VIRUS SCANNER: only YARA looks at files; never run like this with citizens' data"
            );
            return;
        };
        let _ends_all = shutdown.clone().drop_guard();
        let mut suspicion = self.scanner_fit.subscribe();
        let mut last_told: Option<Instant> = None;
        while let Some(tested) = shutdown.run_until_cancelled(clamd.self_test()).await {
            let fit = match tested {
                Ok(()) => {
                    last_told = None;
                    true
                }
                Err(cause) => {
                    if last_told.is_none_or(|told| told.elapsed() > REMIND) {
                        tracing::error!(%cause, "the virus scanner failed its self-test; submissions wait");
                        last_told = Some(Instant::now());
                    }
                    false
                }
            };
            if self.scanner_fit.send_replace(fit) != fit && fit {
                tracing::info!("the virus scanner passed its self-test");
            }
            if fit && !*suspicion.borrow_and_update() {
                continue;
            }
            let pause = if fit { self.settings.self_test_every } else { RETRY };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
                _ = suspicion.changed() => {}
            }
        }
    }

    /// A scan found the scanner down: lease nothing more until it passes its self-test.
    pub(super) fn scanner_is_down(&self) {
        self.scanner_fit.send_if_modified(std::mem::take);
    }
}
