//! Classification by lists of words, where the labels to choose from are named in the prompt.

use super::Answer;
use super::pattern::patterns;

/// Labels with the beginnings of the words that speak for them.
const WORDS: [(&str, &[&str]); 11] = [
    (
        "positive",
        &[
            "good",
            "great",
            "best",
            "love",
            "excellent",
            "wonderful",
            "delicious",
            "happy",
            "perfect",
            "friendly",
            "recommend",
            "enjoy",
            "superb",
            "fantastic",
            "delight",
            "pleas",
            "amazing",
            "come back",
        ],
    ),
    (
        "negative",
        &[
            "bad",
            "terrible",
            "awful",
            "cold",
            "rude",
            "broke",
            "worst",
            "hate",
            "disappoint",
            "dirty",
            "slow",
            "refund",
            "noisy",
            "stale",
            "boring",
            "useless",
            "late",
            "waste",
            "nobody apologised",
        ],
    ),
    ("neutral", &[]),
    (
        "billing",
        &[
            "card",
            "charged",
            "invoice",
            "refund",
            "pay",
            "fee",
            "price",
            "money",
            "statement",
            "subscription",
            "receipt",
        ],
    ),
    (
        "technical",
        &[
            "crash", "error", "closes", "hangs", "bug", "slow", "upload", "screen", "freez", "load", "blank",
            "timeout",
        ],
    ),
    (
        "account",
        &[
            "password",
            "profile",
            "e-mail address",
            "email address",
            "log in",
            "login",
            "sign in",
            "username",
            "delete my",
            "my account",
        ],
    ),
    ("spam", &["winner", "free", "click", "prize", "claim", "urgent offer", "lottery", "guaranteed"]),
    ("ham", &[]),
    ("bug", &["crash", "error", "fails", "broken", "wrong", "regression"]),
    ("feature", &["would be nice", "please add", "support for", "could you add", "wish"]),
    ("question", &["how do", "how can", "is there", "what is", "why does"]),
];

patterns! {
    LIST = r"\b([a-z]+(?:,\s*[a-z]+)*),?\s+or\s+(?:a |an )?([a-z]+)\b";
    NEGATION = r"(?:\bnot|\bnever|\bno|n't|n’t)(?:\s+\w+)?\s*$";
}

/// The label that fits, where at least two labels are named that word lists are here for.
pub(super) fn label(system: &str, prompt: &str) -> Option<Answer> {
    let labels = offered(prompt).or_else(|| offered(system))?;
    let text = prompt.split_once("\n\n").map_or(prompt, |(_, text)| text).to_lowercase();
    let text = LIST.replace_all(&text, "");
    let score = |label: &&str| hits(label, &text) + opposed(label, &text);
    let scores: Vec<usize> = labels.iter().map(score).collect();
    let best = scores.iter().copied().max().filter(|best| *best > 0);
    let by_default = || labels.iter().copied().find(|label| ["neutral", "ham"].contains(label));
    let found = match best {
        Some(best) => labels.get(scores.iter().position(|score| *score == best)?).copied(),
        None => by_default(),
    };
    Some(Answer::label(found.or_else(|| labels.first().copied())?, &labels))
}

fn offered(text: &str) -> Option<Vec<&'static str>> {
    let known =
        |word: &str| WORDS.iter().map(|(label, _)| *label).find(|label| label.eq_ignore_ascii_case(word));
    LIST.captures_iter(text).find_map(|found| {
        let named = found[1].split(',').map(str::trim).chain([&found[2]]);
        let labels: Vec<_> = named.filter_map(known).collect();
        (labels.len() >= 2).then_some(labels)
    })
}

fn words(label: &str) -> &'static [&'static str] {
    WORDS.iter().find(|(known, _)| *known == label).map_or(&[], |(_, words)| words)
}

/// Where a word of a list begins in a text.
fn places<'a>(word: &'a str, text: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_start = |at: usize| !text[..at].ends_with(char::is_alphanumeric);
    text.match_indices(word).map(|(at, _)| at).filter(move |at| is_start(*at))
}

/// The words that speak for a label.
fn hits(label: &str, text: &str) -> usize {
    let is_sentiment = opposite(label).is_some();
    let speaks = |at: &usize| !is_sentiment || !NEGATION.is_match(&text[..*at]);
    words(label).iter().flat_map(|word| places(word, text)).filter(speaks).count()
}

/// The negated words that speak against a label's opposite.
fn opposed(label: &str, text: &str) -> usize {
    let Some(opposite) = opposite(label) else { return 0 };
    let negated = |at: &usize| NEGATION.is_match(&text[..*at]);
    words(opposite).iter().flat_map(|word| places(word, text)).filter(negated).count()
}

fn opposite(label: &str) -> Option<&'static str> {
    match label {
        "positive" => Some("negative"),
        "negative" => Some("positive"),
        _ => None,
    }
}
