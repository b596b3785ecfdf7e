
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'orch' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'orch'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'orch' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]')
            [CompletionResult]::new('--ledger', '--ledger', [CompletionResultType]::ParameterName, 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('eval', 'eval', [CompletionResultType]::ParameterValue, 'Run a prompt dataset across models; end with a verdict')
            [CompletionResult]::new('models', 'models', [CompletionResultType]::ParameterValue, 'Show the models that are known, with prices, windows and capabilities')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check the configuration')
            [CompletionResult]::new('init', 'init', [CompletionResultType]::ParameterValue, 'Write a commented configuration to begin with')
            [CompletionResult]::new('mock', 'mock', [CompletionResultType]::ParameterValue, 'Serve simulated providers on loopback, for benchmarks and rehearsals')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completions of a shell, or the manual page')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'orch;eval' {
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'Candidates: provider/model, an alias, or recorded answers (replay:FILE, replay:FILE#MODEL); parameters stand after ? (openai/gpt-5-mini?temperature=0)')
            [CompletionResult]::new('--models', '--models', [CompletionResultType]::ParameterName, 'Candidates: provider/model, an alias, or recorded answers (replay:FILE, replay:FILE#MODEL); parameters stand after ? (openai/gpt-5-mini?temperature=0)')
            [CompletionResult]::new('--incumbent', '--incumbent', [CompletionResultType]::ParameterName, 'The candidate in use today, that others are compared with')
            [CompletionResult]::new('--scorer', '--scorer', [CompletionResultType]::ParameterName, 'A scorer for rows that name none: equals, numeric, contains:TEXT, regex:PATTERN, or JSON')
            [CompletionResult]::new('--repeat', '--repeat', [CompletionResultType]::ParameterName, 'Answers per prompt and candidate')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Use a random part of the prompts')
            [CompletionResult]::new('--system', '--system', [CompletionResultType]::ParameterName, 'A system prompt for rows that have none')
            [CompletionResult]::new('--template', '--template', [CompletionResultType]::ParameterName, 'A prompt template (minijinja) that rows are rendered through')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The format of the datasets, when their names do not tell: jsonl, csv, tsv, text')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Calls at once; adapts below this to what each provider bears [default: 32]')
            [CompletionResult]::new('--concurrency', '--concurrency', [CompletionResultType]::ParameterName, 'Calls at once; adapts below this to what each provider bears [default: 32]')
            [CompletionResult]::new('--max-cost', '--max-cost', [CompletionResultType]::ParameterName, 'Never spend more than this: the worst case is held before each call; `none` lifts the cap of a suite or run')
            [CompletionResult]::new('--resume', '--resume', [CompletionResultType]::ParameterName, 'Make only the missing calls of a run; `last` is the latest')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'The seed of everything random [default: 7]')
            [CompletionResult]::new('--gate', '--gate', [CompletionResultType]::ParameterName, 'What every candidate must reach, such as ''accepted >= 0.95'' or ''p95 <= 800ms'' (a bare 800 is ms too); of the incumbent it is shown only')
            [CompletionResult]::new('--margin', '--margin', [CompletionResultType]::ParameterName, 'How much worse than the incumbent a candidate may be [default: 2pp]')
            [CompletionResult]::new('--record', '--record', [CompletionResultType]::ParameterName, 'Write every answer to a file as it comes, for replay:FILE#MODEL; .gz is gzipped. With --resume the file goes on')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write a report: .html, .md, .json, .jsonl, .csv or .xml (JUnit); may be given several times')
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'Write a report: .html, .md, .json, .jsonl, .csv or .xml (JUnit); may be given several times')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]')
            [CompletionResult]::new('--ledger', '--ledger', [CompletionResultType]::ParameterName, 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]')
            [CompletionResult]::new('--allow-unknown-model', '--allow-unknown-model', [CompletionResultType]::ParameterName, 'Ask models of known providers that the catalogue does not list')
            [CompletionResult]::new('--skip-bad', '--skip-bad', [CompletionResultType]::ParameterName, 'Count bad rows and go on without them')
            [CompletionResult]::new('--allow-exec', '--allow-exec', [CompletionResultType]::ParameterName, 'Let rows of the datasets name programs that score (exec); they run with your rights')
            [CompletionResult]::new('--retry-errors', '--retry-errors', [CompletionResultType]::ParameterName, 'With --resume: ask again for what failed for reasons that are not the answer''s (a key, a limit, an outage)')
            [CompletionResult]::new('--no-stream', '--no-stream', [CompletionResultType]::ParameterName, 'Ask for whole answers instead of streams; there is no time to first token then')
            [CompletionResult]::new('--early-stop', '--early-stop', [CompletionResultType]::ParameterName, 'Stop as soon as every comparison is decided (valid at every look); with gates, only when every candidate is shown to be worse')
            [CompletionResult]::new('--require-decision', '--require-decision', [CompletionResultType]::ParameterName, 'Exit with 5 when a verdict is inconclusive')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'The summary as one JSON object on stdout')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List recorded runs, newest first')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show a recorded run')
            [CompletionResult]::new('compare', 'compare', [CompletionResultType]::ParameterValue, 'Compare candidates of two recorded runs on the prompts they share')
            [CompletionResult]::new('rescore', 'rescore', [CompletionResultType]::ParameterValue, 'Score a recorded run again, without any calls')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'orch;eval;list' {
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'How many')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'How many')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]')
            [CompletionResult]::new('--ledger', '--ledger', [CompletionResultType]::ParameterName, 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'orch;eval;show' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write a report: .html, .md, .json, .jsonl, .csv or .xml (JUnit); may be given several times')
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'Write a report: .html, .md, .json, .jsonl, .csv or .xml (JUnit); may be given several times')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]')
            [CompletionResult]::new('--ledger', '--ledger', [CompletionResultType]::ParameterName, 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'The summary as one JSON object on stdout')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'orch;eval;compare' {
            [CompletionResult]::new('--margin', '--margin', [CompletionResultType]::ParameterName, 'How much worse the candidate may be')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]')
            [CompletionResult]::new('--ledger', '--ledger', [CompletionResultType]::ParameterName, 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object on stdout')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'orch;eval;rescore' {
            [CompletionResult]::new('--scorer', '--scorer', [CompletionResultType]::ParameterName, 'Scorers in place of the run''s own, for rows that name none')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write a report: .html, .md, .json, .jsonl, .csv or .xml (JUnit); may be given several times')
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'Write a report: .html, .md, .json, .jsonl, .csv or .xml (JUnit); may be given several times')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]')
            [CompletionResult]::new('--ledger', '--ledger', [CompletionResultType]::ParameterName, 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'The summary as one JSON object on stdout')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'orch;eval;help' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List recorded runs, newest first')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show a recorded run')
            [CompletionResult]::new('compare', 'compare', [CompletionResultType]::ParameterValue, 'Compare candidates of two recorded runs on the prompts they share')
            [CompletionResult]::new('rescore', 'rescore', [CompletionResultType]::ParameterValue, 'Score a recorded run again, without any calls')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'orch;eval;help;list' {
            break
        }
        'orch;eval;help;show' {
            break
        }
        'orch;eval;help;compare' {
            break
        }
        'orch;eval;help;rescore' {
            break
        }
        'orch;eval;help;help' {
            break
        }
        'orch;models' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]')
            [CompletionResult]::new('--ledger', '--ledger', [CompletionResultType]::ParameterName, 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List models with their prices in dollars per million tokens')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show everything known about one model')
            [CompletionResult]::new('import', 'import', [CompletionResultType]::ParameterValue, 'Convert LiteLLM''s or models.dev''s price table (JSON, plain or gzipped) to a catalogue on stdout')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'orch;models;list' {
            [CompletionResult]::new('--provider', '--provider', [CompletionResultType]::ParameterName, 'Only models of this provider')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]')
            [CompletionResult]::new('--ledger', '--ledger', [CompletionResultType]::ParameterName, 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the entries as a catalogue in JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'orch;models;show' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]')
            [CompletionResult]::new('--ledger', '--ledger', [CompletionResultType]::ParameterName, 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the entry as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'orch;models;import' {
            [CompletionResult]::new('--provider', '--provider', [CompletionResultType]::ParameterName, 'Only models of this provider')
            [CompletionResult]::new('--read', '--read', [CompletionResultType]::ParameterName, 'The day the table is of [default: today]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]')
            [CompletionResult]::new('--ledger', '--ledger', [CompletionResultType]::ParameterName, 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'orch;models;help' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List models with their prices in dollars per million tokens')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show everything known about one model')
            [CompletionResult]::new('import', 'import', [CompletionResultType]::ParameterValue, 'Convert LiteLLM''s or models.dev''s price table (JSON, plain or gzipped) to a catalogue on stdout')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'orch;models;help;list' {
            break
        }
        'orch;models;help;show' {
            break
        }
        'orch;models;help;import' {
            break
        }
        'orch;models;help;help' {
            break
        }
        'orch;check' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]')
            [CompletionResult]::new('--ledger', '--ledger', [CompletionResultType]::ParameterName, 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print what was found as JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'orch;init' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]')
            [CompletionResult]::new('--ledger', '--ledger', [CompletionResultType]::ParameterName, 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'orch;mock' {
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'Address to listen on; port 0 takes a free one')
            [CompletionResult]::new('--latency', '--latency', [CompletionResultType]::ParameterName, 'Pause before each answer')
            [CompletionResult]::new('--event-gap', '--event-gap', [CompletionResultType]::ParameterName, 'Pause between the events of a stream')
            [CompletionResult]::new('--rps', '--rps', [CompletionResultType]::ParameterName, 'Requests per second before answering 429')
            [CompletionResult]::new('--burst', '--burst', [CompletionResultType]::ParameterName, 'Requests that may come at once under --rps; not for the fixed window')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'How --rps is counted')
            [CompletionResult]::new('--hint', '--hint', [CompletionResultType]::ParameterName, 'How a 429 says how long to wait')
            [CompletionResult]::new('--errors', '--errors', [CompletionResultType]::ParameterName, 'Share of requests that fail, 0 to 1')
            [CompletionResult]::new('--error-status', '--error-status', [CompletionResultType]::ParameterName, 'Status they fail with')
            [CompletionResult]::new('--wrong', '--wrong', [CompletionResultType]::ParameterName, 'Share of sums answered wrongly, 0 to 1')
            [CompletionResult]::new('--fault-delay', '--fault-delay', [CompletionResultType]::ParameterName, 'How long the model fault/slow-first-token makes a client wait')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'What chance depends on')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Stop after this time instead of at ctrl-c')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]')
            [CompletionResult]::new('--ledger', '--ledger', [CompletionResultType]::ParameterName, 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'orch;completions' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]')
            [CompletionResult]::new('--ledger', '--ledger', [CompletionResultType]::ParameterName, 'The ledger [default: the configuration''s, else orch/ledger.db in the XDG data directory]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results and errors: no progress, no notes')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what happens to stderr; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'orch;help' {
            [CompletionResult]::new('eval', 'eval', [CompletionResultType]::ParameterValue, 'Run a prompt dataset across models; end with a verdict')
            [CompletionResult]::new('models', 'models', [CompletionResultType]::ParameterValue, 'Show the models that are known, with prices, windows and capabilities')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check the configuration')
            [CompletionResult]::new('init', 'init', [CompletionResultType]::ParameterValue, 'Write a commented configuration to begin with')
            [CompletionResult]::new('mock', 'mock', [CompletionResultType]::ParameterValue, 'Serve simulated providers on loopback, for benchmarks and rehearsals')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completions of a shell, or the manual page')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'orch;help;eval' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List recorded runs, newest first')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show a recorded run')
            [CompletionResult]::new('compare', 'compare', [CompletionResultType]::ParameterValue, 'Compare candidates of two recorded runs on the prompts they share')
            [CompletionResult]::new('rescore', 'rescore', [CompletionResultType]::ParameterValue, 'Score a recorded run again, without any calls')
            break
        }
        'orch;help;eval;list' {
            break
        }
        'orch;help;eval;show' {
            break
        }
        'orch;help;eval;compare' {
            break
        }
        'orch;help;eval;rescore' {
            break
        }
        'orch;help;models' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List models with their prices in dollars per million tokens')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show everything known about one model')
            [CompletionResult]::new('import', 'import', [CompletionResultType]::ParameterValue, 'Convert LiteLLM''s or models.dev''s price table (JSON, plain or gzipped) to a catalogue on stdout')
            break
        }
        'orch;help;models;list' {
            break
        }
        'orch;help;models;show' {
            break
        }
        'orch;help;models;import' {
            break
        }
        'orch;help;check' {
            break
        }
        'orch;help;init' {
            break
        }
        'orch;help;mock' {
            break
        }
        'orch;help;completions' {
            break
        }
        'orch;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
