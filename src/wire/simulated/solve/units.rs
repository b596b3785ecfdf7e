//! Conversions between units.

use super::arithmetic::in_digits;
use super::number::Ratio;
use super::pattern::patterns;

/// Names of units, what they measure, and how many of the smallest unit here they are, as a fraction. Feet,
/// pounds and miles as the international agreement of 1959 has them.
const UNITS: [(&[&str], char, i128, i128); 25] = [
    (&["mm", "millimetre", "millimeter"], 'l', 1, 1),
    (&["cm", "centimetre", "centimeter"], 'l', 10, 1),
    (&["m", "metre", "meter"], 'l', 1000, 1),
    (&["km", "kilometre", "kilometer"], 'l', 1_000_000, 1),
    (&["inch", "inche"], 'l', 254, 10),
    (&["foot", "feet", "ft"], 'l', 3048, 10),
    (&["yard", "yd"], 'l', 9144, 10),
    (&["mile", "mi"], 'l', 1_609_344, 1),
    (&["mg", "milligram"], 'w', 1, 1),
    (&["g", "gram"], 'w', 1000, 1),
    (&["kg", "kilogram", "kilo"], 'w', 1_000_000, 1),
    (&["tonne"], 'w', 1_000_000_000, 1),
    (&["pound", "lb"], 'w', 45_359_237, 100),
    (&["ml", "millilitre", "milliliter"], 'v', 1, 1),
    (&["cl", "centilitre", "centiliter"], 'v', 10, 1),
    (&["l", "litre", "liter"], 'v', 1000, 1),
    (&["second", "sec"], 't', 1, 1),
    (&["minute", "min"], 't', 60, 1),
    (&["hour", "hr", "h"], 't', 3600, 1),
    (&["day"], 't', 86_400, 1),
    (&["week"], 't', 604_800, 1),
    (&["byte"], 'b', 1, 1),
    (&["kib", "kibibyte"], 'b', 1 << 10, 1),
    (&["mib", "mebibyte"], 'b', 1 << 20, 1),
    (&["gib", "gibibyte"], 'b', 1 << 30, 1),
];

patterns! {
    FORWARD = r"(\d[\d,]*(?:\.\d+)?)\s*([a-z]+)\s+(?:to|in|into|as)\s+([a-z]+)";
    BACKWARD = r"how many ([a-z]+) (?:are there |is |are |make up )?(?:in )?(\d[\d,]*(?:\.\d+)?|an?) ([a-z]+)";
    DEGREES = r"(-?\d+(?:\.\d+)?)\s*(?:°\s*|degrees? )?(c|f|celsius|fahrenheit)\s+(?:to|in|into)\s+(?:°\s*|degrees? )?(c|f|celsius|fahrenheit)\b";
}

/// The amount in the unit that is asked for.
pub(super) fn convert(prompt: &str) -> Option<Ratio> {
    let text = in_digits(prompt);
    if let Some(found) = DEGREES.captures(&text) {
        return degrees(Ratio::parse(&found[1])?, &found[2], &found[3]);
    }
    if let Some(found) = BACKWARD.captures(&text) {
        let amount = Ratio::parse(&found[2]).unwrap_or(Ratio::whole(1));
        return scaled(amount, &found[3], &found[1]);
    }
    FORWARD.captures_iter(&text).find_map(|found| scaled(Ratio::parse(&found[1])?, &found[2], &found[3]))
}

fn scaled(amount: Ratio, from: &str, to: &str) -> Option<Ratio> {
    let (from, to) = (unit(from)?, unit(to)?);
    (from.0 == to.0).then_some(())?;
    amount.times(from.1)?.over(to.1)
}

fn unit(name: &str) -> Option<(char, Ratio)> {
    let name = name.to_lowercase();
    let singular = name.strip_suffix('s').filter(|rest| !rest.is_empty()).unwrap_or(&name);
    let is_named = |names: &[&str]| names.iter().any(|known| *known == name || *known == singular);
    let (_, measures, above, below) = UNITS.iter().find(|(names, ..)| is_named(names))?;
    Some((*measures, Ratio::new(*above, *below)?))
}

fn degrees(amount: Ratio, from: &str, to: &str) -> Option<Ratio> {
    let is_celsius = |name: &str| name.to_lowercase().starts_with('c');
    let offset = Ratio::whole(32);
    match (is_celsius(from), is_celsius(to)) {
        (true, false) => amount.times(Ratio::new(9, 5)?)?.plus(offset),
        (false, true) => amount.minus(offset)?.times(Ratio::new(5, 9)?),
        _ => Some(amount),
    }
}
