//! Waking whoever waits for a commit, in this process and in every other one on the same PostgreSQL.
//!
//! ```text
//! Tx::tell("topic") ─ commit ─┬─▶ watchers of this process
//!                             └─▶ NOTIFY mapae, 'topic' ─▶ each process's listener ─▶ its watchers
//! ```
//!
//! A signal carries a name and nothing else: who is woken reads the table. So one that is lost costs a poll's length and
//! nothing more, and every watcher polls, too. PostgreSQL lets commits that notify go one after the other; only what has
//! to be seen within a second elsewhere is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::postgres::{PgListener, PgPool};
use tokio::sync::Notify;

use crate::operations::limits;
use crate::operations::tasks::Stop;

/// The channel of PostgreSQL's NOTIFY.
const CHANNEL: &str = "mapae";

/// Who waits in this process, by topic.
#[derive(Debug, Default)]
pub(super) struct Signals {
    watched: Mutex<HashMap<String, Arc<Notify>>>,
}

/// Waits for one topic, as long as it lives. One watcher for each topic and process.
#[derive(Debug)]
pub struct Watch {
    topic: String,
    notify: Arc<Notify>,
    signals: Arc<Signals>,
}

impl Watch {
    /// Returns when the topic was told since the last call, at once if it was told meanwhile.
    pub async fn told(&self) {
        self.notify.notified().await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watched = self.signals.watched();
        if watched.get(&self.topic).is_some_and(|notify| Arc::ptr_eq(notify, &self.notify)) {
            watched.remove(&self.topic);
        }
    }
}

impl Signals {
    fn watched(&self) -> MutexGuard<'_, HashMap<String, Arc<Notify>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn watch(self: &Arc<Self>, topic: String) -> Watch {
        let notify = Arc::<Notify>::default();
        self.watched().insert(topic.clone(), Arc::clone(&notify));
        Watch { topic, notify, signals: Arc::clone(self) }
    }

    /// Wakes who watches this topic; one who is not waiting this moment finds it told.
    pub(super) fn wake(&self, topic: &str) {
        if let Some(notify) = self.watched().get(topic) {
            notify.notify_one();
        }
    }

    fn wake_all(&self) {
        self.watched().values().for_each(|notify| notify.notify_one());
    }
}

/// Hears what other processes commit until the server stops. After a broken connection everybody is woken: what was
/// told meanwhile is not known.
pub(super) async fn listen(pool: PgPool, signals: Arc<Signals>, mut stop: Stop) {
    loop {
        let heard = async {
            let mut listener = PgListener::connect_with(&pool).await?;
            listener.listen(CHANNEL).await?;
            signals.wake_all();
            while let Some(told) = listener.try_recv().await? {
                signals.wake(told.payload());
            }
            Ok::<(), sqlx::Error>(())
        };
        tokio::select! {
            heard = heard => match heard {
                Ok(()) => tracing::warn!("the connection that listens was lost; polling goes on"),
                Err(error) => tracing::warn!(%error, "nothing is heard from other processes; polling goes on"),
            },
            () = stop.stopped() => return,
        }
        if !stop.sleep(limits::STORE_LISTEN_AGAIN.duration()).await {
            return;
        }
    }
}
