use proptest::prelude::*;
use serde_json::json;

use super::*;

fn said(prompt: &str) -> Option<String> {
    solve(&Question { prompt, ..Question::default() }).map(|answer| answer.text())
}

#[test]
fn questions_of_known_families_are_worked_out() {
    let beside = format!("What is {}?", ["(1)"; 33].join(" + "));
    let cases = [
        // Sums in signs and words.
        ("Compute 3 + 4.", "7"),
        ("Compute 0 + 7.", "7"),
        ("What is 12+30?", "42"),
        ("What is 17 squared? Answer with the number.", "289"),
        ("Calculate (12 - 4.5) × 2 / 3", "5"),
        ("What is 2^10?", "1024"),
        ("1 / 8", "0.125"),
        ("What is 10 divided by 3?", "3.3333"),
        ("What is -3 - 8?", "-11"),
        (&beside, "33"),
        ("What is twelve plus thirty-one?", "43"),
        ("What is three hundred and five times two?", "610"),
        ("What is 15% of 80?", "12"),
        ("What is 3/4 of 36? Answer with the number.", "27"),
        ("What is 1,250.50 minus 250.5?", "1000"),
        ("What is the average of 12, 19, 23 and 30?", "21"),
        ("What is the largest of 3, 19 and 7?", "19"),
        ("What is the median of 9, 1, 4 and 6?", "5"),
        ("What is the remainder when 17 is divided by 5?", "2"),
        ("What is the square root of 144?", "12"),
        // Units.
        ("Convert 5 km to metres.", "5000"),
        ("How many minutes are there in 2.5 hours?", "150"),
        ("How many days are in 3 weeks?", "21"),
        ("What is 20 degrees Celsius in Fahrenheit?", "68"),
        ("Convert 10 inches to centimetres.", "25.4"),
        // Stories.
        ("A bakery bakes 14 trays of 12 rolls and sells 131 rolls. How many rolls are left?", "37"),
        ("Tom has 12 apples, buys 7 and gives away 5. How many apples has he?", "14"),
        ("A bus has 30 people. 12 get off and 5 join. How many are on the bus?", "23"),
        ("60 sweets are shared equally among 12 children. How many does each get?", "5"),
        ("A jacket costs $80 and is reduced by 15%. What is the new price in dollars?", "68"),
        ("A car drives 60 km per hour for 2.5 hours. How many km is that?", "150"),
        // Labels.
        ("Is this review positive, negative or neutral?\n\nThe soup was cold.", "negative"),
        ("Is this review positive, negative or neutral?\n\nA great and friendly place!", "positive"),
        ("Is this review positive, negative or neutral?\n\nIt arrived on Tuesday.", "neutral"),
        ("Is this review positive, negative or neutral?\n\nThe food was not good.", "negative"),
        ("Spam or ham?\n\nClick here to claim your prize", "spam"),
        // Multiple choice.
        ("Which of these is a prime number?\nA) 21\nB) 27\nC) 29\nD) 33\n\nAnswer with the letter.", "C"),
        ("What is 7 times 8?\nA) 54\nB) 56\nC) 64", "B"),
        ("What is the capital of Norway?\nA) Bergen\nB) Oslo", "B"),
        ("Which number is the smallest?\nA) 0.5\nB) 0.05\nC) 5", "B"),
        // Words.
        ("How many times does the letter r appear in \"strawberry\"?", "3"),
        ("How many words are in \"the quick brown fox\"?", "4"),
        ("How many vowels are in \"education\"?", "5"),
        ("Write \"hello\" in upper case.", "HELLO"),
        ("Write the word \"stressed\" backwards.", "desserts"),
        ("What is the last word of \"never look back\"?", "back"),
        // Dates.
        ("What day of the week was 2026-01-01?", "Thursday"),
        ("Which weekday is 4 July 2026?", "Saturday"),
        ("How many days are there between 2026-03-01 and 2026-04-01?", "31"),
        ("What date is 10 days after 2026-02-25? Answer as YYYY-MM-DD.", "2026-03-07"),
        ("Is 2028 a leap year?", "yes"),
        ("A train leaves at 09:40 and arrives at 11:05. How many minutes does it take?", "85"),
        // Facts.
        ("What is the capital of Norway?", "Oslo"),
        ("Is 91 a prime number? Answer yes or no.", "no"),
    ];
    for (prompt, expected) in cases {
        assert_eq!(said(prompt).as_deref(), Some(expected), "{prompt}");
    }
}

