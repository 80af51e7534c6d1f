//! Rows that are carried to a relying party's address until they are taken.
//!
//! The row is written by the transaction that caused it, into a table of the room's own with the columns `id`,
//! `relying_party`, `attempts`, `claim`, `next_at` and `ends_at`. A worker looks without a transaction, claims a row with a
//! lease by one conditional UPDATE (of any number of workers one gets it), carries it in a task of its own, and puts it back
//! with a growing pause if it was not taken. A worker that dies leaves a lease that runs out. Of one party only a few rows
//! are under way at once, so an address that hangs keeps nobody else waiting.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::store::{StoreError, Tx, params};
use super::{Platform, limits};

/// A table of such rows, and how patient its room is.
#[derive(Debug)]
pub(crate) struct Route {
    /// Its name, for logs.
    pub(crate) table: &'static str,
    /// Its name in traces.
    pub(crate) job: &'static str,
    #[doc(hidden)]
    pub(crate) look: &'static str,
    #[doc(hidden)]
    pub(crate) claim: &'static str,
    #[doc(hidden)]
    pub(crate) put_back: &'static str,
    /// How long one worker holds a row (ms); longer than the call.
    pub(crate) lease_ms: i64,
    /// The longest pause between two tries (ms); the first is a second, then twice as long each time.
    pub(crate) longest_pause_ms: i64,
    /// How often due rows are looked for when nobody wakes the worker.
    pub(crate) poll: std::time::Duration,
}

/// A route over the table of this name.
macro_rules! route {
    ($table:literal, lease: $lease:expr, pause: $pause:expr, poll: $poll:expr) => {
        $crate::operations::courier::Route {
            table: $table,
            job: concat!("carry ", $table),
            look: concat!(
                "SELECT id, relying_party FROM (SELECT id, relying_party, next_at, \
                 ROW_NUMBER() OVER (PARTITION BY relying_party ORDER BY next_at, id) AS place FROM ",
                $table,
                " WHERE next_at <= $1 AND ends_at > $1) AS due WHERE place <= $2 ORDER BY next_at, id LIMIT $3"
            ),
            claim: concat!(
                "UPDATE ",
                $table,
                " SET claim = $1, next_at = $2, attempts = attempts + 1 \
                 WHERE id = $3 AND next_at <= $4 AND ends_at > $4 RETURNING attempts"
            ),
            put_back: concat!("UPDATE ", $table, " SET claim = NULL, next_at = $1 WHERE id = $2 AND claim = $3"),
            lease_ms: $lease.get(),
            longest_pause_ms: $pause.get(),
            poll: $poll.duration(),
        }
    };
}
pub(crate) use route;

/// A row in the hands of one worker until its lease ends.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) id: String,
    pub(crate) party: String,
    /// This one counted.
    pub(crate) attempts: i64,
    claim: String,
}

impl Route {
    /// Twice as long after each try: 1 s, 2 s, 4 s … up to the longest.
    pub(crate) fn pause_ms(&self, attempts: i64) -> i64 {
        let doublings = u32::try_from(attempts.clamp(1, 20) - 1).unwrap_or_default();
        1_000_i64.saturating_mul(1 << doublings).min(self.longest_pause_ms)
    }

    /// Puts a row back that was not taken, unless another worker holds it by now.
    pub(crate) async fn put_back(&self, tx: &mut Tx, held: &Held, now_ms: i64) -> Result<(), StoreError> {
        let next_at = now_ms.saturating_add(self.pause_ms(held.attempts));
        tx.execute(self.put_back, params![next_at, held.id.as_str(), held.claim.as_str()]).await?;
        Ok(())
    }

    /// Claims what is due and carries it once; returns how many rows were tried.
    #[cfg(test)]
    pub(crate) async fn round<F, C>(
        &'static self,
        platform: &Arc<Platform>,
        carry: C,
    ) -> Result<usize, StoreError>
    where
        C: Fn(Arc<Platform>, Held) -> F,
        F: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        let mut courier = Courier::new(self);
        let tried = courier.take_up(platform, &carry).await?;
        courier.finish().await;
        Ok(tried)
    }

    /// Carries rows until the server stops, woken by `wake`, by a unit that tells the table's name ([`Tx::tell`]), and by the
    /// clock; any number of workers may, in one process or many.
    pub(crate) async fn run<F, C>(
        &'static self,
        platform: Arc<Platform>,
        mut stop: super::tasks::Stop,
        wake: Arc<tokio::sync::Notify>,
        carry: C,
    ) where
        C: Fn(Arc<Platform>, Held) -> F + Send,
        F: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        let mut courier = Courier::new(self);
        let told = platform.store.watch(self.table);
        loop {
            match courier.take_up(&platform, &carry).await {
                Ok(0) => {}
                Ok(_) => continue,
                Err(error) => {
                    tracing::error!(table = self.table, %error, "what is to be carried could not be read")
                }
            }
            tokio::select! {
                () = stop.stopped() => break,
                () = wake.notified() => {}
                () = told.told() => {}
                () = courier.one_done() => {}
                () = tokio::time::sleep(self.poll) => {}
            }
        }
        courier.finish().await;
    }
}

