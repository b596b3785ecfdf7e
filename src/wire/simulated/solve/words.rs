//! Questions about letters and words of a quoted text.

use super::Answer;
use super::number::Ratio;
use super::pattern::patterns;

patterns! {
    QUOTED = r#""([^"]+)"|“([^”]+)”|(?:^|[\s:(])'([^']+)'"#;
    LETTER = r#"\bhow (?:many times|often) (?:does|is|do) (?:the letter )?["“']?([a-z])["”']?\b|\bhow many (?:letters? )?["“']?([a-z])["”']?(?:'?s)? (?:are|is) (?:there )?in\b"#;
    COUNT = r"\bhow many (words|letters|characters|vowels|digits)\b";
}

/// Answers a question about a quoted text.
pub(super) fn answer(prompt: &str) -> Option<Answer> {
    let quoted: Vec<&str> = QUOTED
        .captures_iter(prompt)
        .filter_map(|found| found.iter().skip(1).flatten().next().map(|text| text.as_str()))
        .collect();
    // A letter may be quoted before the text it is counted in.
    let text = *quoted.last()?;
    let asked = prompt.replace(text, " ").to_lowercase();
    if let Some(found) = LETTER.captures(prompt) {
        let letter = found.iter().skip(1).flatten().next()?.as_str().to_lowercase();
        return number(text.to_lowercase().matches(letter.as_str()).count());
    }
    if let Some(found) = COUNT.captures(&asked) {
        return number(count(&found[1], text));
    }
    turned(&asked, text).map(Answer::Text)
}

fn number(count: usize) -> Option<Answer> {
    Some(Answer::Number(Ratio::whole(i128::try_from(count).ok()?)))
}

fn count(what: &str, text: &str) -> usize {
    match what {
        "words" => text.split_whitespace().count(),
        "letters" => text.chars().filter(|c| c.is_alphabetic()).count(),
        "vowels" => text.chars().filter(|c| "aeiouAEIOU".contains(*c)).count(),
        "digits" => text.chars().filter(char::is_ascii_digit).count(),
        _ => text.chars().count(),
    }
}

fn turned(asked: &str, text: &str) -> Option<String> {
    let says = |words: &[&str]| words.iter().any(|word| asked.contains(word));
    let mut words: Vec<&str> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    if says(&["upper case", "uppercase", "upper-case", "capital letters"]) {
        return Some(text.to_uppercase());
    }
    if says(&["lower case", "lowercase", "lower-case"]) {
        return Some(text.to_lowercase());
    }
    if says(&["order of the words", "word order"]) {
        words.reverse();
        return Some(words.join(" "));
    }
    if says(&["reverse", "backwards"]) {
        return Some(text.chars().rev().collect());
    }
    if says(&["alphabetical"]) {
        words.sort_by_key(|word| word.to_lowercase());
        return Some(words.join(", "));
    }
    let word = if says(&["last word"]) {
        words.last()
    } else if says(&["first word"]) {
        words.first()
    } else if says(&["longest word"]) {
        words.iter().rev().max_by_key(|word| word.chars().count())
    } else {
        None
    };
    word.map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).to_owned())
}