#[test]
fn other_questions_are_not_guessed_at() {
    let prompts = [
        "Hello",
        "",
        "Write a haiku about the sea.",
        "How do I kill a process that hangs on Linux?",
        "Call 555-1234 before 2026-01-01.",
        "Tell me about apples or oranges.",
        "What is 1 / 0?",
        "What is 9^999999?",
        "Which is best?\nA) one\nB) two",
    ];
    for prompt in prompts {
        assert_eq!(said(prompt), None, "{prompt}");
    }
}

#[test]
fn labels_may_stand_in_the_instructions_and_names_in_earlier_turns() {
    let system = "You sort support tickets. Answer with one word: billing, technical or account.";
    for (prompt, expected) in [
        ("My card was charged twice for the same order.", "billing"),
        ("The app closes as soon as I open the settings.", "technical"),
        ("I forgot my password.", "account"),
    ] {
        let answer = solve(&Question { system, prompt, ..Question::default() }).unwrap();
        assert_eq!(answer.text(), expected, "{prompt}");
    }
    let earlier = "My name is Ida.\nWhat is my name?";
    let question = Question { earlier, prompt: "What is my name?", ..Question::default() };
    assert_eq!(solve(&question).unwrap().text(), "Ida");
}

fn schema(properties: &[(&str, &str)]) -> Value {
    let types = properties.iter().map(|(name, kind)| ((*name).to_owned(), json!({"type": kind})));
    let required: Vec<&str> = properties.iter().map(|(name, _)| *name).collect();
    json!({"type": "object", "properties": types.collect::<Map<_, _>>(), "required": required})
}

#[test]
fn fields_are_found_by_the_names_and_types_of_the_schema() {
    let invoice = [("invoice", "string"), ("total", "number"), ("currency", "string")];
    let person = [("name", "string"), ("email", "string"), ("date", "string")];
    let order = [("quantity", "integer"), ("city", "string"), ("express", "boolean")];
    let cases = [
        (
            &invoice[..],
            "Extract the fields from this text:\n\nInvoice INV-2041 of 3 May 2026. Amount due: EUR 1,250.00.",
            json!({"invoice": "INV-2041", "total": 1250, "currency": "EUR"}),
        ),
        (
            &person[..],
            "Mira Solberg (mira.solberg@example.com) signed on 14 March 2026.",
            json!({"name": "Mira Solberg", "email": "mira.solberg@example.com", "date": "2026-03-14"}),
        ),
        (
            &order[..],
            "Send 12 lamps to Bergen, not express.",
            json!({"quantity": 12, "city": "Bergen", "express": false}),
        ),
        (&[("answer", "number")][..], "What is 6 × 7?", json!({"answer": 42})),
    ];
    for (properties, prompt, expected) in cases {
        let schema = schema(properties);
        let answer = solve(&Question { prompt, schema: Some(&schema), ..Question::default() });
        let Some(Answer::Object(found)) = answer else { panic!("{prompt}: {answer:?}") };
        assert_eq!(Value::from(found), expected, "{prompt}");
    }
}

