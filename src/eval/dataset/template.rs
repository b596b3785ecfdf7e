//! Prompt templates: Jinja in the dialect of `minijinja`, strict about what is undefined.

use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use serde_json::Value;

use crate::eval::problem::{Problem, Problems};
use crate::model::Object;

/// A prompt template as somebody wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its file, or what else to call it in messages.
    pub name: String,
    /// Its source. It is rendered with the row's fields and `vars` and becomes the user's prompt; text is
    /// never escaped.
    pub text: String,
}

/// A template that parses.
#[derive(Debug)]
pub(super) struct Compiled {
    environment: Environment<'static>,
    name: String,
}

impl Compiled {
    pub(super) fn new(template: &Template) -> Result<Self, Problems> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        let added = environment.add_template_owned(template.name.clone(), template.text.clone());
        added.map_err(|error| {
            let mut problems = Problems::default();
            problems.push(Problem {
                file: template.name.clone(),
                line: error.line().map(|line| line as u64),
                column: None,
                message: format!("the template does not parse: {}", detail(&error)),
            });
            problems
        })?;
        Ok(Self { environment, name: template.name.clone() })
    }

    /// Renders with a row's fields; the error names the template's line and what is undefined.
    pub(super) fn render(&self, fields: &Object) -> Result<String, String> {
        let template = self.environment.get_template(&self.name).map_err(|error| detail(&error))?;
        template.render(Serde(fields)).map_err(|error| {
            let line = error.line().map_or_else(String::new, |line| format!(":{line}"));
            let place = format!("{}{line}", self.name);
            if error.kind() != ErrorKind::UndefinedError {
                return format!("the template {place} fails: {}", detail(&error));
            }
            let mut missing: Vec<String> = template
                .undeclared_variables(true)
                .into_iter()
                .filter(|path| !is_defined(path, fields))
                .collect();
            missing.sort();
            let names: Vec<&str> = fields.keys().map(String::as_str).collect();
            let missing =
                if missing.is_empty() { "a value".to_owned() } else { format!("`{}`", missing.join("`, `")) };
            format!("{missing} is not defined in the template {place}; the row has {}", names.join(", "))
        })
    }
}

/// Whether a dotted path leads to a value.
fn is_defined(path: &str, fields: &Object) -> bool {
    let mut steps = path.split('.');
    let first = steps.next().and_then(|name| fields.get(name));
    steps
        .try_fold(first, |value, step| match value {
            Some(Value::Object(fields)) => Some(fields.get(step)),
            // Steps into other values (methods, indices) are the template engine's business.
            Some(other) => Some(Some(other)),
            None => None,
        })
        .flatten()
        .is_some()
}

fn detail(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}
