//! What the catalogue says about a model that somebody means to ask: nothing that stops a request, since a
//! provider may serve what no table has heard of, but what a reader should know before it costs money.

use jiff::civil::Date;

use super::catalogue::{Catalogue, Model};
use super::problem::Problem;
use super::{Policy, Resolved, preset};

/// A retirement this near is said. Providers give at least 60 days' notice (Anthropic, "Model deprecations").
const SOON_DAYS: i64 = 60;

/// Vendors that serve what they make, all of whose models that chat the catalogue means to list. Who resells or
/// hosts others' models has too many for any table.
const VENDORS: [&str; 7] = ["openai", "anthropic", "gemini", "cohere", "mistral", "deepseek", "xai"];

/// Warnings about a model, each a sentence without its name. `catalogue` is without the configuration's entries.
pub fn remarks(resolved: &Resolved, catalogue: &Catalogue, today: Date) -> Vec<Remark> {
    let provider = &resolved.provider;
    let listed = preset::listed(if provider.preset.is_empty() { &provider.name } else { provider.preset });
    let alias = resolved.alias.as_ref();
    let Some(model) = catalogue.find(listed, &resolved.target.model) else {
        let is_priced = alias.is_some_and(|alias| alias.price.is_some());
        // Nobody is paid for a simulated model.
        return if provider.preset == "sim" || is_priced {
            Vec::new()
        } else {
            vec![unlisted(listed, resolved, catalogue)]
        };
    };
    [retirement(model, today), too_long(resolved, model)].into_iter().flatten().collect()
}

/// One thing to know about a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// What is the matter, as a fragment that names the model.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// The catalogue lists others of this provider, so that a slip is likely.
    pub is_suspect: bool,
    /// The provider most likely has no such model, and nobody has said otherwise: it is not asked unless told.
    pub is_unknown: bool,
}

fn unlisted(listed: &str, resolved: &Resolved, catalogue: &Catalogue) -> Remark {
    let target = &resolved.target;
    let meant = catalogue.nearest(&format!("{listed}/{}", target.model)).filter(|_| catalogue.knows(listed));
    let price = "else state its price: [models.NAME] price = { input = …, output = … }";
    Remark {
        message: format!("`{target}` is not in the catalogue: its price is unknown"),
        is_unknown: is_unknown(listed, resolved, meant.as_deref()),
        help: match meant.and_then(|id| id.split_once('/').map(|(_, model)| model.to_owned())) {
            Some(model) => format!("did you mean `{}/{model}`? {price}", target.provider),
            None => price.trim_start_matches("else ").to_owned(),
        },
        is_suspect: catalogue.knows(listed),
    }
}

/// Whether a name that is not listed is refused: it is close to a listed one, or its vendor lists all it has. An
/// entry under `[models]` says that it is meant, a fine-tuned model (`ft:…`) is in no table, and behind an address
/// of one's own anything may answer that is not a slip.
fn is_unknown(listed: &str, resolved: &Resolved, meant: Option<&str>) -> bool {
    let provider = &resolved.provider;
    let is_tuned = resolved.target.model.contains(':');
    let is_vendors =
        VENDORS.contains(&listed) && preset::of(listed).is_some_and(|own| own.url == provider.base_url);
    resolved.alias.is_none() && !is_tuned && (meant.is_some() || is_vendors)
}

fn retirement(model: &Model, today: Date) -> Option<Remark> {
    let date = model.retires?;
    let days = (date - today).get_days().into();
    let message = match days {
        ..=0_i64 => format!("`{}` was retired on {date}", model.id),
        1..=SOON_DAYS => format!("`{}` retires on {date}, in {days} days", model.id),
        _ => return None,
    };
    Some(Remark { message, help: "choose its successor".to_owned(), is_suspect: true, is_unknown: false })
}

fn too_long(resolved: &Resolved, model: &Model) -> Option<Remark> {
    let alias = resolved.alias.as_ref()?;
    let (asked, most) = (alias.params.max_tokens?, alias.max_output.or(model.max_output)?);
    (asked > most).then(|| Remark {
        message: format!("`{}` asks for {asked} tokens, and {} writes at most {most}", alias.name, model.id),
        help: "lower `max_tokens`".to_owned(),
        is_suspect: true,
        is_unknown: false,
    })
}

