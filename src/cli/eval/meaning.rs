//! What a candidate's name means by the configuration, beyond its model: what answers depend on.

use crate::cli::settings::Config;
use crate::eval::candidate;
use crate::eval::manifest::{Entrant, Meaning};
use crate::policy::Policy;

/// What a candidate means now. Nothing for recorded answers, and for what the configuration cannot resolve.
pub(super) fn of(policy: &Policy, entrant: &Entrant) -> Option<Meaning> {
    if entrant.model.starts_with("replay:") {
        return None;
    }
    let resolved = policy.target(&entrant.model).ok()?;
    let written = candidate::params(&entrant.params).ok()?;
    let alias = resolved.alias.map(|alias| alias.params).unwrap_or_default();
    let provider = resolved.provider;
    let base_url = provider.base_url.split_once('?').map_or(&*provider.base_url, |(bare, _)| bare);
    Some(Meaning {
        params: candidate::written(&candidate::over(written, &alias)),
        base_url: base_url.to_owned(),
        dialect: provider.dialect.name().to_owned(),
    })
}

/// How the configuration of today would ask a candidate otherwise than the run did so far, one clause each. Keys,
/// headers, limits and retries may differ. A run of an earlier version says less, and is held to what it says.
pub(super) fn changes(entrant: &Entrant, config: &Config) -> Vec<String> {
    let Ok(resolved) = config.policy.target(&entrant.model) else { return Vec::new() };
    let (label, now) = (&entrant.label, resolved.target.to_string());
    if now != entrant.target {
        return vec![format!("{label} was {} and is now {now}", entrant.target)];
    }
    let Some((then, now)) = entrant.meaning.as_ref().zip(of(&config.policy, entrant)) else {
        return Vec::new();
    };
    let params =
        |params: &str| if params.is_empty() { "no parameters".to_owned() } else { params.to_owned() };
    let facts = [
        ("asked with", params(&then.params), params(&now.params)),
        ("asked at", then.base_url.clone(), now.base_url),
        ("asked in the dialect", then.dialect.clone(), now.dialect),
    ];
    let changed = facts.into_iter().filter(|(_, then, now)| then != now);
    changed.map(|(how, then, now)| format!("{label} was {how} {then} and would now be {how} {now}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::resolve;

    const THEN: &str = r#"
        [providers.box]
        url = "http://127.0.0.1:9/v1?api-version=1"
        dialect = "openai"
        [models.fast]
        id = "box/m"
        params = { temperature = 0 }
    "#;

    fn config(text: &str) -> Config {
        Config { policy: resolve(text).unwrap(), ..Config::default() }
    }

    fn entrant(params: &str) -> Entrant {
        let bare = Entrant {
            label: "it".to_owned(),
            model: "fast".to_owned(),
            params: params.to_owned(),
            target: "box/m".to_owned(),
            meaning: None,
            prompt: None,
        };
        Entrant { meaning: of(&config(THEN).policy, &bare), ..bare }
    }

    #[test]
    fn whatever_would_make_other_answers_is_named() {
        for (old, new, changes_said) in [
            ("", "", vec![]),
            ("api-version=1", "api-version=2", vec![]),
            ("id = \"box/m\"", "id = \"box/n\"", vec!["it was box/m and is now box/n"]),
            (
                "temperature = 0",
                "temperature = 1",
                vec!["it was asked with temperature=0 and would now be asked with temperature=1"],
            ),
            (
                "params = { temperature = 0 }",
                "",
                vec!["it was asked with temperature=0 and would now be asked with no parameters"],
            ),
            (
                "127.0.0.1:9/v1",
                "127.0.0.1:8/v1",
                vec!["it was asked at http://127.0.0.1:9/v1 and would now be asked at http://127.0.0.1:8/v1"],
            ),
            (
                "dialect = \"openai\"",
                "dialect = \"ollama\"",
                vec!["it was asked in the dialect openai and would now be asked in the dialect ollama"],
            ),
        ] {
            let text = format!("{}\n[defaults]\ntimeout = {{ total = \"7s\" }}", THEN.replace(old, new));
            assert_eq!(changes(&entrant(""), &config(&text)), changes_said, "{new}");
        }
    }

    #[test]
    fn a_parameter_that_is_written_behind_the_model_wins_over_the_alias() {
        let warmer = config(&THEN.replace("temperature = 0", "temperature = 1"));
        assert_eq!(changes(&entrant("temperature=0.5"), &warmer), [""; 0]);
    }

    #[test]
    fn a_run_that_does_not_say_what_it_meant_is_held_to_its_model() {
        let old = Entrant { meaning: None, ..entrant("") };
        assert_eq!(changes(&old, &config(&THEN.replace("temperature = 0", "temperature = 1"))), [""; 0]);
    }
}