/// One worker's rows under way.
struct Courier {
    route: &'static Route,
    under_way: JoinSet<String>,
    /// Rows under way by party.
    parties: HashMap<String, i64>,
}

impl Courier {
    fn new(route: &'static Route) -> Self {
        Self { route, under_way: JoinSet::new(), parties: HashMap::new() }
    }

    /// Claims what is due for parties that are not busy, and sets out with it; returns how many rows that were.
    async fn take_up<F, C>(&mut self, platform: &Arc<Platform>, carry: &C) -> Result<usize, StoreError>
    where
        C: Fn(Arc<Platform>, Held) -> F,
        F: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        while let Some(done) = self.under_way.try_join_next() {
            self.note_done(done);
        }
        let route = self.route;
        let free = limits::COURIER_GROUP
            .get()
            .saturating_sub(i64::try_from(self.under_way.len()).unwrap_or(i64::MAX));
        let of_one = limits::COURIER_OF_ONE.get();
        if free <= 0 {
            return Ok(0);
        }
        let now_ms = platform.now_ms();
        // Rows of busy parties may stand first in line: as many more are looked at.
        let busy = i64::try_from(self.parties.len()).unwrap_or(i64::MAX).saturating_mul(of_one);
        // A look without a transaction: an idle worker must not write.
        let rows =
            platform.store.fetch_all(route.look, params![now_ms, of_one, free.saturating_add(busy)]).await?;
        let mut due = Vec::new();
        let mut counts = self.parties.clone();
        for row in &rows {
            let party = row.text("relying_party")?;
            let count = counts.entry(party.clone()).or_default();
            if *count < of_one && i64::try_from(due.len()).is_ok_and(|taken| taken < free) {
                *count += 1;
                due.push((row.text("id")?, party));
            }
        }
        if due.is_empty() {
            return Ok(0);
        }
        let unit = platform.store.write(move |tx| {
            Box::pin(async move {
                let mut mine = Vec::with_capacity(due.len());
                for (id, party) in due {
                    let claim = keys::random::token();
                    let until_ms = now_ms.saturating_add(route.lease_ms);
                    let row = tx
                        .fetch_optional(route.claim, params![claim.as_str(), until_ms, id.as_str(), now_ms])
                        .await?;
                    if let Some(row) = row {
                        mine.push(Held { id, party, attempts: row.int("attempts")?, claim });
                    }
                }
                Ok::<_, StoreError>(mine)
            })
        });
        let mine = unit.await?;
        let count = mine.len();
        for held in mine {
            let party = held.party.clone();
            *self.parties.entry(party.clone()).or_default() += 1;
            let span = platform.traces.job(route.job);
            let carried = span.around(carry(Arc::clone(platform), held));
            self.under_way.spawn(async move {
                if let Err(error) = carried.await {
                    span.failed("store");
                    // The lease runs out, and it is tried again.
                    tracing::error!(table = route.table, %error, "how a try went could not be written down");
                }
                party
            });
        }
        Ok(count)
    }

    /// Waits until one row has come to its end; for ever while none is under way.
    async fn one_done(&mut self) {
        match self.under_way.join_next().await {
            Some(done) => self.note_done(done),
            None => std::future::pending().await,
        }
    }

    fn note_done(&mut self, done: Result<String, tokio::task::JoinError>) {
        match done {
            Ok(party) => {
                if let Some(count) = self.parties.get_mut(&party) {
                    *count -= 1;
                    if *count <= 0 {
                        self.parties.remove(&party);
                    }
                }
            }
            // Whose it was is not known: with nothing under way all are free again.
            Err(error) => {
                tracing::error!(table = self.route.table, %error, "a try broke off");
                if self.under_way.is_empty() {
                    self.parties.clear();
                }
            }
        }
    }

    /// Waits for what is under way; each call has a time limit of its own.
    async fn finish(&mut self) {
        while let Some(done) = self.under_way.join_next().await {
            self.note_done(done);
        }
    }
}
