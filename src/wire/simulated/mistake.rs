//! Mistakes in the form of a right answer, as models make them.

use serde_json::{Map, Value};

use super::solve::{Answer, Ratio};

/// A wrong answer of the same form; `bits` choose which.
pub(super) fn wrong(right: &Answer, bits: u64) -> Answer {
    match right {
        Answer::Number(number) => Answer::Number(off(*number, bits)),
        Answer::Label { label, others } => match pick(others, bits) {
            Some(other) => Answer::Label { label: other.clone(), others: vec![label.clone()] },
            None => Answer::Text("unknown".to_owned()),
        },
        Answer::Text(text) => Answer::Text(slip(text)),
        Answer::Object(fields) => Answer::Object(spoiled(fields, bits)),
        Answer::Calls(calls) => {
            let spoil =
                |(name, arguments): &(String, Map<String, Value>)| (name.clone(), spoiled(arguments, bits));
            Answer::Calls(calls.iter().map(spoil).collect())
        }
    }
}

fn pick<T>(all: &[T], bits: u64) -> Option<&T> {
    let at = bits.checked_rem(all.len() as u64)?;
    all.get(usize::try_from(at).ok()?)
}

/// One beside, or a digit too many.
fn off(number: Ratio, bits: u64) -> Ratio {
    let zero = Ratio::whole(0);
    let by = [Ratio::whole(1), Ratio::whole(-1), Ratio::whole(10)];
    let wrong = match pick(&by, bits) {
        Some(ten) if *ten == Ratio::whole(10) && number != zero => number.times(*ten),
        Some(one) => number.plus(*one),
        None => None,
    };
    wrong.unwrap_or(zero)
}

/// A text with its second character lost, or something said where there is too little to lose.
fn slip(text: &str) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    if characters.len() < 3 {
        return "unknown".to_owned();
    }
    characters.remove(1);
    characters.into_iter().collect()
}

/// One value changed, its type kept; every third time a field is left out instead.
fn spoiled(fields: &Map<String, Value>, bits: u64) -> Map<String, Value> {
    let mut fields = fields.clone();
    let names: Vec<String> = fields.keys().cloned().collect();
    let Some(name) = pick(&names, bits >> 8) else { return fields };
    if bits.is_multiple_of(3) {
        fields.shift_remove(name);
    } else if let Some(value) = fields.get_mut(name) {
        spoil(value);
    }
    fields
}

fn spoil(value: &mut Value) {
    match value {
        Value::Bool(truth) => *truth = !*truth,
        Value::Number(number) => {
            *value = match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => whole.wrapping_add(1).into(),
                (None, float) => Value::from(float.unwrap_or_default() * 10.0),
            };
        }
        Value::String(text) => *text = slip(text),
        Value::Array(items) => items.iter_mut().for_each(spoil),
        Value::Object(fields) => fields.values_mut().for_each(spoil),
        Value::Null => *value = "unknown".into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn mistakes_are_wrong_and_have_the_form_of_the_right_answer() {
        let label = Answer::Label { label: "yes".into(), others: vec!["no".into()] };
        let fields =
            object(&json!({"n": 1, "x": 0.5, "ok": true, "who": "Ada", "list": ["a"], "none": null}));
        let answers = [
            Answer::Number(Ratio::whole(41)),
            Answer::Number(Ratio::whole(0)),
            label,
            Answer::Text("Paris".into()),
            Answer::Text(String::new()),
            Answer::Object(fields.clone()),
            Answer::Calls(vec![("add".into(), fields)]),
        ];
        for right in answers {
            for bits in (0..2_000).map(|bits| bits * 97) {
                let wrong = wrong(&right, bits);
                assert_ne!(wrong, right, "{bits}");
                let keeps = std::mem::discriminant(&wrong) == std::mem::discriminant(&right);
                assert!(keeps, "{right:?} became {wrong:?}");
            }
        }
    }

    #[test]
    fn a_field_is_changed_or_left_out() {
        let right = Answer::Object(object(&json!({"total": 12.5, "invoice": "A-1"})));
        let wrongs: Vec<String> = (0..6).map(|bits| wrong(&right, bits).text()).collect();
        assert!(wrongs.contains(&json!({"invoice": "A-1"}).to_string()), "{wrongs:?}");
        assert!(wrongs.contains(&json!({"total": 125.0, "invoice": "A-1"}).to_string()), "{wrongs:?}");
    }
}
