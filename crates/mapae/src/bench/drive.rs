//! Running one flow many times at once.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::AnyError;
use super::latency::Latencies;

/// How a flow is run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Runs at the same time.
    pub(super) in_flight: usize,
    /// Pause of each runner after a run.
    pub(super) pause: Duration,
    /// Whether whoever has done the flow may do it again.
    pub(super) again: bool,
}

/// What was run.
#[derive(Debug)]
pub(super) struct Driven<T, R> {
    pub(super) latencies: Latencies,
    pub(super) elapsed: Duration,
    /// Those who have done the flow.
    pub(super) done: Vec<T>,
    /// What ended the run; `None` if there was nobody left before.
    pub(super) ended: Option<R>,
}

struct Shared<T> {
    waiting: Mutex<VecDeque<T>>,
    done: Mutex<Vec<T>>,
    over: AtomicBool,
}

/// Runs `flow` by whoever waits until `end` comes or nobody is left; those under way finish. The first failure ends it.
pub(super) async fn drive<T, F, R>(
    who: Vec<T>,
    pace: Pace,
    end: impl Future<Output = R>,
    flow: impl Fn(T) -> F + Clone + Send + 'static,
) -> Result<Driven<T, R>, AnyError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, AnyError>> + Send + 'static,
{
    let shared = Arc::new(Shared {
        waiting: Mutex::new(who.into()),
        done: Mutex::new(Vec::new()),
        over: AtomicBool::new(false),
    });
    let begun = Instant::now();
    let mut runners = JoinSet::new();
    for _ in 0..pace.in_flight {
        runners.spawn(run(Arc::clone(&shared), pace, flow.clone()));
    }
    let mut latencies = Latencies::default();
    let mut end = std::pin::pin!(end);
    let mut ended = None;
    loop {
        tokio::select! {
            reason = &mut end, if ended.is_none() => {
                ended = Some(reason);
                shared.over.store(true, Ordering::Relaxed);
            }
            runner = runners.join_next() => match runner {
                Some(times) => latencies.extend(times??),
                None => break,
            },
        }
    }
    let elapsed = begun.elapsed();
    let mut done = std::mem::take(&mut *lock(&shared.done));
    if pace.again {
        done.extend(lock(&shared.waiting).drain(..));
    }
    Ok(Driven { latencies, elapsed, done, ended })
}

async fn run<T, F>(shared: Arc<Shared<T>>, pace: Pace, flow: impl Fn(T) -> F) -> Result<Latencies, AnyError>
where
    F: Future<Output = Result<T, AnyError>>,
{
    let mut latencies = Latencies::default();
    while !shared.over.load(Ordering::Relaxed) {
        let Some(next) = lock(&shared.waiting).pop_front() else { break };
        let begun = Instant::now();
        let next = flow(next).await?;
        latencies.add(begun.elapsed());
        if pace.again {
            lock(&shared.waiting).push_back(next);
        } else {
            lock(&shared.done).push(next);
        }
        if !pace.pause.is_zero() {
            tokio::time::sleep(pace.pause).await;
        }
    }
    Ok(latencies)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONCE: Pace = Pace { in_flight: 3, pause: Duration::ZERO, again: false };

    #[tokio::test]
    async fn whoever_may_run_once_runs_once_and_the_run_ends_when_nobody_is_left() {
        let driven = drive((0..10).collect(), ONCE, std::future::pending::<()>(), async |n: u32| Ok(n + 100));
        let mut driven = driven.await.unwrap();
        driven.done.sort_unstable();
        assert_eq!(driven.done, (100..110).collect::<Vec<_>>());
        assert_eq!((driven.latencies.count(), driven.ended), (10, None));
    }

    #[tokio::test]
    async fn whoever_may_run_again_does_until_the_end_comes() {
        let again = Pace { again: true, ..ONCE };
        let end = async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            "time"
        };
        let flow = async |n: u32| {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Ok(n + 1)
        };
        let driven = drive(vec![0, 0, 0, 0], again, end, flow).await.unwrap();
        assert_eq!((driven.ended, driven.done.len()), (Some("time"), 4));
        assert_eq!(driven.done.iter().sum::<u32>() as usize, driven.latencies.count());
        assert!(driven.latencies.count() > 4);
    }

    #[tokio::test]
    async fn one_failed_flow_ends_the_run() {
        let flow = async |n: u32| if n == 5 { Err("no".into()) } else { Ok(n) };
        let driven = drive((0..10).collect(), ONCE, std::future::pending::<()>(), flow).await;
        assert_eq!(driven.unwrap_err().to_string(), "no");
    }
}
