//! Columns of text, and ages in the words of a person.

use std::io::{self, Write};

use jiff::Timestamp;

const GAP: usize = 3;

/// Writes rows in columns as wide as their widest cell; the last column is as long as it is.
pub(super) fn write<const N: usize>(out: &mut dyn Write, rows: &[[String; N]]) -> io::Result<()> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            let padding = (width + GAP).saturating_sub(cell.chars().count());
            line.extend(std::iter::repeat_n(' ', padding));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// How long ago something was: `12 s`, `4 min`, `3 h`, `9 days`.
pub(super) fn age(then: Timestamp, now: Timestamp) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    let seconds = now.duration_since(then).as_secs().max(0);
    if seconds < MINUTE {
        format!("{seconds} s")
    } else if seconds < HOUR {
        format!("{} min", seconds / MINUTE)
    } else if seconds < 2 * DAY {
        format!("{} h", seconds / HOUR)
    } else {
        format!("{} days", seconds / DAY)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["TARGET", "PHASE"], ["a", "é"], ["longer-name", ""]];
        let rows = rows.map(|row| row.map(ToOwned::to_owned));
        let mut out = Vec::new();
        write(&mut out, &rows).unwrap();
        let expected = "TARGET        PHASE\na             é\nlonger-name\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn ages_are_said_in_the_unit_that_fits() {
        let then = Timestamp::UNIX_EPOCH;
        let said = |seconds| age(then, then + Duration::from_secs(seconds));
        let ages = [0, 59, 60, 3_599, 3_600, 172_799, 172_800].map(said);
        assert_eq!(ages, ["0 s", "59 s", "1 min", "59 min", "1 h", "47 h", "2 days"]);
        assert_eq!(age(then + Duration::from_secs(5), then), "0 s", "clocks differ");
    }
}
