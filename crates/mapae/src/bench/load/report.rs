//! What a run came to: words, one JSON object, or one HTML file with its plots drawn in it.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::super::latency::Latencies;
use super::arrivals::{End, Model, Played, Run, Used};
use super::people::Flow;

/// The figures.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Told {
    /// Arrivals each second that were asked for; `None`: flat out.
    pub(super) rate: Option<f64>,
    /// Whether the rate is the mean of a morning, whose middle has twice that.
    pub(super) morning: bool,
    /// Flows at a time, flat out.
    pub(super) in_flight: Option<usize>,
    pub(super) seconds: u64,
    pub(super) arrived: usize,
    pub(super) done: usize,
    pub(super) failed: usize,
    /// Arrivals for which the generator had no free phone: not the server's.
    pub(super) nobody: usize,
    /// Of those that somebody played.
    pub(super) error_rate: f64,
    pub(super) done_per_second: f64,
    /// The server's CPU time for each flow that was done, in milliseconds: of the mix as it was.
    pub(super) cpu_ms: f64,
    /// Cores that the server kept busy.
    pub(super) cores: f64,
    pub(super) memory_mb: f64,
    /// How late the generator began a flow, at most, in milliseconds.
    pub(super) generator_late_ms: f64,
    pub(super) flows: Vec<OfFlow>,
    pub(super) faults: std::collections::BTreeMap<String, u64>,
}

/// Times of one kind, in milliseconds, from the moment at which each was to begin.
#[derive(Clone, Debug, Serialize)]
pub(super) struct OfFlow {
    pub(super) flow: Flow,
    pub(super) done: usize,
    pub(super) failed: usize,
    pub(super) p50_ms: f64,
    pub(super) p95_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
}

impl Told {
    pub(super) fn of(run: &Run, model: Model, time: Duration, before: Used, after: Used) -> Self {
        let ended = |end: End| run.all.iter().filter(|played| played.end == end).count();
        let (done, failed, nobody) = (ended(End::Done), ended(End::Failed), ended(End::Nobody));
        let cpu_s = after.cpu_s - before.cpu_s;
        // Until the last flow ended, which may be after the last arrival.
        let last = run.all.iter().map(|played| played.due + played.took).max().unwrap_or_default();
        let whole = last.max(time).as_secs_f64();
        let flows = Flow::ALL.into_iter().filter_map(|flow| OfFlow::of(run, flow));
        let (rate, in_flight) = match model {
            Model::Open { rate, .. } => (Some(rate), None),
            Model::FlatOut { in_flight } => (None, Some(in_flight)),
        };
        Self {
            rate,
            morning: matches!(model, Model::Open { morning: true, .. }),
            in_flight,
            seconds: time.as_secs(),
            arrived: run.all.len(),
            done,
            failed,
            nobody,
            error_rate: failed as f64 / (done + failed).max(1) as f64,
            done_per_second: done as f64 / whole,
            cpu_ms: cpu_s * 1_000.0 / done.max(1) as f64,
            cores: cpu_s / whole,
            memory_mb: after.memory_mb,
            generator_late_ms: run.latest.as_secs_f64() * 1_000.0,
            flows: flows.collect(),
            faults: run.faults.clone(),
        }
    }
}

impl OfFlow {
    fn of(run: &Run, flow: Flow) -> Option<Self> {
        let of = |end: End| run.all.iter().filter(move |played| played.flow == flow && played.end == end);
        let mut times = Latencies::default();
        for played in of(End::Done) {
            times.add(played.took);
        }
        let failed = of(End::Failed).count();
        if times.count() + failed == 0 {
            return None;
        }
        let at = |percent| times.percentile_us(percent).unwrap_or_default() / 1_000.0;
        Some(Self {
            flow,
            done: times.count(),
            failed,
            p50_ms: at(50.0),
            p95_ms: at(95.0),
            p99_ms: at(99.0),
            max_ms: at(100.0),
        })
    }
}

