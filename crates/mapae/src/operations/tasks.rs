//! Workers that run beside the requests, and the signal that tells all of them to stop.

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

/// Told to stop or not; every worker holds one.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Waits until the server stops.
    pub async fn stopped(&mut self) {
        // A dropped sender means the same: nobody is there to work for.
        let _ = self.0.wait_for(|stop| *stop).await;
    }

    /// Sleeps for `time`; `false` when the server stops meanwhile.
    pub async fn sleep(&mut self, time: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(time) => true,
            () = self.stopped() => false,
        }
    }
}

/// The workers of this process.
#[derive(Debug)]
pub struct Tasks {
    stop: watch::Sender<bool>,
    running: JoinSet<()>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self { stop: watch::channel(false).0, running: JoinSet::new() }
    }
}

impl Tasks {
    /// The signal, for something that is not a worker of its own.
    pub fn stop_signal(&self) -> Stop {
        Stop(self.stop.subscribe())
    }

    /// Starts a worker; it must end soon after its [`Stop`] says so.
    pub fn spawn<F>(&mut self, worker: impl FnOnce(Stop) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = self.stop_signal();
        self.running.spawn(worker(stop));
    }

    /// Tells every worker to stop and waits for them at most `limit`.
    pub async fn stop(mut self, limit: Duration) {
        self.stop.send_replace(true);
        let all = async { while self.running.join_next().await.is_some() {} };
        if tokio::time::timeout(limit, all).await.is_err() {
            tracing::warn!("some workers did not stop in time");
        }
    }
}
