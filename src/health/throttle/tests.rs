use super::*;

/// A limiter of the kinds providers use, at 20 calls a second.
enum Limiter {
    Bucket { tokens: f64, burst: f64, at: f64 },
    Window { index: u64, used: u32 },
    Gcra { free_at: f64 },
}

const RATE: f64 = 20.0;

impl Limiter {
    fn allows(&mut self, now: f64) -> bool {
        match self {
            Self::Bucket { tokens, burst, at } => {
                *tokens = (*tokens + (now - *at) * RATE).min(*burst);
                *at = now;
                let allowed = *tokens >= 1.0;
                *tokens -= f64::from(u8::from(allowed));
                allowed
            }
            Self::Window { index, used } => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "small positive seconds"
                )]
                let current = now as u64;
                if current != *index {
                    (*index, *used) = (current, 0);
                }
                *used += 1;
                f64::from(*used) <= RATE
            }
            Self::Gcra { free_at } => {
                let allowed = now >= *free_at;
                if allowed {
                    *free_at = now + 1.0 / RATE;
                }
                allowed
            }
        }
    }
}

struct Run {
    refused: u32,
    seconds: f64,
}

/// Drives `calls` answered calls through a limiter with a latency, one event at a time.
fn simulate(mut limiter: Limiter, calls: u32, latency: Duration, hint: Option<Duration>) -> Run {
    let began = Instant::now();
    let mut now = began;
    let mut throttle = Throttle::new(32);
    let mut under_way: Vec<(Instant, Instant, bool)> = Vec::new();
    let (mut answered, mut refused) = (0, 0);
    while answered < calls {
        let ready = throttle.ready(now);
        if ready == Ready::Now && under_way.len() < 64 {
            let mark = throttle.start(now);
            let allowed = limiter.allows((now - began).as_secs_f64());
            under_way.push((now + latency, mark, allowed));
            continue;
        }
        under_way.sort();
        let next_end = under_way.first().map(|call| call.0);
        now = match (ready, next_end) {
            (Ready::At(at), Some(end)) => at.min(end),
            (Ready::At(at), None) => at,
            (_, Some(end)) => end,
            (_, None) => panic!("nothing can ever happen again"),
        };
        while under_way.first().is_some_and(|call| call.0 <= now) {
            let (_, mark, allowed) = under_way.remove(0);
            let signal = if allowed { Signal::Accepted } else { Signal::Refused { retry_after: hint } };
            throttle.finish(mark, now, signal);
            answered += u32::from(allowed);
            refused += u32::from(!allowed);
        }
    }
    Run { refused, seconds: (now - began).as_secs_f64() }
}

fn limiters() -> [(&'static str, Limiter); 3] {
    [
        ("bucket", Limiter::Bucket { tokens: 20.0, burst: 20.0, at: 0.0 }),
        ("window", Limiter::Window { index: 0, used: 0 }),
        ("gcra", Limiter::Gcra { free_at: 0.0 }),
    ]
}

#[tokio::test(start_paused = true)]
async fn an_untold_limit_costs_few_refused_calls_and_little_time() {
    for latency in [Duration::from_micros(200), Duration::from_millis(50)] {
        for hint in [None, Some(Duration::from_millis(250)), Some(Duration::from_secs(1))] {
            for (name, limiter) in limiters() {
                let run = simulate(limiter, 200, latency, hint);
                let share = f64::from(run.refused) / f64::from(run.refused + 200);
                let case = format!(
                    "{name}, latency {latency:?}, hint {hint:?}: {share:.3} refused, {:.1}s",
                    run.seconds
                );
                assert!(share < 0.10, "{case}");
                assert!(run.seconds < 200.0 / RATE * 3.0, "{case}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_refusals_the_window_opens_to_the_most_in_a_few_round_trips() {
    let mut throttle = Throttle::new(64);
    let mut now = Instant::now();
    let mut rounds = 0;
    while throttle.ready(now) == Ready::Now && rounds < 20 {
        let mut marks = Vec::new();
        while throttle.ready(now) == Ready::Now {
            marks.push(throttle.start(now));
        }
        if marks.len() == 64 {
            break;
        }
        now += Duration::from_millis(50);
        for mark in marks {
            throttle.finish(mark, now, Signal::Accepted);
        }
        rounds += 1;
    }
    assert_eq!(rounds, 3, "8, 16, 32, 64");
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_refusals_cuts_the_window_once() {
    let mut throttle = Throttle::new(64);
    let now = Instant::now();
    let marks: Vec<_> = (0..4).map(|_| throttle.start(now)).collect();
    let later = now + Duration::from_millis(5);
    for mark in marks {
        throttle.finish(mark, later, Signal::Strained);
    }
    assert!((throttle.window - FIRST_WINDOW * CUT).abs() < 1e-9);
}

#[tokio::test(start_paused = true)]
async fn no_call_starts_before_the_provider_said() {
    let mut throttle = Throttle::new(8);
    let now = Instant::now();
    let mark = throttle.start(now);
    throttle.finish(mark, now, Signal::Refused { retry_after: Some(Duration::from_secs(3)) });
    assert_eq!(throttle.ready(now), Ready::At(now + Duration::from_secs(3)));
    assert_eq!(throttle.ready(now + Duration::from_secs(3)), Ready::Now);
}