pub(super) fn text(told: &Told) -> String {
    let mut out = String::new();
    let pace = match (told.rate, told.in_flight) {
        (Some(rate), _) if told.morning => {
            format!("a morning of {rate} arrivals/s, twice that in its middle,")
        }
        (Some(rate), _) => format!("{rate} arrivals/s"),
        (None, at_once) => format!("flat out, {} at a time", at_once.unwrap_or_default()),
    };
    let _ = writeln!(
        out,
        "{pace} for {} s: {} arrived, {} done ({:.1}/s), {} failed ({:.3} %), {} found no free phone",
        told.seconds,
        told.arrived,
        told.done,
        told.done_per_second,
        told.failed,
        told.error_rate * 100.0,
        told.nobody
    );
    let _ = writeln!(
        out,
        "{:<8} {:>8} {:>8} {:>9} {:>9} {:>9} {:>9}",
        "ms", "done", "failed", "p50", "p95", "p99", "max"
    );
    for of in &told.flows {
        let _ = writeln!(
            out,
            "{:<8} {:>8} {:>8} {:>9.1} {:>9.1} {:>9.1} {:>9.1}",
            of.flow.as_str(),
            of.done,
            of.failed,
            of.p50_ms,
            of.p95_ms,
            of.p99_ms,
            of.max_ms
        );
    }
    let _ = writeln!(
        out,
        "server: {:.2} ms of CPU a flow, {:.2} cores busy, {:.0} MiB; the generator was {:.1} ms late at most",
        told.cpu_ms, told.cores, told.memory_mb, told.generator_late_ms
    );
    for (fault, count) in &told.faults {
        let _ = writeln!(out, "{count} × {fault}");
    }
    out
}

/// One file, no script, nothing loaded from elsewhere.
pub(super) fn html(told: &Told, run: &Run) -> String {
    let mut out = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>마패 부하 시험 / Mapae load</title>\n\
         <style>\nbody{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1e2124}\n\
         table{border-collapse:collapse;width:100%}th,td{text-align:right;padding:.3rem .6rem;border-bottom:1px solid #cdd1d5}\n\
         th:first-child,td:first-child{text-align:left}svg{width:100%;height:auto}figure{margin:2rem 0}\n\
         .wide,pre{overflow-x:auto}\n</style>\n</head>\n<body>\n<main>\n<h1>마패 부하 시험 <span lang=\"en\">/ load</span></h1>\n",
    );
    let _ = writeln!(out, "<pre>{}</pre>", escaped(&text(told)));
    out.push_str(
        "<div class=\"wide\"><table><caption>Milliseconds from the moment at which each flow was to begin</caption>\
         <thead><tr><th scope=\"col\">flow</th><th scope=\"col\">done</th><th scope=\"col\">failed</th><th scope=\"col\">p50</th>\
         <th scope=\"col\">p95</th><th scope=\"col\">p99</th><th scope=\"col\">max</th></tr></thead><tbody>\n",
    );
    for of in &told.flows {
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{:.1}</td><td>{:.1}</td><td>{:.1}</td><td>{:.1}</td></tr>",
            of.flow.as_str(),
            of.done,
            of.failed,
            of.p50_ms,
            of.p95_ms,
            of.p99_ms,
            of.max_ms
        );
    }
    out.push_str("</tbody></table></div>\n");
    let seconds = by_second(run);
    let at = |percent: f64| -> Vec<f64> {
        seconds
            .iter()
            .map(|second| second.times.percentile_us(percent).unwrap_or_default() / 1_000.0)
            .collect()
    };
    plot(
        &mut out,
        "Time of flows, ms, by the second in which they were due",
        &[("p50", "#0b50d0", at(50.0)), ("p95", "#8a5a00", at(95.0)), ("p99", "#c3002f", at(99.0))],
    );
    let counts = |pick: fn(&Second) -> u32| seconds.iter().map(|second| f64::from(pick(second))).collect();
    plot(
        &mut out,
        "Flows by the second in which they were due",
        &[
            ("done", "#0b50d0", counts(|second| second.done)),
            ("failed", "#c3002f", counts(|second| second.failed)),
            ("no free phone", "#8a5a00", counts(|second| second.nobody)),
        ],
    );
    let mut whole = Latencies::default();
    for played in run.all.iter().filter(|played| played.end == End::Done) {
        whole.add(played.took);
    }
    let shares =
        (0..=100).map(|percent| whole.percentile_us(f64::from(percent)).unwrap_or_default() / 1_000.0);
    plot(&mut out, "Time of all flows, ms, by percentile", &[("all", "#0b50d0", shares.collect())]);
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

#[derive(Default)]
struct Second {
    times: Latencies,
    done: u32,
    failed: u32,
    nobody: u32,
}

fn by_second(run: &Run) -> Vec<Second> {
    let place = |played: &Played| usize::try_from(played.due.as_secs()).unwrap_or_default();
    let length = run.all.iter().map(|played| place(played) + 1).max().unwrap_or_default();
    let mut seconds: Vec<Second> = std::iter::repeat_with(Second::default).take(length).collect();
    for played in &run.all {
        let Some(second) = seconds.get_mut(place(played)) else { continue };
        match played.end {
            End::Done => {
                second.done += 1;
                second.times.add(played.took);
            }
            End::Failed => second.failed += 1,
            End::Nobody => second.nobody += 1,
        }
    }
    seconds
}

