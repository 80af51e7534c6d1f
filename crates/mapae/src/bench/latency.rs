//! Times of many runs of one thing, and what to say of them.

use std::time::Duration;

use tokio::time::Instant;

/// How long each run took.
#[derive(Clone, Debug, Default)]
pub(super) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(super) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(super) fn extend(&mut self, other: Latencies) {
        self.0.extend(other.0);
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The time in microseconds that this share of the runs did not exceed (nearest rank); `None` without runs.
    pub(super) fn percentile_us(&self, percent: f64) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (percent / 100.0 * sorted.len() as f64).ceil().max(1.0) as usize;
        sorted.get(rank - 1).map(|time| time.as_secs_f64() * 1e6)
    }

    /// The middle one, in microseconds.
    pub(super) fn median_us(&self) -> Option<f64> {
        self.percentile_us(50.0)
    }
}

/// Times one run.
pub(super) fn timed<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let value = act();
    (value, begun.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(micros: impl IntoIterator<Item = u64>) -> Latencies {
        Latencies(micros.into_iter().map(Duration::from_micros).collect())
    }

    #[test]
    fn a_percentile_is_a_time_that_was_measured_whatever_the_order() {
        let times = of((1..=100).rev());
        assert_eq!(times.percentile_us(50.0), Some(50.0));
        assert_eq!(times.percentile_us(95.0), Some(95.0));
        assert_eq!(times.percentile_us(99.0), Some(99.0));
        assert_eq!(times.percentile_us(100.0), Some(100.0));
        assert_eq!(times.percentile_us(0.0), Some(1.0));
    }

    #[test]
    fn few_runs_give_the_slowest_as_the_highest_percentile() {
        assert_eq!(of([7]).percentile_us(99.0), Some(7.0));
        assert_eq!(of([3, 1, 2]).percentile_us(99.0), Some(3.0));
        assert_eq!(of([4, 1, 3, 2]).median_us(), Some(2.0));
        assert_eq!(of([]).median_us(), None);
    }

    #[test]
    fn one_run_that_another_process_cut_into_does_not_move_the_middle() {
        let mut times = of([10; 99]);
        times.add(Duration::from_secs(1));
        assert_eq!((times.median_us(), times.count()), (Some(10.0), 100));
    }
}
