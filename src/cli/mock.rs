//! `orch mock`: a provider on loopback, for benchmarks, tests and trying things out.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use tokio::net::TcpListener;

use crate::base::span;
use crate::mock::{self, Limit, RetryHint, Settings};

/// The flags of `orch mock`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = faults())]
pub struct Args {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Pause before each answer
    #[arg(long, value_name = "DURATION", default_value = "0ms", value_parser = span::parse)]
    latency: Duration,
    /// Pause between the events of a stream
    #[arg(long, value_name = "DURATION", default_value = "0ms", value_parser = span::parse)]
    event_gap: Duration,
    /// Requests per second before answering 429
    #[arg(long, value_name = "RATE", value_parser = rate)]
    rps: Option<f64>,
    /// Requests that may come at once under --rps; not for the fixed window
    #[arg(long, value_name = "N", default_value = "1", requires = "rps", value_parser = clap::value_parser!(u32).range(1..))]
    burst: u32,
    /// How --rps is counted
    #[arg(long, value_name = "ALGORITHM", default_value = "token-bucket", requires = "rps")]
    limit: Algorithm,
    /// How a 429 says how long to wait
    #[arg(long, value_name = "HINT", default_value = "none", requires = "rps")]
    hint: Hint,
    /// Share of requests that fail, 0 to 1
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share)]
    errors: f64,
    /// Status they fail with
    #[arg(long, value_name = "STATUS", default_value = "500", value_parser = clap::value_parser!(u16).range(400..600))]
    error_status: u16,
    /// Share of sums answered wrongly, 0 to 1
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share)]
    wrong: f64,
    /// How long the model fault/slow-first-token makes a client wait
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = span::parse)]
    fault_delay: Duration,
    /// What chance depends on
    #[arg(long, value_name = "SEED", default_value = "0")]
    seed: u64,
    /// Stop after this time instead of at ctrl-c
    #[arg(long = "for", value_name = "DURATION", value_parser = span::parse)]
    duration: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Algorithm {
    TokenBucket,
    /// Windows of one second.
    FixedWindow,
    Gcra,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Hint {
    None,
    RetryAfter,
    RetryAfterMs,
}

fn faults() -> String {
    let models: Vec<String> = mock::fault_models().collect();
    format!("Models that fail on purpose: {}", models.join(", "))
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "must be a number from 0 to 1, such as 0.1".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| "must be a number of requests above 0, such as 20".to_owned())
}

impl Args {
    fn settings(&self) -> anyhow::Result<Settings> {
        Ok(Settings {
            latency: self.latency,
            event_gap: self.event_gap,
            limit: self.rps.map(|rps| self.limit(rps)).transpose()?,
            hint: match self.hint {
                Hint::None => RetryHint::None,
                Hint::RetryAfter => RetryHint::Seconds,
                Hint::RetryAfterMs => RetryHint::Millis,
            },
            error_share: self.errors,
            error_status: self.error_status,
            wrong_share: self.wrong,
            fault_delay: self.fault_delay,
            seed: self.seed,
        })
    }

    fn limit(&self, per_second: f64) -> anyhow::Result<Limit> {
        Ok(match self.limit {
            Algorithm::TokenBucket => Limit::TokenBucket { per_second, burst: self.burst },
            Algorithm::Gcra => Limit::Gcra { per_second, burst: self.burst },
            Algorithm::FixedWindow => {
                // Through text, because it refuses fractions and what is too large.
                let requests = per_second.to_string().parse().ok().filter(|_| self.burst == 1);
                let requests = requests.context(
                    "a fixed window of one second holds a whole number of requests as --rps, and knows no --burst",
                )?;
                Limit::FixedWindow { requests, window: Duration::from_secs(1) }
            }
        })
    }
}

/// Serves until ctrl-c, SIGTERM or the end of `--for`. The address is one line of JSON on stdout; what the
/// mock saw is another when it ends. Gives the exit code.
pub fn run(args: &Args) -> anyhow::Result<u8> {
    let settings = args.settings()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(args.listen)
            .await
            .with_context(|| format!("failed to listen on {}; is the port taken?", args.listen))?;
        let address = listener.local_addr()?;
        print(&serde_json::json!({"listening": address.to_string(), "base_url": format!("http://{address}/v1")}))?;
        let stats = mock::serve(listener, settings, stopped(args.duration)).await?;
        print(&serde_json::to_value(stats)?)?;
        Ok(0)
    })
}

fn print(line: &serde_json::Value) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Ready at ctrl-c, SIGTERM or after a time. A signal that cannot be listened to never comes.
async fn stopped(after: Option<Duration>) {
    let timer = async {
        match after {
            Some(after) => tokio::time::sleep(after).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = timer => {}
        Ok(()) = tokio::signal::ctrl_c() => {}
        () = terminated() => {}
    }
}

async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn settings(line: &str) -> anyhow::Result<Settings> {
        Command::try_parse_from(line.split(' '))?.args.settings()
    }

    #[test]
    fn flags_become_settings() {
        let plain = settings("mock").unwrap();
        assert_eq!((plain.limit, plain.latency), (None, Duration::ZERO));
        let line = "mock --latency 50ms --rps 20 --burst 4 --hint retry-after-ms --errors 0.1 --error-status 503 \
                    --wrong 0.2 --seed 9 --event-gap 5ms";
        let all = settings(line).unwrap();
        assert_eq!(all.limit, Some(Limit::TokenBucket { per_second: 20.0, burst: 4 }));
        assert_eq!((all.latency.as_millis(), all.event_gap.as_millis(), all.seed), (50, 5, 9));
        assert_eq!((all.hint, all.error_status), (RetryHint::Millis, 503));
        let window = settings("mock --rps 20 --limit fixed-window").unwrap().limit;
        assert_eq!(window, Some(Limit::FixedWindow { requests: 20, window: Duration::from_secs(1) }));
    }

    #[test]
    fn the_mock_ends_well_after_its_time_and_badly_on_a_taken_port() {
        let parse = |line: &str| Command::parse_from(line.split(' ')).args;
        assert_eq!(run(&parse("mock --for 5ms")).unwrap(), 0);
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let line = format!("mock --for 5ms --listen {}", taken.local_addr().unwrap());
        assert!(run(&parse(&line)).unwrap_err().to_string().ends_with("is the port taken?"));
    }

    #[test]
    fn flags_that_make_no_sense_are_refused() {
        for line in [
            "mock --errors 1.5",
            "mock --rps 0",
            "mock --rps nan",
            "mock --burst 3",
            "mock --rps 20 --burst 0",
            "mock --hint retry-after",
            "mock --error-status 200",
            "mock --rps 20 --burst 2 --limit fixed-window",
            "mock --rps 20.5 --limit fixed-window",
        ] {
            assert!(settings(line).is_err(), "{line}");
        }
    }
}
