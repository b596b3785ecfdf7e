//! The geometry of the page's charts: values in, coordinates out. The template draws them.

use serde::Serialize;

use super::text;
use crate::base::money::Money;
use crate::base::untrusted::{Untrusted, clip};
use crate::eval::histogram::Histogram;
use crate::eval::summary::Summary;

/// The edges of the plot of latencies, in the units of its view box.
const LEFT: f64 = 52.0;
const RIGHT: f64 = 984.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 244.0;
/// Where the plot begins and ends in charts with a line per model, and how high such a line is.
const NAMES: f64 = 190.0;
const END: f64 = 600.0;
const LINE: f64 = 38.0;
/// Characters of a name that fit left of [`NAMES`].
const NAME_CHARACTERS: usize = 26;
/// Colours the page has; series beyond them share.
const COLOURS: usize = 8;

/// A mark on an axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Tick {
    at: f64,
    label: String,
}

/// The distribution functions of latencies over a logarithmic axis.
#[derive(Debug, Serialize)]
pub(super) struct Latency {
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    series: Vec<Curve>,
}

#[derive(Debug, Serialize)]
struct Curve {
    colour: usize,
    name: String,
    path: String,
}

/// A line per candidate: a point with its interval, or a bar from zero.
#[derive(Debug, Serialize)]
pub(super) struct Lines {
    height: f64,
    bottom: f64,
    zero: f64,
    ticks: Vec<Tick>,
    rows: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    y: f64,
    colour: usize,
    name: String,
    full_name: String,
    at: f64,
    interval: Option<[f64; 2]>,
    label: String,
}

/// A value with its interval, before it is placed.
struct Value {
    candidate: usize,
    name: String,
    at: f64,
    ci95: Option<[f64; 2]>,
    label: String,
}

/// The curves of the candidates that have latencies; absent when none has.
pub(super) fn latency(names: &[String], histograms: &[Histogram]) -> Option<Latency> {
    let steps: Vec<_> = histograms.iter().map(Histogram::steps).collect();
    let ends = steps.iter().flatten().map(|(ms, _)| *ms);
    let low = ends.clone().min_by(f64::total_cmp)? / 1.3;
    let high = ends.max_by(f64::total_cmp)? * 1.3;
    let x = |ms: f64| tenth(LEFT + (ms / low).ln() / (high / low).ln() * (RIGHT - LEFT));
    let y = |share: f64| tenth(BOTTOM - share * (BOTTOM - TOP));
    let curves = steps.iter().enumerate().filter(|(_, steps)| !steps.is_empty()).map(|(i, steps)| Curve {
        colour: i % COLOURS,
        name: names[i].clone(),
        path: path(steps, &x, &y),
    });
    let shares = [(0.0, "0%"), (0.25, "25%"), (0.5, "50%"), (0.75, "75%"), (0.95, "95%")];
    Some(Latency {
        x_ticks: decades(low, high).map(|ms| Tick { at: x(ms), label: axis_millis(ms) }).collect(),
        y_ticks: shares.map(|(share, label)| Tick { at: y(share), label: label.to_owned() }).into(),
        series: curves.collect(),
    })
}

fn path(steps: &[(f64, f64)], x: &dyn Fn(f64) -> f64, y: &dyn Fn(f64) -> f64) -> String {
    let start = format!("M{} {}", x(steps[0].0), y(0.0));
    let path: String = std::iter::once(start)
        .chain(steps.iter().map(|(ms, share)| format!("H{}V{}", x(*ms), y(*share))))
        .collect();
    path + &format!("H{RIGHT}")
}

/// 1, 2 and 5 times every power of ten between two times; only the powers when these are many.
fn decades(low: f64, high: f64) -> impl Iterator<Item = f64> {
    let factors: &[f64] = if high / low > 300.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    (-2..8)
        .flat_map(|power| factors.iter().map(move |factor| factor * 10_f64.powi(power)))
        .filter(move |ms| (low..=high).contains(ms))
}

fn axis_millis(ms: f64) -> String {
    if ms < 1_000.0 { format!("{ms} ms") } else { format!("{} s", ms / 1_000.0) }
}