#[test]
fn tools_are_called_with_what_the_text_says() {
    let tool = |name: &str, description: &str, parameters: Value| json!({"type": "function", "function": {"name": name, "description": description, "parameters": parameters}});
    let units = json!({"type": "string", "enum": ["celsius", "fahrenheit"]});
    let city = json!({"type": "object", "properties": {"city": {"type": "string"}, "unit": units}, "required": ["city"]});
    let minutes =
        json!({"type": "object", "properties": {"minutes": {"type": "number"}}, "required": ["minutes"]});
    let language = json!({"type": "object", "properties": {"Language": {"type": "string"}}});
    let tools = [
        tool("get_weather", "The weather of a city.", city),
        tool("set_timer", "Starts a timer.", minutes),
        tool("detect", "", language),
    ];
    let cases = [
        ("What is the weather in Lisbon?", json!([["get_weather", {"city": "Lisbon"}]])),
        ("Which LANGUAGE is this, in English?", json!([["detect", {}]])),
        ("Wake me in 25 minutes.", json!([["set_timer", {"minutes": 25}]])),
        (
            "Start a timer of ten minutes and tell me the weather in Rome, in celsius.",
            json!([["set_timer", {"minutes": 10}], ["get_weather", {"city": "Rome", "unit": "celsius"}]]),
        ),
    ];
    for (prompt, expected) in cases {
        let Some(Answer::Calls(calls)) = solve(&Question { prompt, tools: &tools, ..Question::default() })
        else {
            panic!("{prompt}: no call");
        };
        assert_eq!(json!(calls), expected, "{prompt}");
    }
}

#[test]
fn the_least_value_meets_its_schema() {
    let schemas = [
        json!({"type": "object", "properties": {"a": {"type": "string", "minLength": 12}, "b": {"enum": ["x", "y"]},
            "c": {"type": "array", "items": {"type": "integer", "minimum": 3}, "minItems": 2}}, "required": ["a", "b", "c"],
            "additionalProperties": false}),
        json!({"type": ["number", "null"], "exclusiveMinimum": 2}),
        json!({"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {"next": {"anyOf":
            [{"type": "null"}, {"$ref": "#/$defs/node"}]}}, "required": ["next"]}}}),
        json!({"const": 7}),
        json!({"type": "boolean"}),
        json!({"type": "string", "format": "date", "maxLength": 10}),
    ];
    for schema in schemas {
        let value = minimal(&schema);
        assert!(jsonschema::is_valid(&schema, &value), "{schema} does not take {value}");
    }
}

#[test]
fn sums_are_read_where_there_are_any() {
    let cases = [
        ("Compute 3 + 4.", Some(7)),
        ("What is 12+30?", Some(42)),
        ("c + d or 1 + 1", Some(2)),
        ("no sum", None),
        ("+", None),
        ("99999999999999999999999999999999999999999 + 1", None),
    ];
    for (prompt, expected) in cases {
        assert_eq!(sum(prompt), expected, "{prompt}");
    }
}

proptest! {
    #[test]
    fn any_sum_of_two_is_worked_out(a in -1_000_000_i64..1_000_000, b in 0_i64..1_000_000) {
        prop_assert_eq!(said(&format!("What is {a} + {b}?")), Some((a + b).to_string()));
        prop_assert_eq!(said(&format!("Compute ({a}) * {b}.")), Some((a * b).to_string()));
    }

    #[test]
    fn no_prompt_is_too_odd(
        prompt in "(What is |How many |[A-C]\\) |\"|[a-z]{1,4} |[0-9]{1,30}|[-+*/^().,%$: ]|\\PC|\n){0,40}"
    ) {
        let schema = schema(&[("total", "number"), ("name", "string")]);
        solve(&Question { prompt: &prompt, ..Question::default() });
        solve(&Question { prompt: &prompt, schema: Some(&schema), ..Question::default() });
    }
}

/// A pattern that `prepare` does not know would be compiled within the first question that needs it.
#[test]
fn the_families_have_no_patterns_but_those_that_are_prepared() {
    let sources = [
        include_str!("choice.rs"),
        include_str!("dates.rs"),
        include_str!("facts.rs"),
        include_str!("fields.rs"),
        include_str!("fill.rs"),
        include_str!("labels.rs"),
        include_str!("number.rs"),
        include_str!("story.rs"),
        include_str!("tools.rs"),
        include_str!("units.rs"),
        include_str!("words.rs"),
    ];
    for source in sources {
        assert!(!source.contains("Regex::new") && !source.contains("LazyLock"), "{source}");
    }
}
