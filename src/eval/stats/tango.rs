//! Tango's score test for the difference of paired shares (Tango 1998, "Equivalence test and confidence
//! interval for the difference in proportions for the paired-sample design").

/// Pairs in which exactly one side passed, of `n` pairs. Real, so that shares (`n` = 1) and effective sample
/// sizes fit: `n > 0`, `better + worse <= n`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Discordance {
    /// Pairs.
    pub(super) n: f64,
    /// Only the candidate passed.
    pub(super) better: f64,
    /// Only the incumbent passed.
    pub(super) worse: f64,
}

impl Discordance {
    /// The difference of the shares, candidate less incumbent.
    pub(super) fn difference(self) -> f64 {
        (self.better - self.worse) / self.n
    }

    /// The variance of one pair's difference if the true difference were `delta`: 2q + δ(1 - δ), with q the
    /// most likely share of worse pairs under that restriction, the root of
    /// 2n q² + ((2n - b + c)δ - b - c) q - cδ(1 - δ).
    pub(super) fn variance_at(self, delta: f64) -> f64 {
        let (n, better, worse) = (self.n, self.better, self.worse);
        let slope = (2.0 * n - better + worse) * delta - better - worse;
        let constant = worse * delta * (1.0 - delta);
        let root = (slope * slope + 8.0 * n * constant).max(0.0).sqrt();
        // The root in the form that adds numbers of one sign.
        let q = if slope > 0.0 { 2.0 * constant / (slope + root) } else { (root - slope) / (4.0 * n) };
        let q = q.clamp((-delta).max(0.0), f64::midpoint(1.0, -delta));
        (2.0 * q + delta * (1.0 - delta)).max(0.0)
    }

    /// The score statistic of "the true difference is `delta`": standard normal if it is, positive when more
    /// was seen. Infinite where `delta` makes what was seen impossible.
    pub(super) fn score(self, delta: f64) -> f64 {
        let excess = self.better - self.worse - self.n * delta;
        if excess.abs() <= f64::EPSILON * self.n {
            return 0.0;
        }
        excess / (self.n * self.variance_at(delta)).sqrt()
    }

    /// The differences that the two-sided score test with critical value `z` does not reject.
    pub(super) fn interval(self, z: f64) -> [f64; 2] {
        let mirrored = Self { better: self.worse, worse: self.better, ..self };
        [self.lower_limit(z), -mirrored.lower_limit(z)]
    }

    /// The score falls as `delta` rises, so the limit is bisected down to the last bit that matters.
    fn lower_limit(self, z: f64) -> f64 {
        let (mut low, mut high) = (-1.0, self.difference());
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if self.score(middle) > z {
                low = middle;
            } else {
                high = middle;
            }
        }
        low
    }
}