/// Lines over a common x axis.
fn plot(out: &mut String, title: &str, lines: &[(&str, &str, Vec<f64>)]) {
    let (width, height, left, top) = (900.0, 260.0, 64.0, 12.0);
    let most = lines.iter().flat_map(|(_, _, values)| values.iter().copied()).fold(0.0_f64, f64::max);
    let most = rounded_up(most);
    let last = lines.iter().map(|(_, _, values)| values.len()).max().unwrap_or_default().max(2) - 1;
    let x = |at: usize| left + (width - left - 8.0) * at as f64 / last as f64;
    let y = |value: f64| top + (height - top - 28.0) * (1.0 - value / most);
    let _ = writeln!(
        out,
        "<figure><svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{0}\"><title>{0}</title>",
        escaped(title)
    );
    for step in 0..=4_u8 {
        let value = most * f64::from(step) / 4.0;
        let _ = writeln!(
            out,
            "<line x1=\"{left}\" x2=\"{width}\" y1=\"{0:.1}\" y2=\"{0:.1}\" stroke=\"#cdd1d5\"/>\
             <text x=\"{1}\" y=\"{2:.1}\" text-anchor=\"end\" font-size=\"12\">{value}</text>",
            y(value),
            left - 6.0,
            y(value) + 4.0
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"{left}\" y=\"{0}\" font-size=\"12\">0</text><text x=\"{width}\" y=\"{0}\" text-anchor=\"end\" font-size=\"12\">{last}</text>",
        height - 8.0
    );
    for (_, colour, values) in lines {
        let mut points = String::new();
        for (at, value) in values.iter().enumerate() {
            let _ = write!(points, "{:.1},{:.1} ", x(at), y(*value));
        }
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>",
            points.trim_end()
        );
    }
    out.push_str("</svg><figcaption>");
    out.push_str(&escaped(title));
    for (name, colour, _) in lines {
        let _ = write!(out, " · <span style=\"color:{colour}\">{}</span>", escaped(name));
    }
    out.push_str("</figcaption></figure>\n");
}

/// 1, 2 or 5 times a power of ten, not below `value`.
fn rounded_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10.0_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    steps.into_iter().find(|step| *step >= value).unwrap_or(value)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(due_ms: u64, took_ms: u64, end: End) -> Played {
        let (due, took) = (Duration::from_millis(due_ms), Duration::from_millis(took_ms));
        Played { flow: Flow::Login, due, took, end }
    }

    #[test]
    fn a_second_in_which_the_server_stood_still_is_seen_in_the_figures_and_in_the_plot() {
        // Ten arrivals a second for ten seconds; in the fourth nobody was answered until it was over.
        let late = |at: u64| if (3_000..4_000).contains(&at) { 4_000 - at + 20 } else { 20 };
        let mut run = Run::default();
        run.all.extend((0..100).map(|n| played(n * 100, late(n * 100), End::Done)));
        run.all.push(played(9_950, 5, End::Failed));
        run.all.push(played(9_990, 0, End::Nobody));
        let (before, after) = (Used::default(), Used { cpu_s: 0.5, memory_mb: 64.0 });
        let told = Told::of(
            &run,
            Model::Open { rate: 10.0, morning: false },
            Duration::from_secs(10),
            before,
            after,
        );
        assert_eq!((told.arrived, told.done, told.failed, told.nobody), (102, 100, 1, 1));
        assert!((told.cpu_ms - 5.0).abs() < 1e-9);
        let of = told.flows.first().unwrap();
        assert_eq!((of.p50_ms, of.p95_ms, of.max_ms), (20.0, 520.0, 1_020.0));
        assert!((told.error_rate - 1.0 / 101.0).abs() < 1e-9);
        let page = html(&told, &run);
        assert_eq!(page.matches("<svg").count(), 3);
        assert!(!page.contains("<script") && !page.contains("http"), "self-contained");
        assert!(text(&told).contains("102 arrived"));
        assert!(serde_json::to_string(&told).unwrap().contains("\"p99_ms\""));
    }

    #[test]
    fn an_axis_ends_at_a_round_number_and_strange_words_stay_words() {
        for (value, end) in [(0.0, 1.0), (0.7, 1.0), (3.0, 5.0), (50.0, 50.0), (51.0, 100.0)] {
            assert!((rounded_up(value) - end).abs() < 1e-9, "{value}");
        }
        assert_eq!(escaped("<b>&\""), "&lt;b&gt;&amp;&quot;");
    }
}
