//! Before the first call: whether the prompts at hand can be expected to decide anything.

use super::stats::level::Level;
use super::stats::power::{Goal, margin_pairs};
use super::verdict::{POWER, trimmed};
use crate::base::number::{count, counted};

/// The share of prompts that one candidate is taken to pass and the other not, before anything is known. Of the
/// six pairs of recorded GSM8K systems (Cobbe et al. 2021) 26 to 41 % differ; the closer two models are, and the
/// nearer to all right, the fewer.
pub const ASSUMED_DISCORDANCE: f64 = 0.2;

/// How many prompts a comparison is expected to need, by Connor and Miettinen's reasoning
/// ([`margin_pairs`]) for a candidate that is as good as the incumbent, and whether this run has them. Prompts
/// are taken as independent: repeats add less than prompts, and clusters take more.
pub fn outlook(margin: f64, compared: usize, prompts: u64, incumbent: &str) -> String {
    let pp = trimmed(margin * 100.0);
    let differ = trimmed(ASSUMED_DISCORDANCE * 100.0);
    let Some(needed) = needed(margin, compared) else {
        return format!(
            "a margin of {pp} pp has no number of prompts that shows it of a candidate that is only as good as \
             {incumbent}: it must be better"
        );
    };
    let has = count(prompts);
    let enough = match prompts {
        prompts if prompts >= needed => format!("this run has {has}, which is enough"),
        _ => format!("this run has {has}, too few unless they differ clearly"),
    };
    format!(
        "to show a candidate no more than {pp} pp worse than {incumbent} takes about {} if they disagree \
         on {differ}% of them (assumed): {enough}",
        counted(needed, "prompt")
    )
}

/// Prompts in all, each of several candidates at its share of the error, as Holm's first step asks.
fn needed(margin: f64, compared: usize) -> Option<u64> {
    let compared = u32::try_from(compared.max(1)).unwrap_or(u32::MAX);
    let goal = Goal::new(Level::new(1.0 - 0.05 / f64::from(compared))?, POWER)?;
    margin_pairs(ASSUMED_DISCORDANCE / 2.0, ASSUMED_DISCORDANCE / 2.0, margin, goal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outlook_says_what_it_assumes_and_whether_the_prompts_will_do() {
        // The Wald formula gives (1.96 + 0.84)² 0.2/0.02² = 3,925; the score test a few more.
        assert_eq!(
            outlook(0.02, 1, 60, "old"),
            "to show a candidate no more than 2 pp worse than old takes about 3,941 prompts if they disagree on \
             20% of them (assumed): this run has 60, too few unless they differ clearly"
        );
        assert!(outlook(0.02, 1, 5_000, "old").ends_with("this run has 5,000, which is enough"));
        assert!(outlook(0.0, 1, 5_000, "old").contains("it must be better"));
    }

    #[test]
    fn more_candidates_and_smaller_margins_need_more() {
        let needed = |margin, compared| needed(margin, compared).unwrap();
        assert!(needed(0.02, 3) > needed(0.02, 1) && needed(0.02, 1) > needed(0.05, 1));
    }
}