/// The same for every alias of a configuration, each at its place.
pub fn aliases(policy: &Policy, catalogue: &Catalogue, today: Date) -> Vec<Problem> {
    let mut problems = Vec::new();
    for alias in policy.aliases() {
        // What cannot be resolved was a problem of the file already.
        let Ok(resolved) = policy.target(&alias.name) else { continue };
        let problem = |remark: Remark| {
            Problem::warning(alias.at.clone(), remark.message, "this model").help(remark.help)
        };
        problems.extend(remarks(&resolved, catalogue, today).into_iter().map(problem));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::resolve;

    fn catalogue() -> Catalogue {
        Catalogue::parse(
            r#"{"schema":1,"models":[
            {"id":"openai/gpt-9-mini","max_output":1000,"prices":{"input":"1","output":"2"}},
            {"id":"openai/gpt-8","retires":"2026-11-20"},
            {"id":"openai/gpt-7","retires":"2026-12-01"},
            {"id":"openai/gpt-6","retires":"2027-12-01"}]}"#,
        )
        .unwrap()
    }

    #[test]
    fn a_model_is_remarked_upon_where_it_is_odd() {
        let policy = resolve(
            "[providers.house]\nurl = \"http://127.0.0.1:1/v1\"\n\
             [models.long]\nid = \"openai/gpt-9-mini\"\nparams = { max_tokens = 2000 }\n\
             [models.priced]\nid = \"openai/gpt-10\"\nprice = { input = 1, output = 1 }\n",
        )
        .unwrap();
        let cases: [(&str, &str, bool); 10] = [
            ("openai/gpt-9-mini", "", false),
            ("openai/gpt-6", "", false),
            ("openai_responses/gpt-9-mini", "", false),
            ("priced", "", false),
            ("sim/good", "", false),
            (
                "openai/gpt-9-mni",
                "`openai/gpt-9-mni` is not in the catalogue: its price is unknown; did you mean `openai/gpt-9-mini`? else state its price: [models.NAME] price = { input = …, output = … }",
                true,
            ),
            (
                "house/qwen",
                "`house/qwen` is not in the catalogue: its price is unknown; state its price: [models.NAME] price = { input = …, output = … }",
                false,
            ),
            ("openai/gpt-8", "`openai/gpt-8` was retired on 2026-11-20; choose its successor", true),
            ("openai/gpt-7", "`openai/gpt-7` retires on 2026-12-01, in 10 days; choose its successor", true),
            (
                "long",
                "`long` asks for 2000 tokens, and openai/gpt-9-mini writes at most 1000; lower `max_tokens`",
                true,
            ),
        ];
        for (written, said, is_suspect) in cases {
            let found =
                remarks(&policy.target(written).unwrap(), &catalogue(), "2026-11-21".parse().unwrap());
            let lines: Vec<_> = found.iter().map(|r| format!("{}; {}", r.message, r.help)).collect();
            assert_eq!(lines.join("\n"), said, "{written}");
            assert!(found.iter().all(|remark| remark.is_suspect == is_suspect), "{written}");
        }
    }

    #[test]
    fn a_model_that_is_most_likely_none_is_unknown_until_somebody_says_that_it_is_meant() {
        let policy = resolve(
            "[providers.house]\nurl = \"http://127.0.0.1:1/v1\"\n\
             [providers.openai_responses]\nurl = \"http://127.0.0.1:1/v1\"\n\
             [models.meant]\nid = \"openai/gpt-9-mni\"\n",
        )
        .unwrap();
        let cases = [
            ("openai/gpt-9-mni", true),
            ("openai/o7", true),
            ("openai/ft:gpt-9-mini:acme::1", false),
            ("openai/gpt-8", false),
            ("openai_responses/gpt-9-mni", true),
            ("openai_responses/o7", false),
            ("meant", false),
            ("house/gpt-9-mni", false),
            ("openrouter/some/thing", false),
            ("vllm/qwen", false),
        ];
        for (written, expected) in cases {
            let found =
                remarks(&policy.target(written).unwrap(), &catalogue(), "2026-11-21".parse().unwrap());
            assert_eq!(found.iter().any(|remark| remark.is_unknown), expected, "{written}: {found:?}");
        }
    }

    #[test]
    fn an_alias_is_remarked_upon_at_its_place() {
        let text = "[models.old]\nid = \"openai/gpt-8\"\n";
        let found = aliases(&resolve(text).unwrap(), &catalogue(), "2026-11-21".parse().unwrap());
        assert_eq!((found.len(), found[0].position(text), found[0].is_error()), (1, (2, 6), false));
    }
}
