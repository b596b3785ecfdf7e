//! Short stories with numbers: a total that verbs add to and take from, groups, shares, reductions, rates.

use regex::Regex;

use super::arithmetic::{in_digits, numbers};
use super::number::Ratio;
use super::pattern::patterns;

patterns! {
    ASKS = r"\b(?:how many|how much|how far|what is the|what does)\b";
    GROUPS = r"(\d[\d,.]*) [a-z]+(?: [a-z]+)? (?:of|with|holding|containing|at|for) \$?(\d[\d,.]*)";
    SHARED = r"\b(?:equally|evenly)\b";
    FRACTION_OFF = r"(\d[\d,.]*)[^.\d]*\b(reduced|discounted|cut|lowered|falls|drops|increased|raised|rises|grows)\b[^.\d]*\bby (\d[\d.]*) ?(?:%|percent)";
    RATE = r"(\d[\d,.]*) [a-z]+(?: [a-z]+)? (?:per|an|a|each|every) (?:second|minute|hour|day|week|month)\b[^.?]*?\b(?:for|in) (\d[\d,.]*)";
    MORE = r"\b(?:buys?|bought|gets?|got|finds?|found|receives?|received|adds?|added|earns?|earned|picks?|picked|joins?|joined|arrives?|arrived|wins?|won|gains?|gained|bakes?|baked|makes?|made|returns?|returned|more|collects?|collected)\b";
    LESS = r"\b(?:sells?|sold|gives?|gave|eats?|ate|loses?|lost|spends?|spent|leaves?|leave|uses?|used|drops?|breaks?|broke|removes?|removed|drains?|fell|falls?|off|throws?|threw|lends?|lent|away)\b";
    NUMBER = r"\d[\d,]*(?:\.\d+)?";
}

/// What a story comes to, where it is of a kind that is known.
pub(super) fn total(prompt: &str) -> Option<Ratio> {
    let text = in_digits(prompt);
    let question = ASKS.find(&text)?;
    let told = &text[..question.start()];
    let asked = &text[question.start()..];
    if let Some(found) = FRACTION_OFF.captures(&text) {
        return changed(&found[1], &found[2], &found[3]);
    }
    let list = numbers(told);
    if let ([all, parts] | [all, _, parts], true) = (list.as_slice(), SHARED.is_match(told)) {
        // Three friends share 60: the smaller of two numbers is the friends.
        return if list.len() == 2 && all.is_below(*parts) { parts.over(*all) } else { all.over(*parts) };
    }
    if let Some(found) = RATE.captures(&text) {
        return Ratio::parse(&found[1])?.times(Ratio::parse(trimmed(&found[2]))?);
    }
    if !numbers(asked).is_empty() {
        return None;
    }
    running(told)
}

fn trimmed(number: &str) -> &str {
    number.trim_end_matches(['.', ','])
}

fn changed(amount: &str, verb: &str, percent: &str) -> Option<Ratio> {
    let (amount, share) = (Ratio::parse(trimmed(amount))?, Ratio::parse(percent)?.over(Ratio::whole(100))?);
    let change = amount.times(share)?;
    let is_more = ["increased", "raised", "rises", "grows"].contains(&verb.to_lowercase().as_str());
    if is_more { amount.plus(change) } else { amount.minus(change) }
}

/// Starts with the first number, or group of numbers, and follows the verbs.
fn running(told: &str) -> Option<Ratio> {
    let mut steps = amounts(told).into_iter();
    let (mut end, mut total, _) = steps.next()?;
    let mut count = 1;
    for (until, amount, start) in steps {
        let sign = sign(&told[end..start], &told[until..])?;
        total = total.plus(amount.times(Ratio::whole(sign))?)?;
        (end, count) = (until, count + 1);
    }
    let is_group = GROUPS.is_match(told);
    (count > 1 || is_group).then_some(total)
}

/// Whether an amount is added or taken: by the verb that follows it at once ("6 leave"), else by the last one
/// before it ("buys 7").
fn sign(before: &str, after: &str) -> Option<i128> {
    let leads = |verbs: &Regex| verbs.find(after.trim_start()).is_some_and(|verb| verb.start() == 0);
    let is_off = after.split_whitespace().nth(1).is_some_and(|word| ["off", "away"].contains(&word));
    if leads(&LESS) || (leads(&MORE) && is_off) {
        return Some(-1);
    }
    if leads(&MORE) {
        return Some(1);
    }
    let last = |verbs: &Regex| verbs.find_iter(before).last().map(|verb| verb.start());
    match (last(&MORE), last(&LESS)) {
        (None, None) => None,
        (more, less) => Some(if more > less { 1 } else { -1 }),
    }
}

/// The amounts of a text: their ends, themselves and their starts; `3 boxes of 12` is one.
fn amounts(told: &str) -> Vec<(usize, Ratio, usize)> {
    let groups: Vec<_> = GROUPS
        .captures_iter(told)
        .filter_map(|found| {
            let whole = found.get(0)?;
            let product = Ratio::parse(trimmed(&found[1]))?.times(Ratio::parse(trimmed(&found[2]))?)?;
            Some((whole.end(), product, whole.start()))
        })
        .collect();
    let is_free = |at: usize| groups.iter().all(|(end, _, start)| at < *start || at >= *end);
    let alone = NUMBER.find_iter(told).filter(|found| is_free(found.start()));
    let alone = alone.filter_map(|found| Some((found.end(), Ratio::parse(found.as_str())?, found.start())));
    let mut all: Vec<_> = alone.chain(groups.iter().copied()).collect();
    all.sort_by_key(|(_, _, start)| *start);
    all
}
