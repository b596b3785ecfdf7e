
use builtin;
use str;

set edit:completion:arg-completer[orch] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'orch'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'orch'= {
            cand --config 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]'
            cand --ledger 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]'
            cand -q 'Only results and errors: no progress, no notes'
            cand --quiet 'Only results and errors: no progress, no notes'
            cand -v 'Log what happens to stderr; twice for more'
            cand --verbose 'Log what happens to stderr; twice for more'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand eval 'Run a prompt dataset across models; end with a verdict'
            cand models 'Show the models that are known, with prices, windows and capabilities'
            cand check 'Check the configuration'
            cand init 'Write a commented configuration to begin with'
            cand mock 'Serve simulated providers on loopback, for benchmarks and rehearsals'
            cand completions 'Print the completions of a shell, or the manual page'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'orch;eval'= {
            cand -m 'Candidates: provider/model, an alias, or recorded answers (replay:FILE, replay:FILE#MODEL); parameters stand after ? (openai/gpt-5-mini?temperature=0)'
            cand --models 'Candidates: provider/model, an alias, or recorded answers (replay:FILE, replay:FILE#MODEL); parameters stand after ? (openai/gpt-5-mini?temperature=0)'
            cand --incumbent 'The candidate in use today, that others are compared with'
            cand --scorer 'A scorer for rows that name none: equals, numeric, contains:TEXT, regex:PATTERN, or JSON'
            cand --repeat 'Answers per prompt and candidate'
            cand --limit 'Use a random part of the prompts'
            cand --system 'A system prompt for rows that have none'
            cand --template 'A prompt template (minijinja) that rows are rendered through'
            cand --format 'The format of the datasets, when their names do not tell: jsonl, csv, tsv, text'
            cand -c 'Calls at once; adapts below this to what each provider bears [default: 32]'
            cand --concurrency 'Calls at once; adapts below this to what each provider bears [default: 32]'
            cand --max-cost 'Never spend more than this: the worst case is held before each call; `none` lifts the cap of a suite or run'
            cand --resume 'Make only the missing calls of a run; `last` is the latest'
            cand --seed 'The seed of everything random [default: 7]'
            cand --gate 'What every candidate must reach, such as ''accepted >= 0.95'' or ''p95 <= 800ms'' (a bare 800 is ms too); of the incumbent it is shown only'
            cand --margin 'How much worse than the incumbent a candidate may be [default: 2pp]'
            cand --record 'Write every answer to a file as it comes, for replay:FILE#MODEL; .gz is gzipped. With --resume the file goes on'
            cand -o 'Write a report: .html, .md, .json, .jsonl, .csv or .xml (JUnit); may be given several times'
            cand --out 'Write a report: .html, .md, .json, .jsonl, .csv or .xml (JUnit); may be given several times'
            cand --config 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]'
            cand --ledger 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]'
            cand --allow-unknown-model 'Ask models of known providers that the catalogue does not list'
            cand --skip-bad 'Count bad rows and go on without them'
            cand --allow-exec 'Let rows of the datasets name programs that score (exec); they run with your rights'
            cand --retry-errors 'With --resume: ask again for what failed for reasons that are not the answer''s (a key, a limit, an outage)'
            cand --no-stream 'Ask for whole answers instead of streams; there is no time to first token then'
            cand --early-stop 'Stop as soon as every comparison is decided (valid at every look); with gates, only when every candidate is shown to be worse'
            cand --require-decision 'Exit with 5 when a verdict is inconclusive'
            cand --json 'The summary as one JSON object on stdout'
            cand -q 'Only results and errors: no progress, no notes'
            cand --quiet 'Only results and errors: no progress, no notes'
            cand -v 'Log what happens to stderr; twice for more'
            cand --verbose 'Log what happens to stderr; twice for more'
            cand -h 'Print help'
            cand --help 'Print help'
            cand list 'List recorded runs, newest first'
            cand show 'Show a recorded run'
            cand compare 'Compare candidates of two recorded runs on the prompts they share'
            cand rescore 'Score a recorded run again, without any calls'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'orch;eval;list'= {
            cand -n 'How many'
            cand --limit 'How many'
            cand --config 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]'
            cand --ledger 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]'
            cand --json 'One JSON object a line'
            cand -q 'Only results and errors: no progress, no notes'
            cand --quiet 'Only results and errors: no progress, no notes'
            cand -v 'Log what happens to stderr; twice for more'
            cand --verbose 'Log what happens to stderr; twice for more'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'orch;eval;show'= {
            cand -o 'Write a report: .html, .md, .json, .jsonl, .csv or .xml (JUnit); may be given several times'
            cand --out 'Write a report: .html, .md, .json, .jsonl, .csv or .xml (JUnit); may be given several times'
            cand --config 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]'
            cand --ledger 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]'
            cand --json 'The summary as one JSON object on stdout'
            cand -q 'Only results and errors: no progress, no notes'
            cand --quiet 'Only results and errors: no progress, no notes'
            cand -v 'Log what happens to stderr; twice for more'
            cand --verbose 'Log what happens to stderr; twice for more'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'orch;eval;compare'= {
            cand --margin 'How much worse the candidate may be'
            cand --config 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]'
            cand --ledger 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]'
            cand --json 'One JSON object on stdout'
            cand -q 'Only results and errors: no progress, no notes'
            cand --quiet 'Only results and errors: no progress, no notes'
            cand -v 'Log what happens to stderr; twice for more'
            cand --verbose 'Log what happens to stderr; twice for more'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'orch;eval;rescore'= {
            cand --scorer 'Scorers in place of the run''s own, for rows that name none'
            cand -o 'Write a report: .html, .md, .json, .jsonl, .csv or .xml (JUnit); may be given several times'
            cand --out 'Write a report: .html, .md, .json, .jsonl, .csv or .xml (JUnit); may be given several times'
            cand --config 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]'
            cand --ledger 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]'
            cand --json 'The summary as one JSON object on stdout'
            cand -q 'Only results and errors: no progress, no notes'
            cand --quiet 'Only results and errors: no progress, no notes'
            cand -v 'Log what happens to stderr; twice for more'
            cand --verbose 'Log what happens to stderr; twice for more'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'orch;eval;help'= {
            cand list 'List recorded runs, newest first'
            cand show 'Show a recorded run'
            cand compare 'Compare candidates of two recorded runs on the prompts they share'
            cand rescore 'Score a recorded run again, without any calls'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'orch;eval;help;list'= {
        }
        &'orch;eval;help;show'= {
        }
        &'orch;eval;help;compare'= {
        }
        &'orch;eval;help;rescore'= {
        }
        &'orch;eval;help;help'= {
        }
        &'orch;models'= {
            cand --config 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]'
            cand --ledger 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]'
            cand -q 'Only results and errors: no progress, no notes'
            cand --quiet 'Only results and errors: no progress, no notes'
            cand -v 'Log what happens to stderr; twice for more'
            cand --verbose 'Log what happens to stderr; twice for more'
            cand -h 'Print help'
            cand --help 'Print help'
            cand list 'List models with their prices in dollars per million tokens'
            cand show 'Show everything known about one model'
            cand import 'Convert LiteLLM''s or models.dev''s price table (JSON, plain or gzipped) to a catalogue on stdout'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'orch;models;list'= {
            cand --provider 'Only models of this provider'
            cand --config 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]'
            cand --ledger 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]'
            cand --json 'Print the entries as a catalogue in JSON'
            cand -q 'Only results and errors: no progress, no notes'
            cand --quiet 'Only results and errors: no progress, no notes'
            cand -v 'Log what happens to stderr; twice for more'
            cand --verbose 'Log what happens to stderr; twice for more'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'orch;models;show'= {
            cand --config 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]'
            cand --ledger 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]'
            cand --json 'Print the entry as JSON'
            cand -q 'Only results and errors: no progress, no notes'
            cand --quiet 'Only results and errors: no progress, no notes'
            cand -v 'Log what happens to stderr; twice for more'
            cand --verbose 'Log what happens to stderr; twice for more'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'orch;models;import'= {
            cand --provider 'Only models of this provider'
            cand --read 'The day the table is of [default: today]'
            cand --config 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]'
            cand --ledger 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]'
            cand -q 'Only results and errors: no progress, no notes'
            cand --quiet 'Only results and errors: no progress, no notes'
            cand -v 'Log what happens to stderr; twice for more'
            cand --verbose 'Log what happens to stderr; twice for more'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'orch;models;help'= {
            cand list 'List models with their prices in dollars per million tokens'
            cand show 'Show everything known about one model'
            cand import 'Convert LiteLLM''s or models.dev''s price table (JSON, plain or gzipped) to a catalogue on stdout'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'orch;models;help;list'= {
        }
        &'orch;models;help;show'= {
        }
        &'orch;models;help;import'= {
        }
        &'orch;models;help;help'= {
        }
        &'orch;check'= {
            cand --config 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]'
            cand --ledger 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]'
            cand --json 'Print what was found as JSON'
            cand -q 'Only results and errors: no progress, no notes'
            cand --quiet 'Only results and errors: no progress, no notes'
            cand -v 'Log what happens to stderr; twice for more'
            cand --verbose 'Log what happens to stderr; twice for more'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'orch;init'= {
            cand --config 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]'
            cand --ledger 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]'
            cand -q 'Only results and errors: no progress, no notes'
            cand --quiet 'Only results and errors: no progress, no notes'
            cand -v 'Log what happens to stderr; twice for more'
            cand --verbose 'Log what happens to stderr; twice for more'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'orch;mock'= {
            cand --listen 'Address to listen on; port 0 takes a free one'
            cand --latency 'Pause before each answer'
            cand --event-gap 'Pause between the events of a stream'
            cand --rps 'Requests per second before answering 429'
            cand --burst 'Requests that may come at once under --rps; not for the fixed window'
            cand --limit 'How --rps is counted'
            cand --hint 'How a 429 says how long to wait'
            cand --errors 'Share of requests that fail, 0 to 1'
            cand --error-status 'Status they fail with'
            cand --wrong 'Share of sums answered wrongly, 0 to 1'
            cand --fault-delay 'How long the model fault/slow-first-token makes a client wait'
            cand --seed 'What chance depends on'
            cand --for 'Stop after this time instead of at ctrl-c'
            cand --config 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]'
            cand --ledger 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]'
            cand -q 'Only results and errors: no progress, no notes'
            cand --quiet 'Only results and errors: no progress, no notes'
            cand -v 'Log what happens to stderr; twice for more'
            cand --verbose 'Log what happens to stderr; twice for more'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'orch;completions'= {
            cand --config 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]'
            cand --ledger 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]'
            cand -q 'Only results and errors: no progress, no notes'
            cand --quiet 'Only results and errors: no progress, no notes'
            cand -v 'Log what happens to stderr; twice for more'
            cand --verbose 'Log what happens to stderr; twice for more'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'orch;help'= {
            cand eval 'Run a prompt dataset across models; end with a verdict'
            cand models 'Show the models that are known, with prices, windows and capabilities'
            cand check 'Check the configuration'
            cand init 'Write a commented configuration to begin with'
            cand mock 'Serve simulated providers on loopback, for benchmarks and rehearsals'
            cand completions 'Print the completions of a shell, or the manual page'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'orch;help;eval'= {
            cand list 'List recorded runs, newest first'
            cand show 'Show a recorded run'
            cand compare 'Compare candidates of two recorded runs on the prompts they share'
            cand rescore 'Score a recorded run again, without any calls'
        }
        &'orch;help;eval;list'= {
        }
        &'orch;help;eval;show'= {
        }
        &'orch;help;eval;compare'= {
        }
        &'orch;help;eval;rescore'= {
        }
        &'orch;help;models'= {
            cand list 'List models with their prices in dollars per million tokens'
            cand show 'Show everything known about one model'
            cand import 'Convert LiteLLM''s or models.dev''s price table (JSON, plain or gzipped) to a catalogue on stdout'
        }
        &'orch;help;models;list'= {
        }
        &'orch;help;models;show'= {
        }
        &'orch;help;models;import'= {
        }
        &'orch;help;check'= {
        }
        &'orch;help;init'= {
        }
        &'orch;help;mock'= {
        }
        &'orch;help;completions'= {
        }
        &'orch;help;help'= {
        }
    ]
    $completions[$command]
}
