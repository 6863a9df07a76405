//! Does the scanner still find what it must? Nothing is leased while it does not.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::bridge::Bridge;

/// Time between two tests while the scanner is not fit.
const RETRY: Duration = Duration::from_secs(1);

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
        loop {
            let fit = match clamd.self_test().await {
                Ok(()) => true,
                Err(cause) => {
                    tracing::error!(%cause, "the virus scanner failed its self-test; submissions wait");
                    false
                }
            };
            if self.scanner_fit.send_replace(fit) != fit && fit {
                tracing::info!("the virus scanner passed its self-test");
            }
            let mut suspicion = self.scanner_fit.subscribe();
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
