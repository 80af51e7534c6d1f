//! When flows begin, and how long each took from the moment at which it was to begin.
//!
//! In the open model arrivals have exponential gaps (a Poisson process), as of people who know nothing of each other. An
//! arrival that finds the server busy is not held back: what it waits counts.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::super::AnyError;
use super::super::flows;
use super::people::{Flow, Mix, People};

/// How long the last flows may take after the last arrival.
const TAIL: Duration = Duration::from_secs(60);

/// Who sets the pace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Model {
    /// The outside: so many each second; of a morning, on average.
    Open { rate: f64, morning: bool },
    /// The server: as fast as so many at a time get through.
    FlatOut { in_flight: usize },
}

/// How a flow ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Done,
    Failed,
    /// Nobody was free to play it: the generator has too few phones.
    Nobody,
}

/// One flow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Played {
    pub(super) flow: Flow,
    /// When it was to begin, since the beginning of the run.
    pub(super) due: Duration,
    /// From then to its end.
    pub(super) took: Duration,
    pub(super) end: End,
}

/// Everything that was played.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) all: Vec<Played>,
    /// The first words of what failed, with how often.
    pub(super) faults: std::collections::BTreeMap<String, u64>,
    /// How late the generator itself began a flow, at most: high, and it is the generator that is measured.
    pub(super) latest: Duration,
}

/// The times at which arrivals are due: exponential gaps from a generator of pseudo-random numbers with a fixed seed, so
/// that two runs see the same crowd.
pub(super) fn due(rate: f64, time: Duration) -> impl Iterator<Item = (Duration, f64)> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    // SplitMix64.
    let mut random = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^= word >> 31;
        // 53 bits: every one of them is a number of its own.
        (word >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut at = 0.0;
    std::iter::from_fn(move || {
        at += -(1.0 - random()).ln() / rate;
        let due = Duration::try_from_secs_f64(at).ok().filter(|due| *due < time)?;
        Some((due, random()))
    })
}

/// The same crowd on a morning: nobody at its beginning and end, twice the mean in its middle. Of arrivals at twice the
/// mean those stay that fall under the triangle, which leaves them strangers to each other.
pub(super) fn due_on_a_morning(rate: f64, time: Duration) -> impl Iterator<Item = (Duration, f64)> {
    let share = move |at: Duration| 1.0 - (2.0 * at.as_secs_f64() / time.as_secs_f64() - 1.0).abs();
    due(rate * 2.0, time).filter_map(move |(at, number)| {
        // Of those that stay, the number lies anywhere below the share: it still tells what comes.
        let share = share(at);
        (number < share).then(|| (at, number / share))
    })
}

/// Plays flows for `time` and waits for those under way.
pub(super) async fn run(people: Arc<People>, mix: &Mix, model: Model, time: Duration) -> Run {
    let begun = Instant::now();
    let mut under_way = JoinSet::new();
    let mut run = Run::default();
    match model {
        Model::Open { rate, morning } => {
            let steady = (!morning).then(|| due(rate, time));
            let swelling = morning.then(|| due_on_a_morning(rate, time));
            for (due, place) in steady.into_iter().flatten().chain(swelling.into_iter().flatten()) {
                tokio::time::sleep_until(begun + due).await;
                run.latest = run.latest.max(begun.elapsed().saturating_sub(due));
                under_way.spawn(one(Arc::clone(&people), mix.at(place), begun, due));
                while let Some(played) = under_way.try_join_next() {
                    run.add(played);
                }
            }
        }
        Model::FlatOut { in_flight } => {
            let mut places = due(1.0, Duration::MAX).map(|(_, place)| place);
            while begun.elapsed() < time {
                while under_way.len() < in_flight {
                    let flow = mix.at(places.next().unwrap_or_default());
                    under_way.spawn(one(Arc::clone(&people), flow, begun, begun.elapsed()));
                }
                if let Some(played) = under_way.join_next().await {
                    run.add(played);
                }
            }
        }
    }
    let end = Instant::now() + TAIL;
    while let Ok(Some(played)) = tokio::time::timeout_at(end, under_way.join_next()).await {
        run.add(played);
    }
    run
}

