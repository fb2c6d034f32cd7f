//! How short and how long each time span may be, and how many connections one address may have.

use super::{SMALLEST, TARGET, faults};
use crate::config::DEFAULT;

/// Where a key stands, the keys that are set together, and the bounds with what is just beyond
/// them.
type Row = (&'static str, &'static [&'static str], [&'static str; 2], [&'static str; 2]);

const ROWS: [Row; 17] = [
    ("hooks", &["header_deadline"], ["1s", "5m"], ["999ms", "5m 1ms"]),
    ("hooks", &["body_deadline"], ["1s", "5m"], ["999ms", "5m 1ms"]),
    ("hooks", &["idle_deadline"], ["1s", "10m"], ["999ms", "10m 1ms"]),
    ("vault", &["connect_timeout", "timeout"], ["100ms", "1m"], ["99ms", "1m 1ms"]),
    ("vault", &["watch_interval"], ["100ms", "24h"], ["99ms", "24h 1ms"]),
    ("rotation", &["grace"], ["0s", "1h"], ["", "1h 1ms"]),
    ("rotation", &["lease"], ["1s", "5m"], ["999ms", "5m 1ms"]),
    ("rotation", &["retry_first", "retry_cap"], ["10ms", "1h"], ["9ms", "1h 1ms"]),
    ("rotation", &["contain_retry_first", "contain_retry_cap"], ["10ms", "1m"], ["9ms", "1m 1ms"]),
    ("rotation", &["secret_poll_first", "secret_poll_cap"], ["10ms", "1h"], ["9ms", "1h 1ms"]),
    ("rotation", &["secret_deadline"], ["100ms", "720h"], ["99ms", "720h 1ms"]),
    ("rotation", &["confirm_poll_first", "confirm_poll_cap"], ["10ms", "10m"], ["0s", "10m 1ms"]),
    ("rotation", &["confirm_deadline"], ["100ms", "24h"], ["99ms", "1000000000h"]),
    ("rotation", &["confirm_watch"], ["0s", "24h"], ["", "24h 1ms"]),
    ("rotation", &["console_login_age"], ["10s", "24h"], ["9s", "24h 1ms"]),
    ("consoles.acme", &["timeout"], ["100ms", "5m"], ["99ms", "5m 1ms"]),
    ("sources.flow.authentication", &["window"], ["1s", "1h"], ["999ms", "1h 1ms"]),
];

/// What is wrong with a file in which these keys have this value.
fn with(table: &str, keys: &[&str], span: &str) -> Vec<String> {
    let whole = format!(
        "{SMALLEST}{TARGET}[rotation]\n[sources.flow]\nformat = \"notice\"\n\
         [[sources.flow.authentication]]\nscheme = \"hmac-body\"\nkey_files = [\"k\"]\n"
    );
    let headers = [format!("[{table}]\n"), format!("[[{table}]]\n")];
    let header = headers.iter().rfind(|header| whole.contains(*header)).unwrap();
    let lines: Vec<String> = keys.iter().map(|key| format!("{key} = \"{span}\"\n")).collect();
    faults(&whole.replacen(header, &format!("{header}{}", lines.concat()), 1))
}

#[test]
fn a_span_at_an_edge_is_taken_and_one_beyond_it_is_refused() {
    for (table, keys, [shortest, longest], beyond) in ROWS {
        for edge in [shortest, longest] {
            assert_eq!(with(table, keys, edge), Vec::<String>::new(), "{keys:?} = {edge}");
        }
        for span in beyond.into_iter().filter(|span| !span.is_empty()) {
            let table = table.replace("authentication", "authentication[0]");
            let refused =
                |key| format!("{table}.{key}: must be from {shortest} to {longest}, not {span}");
            let expected: Vec<String> = keys.iter().map(refused).collect();
            let found = with(&table.replace("[0]", ""), keys, span);
            assert_eq!(found.get(..keys.len()), Some(expected.as_slice()), "{found:?}");
        }
    }
}

#[test]
fn a_text_that_is_no_span_is_told_its_form() {
    assert_eq!(with("rotation", &["grace"], "30m 30s"), Vec::<String>::new());
    for text in ["soon", "10", "-1s", "1 month"] {
        let wrong = format!("rotation.grace: `{text}` is not a time span like 30s, 10m or 1h 30m");
        assert_eq!(with("rotation", &["grace"], text), [wrong]);
    }
}

#[test]
fn the_default_file_tells_the_bounds_beside_each_key() {
    for (_, keys, [shortest, longest], _) in ROWS {
        for key in keys {
            let lines: Vec<&str> = DEFAULT.lines().collect();
            let is_it =
                |line: &&str| line.trim_start_matches('#').starts_with(&format!("{key} = "));
            let told =
                lines.iter().enumerate().filter(|(_, line)| is_it(line)).any(|(index, _)| {
                    // The paragraph above it: from the last line that is blank or heads a table.
                    let above = lines.iter().take(index).rev();
                    let above = above.take_while(|line| !line.is_empty() && !line.starts_with('['));
                    let words: Vec<&str> =
                        above.map(|line| line.trim_start_matches("# ")).collect();
                    let words: Vec<&str> = words.into_iter().rev().collect();
                    words.join(" ").contains(&format!("{shortest} to {longest}"))
                });
            assert!(told, "{key}: {shortest} to {longest}");
        }
    }
}

#[test]
fn one_address_has_no_more_connections_than_there_are() {
    let hooks = |keys: &str| faults(&SMALLEST.replace("[hooks]\n", &format!("[hooks]\n{keys}\n")));
    for well in ["connections_max = 64", "connections_max_per_address = 1024"] {
        assert_eq!(hooks(well), Vec::<String>::new(), "{well}");
    }
    let key = "hooks.connections_max_per_address: must not be more than connections_max";
    assert_eq!(hooks("connections_max = 63"), [format!("{key}: 64 is, of 63")]);
    assert_eq!(hooks("connections_max_per_address = 1025"), [format!("{key}: 1025 is, of 1024")]);
}
