//! What repeats of the same prompts tell.

use super::real;

/// pass@k: the chance that at least one of `k` answers passes, from `passed` of `n` repeats, without bias: 1
/// - C(n - c, k)/C(n, k) (Chen et al. 2021, arXiv 2107.03374). `None` for `k` outside `1..=n` or `passed >
/// n`.
pub fn pass_at_k(n: u64, passed: u64, k: u64) -> Option<f64> {
    possible(n, passed, k).then(|| 1.0 - all_drawn(n, n - passed, k))
}

/// pass^k: the chance that all of `k` answers pass, C(c, k)/C(n, k) (Yao et al. 2024, arXiv 2406.12045).
/// `None` for `k` outside `1..=n` or `passed > n`.
pub fn pass_all_k(n: u64, passed: u64, k: u64) -> Option<f64> {
    possible(n, passed, k).then(|| all_drawn(n, passed, k))
}

const fn possible(n: u64, passed: u64, k: u64) -> bool {
    passed <= n && k >= 1 && k <= n
}

/// The chance that `k` draws without replacement from `n` all fall on the `marked`.
fn all_drawn(n: u64, marked: u64, k: u64) -> f64 {
    (0..k).map(|i| real(marked.saturating_sub(i)) / real(n - i)).product()
}

/// Repeats over a dataset, prompt by prompt, in constant memory. Prompts may have different numbers of
/// repeats.
#[derive(Clone, Debug)]
pub struct Prompts {
    draws: Vec<Draw>,
    asked: u64,
    answers: u64,
    /// Σ of squared numbers of repeats.
    square_answers: f64,
    mean: f64,
    /// Σ nᵢ (mᵢ - m)².
    between: f64,
    /// Σ of squared deviations inside prompts.
    within: f64,
}

/// The sums behind pass@k and pass^k for one k.
#[derive(Clone, Copy, Debug, Default)]
struct Draw {
    prompts: u64,
    any: f64,
    all: f64,
}

/// Variance of pass (0 or 1) between and within prompts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Variance {
    /// Of the prompts' true pass rates: what more prompts average out, and more repeats do not.
    pub between: f64,
    /// Of one prompt's answers, on average: what more repeats average out.
    pub within: f64,
}

impl Variance {
    /// The intra-class correlation, between / (between + within): how alike the answers to one prompt are, from
    /// 0 (a repeat tells as much as another prompt) to 1 (it tells nothing). `None` where nothing varies.
    pub fn correlation(self) -> Option<f64> {
        let all = self.between + self.within;
        (all > 0.0).then(|| self.between / all)
    }
}

impl Prompts {
    /// Nothing yet, to be asked for pass@k up to `most`.
    pub fn new(most: usize) -> Self {
        Self {
            draws: vec![Draw::default(); most],
            asked: 0,
            answers: 0,
            square_answers: 0.0,
            mean: 0.0,
            between: 0.0,
            within: 0.0,
        }
    }

    /// Takes a prompt of which `passed` of `repeats` answers passed. A prompt without answers, or with more
    /// passed than answered, is left out.
    pub fn add(&mut self, passed: u64, repeats: u64) {
        if repeats == 0 || passed > repeats {
            return;
        }
        for (draw, k) in self.draws.iter_mut().zip(1..=repeats) {
            draw.prompts += 1;
            draw.any += 1.0 - all_drawn(repeats, repeats - passed, k);
            draw.all += all_drawn(repeats, passed, k);
        }
        let (n, share) = (real(repeats), real(passed) / real(repeats));
        self.asked += 1;
        self.answers += repeats;
        self.square_answers += n * n;
        self.within += n * share * (1.0 - share);
        // West's weighted mean and squares (1979).
        let before = share - self.mean;
        self.mean += before * n / real(self.answers);
        self.between += n * before * (share - self.mean);
    }

    /// pass@k over the prompts that have at least `k` answers; `None` when there is none, or `k` is more than
    /// asked for.
    pub fn pass_at(&self, k: usize) -> Option<f64> {
        self.draw(k).map(|draw| draw.any / real(draw.prompts))
    }

    /// pass^k over the prompts that have at least `k` answers; `None` when there is none, or `k` is more than
    /// asked for.
    pub fn pass_all(&self, k: usize) -> Option<f64> {
        self.draw(k).map(|draw| draw.all / real(draw.prompts))
    }

    /// The variance components by one-way analysis of variance (Searle, Casella & `McCulloch` 1992, chapter 3): within is the mean square inside prompts, between is (MS between - MS within)/n₀, not below 0,
    /// with n₀ = (N - Σnᵢ²/N)/(items - 1), the repeats per prompt when they are equal. `None` below two
    /// prompts and where no prompt has two answers.
    pub fn variance(&self) -> Option<Variance> {
        if self.asked < 2 || self.answers == self.asked {
            return None;
        }
        let (all, groups) = (real(self.answers), real(self.asked - 1));
        let within = self.within / real(self.answers - self.asked);
        let typical = (all - self.square_answers / all) / groups;
        let between = ((self.between / groups - within) / typical).max(0.0);
        Some(Variance { between, within })
    }

    fn draw(&self, k: usize) -> Option<Draw> {
        self.draws.get(k.checked_sub(1)?).copied().filter(|draw| draw.prompts > 0)
    }
}

#[cfg(test)]
mod tests;