async fn one(people: Arc<People>, flow: Flow, begun: Instant, due: Duration) -> (Played, Option<String>) {
    let outcome = people.play(flow).await;
    let took = begun.elapsed().saturating_sub(due);
    let (end, fault) = match outcome {
        Some(Ok(())) => (End::Done, None),
        Some(Err(error)) => (End::Failed, Some(error.to_string())),
        None => (End::Nobody, None),
    };
    (Played { flow, due, took, end }, fault)
}

impl Run {
    fn add(&mut self, played: Result<(Played, Option<String>), tokio::task::JoinError>) {
        match played {
            Ok((played, fault)) => {
                self.all.push(played);
                if let Some(fault) = fault {
                    self.count(&fault);
                }
            }
            Err(error) => self.count(&error.to_string()),
        }
    }

    fn count(&mut self, fault: &str) {
        // Addresses and ids differ; the first words do not.
        let words: String = fault.chars().take(80).collect();
        if self.faults.len() < 20 || self.faults.contains_key(&words) {
            *self.faults.entry(words).or_default() += 1;
        }
    }
}

/// Where the server tells what it used.
#[derive(Debug)]
pub(super) struct Source {
    http: Client,
    url: String,
}

/// What it used since it started.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Used {
    /// Seconds of CPU time of all its threads.
    pub(super) cpu_s: f64,
    /// Resident memory, in MiB.
    pub(super) memory_mb: f64,
}

impl Source {
    pub(super) fn of(metrics: &str) -> Result<Self, AnyError> {
        Ok(Self { http: flows::client()?, url: format!("{}/metrics", metrics.trim_end_matches('/')) })
    }

    pub(super) async fn usage(&self) -> Result<Used, AnyError> {
        let text = self.http.get(&self.url).send().await?.error_for_status()?.text().await?;
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(|value| value.trim().parse::<f64>().ok())
        };
        Ok(Used {
            cpu_s: value("process_cpu_seconds_total").ok_or("the server does not tell its CPU time")?,
            memory_mb: value("process_resident_memory_bytes").unwrap_or_default() / 1_048_576.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_a_morning_as_many_come_in_all_and_twice_as_many_in_its_middle() {
        let time = Duration::from_secs(1_000);
        let all: Vec<(Duration, f64)> = due_on_a_morning(20.0, time).collect();
        assert!((19_300..20_700).contains(&all.len()), "{}", all.len());
        let between = |from: u64, to: u64| {
            let within = Duration::from_secs(from)..Duration::from_secs(to);
            all.iter().filter(|(at, _)| within.contains(at)).count()
        };
        assert!((3_700..3_900).contains(&between(450, 550)), "{}", between(450, 550));
        assert!(between(0, 50) < 150 && between(950, 1_000) < 150);
        let mean = all.iter().map(|(_, place)| place).sum::<f64>() / all.len() as f64;
        assert!((mean - 0.5).abs() < 0.02, "who stays says nothing about what comes: {mean}");
    }

    #[test]
    fn arrivals_come_at_their_rate_with_gaps_like_those_of_strangers() {
        let time = Duration::from_secs(100);
        let all: Vec<Duration> = due(50.0, time).map(|(due, _)| due).collect();
        assert!((4_700..5_300).contains(&all.len()), "{}", all.len());
        assert!(all.is_sorted() && all.last().unwrap() < &time);
        let gaps: Vec<f64> = all.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64() * 50.0).collect();
        let above_one = gaps.iter().filter(|gap| **gap > 1.0).count() as f64 / gaps.len() as f64;
        assert!(
            (above_one - (-1.0_f64).exp()).abs() < 0.03,
            "of exponential gaps 37 % exceed the mean: {above_one}"
        );
        let again: Vec<Duration> = due(50.0, time).map(|(due, _)| due).collect();
        assert_eq!(all, again, "the same crowd each time");
    }
}