/// The differences in accepted share to the incumbent, in percentage points.
pub(super) fn differences(summary: &Summary) -> Option<Lines> {
    let values = summary.comparisons.iter().map(|comparison| Value {
        candidate: position(summary, &comparison.candidate),
        name: comparison.candidate.clone(),
        at: comparison.delta_accepted * 100.0,
        ci95: comparison.ci95.map(|ends| ends.map(|end| end * 100.0)),
        label: text::delta(comparison),
    });
    lines(values.collect(), |points| match points {
        0.0 => "0 pp".to_owned(),
        _ => format!("{points:+} pp"),
    })
}

/// Cost per accepted answer.
pub(super) fn costs(summary: &Summary) -> Option<Lines> {
    let values = summary.models.iter().enumerate().filter_map(|(candidate, model)| {
        Some(Value {
            candidate,
            name: model.model.clone(),
            at: model.cost_per_accepted?.dollars(),
            ci95: model.cost_per_accepted_ci95.map(|ends| ends.map(Money::dollars)),
            label: text::cost_per_accepted(model),
        })
    });
    lines(values.collect(), |dollars| format!("${dollars}"))
}

fn position(summary: &Summary, model: &str) -> usize {
    summary.models.iter().position(|other| other.model == model).unwrap_or_default()
}

fn lines(values: Vec<Value>, label: impl Fn(f64) -> String) -> Option<Lines> {
    let ends = || {
        let all = values.iter().flat_map(|value| value.ci95.into_iter().flatten().chain([value.at]));
        all.filter(|end| end.is_finite()).chain([0.0])
    };
    if values.is_empty() {
        return None;
    }
    let (low, high) = (ends().min_by(f64::total_cmp)?, ends().max_by(f64::total_cmp)?);
    let step = nice_step((high - low).max(1e-9) / 5.0);
    let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
    let span = (high - low).max(step);
    let x = |value: f64| tenth(NAMES + (value.clamp(low, high) - low) / span * (END - NAMES));
    let mut y = LINE / 2.0 + 8.0;
    let mut place = |value: Value| {
        let line = Line {
            y,
            colour: value.candidate % COLOURS,
            name: Untrusted::line(&clip(&value.name, NAME_CHARACTERS)).to_string(),
            full_name: Untrusted::line(&value.name).to_string(),
            at: x(value.at),
            interval: value.ci95.map(|ends| ends.map(x)),
            label: value.label,
        };
        y += LINE;
        line
    };
    let rows: Vec<_> = values.into_iter().filter(|value| value.at.is_finite()).map(&mut place).collect();
    let bottom = y - LINE / 2.0 + 4.0;
    let ticks = ticks(low, low + span, step).map(|value| Tick { at: x(value), label: label(value) });
    Some(Lines { height: bottom + 26.0, bottom, zero: x(0.0), ticks: ticks.collect(), rows })
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below a step.
fn nice_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= step * 0.999);
    factor.unwrap_or(10.0) * power
}

/// The multiples of a step between two of them, free of the noise of repeated addition.
fn ticks(low: f64, high: f64, step: f64) -> impl Iterator<Item = f64> {
    let places = 10_f64.powf((-step.log10()).ceil().clamp(0.0, 12.0));
    std::iter::successors(Some(low), move |at| Some(at + step))
        .take_while(move |at| *at <= high + step * 0.01)
        .map(move |at| (at * places).round() / places + 0.0)
        .take(20)
}

/// Rounded to a tenth of a unit, which no eye can tell.
fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn ticks_are_round_numbers() {
        let marks: Vec<_> = ticks(-0.6, 0.4, nice_step(0.17)).collect();
        assert_eq!(
            marks.iter().map(f64::to_string).collect::<Vec<_>>(),
            ["-0.6", "-0.4", "-0.2", "0", "0.2", "0.4"]
        );
        let marks: Vec<_> = ticks(0.0, 0.012, nice_step(0.0024)).collect();
        assert_eq!(marks.iter().map(f64::to_string).collect::<Vec<_>>(), ["0", "0.005", "0.01"]);
    }

    #[test]
    fn curves_rise_from_left_to_right_within_the_plot() {
        let mut histogram = Histogram::default();
        for ms in [3, 40, 41, 2_000] {
            histogram.add(Duration::from_millis(ms));
        }
        let chart = latency(&["m".to_owned()], &[histogram]).unwrap();
        assert!(chart.series[0].path.starts_with('M') && chart.series[0].path.contains(&format!("V{TOP}H")));
        assert!(chart.x_ticks.iter().all(|tick| (LEFT..=RIGHT).contains(&tick.at)));
        assert!(latency(&[], &[]).is_none());
    }
}
