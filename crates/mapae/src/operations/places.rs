//! The places of a listener: so many connections at once, and who makes room when all are taken.
//!
//! ```text
//! comes ─▶ stranger ── its first request ─▶ known
//!              │
//!              └─ all places are taken and another comes: the stranger that came first is let go
//! ```
//!
//! Whoever opens connections and asks for nothing may come as often as it likes: it pushes out its own, and somebody with a
//! request is served as soon as it has said it. Known ones are never pushed out; where all are known, the next waits.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::limits;

/// How much of this process's open files the connections of a listener may take. All of them together leave an eighth to
/// stores, logs and calls to others: connections that took every file would keep even `/readyz` from answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// Of people, phones and relying parties.
    Served,
    /// Of those who watch.
    Watching,
}

impl Share {
    pub(super) fn places(self, files: Option<usize>) -> usize {
        let eighths = match self {
            Self::Served => 3,
            Self::Watching => 1,
        };
        let most = limits::HTTP_CONNECTIONS.size();
        files.map_or(most, |files| (files / 8).saturating_mul(eighths).clamp(8, most))
    }
}

/// How many files this process may have open (proc(5)); where nobody tells, nothing is known.
pub(super) fn open_files() -> Option<usize> {
    soft_limit(&std::fs::read_to_string("/proc/self/limits").ok()?)
}

fn soft_limit(text: &str) -> Option<usize> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// The places of one listener.
#[derive(Clone)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    strangers: Arc<Strangers>,
}

impl Places {
    pub(super) fn new(count: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(count)), strangers: Arc::default() }
    }

    /// A place for one that came; the oldest stranger makes room where there is none.
    pub(super) async fn take(&self) -> Place {
        let free = match Arc::clone(&self.free).try_acquire_owned() {
            Ok(free) => free,
            Err(_) => {
                self.strangers.let_the_oldest_go();
                let Ok(free) = Arc::clone(&self.free).acquire_owned().await else {
                    unreachable!("the semaphore is never closed")
                };
                free
            }
        };
        let (number, let_go) = self.strangers.enter();
        let guest = Guest { number, known: AtomicBool::new(false), strangers: Arc::clone(&self.strangers) };
        Place { guest: Arc::new(guest), let_go, free }
    }
}

/// One connection's place, free again when this is dropped.
pub(super) struct Place {
    pub(super) guest: Arc<Guest>,
    /// Told when this connection has to make room.
    pub(super) let_go: oneshot::Receiver<()>,
    pub(super) free: OwnedSemaphorePermit,
}

/// Who has a place.
pub(super) struct Guest {
    number: u64,
    known: AtomicBool,
    strangers: Arc<Strangers>,
}

impl Guest {
    /// It has asked for something: from now on it keeps its place.
    pub(super) fn asks(&self) {
        if !self.known.swap(true, Ordering::Relaxed) {
            self.strangers.leave(self.number);
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if !*self.known.get_mut() {
            self.strangers.leave(self.number);
        }
    }
}

/// Those who have asked for nothing yet, in the order in which they came.
#[derive(Default)]
struct Strangers(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    next: u64,
    waiting: BTreeMap<u64, oneshot::Sender<()>>,
}

impl Strangers {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self) -> (u64, oneshot::Receiver<()>) {
        let (let_go, told) = oneshot::channel();
        let mut queue = self.queue();
        let number = queue.next;
        queue.next += 1;
        queue.waiting.insert(number, let_go);
        (number, told)
    }

    fn leave(&self, number: u64) {
        self.queue().waiting.remove(&number);
    }

    fn let_the_oldest_go(&self) {
        if let Some((_, oldest)) = self.queue().waiting.pop_first() {
            let _ = oldest.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot::error::TryRecvError;

    use super::*;

    #[test]
    fn all_listeners_together_leave_files_to_everything_else() {
        let text = "Limit  Soft Limit  Hard Limit  Units\nMax processes  9  9  processes\n\
                    Max open files            4096                 524288               files\n";
        assert_eq!(soft_limit(text), Some(4_096));
        assert_eq!(
            soft_limit("Max open files            unlimited            unlimited            files"),
            None
        );
        let most = limits::HTTP_CONNECTIONS.size();
        for files in [256, 1_024, 4_096, 20_000, 131_072] {
            let [served, watching] = [Share::Served, Share::Watching].map(|share| share.places(Some(files)));
            assert!(served * 2 + watching <= files - files / 8, "{files}: {served}, {watching}");
        }
        assert_eq!(Share::Served.places(Some(131_072)), most);
        assert_eq!(Share::Watching.places(None), most);
    }

    #[tokio::test]
    async fn the_stranger_that_came_first_makes_room_and_who_asked_keeps_its_place() {
        let places = Places::new(3);
        let (mut asked, mut first, mut second) =
            (places.take().await, places.take().await, places.take().await);
        asked.guest.asks();
        asked.guest.asks();
        let next = tokio::spawn({
            let places = places.clone();
            async move { places.take().await }
        });
        // It has its place only once the other is gone.
        (&mut first.let_go).await.unwrap();
        assert!(!next.is_finished());
        drop(first);
        let next = next.await.unwrap();
        assert_eq!(second.let_go.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(asked.let_go.try_recv(), Err(TryRecvError::Closed));

        // Where everybody has asked, the next waits until one goes by itself.
        second.guest.asks();
        next.guest.asks();
        let waits = tokio::spawn({
            let places = places.clone();
            async move { places.take().await }
        });
        tokio::task::yield_now().await;
        assert!(!waits.is_finished());
        drop(asked);
        waits.await.unwrap();
        assert!(places.strangers.queue().waiting.is_empty(), "who is gone is forgotten");
    }
}
